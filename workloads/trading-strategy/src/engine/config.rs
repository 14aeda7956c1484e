//! What the engine trades by: checked values, no API types.

use serde::{Deserialize, Serialize};

use super::number::{Checked, Fraction, Money, Price, Shares, Unit};
use super::slice::Slice;

/// Everything that decides how signals become orders and fills.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineConfig {
    /// Prefix of every client order id: what tells this strategy's orders from another's.
    pub identity: String,
    /// Cash at the start.
    pub initial_cash: Money,
    /// How tickers are chosen.
    pub selection: Selection,
    /// Whether shorts are allowed.
    pub direction: Direction,
    /// Positions held at most.
    pub max_positions: usize,
    /// Share of equity by which a position may differ from its weight before a rebalance restores it.
    pub rebalance_threshold: Fraction,
    /// The size of a position.
    pub sizing: Sizing,
    /// What quantities are rounded down to.
    #[serde(default)]
    pub unit: Unit,
    /// Caps and stops.
    pub risk: Risk,
    /// Commission, slippage and the share of a bar's volume.
    pub costs: Costs,
    /// When a decision fills.
    pub fill: FillTiming,
    /// The order that opens a position.
    #[serde(default)]
    pub entry: EntryOrder,
}

/// The order that opens a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryOrder {
    /// At which prices it fills.
    pub kind: EntryKind,
    /// Bars after the decision in which it may, where it waits for a price.
    pub bars: u32,
}

impl Default for EntryOrder {
    fn default() -> Self {
        Self { kind: EntryKind::Market, bars: 1 }
    }
}

/// At which prices an entry fills; the distances are fixed on the signal bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// At the moment that [`FillTiming`] says.
    Market,
    /// At the next session close.
    MarketOnClose,
    /// Below the close, for a short above it, or better.
    Limit {
        /// How far.
        limit: Distance,
    },
    /// Once the price is above the close, for a short below it.
    Stop {
        /// How far.
        stop: Distance,
    },
    /// As a limit order once the price is at the stop; both on the stop's side.
    StopLimit {
        /// How far the stop is.
        stop: Distance,
        /// How far the limit is.
        limit: Distance,
    },
}

/// How far a price lies from the signal bar's close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Distance {
    /// A multiple of an average true range.
    Atr {
        /// How many of them.
        multiple: Fraction,
    },
    /// A fraction of the close.
    Percent {
        /// The fraction.
        fraction: Fraction,
    },
}

/// What slippage may do to a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// All that the costs say.
    Free,
    /// The same, but no further than a limit.
    UpTo(Price),
    /// Nothing: a limit is never filled worse than it says.
    None,
}

/// How tickers are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Selection {
    /// By scores, at each rebalance.
    Scores {
        /// Only scores above it are held (below its negative for shorts).
        minimum: f64,
        /// A holding leaves when its rank passes this.
        exit_rank: usize,
    },
    /// By rules, at every close.
    Rules,
}

/// Whether shorts are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Long positions only.
    LongOnly,
    /// Long and short positions.
    LongShort,
}

/// The size of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sizing {
    /// This fraction of equity is lost if the stop is hit.
    RiskPerTrade {
        /// Fraction of equity.
        fraction: Fraction,
    },
    /// A fixed share of equity.
    TargetWeight {
        /// Share of equity.
        weight: Fraction,
        /// Share of equity left in cash.
        cash_buffer: Fraction,
    },
    /// The share of equity that each ticker's own weight is on the signal bar: below 0 for a short.
    TickerWeight {
        /// Share of equity left in cash.
        cash_buffer: Fraction,
    },
    /// The gross exposure over the positions selected.
    EqualWeight,
    /// The share of equity whose volatility is this one: the target over the ticker's own.
    VolatilityTarget {
        /// Annual volatility, over equity.
        annual: Fraction,
    },
}

impl Sizing {
    /// Whether a rebalance restores the size.
    #[must_use]
    pub const fn is_weight(self) -> bool {
        !matches!(self, Self::RiskPerTrade { .. })
    }
}

/// Caps and stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// Notional of a position, when an order makes it larger.
    pub max_position_size: Option<Money>,
    /// Sum of open risk over equity. A position's open risk is what it loses from its last price to its stop;
    /// without a stop, its whole value.
    pub max_heat: Option<Fraction>,
    /// Sum of absolute notional over equity.
    pub max_gross_exposure: Fraction,
    /// Where a position is given up.
    pub stop: Option<Stop>,
    /// Whether, and after what, the stop moves.
    pub trail: Option<Trail>,
    /// Where a profit is taken.
    pub take_profit: Option<TakeProfit>,
    /// Bars after which a position is closed, that of the entry counted in.
    pub max_holding_bars: Option<u32>,
    /// The latch on session-close equity.
    pub max_drawdown: Option<MaxDrawdown>,
}

/// Where a position is given up; the distance is fixed on the signal bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// A multiple of the signal bar's average true range.
    Atr {
        /// How many of them.
        multiple: Fraction,
    },
    /// A fraction of the signal bar's close.
    Percent {
        /// The fraction.
        fraction: Fraction,
    },
}

/// What a trailing stop follows. It moves at a bar's close, by what the bar was, and only toward profit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trail {
    /// The close.
    Close,
    /// The bar's high; for a short its low.
    Extreme,
}

/// Where a profit is taken; the distance is fixed on the signal bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TakeProfit {
    /// A fraction of the signal bar's close.
    Percent {
        /// The fraction.
        fraction: Fraction,
    },
    /// A multiple of the stop's distance.
    RiskMultiple {
        /// How many of them.
        multiple: Fraction,
    },
}

/// The latch on session-close equity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxDrawdown {
    /// Fraction of the peak.
    pub limit: Fraction,
    /// What the latch does.
    pub action: DrawdownAction,
}

/// What the drawdown latch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrawdownAction {
    /// Nothing is opened or enlarged.
    NoNewEntries,
    /// The same, and everything is closed.
    Flatten,
}

/// When a decision on a close fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FillTiming {
    /// At the open of the ticker's next bar.
    NextOpen,
    /// At the close on which it was taken.
    SameClose,
}

/// Commission, slippage and the share of a bar's volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// Dollars a share.
    pub commission_per_share: Price,
    /// Fraction of an order's value, added to what the shares cost.
    pub commission_rate: Fraction,
    /// Dollars an order, at least.
    pub minimum_commission: Money,
    /// Fraction of an order's value, at most; wins over the minimum.
    pub maximum_commission_rate: Option<Fraction>,
    /// Fraction of the price by which a fill is worse.
    pub slippage: Fraction,
    /// Fraction of the price by which a fill of a whole bar's volume would be worse on top; a fill of a share of
    /// the volume is worse by that times the share squared.
    pub price_impact: Fraction,
    /// Fraction of a short's value that borrowing it costs in a year of 360 calendar days.
    pub borrow_rate: Fraction,
    /// Fraction of a bar's volume that a fill may take.
    pub max_volume_share: Option<Fraction>,
}

impl Costs {
    /// Commission of an order of which `quantity` shares filled at `price`:
    /// min(max(minimum, perShare x quantity + rate x value), maximumRate x value).
    pub fn commission(&self, quantity: Shares, price: Price) -> Checked<Money> {
        if quantity.is_zero() {
            return Ok(Money::ZERO);
        }
        let value = price.value_of(quantity)?;
        let charged =
            self.commission_per_share.value_of(quantity)?.plus(value.times(self.commission_rate)?)?;
        let least = charged.max(self.minimum_commission);
        match self.maximum_commission_rate {
            Some(rate) => Ok(least.min(value.times(rate)?)),
            None => Ok(least),
        }
    }

    /// The price at which a buy or a sale of `quantity` shares fills, slippage against the trader. `volume` is the
    /// bar's, or what is expected of it; without it no impact is reckoned with.
    pub fn slipped(&self, side: Side, price: Price, quantity: Shares, volume: Option<i64>) -> Checked<Price> {
        let impact = match volume {
            Some(volume) if self.price_impact > Fraction::ZERO => {
                self.price_impact.times_square_of(quantity, volume)?
            }
            _ => Fraction::ZERO,
        };
        let worse = self.slippage.plus(impact)?;
        match side {
            Side::Buy => price.raised(worse),
            Side::Sell => price.lowered(worse),
        }
    }

    /// The same, within what a limit allows.
    pub fn paid(
        &self,
        slip: Slip,
        side: Side,
        price: Price,
        quantity: Shares,
        volume: Option<i64>,
    ) -> Checked<Price> {
        match (slip, side) {
            (Slip::None, _) => Ok(price),
            (Slip::Free, _) => self.slipped(side, price, quantity, volume),
            (Slip::UpTo(limit), Side::Buy) => Ok(self.slipped(side, price, quantity, volume)?.min(limit)),
            (Slip::UpTo(limit), Side::Sell) => Ok(self.slipped(side, price, quantity, volume)?.max(limit)),
        }
    }

    /// What borrowing shares of a value costs over a number of calendar days.
    pub fn borrowing(&self, value: Money, days: u32) -> Checked<Money> {
        value.times(self.borrow_rate)?.share(i64::from(days), 360)
    }

    /// The largest quantity up to `most` whose value with slippage and commission stays within `cash`.
    pub fn affordable(
        &self,
        most: Shares,
        unit: Unit,
        price: Price,
        slip: Slip,
        volume: Option<i64>,
        cash: Money,
    ) -> Checked<Shares> {
        let fits = |quantity: Shares| -> Checked<bool> {
            let paid = self.paid(slip, Side::Buy, price, quantity, volume)?;
            Ok(paid.value_of(quantity)?.plus(self.commission(quantity, paid)?)? <= cash)
        };
        // Value and commission both rise with the quantity, so halving finds the last one that fits.
        let (least, most) = (Shares::ZERO, most.min(cash.shares_at(price, unit)));
        largest(least, most, unit, fits)
    }
}

/// The largest quantity from `fitting`, which fits, up to `most` that does. What is larger than one that does not
/// fit is taken not to fit either.
pub(super) fn largest(
    fitting: Shares,
    most: Shares,
    unit: Unit,
    fits: impl Fn(Shares) -> Checked<bool>,
) -> Checked<Shares> {
    let step = unit.millionths();
    let (mut fitting, mut high) = (fitting.millionths() / step, most.millionths() / step);
    while fitting < high {
        let middle = fitting + (high - fitting + 1) / 2;
        if fits(Shares::from_millionths(middle * step))? {
            fitting = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(Shares::from_millionths(fitting * step))
}

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// Shares come in.
    Buy,
    /// Shares go out.
    Sell,
}

impl Side {
    /// The change of a position by a quantity of this side.
    #[must_use]
    pub const fn signed(self, quantity: Shares) -> Shares {
        match self {
            Self::Buy => quantity,
            Self::Sell => quantity.negated(),
        }
    }

    /// The side that takes a position back.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// A setting that contradicts another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No risk to size by.
    #[error("sizing by riskPerTrade needs risk.stop: without a stop there is no risk to size by")]
    RiskWithoutStop,
    /// A value outside its range.
    #[error("{field} must be {expected}")]
    Range {
        /// The field.
        field: &'static str,
        /// What is accepted.
        expected: &'static str,
    },
}

impl EngineConfig {
    /// Whether the close of a slice restores weights.
    pub(super) const fn restores(&self, slice: &Slice) -> bool {
        self.sizing.is_weight() && slice.rebalance
    }

    /// Checks what the types alone cannot.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let range = |field, expected| Err(ConfigError::Range { field, expected });
        if matches!(self.sizing, Sizing::RiskPerTrade { .. }) && self.risk.stop.is_none() {
            return Err(ConfigError::RiskWithoutStop);
        }
        if self.initial_cash <= Money::ZERO {
            return range("backtest.initialCash", "above 0");
        }
        if self.max_positions == 0 {
            return range("portfolio.maxPositions", "1 or more");
        }
        if self.risk.max_gross_exposure <= Fraction::ZERO {
            return range("risk.maxGrossExposure", "above 0");
        }
        if let Selection::Scores { minimum, exit_rank } = self.selection {
            if !minimum.is_finite() {
                return range("minimumScore", "a finite number");
            }
            let slots = match self.direction {
                Direction::LongOnly => self.max_positions,
                Direction::LongShort => self.max_positions.div_ceil(2),
            };
            if exit_rank < slots {
                return range("exitRank", "at least portfolio.maxPositions, half of it for LongShort");
            }
        }
        if self.entry.kind != EntryKind::Market && self.fill == FillTiming::SameClose {
            return range("execution.fill", "NextOpen where execution.entry is no market order");
        }
        if self.entry.bars == 0 {
            return range("execution.entry.goodForBars", "1 or more");
        }
        let costs = &self.costs;
        if costs.slippage < Fraction::ZERO || costs.slippage >= Fraction::ONE {
            return range("costs.slippageBasisPoints", "from 0 to less than 10000");
        }
        if costs.price_impact > Fraction::ZERO && costs.max_volume_share.is_none() {
            return range("costs.maxVolumeShare", "set where costs.priceImpact is");
        }
        if self.risk.stop.is_none() && self.risk.trail.is_some() {
            return range("risk.stop", "set where it trails");
        }
        if self.risk.stop.is_none() && matches!(self.risk.take_profit, Some(TakeProfit::RiskMultiple { .. }))
        {
            return range("risk.stop", "set where risk.takeProfit.riskMultiple is");
        }
        if self.risk.max_holding_bars == Some(0) {
            return range("risk.maxHoldingBars", "1 or more");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(count: i64) -> Shares {
        Shares::from_whole(count).unwrap()
    }

    fn costs(per_share: i64, minimum: i64, rate: Option<i64>) -> Costs {
        Costs {
            commission_per_share: Price::from_micros(per_share),
            minimum_commission: Money::from_micros(minimum),
            maximum_commission_rate: rate.map(Fraction::from_nanos),
            ..Costs::default()
        }
    }

    /// $0.005 a share, $1 at least, 0.5% at most, by hand:
    ///
    /// | shares | price | per share | minimum | maximum | commission |
    /// |---|---|---|---|---|---|
    /// | 100 | 50 | 0.50 | 1 | 25 | 1.00 (minimum) |
    /// | 1000 | 50 | 5.00 | 1 | 250 | 5.00 (per share) |
    /// | 10 | 10 | 0.05 | 1 | 0.50 | 0.50 (maximum wins over the minimum) |
    /// | 1000 | 0.50 | 5.00 | 1 | 2.50 | 2.50 (maximum) |
    #[test]
    fn commission_is_bounded_below_and_above() {
        let costs = costs(5_000, 1_000_000, Some(5_000_000));
        for (shares, price, commission) in
            [(100, 50.0, 1_000_000), (1000, 50.0, 5_000_000), (10, 10.0, 500_000), (1000, 0.5, 2_500_000)]
        {
            let price = Price::from_f64(price).unwrap();
            let charged = costs.commission(whole(shares), price).unwrap();
            assert_eq!(charged, Money::from_micros(commission), "{shares}");
        }
    }

    /// $1000 at $10 and $1 an order: 99 x 10 + 1 = 991 fits, 100 x 10 + 1 = 1001 does not.
    #[test]
    fn affordable_counts_commission_and_slippage() {
        let ten = Price::from_f64(10.0).unwrap();
        let thousand = Money::from_micros(1_000_000_000);
        let affordable =
            |costs: Costs, most, unit| costs.affordable(most, unit, ten, Slip::Free, None, thousand).unwrap();
        assert_eq!(affordable(costs(0, 1_000_000, None), whole(500), Unit::Whole), whole(99));
        assert_eq!(affordable(costs(0, 0, None), whole(500), Unit::Whole), whole(100));
        assert_eq!(affordable(costs(0, 0, None), whole(7), Unit::Whole), whole(7));
        // 1% slippage: 10.10 a share, 99 x 10.10 = 999.90.
        let slipping = Costs { slippage: Fraction::from_nanos(10_000_000), ..costs(0, 0, None) };
        assert_eq!(affordable(slipping, whole(500), Unit::Whole), whole(99));
        assert_eq!(affordable(costs(0, 2_000_000_000, None), whole(500), Unit::Whole), Shares::ZERO);
        // In millionths: (1000 - 1) / 10 = 99.9; 1000 / 10.10 = 99.00990099, and 99.009901 cost 1000.0000001, so 1000.
        assert_eq!(
            affordable(costs(0, 1_000_000, None), whole(500), Unit::Millionth),
            Shares::from_millionths(99_900_000)
        );
        assert_eq!(affordable(slipping, whole(500), Unit::Millionth), Shares::from_millionths(99_009_901));
    }
}
