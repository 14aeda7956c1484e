//! Orders that wait for a price: which they name, and what a bar does with them.
//!
//! A bar tells its open, high, low and close, and not in which order high and low came. What is certain is taken and
//! nothing else:
//!
//! | order to buy | at the open | inside the bar |
//! |---|---|---|
//! | limit | the open, where it is at the limit or below | the limit, where the low is at it or below |
//! | stop | the open, where it is at the stop or above | the stop, where the high is at it or above |
//! | stop-limit | an open at the stop or above makes it a limit order, at once | a high at the stop or above does; then the stop, where the limit is at it or above; else the limit, where the close is at it or below; else it waits as a limit order |
//!
//! An order to sell short is the mirror image. What the position's own terms may count of the entry's bar is what came
//! after the fill for certain: [`Touched::after`].

use serde::{Deserialize, Serialize};

use super::config::{Distance, EntryKind, EntryOrder, Side, Slip};
use super::event::CutReason;
use super::number::{Checked, Price, Ratio};
use super::slice::{Bar, TickerSlice};

/// At which prices an order may fill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderType {
    /// At whatever price is there.
    #[default]
    Market,
    /// At the close of a session.
    MarketOnClose,
    /// At the limit or better.
    Limit {
        /// The worst price.
        limit: Price,
    },
    /// At the market once the price is at the stop or beyond.
    Stop {
        /// Where it begins.
        stop: Price,
    },
    /// As a limit order once the price is at the stop or beyond.
    StopLimit {
        /// Where it begins.
        stop: Price,
        /// The worst price.
        limit: Price,
        /// Whether it has begun.
        triggered: bool,
    },
}

/// A fill inside a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Touched {
    /// The price.
    pub(super) price: Price,
    /// What slippage may do to it.
    pub(super) slip: Slip,
    /// Lowest and highest price that came after it for certain.
    pub(super) after: (Price, Price),
}

/// Whether `a` is at `b` or better for the side: lower for a purchase.
fn within(side: Side, a: Price, b: Price) -> bool {
    match side {
        Side::Buy => a <= b,
        Side::Sell => a >= b,
    }
}

impl OrderType {
    /// Its name, as in `orders.parquet`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Market => "Market",
            Self::MarketOnClose => "MarketOnClose",
            Self::Limit { .. } => "Limit",
            Self::Stop { .. } => "Stop",
            Self::StopLimit { .. } => "StopLimit",
        }
    }

    /// The limit.
    #[must_use]
    pub const fn limit(self) -> Option<Price> {
        match self {
            Self::Limit { limit } | Self::StopLimit { limit, .. } => Some(limit),
            Self::Market | Self::MarketOnClose | Self::Stop { .. } => None,
        }
    }

    /// The stop.
    #[must_use]
    pub const fn stop(self) -> Option<Price> {
        match self {
            Self::Stop { stop } | Self::StopLimit { stop, .. } => Some(stop),
            Self::Market | Self::MarketOnClose | Self::Limit { .. } => None,
        }
    }

    /// What slippage may do to a fill at the worst price.
    pub(super) const fn slip(self) -> Slip {
        match self {
            Self::Market | Self::MarketOnClose | Self::Stop { .. } => Slip::Free,
            Self::Limit { .. } | Self::StopLimit { triggered: true, .. } => Slip::None,
            Self::StopLimit { limit, .. } => Slip::UpTo(limit),
        }
    }

    /// The order after a split.
    pub(super) fn split(self, ratio: Ratio) -> Checked<Self> {
        Ok(match self {
            Self::Market | Self::MarketOnClose => self,
            Self::Limit { limit } => Self::Limit { limit: limit.split(ratio)? },
            Self::Stop { stop } => Self::Stop { stop: stop.split(ratio)? },
            Self::StopLimit { stop, limit, triggered } => {
                Self::StopLimit { stop: stop.split(ratio)?, limit: limit.split(ratio)?, triggered }
            }
        })
    }

    /// The fill at an open, if there is one. A stop-limit order may begin here without one.
    pub(super) fn at_open(&mut self, side: Side, open: Price) -> Option<(Price, Slip)> {
        let slip = self.slip();
        let fills = match self {
            Self::Market => true,
            Self::MarketOnClose => false,
            Self::Limit { limit } => within(side, open, *limit),
            Self::Stop { stop } => within(side.opposite(), open, *stop),
            Self::StopLimit { stop, limit, triggered } => {
                *triggered |= within(side.opposite(), open, *stop);
                *triggered && within(side, open, *limit)
            }
        };
        fills.then_some((open, slip))
    }

    /// The fill inside a bar that did not fill it at its open. A stop-limit order may begin here without one.
    pub(super) fn inside(&mut self, side: Side, bar: &Bar) -> Option<Touched> {
        let (low, high, close) = (bar.low, bar.high, bar.close);
        // The extreme on the side where a limit lies, and the one where a stop does.
        let (near, far) = match side {
            Side::Buy => (low, high),
            Side::Sell => (high, low),
        };
        let ordered = |a: Price, b: Price| (a.min(b), a.max(b));
        match self {
            Self::Market | Self::MarketOnClose => None,
            Self::Limit { limit } | Self::StopLimit { limit, triggered: true, .. } => {
                within(side, near, *limit).then(|| Touched {
                    price: *limit,
                    slip: Slip::None,
                    // The extreme lies behind the limit, so that the price was there first.
                    after: match side {
                        Side::Buy => (low, close.max(*limit)),
                        Side::Sell => (close.min(*limit), high),
                    },
                })
            }
            Self::Stop { stop } => {
                let stop = *stop;
                within(side.opposite(), far, stop).then(|| Touched {
                    price: stop,
                    slip: Slip::Free,
                    after: after_stop(side, stop, bar),
                })
            }
            Self::StopLimit { stop, limit, triggered } => {
                let (stop, limit) = (*stop, *limit);
                if !within(side.opposite(), far, stop) {
                    return None;
                }
                *triggered = true;
                if within(side, stop, limit) {
                    let slip = Slip::UpTo(limit);
                    return Some(Touched { price: stop, slip, after: after_stop(side, stop, bar) });
                }
                within(side, close, limit).then(|| Touched {
                    price: limit,
                    slip: Slip::None,
                    after: ordered(limit, close),
                })
            }
        }
    }
}

/// What came after a touch of a stop: the extreme behind it, and the close.
fn after_stop(side: Side, stop: Price, bar: &Bar) -> (Price, Price) {
    match side {
        Side::Buy => (bar.close.min(stop), bar.high),
        Side::Sell => (bar.low, bar.close.max(stop)),
    }
}

/// Type and price of an order that opens a position: the price that it is sized and cut by. It is the limit, else the
/// stop, else the close; of a stop-limit order to sell the higher of its two prices.
pub(super) fn priced(
    rule: EntryOrder,
    side: Side,
    part: &TickerSlice,
    close: Price,
) -> Checked<Result<(OrderType, Price), CutReason>> {
    let away = |distance: Distance, atr: Option<Price>, up: bool| -> Checked<Result<Price, CutReason>> {
        let distance = match (distance, atr) {
            (Distance::Percent { fraction }, _) => close.times(fraction)?,
            (Distance::Atr { multiple }, Some(atr)) => atr.times(multiple)?,
            (Distance::Atr { .. }, None) => return Ok(Err(CutReason::NoEntryPrice)),
        };
        let price = if up { close.plus(distance) } else { close.minus(distance) };
        Ok(if price.micros() > 0 { Ok(price) } else { Err(CutReason::NoEntryPrice) })
    };
    let is_buy = side == Side::Buy;
    Ok(match rule.kind {
        EntryKind::Market => Ok((OrderType::Market, close)),
        EntryKind::MarketOnClose => Ok((OrderType::MarketOnClose, close)),
        EntryKind::Limit { limit } => {
            away(limit, part.limit_atr, !is_buy)?.map(|limit| (OrderType::Limit { limit }, limit))
        }
        EntryKind::Stop { stop } => {
            away(stop, part.stop_atr, is_buy)?.map(|stop| (OrderType::Stop { stop }, stop))
        }
        EntryKind::StopLimit { stop, limit } => {
            match (away(stop, part.stop_atr, is_buy)?, away(limit, part.limit_atr, is_buy)?) {
                (Ok(stop), Ok(limit)) => {
                    let price = if is_buy { limit } else { limit.max(stop) };
                    Ok((OrderType::StopLimit { stop, limit, triggered: false }, price))
                }
                (Err(reason), _) | (_, Err(reason)) => Err(reason),
            }
        }
    })
}
