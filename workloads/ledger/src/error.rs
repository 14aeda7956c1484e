//! What can go wrong with the ledger, in words: what, where, and what to do.

use crate::{ClientOrderId, OrderState, StrategyKey};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

/// A failure of the ledger. No variant carries a password or a whole URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The URL names no database that the ledger can use.
    #[error("ledger URL: {problem}; write sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Url {
        /// What is wrong with it.
        problem: String,
    },
    /// The database did not answer, or refused the connection.
    #[error("cannot reach the ledger at {place}: {problem}; {hint}")]
    Unreachable {
        /// Host, port and database, or the path of the file.
        place: String,
        /// What the driver said.
        problem: String,
        /// What to check.
        hint: &'static str,
    },
    /// The tables could not be brought up to date.
    #[error("the tables of the ledger at {place} could not be brought up to date: {problem}")]
    Migration {
        /// Host, port and database, or the path of the file.
        place: String,
        /// What the migrator said.
        problem: String,
    },
    /// The ledger was written by a newer version of this program.
    #[error(
        "the ledger at {place} has migration {version}, which this version does not know; \
         use the version that wrote it, or a newer one"
    )]
    Newer {
        /// Host, port and database, or the path of the file.
        place: String,
        /// The unknown migration.
        version: i64,
    },
    /// Nothing has traded with this database yet.
    #[error("the ledger at {place} has no tables yet; the first strategy that trades makes them")]
    NoTables {
        /// Host, port and database, or the path of the file.
        place: String,
    },
    /// The tables are those of an older version, and this connection only reads.
    #[error(
        "the ledger at {place} has the tables of an older version (migration {version}); \
         the next start of a trading process of this version brings them up to date"
    )]
    Older {
        /// Host, port and database, or the path of the file.
        place: String,
        /// The last migration that it has.
        version: i64,
    },
    /// A name that cannot be part of a strategy's key or of an id.
    #[error("{what} {value:?} is not allowed: {rule}")]
    Name {
        /// Which name.
        what: &'static str,
        /// The refused value.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// Another process holds the strategy.
    #[error(
        "strategy {strategy} is run by {holder} until {until}; stop it, or wait until its lease has ended"
    )]
    LeaseHeld {
        /// The strategy.
        strategy: StrategyKey,
        /// Who holds the lease.
        holder: String,
        /// When the lease ends unless it is renewed.
        until: Timestamp,
    },
    /// The epoch of this process is over: another one has taken the lease. Nothing was written.
    #[error(
        "strategy {strategy}: the lease of epoch {epoch} was taken over; \
         nothing was written and nothing may be sent, stop this process"
    )]
    Fenced {
        /// The strategy.
        strategy: StrategyKey,
        /// The epoch that is over.
        epoch: i64,
    },
    /// The id of an order is in the ledger with other terms.
    #[error("order {id} is already in the ledger with another {field}: {stored}, not {given}")]
    OrderConflict {
        /// The order.
        id: ClientOrderId,
        /// Which of its terms differs.
        field: &'static str,
        /// The ledger's value.
        stored: String,
        /// The value that was to be written.
        given: String,
    },
    /// An order that the ledger does not have.
    #[error("order {id} is not in the ledger of strategy {strategy}")]
    UnknownOrder {
        /// The order.
        id: ClientOrderId,
        /// The strategy in whose ledger it was looked for.
        strategy: StrategyKey,
    },
    /// A change of state that an order cannot make.
    #[error("order {id} is {from} and cannot become {to}")]
    OrderState {
        /// The order.
        id: ClientOrderId,
        /// Its state.
        from: OrderState,
        /// The refused state.
        to: OrderState,
    },
    /// A number that makes no sense where it stands.
    #[error("{what} must be {rule}, not {value}")]
    Number {
        /// Which number.
        what: &'static str,
        /// The refused value.
        value: Decimal,
        /// What is allowed.
        rule: &'static str,
    },
    /// A fill is in the ledger with other figures.
    #[error("fill {fill} of order {id} is already in the ledger with another {field}: {stored}, not {given}")]
    FillConflict {
        /// The order.
        id: ClientOrderId,
        /// Sequence of the fill within the order.
        fill: i64,
        /// Which figure differs.
        field: &'static str,
        /// The ledger's value.
        stored: String,
        /// The value that was to be written.
        given: String,
    },
    /// More was filled than was ordered.
    #[error("order {id} of {quantity} shares would be filled {filled}")]
    Overfill {
        /// The order.
        id: ClientOrderId,
        /// What was ordered.
        quantity: Decimal,
        /// What all its fills would come to.
        filled: Decimal,
    },
    /// A journal entry is in the ledger with another value.
    #[error("{what} {key} is already in the ledger as {stored}, not {given}")]
    EntryConflict {
        /// Which kind of entry.
        what: &'static str,
        /// Its key.
        key: String,
        /// The ledger's value.
        stored: String,
        /// The value that was to be written.
        given: String,
    },
    /// The split does not fit the position.
    #[error("split of {ticker} on {session} starts from {before} shares, the ledger has {held}")]
    SplitMismatch {
        /// The ticker.
        ticker: String,
        /// The ex-date.
        session: Date,
        /// Shares that the split starts from.
        before: Decimal,
        /// Shares of the ledger.
        held: Decimal,
    },
    /// The stored snapshot differs from what the fills derive.
    #[error(
        "strategy {strategy}: {what} is {snapshot} in the snapshot and {derived} by the fills; \
         the ledger was changed by something else: restore it from a backup before trading goes on"
    )]
    SnapshotMismatch {
        /// The strategy.
        strategy: StrategyKey,
        /// Cash or the ticker and figure.
        what: String,
        /// The snapshot's value.
        snapshot: String,
        /// The value by the fills.
        derived: String,
    },
    /// A saved state does not have its checksum.
    #[error("the engine state of strategy {strategy} at {bar} does not have the checksum it was saved with")]
    StateChecksum {
        /// The strategy.
        strategy: StrategyKey,
        /// The bar of the state.
        bar: Timestamp,
    },
    /// The bar already has a state with other content.
    #[error(
        "the engine state of strategy {strategy} at {bar} is already saved with other content; \
         the same bar gave another result"
    )]
    StateConflict {
        /// The strategy.
        strategy: StrategyKey,
        /// The bar of the state.
        bar: Timestamp,
    },
    /// A halt that does not exist or was reset before.
    #[error(
        "halt {id:?} does not exist or was reset before; `ats get` and the object's status show the open one"
    )]
    UnknownHalt {
        /// The id that was asked for.
        id: String,
    },
    /// A stored value that this version cannot read.
    #[error("the ledger has {value:?} in {table}.{column}, which this version cannot read")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The stored value.
        value: String,
    },
    /// A value that cannot be written as JSON or read back.
    #[error("{what} cannot be written to the ledger as JSON: {source}")]
    Json {
        /// What was to be written.
        what: &'static str,
        /// The reason.
        source: serde_json::Error,
    },
    /// The database refused an operation.
    #[error("the ledger failed while {action}: {source}")]
    Database {
        /// What was being done.
        action: &'static str,
        /// The driver's error.
        source: sqlx::Error,
    },
}

impl LedgerError {
    /// Whether the same call may succeed later without any change: the database was away or busy.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Database { source, .. } => match source {
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| match code.parse::<u32>() {
                    // SQLite: busy or locked, whatever the extended code says beyond that.
                    Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6),
                    // PostgreSQL: serialisation, deadlock, lock time-out, shutdown, too many connections.
                    _ => matches!(
                        code.as_ref(),
                        "40001" | "40P01" | "55P03" | "57P01" | "57P02" | "57P03" | "53300"
                    ),
                }),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Says what was being done when the database failed.
pub(crate) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, LedgerError>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, action: &'static str) -> Result<T, LedgerError> {
        self.map_err(|source| LedgerError::Database { action, source })
    }
}
