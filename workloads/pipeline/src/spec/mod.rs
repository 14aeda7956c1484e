//! The part of each spec that decides its stage's output, checked: what a key is made of and what a pod computes with.
//!
//! Nothing here names a path, an image, a host or a time. Each module holds its stage's `REVISION`, an integer that is
//! raised when the stage's code may give another output for the same spec; golden artifacts fail the build when an
//! output changed and the revision did not.

pub mod acquire;
pub mod algorithm;
pub mod backtest;
pub mod features;
pub mod pruning;
pub mod publish;
pub mod search;
pub mod select;
pub mod train;

use ats_crds::status::StageName;
use serde::{Deserialize, Serialize};

pub use acquire::{AcquireSpec, AcquireUnitSpec, OwnColumnSpec, SourceSpec};
pub use algorithm::AlgorithmSpec;
pub use backtest::{
    BacktestSpec, DistanceSpec, EntrySpec, RatesSpec, SignalSpec, SizingSpec, StopSpec, StrategyCore,
    TakeProfitSpec, TradeSpec,
};
pub use features::{FeaturesSpec, NamedExpression};
pub use pruning::{PruningSpec, Rung};
pub use publish::{PublishSpec, QualitySpec, SelectionSpec};
pub use search::{SearchSpec, StrategyTrial};
pub use select::SelectSpec;
pub use train::{
    CombinatorialSpec, LabelSpec, PurgedKFoldSpec, TrainSpec, TrialSpec, ValidationSpec, WalkForwardSpec,
};

/// What was the only way before there was a choice is left out of keys and cards, so that they stay as they were.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The spec of any stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "stage", content = "spec")]
pub enum StageSpec {
    /// Bars and corporate actions.
    Acquire(AcquireSpec),
    /// Time-series features.
    Features(FeaturesSpec),
    /// Selection, cross-section, quality, dataset.
    Publish(PublishSpec),
    /// Trials times folds.
    Train(TrainSpec),
    /// The winner.
    Select(SelectSpec),
    /// A strategy over history.
    Backtest(BacktestSpec),
    /// A strategy bar by bar.
    Trade(TradeSpec),
}

impl StageSpec {
    /// The stage.
    pub fn stage(&self) -> StageName {
        match self {
            Self::Acquire(_) => StageName::Acquire,
            Self::Features(_) => StageName::Features,
            Self::Publish(_) => StageName::Publish,
            Self::Train(_) => StageName::Train,
            Self::Select(_) => StageName::Select,
            Self::Backtest(_) => StageName::Backtest,
            Self::Trade(_) => StageName::Trade,
        }
    }

    /// The revision of the stage's code.
    pub fn revision(&self) -> u32 {
        match self {
            Self::Acquire(_) => acquire::REVISION,
            Self::Features(_) => features::REVISION,
            Self::Publish(_) => publish::REVISION,
            Self::Train(_) => train::REVISION,
            Self::Select(_) => select::REVISION,
            Self::Backtest(_) => backtest::REVISION,
            Self::Trade(_) => backtest::TRADE_REVISION,
        }
    }
}
