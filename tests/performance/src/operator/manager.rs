//! The controllers, each as a process on this machine under an account of its own with the rights that it asks for.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ats_test_cluster::{Cluster, binary, eventually, tool};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::objects::System;
use crate::Result;

/// The namespace and the name of a system's account.
fn account(system: System) -> (&'static str, &'static str) {
    match system {
        System::Ats => ("ats-system", "ats-operator"),
        System::JobSet | System::JobSetChain => ("jobset-system", "jobset-controller-manager"),
    }
}

/// The user that the audit log names.
#[must_use]
pub fn user(system: System) -> String {
    let (namespace, name) = account(system);
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Installs the definitions and rights of both systems.
///
/// # Errors
/// When the API server refuses them, or JobSet cannot be built.
pub async fn install(cluster: &Cluster) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let jobset = jobset_folder()?;
    cluster.apply(&namespaces()).await?;
    for folder in ["config/crd", "config/rbac"] {
        let path = root.join(folder);
        cluster
            .kubectl(["apply".as_ref(), "--server-side".as_ref(), "-k".as_ref(), path.as_os_str()])
            .await?
            .success()?;
    }
    for name in ["crd.yaml", "role.yaml"] {
        let path = jobset.join(name);
        cluster
            .kubectl(["apply".as_ref(), "--server-side".as_ref(), "-f".as_ref(), path.as_os_str()])
            .await?
            .success()?;
    }
    Ok(cluster.definitions_served().await?)
}

fn jobset_folder() -> Result<std::path::PathBuf> {
    let program = tool("jobset", "jobset")?;
    Ok(program.parent().ok_or("the JobSet manager lies in no folder")?.to_owned())
}

fn namespaces() -> String {
    let (namespace, name) = account(System::JobSet);
    let documents = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": account(System::Ats).0}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "jobset-manager"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "manager-role"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }),
    ];
    documents.map(|document| document.to_string()).join("\n---\n")
}

/// A running controller; it ends when this value is dropped.
#[derive(Debug)]
pub struct Manager {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Manager {
    /// Starts one that watches all namespaces, and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it cannot be started or does not become ready.
    pub async fn start(cluster: &Cluster, system: System, logs: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let kubeconfig = folder.path().join("kubeconfig");
        let (namespace, name) = account(system);
        cluster.service_account_kubeconfig(namespace, name, &kubeconfig).await?;
        let port = free_port()?;
        let mut command = match system {
            System::Ats => ats(port)?,
            System::JobSet | System::JobSetChain => jobset(port, folder.path())?,
        };
        let log = File::create(logs.join(format!("{name}.log")))?;
        let child = command
            .env("KUBECONFIG", &kubeconfig)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut manager = Self { child, _folder: folder };
        eventually(
            &format!("{name} being ready (its log is in {})", logs.display()),
            Duration::from_secs(60),
            async || {
                if let Ok(Some(status)) = manager.child.try_wait() {
                    return Err(format!("it ended with {status}"));
                }
                ready(port).await
            },
        )
        .await?;
        Ok(manager)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ats(port: u16) -> Result<Command> {
    let mut command = Command::new(binary("ats-operator", "operator")?);
    command.args([
        &format!("--metrics-bind=127.0.0.1:{port}"),
        "--leader-election=false",
        "--default-store-claim=artifacts",
        "--default-ledger-secret=ledger",
    ]);
    Ok(command)
}

/// JobSet's manager. Its webhooks are served, as the program wants it, under a certificate of our own, and not
/// registered: the API server calls none.
fn jobset(port: u16, folder: &Path) -> Result<Command> {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(folder.join("tls.crt"), certificate.cert.pem())?;
    std::fs::write(folder.join("tls.key"), certificate.signing_key.serialize_pem())?;
    let configuration = json!({
        "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "internalCertManagement": {"enable": false},
        "webhook": {"host": "127.0.0.1", "port": free_port()?, "certDir": folder},
        "metrics": {"bindAddress": "0"},
        "health": {"healthProbeBindAddress": format!("127.0.0.1:{port}")},
        "leaderElection": {"leaderElect": false},
        "clientConnection": {"qps": CLIENT_QPS, "burst": CLIENT_QPS},
    });
    let file = folder.join("configuration.yaml");
    std::fs::write(&file, configuration.to_string())?;
    let mut command = Command::new(jobset_folder()?.join("jobset"));
    command.arg(format!("--config={}", file.display())).arg("--zap-log-level=info");
    Ok(command)
}

/// JobSet's client may ask this often a second: ours has no limit, so its limit is out of reach.
pub const CLIENT_QPS: u32 = 10_000;

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

async fn ready(port: u16) -> std::result::Result<(), String> {
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = ask.await.map_err(|error| error.to_string())?;
    let line = answer.lines().next().unwrap_or_default();
    if line.contains(" 200 ") { Ok(()) } else { Err(format!("/readyz says {line:?}")) }
}
