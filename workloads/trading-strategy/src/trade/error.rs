//! Why trading stops.

use ats_ledger::{LedgerError, StrategyKey};
use jiff::Timestamp;

use crate::convert::ConvertError;
use crate::engine::{ConfigError, EngineError, NumberError};
use crate::slices::SliceError;

/// A failure of the trade stage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TradeError {
    /// A search without its backtest.
    #[error("the parameters are searched, and stage.json names no backtest that chose them")]
    NoChoice,
    /// A choice that does not fit the spec.
    #[error(transparent)]
    Search(#[from] crate::backtest::BacktestError),
    /// The ledger, or the simulated broker's book in it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The settings contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The engine refuses a bar.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The spec's settings cannot be traded by.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// A bar of the dataset cannot be made.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// A stored number is outside what the engine can hold.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// Orders on the close on which they are decided.
    #[error(
        "execution.fill SameClose cannot be traded: when a bar is complete its close has passed; \
         use NextOpen, or mode Backtest"
    )]
    SameClose,
    /// The ledger was written by another revision of the engine.
    #[error(
        "strategy {strategy}: the saved state is of engine revision {saved}, this program has {ours}; \
         go on with the version that wrote it, or make the strategy anew to start flat"
    )]
    EngineRevision {
        /// The strategy.
        strategy: StrategyKey,
        /// Revision of the saved state.
        saved: i64,
        /// Revision of this program.
        ours: i64,
    },
    /// Ledger, engine and broker do not agree. A halt stands in the ledger.
    #[error(
        "strategy {strategy}: {difference}; nothing was sent. Compare the broker's book with `ats get orders` and \
         `ats get positions` before this strategy runs again"
    )]
    Reconciliation {
        /// The strategy.
        strategy: StrategyKey,
        /// What differs, with both values.
        difference: String,
    },
    /// The lease ends too soon to send under it, and could not be renewed.
    #[error("strategy {strategy}: the lease ends at {until}, too soon to send orders under it")]
    LeaseEnds {
        /// The strategy.
        strategy: StrategyKey,
        /// When it ends.
        until: Timestamp,
    },
    /// A value that should read back does not.
    #[error("the simulated broker's book has {what} that cannot be read: {problem}")]
    Book {
        /// Which value.
        what: &'static str,
        /// The problem.
        problem: String,
    },
    /// The feed of bars.
    #[error("cannot read the universe's bars: {0}")]
    Feed(String),
    /// What surrounds the process: the cluster.
    #[error("{0}")]
    Coordination(String),
}

impl TradeError {
    /// Whether the same process may succeed when it is started again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Ledger(error) => error.is_transient() || matches!(error, LedgerError::LeaseHeld { .. }),
            Self::LeaseEnds { .. } | Self::Feed(_) | Self::Coordination(_) => true,
            _ => false,
        }
    }
}
