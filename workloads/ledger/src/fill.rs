//! Fills: facts, recorded once, from which everything else is derived.

use crate::{
    ClientOrderId, Ledger, LedgerError, OrderState, Recorded, Side, StrategyKey, Writer,
    book::{add, cash_of},
    error::During as _,
    order::positive,
    text::{self, Columns, differs},
};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::any::AnyRow;

/// A fill as the broker reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The order.
    pub client_order_id: ClientOrderId,
    /// Its number within the order, from 1.
    pub fill: i64,
    /// The session in which it happened.
    pub session: Date,
    /// When it happened.
    pub filled_at: Timestamp,
    /// Shares, above 0.
    pub quantity: Decimal,
    /// Price of a share, with slippage.
    pub price: Decimal,
    /// Commission, 0 or above.
    pub commission: Decimal,
}

/// A fill as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FillRow {
    /// The order.
    pub client_order_id: ClientOrderId,
    /// Its number within the order, from 1.
    pub fill: i64,
    /// Its place in the strategy's journal.
    pub entry: i64,
    /// The session in which it happened.
    pub session: Date,
    /// When it happened.
    pub filled_at: Timestamp,
    /// The ticker.
    pub ticker: String,
    /// Bought or sold.
    pub side: Side,
    /// Shares.
    pub quantity: Decimal,
    /// Price of a share, with slippage.
    pub price: Decimal,
    /// Commission.
    pub commission: Decimal,
}

pub(crate) fn read_fill(row: &AnyRow) -> Result<FillRow, LedgerError> {
    let c = Columns { row, table: "fills" };
    Ok(FillRow {
        client_order_id: c.parsed("client_order_id")?,
        fill: c.integer("fill")?,
        entry: c.integer("entry")?,
        session: c.session("session")?,
        filled_at: c.instant("filled_at")?,
        ticker: c.text("ticker")?,
        side: c.parsed("side")?,
        quantity: c.decimal("quantity")?,
        price: c.decimal("price")?,
        commission: c.decimal("commission")?,
    })
}

impl Writer {
    /// Records a fill and what follows from it: the order's state, the position and the cash. A fill that is there
    /// already changes nothing. A fill that arrives after the order was cancelled is a fact and is recorded.
    ///
    /// # Errors
    /// An unknown or rejected order, a fill with other figures under the same number, more shares than were ordered.
    pub async fn record_fill(&mut self, fill: &Fill, now: Timestamp) -> Result<Recorded, LedgerError> {
        const ACTION: &str = "recording a fill";
        positive("quantity of a fill", fill.quantity)?;
        positive("number of a fill", fill.fill.into())?;
        if fill.price.is_sign_negative() || fill.commission.is_sign_negative() {
            let value = fill.price.min(fill.commission);
            return Err(LedgerError::Number {
                what: "price and commission of a fill",
                value,
                rule: "0 or above",
            });
        }
        let order = self.known_order(&fill.client_order_id).await?;
        let known = sqlx::query("SELECT * FROM fills WHERE client_order_id = $1 AND fill = $2")
            .bind(fill.client_order_id.as_str())
            .bind(fill.fill)
            .fetch_optional(&mut *self.tx)
            .await
            .during(ACTION)?;
        if let Some(row) = known {
            same_figures(&read_fill(&row)?, fill)?;
            return Ok(Recorded::Known);
        }
        let filled = add(order.filled_quantity, fill.quantity)?;
        if filled > order.working_quantity {
            return Err(LedgerError::Overfill {
                id: order.client_order_id,
                quantity: order.working_quantity,
                filled,
            });
        }
        let state = if filled == order.working_quantity {
            OrderState::Filled
        } else if order.state == OrderState::Cancelled {
            OrderState::Cancelled
        } else {
            OrderState::PartiallyFilled
        };
        if order.state != OrderState::Cancelled && !order.state.can_become(state) {
            return Err(LedgerError::OrderState { id: order.client_order_id, from: order.state, to: state });
        }
        let row = FillRow {
            client_order_id: fill.client_order_id.clone(),
            fill: fill.fill,
            entry: self.next_entry().await?,
            session: fill.session,
            filled_at: fill.filled_at,
            ticker: order.ticker,
            side: order.side,
            quantity: fill.quantity,
            price: fill.price,
            commission: fill.commission,
        };
        sqlx::query(
            "INSERT INTO fills (client_order_id, fill, strategy, entry, session, filled_at, ticker, side, quantity, \
             price, commission) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(row.client_order_id.as_str())
        .bind(row.fill)
        .bind(self.strategy.as_str())
        .bind(row.entry)
        .bind(row.session.to_string())
        .bind(text::instant(row.filled_at))
        .bind(row.ticker.as_str())
        .bind(row.side.as_str())
        .bind(text::decimal(row.quantity))
        .bind(text::decimal(row.price))
        .bind(text::decimal(row.commission))
        .execute(&mut *self.tx)
        .await
        .during(ACTION)?;
        sqlx::query(
            "UPDATE orders SET state = $1, filled_quantity = $2, updated_at = $3 WHERE client_order_id = $4",
        )
        .bind(state.as_str())
        .bind(text::decimal(filled))
        .bind(text::instant(now))
        .bind(row.client_order_id.as_str())
        .execute(&mut *self.tx)
        .await
        .during(ACTION)?;
        let mut holding = self.holding(&row.ticker).await?;
        holding.fill(&row)?;
        self.store_holding(&holding).await?;
        self.move_cash(cash_of(&row)?).await?;
        Ok(Recorded::New)
    }
}

fn same_figures(stored: &FillRow, given: &Fill) -> Result<(), LedgerError> {
    let differences = [
        ("session", differs(&stored.session, &given.session)),
        ("time", differs(&text::instant(stored.filled_at), &text::instant(given.filled_at))),
        ("quantity", differs(&stored.quantity, &given.quantity)),
        ("price", differs(&stored.price, &given.price)),
        ("commission", differs(&stored.commission, &given.commission)),
    ];
    for (field, difference) in differences {
        if let Some((stored, given_value)) = difference {
            return Err(LedgerError::FillConflict {
                id: given.client_order_id.clone(),
                fill: given.fill,
                field,
                stored,
                given: given_value,
            });
        }
    }
    Ok(())
}

impl Ledger {
    /// The fills of a strategy in the order of its journal.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn fills(&self, strategy: &StrategyKey) -> Result<Vec<FillRow>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM fills WHERE strategy = $1 ORDER BY entry")
            .bind(strategy.as_str())
            .fetch_all(&self.pool)
            .await
            .during("reading fills")?;
        rows.iter().map(read_fill).collect()
    }
}
