//! kube-proxy, which makes service addresses work.

use std::path::Path;

use serde_json::json;

use crate::apiserver::{self, ApiServer};
use crate::error::{FileContext as _, Result};
use crate::options::Node;
use crate::pki::Pki;
use crate::process::Processes;

/// The bridge that pods are on.
pub(crate) const BRIDGE: &str = "cni0";

/// Starts kube-proxy. Its rules are the network namespace's, and go with it.
pub(crate) fn start(
    processes: &mut Processes,
    binary: &Path,
    folder: &Path,
    pki: &Pki,
    server: &ApiServer,
    node: &Node,
) -> Result<()> {
    let kubeconfig = apiserver::kubeconfig_for(pki, folder, &server.url, "system:kube-proxy", &[])?;
    let configuration = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": node.address,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": kubeconfig},
        "clusterCIDR": node.pod_subnet(),
        "detectLocalMode": "BridgeInterface",
        "detectLocal": {"bridgeInterface": BRIDGE},
        "hostnameOverride": node.name,
        // These limits are the whole machine's.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    });
    let path = folder.join("kube-proxy.json");
    std::fs::write(&path, configuration.to_string()).file("write", &path)?;
    processes.start("kube-proxy", binary, [format!("--config={}", path.display())])
}
