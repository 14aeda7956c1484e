//! Decisions: one for each strategy and completed bar, whatever came of it.

use crate::{
    Ledger, LedgerError, Recorded, StrategyKey, Writer,
    error::During as _,
    text::{self, Columns, text_enum},
};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use sqlx::any::AnyRow;

text_enum! {
    /// What became of a bar.
    DecisionOutcome {
        /// Decided in time; its orders, if any, were written with it.
        Decided,
        /// Too late to order: the moment to fill had passed.
        Stale,
        /// Decided under a halt: no entries.
        Halted,
    }
}

/// The decision on a completed bar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The instant when the bar was complete.
    pub bar: Timestamp,
    /// The session of the bar.
    pub session: Date,
    /// What became of it.
    pub outcome: DecisionOutcome,
    /// Orders that were written with it.
    pub orders: i64,
    /// Why it is stale, or what halts.
    pub message: Option<String>,
    /// When it was made.
    pub decided_at: Timestamp,
}

fn read_decision(row: &AnyRow) -> Result<Decision, LedgerError> {
    let c = Columns { row, table: "decisions" };
    Ok(Decision {
        bar: c.instant("bar")?,
        session: c.session("session")?,
        outcome: c.parsed("outcome")?,
        orders: c.integer("orders")?,
        message: c.optional("message")?,
        decided_at: c.instant("decided_at")?,
    })
}

impl Writer {
    /// Records the decision on a bar. `Known` means that the bar was decided before: drop the writer and order
    /// nothing.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn record_decision(&mut self, decision: &Decision) -> Result<Recorded, LedgerError> {
        let done = sqlx::query(
            "INSERT INTO decisions (strategy, bar, session, epoch, outcome, orders, message, decided_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (strategy, bar) DO NOTHING",
        )
        .bind(self.strategy.as_str())
        .bind(text::instant(decision.bar))
        .bind(decision.session.to_string())
        .bind(self.epoch)
        .bind(decision.outcome.as_str())
        .bind(decision.orders)
        .bind(decision.message.as_deref())
        .bind(text::instant(decision.decided_at))
        .execute(&mut *self.tx)
        .await
        .during("recording a decision")?;
        Ok(if done.rows_affected() == 1 { Recorded::New } else { Recorded::Known })
    }
}

impl Ledger {
    /// The latest decision of a strategy.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn last_decision(&self, strategy: &StrategyKey) -> Result<Option<Decision>, LedgerError> {
        let row = sqlx::query("SELECT * FROM decisions WHERE strategy = $1 ORDER BY bar DESC LIMIT 1")
            .bind(strategy.as_str())
            .fetch_optional(&self.pool)
            .await
            .during("reading the last decision")?;
        row.as_ref().map(read_decision).transpose()
    }

    /// The decisions of a strategy, oldest first; only the latest so many when `latest` is given.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn decisions(
        &self,
        strategy: &StrategyKey,
        latest: Option<u32>,
    ) -> Result<Vec<Decision>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM decisions WHERE strategy = $1 ORDER BY bar DESC LIMIT $2")
            .bind(strategy.as_str())
            .bind(latest.map_or(i64::MAX, i64::from))
            .fetch_all(&self.pool)
            .await
            .during("reading decisions")?;
        rows.iter().rev().map(read_decision).collect()
    }
}
