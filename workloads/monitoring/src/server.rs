//! The two ports.

use std::{
    future::IntoFuture as _,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderName, StatusCode, header},
    response::{Html, IntoResponse},
    routing::get,
};
use jiff::Timestamp;
use kube::Client;
use tokio::{net::TcpListener, sync::RwLock};
use tokio_util::sync::CancellationToken;

use crate::{
    Arguments, Books, MonitoringError, View,
    ledgers::{self, Sources},
    metrics, page,
    watch::Watch,
};

/// How long open connections have after SIGTERM.
const FAREWELL: Duration = Duration::from_secs(5);
/// What a browser may do with the page: nothing but what comes from here.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Shared {
    namespace: Arc<str>,
    watch: Watch,
    books: Arc<RwLock<Books>>,
}

impl Shared {
    async fn view(&self) -> View {
        View {
            namespace: self.namespace.to_string(),
            objects: self.watch.objects(),
            books: self.books.read().await.clone(),
            interruptions: self.watch.interruptions(),
            now: Timestamp::now(),
        }
    }
}

/// Serves until SIGTERM.
///
/// # Errors
/// When the API server cannot be reached or a port is taken.
pub async fn run(arguments: Arguments) -> Result<(), MonitoringError> {
    let stop = ats_pod::stop_token().map_err(MonitoringError::Signals)?;
    let metrics = listen(arguments.metrics_port).await?;
    let pages = listen(arguments.page_port).await?;
    let (namespace, watch) = match arguments.objects {
        Some(folder) => {
            (arguments.namespace.unwrap_or_else(|| "default".to_owned()), Watch::of_folder(folder, &stop))
        }
        None => {
            let client =
                Client::try_default().await.map_err(|error| MonitoringError::Client(error.to_string()))?;
            let namespace = arguments.namespace.unwrap_or_else(|| client.default_namespace().to_owned());
            let watch = Watch::start(&client, &namespace, &stop);
            (namespace, watch)
        }
    };
    let shared = Shared { namespace: namespace.as_str().into(), watch: watch.clone(), books: Arc::default() };
    let reader = tokio::spawn(ledgers::follow(
        Sources { default: arguments.ledger, folder: arguments.ledgers },
        Duration::from_secs(arguments.ledger_seconds),
        watch,
        Arc::clone(&shared.books),
        stop.clone(),
    ));
    tracing::info!(namespace, page = arguments.page_port, metrics = arguments.metrics_port, "serving");
    let served = tokio::try_join!(
        serve(metrics, arguments.metrics_port, metrics_routes(shared.clone()), stop.clone()),
        serve(pages, arguments.page_port, page_routes(shared), stop.clone()),
    );
    stop.cancel();
    // A ledger that does not let go keeps nobody.
    if tokio::time::timeout(FAREWELL, reader).await.is_err() {
        tracing::warn!("the connections to the ledgers were not closed in time");
    }
    served.map(drop)
}

async fn listen(port: u16) -> Result<TcpListener, MonitoringError> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        .await
        .map_err(|source| MonitoringError::Port { port, source })
}

/// Serves until the token is cancelled; whoever holds a connection then has a few seconds more.
async fn serve(
    listener: TcpListener,
    port: u16,
    routes: Router,
    stop: CancellationToken,
) -> Result<(), MonitoringError> {
    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        ended = served.into_future() => ended.map_err(|source| MonitoringError::Port { port, source }),
        () = late => Ok(()),
    }
}

fn metrics_routes(shared: Shared) -> Router {
    let scrape = |State(shared): State<Shared>| async move {
        let view = shared.view().await;
        let text =
            metrics::text(&view).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
        Ok::<_, (StatusCode, String)>((kind, text))
    };
    let ready = |State(shared): State<Shared>| async move {
        if shared.watch.is_ready() {
            (StatusCode::OK, "ok\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the API server has not answered yet\n")
        }
    };
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(shared)
}

fn page_routes(shared: Shared) -> Router {
    let index = |State(shared): State<Shared>| async move {
        let view = shared.view().await;
        guarded(Html(page::index(&view)))
    };
    let one = |State(shared): State<Shared>, Path((kind, name)): Path<(String, String)>| async move {
        let view = shared.view().await;
        match page::object(&view, &kind, &name) {
            Some(page) => guarded(Html(page)).into_response(),
            None => {
                (StatusCode::NOT_FOUND, guarded(Html(page::missing(&view, &kind, &name)))).into_response()
            }
        }
    };
    let file = |kind: &'static str, text: &'static str| {
        get(move || async move { guarded(([(header::CONTENT_TYPE, kind)], text)) })
    };
    Router::new()
        .route("/", get(index))
        .route("/style.css", file("text/css; charset=utf-8", page::STYLE))
        .route("/script.js", file("text/javascript; charset=utf-8", page::SCRIPT))
        .route("/icon.svg", file("image/svg+xml", page::ICON))
        .route("/{kind}/{name}", get(one))
        .with_state(shared)
}

/// An answer that no browser keeps, frames, or takes for something else.
fn guarded(answer: impl IntoResponse) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, answer)
}
