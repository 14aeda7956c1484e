//! Stage `features`: time-series features of each ticker. Unit: the ticker.

use ats_calendar::Interval;
use ats_crds::universe::{Adjustment, CalendarName};
use serde::{Deserialize, Serialize};

/// Raised when the stage may give another output for the same spec.
pub const REVISION: u32 = 3;

/// A column and its formula in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamedExpression {
    /// The column.
    pub name: String,
    /// Its formula, as the expression crate prints it.
    pub expression: String,
}

/// The time-series features; the same for every ticker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeaturesSpec {
    /// In an order in which each uses only earlier ones.
    pub features: Vec<NamedExpression>,
    /// How `open … volume` are adjusted.
    pub adjustment: Adjustment,
    /// Length of a bar.
    pub interval: Interval,
    /// The exchange, for gaps.
    pub calendar: CalendarName,
}
