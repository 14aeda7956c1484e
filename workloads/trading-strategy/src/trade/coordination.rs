//! What surrounds a trading process: who halts it, and to whom it tells its state.

use std::future::Future;

use ats_ledger::HaltCause;
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

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

/// A position in [`TradingState`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatePosition {
    /// The ticker.
    pub ticker: String,
    /// Shares; below 0 when short.
    pub quantity: i64,
    /// Value at the last close.
    pub value: Decimal,
}

/// A halt in [`TradingState`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateHalt {
    /// Its id, by which it is reset.
    pub id: String,
    /// What halts.
    pub cause: HaltCause,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// What a trading process tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TradingState {
    /// The epoch of its lease.
    pub epoch: i64,
    /// The last session that was decided.
    pub session: Option<Date>,
    /// Equity at its close.
    pub equity: Decimal,
    /// Cash.
    pub cash: Decimal,
    /// Equity over its peak, less 1.
    pub drawdown: Decimal,
    /// Sum of the positions' absolute values over equity.
    pub exposure: Decimal,
    /// Number of open positions.
    pub open_positions: u32,
    /// The positions, the largest first; fewer than `open_positions` when they do not fit.
    pub positions: Vec<StatePosition>,
    /// Number of working orders.
    pub open_orders: u32,
    /// The first halt that stands.
    pub halt: Option<StateHalt>,
    /// When the process last was alive and well.
    pub heartbeat: Timestamp,
}

impl TradingState {
    /// The state as JSON of at most `limit` bytes: the smallest positions go first, then the end of the halt's reason.
    ///
    /// # Errors
    /// What cannot be written as JSON, which is a defect.
    pub fn to_json(&self, limit: usize) -> Result<String, TradeError> {
        let mut state = self.clone();
        state.positions.sort_by(|a, b| b.value.abs().cmp(&a.value.abs()).then(a.ticker.cmp(&b.ticker)));
        loop {
            let json =
                serde_json::to_string(&state).map_err(|error| TradeError::Coordination(error.to_string()))?;
            if json.len() <= limit {
                return Ok(json);
            }
            let excess = json.len() - limit;
            if state.positions.pop().is_some() {
                continue;
            }
            match &mut state.halt {
                Some(halt) if !halt.reason.is_empty() => {
                    let keep = halt.reason.chars().count().saturating_sub(excess.max(1));
                    halt.reason = halt.reason.chars().take(keep).collect();
                }
                _ => return Ok(json),
            }
        }
    }

    /// Whether anything but the time differs.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        Self { heartbeat: other.heartbeat, ..self.clone() } != *other
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_fits() {
        let position =
            |n: i64| StatePosition { ticker: format!("T{n:03}"), quantity: n, value: (n * 100).into() };
        let mut state = TradingState {
            epoch: 3,
            session: Some("2024-01-02".parse().unwrap()),
            equity: 100_000.into(),
            cash: 5.into(),
            drawdown: "-0.01".parse().unwrap(),
            exposure: "0.99".parse().unwrap(),
            open_positions: 500,
            positions: (1..=500).map(position).collect(),
            open_orders: 4,
            halt: None,
            heartbeat: "2024-01-02T21:05:00Z".parse().unwrap(),
        };
        let json = state.to_json(4096).unwrap();
        assert!(json.len() <= 4096 && json.len() > 4000, "{}", json.len());
        let read: TradingState = serde_json::from_str(&json).unwrap();
        assert_eq!((read.open_positions, read.positions[0].ticker.as_str()), (500, "T500"));
        state.halt = Some(StateHalt {
            id: "h".into(),
            cause: HaltCause::Annotation,
            reason: "é".repeat(9000),
            at: state.heartbeat,
        });
        let json = state.to_json(4096).unwrap();
        assert!(json.len() <= 4096, "{}", json.len());
        let read: TradingState = serde_json::from_str(&json).unwrap();
        assert_eq!(read.halt.map(|halt| halt.id).as_deref(), Some("h"));
    }

    #[test]
    fn a_heartbeat_is_no_change() {
        let state: TradingState = serde_json::from_str(
            r#"{"epoch":1,"session":null,"equity":"1","cash":"1","drawdown":"0","exposure":"0","openPositions":0,
                "positions":[],"openOrders":0,"halt":null,"heartbeat":"2024-01-02T21:05:00Z"}"#,
        )
        .unwrap();
        let later = TradingState { heartbeat: "2024-01-02T21:06:00Z".parse().unwrap(), ..state.clone() };
        assert!(!later.differs(&state));
        assert!(TradingState { open_orders: 1, ..later }.differs(&state));
    }
}
