//! How many positions of what size.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{MAX_EXPRESSION_LENGTH, PositiveDecimal, PositiveFraction, Rebalance, UnitFraction};

/// How many positions of what size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Portfolio {
    /// Whether shorts are allowed.
    #[serde(default)]
    pub direction: Direction,
    /// When a ranking by scores is read, and when weights are restored.
    #[serde(default)]
    pub rebalance: Rebalance,
    /// How many positions are held at most.
    #[schemars(range(min = 1, max = 5000))]
    pub max_positions: i32,
    /// Share of equity by which a position's value may differ from its weight before a rebalance restores it: `"0.05"`
    /// leaves a position of 20% alone from 15% to 25%. Left out: every difference is restored, be it one of a share or, with
    /// `shares: Fractional`, of a millionth of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalance_threshold: Option<PositiveFraction>,
    /// An expression that orders rule entries, highest first, then the ticker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub rank_by: Option<String>,
    /// The size of a position; exactly one member.
    pub sizing: Sizing,
    /// Whether shares are traded whole or in parts: sizes, caps and fills are rounded down to a share, or with `Fractional`
    /// to a millionth of one.
    #[serde(default)]
    pub shares: Shares,
}

/// Whether shorts are allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Direction {
    /// Long positions only.
    #[default]
    LongOnly,
    /// Long and short positions.
    LongShort,
}

/// What quantities are rounded down to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Shares {
    /// A whole share.
    #[default]
    Whole,
    /// A millionth of a share.
    Fractional,
}

impl Shares {
    /// Whether nothing but whole shares is traded.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }
}

/// The size of a position: exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.riskPerTrade), has(self.targetWeight), has(self.equalWeight), has(self.volatilityTarget)].filter(x, x).size() == 1")
    .message("set exactly one of riskPerTrade, targetWeight, equalWeight and volatilityTarget"))]
pub struct Sizing {
    /// `riskPercentage` of equity is lost if the stop is hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_per_trade: Option<RiskPerTrade>,
    /// A share of equity, the same for each position or of an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_weight: Option<TargetWeight>,
    /// Gross exposure over the positions selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal_weight: Option<EqualWeight>,
    /// The share of equity that gives each position the same volatility.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatility_target: Option<VolatilityTarget>,
}

/// Sized by `risk.riskPercentage` and the distance of the stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiskPerTrade {}

/// A share of equity for each position: a fixed one, or that of an expression; exactly one of the two is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.weight) != has(self.expression)").message("set exactly one of weight and expression"))]
pub struct TargetWeight {
    /// Share of equity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<PositiveFraction>,
    /// A number for each ticker, evaluated at every close: its share of equity, below 0 for a short. Null: it cannot be
    /// sized. At 0, or on the other side of 0, a position is closed at the next rebalance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub expression: Option<String>,
    /// Share of equity that is left in cash.
    #[serde(default = "no_buffer")]
    pub cash_buffer: UnitFraction,
}

fn no_buffer() -> UnitFraction {
    UnitFraction::new("0")
}

/// The same share of `risk.maxGrossExposure` for each position selected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EqualWeight {}

/// A share of equity of `annual` over the ticker's own volatility, so that each position brings the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VolatilityTarget {
    /// Annual volatility of a position, over equity: `"0.05"` is 5%.
    pub annual: PositiveDecimal,
    /// Daily bars that a ticker's volatility is measured over (`realized_volatility`).
    #[serde(default = "twenty_one")]
    #[schemars(range(min = 2, max = 252))]
    pub window: i32,
}

fn twenty_one() -> i32 {
    21
}
