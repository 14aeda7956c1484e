//! Positions, cash, the journal, and the check of the snapshots.

use crate::{
    Book, Entry, Holding, Ledger, LedgerError, StrategyIdentity, StrategyKey, TradeRow, Writer,
    book::add,
    error::During as _,
    fill::read_fill,
    movement::{read_movement, read_split},
    text::{self, Columns},
    trades,
};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::any::AnyRow;

/// Cash and open positions, as the snapshots have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Cash.
    pub cash: Decimal,
    /// Open positions by ticker.
    pub positions: Vec<Holding>,
}

fn read_holding(row: &AnyRow) -> Result<Holding, LedgerError> {
    let c = Columns { row, table: "positions" };
    Ok(Holding {
        ticker: c.text("ticker")?,
        quantity: c.decimal("quantity")?,
        cost: c.decimal("cost")?,
        realized: c.decimal("realized")?,
        commission: c.decimal("commission")?,
        opened_session: c.parsed_optional("opened_session")?,
    })
}

const HOLDINGS: &str = "SELECT * FROM positions WHERE strategy = $1";
const CASH: &str = "SELECT cash FROM accounts WHERE strategy = $1";

impl Writer {
    pub(crate) async fn holding(&mut self, ticker: &str) -> Result<Holding, LedgerError> {
        let row = sqlx::query("SELECT * FROM positions WHERE strategy = $1 AND ticker = $2")
            .bind(self.strategy.as_str())
            .bind(ticker)
            .fetch_optional(&mut *self.tx)
            .await
            .during("reading a position")?;
        row.as_ref().map_or_else(|| Ok(Holding::none(ticker)), read_holding)
    }

    pub(crate) async fn store_holding(&mut self, holding: &Holding) -> Result<(), LedgerError> {
        sqlx::query(
            "INSERT INTO positions (strategy, ticker, quantity, cost, realized, commission, opened_session) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (strategy, ticker) DO UPDATE SET \
             quantity = excluded.quantity, cost = excluded.cost, realized = excluded.realized, \
             commission = excluded.commission, opened_session = excluded.opened_session",
        )
        .bind(self.strategy.as_str())
        .bind(holding.ticker.as_str())
        .bind(text::decimal(holding.quantity))
        .bind(text::decimal(holding.cost))
        .bind(text::decimal(holding.realized))
        .bind(text::decimal(holding.commission))
        .bind(holding.opened_session.map(|session| session.to_string()))
        .execute(&mut *self.tx)
        .await
        .during("storing a position")?;
        Ok(())
    }

    pub(crate) async fn move_cash(&mut self, change: Decimal) -> Result<(), LedgerError> {
        const ACTION: &str = "storing cash";
        let row =
            sqlx::query(CASH).bind(self.strategy.as_str()).fetch_one(&mut *self.tx).await.during(ACTION)?;
        let cash = add(Columns { row: &row, table: "accounts" }.decimal("cash")?, change)?;
        sqlx::query("UPDATE accounts SET cash = $1 WHERE strategy = $2")
            .bind(text::decimal(cash))
            .bind(self.strategy.as_str())
            .execute(&mut *self.tx)
            .await
            .during(ACTION)?;
        Ok(())
    }
}

impl Ledger {
    /// The strategies that the ledger knows; only those of a name when it is given (a name can occur in several
    /// namespaces, and again after an object was deleted and made anew).
    ///
    /// # Errors
    /// A database that fails.
    pub async fn strategies(&self, name: Option<&str>) -> Result<Vec<StrategyIdentity>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM strategies WHERE $1 IS NULL OR name = $1")
            .bind(name)
            .fetch_all(&self.pool)
            .await
            .during("reading strategies")?;
        let mut all = rows
            .iter()
            .map(|row| {
                let c = Columns { row, table: "strategies" };
                Ok(StrategyIdentity {
                    namespace: c.optional("namespace")?,
                    name: c.text("name")?,
                    uid: c.optional("uid")?,
                })
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        // Here and not in the statement: databases sort text by their own rules.
        all.sort_by_key(StrategyIdentity::key);
        Ok(all)
    }

    /// Cash and open positions of a strategy, by ticker. An unknown strategy has neither.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn account(&self, strategy: &StrategyKey) -> Result<Account, LedgerError> {
        let mut book = self.snapshot(strategy).await?;
        book.holdings.retain(|_, holding| !holding.quantity.is_zero());
        Ok(Account { cash: book.cash, positions: book.holdings.into_values().collect() })
    }

    /// The open positions of a strategy, by ticker.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn positions(&self, strategy: &StrategyKey) -> Result<Vec<Holding>, LedgerError> {
        Ok(self.account(strategy).await?.positions)
    }

    async fn snapshot(&self, strategy: &StrategyKey) -> Result<Book, LedgerError> {
        let rows = sqlx::query(HOLDINGS)
            .bind(strategy.as_str())
            .fetch_all(&self.pool)
            .await
            .during("reading positions")?;
        let mut book = Book::default();
        for row in &rows {
            let holding = read_holding(row)?;
            book.holdings.insert(holding.ticker.clone(), holding);
        }
        let row = sqlx::query(CASH)
            .bind(strategy.as_str())
            .fetch_optional(&self.pool)
            .await
            .during("reading cash")?;
        if let Some(row) = row {
            book.cash = Columns { row: &row, table: "accounts" }.decimal("cash")?;
        }
        Ok(book)
    }

    /// The journal of a strategy: fills, splits and movements in the order in which they were written.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn journal(&self, strategy: &StrategyKey) -> Result<Vec<Entry>, LedgerError> {
        const FILLS: &str = "SELECT * FROM fills WHERE strategy = $1";
        const SPLITS: &str = "SELECT * FROM splits WHERE strategy = $1";
        const MOVEMENTS: &str = "SELECT * FROM cash_movements WHERE strategy = $1";
        let mut entries = Vec::new();
        for statement in [FILLS, SPLITS, MOVEMENTS] {
            let rows = sqlx::query(statement)
                .bind(strategy.as_str())
                .fetch_all(&self.pool)
                .await
                .during("reading the journal")?;
            for row in &rows {
                entries.push(match statement {
                    FILLS => Entry::Fill(read_fill(row)?),
                    SPLITS => Entry::Split(read_split(row)?),
                    _ => Entry::Movement(read_movement(row)?),
                });
            }
        }
        entries.sort_by_key(Entry::number);
        Ok(entries)
    }

    /// The trades of a strategy, flat to flat, by their first fill; the last of a ticker may be open.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn trades(&self, strategy: &StrategyKey) -> Result<Vec<TradeRow>, LedgerError> {
        trades(&self.journal(strategy).await?)
    }

    /// Derives positions and cash from the journal and compares them with the stored snapshot. To be called by the
    /// holder of the lease before it trades, when nothing else writes.
    ///
    /// # Errors
    /// [`LedgerError::SnapshotMismatch`] names the first figure that differs.
    pub async fn verify(&self, strategy: &StrategyKey) -> Result<Book, LedgerError> {
        let derived = Book::derive(&self.journal(strategy).await?)?;
        let snapshot = self.snapshot(strategy).await?;
        let mismatch = |what: String, snapshot: String, derived: String| {
            Err(LedgerError::SnapshotMismatch { strategy: strategy.clone(), what, snapshot, derived })
        };
        if snapshot.cash != derived.cash {
            return mismatch("cash".into(), snapshot.cash.to_string(), derived.cash.to_string());
        }
        let tickers = derived.holdings.keys().chain(snapshot.holdings.keys());
        for ticker in tickers {
            let (stored, ours) = (snapshot.holdings.get(ticker), derived.holdings.get(ticker));
            if stored != ours {
                let show = |holding: Option<&Holding>| {
                    holding.map_or("nothing".to_owned(), |h| {
                        format!(
                            "{} shares at cost {}, realised {}, commission {}",
                            h.quantity, h.cost, h.realized, h.commission
                        )
                    })
                };
                return mismatch(format!("the position in {ticker}"), show(stored), show(ours));
            }
        }
        Ok(derived)
    }
}
