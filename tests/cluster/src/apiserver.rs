//! The API server.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::api::ListParams;
use serde_json::json;

use crate::error::{FileContext as _, Result};
use crate::etcd::Etcd;
use crate::options::{Node, Options};
use crate::pki::Pki;
use crate::process::Processes;
use crate::reservation::{self, Reservation};

/// The subnet of service addresses where no node, hence no proxy, gives them a meaning.
const SERVICES_WITHOUT_NODE: [u8; 3] = [10, 213, 0];

/// A running API server.
#[derive(Debug)]
pub(crate) struct ApiServer {
    pub(crate) url: String,
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    port: Option<Reservation>,
}

impl ApiServer {
    /// What has to be kept for as long as it runs.
    pub(crate) fn into_port(self) -> Option<Reservation> {
        self.port
    }
}

/// Where the audit log of a run lies.
pub(crate) fn audit_log(folder: &Path) -> PathBuf {
    folder.join("logs/audit.jsonl")
}

/// Starts the API server and waits until it is ready.
pub(crate) async fn start(
    processes: &mut Processes,
    binary: &Path,
    folder: &Path,
    pki: &Pki,
    etcd: &Etcd,
    node: Option<&Node>,
    options: &Options,
) -> Result<ApiServer> {
    // On a node the address is the run's own, and so are all of its ports.
    let reserved = if node.is_none() { Some(reservation::port()?) } else { None };
    let port = reserved.as_ref().map_or(6443, |reservation| reservation.number);
    let address = node.map_or(Ipv4Addr::LOCALHOST, |node| node.address);
    let url = format!("https://{address}:{port}");

    let [a, b, c] = node.map_or(SERVICES_WITHOUT_NODE, |node| node.services);
    let serving = pki.server(
        "kube-apiserver",
        &["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
        &[IpAddr::V4(address), IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(a, b, c, 1))],
    )?;
    let to_kubelet =
        pki.client("apiserver-kubelet-client", "kube-apiserver-kubelet-client", &["system:masters"])?;
    let to_extension = pki.client("front-proxy-client", "front-proxy-client", &[])?;
    let policy = folder.join("audit-policy.json");
    std::fs::write(&policy, audit_policy().to_string()).file("write", &policy)?;
    let authority = pki.authority_certificate();

    let mut flags = vec![
        format!("--etcd-servers={}", etcd.url),
        format!("--bind-address={address}"),
        format!("--secure-port={port}"),
        // Left to itself it would advertise the machine's network card.
        format!("--advertise-address={address}"),
        format!("--service-cluster-ip-range={a}.{b}.{c}.0/24"),
        format!("--cert-dir={}", folder.join("pki").display()),
        format!("--tls-cert-file={}", serving.certificate.display()),
        format!("--tls-private-key-file={}", serving.key.display()),
        format!("--client-ca-file={}", authority.display()),
        format!("--service-account-key-file={}", pki.service_account_public_key().display()),
        format!("--service-account-signing-key-file={}", pki.service_account_key().display()),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--allow-privileged=true".into(),
        format!("--kubelet-client-certificate={}", to_kubelet.certificate.display()),
        format!("--kubelet-client-key={}", to_kubelet.key.display()),
        // No name of a node is looked up anywhere.
        "--kubelet-preferred-address-types=InternalIP".into(),
        format!("--requestheader-client-ca-file={}", authority.display()),
        "--requestheader-allowed-names=front-proxy-client".into(),
        "--requestheader-username-headers=X-Remote-User".into(),
        "--requestheader-group-headers=X-Remote-Group".into(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".into(),
        format!("--proxy-client-cert-file={}", to_extension.certificate.display()),
        format!("--proxy-client-key-file={}", to_extension.key.display()),
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", audit_log(folder).display()),
        // An event is in the file before the client has its answer, in one file.
        "--audit-log-mode=blocking".into(),
        "--audit-log-maxsize=100000".into(),
    ];
    if node.is_none() {
        // A loopback address cannot be an endpoint, and nobody would use it.
        flags.push("--endpoint-reconciler-type=none".into());
    }
    flags.extend(options.api_server_flags.iter().cloned());
    processes.start("kube-apiserver", binary, flags)?;

    let kubeconfig = folder.join("kubeconfig");
    pki.kubeconfig(&kubeconfig, &url, "ats-admin", &["system:masters"])?;
    let client = crate::cluster::client_from(&kubeconfig).await?;
    processes
        .wait_until("the API server being ready", Duration::from_secs(60), async || {
            let request = kube::core::Request::new("/readyz").list(&ListParams::default());
            let request = request.map_err(|error| error.to_string())?;
            client.request_text(request).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
    Ok(ApiServer { url, kubeconfig, port: reserved })
}

/// Every request as one line, without bodies.
fn audit_policy() -> serde_json::Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [{"level": "Metadata"}],
    })
}

/// A kubeconfig for another component.
pub(crate) fn kubeconfig_for(
    pki: &Pki,
    folder: &Path,
    server: &str,
    user: &str,
    groups: &[&str],
) -> Result<PathBuf> {
    let path = folder.join("pki").join(format!("{}.kubeconfig", user.replace([':', '/'], "-")));
    pki.kubeconfig(&path, server, user, groups)?;
    Ok(path)
}
