//! The span of a backtest, and what it must reach.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DateString, GateOperator, GateValue, PositiveDecimal, UnitFraction};

/// The backtest's span, money and gates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.end) || self.start <= self.end").message("start must not lie after end"))]
pub struct Backtest {
    /// First session that is traded.
    pub start: DateString,
    /// Last session; left out: the dataset's last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<DateString>,
    /// Dollars at the start, here and in paper trading.
    #[serde(default = "hundred_thousand")]
    pub initial_cash: PositiveDecimal,
    /// Which prices are traded on.
    #[serde(default)]
    pub prices: TradedPrices,
    /// Ticker of the universe, or one that its features use, that the result is compared with; left out: equal parts
    /// of every ticker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 15))]
    pub benchmark: Option<String>,
    /// Return a year without a risk, as a fraction: `"0.02"` is 2%; left out: 0. Sharpe ratios and alpha are of the
    /// returns above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_free_rate: Option<UnitFraction>,
    /// The least acceptable return a year, as a fraction: `"0.05"` is 5%; left out: 0. The Sortino and omega ratios
    /// measure gains and losses from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_acceptable_return: Option<UnitFraction>,
    /// What the backtest must reach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub gates: Vec<StrategyGate>,
}

fn hundred_thousand() -> PositiveDecimal {
    PositiveDecimal::new("100000")
}

/// Which prices a backtest trades on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TradedPrices {
    /// As they were, with splits and dividends on the positions.
    #[default]
    Raw,
    /// Adjusted back from the end of the history, to compare with engines that do so; the report says it.
    Adjusted,
}

/// A bound that a figure of the backtest must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StrategyGate {
    /// The figure.
    pub metric: StrategyMetric,
    /// How it is held against the value.
    pub operator: GateOperator,
    /// The bound.
    pub value: GateValue,
}

/// A figure of a backtest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum StrategyMetric {
    /// Annualised Sharpe ratio.
    Sharpe,
    /// Annualised Sortino ratio.
    Sortino,
    /// Compound annual growth rate.
    Cagr,
    /// Annualised volatility.
    Volatility,
    /// Greatest fall from a peak, a negative number.
    MaxDrawdown,
    /// Growth over greatest fall.
    Calmar,
    /// Share of trades with a profit.
    WinRate,
    /// Gains over losses.
    ProfitFactor,
    /// Number of trades.
    Trades,
    /// Probabilistic Sharpe ratio against 0.
    ProbabilisticSharpe,
    /// Probabilistic Sharpe ratio against what the best of the search's trials would show without skill.
    DeflatedSharpe,
}
