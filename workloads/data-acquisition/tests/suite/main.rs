//! Tests of the stage that fetches bars, checks them and keeps them.

#![allow(
    clippy::unwrap_used,
    reason = "a failed test is told by a panic, what could not be tested by a line"
)]

mod checks;
mod common;
mod files;
mod golden;
mod market;
#[path = "../../../../tests/market_folder.rs"]
mod market_folder;
mod properties;
mod sample;
mod stage;
