//! The scheduler.

use std::path::Path;

use crate::apiserver::{self, ApiServer};
use crate::error::Result;
use crate::pki::Pki;
use crate::process::Processes;
use crate::reservation::{self, Reservation};

/// Starts the scheduler; its port is reserved for as long as the result lives.
pub(crate) fn start(
    processes: &mut Processes,
    binary: &Path,
    folder: &Path,
    pki: &Pki,
    server: &ApiServer,
) -> Result<Reservation> {
    let port = reservation::port()?;
    let kubeconfig = apiserver::kubeconfig_for(pki, folder, &server.url, "system:kube-scheduler", &[])?;
    let kubeconfig = kubeconfig.display();
    processes.start(
        "kube-scheduler",
        binary,
        [
            format!("--kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            "--bind-address=127.0.0.1".into(),
            format!("--secure-port={}", port.number),
            format!("--cert-dir={}", folder.join("pki/scheduler").display()),
            "--leader-elect=false".into(),
        ],
    )?;
    Ok(port)
}
