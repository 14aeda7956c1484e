//! What a test asks for, and what it gets.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::tools::Tools;

/// What a cluster is to be like; the default is right for most tests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Options {
    /// Start PostgreSQL beside the cluster: on the node's address, so that pods reach it too, or on loopback when
    /// there is no node.
    pub postgres: bool,
    /// Start Argo CD on the node: see [`crate::argocd`].
    pub argocd: bool,
    /// Start a registry on the node's address, from which pods pull: see [`Cluster::push`](crate::Cluster::push).
    pub registry: bool,
    /// Further flags of the API server, such as `--event-ttl=10m`.
    pub api_server_flags: Vec<String>,
    /// Further flags of the controller manager.
    pub controller_manager_flags: Vec<String>,
    /// Fields that are merged into the kubelet's configuration, such as `{"maxPods": 20}`.
    pub kubelet_configuration: serde_json::Map<String, serde_json::Value>,
    /// Keep the folder of the run, with its logs, when the run ends. The environment variable `ATS_TEST_KEEP` does
    /// the same for every run.
    pub keep: bool,
}

/// Which parts a supervisor starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Parts {
    /// PostgreSQL alone.
    Postgres,
    /// etcd, API server, controller manager, scheduler.
    ControlPlane,
    /// These, and containerd, kubelet and kube-proxy.
    WholeNode,
}

/// The order that a supervisor is given on its standard input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) parts: Parts,
    pub(crate) options: Options,
    /// None for PostgreSQL alone.
    pub(crate) tools: Option<Tools>,
    /// Argo CD, if it was asked for.
    pub(crate) argocd: Option<crate::argocd::Programs>,
    /// The static binary of the pause image; a whole node has one.
    pub(crate) pause: Option<PathBuf>,
    /// End on a signal instead of at the end of standard input.
    pub(crate) detached: bool,
}

/// What runs, as the supervisor tells it and as `cluster.json` in the run's folder keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// The folder of the run: logs, keys, data.
    pub folder: PathBuf,
    /// The supervisor's process id. Ending it ends everything.
    pub supervisor: u32,
    /// An administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The URL of the API server.
    pub server: String,
    /// The kubectl of this cluster's version.
    pub kubectl: PathBuf,
    /// The node, if there is one.
    pub node: Option<Node>,
    /// PostgreSQL, if it was asked for.
    pub postgres: Option<PostgresAddress>,
    /// The registry's address, if it was asked for.
    pub registry: Option<String>,
}

/// The addresses of a whole node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The node's name in Kubernetes.
    pub name: String,
    /// The node's address. Pods and the machine reach it.
    pub address: Ipv4Addr,
    /// The machine's address on the link to the node: a server that a test binds to it is reached by pods.
    pub machine: Ipv4Addr,
    /// The first three octets of pod addresses and of service addresses.
    pub(crate) pods: [u8; 3],
    pub(crate) services: [u8; 3],
    /// The node's end and the machine's end of the link.
    pub(crate) link: String,
    /// The cgroup that holds the pods, below every controller's root.
    pub(crate) cgroup: String,
    /// containerd's socket.
    pub(crate) containerd: PathBuf,
    /// How containerd lays out file systems: `overlayfs` where the kernel can, or else `native`.
    pub(crate) snapshotter: String,
}

impl Node {
    /// The subnet of pod addresses.
    #[must_use]
    pub fn pod_subnet(&self) -> String {
        subnet(self.pods)
    }

    /// The subnet of service addresses.
    #[must_use]
    pub fn service_subnet(&self) -> String {
        subnet(self.services)
    }
}

fn subnet([a, b, c]: [u8; 3]) -> String {
    format!("{a}.{b}.{c}.0/24")
}

/// Where PostgreSQL listens. It trusts everyone who reaches it: it listens on addresses of the run only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresAddress {
    /// An address that the machine reaches, and pods too if there is a node.
    pub host: Ipv4Addr,
    /// The port.
    pub port: u16,
    /// The superuser.
    pub user: String,
}

impl PostgresAddress {
    /// The URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://{}@{}:{}/{database}", self.user, self.host, self.port)
    }
}
