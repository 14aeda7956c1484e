//! Orders, fills, positions, halts and runs in SQLite or PostgreSQL.
//!
//! One code base for both databases through sqlx's `any` driver: every value is TEXT or BIGINT, both databases know
//! `$1` parameters, `ON CONFLICT` and `RETURNING`, and so the statements and the migrations are the same. What
//! differs is the set-up of a connection and how a write transaction begins (`connect::Dialect`). Two modules of
//! statements behind one type would have bought native types for twice the SQL, and decimals and sessions must be
//! exact in SQLite as well, which has no types for them.
//!
//! How it keeps orders safe:
//! - Taking a strategy's lease and raising its epoch is one conditional update ([`Ledger::acquire_lease`]).
//! - Every write of a trading process goes through a [`Writer`]: a transaction whose first statement locks the
//!   lease's row on the condition that the epoch is still ours. A process that was taken over writes nothing.
//! - Orders have ids that follow from the decision ([`ClientOrderId`]), fills have (order, sequence): writing one again
//!   changes nothing, writing it with other terms is an error.
//! - Positions and cash are derived from the journal of fills, splits and movements ([`Book`]); the stored snapshot
//!   is compared with that derivation ([`Ledger::verify`]). Nothing ever makes up an order or a fill to close a gap.
//! - The time is passed in; nothing here reads a clock.

mod book;
mod connect;
mod decision;
mod equity;
mod error;
mod fill;
mod halt;
mod id;
mod lease;
mod migrations;
mod movement;
mod observe;
mod order;
mod read;
mod simulated;
mod state;
mod text;
mod trade;
mod writer;

pub use book::{Book, Entry, Holding};
pub use connect::LedgerOptions;
pub use decision::{Decision, DecisionOutcome};
pub use equity::EquityPoint;
pub use error::LedgerError;
pub use fill::{Fill, FillRow};
pub use halt::{Halt, HaltCause, NewHalt};
pub use id::{ClientOrderId, StrategyIdentity, StrategyKey};
pub use lease::{Lease, LeaseRow, Run, RunMode};
pub use movement::{CashMovement, MovementKind, MovementRow, SplitRow, StockSplit};
pub use order::{Cut, NewOrder, OrderFilter, OrderKind, OrderRow, OrderState, Purpose, Side};
pub use read::Account;
pub use simulated::{
    BarWork, SimulatedAccount, SimulatedBook, SimulatedOrder, SimulatedPosition, SimulatedSubmission,
};
pub use state::{SavedState, StateSnapshot};
pub use trade::{TradeRow, trades};
pub use writer::{Recorded, Writer};

use connect::{Access, Dialect};
use sqlx::AnyPool;

/// The ledger. Cloning it is cheap and shares the pool of connections.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) pool: AnyPool,
    pub(crate) dialect: Dialect,
}

impl Ledger {
    /// Opens `sqlite://PATH` (made when it is not there, with its folder) or
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, and brings its tables up to date.
    ///
    /// # Errors
    /// A URL of another kind, a database that cannot be reached (with its place and what to check, never the
    /// password), or tables written by a newer version.
    pub async fn open(url: &str) -> Result<Self, LedgerError> {
        Self::open_with(url, LedgerOptions::default()).await
    }

    /// The same with other bounds of the pool.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub async fn open_with(url: &str, options: LedgerOptions) -> Result<Self, LedgerError> {
        connect::open(url, options, Access::Write).await
    }

    /// Closes all connections; what was committed stays.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
