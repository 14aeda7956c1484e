//! The book of the simulated broker: its accounts, orders, fills and positions, in tables of its own.
//!
//! It is kept apart from the ledger on purpose. Nothing here knows a strategy or an epoch, and each call is a
//! transaction of its own, so that a crash between the broker's book and the ledger leaves the two as different as
//! a crash would leave a real broker and the ledger.

use crate::{
    ClientOrderId, Fill, Ledger, LedgerError, OrderState, Recorded, Side,
    connect::Dialect,
    error::During as _,
    order::positive,
    text::{self, Columns},
    writer::conflict,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use sqlx::{Any, AnyPool, Transaction, any::AnyRow};

/// An order as it is sent to the simulated broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedSubmission {
    /// The client's id.
    pub client_order_id: ClientOrderId,
    /// The bar on whose close it was decided: it works from the next one on.
    pub bar: Timestamp,
    /// The ticker.
    pub ticker: String,
    /// Buy or sell.
    pub side: Side,
    /// Shares, above 0.
    pub quantity: Decimal,
    /// What else the fill model needs, as JSON.
    pub terms: String,
}

/// An order in the broker's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedOrder {
    /// What was sent; quantity and terms may have changed by a split since.
    pub order: SimulatedSubmission,
    /// The broker's id.
    pub broker_order_id: i64,
    /// Its state; `New` does not occur.
    pub state: OrderState,
    /// Why it was cancelled or rejected.
    pub message: Option<String>,
}

/// A position in the broker's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedPosition {
    /// The ticker.
    pub ticker: String,
    /// Shares; below 0 when short.
    pub quantity: Decimal,
    /// What else the fill model needs, as JSON.
    pub terms: String,
}

/// An account of the broker: what the fill model starts from, and what it leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedAccount {
    /// Cash.
    pub cash: Decimal,
    /// The last bar that was worked through.
    pub last_bar: Option<Timestamp>,
    /// Open orders, by the broker's id.
    pub orders: Vec<SimulatedOrder>,
    /// Positions by ticker.
    pub positions: Vec<SimulatedPosition>,
}

/// What a bar did to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarWork {
    /// Cash afterwards.
    pub cash: Decimal,
    /// All positions afterwards.
    pub positions: Vec<SimulatedPosition>,
    /// Orders that the broker itself placed, such as a stop that belongs to a position, in their final state.
    pub placed: Vec<(SimulatedSubmission, OrderState)>,
    /// Orders whose quantity, terms or state changed.
    pub changed: Vec<SimulatedOrder>,
    /// The fills.
    pub fills: Vec<Fill>,
}

/// The simulated broker's book.
#[derive(Debug, Clone)]
pub struct SimulatedBook {
    pool: AnyPool,
    dialect: Dialect,
}

impl Ledger {
    /// The simulated broker's book, which lives in the same database.
    #[must_use]
    pub fn simulated_book(&self) -> SimulatedBook {
        SimulatedBook { pool: self.pool.clone(), dialect: self.dialect }
    }
}

fn read_order(row: &AnyRow) -> Result<SimulatedOrder, LedgerError> {
    let c = Columns { row, table: "simulated_orders" };
    Ok(SimulatedOrder {
        order: SimulatedSubmission {
            client_order_id: c.parsed("client_order_id")?,
            bar: c.instant("bar")?,
            ticker: c.text("ticker")?,
            side: c.parsed("side")?,
            quantity: c.decimal("quantity")?,
            terms: c.text("terms")?,
        },
        broker_order_id: c.integer("broker_order_id")?,
        state: c.parsed("state")?,
        message: c.optional("message")?,
    })
}

fn read_position(row: &AnyRow) -> Result<SimulatedPosition, LedgerError> {
    let c = Columns { row, table: "simulated_positions" };
    Ok(SimulatedPosition {
        ticker: c.text("ticker")?,
        quantity: c.decimal("quantity")?,
        terms: c.text("terms")?,
    })
}

fn read_fill(row: &AnyRow) -> Result<Fill, LedgerError> {
    let c = Columns { row, table: "simulated_fills" };
    Ok(Fill {
        client_order_id: c.parsed("client_order_id")?,
        fill: c.integer("fill")?,
        session: c.session("session")?,
        filled_at: c.instant("filled_at")?,
        quantity: c.decimal("quantity")?,
        price: c.decimal("price")?,
        commission: c.decimal("commission")?,
    })
}

const ACTION: &str = "using the simulated broker's book";

async fn insert(
    tx: &mut Transaction<'static, Any>,
    account: &str,
    order: &SimulatedSubmission,
    state: OrderState,
) -> Result<SimulatedOrder, LedgerError> {
    positive("quantity of an order", order.quantity)?;
    let row =
        sqlx::query("UPDATE simulated_accounts SET orders = orders + 1 WHERE account = $1 RETURNING orders")
            .bind(account)
            .fetch_optional(&mut **tx)
            .await
            .during(ACTION)?;
    let row = row.ok_or_else(|| unknown(account))?;
    let broker_order_id = Columns { row: &row, table: "simulated_accounts" }.integer("orders")?;
    sqlx::query(
        "INSERT INTO simulated_orders (account, client_order_id, broker_order_id, bar, ticker, side, quantity, \
         terms, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(account)
    .bind(order.client_order_id.as_str())
    .bind(broker_order_id)
    .bind(text::instant(order.bar))
    .bind(order.ticker.as_str())
    .bind(order.side.as_str())
    .bind(text::decimal(order.quantity))
    .bind(order.terms.as_str())
    .bind(state.as_str())
    .execute(&mut **tx)
    .await
    .during(ACTION)?;
    Ok(SimulatedOrder { order: order.clone(), broker_order_id, state, message: None })
}

async fn find(
    tx: &mut Transaction<'static, Any>,
    account: &str,
    id: &ClientOrderId,
) -> Result<Option<SimulatedOrder>, LedgerError> {
    let row = sqlx::query("SELECT * FROM simulated_orders WHERE account = $1 AND client_order_id = $2")
        .bind(account)
        .bind(id.as_str())
        .fetch_optional(&mut **tx)
        .await
        .during(ACTION)?;
    row.as_ref().map(read_order).transpose()
}

async fn update(
    tx: &mut Transaction<'static, Any>,
    account: &str,
    order: &SimulatedOrder,
) -> Result<(), LedgerError> {
    sqlx::query(
        "UPDATE simulated_orders SET quantity = $1, terms = $2, state = $3, message = $4 \
         WHERE account = $5 AND client_order_id = $6",
    )
    .bind(text::decimal(order.order.quantity))
    .bind(order.order.terms.as_str())
    .bind(order.state.as_str())
    .bind(order.message.as_deref())
    .bind(account)
    .bind(order.order.client_order_id.as_str())
    .execute(&mut **tx)
    .await
    .during(ACTION)?;
    Ok(())
}

fn unknown(account: &str) -> LedgerError {
    LedgerError::Name {
        what: "account of the simulated broker",
        value: account.to_owned(),
        rule: "one that was opened",
    }
}

impl SimulatedBook {
    /// Opens an account with cash; one that is open stays as it is.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn open_account(&self, account: &str, cash: Decimal) -> Result<Recorded, LedgerError> {
        let done = sqlx::query(
            "INSERT INTO simulated_accounts (account, cash, last_bar, orders) VALUES ($1, $2, '', 0) \
             ON CONFLICT (account) DO NOTHING",
        )
        .bind(account)
        .bind(text::decimal(cash))
        .execute(&self.pool)
        .await
        .during(ACTION)?;
        Ok(if done.rows_affected() == 1 { Recorded::New } else { Recorded::Known })
    }

    /// Takes an order in. The same client id again gives the order that is there, whatever became of it. An order of a
    /// bar after which the market has gone on is rejected.
    ///
    /// # Errors
    /// An account that is not open, an id with another ticker, side or bar.
    pub async fn submit(
        &self,
        account: &str,
        order: &SimulatedSubmission,
    ) -> Result<SimulatedOrder, LedgerError> {
        let mut tx = self.begin(account).await?;
        if let Some(known) = find(&mut tx, account, &order.client_order_id).await? {
            let terms =
                |o: &SimulatedSubmission| format!("{} {} at {}", o.side, o.ticker, text::instant(o.bar));
            conflict("order", &order.client_order_id, &terms(&known.order), &terms(order))?;
            return Ok(known);
        }
        let last = read_account(&mut tx, account).await?.last_bar;
        let late = last.is_some_and(|last| order.bar < last);
        let state = if late { OrderState::Rejected } else { OrderState::Sent };
        let mut taken = insert(&mut tx, account, order, state).await?;
        if late {
            taken.message = Some("the market has gone on since the order was decided".to_owned());
            update(&mut tx, account, &taken).await?;
        }
        tx.commit().await.during(ACTION)?;
        Ok(taken)
    }

    /// Cancels what is left of an order and gives the order as it then is; one that is over stays as it is.
    ///
    /// # Errors
    /// An account that is not open.
    pub async fn cancel(
        &self,
        account: &str,
        id: &ClientOrderId,
        reason: &str,
    ) -> Result<Option<SimulatedOrder>, LedgerError> {
        let mut tx = self.begin(account).await?;
        let Some(mut order) = find(&mut tx, account, id).await? else { return Ok(None) };
        if !order.state.is_final() {
            order.state = OrderState::Cancelled;
            order.message = Some(reason.to_owned());
            update(&mut tx, account, &order).await?;
            tx.commit().await.during(ACTION)?;
        }
        Ok(Some(order))
    }

    /// The orders of a bar: those that were sent on its close, and those that the broker placed within it.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn orders_of_bar(
        &self,
        account: &str,
        bar: Timestamp,
    ) -> Result<Vec<SimulatedOrder>, LedgerError> {
        let rows = sqlx::query(
            "SELECT * FROM simulated_orders WHERE account = $1 AND bar = $2 ORDER BY broker_order_id",
        )
        .bind(account)
        .bind(text::instant(bar))
        .fetch_all(&self.pool)
        .await
        .during(ACTION)?;
        rows.iter().map(read_order).collect()
    }

    /// An order by the client's id.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn order(
        &self,
        account: &str,
        id: &ClientOrderId,
    ) -> Result<Option<SimulatedOrder>, LedgerError> {
        let mut tx = self.pool.begin().await.during(ACTION)?;
        find(&mut tx, account, id).await
    }

    /// All orders of an account, by the broker's id.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn orders(&self, account: &str) -> Result<Vec<SimulatedOrder>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM simulated_orders WHERE account = $1 ORDER BY broker_order_id")
            .bind(account)
            .fetch_all(&self.pool)
            .await
            .during(ACTION)?;
        rows.iter().map(read_order).collect()
    }

    /// The fills of an order by the client's id.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn fills(&self, account: &str, id: &ClientOrderId) -> Result<Vec<Fill>, LedgerError> {
        let rows = sqlx::query(
            "SELECT * FROM simulated_fills WHERE account = $1 AND client_order_id = $2 ORDER BY fill",
        )
        .bind(account)
        .bind(id.as_str())
        .fetch_all(&self.pool)
        .await
        .during(ACTION)?;
        rows.iter().map(read_fill).collect()
    }

    /// Cash, positions and open orders of an account.
    ///
    /// # Errors
    /// An account that is not open.
    pub async fn account(&self, account: &str) -> Result<SimulatedAccount, LedgerError> {
        let mut tx = self.begin(account).await?;
        read_account(&mut tx, account).await
    }

    /// Works a bar through, once: `work` gets the account before the bar and says what the bar did to it. A bar at or
    /// before the last one was worked through already and changes nothing.
    ///
    /// # Errors
    /// What `work` fails with; an account that is not open. Nothing is changed then.
    pub async fn work_bar<E: From<LedgerError>>(
        &self,
        account: &str,
        bar: Timestamp,
        work: impl FnOnce(SimulatedAccount) -> Result<BarWork, E> + Send,
    ) -> Result<Recorded, E> {
        let mut tx = self.begin(account).await?;
        let before = read_account(&mut tx, account).await?;
        if before.last_bar.is_some_and(|last| bar <= last) {
            return Ok(Recorded::Known);
        }
        let done = work(before)?;
        store(&mut tx, account, bar, &done).await?;
        tx.commit().await.during(ACTION)?;
        Ok(Recorded::New)
    }

    /// A transaction that holds the account's row.
    async fn begin(&self, account: &str) -> Result<Transaction<'static, Any>, LedgerError> {
        let mut tx = self.pool.begin_with(self.dialect.begin()).await.during(ACTION)?;
        let done = sqlx::query("UPDATE simulated_accounts SET orders = orders WHERE account = $1")
            .bind(account)
            .execute(&mut *tx)
            .await
            .during(ACTION)?;
        if done.rows_affected() == 1 { Ok(tx) } else { Err(unknown(account)) }
    }
}

async fn read_account(
    tx: &mut Transaction<'static, Any>,
    account: &str,
) -> Result<SimulatedAccount, LedgerError> {
    let row = sqlx::query("SELECT * FROM simulated_accounts WHERE account = $1")
        .bind(account)
        .fetch_one(&mut **tx)
        .await
        .during(ACTION)?;
    let orders = sqlx::query(
        "SELECT * FROM simulated_orders WHERE account = $1 AND state IN ('Sent', 'PartiallyFilled') \
         ORDER BY broker_order_id",
    )
    .bind(account)
    .fetch_all(&mut **tx)
    .await
    .during(ACTION)?;
    let positions = sqlx::query("SELECT * FROM simulated_positions WHERE account = $1")
        .bind(account)
        .fetch_all(&mut **tx)
        .await
        .during(ACTION)?;
    let c = Columns { row: &row, table: "simulated_accounts" };
    let mut positions = positions.iter().map(read_position).collect::<Result<Vec<_>, _>>()?;
    positions.sort_by(|a, b| a.ticker.cmp(&b.ticker));
    let last_bar = if c.text("last_bar")?.is_empty() { None } else { Some(c.instant("last_bar")?) };
    Ok(SimulatedAccount {
        cash: c.decimal("cash")?,
        last_bar,
        orders: orders.iter().map(read_order).collect::<Result<_, _>>()?,
        positions,
    })
}

async fn store(
    tx: &mut Transaction<'static, Any>,
    account: &str,
    bar: Timestamp,
    done: &BarWork,
) -> Result<(), LedgerError> {
    sqlx::query("UPDATE simulated_accounts SET cash = $1, last_bar = $2 WHERE account = $3")
        .bind(text::decimal(done.cash))
        .bind(text::instant(bar))
        .bind(account)
        .execute(&mut **tx)
        .await
        .during(ACTION)?;
    sqlx::query("DELETE FROM simulated_positions WHERE account = $1")
        .bind(account)
        .execute(&mut **tx)
        .await
        .during(ACTION)?;
    for position in &done.positions {
        sqlx::query(
            "INSERT INTO simulated_positions (account, ticker, quantity, terms) VALUES ($1, $2, $3, $4)",
        )
        .bind(account)
        .bind(position.ticker.as_str())
        .bind(text::decimal(position.quantity))
        .bind(position.terms.as_str())
        .execute(&mut **tx)
        .await
        .during(ACTION)?;
    }
    for (order, state) in &done.placed {
        insert(tx, account, order, *state).await?;
    }
    for changed in &done.changed {
        update(tx, account, changed).await?;
    }
    for fill in &done.fills {
        sqlx::query(
            "INSERT INTO simulated_fills (account, client_order_id, fill, session, filled_at, quantity, price, \
             commission) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(account)
        .bind(fill.client_order_id.as_str())
        .bind(fill.fill)
        .bind(fill.session.to_string())
        .bind(text::instant(fill.filled_at))
        .bind(text::decimal(fill.quantity))
        .bind(text::decimal(fill.price))
        .bind(text::decimal(fill.commission))
        .execute(&mut **tx)
        .await
        .during(ACTION)?;
    }
    Ok(())
}
