//! The operator against a real API server, with the rights that its roles give it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

mod isolation;
mod leadership;
mod lifecycle;
mod mistakes;
mod monitoring;
mod monitoring_pod;
mod paper;
mod pipelines;
mod refused;
mod same_status;
mod troubles;
mod waking;
