//! Gathers a run's events into rows: orders with what became of them, trades, lots, the equity curve.

use std::collections::{BTreeMap, HashMap};

use crate::engine::{
    ClientOrderId, ClosedLot, CutReason, EquityPoint, Event, Fill, Latch, Money, NumberError, Order, Shares,
    Side, Trade,
};
use crate::statistics::{Close, TradeResult};

/// An order and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderRow {
    /// As decided.
    pub order: Order,
    /// Its fill.
    pub fill: Option<Fill>,
    /// What was cancelled, and why.
    pub cancelled: Vec<(Shares, CutReason)>,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderStatus {
    /// All of it filled.
    Filled,
    /// A part filled, the rest was cancelled.
    PartiallyFilled,
    /// Nothing filled.
    Cancelled,
    /// The caps left nothing to order.
    Refused,
    /// It waits for the next bar.
    Pending,
}

impl OrderStatus {
    /// Its name in `orders.parquet`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filled => "Filled",
            Self::PartiallyFilled => "PartiallyFilled",
            Self::Cancelled => "Cancelled",
            Self::Refused => "Refused",
            Self::Pending => "Pending",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Filled => "Orders filled",
            Self::PartiallyFilled => "Orders filled in part",
            Self::Cancelled => "Orders cancelled",
            Self::Refused => "Orders that the limits left nothing of",
            Self::Pending => "Orders waiting for the next bar",
        }
    }
}

impl OrderRow {
    /// What became of it.
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        match &self.fill {
            Some(_) if self.cancelled.is_empty() => OrderStatus::Filled,
            Some(_) => OrderStatus::PartiallyFilled,
            None if self.order.quantity.is_zero() => OrderStatus::Refused,
            None if self.cancelled.is_empty() => OrderStatus::Pending,
            None => OrderStatus::Cancelled,
        }
    }
}

/// A run's rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Orders in the order in which they were decided.
    pub orders: Vec<OrderRow>,
    /// Closed trades in the order of their end.
    pub trades: Vec<Trade>,
    /// Closed lots.
    pub lots: Vec<ClosedLot>,
    /// The account at each bar's close.
    pub equity: Vec<EquityPoint>,
    /// When the drawdown latch closed.
    pub latched: Vec<Latch>,
    /// Dividends received less paid.
    pub dividends: Money,
    /// What borrowing shorts cost.
    pub borrowing: Money,
    /// Where the row of an order is that something may still happen to.
    places: HashMap<ClientOrderId, usize>,
}

impl Record {
    /// Takes in a step's events.
    pub fn extend(&mut self, events: impl IntoIterator<Item = Event>) -> Result<(), NumberError> {
        for event in events {
            match event {
                Event::Ordered(order) => {
                    self.places.insert(order.id.clone(), self.orders.len());
                    self.orders.push(OrderRow { order, fill: None, cancelled: Vec::new() });
                }
                Event::Filled(fill) => {
                    // It fills once; what of it is cancelled was told before.
                    if let Some(row) = self.places.remove(&fill.order).and_then(|at| self.orders.get_mut(at))
                    {
                        row.fill = Some(fill);
                    }
                }
                Event::Cancelled { order, quantity, reason } => {
                    if let Some(row) = self.row(&order) {
                        row.cancelled.push((quantity, reason));
                    }
                }
                Event::LotClosed(lot) => self.lots.push(lot),
                Event::TradeClosed(trade) => self.trades.push(trade),
                Event::Dividend { cash, .. } => self.dividends = self.dividends.plus(cash)?,
                Event::Borrowed { cash, .. } => self.borrowing = self.borrowing.plus(cash)?,
                Event::Latched { session, action, .. } => self.latched.push(Latch { session, action }),
                Event::Equity(point) => self.equity.push(point),
                Event::Split { .. } | Event::Waiting { .. } | Event::Untouched { .. } | Event::LatchReset => {
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, id: &ClientOrderId) -> Option<&mut OrderRow> {
        self.places.get(id).copied().and_then(|place| self.orders.get_mut(place))
    }

    /// Session closes, as statistics take them.
    #[must_use]
    pub fn closes(&self) -> Vec<Close> {
        self.equity
            .iter()
            .filter(|point| point.session_close)
            .map(|point| Close {
                session: point.session,
                equity: point.equity.to_f64(),
                gross: point.long_value.to_f64() + point.short_value.to_f64(),
                positions: point.positions,
            })
            .collect()
    }

    /// Closed trades, as statistics take them.
    #[must_use]
    pub fn results(&self) -> Vec<TradeResult> {
        self.trades
            .iter()
            .map(|trade| TradeResult {
                ticker: trade.ticker.to_string(),
                is_long: trade.side == Side::Buy,
                entry_value: trade.entry_value.to_f64(),
                profit: trade.profit.to_f64(),
                sessions: trade.sessions,
                reason: trade.exit_reason.map_or_else(String::new, |reason| format!("{reason:?}")),
            })
            .collect()
    }

    /// Fills in the order of their orders.
    pub fn fills(&self) -> impl Iterator<Item = &Fill> {
        self.orders.iter().filter_map(|row| row.fill.as_ref())
    }

    /// Orders by what became of them, then by what cut them, in words.
    #[must_use]
    pub fn order_counts(&self) -> Vec<(String, u64)> {
        let mut statuses: BTreeMap<OrderStatus, u64> = BTreeMap::new();
        let mut cuts: BTreeMap<String, u64> = BTreeMap::new();
        for row in &self.orders {
            *statuses.entry(row.status()).or_default() += 1;
            for cut in &row.order.cuts {
                *cuts
                    .entry(format!("Cut when ordered: {}", words(&format!("{:?}", cut.reason))))
                    .or_default() += 1;
            }
            for (_, reason) in &row.cancelled {
                *cuts.entry(format!("Cut at the fill: {}", words(&format!("{reason:?}")))).or_default() += 1;
            }
        }
        let statuses = statuses.into_iter().map(|(status, count)| (status.words().to_owned(), count));
        statuses.chain(cuts).collect()
    }
}

/// `PositionSize` as `position size`.
fn words(name: &str) -> String {
    let mut text = String::new();
    for (place, letter) in name.chars().enumerate() {
        if place > 0 && letter.is_uppercase() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
