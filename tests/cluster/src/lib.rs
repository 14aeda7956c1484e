//! A real Kubernetes for tests, from binaries, without a container engine.
//!
//! [`Cluster::control_plane`] boots etcd, the API server, the controller manager and the scheduler in a few seconds,
//! as any user. [`Cluster::whole_node`] adds containerd, the kubelet and kube-proxy in namespaces of their own, as
//! root: real containers, real exit codes, real OOM kills. The binaries come from `KUBEBUILDER_ASSETS`, from PATH, or
//! are built once from pinned Go modules (`tools/`). `ATS_TEST_KUBECONFIG` makes the tests use an existing cluster.
//!
//! Everything that a run makes lies in one folder or one set of namespaces, and is gone when the [`Cluster`] is
//! dropped or the process that holds it ends, even by SIGKILL: see the [supervisor].

mod apiserver;
pub mod argocd;
pub mod audit;
mod binary;
mod cgroup;
mod cluster;
pub mod command;
mod containerd;
mod controller_manager;
mod definitions;
mod error;
mod etcd;
mod fault;
mod image;
pub mod install;
mod kube_proxy;
mod kubelet;
mod network;
mod options;
mod pki;
mod postgres;
pub mod process;
mod ready;
mod registry;
mod reservation;
mod scheduler;
pub mod supervisor;
mod tools;

pub use audit::{Audit, Event, Mark};
pub use binary::binary;
pub use cluster::{Cluster, Output, eventually};
pub use error::{Error, Result};
pub use image::Image;
pub use options::{Node, Options, PostgresAddress, State};
pub use postgres::Postgres;
pub use process::Frozen;
pub use tools::tool;
