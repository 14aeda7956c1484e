//! Equity at the close of each session.

use crate::{
    Ledger, LedgerError, StrategyKey, Writer,
    error::During as _,
    text::{self, Columns},
};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;

/// The account at the close of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EquityPoint {
    /// The session.
    pub session: Date,
    /// Cash plus positions at the close.
    pub equity: Decimal,
    /// Cash.
    pub cash: Decimal,
    /// Sum of the positions' absolute values.
    pub gross_exposure: Decimal,
    /// Sum of the positions' values, shorts below 0.
    pub net_exposure: Decimal,
    /// Equity over its peak, less 1: 0 or below.
    pub drawdown: Decimal,
}

impl Writer {
    /// Records the account at the close of a session; within a session the latest bar stands.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn record_equity(&mut self, point: &EquityPoint) -> Result<(), LedgerError> {
        sqlx::query(
            "INSERT INTO equity (strategy, session, equity, cash, gross_exposure, net_exposure, drawdown) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (strategy, session) DO UPDATE SET \
             equity = excluded.equity, cash = excluded.cash, gross_exposure = excluded.gross_exposure, \
             net_exposure = excluded.net_exposure, drawdown = excluded.drawdown",
        )
        .bind(self.strategy.as_str())
        .bind(point.session.to_string())
        .bind(text::decimal(point.equity))
        .bind(text::decimal(point.cash))
        .bind(text::decimal(point.gross_exposure))
        .bind(text::decimal(point.net_exposure))
        .bind(text::decimal(point.drawdown))
        .execute(&mut *self.tx)
        .await
        .during("recording equity")?;
        Ok(())
    }
}

impl Ledger {
    /// The equity of a strategy by session, oldest first; only the latest so many when `latest` is given.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn equity(
        &self,
        strategy: &StrategyKey,
        latest: Option<u32>,
    ) -> Result<Vec<EquityPoint>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM equity WHERE strategy = $1 ORDER BY session DESC LIMIT $2")
            .bind(strategy.as_str())
            .bind(latest.map_or(i64::MAX, i64::from))
            .fetch_all(&self.pool)
            .await
            .during("reading equity")?;
        rows.iter()
            .rev()
            .map(|row| {
                let c = Columns { row, table: "equity" };
                Ok(EquityPoint {
                    session: c.session("session")?,
                    equity: c.decimal("equity")?,
                    cash: c.decimal("cash")?,
                    gross_exposure: c.decimal("gross_exposure")?,
                    net_exposure: c.decimal("net_exposure")?,
                    drawdown: c.decimal("drawdown")?,
                })
            })
            .collect()
    }
}
