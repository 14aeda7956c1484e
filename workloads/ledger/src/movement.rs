//! Splits of shares and movements of cash.

use crate::{
    Ledger, LedgerError, Recorded, StrategyKey, Writer,
    error::During as _,
    text::{self, Columns, text_enum},
    writer::conflict,
};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::any::AnyRow;

/// A split of a held position, before the open of its ex-date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockSplit {
    /// The ticker.
    pub ticker: String,
    /// The ex-date.
    pub session: Date,
    /// New shares for one old share.
    pub ratio: Decimal,
    /// Shares held before it.
    pub quantity_before: Decimal,
    /// Shares held after it; cash in lieu of a rest is a movement.
    pub quantity_after: Decimal,
}

/// A split as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitRow {
    /// Its place in the strategy's journal.
    pub entry: i64,
    /// The ticker.
    pub ticker: String,
    /// The ex-date.
    pub session: Date,
    /// New shares for one old share.
    pub ratio: Decimal,
    /// Shares held before it.
    pub quantity_before: Decimal,
    /// Shares held after it.
    pub quantity_after: Decimal,
}

text_enum! {
    /// Why cash moved.
    MovementKind {
        /// The initial cash, or cash that was added.
        Deposit,
        /// Cash that was taken out; its amount is below 0.
        Withdrawal,
        /// A dividend, credited to holders and debited to shorts.
        Dividend,
        /// Paid for a fraction of a share after a split.
        CashInLieu,
        /// Paid for borrowing the shares of a short; its amount is below 0.
        Borrowing,
        /// A commission or fee that is not part of a fill; its amount is below 0.
        Commission,
    }
}

/// A movement of cash. Commissions of fills are part of the fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashMovement {
    /// Its id within the strategy, derived from what it is: writing it again changes nothing.
    pub movement: String,
    /// The session in which it counts.
    pub session: Date,
    /// Why.
    pub kind: MovementKind,
    /// The ticker, if there is one.
    pub ticker: Option<String>,
    /// The change of cash.
    pub amount: Decimal,
}

/// A movement as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MovementRow {
    /// Its place in the strategy's journal.
    pub entry: i64,
    /// Its id within the strategy.
    pub movement: String,
    /// The session in which it counts.
    pub session: Date,
    /// Why.
    pub kind: MovementKind,
    /// The ticker, if there is one.
    pub ticker: Option<String>,
    /// The change of cash.
    pub amount: Decimal,
}

pub(crate) fn read_split(row: &AnyRow) -> Result<SplitRow, LedgerError> {
    let c = Columns { row, table: "splits" };
    Ok(SplitRow {
        entry: c.integer("entry")?,
        ticker: c.text("ticker")?,
        session: c.session("session")?,
        ratio: c.decimal("ratio")?,
        quantity_before: c.decimal("quantity_before")?,
        quantity_after: c.decimal("quantity_after")?,
    })
}

pub(crate) fn read_movement(row: &AnyRow) -> Result<MovementRow, LedgerError> {
    let c = Columns { row, table: "cash_movements" };
    Ok(MovementRow {
        entry: c.integer("entry")?,
        movement: c.text("movement")?,
        session: c.session("session")?,
        kind: c.parsed("kind")?,
        ticker: c.optional("ticker")?,
        amount: c.decimal("amount")?,
    })
}

impl Writer {
    /// Records a split once and rescales the position.
    ///
    /// # Errors
    /// A split that starts from another quantity than the position, or one that is there with other figures.
    pub async fn record_split(&mut self, split: &StockSplit) -> Result<Recorded, LedgerError> {
        const ACTION: &str = "recording a split";
        let known = sqlx::query("SELECT * FROM splits WHERE strategy = $1 AND ticker = $2 AND session = $3")
            .bind(self.strategy.as_str())
            .bind(split.ticker.as_str())
            .bind(split.session.to_string())
            .fetch_optional(&mut *self.tx)
            .await
            .during(ACTION)?;
        if let Some(row) = known {
            let stored = read_split(&row)?;
            let key = format!("of {} on {}", split.ticker, split.session);
            conflict("split", &key, &stored.ratio, &split.ratio)?;
            conflict("split", &key, &stored.quantity_before, &split.quantity_before)?;
            conflict("split", &key, &stored.quantity_after, &split.quantity_after)?;
            return Ok(Recorded::Known);
        }
        let row = SplitRow {
            entry: self.next_entry().await?,
            ticker: split.ticker.clone(),
            session: split.session,
            ratio: split.ratio,
            quantity_before: split.quantity_before,
            quantity_after: split.quantity_after,
        };
        let mut holding = self.holding(&row.ticker).await?;
        holding.split(&row)?;
        sqlx::query(
            "INSERT INTO splits (strategy, ticker, session, entry, ratio, quantity_before, quantity_after) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.strategy.as_str())
        .bind(row.ticker.as_str())
        .bind(row.session.to_string())
        .bind(row.entry)
        .bind(text::decimal(row.ratio))
        .bind(text::decimal(row.quantity_before))
        .bind(text::decimal(row.quantity_after))
        .execute(&mut *self.tx)
        .await
        .during(ACTION)?;
        self.store_holding(&holding).await?;
        Ok(Recorded::New)
    }

    /// Records a movement of cash once.
    ///
    /// # Errors
    /// A movement that is there with another amount.
    pub async fn record_movement(&mut self, movement: &CashMovement) -> Result<Recorded, LedgerError> {
        const ACTION: &str = "recording a movement of cash";
        let known = sqlx::query("SELECT * FROM cash_movements WHERE strategy = $1 AND movement = $2")
            .bind(self.strategy.as_str())
            .bind(movement.movement.as_str())
            .fetch_optional(&mut *self.tx)
            .await
            .during(ACTION)?;
        if let Some(row) = known {
            conflict("movement", &movement.movement, &read_movement(&row)?.amount, &movement.amount)?;
            return Ok(Recorded::Known);
        }
        let entry = self.next_entry().await?;
        sqlx::query(
            "INSERT INTO cash_movements (strategy, movement, entry, session, kind, ticker, amount) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(self.strategy.as_str())
        .bind(movement.movement.as_str())
        .bind(entry)
        .bind(movement.session.to_string())
        .bind(movement.kind.as_str())
        .bind(movement.ticker.as_deref())
        .bind(text::decimal(movement.amount))
        .execute(&mut *self.tx)
        .await
        .during(ACTION)?;
        self.move_cash(movement.amount).await?;
        Ok(Recorded::New)
    }
}

impl Ledger {
    /// The movements of cash of a strategy in the order of its journal.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn movements(&self, strategy: &StrategyKey) -> Result<Vec<MovementRow>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM cash_movements WHERE strategy = $1 ORDER BY entry")
            .bind(strategy.as_str())
            .fetch_all(&self.pool)
            .await
            .during("reading movements of cash")?;
        rows.iter().map(read_movement).collect()
    }

    /// The splits of a strategy's positions in the order of its journal.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn splits(&self, strategy: &StrategyKey) -> Result<Vec<SplitRow>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM splits WHERE strategy = $1 ORDER BY entry")
            .bind(strategy.as_str())
            .fetch_all(&self.pool)
            .await
            .during("reading splits")?;
        rows.iter().map(read_split).collect()
    }
}
