//! `ModelTrainingJob`: one trained, validated, addressable model for each dataset.

mod algorithm;

use std::collections::BTreeMap;

pub use algorithm::{
    Algorithm, DecisionTree, ElasticNet, GradientBoosting, Kernel, Logistic, RandomForest, SupportVector,
};

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    GateOperator, GateValue, NonNegativeDecimal, ObjectReference, PositiveDecimal, RunSettings,
    status::ModelStatus,
};

/// One trained, validated, addressable model for each dataset of a universe.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "trading.ats.dev",
    version = "v1alpha1",
    kind = "ModelTrainingJob",
    plural = "modeltrainingjobs",
    singular = "modeltrainingjob",
    shortname = "mtj",
    category = "all",
    category = "trading",
    namespaced,
    status = "ModelStatus",
    derive = "PartialEq",
    doc = "One trained, validated, addressable model for each dataset of a universe.",
    selectable = ".spec.universeRef.name",
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name must have at most 40 characters"),
    validation = Rule::new("self.spec.calibration == 'None' || has(self.spec.label.forwardDirection)")
        .message("calibration makes probabilities of a direction: it needs label.forwardDirection"),
    validation = Rule::new("!has(self.spec.search) || !has(self.spec.search.pruning) || has(self.spec.validation.walkForward)")
        .message("search.pruning needs validation.walkForward: folds of other schemes train on what later folds test"),
    validation = Rule::new("!has(self.spec.search) || !has(self.spec.search.pruning) || !has(self.spec.validation.walkForward) || self.spec.search.pruning.minimumFolds < self.spec.validation.walkForward.folds")
        .message("search.pruning.minimumFolds must be below validation.walkForward.folds: else no trial is ever pruned"),
    printcolumn(name = "Universe", type_ = "string", json_path = ".spec.universeRef.name"),
    printcolumn(name = "Algorithm", type_ = "string", json_path = ".status.algorithm"),
    printcolumn(name = "Rank IC", type_ = "string", json_path = ".status.summary.rankIc"),
    printcolumn(name = "Hit Rate", type_ = "string", json_path = ".status.summary.hitRate"),
    printcolumn(name = "Gates", type_ = "string", json_path = ".status.conditions[?(@.type=='GatesPassed')].status"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type=='Ready')].message")
)]
#[serde(rename_all = "camelCase")]
pub struct ModelTrainingJobSpec {
    /// The universe whose dataset the model learns from; cannot be changed later.
    #[x_kube(validation = Rule::new("self == oldSelf").message("universeRef cannot be changed: make a new object"))]
    pub universe_ref: ObjectReference,
    /// Which dataset of the universe.
    #[serde(default)]
    pub dataset: Dataset,
    /// Features to learn from; left out: all of the universe's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), inner(length(min = 1, max = 63)))]
    pub features: Vec<String>,
    /// How features and labels are scaled.
    #[serde(default)]
    pub preprocess: Preprocess,
    /// What is predicted; exactly one member.
    pub label: Label,
    /// How much each training row counts.
    #[serde(default)]
    pub sample_weights: SampleWeights,
    /// How; exactly one member.
    pub algorithm: Algorithm,
    /// How scores of a direction become probabilities.
    #[serde(default)]
    pub calibration: Calibration,
    /// Specifications to try; left out: the algorithm's parameters as they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// How out-of-sample predictions are made. Labels that meet a test window are always purged.
    pub validation: Validation,
    /// What the model must reach to be published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub gates: Vec<ModelGate>,
    /// Decides every random choice.
    #[serde(default)]
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub seed: i64,
    /// Settings that every kind has.
    #[serde(flatten)]
    pub run: RunSettings,
}

/// Which dataset of the universe a model learns from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("(self.policy == 'Pinned') == has(self.digest)")
    .message("digest belongs to policy Pinned, and policy Pinned needs it"))]
pub struct Dataset {
    /// Train again on each new dataset, or stay with one.
    #[serde(default)]
    pub policy: DatasetPolicy,
    /// The dataset to stay with: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 64, max = 64), regex(pattern = r"^[0-9a-f]{64}$"))]
    pub digest: Option<String>,
}

/// Whether a model follows its universe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DatasetPolicy {
    /// Train again on each new dataset digest.
    #[default]
    Latest,
    /// Stay with the dataset named by `digest`.
    Pinned,
}

/// How features and labels are scaled before training.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Preprocess {
    /// Scaling of the features.
    #[serde(default)]
    pub features: FeatureScaling,
    /// Scaling of the label.
    #[serde(default)]
    pub label: LabelScaling,
}

/// Scaling of the features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FeatureScaling {
    /// Zero mean and unit deviation across the active tickers of each date.
    #[default]
    CrossSectionalZScore,
    /// Zero mean and unit deviation of the training rows.
    Standardize,
    /// As they are.
    None,
}

/// Scaling of the label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LabelScaling {
    /// Divided by the deviation of the training rows' labels.
    #[default]
    UnitVariance,
    /// As it is.
    None,
}

/// What is predicted: exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.forwardReturn), has(self.forwardDirection), has(self.tripleBarrier)].filter(x, x).size() == 1")
    .message("set exactly one of forwardReturn, forwardDirection and tripleBarrier"))]
pub struct Label {
    /// The simple return over the coming bars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_return: Option<ForwardLabel>,
    /// The sign of that return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_direction: Option<ForwardLabel>,
    /// Which of three barriers is touched first: -1, 0 or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub triple_barrier: Option<TripleBarrier>,
}

/// A label over a fixed number of bars.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForwardLabel {
    /// Bars held.
    #[schemars(range(min = 1, max = 1000))]
    pub horizon_bars: i32,
    /// Where the holding begins.
    #[serde(default)]
    pub entry: LabelEntry,
}

/// Where a label's holding begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LabelEntry {
    /// The next bar's open.
    #[default]
    NextOpen,
    /// The same bar's close.
    Close,
}

/// A triple-barrier label (Lopez de Prado 2018, chapter 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TripleBarrier {
    /// The vertical barrier, in bars.
    #[schemars(range(min = 1, max = 1000))]
    pub horizon_bars: i32,
    /// The upper barrier, in multiples of the trailing 21-bar volatility.
    pub profit_taking: PositiveDecimal,
    /// The lower barrier, in multiples of the trailing 21-bar volatility.
    pub stop_loss: PositiveDecimal,
}

/// How much each training row counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SampleWeights {
    /// All rows alike.
    #[default]
    Equal,
    /// A row counts less the more of its label's bars it shares with other labels of its ticker: the mean over those
    /// bars of one over the number of labels on each (Lopez de Prado 2018, chapter 4), scaled to a mean of 1.
    Uniqueness,
}

/// How scores of a direction become probabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Calibration {
    /// Not: as the algorithm gives them.
    #[default]
    None,
    /// By a sigmoid (Platt 1999) that is fitted to the last fifth of each training span, which the model it is fitted to
    /// has not seen.
    Sigmoid,
}

/// Specifications to try: of a grid, or drawn at random.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.grid) != has(self.random)").message("set exactly one of grid and random"))]
pub struct Search {
    /// A parameter of the algorithm to the values it takes; every combination is a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 6))]
    pub grid: Option<BTreeMap<String, GridValues>>,
    /// A parameter of the algorithm to the range that its values are drawn from; `maxTrials` combinations are drawn,
    /// which the seed decides. More trials keep those that were drawn before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 6))]
    pub random: Option<BTreeMap<String, RandomRange>>,
    /// By which a fold's winner is picked, inside the fold's training span.
    #[serde(default)]
    pub metric: SearchMetric,
    /// Most trials: a grid of more combinations is an error, `random` draws so many.
    #[serde(default = "default_max_trials")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_trials: i32,
    /// Leaves trials that do badly out of later folds, by successive halving as scikit-learn's `HalvingGridSearchCV` does
    /// it; left out: every trial runs on every fold. Needs `validation.walkForward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruning: Option<Pruning>,
}

/// Successive halving (Jamieson and Talwalkar 2016) over folds, as scikit-learn's `HalvingGridSearchCV` does it: all
/// trials run on the first folds; one in `factor` of them, the best by the mean of their inner scores so far, goes on
/// to `factor` times as many folds, and so on. Trials that are left behind count as trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pruning {
    /// One in so many trials goes on, rounded up; so many times as many folds have been run when trials are compared
    /// again.
    #[serde(default = "default_factor")]
    #[schemars(range(min = 2, max = 100))]
    pub factor: i32,
    /// Folds that every trial runs on, the earliest; fewer than there are.
    #[serde(default = "default_minimum_folds")]
    #[schemars(range(min = 1, max = 199))]
    pub minimum_folds: i32,
}

fn default_factor() -> i32 {
    3
}

fn default_minimum_folds() -> i32 {
    1
}

fn default_max_trials() -> i32 {
    20
}

/// The values that one parameter takes, as decimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct GridValues(#[schemars(length(min = 1, max = 100))] pub Vec<NonNegativeDecimal>);

/// The range that a parameter's values are drawn from, as decimal strings; the ends belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RandomRange {
    /// The least value.
    pub min: NonNegativeDecimal,
    /// The greatest value.
    pub max: NonNegativeDecimal,
    /// Whether values or their logarithms are spread evenly.
    #[serde(default)]
    pub scale: RangeScale,
}

/// What is spread evenly over a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RangeScale {
    /// The values.
    #[default]
    Linear,
    /// Their logarithms, for what differs by orders of magnitude, such as penalties; needs a `min` above 0.
    Log,
}

/// A score by which trials are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SearchMetric {
    /// Mean Spearman correlation of prediction and outcome across the tickers of a date; needs five names a date.
    #[default]
    RankIc,
    /// Mean Pearson correlation; needs five names a date.
    Ic,
    /// Mean squared error, lowest first.
    MeanSquaredError,
    /// Share of predictions with the outcome's sign.
    HitRate,
}

/// How out-of-sample predictions are made: exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.walkForward), has(self.purgedKFold), has(self.combinatorial)].filter(x, x).size() == 1")
    .message("set exactly one of walkForward, purgedKFold and combinatorial"))]
pub struct Validation {
    /// Test windows one after the other, each trained on what lies before it: what a backtest needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk_forward: Option<WalkForward>,
    /// Each group of sessions tested once, trained on all others, later ones too: judges a specification on more data,
    /// and gives no predictions for a backtest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purged_k_fold: Option<PurgedKFold>,
    /// Every choice of several groups of sessions tested, trained on all others (Lopez de Prado 2018, chapter 12): gives
    /// several paths through the history, and no predictions for a backtest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combinatorial: Option<Combinatorial>,
}

/// Purged k-fold cross-validation over sessions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PurgedKFold {
    /// Number of groups of consecutive sessions.
    #[schemars(range(min = 2, max = 100))]
    pub folds: i32,
    /// Sessions behind the last label of a test window that train nothing.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub embargo_bars: i32,
}

/// Combinatorial purged cross-validation over sessions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.testFolds < self.folds").message("testFolds must be below folds: the others are trained on"))]
pub struct Combinatorial {
    /// Number of groups of consecutive sessions.
    #[schemars(range(min = 3, max = 50))]
    pub folds: i32,
    /// How many of them are tested at once.
    #[schemars(range(min = 1, max = 49))]
    pub test_folds: i32,
    /// Sessions behind the last label of a test window that train nothing.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub embargo_bars: i32,
}

/// Walk-forward validation over sessions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WalkForward {
    /// Number of test windows; they end at the last labelled session.
    #[schemars(range(min = 1, max = 200))]
    pub folds: i32,
    /// Sessions in a test window.
    #[schemars(range(min = 1, max = 5000))]
    pub test_bars: i32,
    /// Sessions of training before each window; left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 20, max = 20_000))]
    pub train_bars: Option<i32>,
}

/// A bound that a figure of the model card must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelGate {
    /// The figure.
    pub metric: ModelMetric,
    /// How it is held against the value.
    pub operator: GateOperator,
    /// The bound.
    pub value: GateValue,
}

/// A figure of the model card, over the stitched out-of-sample predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ModelMetric {
    /// Mean Spearman correlation across the tickers of a date.
    RankIc,
    /// Mean Pearson correlation across the tickers of a date.
    Ic,
    /// Mean over deviation of the rank IC over non-overlapping dates.
    Icir,
    /// Share of predictions with the outcome's sign.
    HitRate,
    /// Mean squared error.
    MeanSquaredError,
    /// Probabilistic Sharpe ratio of the top minus the bottom quintile.
    ProbabilisticSharpe,
    /// Deflated Sharpe ratio, by the number of all specifications that were tried under the name.
    DeflatedSharpe,
}
