//! Tests of the columns of one ticker: expressions against the field's reference code, and what they promise.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a failed test is told by a panic, what could not be tested by a line"
)]

mod frame;
mod halts;
mod known;
mod market_data;
#[path = "../../../../tests/market_folder.rs"]
mod market_folder;
mod properties;
mod reference;
mod stream;
mod support;
