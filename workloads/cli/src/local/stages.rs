//! Each stage's library.

use ats_crds::Strategy;
use ats_pipeline::{Outcome, StageFile, StageSpec, contract::TradingState};
use ats_store::{StageContext, StageError};
use ats_trading_strategy::trade::{Directives, run_local};
use kube::ResourceExt;

/// Runs a stage in this process.
pub(super) async fn execute(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    match &file.spec {
        StageSpec::Acquire(_) => ats_data_acquisition::stage::run(file, context).await,
        StageSpec::Features(_) | StageSpec::Publish(_) => ats_feature_engineering::run(file, context).await,
        StageSpec::Train(_) | StageSpec::Select(_) => ats_model_training::stage::run(file, context).await,
        StageSpec::Backtest(_) => ats_trading_strategy::run(file, context).await,
        StageSpec::Trade(_) => Err(StageError::internal("stage trade has an entry of its own")),
    }
}

/// Trades on paper up to the dataset's last bar; halts come from the object as they do in a cluster.
pub(super) async fn trade(
    file: &StageFile,
    context: &StageContext,
    ledger: &str,
    strategy: &Strategy,
) -> Result<(Outcome, Option<TradingState>), StageError> {
    let annotations = strategy.annotations();
    let directives = Directives::of(strategy.spec.kill_switch, |name| annotations.get(name).cloned());
    run_local(file, context, ledger, directives).await
}
