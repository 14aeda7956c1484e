//! The system on a real node: pods from images, a kubelet that kills them, a database for the ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]
#![allow(clippy::print_stdout, reason = "what is measured is told")]

mod chain;
mod dashboards;
mod kills;
mod look;
mod operator_killed;
mod paper;
mod registry;
mod troubles;
