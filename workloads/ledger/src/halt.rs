//! Halts: why a strategy opens nothing, since when, and who ended that.

use crate::{
    Ledger, LedgerError, Recorded, StrategyKey, Writer,
    error::During as _,
    text::{self, Columns},
};
pub use ats_pipeline::contract::HaltCause;
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use sqlx::any::AnyRow;

/// A halt that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHalt {
    /// Its id, by which it is reset: derived from what happened, so that it is recorded once.
    pub id: String,
    /// What halted.
    pub cause: HaltCause,
    /// Why, in words.
    pub reason: String,
    /// The session that it follows from, if there is one.
    pub session: Option<Date>,
    /// When.
    pub at: Timestamp,
}

/// A halt as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Halt {
    /// Its id, by which it is reset.
    pub id: String,
    /// What halted.
    pub cause: HaltCause,
    /// Why, in words.
    pub reason: String,
    /// The session that it follows from, if there is one.
    pub session: Option<Date>,
    /// When.
    pub at: Timestamp,
    /// When it was reset.
    pub reset_at: Option<Timestamp>,
    /// By whom or what.
    pub reset_by: Option<String>,
}

fn read_halt(row: &AnyRow) -> Result<Halt, LedgerError> {
    let c = Columns { row, table: "halts" };
    Ok(Halt {
        id: c.text("halt")?,
        cause: c.parsed("cause")?,
        reason: c.text("reason")?,
        session: c.parsed_optional("session")?,
        at: c.instant("at")?,
        reset_at: c.parsed_optional("reset_at")?,
        reset_by: c.optional("reset_by")?,
    })
}

impl Writer {
    /// Records a halt once; one that was reset does not begin again under its id.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn record_halt(&mut self, halt: &NewHalt) -> Result<Recorded, LedgerError> {
        let done = sqlx::query(
            "INSERT INTO halts (halt, strategy, cause, reason, session, at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (strategy, halt) DO NOTHING",
        )
        .bind(halt.id.as_str())
        .bind(self.strategy.as_str())
        .bind(halt.cause.as_str())
        .bind(halt.reason.as_str())
        .bind(halt.session.map(|session| session.to_string()))
        .bind(text::instant(halt.at))
        .execute(&mut *self.tx)
        .await
        .during("recording a halt")?;
        Ok(if done.rows_affected() == 1 { Recorded::New } else { Recorded::Known })
    }

    /// Ends a halt, once.
    ///
    /// # Errors
    /// [`LedgerError::UnknownHalt`] for an id that is not open.
    pub async fn reset_halt(&mut self, id: &str, by: &str, now: Timestamp) -> Result<(), LedgerError> {
        let done = sqlx::query(
            "UPDATE halts SET reset_at = $1, reset_by = $2 WHERE halt = $3 AND strategy = $4 AND reset_at IS NULL",
        )
        .bind(text::instant(now))
        .bind(by)
        .bind(id)
        .bind(self.strategy.as_str())
        .execute(&mut *self.tx)
        .await
        .during("resetting a halt")?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(LedgerError::UnknownHalt { id: id.to_owned() }) }
    }
}

impl Ledger {
    /// All halts of a strategy, oldest first.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn halts(&self, strategy: &StrategyKey) -> Result<Vec<Halt>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM halts WHERE strategy = $1 ORDER BY at, halt")
            .bind(strategy.as_str())
            .fetch_all(&self.pool)
            .await
            .during("reading halts")?;
        rows.iter().map(read_halt).collect()
    }

    /// The halts that stand, oldest first.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn open_halts(&self, strategy: &StrategyKey) -> Result<Vec<Halt>, LedgerError> {
        Ok(self.halts(strategy).await?.into_iter().filter(|halt| halt.reset_at.is_none()).collect())
    }
}
