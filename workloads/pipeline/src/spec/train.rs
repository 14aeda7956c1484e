//! Stage `train`: every trial on every fold. Unit: trial and fold, named by the trial's parameters and the fold:
//! `elasticNet-l1Ratio-0.5-penalty-0.001-fold-007`.

use ats_calendar::Interval;
use ats_crds::{
    model::{Calibration, FeatureScaling, LabelEntry, LabelScaling, SampleWeights, SearchMetric},
    status::StageName,
    universe::CalendarName,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{AlgorithmSpec, PruningSpec, Rung, is_default};
use crate::{Digest, KeyError};

/// Raised when the stage may give another output for the same spec.
///
/// 2: units are named by the trial's parameters, not by its place in the grid. 3: the depth of a forest's trees counts
/// splits. 4: forests and boosting learn from columns in bins; sums of linear models run in another order. 5: figures
/// have a turnover.
pub const REVISION: u32 = 5;

/// What decides all predictions of all trials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrainSpec {
    /// Columns to learn from, sorted.
    pub features: Vec<String>,
    /// Scaling of the features.
    pub feature_scaling: FeatureScaling,
    /// Scaling of the label.
    pub label_scaling: LabelScaling,
    /// What is predicted.
    pub label: LabelSpec,
    /// How much each training row counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sample_weights: SampleWeights,
    /// How scores become probabilities.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calibration: Calibration,
    /// The specifications, each once, in canonical order.
    pub trials: Vec<TrialSpec>,
    /// By which a fold's winner is picked.
    pub metric: SearchMetric,
    /// Which trials are left out of later folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruning: Option<PruningSpec>,
    /// The folds.
    #[serde(flatten)]
    pub validation: ValidationSpec,
    /// Length of a bar.
    pub interval: Interval,
    /// The exchange.
    pub calendar: CalendarName,
}

impl TrainSpec {
    /// Names of the units of every trial on every fold, trial by trial. A pruned search computes a part of them.
    pub fn unit_names(&self) -> Vec<String> {
        let folds = self.validation.folds();
        self.trials.iter().flat_map(|trial| (0..folds).map(move |fold| trial.unit_name(fold))).collect()
    }

    /// The rungs of its search; a single one where nothing is pruned.
    pub fn rungs(&self) -> Vec<Rung> {
        Rung::all(self.pruning, self.trials.len(), self.validation.folds())
    }

    /// Digest of this spec and the seed: by it a model's specification is told from the ones before it.
    ///
    /// # Errors
    /// When the spec has no canonical JSON, which is a defect.
    pub fn digest(&self, seed: i64) -> Result<Digest, KeyError> {
        digest(self, Some(seed))
    }

    /// For each trial what it is counted by among all that was tried under a name: the first 12 digits of the digest of
    /// this spec as it would be of that trial alone, without a search, and of the seed where the algorithm draws. What
    /// only says which trials run, and which of them wins, makes no trial another one; neither does another dataset.
    ///
    /// # Errors
    /// When the spec has no canonical JSON, which is a defect.
    pub fn trial_digests(&self, seed: i64) -> Result<Vec<String>, KeyError> {
        let shared =
            Self { trials: Vec::new(), metric: SearchMetric::default(), pruning: None, ..self.clone() };
        let of = |trial: &TrialSpec| {
            let alone = Self { trials: vec![trial.clone()], ..shared.clone() };
            digest(&alone, trial.algorithm.draws().then_some(seed)).map(|digest| digest.short())
        };
        self.trials.iter().map(of).collect()
    }
}

fn digest(spec: &TrainSpec, seed: Option<i64>) -> Result<Digest, KeyError> {
    /// What decides the figures on given data.
    #[derive(Serialize)]
    struct Material<'a> {
        spec: &'a TrainSpec,
        seed: Option<i64>,
    }
    let json = serde_json_canonicalizer::to_vec(&Material { spec, seed })
        .map_err(|source| KeyError { stage: StageName::Train, source })?;
    Ok(Digest::of(&json))
}

/// One specification to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialSpec {
    /// The algorithm with all of its parameters.
    pub algorithm: AlgorithmSpec,
}

impl TrialSpec {
    /// Name of the unit of this trial and a fold, which counts from 0.
    ///
    /// The name is part of the unit's manifest, so it says nothing that is not in the unit's key: a place in the grid
    /// would make the manifest depend on which grid asked first.
    pub fn unit_name(&self, fold: usize) -> String {
        let mut name = self.algorithm.name().to_owned();
        for (parameter, value) in self.algorithm.parameters() {
            name.push_str(&format!("-{parameter}-{value}"));
        }
        format!("{name}-fold-{fold:03}")
    }
}

/// What is predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum LabelSpec {
    /// The simple return.
    ForwardReturn {
        /// Bars held.
        horizon_bars: u32,
        /// Where the holding begins.
        entry: LabelEntry,
    },
    /// Its sign.
    ForwardDirection {
        /// Bars held.
        horizon_bars: u32,
        /// Where the holding begins.
        entry: LabelEntry,
    },
    /// Which barrier is touched first.
    TripleBarrier {
        /// The vertical barrier.
        horizon_bars: u32,
        /// The upper one, in multiples of trailing volatility.
        profit_taking: Decimal,
        /// The lower one, in multiples of trailing volatility.
        stop_loss: Decimal,
    },
}

/// How out-of-sample predictions are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ValidationSpec {
    /// Test windows one after the other, each trained on what lies before it.
    WalkForward(WalkForwardSpec),
    /// Each group of sessions tested once, trained on the others.
    PurgedKFold(PurgedKFoldSpec),
    /// Every choice of several groups tested, trained on the others.
    Combinatorial(CombinatorialSpec),
}

impl ValidationSpec {
    /// How many folds are trained; for a combinatorial scheme the number of choices.
    pub fn folds(&self) -> usize {
        match self {
            Self::WalkForward(scheme) => scheme.folds as usize,
            Self::PurgedKFold(scheme) => scheme.folds as usize,
            Self::Combinatorial(scheme) => scheme.choices(),
        }
    }

    /// The name in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WalkForward(_) => "walkForward",
            Self::PurgedKFold(_) => "purgedKFold",
            Self::Combinatorial(_) => "combinatorial",
        }
    }
}

/// Purged k-fold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurgedKFoldSpec {
    /// Number of groups of sessions.
    pub folds: u32,
    /// Sessions behind a test window that train nothing.
    pub embargo_bars: u32,
}

/// Combinatorial purged cross-validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CombinatorialSpec {
    /// Number of groups of sessions.
    pub folds: u32,
    /// How many of them are tested at once.
    pub test_folds: u32,
    /// Sessions behind a test window that train nothing.
    pub embargo_bars: u32,
}

impl CombinatorialSpec {
    /// How many ways there are to choose the tested groups; `usize::MAX` when it does not fit.
    pub fn choices(&self) -> usize {
        let (all, chosen) = (u128::from(self.folds), u128::from(self.test_folds.min(self.folds)));
        let mut choices: u128 = 1;
        for i in 0..chosen {
            // Exact at each step: a product of i + 1 consecutive numbers is divisible by their factorial.
            choices = choices.saturating_mul(all - i) / (i + 1);
        }
        usize::try_from(choices).unwrap_or(usize::MAX)
    }
}

/// Walk-forward windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalkForwardSpec {
    /// Number of test windows.
    pub folds: u32,
    /// Sessions in each.
    pub test_bars: u32,
    /// Sessions of training before each; none: all.
    pub train_bars: Option<u32>,
}
