//! What the engine says: orders with the reason of every cut, fills, trades, equity.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::config::{DrawdownAction, Side};
use super::entry::OrderType;
use super::number::{Checked, Money, Price, Ratio, Shares, Unit};
use super::slice::Ticker;

/// Deterministic id of an order: identity, session, ticker, side and a count within these; cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ClientOrderId(Arc<str>);

impl ClientOrderId {
    /// `identity-20200131-AAPL-B-1`.
    #[must_use]
    pub fn new(identity: &str, session: Date, ticker: &Ticker, side: Side, sequence: u32) -> Self {
        let side = match side {
            Side::Buy => 'B',
            Side::Sell => 'S',
        };
        let (year, month, day) = (session.year(), session.month(), session.day());
        Self(format!("{identity}-{year:04}{month:02}{day:02}-{ticker}-{side}-{sequence}").into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ClientOrderId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<ClientOrderId> for String {
    fn from(id: ClientOrderId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an order does to the position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Intent {
    /// Closes it.
    Exit,
    /// Makes it smaller.
    Reduce,
    /// Makes it larger.
    Increase,
    /// Opens it.
    Entry,
}

impl Intent {
    /// Whether exposure grows.
    #[must_use]
    pub const fn opens(self) -> bool {
        matches!(self, Self::Increase | Self::Entry)
    }
}

/// Why an order was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OrderReason {
    /// The rule or the ranking says so.
    Signal,
    /// A weight is restored, or nothing is to be held by it.
    Rebalance,
    /// The rank passed `exitRank`, or the score is not above the minimum.
    RankLost,
    /// The score is null.
    NoScore,
    /// The ticker is no longer active.
    Inactive,
    /// The ticker left the focus.
    LeftFocus,
    /// The stop was touched.
    Stop,
    /// The profit was taken.
    TakeProfit,
    /// `maxHoldingBars` are over.
    TimeStop,
    /// It has had no price for too long, and is settled at its last one.
    Delisted,
    /// A split left no share.
    Split,
    /// The drawdown latch closes everything.
    Drawdown,
    /// A halt closes everything.
    Halt,
}

impl OrderReason {
    /// Whether the order comes about inside a bar, out of the position's own terms, and not from a decision on a
    /// close.
    #[must_use]
    pub const fn is_in_bar(self) -> bool {
        matches!(self, Self::Stop | Self::TakeProfit | Self::Delisted)
    }
}

/// What made an order smaller, or stopped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CutReason {
    /// `maxPositionSize`.
    PositionSize,
    /// `maxVolumeShare` of the average (when ordered) or of the bar (when filled).
    Volume,
    /// `maxGrossExposure`.
    GrossExposure,
    /// `maxPortfolioHeat`.
    Heat,
    /// Cash with costs.
    Cash,
    /// The sizing rule itself gives no share.
    Size,
    /// The stop's distance is not known on the signal bar.
    NoStopDistance,
    /// The average volume is not known on the signal bar.
    NoAverageVolume,
    /// The volatility is not known on the signal bar, or is 0.
    NoVolatility,
    /// The ticker's weight is not known on the signal bar.
    NoWeight,
    /// The ticker had no bar to fill in, or one in which nothing was traded.
    NoBar,
    /// An opposite or equal position is still open.
    PositionOpen,
    /// `maxPositions` are open.
    MaxPositions,
    /// The position was stopped out, or its profit was taken, first.
    StoppedOut,
    /// The ticker is no longer traded.
    Delisted,
    /// Entries are blocked by a halt.
    Halt,
    /// Entries are blocked by the drawdown latch.
    Drawdown,
    /// A split left no share of the order.
    Split,
    /// The position was gone.
    NoPosition,
    /// The entry's price is not known on the signal bar, or is not above 0.
    NoEntryPrice,
    /// The bars in which an order might fill are over.
    Expired,
    /// The exit rule became true while the entry waited.
    ExitRule,
    /// The ticker is no longer active or in the focus.
    LeftUniverse,
    /// A new ranking takes the place of what an older one ordered.
    Replaced,
}

/// One cut of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Why.
    pub reason: CutReason,
    /// Quantity before.
    pub from: Shares,
    /// Quantity after.
    pub to: Shares,
}

/// An order as decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: ClientOrderId,
    /// Session of the decision.
    pub session: Date,
    /// Start of the bar on whose close it was decided.
    pub timestamp: Timestamp,
    /// What is traded.
    pub ticker: Ticker,
    /// Buy or sell.
    pub side: Side,
    /// What it does to the position.
    pub intent: Intent,
    /// Why.
    pub reason: OrderReason,
    /// Shares that the sizing rule asked for.
    pub wanted: Shares,
    /// Shares ordered; 0 when the cuts left none, and then it is never sent.
    pub quantity: Shares,
    /// What the caps took.
    pub cuts: Vec<Cut>,
    /// The price that sizing reckoned with: the signal bar's close, or the limit or stop of an order that has one.
    pub reference: Price,
    /// Distance of the stop from the fill, for an entry with a stop.
    pub stop_distance: Option<Price>,
    /// Distance of the take-profit price from the fill, for an entry with one.
    #[serde(default)]
    pub profit_distance: Option<Price>,
    /// At which prices it may fill.
    #[serde(default)]
    pub order_type: OrderType,
    /// Bars in which it may still fill, where it waits for a price.
    #[serde(default)]
    pub bars_left: u32,
}

impl Order {
    /// The order after a split; none when nothing is left of it.
    pub fn split(&self, ratio: Ratio, unit: Unit) -> Checked<Option<Self>> {
        let (quantity, _) = ratio.shares(self.quantity, unit)?;
        if quantity.is_zero() {
            return Ok(None);
        }
        let distance = |distance: Option<Price>| distance.map(|price| price.split(ratio)).transpose();
        Ok(Some(Self {
            quantity,
            reference: self.reference.split(ratio)?,
            stop_distance: distance(self.stop_distance)?,
            profit_distance: distance(self.profit_distance)?,
            order_type: self.order_type.split(ratio)?,
            ..self.clone()
        }))
    }
}

/// A fill. An order fills once at most, in whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The order.
    pub order: ClientOrderId,
    /// Session of the fill.
    pub session: Date,
    /// Start of the bar.
    pub timestamp: Timestamp,
    /// What was traded.
    pub ticker: Ticker,
    /// Buy or sell.
    pub side: Side,
    /// What it does to the position.
    pub intent: Intent,
    /// Why it was ordered.
    pub reason: OrderReason,
    /// Shares.
    pub quantity: Shares,
    /// Price with slippage.
    pub price: Price,
    /// Commission of the order.
    pub commission: Money,
    /// What slippage cost.
    pub slippage: Money,
    /// The stop that an entry's fill fixed.
    pub stop: Option<Price>,
    /// The distance at which a trailing stop follows.
    #[serde(default)]
    pub stop_distance: Option<Price>,
    /// The price at which an entry's profit is taken.
    #[serde(default)]
    pub take_profit: Option<Price>,
}

/// A trade: flat to flat, net of costs. Quantities and prices are in the shares of its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trade {
    /// What was traded.
    pub ticker: Ticker,
    /// `Buy` for a long trade.
    pub side: Side,
    /// Session of the first fill.
    pub entry_session: Date,
    /// Session of the last fill; none while it is open.
    pub exit_session: Option<Date>,
    /// Shares that were opened in all.
    pub quantity: f64,
    /// Average price paid (received, for a short), slippage included.
    pub entry_price: f64,
    /// Average price received (paid); the last price while it is open.
    pub exit_price: f64,
    /// Value opened.
    pub entry_value: Money,
    /// Profit net of all costs; reckoned at the last price while it is open.
    pub profit: Money,
    /// Commission of its orders.
    pub commission: Money,
    /// What slippage cost, contained in the prices.
    pub slippage: Money,
    /// Dividends received (paid, negative).
    pub dividends: Money,
    /// What borrowing a short cost.
    #[serde(default)]
    pub borrowing: Money,
    /// Session closes that it was held over.
    pub sessions: u32,
    /// Why it ended.
    pub exit_reason: Option<OrderReason>,
}

/// A lot that was closed first in, first out; profit before commission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClosedLot {
    /// What was traded.
    pub ticker: Ticker,
    /// `Buy` for a long lot.
    pub side: Side,
    /// Session of the opening fill.
    pub entry_session: Date,
    /// Session of the closing fill.
    pub exit_session: Date,
    /// Order of the opening fill.
    pub entry_order: ClientOrderId,
    /// Order of the closing fill.
    pub exit_order: ClientOrderId,
    /// Shares, in those of the close.
    pub quantity: Shares,
    /// What was paid (received, for a short).
    pub entry_value: Money,
    /// What was received (paid).
    pub exit_value: Money,
    /// The difference, before commission and dividends.
    pub profit: Money,
}

/// The account at a bar's close. `cash + long_value - short_value = equity`, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquityPoint {
    /// The exchange's date.
    pub session: Date,
    /// The bar's start.
    pub timestamp: Timestamp,
    /// Whether it is the session's last bar.
    pub session_close: bool,
    /// Cash, with the proceeds of shorts.
    pub cash: Money,
    /// Value of the longs.
    pub long_value: Money,
    /// Value of the shorts, positive.
    pub short_value: Money,
    /// Equity.
    pub equity: Money,
    /// Sum of open risk.
    pub open_risk: Money,
    /// Open positions.
    pub positions: u32,
}

/// What a step says, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A split changed a position.
    Split {
        /// Whose.
        ticker: Ticker,
        /// Shares before, negative for a short.
        before: Shares,
        /// Shares after.
        after: Shares,
        /// Paid for the fraction of a share.
        cash: Money,
    },
    /// A dividend was credited, or (negative) debited.
    Dividend {
        /// Whose.
        ticker: Ticker,
        /// How much.
        cash: Money,
    },
    /// Borrowing a short was paid for.
    Borrowed {
        /// Whose.
        ticker: Ticker,
        /// How much, positive.
        cash: Money,
    },
    /// An order was decided; with quantity 0 the caps left nothing of it.
    Ordered(Order),
    /// An order filled.
    Filled(Fill),
    /// An order, or what a fill left of it, is off.
    Cancelled {
        /// The order.
        order: ClientOrderId,
        /// Shares that are off.
        quantity: Shares,
        /// Why.
        reason: CutReason,
    },
    /// An order waits for the next bar in which its ticker is traded.
    Waiting {
        /// The order.
        order: ClientOrderId,
    },
    /// A bar did not fill an order that waits for a price.
    Untouched {
        /// The order.
        order: ClientOrderId,
        /// The bar's session.
        session: Date,
        /// What it waits for, as it is after the bar.
        order_type: OrderType,
        /// Lowest and highest price; none where the ticker was not traded.
        range: Option<(Price, Price)>,
        /// Bars in which it may still fill.
        bars_left: u32,
    },
    /// A lot was closed.
    LotClosed(ClosedLot),
    /// A position went flat.
    TradeClosed(Trade),
    /// The drawdown latch closed.
    Latched {
        /// At which session's close.
        session: Date,
        /// Session-close equity.
        equity: Money,
        /// Its peak.
        peak: Money,
        /// What the latch does.
        action: DrawdownAction,
    },
    /// The latch was reset; the peak starts anew.
    LatchReset,
    /// The account at the bar's close.
    Equity(EquityPoint),
}
