//! `/metrics`, `/healthz` and `/readyz`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::{error::RunError, telemetry::Metrics};

/// Whether the operator works, and whether its caches are warm.
#[derive(Debug, Default)]
pub struct Health {
    ready: AtomicBool,
}

impl Health {
    /// The caches are warm.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }
}

#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

/// Serves until the token is cancelled. The address is bound before this returns.
///
/// # Errors
/// When the address cannot be used.
pub async fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let listener = TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })?;
    let router = Router::new()
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readiness))
        .with_state(Shared { metrics, health });
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the metrics server ended");
        }
    });
    Ok(())
}

async fn metrics_text(State(shared): State<Shared>) -> (StatusCode, String) {
    match shared.metrics.text() {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn readiness(State(shared): State<Shared>) -> (StatusCode, &'static str) {
    match shared.health.ready.load(Ordering::Acquire) {
        true => (StatusCode::OK, "ok\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the caches are not warm yet\n"),
    }
}

/// Asks a running operator on this machine for its health, for images without a shell.
///
/// # Errors
/// What it answered instead, in words.
pub async fn healthcheck(bind: SocketAddr) -> Result<(), String> {
    let host = if bind.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { bind.ip() };
    let address = SocketAddr::new(host, bind.port());
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(Duration::from_secs(3), ask).await {
        Ok(Ok(answer)) if answer.split(' ').nth(1) == Some("200") => Ok(()),
        Ok(Ok(answer)) => Err(format!("{address} answered {:?}", answer.lines().next().unwrap_or_default())),
        Ok(Err(error)) => Err(format!("{address} cannot be asked: {error}")),
        Err(_) => Err(format!("{address} does not answer")),
    }
}
