//! Stage `acquire`: bars and corporate actions of each ticker. Unit: the ticker.

use std::collections::BTreeMap;

use ats_calendar::Interval;
use ats_crds::universe::{CalendarName, FileFormat, SyntheticModel};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Raised when the stage may give another output for the same spec.
pub const REVISION: u32 = 1;

/// Name of the unit that holds the membership table. No ticker has lower-case letters.
pub const MEMBERSHIP: &str = "membership";

/// Name of the file in that unit: `ticker`, `from`, `to` (dates, both included), by ticker and date.
pub const MEMBERSHIP_TABLE: &str = "membership.parquet";

/// Name of the file in a ticker's unit that holds the user's own columns: `column`, `known_at`, `value`.
pub const OWN_COLUMNS: &str = "columns.parquet";

/// The last date of a span that has not ended.
pub const MEMBERSHIP_OPEN: Date = jiff::civil::date(9999, 12, 31);

/// All tickers of a universe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcquireSpec {
    /// Sorted; benchmarks that expressions name included.
    pub tickers: Vec<String>,
    /// Where the membership table lies inside the source. Not there in a universe that is a list, whose keys stay as
    /// they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<String>,
    /// Columns of the user's own, by name. Not there in a universe without, whose keys stay as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<OwnColumnSpec>,
    /// What every ticker's unit shares.
    #[serde(flatten)]
    pub common: AcquireUnitSpec,
}

/// A column of the user's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnColumnSpec {
    /// Its name in expressions.
    pub name: String,
    /// Where its table lies inside the source.
    pub file: String,
    /// Its name in the table.
    pub column: String,
}

/// What decides a ticker's bars, beside its name and the content of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcquireUnitSpec {
    /// What sort of source; not where it lies.
    pub source: SourceSpec,
    /// Length of a bar.
    pub interval: Interval,
    /// The exchange.
    pub calendar: CalendarName,
    /// First session that may appear.
    pub start: Date,
    /// Last session that may appear: the spec's end, or the as-of session of the schedule's latest tick.
    pub end: Date,
}

/// What sort of source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceSpec {
    /// Files; their contents' digests are inputs of each unit's key.
    Files {
        /// Their form.
        format: FileFormat,
        /// Our column names to the files'.
        columns: BTreeMap<String, String>,
    },
    /// A random process.
    Synthetic {
        /// Its seed.
        seed: i64,
        /// Its kind.
        model: SyntheticModel,
    },
}
