//! The trading engine: a pure, incremental state machine that backtests and paper trading share.
//!
//! [`Engine::step`] takes one [`Slice`] (a bar of time for all tickers with what was known at its close) and says
//! what happened as [`Event`]s. Within a slice, in this order:
//!
//! 1. on what was held overnight: borrowing of shorts, dividends, then splits; open orders, stops and take-profit
//!    prices are rescaled;
//! 2. at the open: exits, stops and take-profit prices that gapped, reductions, then what opens in rank order,
//!    within volume and cash: market orders, and limit and stop orders whose price the open passes;
//! 3. inside the bar: limit and stop orders that it touches, in rank order, then stops, then take-profit prices, also
//!    of what opened in this bar, as far as it is certain that they were touched later ([`OrderType`]);
//! 4. at the close: market-on-close orders, marks, stops that trail, the drawdown latch, the decision. `SameClose` fills it here, `NextOpen`
//!    in the next slice. What has had no price for more than five sessions is settled at its last one.
//!
//! The engine is deterministic: positions, orders and events are in order of ticker or rank, numbers are fixed
//! point ([`number`]). Its state serialises, and a step that fails leaves it as it was. What a bar costs is what happens
//! in it: nothing is copied or allocated for a bar without orders.
//!
//! Choices where a market leaves room:
//! - An exit whose ticker has no bar waits for its next one; a market order that opens or resizes is cancelled. A
//!   position without a bar is marked at its last close.
//! - In a bar without volume nothing fills, as if it were not there; marks, signals and counts of bars take it as one.
//! - A stop that a bar's volume takes in part stays where it is for the rest.
//! - An entry inside a bar comes before the bar's stops and take-profit prices: what they free is not there yet.
//! - An entry that waits for a price holds its place, cash, exposure and heat. It is off when its bars are over, when
//!   the exit rule is true, when its ticker leaves the focus, when entries are blocked, and at a model's next ranking.
//! - A short sale is not limited by cash but by gross exposure; its proceeds do not buy shares.
//! - A rank counts only tickers whose score passes the minimum.
//! - Rules that say long and short at once say nothing; a reversal closes at an open and opens at the same one,
//!   if the close was filled whole.

mod account;
mod config;
mod decide;
mod entry;
mod event;
pub mod number;
mod position;
mod select;
mod simulate;
mod sizing;
mod slice;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use account::{Account, Exposure};
pub use config::{
    ConfigError, Costs, Direction, Distance, DrawdownAction, EngineConfig, EntryKind, EntryOrder, FillTiming,
    MaxDrawdown, Risk, Selection, Side, Sizing, Slip, Stop, TakeProfit, Trail,
};
pub use entry::OrderType;
pub use event::{
    ClientOrderId, ClosedLot, Cut, CutReason, EquityPoint, Event, Fill, Intent, Order, OrderReason, Trade,
};
pub use number::{Fraction, Money, NumberError, Price, Ratio, Shares, Unit};
pub use position::{Lot, OpenTrade, Position};
pub use slice::{Action, ActionKind, Bar, Control, Signal, Slice, Ticker, TickerSlice};

/// A closed drawdown latch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latch {
    /// At which session's close it closed.
    pub session: Date,
    /// What it does.
    pub action: DrawdownAction,
}

/// All that the engine remembers. Serialise it to go on later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineState {
    /// Cash and positions.
    pub account: Account,
    /// Orders that wait for the next bar, in the order in which they fill.
    pub pending: Vec<Order>,
    /// Highest session-close equity since the last reset, the initial cash counted in.
    pub peak: Money,
    /// The drawdown latch, when closed.
    pub latch: Option<Latch>,
    /// Session and bar start of the last slice.
    pub last: Option<(Date, Timestamp)>,
    /// Orders of the last session so far, by ticker and side.
    sequences: BTreeMap<String, u32>,
}

impl EngineState {
    fn next_id(&mut self, identity: &str, session: Date, ticker: &Ticker, side: Side) -> ClientOrderId {
        let count = self.sequences.entry(format!("{ticker} {side:?}")).or_default();
        *count += 1;
        ClientOrderId::new(identity, session, ticker, side, *count)
    }
}

/// A slice that the engine refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The slice does not lie after the last one.
    #[error(
        "the bar of {timestamp} does not lie after the last one, of {last}: bars must come in order, once"
    )]
    OutOfOrder {
        /// Start of the refused bar.
        timestamp: Timestamp,
        /// Start of the last bar.
        last: Timestamp,
    },
    /// The tickers of a slice are not ascending.
    #[error("the tickers of {session} are not in ascending order at {ticker}")]
    Unsorted {
        /// The session.
        session: Date,
        /// The first one out of order.
        ticker: String,
    },
    /// A number left its range.
    #[error("on {session}: {source}")]
    Number {
        /// The session.
        session: Date,
        /// What happened.
        source: NumberError,
    },
}

/// The state machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Engine {
    config: EngineConfig,
    state: EngineState,
}

impl Engine {
    /// A flat account with the initial cash.
    pub fn new(config: EngineConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let state = EngineState {
            account: Account::new(config.initial_cash),
            pending: Vec::new(),
            peak: config.initial_cash,
            latch: None,
            last: None,
            sequences: BTreeMap::new(),
        };
        Ok(Self { config, state })
    }

    /// Goes on from a saved state.
    pub fn resume(config: EngineConfig, state: EngineState) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, state })
    }

    /// What it trades by.
    #[must_use]
    pub const fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// What it remembers.
    #[must_use]
    pub const fn state(&self) -> &EngineState {
        &self.state
    }

    /// One bar of time. An error leaves the state as it was.
    pub fn step(&mut self, slice: &Slice) -> Result<Vec<Event>, EngineError> {
        let before = self.state.clone();
        let mut events = Vec::new();
        match self.advance(slice, &mut events) {
            Ok(()) => Ok(events),
            Err(error) => {
                self.state = before;
                Err(error)
            }
        }
    }

    /// The same without a copy of the state, for a run that ends with the first error: after one, the state is that of
    /// some moment within the bar. What happened is added to `events`.
    pub fn advance(&mut self, slice: &Slice, events: &mut Vec<Event>) -> Result<(), EngineError> {
        self.check(slice)?;
        Self::run(&self.config, &mut self.state, slice, events)
            .map_err(|source| EngineError::Number { session: slice.session, source })
    }

    fn check(&self, slice: &Slice) -> Result<(), EngineError> {
        if let Some((session, last)) = self.state.last
            && (slice.timestamp <= last || slice.session < session)
        {
            return Err(EngineError::OutOfOrder { timestamp: slice.timestamp, last });
        }
        for pair in slice.tickers.windows(2) {
            if let [first, second] = pair
                && first.ticker >= second.ticker
            {
                return Err(EngineError::Unsorted {
                    session: slice.session,
                    ticker: second.ticker.to_string(),
                });
            }
        }
        Ok(())
    }

    fn run(
        config: &EngineConfig,
        state: &mut EngineState,
        slice: &Slice,
        events: &mut Vec<Event>,
    ) -> Result<(), NumberError> {
        if state.last.is_none_or(|(session, _)| session != slice.session) {
            state.sequences.clear();
        }
        state.last = Some((slice.session, slice.timestamp));
        if slice.reset_latch {
            state.latch = None;
            state.peak = state.account.equity()?;
            events.push(Event::LatchReset);
        }
        state.account.pay_borrowing(&config.costs, slice.nights, events)?;
        rescale_orders(state, slice, config.unit, events)?;
        state.account.apply_actions(slice, config.unit, events)?;
        let stopped = Self::trade_bar(config, state, slice, events)?;
        if slice.session_close {
            for position in state.account.positions.values_mut() {
                position.miss(slice.session);
            }
            Self::settle(config, state, slice, events)?;
            // A same-close fill still costs something before this close's equity is known.
            latch(config, state, slice, config.fill == FillTiming::NextOpen, events)?;
        }
        Self::decide(config, state, slice, &stopped, events)?;
        if config.fill == FillTiming::SameClose {
            Self::trade_close(config, state, slice, events)?;
            if slice.session_close {
                latch(config, state, slice, true, events)?;
            }
        }
        if slice.session_close {
            for position in state.account.positions.values_mut() {
                position.hold();
            }
        }
        events.push(Event::Equity(state.account.point(
            slice.session,
            slice.timestamp,
            slice.session_close,
        )?));
        Ok(())
    }
}

/// Rescales waiting orders by the session's splits.
fn rescale_orders(
    state: &mut EngineState,
    slice: &Slice,
    unit: Unit,
    events: &mut Vec<Event>,
) -> Result<(), NumberError> {
    for action in &slice.actions {
        let ActionKind::Split(ratio) = action.kind else { continue };
        let mut kept = Vec::with_capacity(state.pending.len());
        for order in std::mem::take(&mut state.pending) {
            if order.ticker != action.ticker {
                kept.push(order);
                continue;
            }
            match order.split(ratio, unit)? {
                Some(order) => kept.push(order),
                None => events.push(Event::Cancelled {
                    order: order.id,
                    quantity: order.quantity,
                    reason: CutReason::Split,
                }),
            }
        }
        state.pending = kept;
    }
    Ok(())
}

/// Judges session-close equity against its peak, which it may raise.
fn latch(
    config: &EngineConfig,
    state: &mut EngineState,
    slice: &Slice,
    raise: bool,
    events: &mut Vec<Event>,
) -> Result<(), NumberError> {
    if !raise && (config.risk.max_drawdown.is_none() || state.latch.is_some()) {
        return Ok(());
    }
    let equity = state.account.equity()?;
    if raise {
        state.peak = state.peak.max(equity);
    }
    if let Some(limit) = config.risk.max_drawdown
        && state.latch.is_none()
        && equity <= state.peak.times(limit.limit.complement())?
    {
        state.latch = Some(Latch { session: slice.session, action: limit.action });
        events.push(Event::Latched {
            session: slice.session,
            equity,
            peak: state.peak,
            action: limit.action,
        });
    }
    Ok(())
}
