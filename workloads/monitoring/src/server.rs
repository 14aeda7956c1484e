//! The two ports.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ats_ledger::Ledger;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Html,
    routing::get,
};
use jiff::Timestamp;
use kube::Client;
use tokio::{net::TcpListener, sync::RwLock};
use tokio_util::sync::CancellationToken;

use crate::{Arguments, Curves, MonitoringError, curves, metrics, page, watch::Watch};

/// How often the ledger is read.
const LEDGER_PERIOD: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Shared {
    namespace: Arc<str>,
    watch: Watch,
    curves: Arc<RwLock<Curves>>,
}

/// Serves until SIGTERM.
///
/// # Errors
/// When the API server cannot be reached or a port is taken.
pub async fn run(arguments: Arguments) -> Result<(), MonitoringError> {
    let stop = ats_pod::stop_token().map_err(MonitoringError::Signals)?;
    let client = Client::try_default().await.map_err(|error| MonitoringError::Client(error.to_string()))?;
    let namespace = arguments.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let watch = Watch::start(&client, &namespace, &stop);
    let shared = Shared { namespace: namespace.as_str().into(), watch, curves: Arc::default() };
    if let Some(url) = arguments.ledger {
        tokio::spawn(follow_ledger(url, shared.clone(), stop.clone()));
    }
    let metrics = serve(arguments.metrics_port, metrics_routes(shared.clone()), stop.clone());
    let page = serve(arguments.page_port, page_routes(shared), stop);
    tracing::info!(namespace, page = arguments.page_port, metrics = arguments.metrics_port, "serving");
    tokio::try_join!(metrics, page).map(drop)
}

async fn serve(port: u16, routes: Router, stop: CancellationToken) -> Result<(), MonitoringError> {
    let failed = |source| MonitoringError::Port { port, source };
    let listener =
        TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await.map_err(failed)?;
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await.map_err(failed)
}

fn metrics_routes(shared: Shared) -> Router {
    let scrape = |State(shared): State<Shared>| async move {
        let curves = shared.curves.read().await;
        metrics::text(&shared.watch.objects(), &curves, Timestamp::now())
            .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
    };
    let ready = |State(shared): State<Shared>| async move {
        match tokio::time::timeout(Duration::from_secs(1), shared.watch.ready()).await {
            Ok(true) => (StatusCode::OK, "ok\n"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "the API server has not answered yet\n"),
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
        let curves = shared.curves.read().await;
        Html(page::index(&shared.namespace, &shared.watch.objects(), &curves))
    };
    let one = |State(shared): State<Shared>, Path((kind, name)): Path<(String, String)>| async move {
        let curves = shared.curves.read().await;
        page::object(&shared.namespace, &shared.watch.objects(), &curves, &kind, &name).map(Html).ok_or((
            StatusCode::NOT_FOUND,
            format!("{kind}/{name} is not in namespace {}\n", shared.namespace),
        ))
    };
    Router::new().route("/", get(index)).route("/{kind}/{name}", get(one)).with_state(shared)
}

async fn follow_ledger(url: String, shared: Shared, stop: CancellationToken) {
    let mut ledger: Option<Ledger> = None;
    loop {
        if let Err(error) = refresh(&url, &mut ledger, &shared).await {
            tracing::warn!("the ledger cannot be read, the curves stay as they are: {error}");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LEDGER_PERIOD) => {}
        }
    }
}

async fn refresh(
    url: &str,
    ledger: &mut Option<Ledger>,
    shared: &Shared,
) -> Result<(), ats_ledger::LedgerError> {
    let opened = match ledger.take() {
        Some(opened) => opened,
        None => Ledger::open(url).await?,
    };
    let curves = curves::read(&opened, &shared.namespace).await?;
    *ledger = Some(opened);
    *shared.curves.write().await = curves;
    Ok(())
}
