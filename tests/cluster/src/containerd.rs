//! containerd, with all of its state in the folder of the run, and the network configuration that it gives pods.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::error::{Error, FileContext as _, Result};
use crate::image::Image;
use crate::network;
use crate::options::Node;
use crate::process::{INSTALL, Processes, run};
use crate::tools::on_path;

/// The name of the image that holds a pod's namespaces open.
const PAUSE: &str = "localhost/ats-pause:1";

/// Where containerd looks up how a registry is reached, at each pull.
pub(crate) fn registries(folder: &Path) -> PathBuf {
    folder.join("registries")
}

/// The namespace in which the kubelet looks for images.
pub(crate) const NAMESPACE: &str = "k8s.io";

/// Starts containerd, and notes its socket and the way it lays out file systems.
pub(crate) fn start(processes: &mut Processes, folder: &Path, node: &mut Node) -> Result<()> {
    let binary = on_path("containerd").ok_or_else(|| missing("containerd"))?;
    node.containerd = folder.join("containerd.sock");
    node.snapshotter = if network::can_overlay(folder) { "overlayfs" } else { "native" }.into();

    let networks = folder.join("cni");
    std::fs::create_dir_all(&networks).file("make", &networks)?;
    let path = networks.join("10-ats.conflist");
    std::fs::write(&path, network_configuration(node).to_string()).file("write", path)?;

    let path = folder.join("containerd.toml");
    std::fs::write(&path, configuration(folder, &networks, &plugins()?, node)).file("write", &path)?;
    processes.start("containerd", &binary, [Path::new("--config"), &path])
}

/// Loads the pause image, made of the static binary `pause`.
pub(crate) async fn load_pause(
    processes: &mut Processes,
    folder: &Path,
    node: &Node,
    pause: &Path,
) -> Result<()> {
    let socket = &node.containerd;
    processes
        .wait_until("containerd listening", Duration::from_secs(30), async || {
            tokio::net::UnixStream::connect(socket).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
    let archive = folder.join("pause.tar");
    let _digest = Image::new(PAUSE)
        .executable(pause, "/pause")
        .entrypoint(["/pause"])
        .user("65535:65535")
        .write(&archive)?;
    import(node, &archive)
}

/// Loads the images of an archive, in OCI or Docker layout.
pub(crate) fn import(node: &Node, archive: &Path) -> Result<()> {
    let ctr = ctr()?;
    let socket = node.containerd.as_os_str();
    let arguments =
        ["-n", NAMESPACE, "images", "import", "--snapshotter", &node.snapshotter].map(std::ffi::OsStr::new);
    let arguments = [std::ffi::OsStr::new("-a"), socket].into_iter().chain(arguments);
    run(ctr, arguments.chain([archive.as_os_str()])).map(drop)
}

/// containerd's own command line.
pub(crate) fn ctr() -> Result<PathBuf> {
    on_path("ctr").ok_or_else(|| missing("ctr (of containerd)"))
}

/// Names all that a node needs and the machine lacks, at once and before anything is started.
pub(crate) fn check_machine() -> Result<()> {
    let programs = [
        "containerd",
        "containerd-shim-runc-v2",
        "ctr",
        "runc",
        "ip",
        "iptables",
        "nft",
        "conntrack",
        "unshare",
    ];
    let mut lacks: Vec<_> = programs.into_iter().filter(|program| on_path(program).is_none()).collect();
    if plugins().is_err() {
        lacks.push("the CNI plugins");
    }
    if lacks.is_empty() { Ok(()) } else { Err(missing(&lacks.join(", "))) }
}

fn missing(what: &str) -> Error {
    Error::Missing { what: what.into(), remedy: INSTALL.into() }
}

/// Where the network plugins are: Debian's folder, or the one that upstream documents.
fn plugins() -> Result<PathBuf> {
    ["/usr/lib/cni", "/opt/cni/bin"]
        .map(PathBuf::from)
        .into_iter()
        .find(|folder| folder.join("bridge").is_file())
        .ok_or_else(|| missing("the CNI plugins"))
}

fn configuration(folder: &Path, networks: &Path, plugins: &Path, node: &Node) -> String {
    let registries = registries(folder);
    let folder = folder.display();
    let (socket, snapshotter) = (node.containerd.display(), &node.snapshotter);
    let (networks, plugins) = (networks.display(), plugins.display());
    let registries = registries.display();
    format!(
        r#"version = 2
root = "{folder}/containerd"
state = "/run/containerd"

[grpc]
  address = "{socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # In a container this process may not lower a score.
  restrict_oom_score_adj = true
  # A profile would be loaded into the machine's kernel, and stay.
  disable_apparmor = true
  stream_server_address = "127.0.0.1"

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{registries}"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
"#
    )
}

fn network_configuration(node: &Node) -> serde_json::Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "ats",
        "plugins": [
            {
                "type": "bridge",
                "bridge": crate::kube_proxy::BRIDGE,
                "isGateway": true,
                // Pods are reached, and seen, under their own addresses; nothing leaves the run.
                "ipMasq": false,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": node.pod_subnet()}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}
