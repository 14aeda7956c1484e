//! Orders: terms, states, and the rows that record them before anything is sent.

use crate::{
    ClientOrderId, Ledger, LedgerError, Recorded, StrategyKey, Writer,
    error::During as _,
    text::{self, Columns, differs, text_enum},
};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

text_enum! {
    /// The side of an order or a fill.
    Side {
        /// More shares, or fewer short.
        Buy,
        /// Fewer shares, or more short.
        Sell,
    }
}

impl Side {
    /// The change of a position by a quantity of this side.
    #[must_use]
    pub fn signed(self, quantity: Decimal) -> Decimal {
        match self {
            Self::Buy => quantity,
            Self::Sell => -quantity,
        }
    }
}

text_enum! {
    /// When and at which price an order may fill.
    OrderKind {
        /// At the open of the bar after the decision.
        MarketOnOpen,
        /// At the close of the bar of the decision.
        MarketOnClose,
        /// At the open if it is through the order's price, else at the price, within a bar.
        Stop,
        /// At the open if it is beyond the order's price, else at the price, within a bar; never worse than the price.
        Limit,
        /// As `Limit`, once the price is at the trigger or beyond.
        StopLimit,
    }
}

text_enum! {
    /// What an order does to the position.
    Purpose {
        /// Opens it.
        Entry,
        /// Makes it larger.
        Increase,
        /// Makes it smaller.
        Reduce,
        /// Closes it.
        Exit,
    }
}

text_enum! {
    /// The state of an order.
    OrderState {
        /// In the ledger; the broker may or may not know it.
        New,
        /// Accepted by the broker.
        Sent,
        /// Filled in part, the rest is working.
        PartiallyFilled,
        /// Filled completely.
        Filled,
        /// Over, with what was filled before.
        Cancelled,
        /// Refused by the broker.
        Rejected,
    }
}

impl OrderState {
    /// Whether nothing more can happen to the order.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected)
    }

    /// Whether an order of this state may become `next`. A new order may skip `Sent`: after a crash between sending
    /// and recording it the broker's answer is the first that the ledger hears.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        use OrderState::{Cancelled, Filled, New, PartiallyFilled, Rejected, Sent};
        match self {
            New => matches!(next, Sent | PartiallyFilled | Filled | Cancelled | Rejected),
            Sent => matches!(next, PartiallyFilled | Filled | Cancelled | Rejected),
            PartiallyFilled => matches!(next, PartiallyFilled | Filled | Cancelled),
            Filled | Cancelled | Rejected => false,
        }
    }
}

/// A cap that made an order smaller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The cap, as the spec names it.
    pub rule: String,
    /// The quantity before it.
    pub from: Decimal,
    /// The quantity that it allows.
    pub to: Decimal,
}

/// An order that was decided and is not yet in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Its id, derived from the decision.
    pub client_order_id: ClientOrderId,
    /// The instant when the bar of the decision was complete.
    pub bar: Timestamp,
    /// The session of that bar.
    pub session: Date,
    /// The ticker.
    pub ticker: String,
    /// Buy or sell.
    pub side: Side,
    /// Shares, above 0.
    pub quantity: Decimal,
    /// When and at which price it may fill.
    pub kind: OrderKind,
    /// The price of a stop or limit order; of a stop-limit order the limit.
    pub price: Option<Decimal>,
    /// Where a stop-limit order begins to work.
    pub trigger_price: Option<Decimal>,
    /// What it is for.
    pub purpose: Purpose,
    /// Why, in words.
    pub reason: String,
    /// What made it smaller.
    pub cuts: Vec<Cut>,
}

/// An order as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRow {
    /// Its id.
    pub client_order_id: ClientOrderId,
    /// Its place in the strategy's journal.
    pub entry: i64,
    /// The epoch that wrote it.
    pub epoch: i64,
    /// The instant when the bar of the decision was complete.
    pub bar: Timestamp,
    /// The session of that bar.
    pub created_session: Date,
    /// The ticker.
    pub ticker: String,
    /// Buy or sell.
    pub side: Side,
    /// Shares.
    pub quantity: Decimal,
    /// When and at which price it may fill.
    pub kind: OrderKind,
    /// The price of a stop or limit order; of a stop-limit order the limit.
    pub price: Option<Decimal>,
    /// Where a stop-limit order begins to work.
    pub trigger_price: Option<Decimal>,
    /// What it is for.
    pub purpose: Purpose,
    /// Why, in words.
    pub reason: String,
    /// What made it smaller.
    pub cuts: Vec<Cut>,
    /// Its state.
    pub state: OrderState,
    /// Shares that are working: the quantity, rescaled by splits since.
    pub working_quantity: Decimal,
    /// The price that is working, rescaled by splits since.
    pub working_price: Option<Decimal>,
    /// The trigger that is working, rescaled by splits since.
    pub working_trigger_price: Option<Decimal>,
    /// Shares filled so far.
    pub filled_quantity: Decimal,
    /// The broker's id, once it is known.
    pub broker_order_id: Option<String>,
    /// Why it was cancelled or rejected.
    pub message: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// Which orders to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only orders that are not final.
    pub open: bool,
    /// Only the latest so many.
    pub latest: Option<u32>,
}

pub(crate) fn read_order(row: &AnyRow) -> Result<OrderRow, LedgerError> {
    let c = Columns { row, table: "orders" };
    let cuts = c.text("cuts")?;
    Ok(OrderRow {
        client_order_id: c.parsed("client_order_id")?,
        entry: c.integer("entry")?,
        epoch: c.integer("epoch")?,
        bar: c.instant("bar")?,
        created_session: c.session("created_session")?,
        ticker: c.text("ticker")?,
        side: c.parsed("side")?,
        quantity: c.decimal("quantity")?,
        kind: c.parsed("kind")?,
        price: c.parsed_optional("price")?,
        trigger_price: c.parsed_optional("trigger_price")?,
        purpose: c.parsed("purpose")?,
        reason: c.text("reason")?,
        cuts: serde_json::from_str(&cuts).map_err(|_| LedgerError::Corrupt {
            table: "orders",
            column: "cuts",
            value: cuts,
        })?,
        state: c.parsed("state")?,
        working_quantity: c.decimal("working_quantity")?,
        working_price: c.parsed_optional("working_price")?,
        working_trigger_price: c.parsed_optional("working_trigger_price")?,
        filled_quantity: c.decimal("filled_quantity")?,
        broker_order_id: c.optional("broker_order_id")?,
        message: c.optional("message")?,
        created_at: c.instant("created_at")?,
        updated_at: c.instant("updated_at")?,
    })
}

impl Writer {
    /// Writes orders as `New`. An order that is there already with the same terms is left alone, whatever became of
    /// it; the number of orders that are new is returned.
    ///
    /// # Errors
    /// [`LedgerError::OrderConflict`] for an id with other terms; a quantity that is not above 0.
    pub async fn insert_orders(&mut self, orders: &[NewOrder], now: Timestamp) -> Result<usize, LedgerError> {
        let mut new = 0;
        for order in orders {
            if self.insert_order(order, now).await? == Recorded::New {
                new += 1;
            }
        }
        Ok(new)
    }

    async fn insert_order(&mut self, order: &NewOrder, now: Timestamp) -> Result<Recorded, LedgerError> {
        positive("quantity of an order", order.quantity)?;
        if let Some(stored) = self.find_order(&order.client_order_id).await? {
            same_terms(&stored, order)?;
            return Ok(Recorded::Known);
        }
        let cuts = serde_json::to_string(&order.cuts)
            .map_err(|source| LedgerError::Json { what: "the cuts of an order", source })?;
        let entry = self.next_entry().await?;
        sqlx::query(
            "INSERT INTO orders (client_order_id, strategy, entry, epoch, bar, created_session, ticker, side, \
             quantity, kind, price, purpose, reason, cuts, state, working_quantity, working_price, filled_quantity, \
             created_at, updated_at, trigger_price, working_trigger_price) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'New', $9, $11, '0', $15, $15, $16, $16)",
        )
        .bind(order.client_order_id.as_str())
        .bind(self.strategy.as_str())
        .bind(entry)
        .bind(self.epoch)
        .bind(text::instant(order.bar))
        .bind(order.session.to_string())
        .bind(order.ticker.as_str())
        .bind(order.side.as_str())
        .bind(text::decimal(order.quantity))
        .bind(order.kind.as_str())
        .bind(order.price.map(text::decimal))
        .bind(order.purpose.as_str())
        .bind(order.reason.as_str())
        .bind(cuts)
        .bind(text::instant(now))
        .bind(order.trigger_price.map(text::decimal))
        .execute(&mut *self.tx)
        .await
        .during("writing an order")?;
        Ok(Recorded::New)
    }

    /// Reads an order of this strategy inside the transaction.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn find_order(&mut self, id: &ClientOrderId) -> Result<Option<OrderRow>, LedgerError> {
        let row = sqlx::query("SELECT * FROM orders WHERE client_order_id = $1 AND strategy = $2")
            .bind(id.as_str())
            .bind(self.strategy.as_str())
            .fetch_optional(&mut *self.tx)
            .await
            .during("reading an order")?;
        row.as_ref().map(read_order).transpose()
    }

    pub(crate) async fn known_order(&mut self, id: &ClientOrderId) -> Result<OrderRow, LedgerError> {
        self.find_order(id)
            .await?
            .ok_or_else(|| LedgerError::UnknownOrder { id: id.clone(), strategy: self.strategy.clone() })
    }

    /// Records that the broker has accepted an order. An order that is past `New` keeps its state.
    ///
    /// # Errors
    /// An unknown order, or one that the ledger knows by another id of the broker.
    pub async fn mark_sent(
        &mut self,
        id: &ClientOrderId,
        broker_order_id: &str,
        now: Timestamp,
    ) -> Result<Recorded, LedgerError> {
        let order = self.known_order(id).await?;
        let known = order.broker_order_id.as_deref();
        if let Some((stored, given)) = known.and_then(|stored| differs(&stored, &broker_order_id)) {
            return Err(LedgerError::OrderConflict { id: id.clone(), field: "broker id", stored, given });
        }
        let state = if order.state == OrderState::New { OrderState::Sent } else { order.state };
        if known.is_some() && state == order.state {
            return Ok(Recorded::Known);
        }
        sqlx::query(
            "UPDATE orders SET state = $1, broker_order_id = $2, updated_at = $3 WHERE client_order_id = $4",
        )
        .bind(state.as_str())
        .bind(broker_order_id)
        .bind(text::instant(now))
        .bind(id.as_str())
        .execute(&mut *self.tx)
        .await
        .during("marking an order as sent")?;
        Ok(Recorded::New)
    }

    /// Records what a split makes of an order that has not begun to fill. The terms that were decided stay.
    ///
    /// # Errors
    /// An unknown order, one that is final or has fills, or a quantity that is not above 0.
    pub async fn rescale_order(
        &mut self,
        id: &ClientOrderId,
        quantity: Decimal,
        price: Option<Decimal>,
        trigger: Option<Decimal>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let order = self.known_order(id).await?;
        if !matches!(order.state, OrderState::New | OrderState::Sent) {
            return Err(LedgerError::OrderState { id: id.clone(), from: order.state, to: OrderState::Sent });
        }
        positive("quantity of an order", quantity)?;
        sqlx::query(
            "UPDATE orders SET working_quantity = $1, working_price = $2, working_trigger_price = $3, updated_at = $4 \
             WHERE client_order_id = $5",
        )
        .bind(text::decimal(quantity))
        .bind(price.map(text::decimal))
        .bind(trigger.map(text::decimal))
        .bind(text::instant(now))
        .bind(id.as_str())
        .execute(&mut *self.tx)
        .await
        .during("rescaling an order")?;
        Ok(())
    }

    /// Records that an order is over without (more) fills: `Cancelled` or `Rejected`. What became of the fills is
    /// for [`Writer::record_fill`] to say; `Filled` is refused here. Ending it again the same way changes nothing.
    ///
    /// # Errors
    /// An unknown order, or a state that cannot become the wanted one.
    pub async fn end_order(
        &mut self,
        id: &ClientOrderId,
        state: OrderState,
        message: &str,
        now: Timestamp,
    ) -> Result<Recorded, LedgerError> {
        let order = self.known_order(id).await?;
        if order.state == state && state.is_final() {
            return Ok(Recorded::Known);
        }
        let ends = matches!(state, OrderState::Cancelled | OrderState::Rejected);
        if !ends || !order.state.can_become(state) {
            return Err(LedgerError::OrderState { id: id.clone(), from: order.state, to: state });
        }
        sqlx::query("UPDATE orders SET state = $1, message = $2, updated_at = $3 WHERE client_order_id = $4")
            .bind(state.as_str())
            .bind(message)
            .bind(text::instant(now))
            .bind(id.as_str())
            .execute(&mut *self.tx)
            .await
            .during("ending an order")?;
        Ok(Recorded::New)
    }
}

pub(crate) fn positive(what: &'static str, value: Decimal) -> Result<(), LedgerError> {
    if value > Decimal::ZERO { Ok(()) } else { Err(LedgerError::Number { what, value, rule: "above 0" }) }
}

fn same_terms(stored: &OrderRow, given: &NewOrder) -> Result<(), LedgerError> {
    let price = |p: Option<Decimal>| p.map_or("none".to_owned(), text::decimal);
    let differences = [
        ("bar", differs(&text::instant(stored.bar), &text::instant(given.bar))),
        ("ticker", differs(&stored.ticker, &given.ticker)),
        ("side", differs(&stored.side, &given.side)),
        ("quantity", differs(&stored.quantity, &given.quantity)),
        ("kind", differs(&stored.kind, &given.kind)),
        ("price", differs(&price(stored.price), &price(given.price))),
        ("trigger price", differs(&price(stored.trigger_price), &price(given.trigger_price))),
        ("purpose", differs(&stored.purpose, &given.purpose)),
    ];
    for (field, difference) in differences {
        if let Some((stored, given_value)) = difference {
            let id = given.client_order_id.clone();
            return Err(LedgerError::OrderConflict { id, field, stored, given: given_value });
        }
    }
    Ok(())
}

impl Ledger {
    /// The orders of a strategy, oldest first.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn orders(
        &self,
        strategy: &StrategyKey,
        filter: OrderFilter,
    ) -> Result<Vec<OrderRow>, LedgerError> {
        let statement = if filter.open {
            "SELECT * FROM orders WHERE strategy = $1 AND state IN ('New', 'Sent', 'PartiallyFilled') \
             ORDER BY entry DESC LIMIT $2"
        } else {
            "SELECT * FROM orders WHERE strategy = $1 ORDER BY entry DESC LIMIT $2"
        };
        let rows = sqlx::query(statement)
            .bind(strategy.as_str())
            .bind(filter.latest.map_or(i64::MAX, i64::from))
            .fetch_all(&self.pool)
            .await
            .during("reading orders")?;
        rows.iter().rev().map(read_order).collect()
    }

    /// The orders that are not final, oldest first.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn open_orders(&self, strategy: &StrategyKey) -> Result<Vec<OrderRow>, LedgerError> {
        self.orders(strategy, OrderFilter { open: true, latest: None }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_are_final() {
        for from in OrderState::ALL {
            for to in OrderState::ALL {
                if from.is_final() || *to == OrderState::New {
                    assert!(!from.can_become(*to), "{from} -> {to}");
                }
            }
        }
        assert!(OrderState::New.can_become(OrderState::Filled));
        assert!(!OrderState::PartiallyFilled.can_become(OrderState::Rejected));
    }
}
