//! Tests of features and of published datasets.

#![allow(
    clippy::unwrap_used,
    reason = "a failed test is told by a panic, what could not be tested by a line"
)]

mod golden;
mod halts;
mod look_ahead;
mod membership;
mod publish;
mod support;
