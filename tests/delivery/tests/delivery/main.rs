//! Images, environments, workflows: what delivers the software is held to rules, as the software is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

mod argo;
mod chart;
mod cluster;
mod compose;
mod deploy;
mod docs;
mod environments;
mod flows;
mod fork;
mod images;
mod metrics;
mod prometheus;
mod registry;
mod release;
mod signatures;
mod smoke;
mod targets;
mod upgrade;
mod workflows;
