//! Each stage's library.

use ats_pipeline::{Outcome, StageFile, StageSpec};
use ats_store::{StageContext, StageError};

/// Runs a stage in this process.
pub(super) async fn execute(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    match &file.spec {
        StageSpec::Acquire(_) => ats_data_acquisition::stage::run(file, context).await,
        StageSpec::Features(_) | StageSpec::Publish(_) => ats_feature_engineering::run(file, context).await,
        StageSpec::Train(_) | StageSpec::Select(_) => ats_model_training::stage::run(file, context).await,
        StageSpec::Backtest(_) => ats_trading_strategy::run(file, context).await,
        StageSpec::Trade(_) => Err(StageError::bad_spec("stage trade is not run by this function")),
    }
}
