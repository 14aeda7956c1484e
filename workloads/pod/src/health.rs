//! `/metrics` and `/healthz`, and the question that an image without a shell asks itself.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::StageMetrics;

/// Takes the port on every address of the pod.
pub(crate) async fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
}

/// Serves `/metrics` and `/healthz` until the token is cancelled.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: StageMetrics,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let scrape = move || {
        let metrics = metrics.clone();
        async move { metrics.text().map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())) }
    };
    let router = Router::new().route("/metrics", get(scrape)).route("/healthz", get(|| async { "ok\n" }));
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// Asks the process on this machine's port for its health.
///
/// # Errors
/// When nobody answers within two seconds, or the answer is not 200.
pub fn healthcheck(port: u16) -> std::io::Result<()> {
    let timeout = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(std::io::Error::other(format!("not well: {}", answer.lines().next().unwrap_or("no answer"))))
}
