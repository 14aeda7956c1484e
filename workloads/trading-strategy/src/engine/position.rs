//! One open position: shares, stop, first-in-first-out lots, and the trade it is part of.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::config::{Side, Stop, Trail};
use super::event::{ClientOrderId, ClosedLot, Fill, OrderReason, Trade};
use super::number::{Checked, MICROS, Money, NumberError, Price, Ratio, Shares, Unit, divide_nearest};
use super::slice::{Bar, Ticker};

/// Shares opened by one fill and not yet closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// The opening order.
    pub order: ClientOrderId,
    /// Session of the fill.
    pub session: Date,
    /// Shares, positive.
    pub quantity: Shares,
    /// What was paid or received for them.
    pub value: Money,
}

/// The running figures of a trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTrade {
    /// Session of the first fill.
    pub entry_session: Date,
    /// What was opened and closed, rescaled by splits.
    #[serde(with = "millionths")]
    opened: Shares,
    #[serde(with = "millionths")]
    closed: Shares,
    /// Values of the opening and closing fills.
    opened_value: Money,
    closed_value: Money,
    commission: Money,
    slippage: Money,
    dividends: Money,
    #[serde(default)]
    borrowing: Money,
    /// Everything received less everything paid: the profit when flat.
    flow: Money,
    sessions: u32,
}

/// One open position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Shares, negative for a short; never 0.
    pub quantity: Shares,
    /// The last price known: the open while orders fill at it, else the close.
    pub mark: Price,
    /// Session of that price.
    pub marked: Date,
    /// Where it is given up.
    pub stop: Option<Price>,
    /// The distance at which the stop follows where it trails.
    #[serde(default)]
    pub stop_distance: Option<Price>,
    /// Where its profit is taken.
    #[serde(default)]
    pub take_profit: Option<Price>,
    /// Bars of the ticker that it was held over, that of an entry at the open counted in.
    #[serde(default)]
    pub bars: u32,
    /// Sessions in a row without a price.
    #[serde(default)]
    pub missing: u32,
    /// Oldest first; their quantities sum to the position's.
    pub lots: Vec<Lot>,
    /// The trade.
    pub trade: OpenTrade,
}

/// A count of millionths, as saved states always had it.
mod millionths {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Shares;

    pub(super) fn serialize<S: Serializer>(shares: &Shares, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(shares.millionths())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Shares, D::Error> {
        i64::deserialize(deserializer).map(Shares::from_millionths)
    }
}

impl Position {
    /// A position opened by its first fill.
    pub(super) fn open(fill: &Fill) -> Checked<Self> {
        let mut position = Self {
            quantity: Shares::ZERO,
            mark: fill.price,
            marked: fill.session,
            stop: fill.stop,
            stop_distance: fill.stop_distance,
            take_profit: fill.take_profit,
            bars: 0,
            missing: 0,
            lots: Vec::new(),
            trade: OpenTrade {
                entry_session: fill.session,
                opened: Shares::ZERO,
                closed: Shares::ZERO,
                opened_value: Money::ZERO,
                closed_value: Money::ZERO,
                commission: Money::ZERO,
                slippage: Money::ZERO,
                dividends: Money::ZERO,
                borrowing: Money::ZERO,
                flow: Money::ZERO,
                sessions: 0,
            },
        };
        position.enlarge(fill)?;
        Ok(position)
    }

    /// The side that opened it.
    #[must_use]
    pub const fn side(&self) -> Side {
        if self.quantity.is_short() { Side::Sell } else { Side::Buy }
    }

    /// Shares without their sign.
    #[must_use]
    pub const fn size(&self) -> Shares {
        self.quantity.abs()
    }

    /// Whether a price of a bar may close it.
    pub(super) const fn has_terms(&self) -> bool {
        self.stop.is_some() || self.take_profit.is_some()
    }

    /// Value at the mark, negative for a short.
    pub fn value(&self) -> Checked<Money> {
        self.mark.value_of(self.quantity)
    }

    /// What is lost from the mark to the stop, at least 0; the whole value without a stop.
    pub fn open_risk(&self) -> Checked<Money> {
        let distance = match self.stop {
            None => self.mark,
            Some(stop) if self.side() == Side::Buy => self.mark.minus(stop),
            Some(stop) => stop.minus(self.mark),
        };
        distance.value_of(self.size())
    }

    /// Adds a fill on the position's side.
    pub(super) fn enlarge(&mut self, fill: &Fill) -> Checked<()> {
        let value = fill.price.value_of(fill.quantity)?;
        self.quantity = self.quantity.plus(fill.side.signed(fill.quantity))?;
        self.lots.push(Lot {
            order: fill.order.clone(),
            session: fill.session,
            quantity: fill.quantity,
            value,
        });
        self.trade.opened = self.trade.opened.plus(fill.quantity)?;
        self.trade.opened_value = self.trade.opened_value.plus(value)?;
        self.book(fill, value)
    }

    /// Takes a fill off the position, oldest lots first. The fill is no larger than the position.
    pub(super) fn shrink(&mut self, fill: &Fill) -> Checked<Vec<ClosedLot>> {
        let side = self.side();
        let value = fill.price.value_of(fill.quantity)?;
        let mut closed = Vec::new();
        let (mut taken_before, mut left) = (Shares::ZERO, fill.quantity);
        while left > Shares::ZERO && !self.lots.is_empty() {
            let lot = &mut self.lots[0];
            let taken = lot.quantity.min(left);
            let entry_value =
                if taken == lot.quantity { lot.value } else { lot.value.part(taken, lot.quantity)? };
            // Each lot ends where the running value ends: so the lots' values sum to the fill's.
            let taken_after = taken_before.plus(taken)?;
            let exit_value = fill.price.value_of(taken_after)?.minus(fill.price.value_of(taken_before)?)?;
            taken_before = taken_after;
            let profit = match side {
                Side::Buy => exit_value.minus(entry_value)?,
                Side::Sell => entry_value.minus(exit_value)?,
            };
            closed.push(ClosedLot {
                ticker: fill.ticker.clone(),
                side,
                entry_session: lot.session,
                exit_session: fill.session,
                entry_order: lot.order.clone(),
                exit_order: fill.order.clone(),
                quantity: taken,
                entry_value,
                exit_value,
                profit,
            });
            left = left.minus(taken)?;
            lot.quantity = lot.quantity.minus(taken)?;
            lot.value = lot.value.minus(entry_value)?;
            if lot.quantity.is_zero() {
                self.lots.remove(0);
            }
        }
        self.quantity = self.quantity.plus(fill.side.signed(fill.quantity))?;
        self.trade.closed = self.trade.closed.plus(fill.quantity)?;
        self.trade.closed_value = self.trade.closed_value.plus(value)?;
        self.book(fill, value)?;
        Ok(closed)
    }

    fn book(&mut self, fill: &Fill, value: Money) -> Checked<()> {
        let trade = &mut self.trade;
        let signed = match fill.side {
            Side::Buy => Money::ZERO.minus(value)?,
            Side::Sell => value,
        };
        trade.flow = trade.flow.plus(signed)?.minus(fill.commission)?;
        trade.commission = trade.commission.plus(fill.commission)?;
        trade.slippage = trade.slippage.plus(fill.slippage)?;
        Ok(())
    }

    /// Credits a dividend a share; debits it for a short. Returns the amount.
    pub(super) fn pay_dividend(&mut self, a_share: Money) -> Checked<Money> {
        let wide = i128::from(a_share.micros()) * i128::from(self.quantity.millionths());
        let cash = i64::try_from(divide_nearest(wide, i128::from(MICROS)))
            .map(Money::from_micros)
            .map_err(|_| NumberError::Overflow { what: "a dividend" })?;
        self.trade.dividends = self.trade.dividends.plus(cash)?;
        self.trade.flow = self.trade.flow.plus(cash)?;
        Ok(cash)
    }

    /// Charges what borrowing a short cost.
    pub(super) fn pay_borrowing(&mut self, cash: Money) -> Checked<()> {
        self.trade.borrowing = self.trade.borrowing.plus(cash)?;
        self.trade.flow = self.trade.flow.minus(cash)?;
        Ok(())
    }

    /// Moves a trailing stop by a bar that is over, toward profit only: below its close or high (above its close or
    /// low, for a short), by a fraction of that price or by the distance that the entry fixed.
    pub(super) fn follow(&mut self, stop: Option<Stop>, trail: Trail, bar: &Bar) -> Checked<()> {
        let (Some(at), Some(rule)) = (self.stop, stop) else { return Ok(()) };
        let is_long = self.side() == Side::Buy;
        let best = match trail {
            Trail::Close => bar.close,
            Trail::Extreme if is_long => bar.high,
            Trail::Extreme => bar.low,
        };
        let distance = match rule {
            Stop::Percent { fraction } => best.times(fraction)?,
            Stop::Atr { .. } => match self.stop_distance {
                Some(distance) => distance,
                None => return Ok(()),
            },
        };
        self.stop = Some(if is_long { at.max(best.minus(distance)) } else { at.min(best.plus(distance)) });
        Ok(())
    }

    /// Rescales everything by a split. In whole shares the fraction of a share that is left over is paid at the last
    /// price, as transfer agents do; returns what is paid (negative for a short). In millionths of a share it is kept,
    /// and nobody pays for less than one.
    pub(super) fn split(&mut self, ratio: Ratio, unit: Unit) -> Checked<Money> {
        let price = self.mark.split(ratio)?;
        let (shares, rest) = ratio.shares(self.quantity, unit)?;
        let cash = match unit {
            Unit::Whole => price.value_of_rest(rest)?,
            Unit::Millionth => Money::ZERO,
        };
        // Each lot ends where the running sum, rescaled, ends: so the lots' shares sum to the position's.
        let (mut before, mut after) = (Shares::ZERO, Shares::ZERO);
        for held in &mut self.lots {
            before = before.plus(held.quantity)?;
            let (end, _) = ratio.shares(before, unit)?;
            held.quantity = end.minus(after)?;
            after = end;
        }
        // A lot of which nothing is left keeps its cost in the next one.
        let mut kept: Vec<Lot> = Vec::with_capacity(self.lots.len());
        let mut carried = Money::ZERO;
        for mut lot in self.lots.drain(..) {
            if lot.quantity.is_zero() {
                carried = carried.plus(lot.value)?;
            } else {
                lot.value = lot.value.plus(carried)?;
                carried = Money::ZERO;
                kept.push(lot);
            }
        }
        if let Some(last) = kept.last_mut() {
            last.value = last.value.plus(carried)?;
        }
        self.lots = kept;
        self.quantity = shares;
        self.mark = price;
        for price in [&mut self.stop, &mut self.stop_distance, &mut self.take_profit] {
            *price = price.map(|price| price.split(ratio)).transpose()?;
        }
        let trade = &mut self.trade;
        trade.opened = trade.opened.scaled(ratio)?;
        trade.closed = trade.closed.scaled(ratio)?;
        trade.flow = trade.flow.plus(cash)?;
        Ok(cash)
    }

    /// Counts a session close.
    pub(super) fn hold(&mut self) {
        self.trade.sessions = self.trade.sessions.saturating_add(1);
    }

    /// Counts the sessions in a row without a price up to a session's close.
    pub(super) fn miss(&mut self, session: Date) {
        self.missing = if self.marked < session { self.missing.saturating_add(1) } else { 0 };
    }

    /// The trade so far: closed when a reason is given, else reckoned at the mark. `side` is the opening side.
    pub(super) fn trade(
        &self,
        ticker: &Ticker,
        side: Side,
        exit: Option<(Date, OrderReason)>,
    ) -> Checked<Trade> {
        let trade = &self.trade;
        let average = |value: Money, shares: Shares| {
            if shares.is_zero() { f64::NAN } else { value.to_f64() / shares.to_f64() }
        };
        let profit = trade.flow.plus(self.value()?)?;
        Ok(Trade {
            ticker: ticker.clone(),
            side,
            entry_session: trade.entry_session,
            exit_session: exit.map(|(session, _)| session),
            quantity: trade.opened.to_f64(),
            entry_price: average(trade.opened_value, trade.opened),
            exit_price: if exit.is_some() && trade.closed > Shares::ZERO {
                average(trade.closed_value, trade.closed)
            } else {
                self.mark.to_f64()
            },
            entry_value: trade.opened_value,
            profit,
            commission: trade.commission,
            slippage: trade.slippage,
            dividends: trade.dividends,
            borrowing: trade.borrowing,
            sessions: trade.sessions,
            exit_reason: exit.map(|(_, reason)| reason),
        })
    }
}
