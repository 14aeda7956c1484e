//! Stages backtest and trade: signals, sizing, fills, statistics, the report and paper trading.
//!
//! - [`engine`]: the state machine that backtests and paper trading share; one [`engine::Slice`] a step.
//! - [`market`], [`signals`], [`slices`]: from a universe's files to slices.
//! - [`convert`]: from a stage's spec to the engine's settings.
//! - [`record`]: from the engine's events to rows.
//! - [`load`], [`stage`]: the store around it.
//! - [`search`]: parameters chosen walk-forward.
//! - [`backtest`]: all of these over a span, with [`statistics`], [`tables`] and the [`report`]; [`parts`]: the same part
//!   by part, where the bars are too many for memory.
//! - [`explain`]: what is behind a decision.
//! - [`trade`]: paper trading, bar by bar, with a ledger.

pub mod backtest;
pub mod convert;
mod describe;
pub mod engine;
pub mod explain;
pub mod load;
pub mod market;
pub mod parts;
pub mod record;
pub mod report;
pub mod search;
pub mod signals;
pub mod slices;
pub mod stage;
pub mod statistics;
pub mod tables;
pub mod trade;

use ats_pipeline::{Outcome, StageFile, StageSpec};
use ats_store::{StageContext, StageError};

/// Runs stages `backtest` and `trade`.
///
/// # Errors
/// When the stage's file is of another stage, or as [`stage::run`].
pub async fn run(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    match &file.spec {
        StageSpec::Backtest(_) => stage::run(file, context).await,
        StageSpec::Trade(_) => trade::run_pod(file, context).await,
        _ => Err(StageError::bad_spec(format!(
            "trading-strategy runs stages backtest and trade; this file is of {}",
            file.stage()
        ))),
    }
}
