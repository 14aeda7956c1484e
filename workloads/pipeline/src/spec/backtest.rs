//! Stages `backtest` and `trade`: a strategy over history, and bar by bar. One unit.

use ats_calendar::Interval;
use ats_crds::{
    Rebalance,
    strategy::{Direction, DrawdownAction, FillTiming, HaltAction, Shares, TradedPrices, Trail},
    universe::{Adjustment, CalendarName},
};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{SearchSpec, is_default};

/// Raised when stage `backtest` may give another output for the same spec.
///
/// 8: a weight is the largest quantity that fits beside the commission of its own order.
pub const REVISION: u32 = 8;
/// Raised when stage `trade` may decide otherwise for the same spec.
///
/// 6: a weight is the largest quantity that fits beside the commission of its own order.
pub const TRADE_REVISION: u32 = 6;

/// A backtest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BacktestSpec {
    /// The strategy.
    pub core: StrategyCore,
    /// First session traded.
    pub start: Date,
    /// Last session; none: the dataset's last.
    pub end: Option<Date>,
    /// Which prices are traded on.
    pub prices: TradedPrices,
    /// The ticker that the result is compared with; none: equal parts of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<String>,
    /// What returns are measured against.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rates: RatesSpec,
    /// Parameters that are searched; the core is the first trial's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchSpec>,
}

/// What the statistics measure returns against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RatesSpec {
    /// Return without a risk, a fraction a year.
    #[serde(default, skip_serializing_if = "is_default")]
    pub risk_free: Decimal,
    /// The least acceptable return, a fraction a year.
    #[serde(default, skip_serializing_if = "is_default")]
    pub minimum_acceptable: Decimal,
}

/// Paper trading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeSpec {
    /// The strategy.
    pub core: StrategyCore,
    /// First session decided; the strategy starts flat with its initial cash.
    pub start: Date,
    /// What a halt does with positions.
    pub halt_action: HaltAction,
    /// Parameters that the backtest searched, whose choices are traded by; the core is the first trial's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchSpec>,
}

/// What a strategy is, however live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StrategyCore {
    /// What says when to buy and sell.
    pub signal: SignalSpec,
    /// Whether shorts are allowed.
    pub direction: Direction,
    /// When a ranking is read and weights are restored.
    pub rebalance: Rebalance,
    /// Positions at most.
    pub max_positions: u32,
    /// Share of equity by which a position may differ from its weight before a rebalance restores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalance_threshold: Option<Decimal>,
    /// Order of rule entries in canonical form, highest first.
    pub rank_by: Option<String>,
    /// Size of a position.
    pub sizing: SizingSpec,
    /// What quantities are rounded down to.
    #[serde(default, skip_serializing_if = "Shares::is_whole")]
    pub shares: Shares,
    /// Fraction of equity lost at the stop.
    pub risk_percentage: Decimal,
    /// Dollars of notional a position may have.
    pub max_position_size: Option<Decimal>,
    /// Sum of open risk over equity.
    pub max_portfolio_heat: Option<Decimal>,
    /// Sum of absolute notional over equity.
    pub max_gross_exposure: Decimal,
    /// Where a position is given up.
    pub stop: Option<StopSpec>,
    /// What a stop that trails follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<Trail>,
    /// Where a profit is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_profit: Option<TakeProfitSpec>,
    /// Bars after which a position is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_holding_bars: Option<u32>,
    /// Fraction of the peak that trips the latch, and what it does.
    pub max_drawdown: Option<(Decimal, DrawdownAction)>,
    /// What trading costs.
    pub costs: CostsSpec,
    /// When orders fill.
    pub fill: FillTiming,
    /// What opens a position; none: a market order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntrySpec>,
    /// Dollars at the start.
    pub initial_cash: Decimal,
    /// The universe's features that expressions may use, by name with canonical formula, in dependency order.
    pub features: Vec<super::features::NamedExpression>,
    /// How `open … volume` in expressions are adjusted.
    pub adjustment: Adjustment,
    /// Length of a bar.
    pub interval: Interval,
    /// The exchange.
    pub calendar: CalendarName,
}

/// What says when to buy and sell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SignalSpec {
    /// A model's out-of-sample predictions.
    Model {
        /// Only scores above it are held.
        minimum_score: Decimal,
        /// A holding leaves when its rank passes this.
        exit_rank: u32,
    },
    /// Boolean expressions in canonical form.
    Rules {
        /// When to buy.
        entry: String,
        /// When to sell.
        exit: String,
        /// When to sell short.
        short_entry: Option<String>,
        /// When to cover.
        short_exit: Option<String>,
    },
    /// An expression's values, which rank as a model's predictions do.
    Scores {
        /// The expression in canonical form.
        expression: String,
        /// Only scores above it are held.
        minimum_score: Decimal,
        /// A holding leaves when its rank passes this.
        exit_rank: u32,
    },
}

/// Size of a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SizingSpec {
    /// By the distance of the stop.
    RiskPerTrade,
    /// A fixed share of equity.
    TargetWeight {
        /// The share.
        weight: Decimal,
        /// Share left in cash.
        cash_buffer: Decimal,
    },
    /// A share of equity for each ticker and bar.
    TickerWeight {
        /// The expression of the share in canonical form.
        expression: String,
        /// Share left in cash.
        cash_buffer: Decimal,
    },
    /// The same share for each.
    EqualWeight,
    /// The share whose volatility is this one.
    VolatilityTarget {
        /// Annual volatility over equity.
        annual: Decimal,
        /// Bars that a ticker's volatility is measured over.
        window: u32,
    },
}

/// Where a position is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StopSpec {
    /// A multiple of the average true range.
    Atr {
        /// Bars of the average.
        period: u32,
        /// How many of them.
        multiple: Decimal,
    },
    /// A fraction of the entry price.
    Percent {
        /// The fraction.
        fraction: Decimal,
    },
}

/// Where a profit is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TakeProfitSpec {
    /// A fraction of the entry price.
    Percent {
        /// The fraction.
        fraction: Decimal,
    },
    /// A multiple of the stop's distance.
    RiskMultiple {
        /// How many of them.
        multiple: Decimal,
    },
}

/// The order that opens a position, where it is no market order. Distances are from the signal bar's close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum EntrySpec {
    /// At a price toward the trader's side, or better.
    Limit {
        /// How far.
        limit: DistanceSpec,
        /// Bars that it may fill in.
        bars: u32,
    },
    /// At the market once a price is touched.
    Stop {
        /// How far.
        stop: DistanceSpec,
        /// Bars that it may fill in.
        bars: u32,
    },
    /// As a limit order once a price is touched; both on the stop's side of the close.
    StopLimit {
        /// How far the stop is.
        stop: DistanceSpec,
        /// How far the limit is.
        limit: DistanceSpec,
        /// Bars that it may fill in.
        bars: u32,
    },
    /// At the close of the session that is traded next.
    MarketOnClose,
}

/// How far a price lies from the signal bar's close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DistanceSpec {
    /// A multiple of the average true range.
    Atr {
        /// Bars of the average.
        period: u32,
        /// How many of them.
        multiple: Decimal,
    },
    /// A fraction of the close.
    Percent {
        /// The fraction.
        fraction: Decimal,
    },
}

/// What trading costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CostsSpec {
    /// Dollars a share.
    pub commission_per_share: Decimal,
    /// Fraction of an order's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commission_rate: Option<Decimal>,
    /// Dollars an order, at least.
    pub minimum_commission: Decimal,
    /// Fraction of an order's value, at most.
    pub maximum_commission_rate: Option<Decimal>,
    /// Hundredths of a per cent.
    pub slippage_basis_points: Decimal,
    /// Fraction of the price, times the squared share of the bar's volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_impact: Option<Decimal>,
    /// Fraction of a short's value a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrow_rate: Option<Decimal>,
    /// Fraction of a bar's volume.
    pub max_volume_share: Option<Decimal>,
}
