//! Stage `publish`: selection, cross-sectional features, quality report. One unit.

use ats_calendar::Interval;
use ats_crds::{
    Rebalance,
    universe::{Adjustment, CalendarName, OnBreach},
};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::features::NamedExpression;

/// Raised when the stage may give another output for the same spec.
pub const REVISION: u32 = 3;

/// What makes a dataset of the tickers' bars and features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishSpec {
    /// The universe's own tickers, sorted: benchmarks that it only reads are never active.
    pub tickers: Vec<String>,
    /// First session.
    pub start: Date,
    /// Last session.
    pub end: Date,
    /// Length of a bar.
    pub interval: Interval,
    /// The exchange.
    pub calendar: CalendarName,
    /// How `open … volume` are adjusted, for the ranking.
    pub adjustment: Adjustment,
    /// What share of missing sessions is accepted.
    pub quality: QualitySpec,
    /// Whether stage `acquire` holds a membership table. Left out where it does not, so that such keys stay as they
    /// were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub membership: bool,
    /// Which tickers are active; none: all that are listed.
    pub selection: Option<SelectionSpec>,
    /// The time-series features, whose expressions decide the types of names.
    pub time_series: Vec<NamedExpression>,
    /// Cross-sectional features and what depends on them, in an order in which each uses only earlier ones.
    pub cross_section: Vec<NamedExpression>,
}

/// What share of missing sessions is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QualitySpec {
    /// Of the trailing 252 sessions since listing.
    pub max_missing_sessions: Decimal,
    /// What a breach does.
    pub on_breach: OnBreach,
}

/// Which tickers are active and in focus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelectionSpec {
    /// The first of the ranking that are active.
    pub max_active_tickers: u32,
    /// The first of those that may open positions.
    pub focus_universe_size: u32,
    /// The ranking in canonical form, highest first.
    pub rank_by: String,
    /// When it is made.
    pub rebalance: Rebalance,
}
