//! `Strategy`: a signal, a portfolio, risk limits, and how live it is.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AnyDecimal, DateString, GateOperator, GateValue, LedgerReference, MAX_EXPRESSION_LENGTH,
    NonNegativeDecimal, ObjectReference, PositiveDecimal, PositiveFraction, Rebalance, RunSettings,
    UnitFraction, status::StrategyStatus,
};

/// A signal, a portfolio, risk limits, and how live it is.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "trading.ats.dev",
    version = "v1alpha1",
    kind = "Strategy",
    plural = "strategies",
    singular = "strategy",
    shortname = "strat",
    category = "all",
    category = "trading",
    namespaced,
    status = "StrategyStatus",
    derive = "PartialEq",
    doc = "A signal, a portfolio, risk limits, and how live it is.",
    selectable = ".spec.universeRef.name",
    selectable = ".spec.mode",
    selectable = ".spec.signal.model.name",
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name must have at most 40 characters"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Universe", type_ = "string", json_path = ".spec.universeRef.name"),
    printcolumn(name = "Sharpe", type_ = "string", json_path = ".status.summary.sharpe"),
    printcolumn(name = "Max Drawdown", type_ = "string", json_path = ".status.summary.maxDrawdown"),
    printcolumn(name = "Equity", type_ = "string", json_path = ".status.summary.equity"),
    printcolumn(name = "Halted", type_ = "string", json_path = ".status.halted"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type=='Ready')].message")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.portfolio.sizing.riskPerTrade) || has(self.risk.stop)")
        .message("sizing by riskPerTrade needs risk.stop: without a stop there is no risk to size by"),
    validation = Rule::new("self.portfolio.direction != 'LongShort' || !has(self.signal.rules) || (has(self.signal.rules.shortEntry) && has(self.signal.rules.shortExit))")
        .message("direction LongShort with rules needs signal.rules.shortEntry and shortExit"),
    validation = Rule::new("!has(self.portfolio.rebalanceThreshold) || !has(self.portfolio.sizing.riskPerTrade)")
        .message("rebalanceThreshold needs sizing by weight: a position sized by riskPerTrade is never resized"),
    validation = Rule::new("!has(self.costs) || !has(self.costs.borrowRate) || self.portfolio.direction == 'LongShort'")
        .message("costs.borrowRate needs portfolio.direction LongShort: nothing else is borrowed"),
)]
pub struct StrategySpec {
    /// The universe that is traded; cannot be changed later.
    #[x_kube(validation = Rule::new("self == oldSelf").message("universeRef cannot be changed: make a new object"))]
    pub universe_ref: ObjectReference,
    /// What says when to buy and sell; exactly one member.
    pub signal: Signal,
    /// How many positions of what size.
    pub portfolio: Portfolio,
    /// What is never exceeded.
    pub risk: Risk,
    /// What trading costs.
    #[serde(default)]
    pub costs: Costs,
    /// When orders fill.
    #[serde(default)]
    pub execution: Execution,
    /// How live the strategy is. A backtest always runs first.
    #[serde(default)]
    pub mode: Mode,
    /// The backtest's span and gates.
    pub backtest: Backtest,
    /// Stops entries at once. Exits and stops go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kill_switch: bool,
    /// What a halt does with open positions.
    #[serde(default)]
    pub halt_action: HaltAction,
    /// Where orders and fills are kept; left out: the operator's default, or `--ledger` of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerReference>,
    /// Settings that every kind has.
    #[serde(flatten)]
    pub run: RunSettings,
}

/// How live a strategy is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Over history alone.
    #[default]
    Backtest,
    /// Against a simulated broker, bar by bar, with a ledger.
    Paper,
}

/// What a halt does with open positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HaltAction {
    /// They stay, with their stops.
    #[default]
    Hold,
    /// They are closed at the next open.
    Flatten,
}

/// What says when to buy and sell: exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.model) != has(self.rules)").message("set exactly one of model and rules"))]
pub struct Signal {
    /// A model's out-of-sample predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSignal>,
    /// Boolean expressions, evaluated at every close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RulesSignal>,
}

/// A model's scores as the signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelSignal {
    /// Name of the `ModelTrainingJob`, in the same namespace.
    #[schemars(length(min = 1, max = 40))]
    pub name: String,
    /// Only scores above it are held (below its negative for shorts).
    #[serde(default = "zero")]
    pub minimum_score: AnyDecimal,
    /// A holding leaves when its rank passes this; left out: `maxPositions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5000))]
    pub exit_rank: Option<i32>,
}

fn zero() -> AnyDecimal {
    AnyDecimal::new("0")
}

/// Boolean expressions as the signal; an undefined one is false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RulesSignal {
    /// When to buy.
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub entry: String,
    /// When to sell what is held; wins over `entry`.
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub exit: String,
    /// When to sell short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub short_entry: Option<String>,
    /// When to cover a short; wins over `shortEntry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub short_exit: Option<String>,
}

/// How many positions of what size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Portfolio {
    /// Whether shorts are allowed.
    #[serde(default)]
    pub direction: Direction,
    /// When a model's ranking is read, and when weights are restored.
    #[serde(default)]
    pub rebalance: Rebalance,
    /// How many positions are held at most.
    #[schemars(range(min = 1, max = 5000))]
    pub max_positions: i32,
    /// Share of equity by which a position's value may differ from its weight before a rebalance restores it: `"0.05"`
    /// leaves a position of 20% alone from 15% to 25%. Left out: every difference of a share is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalance_threshold: Option<PositiveFraction>,
    /// An expression that orders rule entries, highest first, then the ticker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub rank_by: Option<String>,
    /// The size of a position; exactly one member.
    pub sizing: Sizing,
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

/// The size of a position: exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.riskPerTrade), has(self.targetWeight), has(self.equalWeight), has(self.volatilityTarget)].filter(x, x).size() == 1")
    .message("set exactly one of riskPerTrade, targetWeight, equalWeight and volatilityTarget"))]
pub struct Sizing {
    /// `riskPercentage` of equity is lost if the stop is hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_per_trade: Option<RiskPerTrade>,
    /// A fixed share of equity.
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

/// A fixed share of equity for each position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetWeight {
    /// Share of equity.
    pub weight: PositiveFraction,
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
    pub atr: Option<AtrStop>,
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

/// A stop at a multiple of the average true range (Wilder).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AtrStop {
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

/// What trading costs. Left out: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.priceImpact) || has(self.maxVolumeShare)")
    .message("priceImpact needs maxVolumeShare: the impact is that of a share of the bar's volume"))]
pub struct Costs {
    /// Dollars a share.
    #[serde(default = "nothing")]
    pub commission_per_share: NonNegativeDecimal,
    /// Fraction of an order's value, added to what its shares cost: `"0.001"` is 0.1%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commission_rate: Option<PositiveFraction>,
    /// Dollars an order, at least.
    #[serde(default = "nothing")]
    pub minimum_commission: NonNegativeDecimal,
    /// Fraction of an order's value, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_commission_rate: Option<PositiveFraction>,
    /// Hundredths of a per cent by which a fill is worse than the bar's price.
    #[serde(default = "nothing")]
    pub slippage_basis_points: NonNegativeDecimal,
    /// A fill of a share s of its bar's volume is worse by this fraction of the price times s squared, on top of the
    /// basis points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_impact: Option<PositiveFraction>,
    /// What borrowing a short costs: a fraction of its value at the last close a year, over calendar days of 360.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrow_rate: Option<PositiveFraction>,
    /// Fraction of a bar's volume that a fill may take; the rest is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_volume_share: Option<PositiveFraction>,
}

fn nothing() -> NonNegativeDecimal {
    NonNegativeDecimal::new("0")
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            commission_per_share: nothing(),
            commission_rate: None,
            minimum_commission: nothing(),
            maximum_commission_rate: None,
            slippage_basis_points: nothing(),
            price_impact: None,
            borrow_rate: None,
            max_volume_share: None,
        }
    }
}

/// When orders fill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Execution {
    /// The moment.
    #[serde(default)]
    pub fill: FillTiming,
}

/// The moment at which a decision on a bar's close fills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FillTiming {
    /// The next bar's open.
    #[default]
    NextOpen,
    /// The close on which it was decided.
    SameClose,
}

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
}
