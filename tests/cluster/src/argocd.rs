//! Argo CD on a node: its repository server, its two controllers and its API server, with a redis, as processes of the
//! run.
//!
//! They run in the node's namespaces, so that their ports are the run's own and all of them end with it. What a
//! repository's address names has to be reachable from there: a bare repository in a folder is, by `file://`. The API
//! server listens on the node's address, where the machine and pods reach it, and asks nobody who he is.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::definitions;
use crate::error::{Error, FileContext as _, Result};
use crate::options::Node;
use crate::pki::Pki;
use crate::process::{Processes, bound, run};
use crate::tools;

/// Its user, as the audit log names it.
pub const USER: &str = "argocd";
/// The namespace of its settings and of Applications.
pub const NAMESPACE: &str = "argocd";

const REDIS: &str = "127.0.0.1:6379";
const REPO_SERVER: &str = "127.0.0.1:8081";
const SERVER_PORT: u16 = 8080;
const LIMIT: Duration = Duration::from_secs(60);

/// Where the API server of Argo CD listens on a node.
#[must_use]
pub const fn server(node: &Node) -> SocketAddrV4 {
    SocketAddrV4::new(node.address, SERVER_PORT)
}

/// The command line of the Argo CD of a node.
///
/// # Errors
/// When it is not there and cannot be built.
pub fn command_line() -> Result<PathBuf> {
    Ok(tools::build("argocd")?.join("argocd"))
}

/// The programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Programs {
    /// The folder of Argo CD's own, and of its definitions.
    folder: PathBuf,
    kustomize: PathBuf,
}

impl Programs {
    /// Finds or builds them.
    pub(crate) fn find() -> Result<Self> {
        Ok(Self { folder: tools::build("argocd")?, kustomize: tools::tool("kustomize", "kustomize")? })
    }
}

/// Applies Argo CD's definitions and an installation without a setting, and starts it.
pub(crate) async fn start(
    processes: &mut Processes,
    programs: &Programs,
    folder: &Path,
    kubectl: &Path,
    pki: &Pki,
    api_server: &str,
    node: &Node,
) -> Result<()> {
    let home = folder.join("argocd");
    let temporary = home.join("tmp");
    std::fs::create_dir_all(&temporary).file("make", &temporary)?;
    // An administrator, as its own ClusterRole makes it; of another name, so that the audit log tells what it did.
    let kubeconfig = home.join("kubeconfig");
    pki.kubeconfig(&kubeconfig, api_server, USER, &["system:masters"])?;
    let settings = home.join("settings.json");
    std::fs::write(&settings, installation().to_string()).file("write", &settings)?;
    for manifests in [&programs.folder.join("crds.yaml"), &settings] {
        let [kubeconfig, manifests] = [&kubeconfig, manifests].map(|path| path.display().to_string());
        run(kubectl, ["--kubeconfig", &kubeconfig, "apply", "--server-side", "-f", &manifests])?;
    }
    let kubeconfig_text = kubeconfig.display().to_string();
    definitions::served(async || {
        run(kubectl, ["--kubeconfig", &kubeconfig_text].into_iter().chain(definitions::LIST))
    })
    .await?;

    processes.start("argocd-redis", &programs.folder.join("redis"), [REDIS])?;
    listening(processes, "redis", REDIS).await?;
    let (server_address, listen) = (server(node).to_string(), format!("--address={}", node.address));
    let port = format!("--port={SERVER_PORT}");
    let parts: [(&str, &str, &[&str]); 4] = [
        (
            "argocd-repo-server",
            REPO_SERVER,
            &[
                "--redis",
                REDIS,
                "--disable-tls",
                // It asks the repository anew after this time; three minutes by default.
                "--revision-cache-expiration=3s",
                "--address=127.0.0.1",
                "--port=8081",
                "--metrics-address=127.0.0.1",
                "--metrics-port=8084",
            ],
        ),
        (
            "argocd-application-controller",
            "127.0.0.1:8082",
            &[
                "--redis",
                REDIS,
                "--repo-server",
                REPO_SERVER,
                "--repo-server-plaintext",
                "--namespace",
                NAMESPACE,
                "--metrics-port=8082",
                // New commits are seen after seconds, not minutes.
                "--app-resync=10",
                "--app-resync-jitter=0",
                // What the scripts say of an object stands in the Application, where a test reads it.
                "--persist-resource-health",
            ],
        ),
        (
            "argocd-applicationset-controller",
            "127.0.0.1:8086",
            &[
                "--namespace",
                NAMESPACE,
                "--argocd-repo-server",
                REPO_SERVER,
                "--repo-server-plaintext",
                "--metrics-addr=127.0.0.1:8086",
                "--probe-addr=127.0.0.1:8087",
                "--webhook-addr=127.0.0.1:8088",
            ],
        ),
        (
            "argocd-server",
            &server_address,
            &[
                "--redis",
                REDIS,
                "--repo-server",
                REPO_SERVER,
                "--repo-server-plaintext",
                "--namespace",
                NAMESPACE,
                &listen,
                &port,
                "--metrics-address=127.0.0.1",
                "--metrics-port=8083",
                "--insecure",
                "--disable-auth",
            ],
        ),
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = programs.kustomize.parent().map(Path::to_owned);
    let path = std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&path)))
        .map_err(|error| Error::NotStarted(format!("a folder of PATH: {error}")))?;
    for (name, address, arguments) in parts {
        // One program; it is told which part of Argo CD it is.
        let mut command = bound(&programs.folder.join("argocd"));
        command
            .args(arguments)
            .env("ARGOCD_BINARY_NAME", name)
            .env("PATH", &path)
            .env("HOME", &home)
            .env("TMPDIR", &temporary)
            .env("KUBECONFIG", &kubeconfig)
            .env("ARGOCD_FAKE_IN_CLUSTER", "true")
            .env("ARGOCD_GPG_ENABLED", "false")
            .env("ARGOCD_TLS_DATA_PATH", &home)
            .env("ARGOCD_SSH_DATA_PATH", &home)
            .current_dir(&home);
        processes.start_command(name, command, Signal::KILL)?;
        listening(processes, name, address).await?;
    }
    Ok(())
}

async fn listening(processes: &mut Processes, name: &str, address: &str) -> Result<()> {
    processes
        .wait_until(&format!("{name} listening"), LIMIT, async || {
            tokio::net::TcpStream::connect(address).await.map(drop).map_err(|error| error.to_string())
        })
        .await
}

/// What Argo CD wants to find, and no setting of ours.
fn installation() -> serde_json::Value {
    let metadata = |name: &str| {
        json!({
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/part-of": "argocd", "app.kubernetes.io/name": name},
        })
    };
    json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("argocd-cm")},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("argocd-rbac-cm")},
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": metadata("argocd-secret"),
                // Signs sessions; nobody has one.
                "stringData": {"server.secretkey": "unused"},
            },
        ],
    })
}
