//! The kubelet.

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::apiserver::{self, ApiServer};
use crate::error::{FileContext as _, Result};
use crate::options::{Node, Options};
use crate::pki::Pki;
use crate::process::Processes;

/// Starts the kubelet.
pub(crate) fn start(
    processes: &mut Processes,
    binary: &Path,
    folder: &Path,
    pki: &Pki,
    server: &ApiServer,
    node: &Node,
    options: &Options,
) -> Result<()> {
    let user = format!("system:node:{}", node.name);
    let kubeconfig = apiserver::kubeconfig_for(pki, folder, &server.url, &user, &["system:nodes"])?;
    let mut configuration = configuration(folder, pki, node)?;
    if let Value::Object(fields) = &mut configuration {
        fields.extend(options.kubelet_configuration.clone());
    }
    let path = folder.join("kubelet.json");
    std::fs::write(&path, configuration.to_string()).file("write", &path)?;
    processes.start(
        "kubelet",
        binary,
        [
            format!("--config={}", path.display()),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--hostname-override={}", node.name),
            format!("--node-ip={}", node.address),
            format!("--cert-dir={}", folder.join("pki/kubelet").display()),
        ],
    )
}

fn configuration(folder: &Path, pki: &Pki, node: &Node) -> Result<Value> {
    let serving = pki.server("kubelet", &[&node.name], &[IpAddr::V4(node.address)])?;
    Ok(json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "healthzBindAddress": "127.0.0.1",
        "tlsCertFile": serving.certificate,
        "tlsPrivateKeyFile": serving.key,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.authority_certificate()},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": format!("unix://{}", node.containerd.display()),
        "resolvConf": "/etc/resolv.conf",
        "volumePluginDir": folder.join("node/volume-plugins"),

        // The machine may be a container or a small virtual machine, with either version of cgroups.
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", node.cgroup),
        "failCgroupV1": false,
        "failSwapOn": false,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": true,

        // A full disk is the machine's affair: no pod is evicted and no image is dropped for it.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "imagefs.available": "0%",
            "nodefs.inodesFree": "0%", "imagefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": false,
        // Tests wait for what the kubelet reports.
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "syncFrequency": "10s",
    }))
}
