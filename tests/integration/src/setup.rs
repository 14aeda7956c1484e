//! The cluster, and the operator in this process.

use std::{path::PathBuf, time::Duration};

use ats_operator::{Options, Probe};
use ats_test_cluster::{Cluster, eventually};
use clap::Parser;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::{sync::OnceCell, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// How long something may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);
/// The operator's user, as the audit log names it.
pub const USER: &str = "system:serviceaccount:ats-system:ats-operator";

/// A namespace of the shared cluster.
pub struct Place {
    /// The cluster.
    pub cluster: &'static Cluster,
    /// An administrator's client.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
}

/// The repository's folder.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A new namespace of the shared cluster, with our definitions and roles.
pub async fn place(prefix: &str) -> Place {
    static READY: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::shared_control_plane().await.unwrap();
    READY
        .get_or_init(async || {
            let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ats-system}\n";
            cluster.apply(namespace).await.unwrap();
            for folder in ["config/crd", "config/rbac"] {
                let path = root().join(folder);
                let arguments = ["apply", "--server-side", "-k", path.to_str().unwrap()];
                cluster.kubectl(arguments).await.unwrap().success().unwrap();
            }
            cluster.definitions_served().await.unwrap();
        })
        .await;
    let namespace = cluster.namespace(prefix).await.unwrap();
    Place { cluster, client: cluster.client().await.unwrap(), namespace }
}

#[derive(Parser)]
#[command(args_override_self = true)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// A running operator; it ends in order with [`Operator::stop`], and at once when it is dropped.
pub struct Operator {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Place {
    /// The options of an operator that watches this namespace alone.
    pub fn options(&self, further: &[&str]) -> Options {
        let namespaces = format!("--watch-namespaces={}", self.namespace);
        let line = ["operator", &namespaces, "--metrics-bind=127.0.0.1:0", "--leader-election=false"];
        let line =
            line.into_iter().chain(["--default-store-claim=artifacts", "--default-ledger-secret=ledger"]);
        let line = line.chain(["--progress-seconds=0"]).chain(further.iter().copied());
        Line::try_parse_from(line).unwrap().options
    }

    /// Starts an operator with the rights that our roles give it, and no more.
    pub async fn operator(&self, further: &[&str]) -> Operator {
        self.operator_with(further, None).await
    }

    /// [`Place::operator`], with a probe.
    pub async fn operator_with(&self, further: &[&str], probe: Option<Probe>) -> Operator {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        self.cluster.service_account_kubeconfig("ats-system", "ats-operator", &file).await.unwrap();
        let kubeconfig = Kubeconfig::read_from(&file).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let shutdown = CancellationToken::new();
        let (options, token) = (self.options(further), shutdown.clone());
        let task = tokio::spawn(async move {
            ats_operator::run_with(client, options, probe, token).await.unwrap();
        });
        Operator { shutdown, task }
    }

    /// Waits until an answer is there.
    pub async fn until<T>(&self, what: &str, ask: impl AsyncFnMut() -> Result<T, String>) -> T {
        match eventually(what, LIMIT, ask).await {
            Ok(answer) => answer,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Operator {
    /// Ends it in order, and waits for that.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// Ends it at once, as a crash would.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
