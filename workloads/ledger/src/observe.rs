//! Reading beside those who trade: a connection that cannot write, and counts that the database makes.

use crate::{
    DecisionOutcome, Ledger, LedgerError, LedgerOptions, OrderState, Side, StrategyKey,
    connect::{self, Access},
    error::During as _,
    text::Columns,
};

impl Ledger {
    /// Opens a ledger that another process keeps: makes no file and no tables, and the database refuses every write
    /// of this connection.
    ///
    /// # Errors
    /// As [`Ledger::open`]; [`LedgerError::NoTables`] before anything has traded, [`LedgerError::Older`] while its
    /// tables are those of an older version.
    pub async fn open_read_only(url: &str, options: LedgerOptions) -> Result<Self, LedgerError> {
        connect::open(url, options, Access::Read).await
    }

    /// How many orders of each side are in each state; pairs without an order are left out.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn order_counts(
        &self,
        strategy: &StrategyKey,
    ) -> Result<Vec<(Side, OrderState, i64)>, LedgerError> {
        let rows = sqlx::query(
            "SELECT side, state, COUNT(*) AS orders FROM orders WHERE strategy = $1 GROUP BY side, state",
        )
        .bind(strategy.as_str())
        .fetch_all(&self.pool)
        .await
        .during("counting orders")?;
        let mut counts = rows
            .iter()
            .map(|row| {
                let c = Columns { row, table: "orders" };
                Ok((c.parsed("side")?, c.parsed("state")?, c.integer("orders")?))
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        counts.sort();
        Ok(counts)
    }

    /// How many decisions had each outcome; outcomes that never came are left out.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn decision_counts(
        &self,
        strategy: &StrategyKey,
    ) -> Result<Vec<(DecisionOutcome, i64)>, LedgerError> {
        let rows = sqlx::query(
            "SELECT outcome, COUNT(*) AS decisions FROM decisions WHERE strategy = $1 GROUP BY outcome",
        )
        .bind(strategy.as_str())
        .fetch_all(&self.pool)
        .await
        .during("counting decisions")?;
        let mut counts = rows
            .iter()
            .map(|row| {
                let c = Columns { row, table: "decisions" };
                Ok((c.parsed("outcome")?, c.integer("decisions")?))
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        counts.sort();
        Ok(counts)
    }
}
