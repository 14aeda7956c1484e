//! Tests of `ats` as a user calls it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed test is told by a panic, what could not be tested by a line"
)]

mod convert;
mod mistakes;
mod run;
mod trials;
mod validate;
mod write_stages;
