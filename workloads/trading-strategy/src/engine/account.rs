//! Cash and positions, and the only three things that change them: fills, splits, dividends.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::config::{Costs, Side};
use super::event::{EquityPoint, Event, Fill, OrderReason, Trade};
use super::number::{Checked, Fraction, Money, Price, Ratio, Unit};
use super::position::Position;
use super::slice::{ActionKind, Slice, Ticker};

/// Cash and positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Cash, with the proceeds of shorts.
    pub cash: Money,
    /// Open positions, by ticker.
    pub positions: BTreeMap<Ticker, Position>,
}

/// Value of the open positions at their marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    /// Value of the longs.
    pub long: Money,
    /// Value of the shorts, positive.
    pub short: Money,
    /// Sum of open risk.
    pub risk: Money,
}

impl Account {
    /// Cash and no position.
    #[must_use]
    pub const fn new(cash: Money) -> Self {
        Self { cash, positions: BTreeMap::new() }
    }

    /// Values at the marks.
    pub fn exposure(&self) -> Checked<Exposure> {
        let mut exposure = Exposure { long: Money::ZERO, short: Money::ZERO, risk: Money::ZERO };
        for position in self.positions.values() {
            let value = position.value()?;
            if value >= Money::ZERO {
                exposure.long = exposure.long.plus(value)?;
            } else {
                exposure.short = exposure.short.minus(value)?;
            }
            exposure.risk = exposure.risk.plus(position.open_risk()?)?;
        }
        Ok(exposure)
    }

    /// Cash + longs - shorts.
    pub fn equity(&self) -> Checked<Money> {
        self.worth(self.exposure()?)
    }

    /// The same of an exposure that is known.
    pub(super) fn worth(&self, exposure: Exposure) -> Checked<Money> {
        self.cash.plus(exposure.long)?.minus(exposure.short)
    }

    /// Cash that may buy shares: what is left when the shorts are bought back at their marks. The proceeds of a
    /// short are no money to buy with, so that what is bought never exceeds equity.
    pub fn free_cash(&self) -> Checked<Money> {
        let shorts = self.positions.values().filter(|position| position.quantity.is_short());
        shorts.map(Position::value).try_fold(self.cash, |cash, value| cash.plus(value?))
    }

    /// The account as a point of the equity curve.
    pub fn point(&self, session: Date, timestamp: Timestamp, session_close: bool) -> Checked<EquityPoint> {
        let exposure = self.exposure()?;
        Ok(EquityPoint {
            session,
            timestamp,
            session_close,
            cash: self.cash,
            long_value: exposure.long,
            short_value: exposure.short,
            equity: self.worth(exposure)?,
            open_risk: exposure.risk,
            positions: u32::try_from(self.positions.len()).unwrap_or(u32::MAX),
        })
    }

    /// The open positions as trades reckoned at their marks, by ticker.
    pub fn open_trades(&self) -> Checked<Vec<Trade>> {
        self.positions
            .iter()
            .map(|(ticker, position)| position.trade(ticker, position.side(), None))
            .collect()
    }

    /// Books a fill: cash, position, lots; a trade when the position goes flat. The fill opens, enlarges or
    /// takes from a position, it never turns one around.
    pub(super) fn book(&mut self, fill: &Fill, events: &mut Vec<Event>) -> Checked<()> {
        let value = fill.price.value_of(fill.quantity)?;
        self.cash = match fill.side {
            Side::Buy => self.cash.minus(value)?,
            Side::Sell => self.cash.plus(value)?,
        }
        .minus(fill.commission)?;
        events.push(Event::Filled(fill.clone()));
        let Some(position) = self.positions.get_mut(&fill.ticker) else {
            self.positions.insert(fill.ticker.clone(), Position::open(fill)?);
            return Ok(());
        };
        if position.side() == fill.side {
            return position.enlarge(fill);
        }
        let side = position.side();
        events.extend(position.shrink(fill)?.into_iter().map(Event::LotClosed));
        if position.quantity.is_zero() {
            let trade = position.trade(&fill.ticker, side, Some((fill.session, fill.reason)))?;
            events.push(Event::TradeClosed(trade));
            self.positions.remove(&fill.ticker);
        }
        Ok(())
    }

    /// Charges what was short overnight for the nights since the last session, at its last price.
    pub(super) fn pay_borrowing(
        &mut self,
        costs: &Costs,
        nights: u32,
        events: &mut Vec<Event>,
    ) -> Checked<()> {
        if nights == 0 || costs.borrow_rate == Fraction::ZERO {
            return Ok(());
        }
        for (ticker, position) in &mut self.positions {
            if position.quantity.is_short() {
                let cash = costs.borrowing(position.mark.value_of(position.size())?, nights)?;
                position.pay_borrowing(cash)?;
                self.cash = self.cash.minus(cash)?;
                events.push(Event::Borrowed { ticker: ticker.clone(), cash });
            }
        }
        Ok(())
    }

    /// Applies the session's actions to what was held overnight: dividends on the shares before a split.
    pub(super) fn apply_actions(
        &mut self,
        slice: &Slice,
        unit: Unit,
        events: &mut Vec<Event>,
    ) -> Checked<()> {
        for action in &slice.actions {
            if let ActionKind::Dividend(a_share) = action.kind
                && let Some(position) = self.positions.get_mut(&action.ticker)
            {
                let cash = position.pay_dividend(a_share)?;
                self.cash = self.cash.plus(cash)?;
                events.push(Event::Dividend { ticker: action.ticker.clone(), cash });
            }
        }
        for action in &slice.actions {
            if let ActionKind::Split(ratio) = action.kind {
                self.split(&action.ticker, ratio, unit, slice.session, events)?;
            }
        }
        Ok(())
    }

    fn split(
        &mut self,
        ticker: &Ticker,
        ratio: Ratio,
        unit: Unit,
        session: Date,
        events: &mut Vec<Event>,
    ) -> Checked<()> {
        let Some(position) = self.positions.get_mut(ticker) else { return Ok(()) };
        let (before, side) = (position.quantity, position.side());
        let cash = position.split(ratio, unit)?;
        self.cash = self.cash.plus(cash)?;
        events.push(Event::Split { ticker: ticker.clone(), before, after: position.quantity, cash });
        if position.quantity.is_zero() {
            let trade = position.trade(ticker, side, Some((session, OrderReason::Split)))?;
            events.push(Event::TradeClosed(trade));
            self.positions.remove(ticker);
        }
        Ok(())
    }

    /// Marks every position that has a bar at a price of it.
    pub(super) fn mark(&mut self, slice: &Slice, price: impl Fn(&super::slice::Bar) -> Price) {
        let mut places = slice.places();
        for (ticker, position) in &mut self.positions {
            if let Some(bar) = places.bar(ticker) {
                position.mark = price(bar);
                position.marked = slice.session;
            }
        }
    }
}
