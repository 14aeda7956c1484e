//! What surrounds a trading process: who halts it, and to whom it tells its state.

use std::future::Future;

use ats_crds::{ANNOTATION_HALT, ANNOTATION_RESET_HALT};
use ats_pipeline::contract::TradingState;
use jiff::Timestamp;

use super::TradeError;

/// What the outside wants at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// `killSwitch` of the spec.
    pub kill_switch: bool,
    /// The annotation `trading.ats.dev/halt`, with its text.
    pub halt: Option<String>,
    /// The annotation `trading.ats.dev/reset-halt`: the id of a halt.
    pub reset: Option<String>,
}

impl Directives {
    /// What a Strategy object says: its kill switch, and its annotations by name. A halt annotation of `false` is none.
    #[must_use]
    pub fn of(kill_switch: bool, annotation: impl Fn(&str) -> Option<String>) -> Self {
        let halt =
            annotation(ANNOTATION_HALT).filter(|text| text != "false").map(|text| match text.as_str() {
                "" | "true" => format!("annotation {ANNOTATION_HALT} is set"),
                _ => text,
            });
        Self { kill_switch, halt, reset: annotation(ANNOTATION_RESET_HALT) }
    }
}

/// What surrounds a trading process. The trader works the same whatever is behind it.
pub trait Coordination: Send + Sync {
    /// What the outside wants now.
    fn directives(&self) -> impl Future<Output = Result<Directives, TradeError>> + Send;

    /// Keeps what says that this process is the one that trades, and fails once it is not.
    fn hold(&self, now: Timestamp) -> impl Future<Output = Result<(), TradeError>> + Send;

    /// Tells the state. An implementation may leave out what it told a moment ago.
    fn publish(&self, state: &TradingState) -> impl Future<Output = Result<(), TradeError>> + Send;

    /// Gives up what [`Coordination::hold`] kept.
    fn release(&self) -> impl Future<Output = Result<(), TradeError>> + Send;
}

/// A process of its own: directives are fixed, the ledger's lease is all that is held, the state is kept to be read.
#[derive(Debug, Default)]
pub struct LocalCoordination {
    directives: std::sync::Mutex<Directives>,
    last: std::sync::Mutex<Option<TradingState>>,
}

fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl LocalCoordination {
    /// With the directives that the spec and its annotations hold.
    #[must_use]
    pub fn new(directives: Directives) -> Self {
        Self { directives: std::sync::Mutex::new(directives), last: std::sync::Mutex::new(None) }
    }

    /// Changes the directives.
    pub fn direct(&self, directives: Directives) {
        *locked(&self.directives) = directives;
    }

    /// The state that was told last.
    #[must_use]
    pub fn last_state(&self) -> Option<TradingState> {
        locked(&self.last).clone()
    }
}

impl Coordination for LocalCoordination {
    async fn directives(&self) -> Result<Directives, TradeError> {
        Ok(locked(&self.directives).clone())
    }

    async fn hold(&self, _now: Timestamp) -> Result<(), TradeError> {
        Ok(())
    }

    async fn publish(&self, state: &TradingState) -> Result<(), TradeError> {
        *locked(&self.last) = Some(state.clone());
        Ok(())
    }

    async fn release(&self) -> Result<(), TradeError> {
        Ok(())
    }
}
