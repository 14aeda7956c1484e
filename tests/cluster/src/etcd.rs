//! etcd: the API server's storage.

use std::path::Path;
use std::time::Duration;

use crate::error::Result;
use crate::process::Processes;
use crate::reservation::{self, Reservation};

/// A running etcd.
#[derive(Debug)]
pub(crate) struct Etcd {
    pub(crate) url: String,
    ports: [Reservation; 2],
}

impl Etcd {
    /// What has to be kept for as long as it runs.
    pub(crate) fn into_ports(self) -> [Reservation; 2] {
        self.ports
    }
}

/// Starts etcd. The API server retries until it answers.
pub(crate) async fn start(processes: &mut Processes, binary: &Path, folder: &Path) -> Result<Etcd> {
    let ports = [reservation::port()?, reservation::port()?];
    let [url, peer] = ports.each_ref().map(|port| format!("http://127.0.0.1:{}", port.number));
    processes.start(
        "etcd",
        binary,
        [
            "--name=default",
            &format!("--data-dir={}", folder.join("etcd").display()),
            &format!("--listen-client-urls={url}"),
            &format!("--advertise-client-urls={url}"),
            &format!("--listen-peer-urls={peer}"),
            &format!("--initial-advertise-peer-urls={peer}"),
            &format!("--initial-cluster=default={peer}"),
            // The data dies with the run: waiting for the disk would only make the tests slow.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
    )?;
    let address = url.trim_start_matches("http://").to_owned();
    processes
        .wait_until("etcd listening", Duration::from_secs(30), async || {
            tokio::net::TcpStream::connect(&address).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
    Ok(Etcd { url, ports })
}
