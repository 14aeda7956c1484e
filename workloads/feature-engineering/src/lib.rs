//! Stages `features` and `publish` of a trading universe.
//!
//! - [`features`]: each ticker's time-series features; the unit is the ticker, one in memory for each job at a time.
//! - [`publish`]: which tickers are active and in focus at each session, features across the active tickers, the
//!   quality report, and the lineage that makes a dataset of it all.
//! - [`export`]: a dataset's features as one table.
//! - [`tickers`]: bars and features of one ticker, from the store.
//!
//! A ticker that has no usable bars is an output: a row of the quality report, never active.

pub mod error;
pub mod export;
pub mod features;
pub mod publish;
mod scope;
pub mod tickers;

use ats_pipeline::{Outcome, StageFile, StageSpec};
use ats_store::{StageContext, StageError};

pub use error::FeatureError;

/// Runs stage `features` (this shard of it) or `publish`.
///
/// # Errors
/// When the stage's file is of another stage, when its inputs are not in the store, when the data is refused
/// (`onBreach: Fail`, or no usable ticker), or when the output differs from the one that stands under its key.
pub async fn run(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    match &file.spec {
        StageSpec::Features(spec) => features::run(file, spec, context).await,
        StageSpec::Publish(spec) => publish::run(file, spec, context).await,
        _ => Err(StageError::bad_spec(format!(
            "feature-engineering runs stages features and publish; this file is of {}",
            file.stage()
        ))),
    }
}
