//! Tests of backtests and of paper trading, against other engines and for what they promise.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed test is told by a panic, what could not be tested by a line"
)]

mod backtest;
mod common;
#[path = "../../../../tests/market_folder.rs"]
mod market_folder;
mod paper;
mod reference_actions;
mod reference_differences;
mod reference_engine;
mod reference_engines;
mod reference_entries;
mod reference_execution;
mod reference_search;
mod reference_strategies;
mod reference_trades;
mod reference_weights;
mod search;
mod slices;
mod stage;
