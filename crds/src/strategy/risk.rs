//! What is never exceeded, and where a position ends.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PositiveDecimal, PositiveFraction};

/// What is never exceeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.takeProfit) || !has(self.takeProfit.riskMultiple) || has(self.stop)")
    .message("takeProfit.riskMultiple needs stop: it is a multiple of its distance"))]
pub struct Risk {
    /// Fraction of equity lost if the stop is hit: `"0.01"` is 1%.
    #[serde(default = "one_per_cent")]
    pub risk_percentage: PositiveFraction,
    /// Dollars of notional a position may have when it is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_position_size: Option<PositiveDecimal>,
    /// Sum of open risk over equity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_portfolio_heat: Option<PositiveFraction>,
    /// Sum of absolute notional over equity.
    #[serde(default = "one")]
    pub max_gross_exposure: PositiveDecimal,
    /// Where a position is given up; left out: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// Where a profit is taken; left out: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_profit: Option<TakeProfit>,
    /// Bars of the ticker after which a position is closed at the next fill, the bar of the entry counted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_holding_bars: Option<i32>,
    /// What happens when equity falls from its peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_drawdown: Option<MaxDrawdown>,
}

fn one_per_cent() -> PositiveFraction {
    PositiveFraction::new("0.01")
}

fn one() -> PositiveDecimal {
    PositiveDecimal::new("1")
}

/// Where a position is given up, fixed when it is opened; it moves only where it trails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.atr) != has(self.percent)").message("set exactly one of atr and percent"))]
pub struct Stop {
    /// At a multiple of the signal bar's average true range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atr: Option<AtrMultiple>,
    /// As far from the fill as this fraction of the signal bar's close, the price that the position is sized at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<PositiveFraction>,
    /// What the stop follows toward profit, at the same distance; left out: it stays where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<Trail>,
}

/// What a stop that trails follows. It moves when a bar is over, so that it counts from the next one on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Trail {
    /// The close.
    Close,
    /// The bar's high; for a short its low.
    Extreme,
}

/// Where a profit is taken, fixed when a position is opened: at the price or, where the open lies beyond it, at the
/// open; without slippage. Exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.percent) != has(self.riskMultiple)").message("set exactly one of percent and riskMultiple"))]
pub struct TakeProfit {
    /// At a fraction of the entry price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<PositiveDecimal>,
    /// At a multiple of the stop's distance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_multiple: Option<PositiveDecimal>,
}

/// A multiple of the average true range (Wilder).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AtrMultiple {
    /// Bars of the average.
    #[serde(default = "fourteen")]
    #[schemars(range(min = 1, max = 252))]
    pub period: i32,
    /// How many of them.
    pub multiple: PositiveDecimal,
}

fn fourteen() -> i32 {
    14
}

/// A latch on the fall of session-close equity from its peak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MaxDrawdown {
    /// Fraction of the peak.
    pub limit: PositiveFraction,
    /// What it does.
    #[serde(default)]
    pub action: DrawdownAction,
}

/// What the drawdown latch does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DrawdownAction {
    /// No position is opened any more.
    #[default]
    NoNewEntries,
    /// All positions are closed at the next open, and none is opened.
    Flatten,
}
