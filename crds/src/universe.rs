//! `TradingUniverse`: which tickers, from where, with which features.

use std::{borrow::Cow, collections::BTreeMap};

use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{
    DateString, MAX_EXPRESSION_LENGTH, MAX_TICKER_LENGTH, Rebalance, RunSettings, SecretReference,
    UnitFraction, VolumeClaim, status::UniverseStatus,
};

/// Which tickers, from where, with which features: acquired, checked, and published as one dataset.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "trading.ats.dev",
    version = "v1alpha1",
    kind = "TradingUniverse",
    plural = "tradinguniverses",
    singular = "tradinguniverse",
    shortname = "tu",
    category = "all",
    category = "trading",
    namespaced,
    status = "UniverseStatus",
    derive = "PartialEq",
    doc = "Which tickers, from where, with which features: acquired, checked, and published as one dataset.",
    selectable = ".spec.interval",
    selectable = ".spec.calendar",
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name must have at most 40 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Active", type_ = "integer", json_path = ".status.activeTickers"),
    printcolumn(name = "Focus", type_ = "integer", json_path = ".status.focusTickers"),
    printcolumn(name = "Dataset", type_ = "string", json_path = ".status.artifact.shortDigest"),
    printcolumn(name = "Fresh", type_ = "string", json_path = ".status.conditions[?(@.type=='Fresh')].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type=='Ready')].message")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.history.end) || has(self.schedule)")
    .message("set history.end, or a schedule that brings new sessions"))]
#[x_kube(validation = Rule::new("!has(self.artifactStore) || !has(self.artifactStore.volumeClaim) || !has(self.source.files) || !has(self.source.files.volumeClaim) || self.artifactStore.volumeClaim.mountPath != self.source.files.volumeClaim.mountPath || self.artifactStore.volumeClaim.claimName == self.source.files.volumeClaim.claimName")
    .message("two claims cannot be mounted at one path: set another mountPath in artifactStore.volumeClaim or in source.files.volumeClaim"))]
#[x_kube(validation = Rule::new("!has(self.columns) || self.columns.size() == 0 || has(self.source.files)")
    .message("files of columns lie in the folder of source.files: set source.files, or leave columns out"))]
#[x_kube(validation = Rule::new("!has(self.membership) || has(self.source.files)")
    .message("membership.file lies in the folder of source.files: set source.files, or leave membership out"))]
pub struct TradingUniverseSpec {
    /// Symbols to acquire, 1 to 5000, each once; their order does not matter.
    #[schemars(length(min = 1, max = 5000), inner(length(min = 1, max = MAX_TICKER_LENGTH)))]
    pub tickers: Vec<String>,
    /// Where bars and corporate actions come from; exactly one member.
    pub source: Source,
    /// The length of a bar.
    #[serde(default)]
    pub interval: BarInterval,
    /// The span of sessions to acquire.
    pub history: History,
    /// The exchange whose sessions the bars belong to; one for each universe.
    #[serde(default)]
    pub calendar: CalendarName,
    /// How the columns `open high low close volume` of expressions are adjusted; `raw_…` never are.
    #[serde(default)]
    pub adjustment: Adjustment,
    /// When to look for new sessions; only the latest tick counts, a running one finishes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// What share of missing sessions is accepted, and what happens beyond it.
    #[serde(default)]
    pub quality: Quality,
    /// Which tickers belonged to the universe when: a ticker counts on a date only when this table says so. Left out:
    /// all tickers of the list count from their first bar on, a choice made with hindsight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
    /// Which tickers are active and in focus at each date; left out: all that are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// Numbers of your own, 32 at most, joined as they were known. Each is a feature by its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub columns: Vec<OwnColumn>,
    /// Columns to compute, 200 at most; their order does not matter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub features: Vec<Feature>,
    /// How the tickers are divided over pods; decides no output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharding: Option<Sharding>,
    /// Settings that every kind has.
    #[serde(flatten)]
    pub run: RunSettings,
}

/// Where bars come from: exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.files) != has(self.synthetic)")
    .message("set exactly one of files and synthetic"))]
pub struct Source {
    /// Files of bars and corporate actions in a folder or bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<FilesSource>,
    /// Made-up bars, the same for the same seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<SyntheticSource>,
}

/// Files `bars/TICKER.csv` (or `.csv.gz`, `.parquet`) and, where there are any, `actions/TICKER.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilesSource {
    /// The folder that holds `bars` and `actions`: `file://`, `s3://`, `gs://` or `az://`.
    #[schemars(length(min = 6, max = 1024))]
    #[x_kube(validation = Rule::new("self.matches('^(file|s3|gs|az)://.+')")
        .message("must begin with file://, s3://, gs:// or az://"))]
    pub uri: String,
    /// The form of the files.
    #[serde(default)]
    pub format: FileFormat,
    /// Names of the files' columns, where they differ from ours: our name to the file's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new("self.all(name, name in ['date', 'timestamp', 'open', 'high', 'low', 'close', 'volume'])")
        .message("columns are named date or timestamp, open, high, low, close, volume"))]
    #[schemars(extend("maxProperties" = 8))]
    pub columns: BTreeMap<String, ColumnName>,
    /// The claim that a `file://` URI lies on; required in a cluster, ignored by the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_claim: Option<VolumeClaim>,
    /// A Secret whose keys are the store's settings (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
}

/// The name of a column in a user's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ColumnName(#[schemars(length(min = 1, max = 128))] pub String);

/// A table beside the bars that says who belonged to the universe when: columns `ticker`, `from`, `to` (dates, both
/// included; an empty `to`: still a member) and, where there is one, `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Membership {
    /// Where the table lies.
    pub file: TablePath,
}

/// A column of a table beside the bars, whose rows hold `ticker`, `known_at` (an instant) and the column. A bar has the
/// value of the ticker's last row that was known when the bar was complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct OwnColumn {
    /// The name that expressions, rules and models use.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z][a-z0-9_]*$')")
        .message("must be lower-case letters, digits and underscores, and begin with a letter"))]
    pub name: String,
    /// Where the table lies.
    pub file: TablePath,
    /// The column's name in the table, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<ColumnName>,
}

/// A file inside the folder of `source.files`, its form told by its ending: `.csv`, `.csv.gz` or `.parquet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TablePath(pub String);

impl JsonSchema for TablePath {
    fn schema_name() -> Cow<'static, str> {
        "TablePath".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 256,
            "x-kubernetes-validations": [{
                "rule": r"self.matches('^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*[.](csv|csv[.]gz|parquet)$')",
                "message": "must be a path inside the folder of source.files that ends in .csv, .csv.gz or .parquet, such as tables/members.csv",
            }],
        })
    }
}

/// The form of files of bars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FileFormat {
    /// Comma-separated values with a header, plain or gzip (`.csv.gz`).
    #[default]
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// Bars made by a seeded random process: no market, for trials and for scale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyntheticSource {
    /// The same seed gives the same bars, for each ticker on its own.
    #[schemars(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub seed: i64,
    /// The process.
    #[serde(default)]
    pub model: SyntheticModel,
}

/// A random process that makes bars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SyntheticModel {
    /// Geometric Brownian motion.
    #[default]
    GeometricBrownian,
    /// Calm and turbulent regimes with their own drift and volatility.
    RegimeSwitching,
}

/// The length of a bar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum BarInterval {
    /// One minute.
    #[serde(rename = "1m")]
    OneMinute,
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// A quarter of an hour.
    #[serde(rename = "15m")]
    FifteenMinutes,
    /// One hour.
    #[serde(rename = "1h")]
    OneHour,
    /// One session.
    #[default]
    #[serde(rename = "1d")]
    OneDay,
}

impl BarInterval {
    /// The text of the API: `1m`, `5m`, `15m`, `1h`, `1d`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneMinute => "1m",
            Self::FiveMinutes => "5m",
            Self::FifteenMinutes => "15m",
            Self::OneHour => "1h",
            Self::OneDay => "1d",
        }
    }
}

/// An exchange's calendar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CalendarName {
    /// The New York Stock Exchange, from 1990 on.
    #[default]
    XNYS,
}

impl CalendarName {
    /// The market identifier code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::XNYS => "XNYS",
        }
    }
}

/// The sessions to acquire, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.end) || self.start <= self.end")
    .message("start must not lie after end"))]
pub struct History {
    /// First session to acquire; a ticker that was listed later begins later.
    pub start: DateString,
    /// Last session to acquire; left out: the latest complete one at the schedule's latest tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<DateString>,
}

/// How prices in expressions are adjusted for corporate actions, always forward in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Adjustment {
    /// For splits and for dividends.
    #[default]
    SplitsAndDividends,
    /// For splits alone.
    Splits,
    /// Not at all.
    None,
}

/// A cron schedule in a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Five fields: minute, hour, day of month, month, day of week.
    #[schemars(length(min = 9, max = 128))]
    pub cron: String,
    /// A name of the IANA time zone database.
    #[serde(default = "default_time_zone")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
}

fn default_time_zone() -> String {
    "America/New_York".to_owned()
}

/// What share of missing sessions is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// Share of the trailing 252 sessions since listing that a ticker may lack.
    #[serde(default = "default_max_missing")]
    pub max_missing_sessions: UnitFraction,
    /// What a breach does.
    #[serde(default)]
    pub on_breach: OnBreach,
}

fn default_max_missing() -> UnitFraction {
    UnitFraction::new("0.02")
}

impl Default for Quality {
    fn default() -> Self {
        Self { max_missing_sessions: default_max_missing(), on_breach: OnBreach::default() }
    }
}

/// What a breach of the quality bound does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnBreach {
    /// The ticker is inactive on the dates of the breach; its past stays.
    #[default]
    Deactivate,
    /// The stage fails.
    Fail,
}

/// Which tickers are active, and which of those may open positions, decided from what was known at each date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.focusUniverseSize <= self.maxActiveTickers")
    .message("focusUniverseSize must not exceed maxActiveTickers"))]
pub struct Selection {
    /// How many of the ranking's first tickers are active.
    #[schemars(range(min = 1, max = 5000))]
    pub max_active_tickers: i32,
    /// How many of the active tickers may open positions.
    #[schemars(range(min = 1, max = 5000))]
    pub focus_universe_size: i32,
    /// An expression, highest first; ties by ticker.
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub rank_by: String,
    /// When the ranking is made; it holds from the next session.
    #[serde(default)]
    pub rebalance: Rebalance,
}

/// A named column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Feature {
    /// The column's name, which later expressions use.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z][a-z0-9_]*$')")
        .message("must be lower-case letters, digits and underscores, and begin with a letter"))]
    pub name: String,
    /// Its formula in the expression language.
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub expression: String,
}

/// How tickers are divided over pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sharding {
    /// How many tickers a pod takes, about: they are divided by hash.
    #[serde(default = "default_tickers_per_shard")]
    #[schemars(range(min = 1, max = 5000))]
    pub tickers_per_shard: i32,
    /// How many pods run at once.
    #[serde(default = "default_parallelism")]
    #[schemars(range(min = 1, max = 256))]
    pub parallelism: i32,
}

fn default_tickers_per_shard() -> i32 {
    50
}

fn default_parallelism() -> i32 {
    8
}

impl Default for Sharding {
    fn default() -> Self {
        Self { tickers_per_shard: default_tickers_per_shard(), parallelism: default_parallelism() }
    }
}
