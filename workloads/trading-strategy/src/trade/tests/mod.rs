//! Tests of the trade stage: a market of its own, with splits, dividends, gaps and stops.

#[cfg(feature = "cluster")]
mod cluster;
mod crashes;
mod halts;
mod market;
mod reconciliation;
mod replay;

#[path = "../../../../ledger/tests/support/mod.rs"]
mod support;
