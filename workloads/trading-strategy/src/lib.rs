//! Stages backtest and trade: signals, sizing, fills, statistics, the report and paper trading.
//!
//! - [`engine`]: the state machine that backtests and paper trading share; one [`engine::Slice`] a step.
//! - [`market`], [`signals`], [`slices`]: from a universe's files to slices.
//! - [`convert`]: from a stage's spec to the engine's settings.
//! - [`record`]: from the engine's events to rows.
//! - [`load`], [`stage`]: the store around it.
//! - [`backtest`]: all of these over a span, with [`statistics`], [`tables`] and the [`report`].

pub mod backtest;
pub mod convert;
mod describe;
pub mod engine;
pub mod load;
pub mod market;
pub mod record;
pub mod report;
pub mod signals;
pub mod slices;
pub mod stage;
pub mod statistics;
pub mod tables;

use ats_pipeline::{Outcome, StageFile, StageSpec};
use ats_store::{StageContext, StageError};

/// Runs stage `backtest`.
///
/// # Errors
/// When the stage's file is of another stage, or as [`stage::run`].
pub async fn run(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    match &file.spec {
        StageSpec::Backtest(_) => stage::run(file, context).await,
        _ => Err(StageError::bad_spec(format!(
            "trading-strategy runs stage backtest; this file is of {}",
            file.stage()
        ))),
    }
}
