//! Parts of tests that run the operator in this process against a real control plane: a cluster with our definitions
//! and roles, the operator under its own account, a stand-in for the kubelet and the workloads.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

pub mod kubelet;
pub mod node;
pub mod objects;
pub mod setup;

pub use kubelet::{Kubelet, Play};
pub use node::{Node, counters};
pub use setup::{Operator, Place, place};
