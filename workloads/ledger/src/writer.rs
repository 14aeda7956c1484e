//! A fenced transaction: the only way to write as a trading process.

use crate::{Lease, Ledger, LedgerError, StrategyKey, error::During as _, text::Columns};
use sqlx::{Any, Transaction};
use std::fmt::Display;

/// Whether a write was new or was there before, with the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is written now.
    New,
    /// It was written before; nothing changed.
    Known,
}

/// A write transaction that holds the lease's row. Everything that is written through it becomes visible at
/// [`Writer::commit`], all of it or none; dropping the writer takes it back. While it is open nobody can take the
/// lease, so keep it short and never wait for a broker inside.
#[derive(Debug)]
#[must_use = "a writer that is dropped writes nothing"]
pub struct Writer {
    pub(crate) tx: Transaction<'static, Any>,
    pub(crate) strategy: StrategyKey,
    pub(crate) epoch: i64,
}

impl Ledger {
    /// Begins to write as the holder of a lease.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`] when another process has taken the lease since.
    pub async fn write(&self, lease: &Lease) -> Result<Writer, LedgerError> {
        const ACTION: &str = "checking the lease";
        let mut tx = self.pool.begin_with(self.dialect.begin()).await.during(ACTION)?;
        // An update, not a read: it locks the row until the end, so that the epoch cannot be raised in between.
        let done = sqlx::query("UPDATE leases SET epoch = epoch WHERE strategy = $1 AND epoch = $2")
            .bind(lease.strategy.as_str())
            .bind(lease.epoch)
            .execute(&mut *tx)
            .await
            .during(ACTION)?;
        if done.rows_affected() != 1 {
            return Err(LedgerError::Fenced { strategy: lease.strategy.clone(), epoch: lease.epoch });
        }
        Ok(Writer { tx, strategy: lease.strategy.clone(), epoch: lease.epoch })
    }
}

impl Writer {
    /// Makes all of it durable.
    ///
    /// # Errors
    /// A database that fails; whether the transaction was committed is then unknown, and doing it again is safe.
    pub async fn commit(self) -> Result<(), LedgerError> {
        self.tx.commit().await.during("committing")
    }

    /// The next number of the strategy's journal.
    pub(crate) async fn next_entry(&mut self) -> Result<i64, LedgerError> {
        let row =
            sqlx::query("UPDATE accounts SET entries = entries + 1 WHERE strategy = $1 RETURNING entries")
                .bind(self.strategy.as_str())
                .fetch_one(&mut *self.tx)
                .await
                .during("numbering a journal entry")?;
        Columns { row: &row, table: "accounts" }.integer("entries")
    }
}

/// An entry that is there already must say the same.
pub(crate) fn conflict<T: PartialEq + Display>(
    what: &'static str,
    key: &dyn Display,
    stored: &T,
    given: &T,
) -> Result<(), LedgerError> {
    match crate::text::differs(stored, given) {
        None => Ok(()),
        Some((stored, given)) => {
            Err(LedgerError::EntryConflict { what, key: key.to_string(), stored, given })
        }
    }
}
