//! What the operator (and `ats run`) writes back: conditions, stages, figures, lineage, failures.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most failures kept.
pub const MAX_FAILURES: usize = 20;
/// Most entries of history kept.
pub const MAX_HISTORY: usize = 5;
/// Most figures kept.
pub const MAX_METRICS: usize = 32;
/// Specifications kept of a model: the present one and the one before it, whose output lists all that was tried.
pub const MAX_SPECIFICATIONS: usize = 2;
/// Most bytes of a message.
pub const MAX_MESSAGE: usize = 1024;

/// A stage of a pipeline, by the name that stands in labels, folders and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StageName {
    /// Bars and corporate actions from the source.
    Acquire,
    /// Time-series features of each ticker.
    Features,
    /// Selection, cross-sectional features, quality report, dataset.
    Publish,
    /// Trials times folds.
    Train,
    /// The winner, the model, its card.
    Select,
    /// A strategy over history.
    Backtest,
    /// A strategy bar by bar.
    Trade,
}

impl StageName {
    /// The text in labels, folders and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acquire => "acquire",
            Self::Features => "features",
            Self::Publish => "publish",
            Self::Train => "train",
            Self::Select => "select",
            Self::Backtest => "backtest",
            Self::Trade => "trade",
        }
    }
}

impl std::fmt::Display for StageName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum StageState {
    /// Its inputs are not there yet.
    Pending,
    /// Its Job exists and no pod runs yet.
    Queued,
    /// At least one pod runs.
    Running,
    /// Done; something was computed.
    Succeeded,
    /// Done; everything was in the store already.
    CacheHit,
    /// Ended without a result.
    Failed,
    /// Held by `suspend`.
    Suspended,
}

impl StageState {
    /// Whether the stage has its output.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Succeeded | Self::CacheHit)
    }
}

/// One stage of the object's pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageStatus {
    /// The stage.
    pub name: StageName,
    /// Its key: sha256 of what decides its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Digest of the place that its source's files lie at; the place is not in the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_digest: Option<String>,
    /// Where it is.
    pub state: StageState,
    /// How many Jobs it has had for this key.
    #[serde(default)]
    pub attempt: i32,
    /// The Job, or Deployment, that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_name: Option<String>,
    /// Completed over total shards, `3/8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// Units computed by this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<i64>,
    /// Units found in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<i64>,
    /// Digest of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The last problem, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the Job was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
}

impl StageStatus {
    /// A stage of which nothing is known.
    pub fn pending(name: StageName) -> Self {
        Self {
            name,
            key: None,
            source_digest: None,
            state: StageState::Pending,
            attempt: 0,
            job_name: None,
            progress: None,
            computed: None,
            reused: None,
            digest: None,
            message: None,
            started_at: None,
            finished_at: None,
        }
    }
}

/// The published output of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Stage that wrote it.
    pub stage: StageName,
    /// Key of that stage.
    pub key: String,
    /// Digest of the output: 64 hexadecimal digits.
    pub digest: String,
    /// Its first 12 digits, for tables.
    pub short_digest: String,
}

/// An input of the published output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputStatus {
    /// `TradingUniverse/us-large-caps`, `acquire`.
    pub name: String,
    /// Its digest.
    pub digest: String,
}

/// One of the last published outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntry {
    /// Digest of the output.
    pub digest: String,
    /// The spec's generation that gave it.
    pub generation: i64,
    /// When it was published.
    pub at: Time,
}

/// One failure, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The stage it happened in.
    pub stage: StageName,
    /// The shard of the stage's Job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<i32>,
    /// The ticker, or another unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticker: Option<String>,
    /// What sort of failure.
    pub category: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// A specification of a model whose trials have been counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpecificationStatus {
    /// Digest of what was tried: features, label, validation, trials, seed.
    pub specification: String,
    /// Key of stage `select` of its last run.
    pub key: String,
    /// Digest of the output of its last run, which lists all trials so far.
    pub digest: String,
}

/// Figures by name, as decimal text, so that no client changes their digits.
pub type Metrics = BTreeMap<String, String>;

/// What the status of every kind holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonStatus {
    /// The generation that this status speaks of; -1 before the first.
    #[serde(default = "never_observed")]
    pub observed_generation: i64,
    /// `Ready`, `Reconciling` while it works, `Stalled` when a user has to act, and those of the kind; each with a
    /// reason and a message in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
    /// The stages, in order: where each is, its key, its Job, its output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub stages: Vec<StageStatus>,
    /// The published output: what those that refer to this object use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// What the published output came from, by name and digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub inputs: Vec<InputStatus>,
    /// Figures by name, all digits; ratios are fractions, money is in dollars. A figure without a value is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: Metrics,
    /// Some of these, rounded for tables: `sharpe`, `rankIc`; `maxDrawdown` and `hitRate` in per cent; `equity` in
    /// dollars and cents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub summary: Metrics,
    /// Digests of the last published outputs, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub history: Vec<HistoryEntry>,
    /// What failed, in words; of a stage that is tried again only what stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub failures: Vec<Failure>,
    /// The value of the retry annotation that has been acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_retry: Option<String>,
}

/// The figures of tables, rounded: see [`CommonStatus::summary`].
#[must_use]
pub fn summary(metrics: &Metrics) -> Metrics {
    let rounded = |name: &str| {
        let value = metrics.get(name)?.parse::<f64>().ok()?;
        let text = match name {
            "maxDrawdown" | "hitRate" => format!("{}%", decimals(value * 100.0, 1)),
            "equity" => decimals(value, 2),
            _ => decimals(value, 3),
        };
        Some((name.to_owned(), text))
    };
    ["equity", "hitRate", "maxDrawdown", "rankIc", "sharpe"].into_iter().filter_map(rounded).collect()
}

/// A number with so many decimals, without a sign where they are all zero.
fn decimals(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.bytes().all(|byte| matches!(byte, b'0' | b'.')) => zero.to_owned(),
        _ => text,
    }
}

fn never_observed() -> i64 {
    -1
}

/// What the operator writes about a `TradingUniverse`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UniverseStatus {
    /// What every kind has.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Tickers active at the dataset's last session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_tickers: Option<i64>,
    /// Tickers in focus at the dataset's last session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus_tickers: Option<i64>,
    /// The last session acquired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of_session: Option<String>,
    /// The schedule's latest tick that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tick: Option<Time>,
}

/// What the operator writes about a `ModelTrainingJob`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// What every kind has.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// The algorithm's name, for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The last two specifications, newest first, by which trials are counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    pub specifications: Vec<SpecificationStatus>,
}

/// What the operator writes about a `Strategy`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrategyStatus {
    /// What every kind has.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Whether a halt stands, for tables: `True` or `False`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
    /// The halt that stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<Halt>,
}

/// A halt of trading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Halt {
    /// To be named in the annotation `trading.ats.dev/reset-halt`.
    pub id: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Time,
}

/// Status of any of the three kinds, for code that serves them alike.
pub trait HasCommonStatus {
    /// The shared part.
    fn common(&self) -> &CommonStatus;
    /// The shared part, to change.
    fn common_mut(&mut self) -> &mut CommonStatus;
}

macro_rules! has_common_status {
    ($($kind:ty),+) => {$(
        impl HasCommonStatus for $kind {
            fn common(&self) -> &CommonStatus { &self.common }
            fn common_mut(&mut self) -> &mut CommonStatus { &mut self.common }
        }
    )+};
}
has_common_status!(UniverseStatus, ModelStatus, StrategyStatus);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_show_a_few_digits_with_their_unit() {
        let metrics = [
            ("sharpe", "0.47630779818717267"),
            ("maxDrawdown", "-0.06529061572092565"),
            ("equity", "126918.722919"),
            ("hitRate", "0.5504222553402881"),
            ("rankIc", "-0.00001"),
            ("volatility", "0.3"),
        ];
        let metrics = metrics.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let expected = [
            ("sharpe", "0.476"),
            ("maxDrawdown", "-6.5%"),
            ("equity", "126918.72"),
            ("hitRate", "55.0%"),
            ("rankIc", "0.000"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(summary(&metrics), expected);
    }
}
