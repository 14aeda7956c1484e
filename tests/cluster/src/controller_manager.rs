//! The controller manager: Deployments, Jobs, garbage collection, service accounts, ... .

use std::path::Path;

use crate::apiserver::{self, ApiServer};
use crate::error::Result;
use crate::options::Options;
use crate::pki::Pki;
use crate::process::Processes;
use crate::reservation::{self, Reservation};

/// Starts the controller manager; its port is reserved for as long as the result lives.
pub(crate) fn start(
    processes: &mut Processes,
    binary: &Path,
    folder: &Path,
    pki: &Pki,
    server: &ApiServer,
    options: &Options,
) -> Result<Reservation> {
    let port = reservation::port()?;
    let user = "system:kube-controller-manager";
    let kubeconfig = apiserver::kubeconfig_for(pki, folder, &server.url, user, &[])?;
    let kubeconfig = kubeconfig.display();
    let mut flags = vec![
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={}", port.number),
        format!("--cert-dir={}", folder.join("pki/controller-manager").display()),
        // The subnet of pods is in the node's network configuration.
        "--controllers=*,-node-ipam-controller".into(),
        // Each controller is a user of its own in the audit log.
        "--use-service-account-credentials=true".into(),
        format!("--service-account-private-key-file={}", pki.service_account_key().display()),
        format!("--root-ca-file={}", pki.authority_certificate().display()),
        format!("--cluster-signing-cert-file={}", pki.authority_certificate().display()),
        format!("--cluster-signing-key-file={}", pki.authority_key().display()),
        // There is one.
        "--leader-elect=false".into(),
        "--kube-api-qps=200".into(),
        "--kube-api-burst=400".into(),
    ];
    flags.extend(options.controller_manager_flags.iter().cloned());
    processes.start("kube-controller-manager", binary, flags)?;
    Ok(port)
}
