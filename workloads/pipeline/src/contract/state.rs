//! What a trading process tells of itself, and the operator reads: key `state.json` of the ConfigMap `<name>-state`.

use ats_crds::{Reason, status::Metrics};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Key of the ConfigMap.
pub const STATE_KEY: &str = "state.json";
/// Bytes of the state at most.
pub const STATE_BYTES: usize = 4096;

/// What halted a strategy: by this name in the ledger, in `state.json` and in `ats get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HaltCause {
    /// `killSwitch` of the spec; it ends when the field is false again.
    KillSwitch,
    /// The annotation `trading.ats.dev/halt`; it ends when the annotation is gone.
    Annotation,
    /// The drawdown limit; it ends by a reset of its id only.
    MaxDrawdown,
    /// The ledger and the broker disagree; it ends by a reset of its id only.
    Reconciliation,
}

impl HaltCause {
    /// All values, in order.
    pub const ALL: &'static [Self] =
        &[Self::KillSwitch, Self::Annotation, Self::MaxDrawdown, Self::Reconciliation];

    /// The name as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KillSwitch => "KillSwitch",
            Self::Annotation => "Annotation",
            Self::MaxDrawdown => "MaxDrawdown",
            Self::Reconciliation => "Reconciliation",
        }
    }

    /// The reason on condition `WithinRiskLimits` while the halt stands.
    pub fn condition_reason(self) -> Reason {
        match self {
            Self::KillSwitch | Self::Annotation => Reason::KillSwitch,
            Self::MaxDrawdown => Reason::DrawdownLatched,
            Self::Reconciliation => Reason::ReconciliationHalted,
        }
    }
}

impl std::fmt::Display for HaltCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for HaltCause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|cause| cause.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.iter().map(|cause| cause.as_str()).collect::<Vec<_>>().join(", ");
            format!("{text:?} is not one of {names}")
        })
    }
}

/// A position in [`TradingState`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatePosition {
    /// The ticker.
    pub ticker: String,
    /// Shares; below 0 when short. A whole number where it is one, else text as other decimals are.
    #[serde(with = "quantity")]
    pub quantity: Decimal,
    /// Value at the last close.
    pub value: Decimal,
}

/// Whole shares are a number, as they were when there was nothing else.
mod quantity {
    use rust_decimal::{Decimal, prelude::ToPrimitive};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Form {
        Whole(i64),
        Part(Decimal),
    }

    pub(super) fn serialize<S: Serializer>(quantity: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        match quantity.to_i64().filter(|_| quantity.is_integer()) {
            Some(count) => Form::Whole(count),
            None => Form::Part(quantity.normalize()),
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        Form::deserialize(deserializer).map(|form| match form {
            Form::Whole(count) => count.into(),
            Form::Part(quantity) => quantity,
        })
    }
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
    pub fn to_json(&self, limit: usize) -> Result<String, serde_json::Error> {
        let mut state = self.clone();
        state.positions.sort_by(|a, b| b.value.abs().cmp(&a.value.abs()).then(a.ticker.cmp(&b.ticker)));
        loop {
            let json = serde_json::to_string(&state)?;
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

    /// The figures for `status.metrics`, as decimal text. The drawdown of the backtest has another name.
    pub fn metrics(&self) -> Metrics {
        let figures = [
            ("equity", self.equity),
            ("cash", self.cash),
            ("drawdown", self.drawdown),
            ("exposure", self.exposure),
            ("openPositions", self.open_positions.into()),
            ("openOrders", self.open_orders.into()),
        ];
        figures.into_iter().map(|(name, figure)| (name.to_owned(), figure.normalize().to_string())).collect()
    }

    /// Whether anything but the time differs.
    pub fn differs(&self, other: &Self) -> bool {
        Self { heartbeat: other.heartbeat, ..self.clone() } != *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_shares_are_told_as_numbers() {
        let told = |quantity: &str| {
            let quantity = quantity.parse().unwrap();
            let position = StatePosition { ticker: "A".into(), quantity, value: Decimal::ONE };
            let json = serde_json::to_string(&position).unwrap();
            assert_eq!(serde_json::from_str::<StatePosition>(&json).unwrap(), position);
            json
        };
        assert_eq!(told("-12"), r#"{"ticker":"A","quantity":-12,"value":"1"}"#);
        assert_eq!(told("0.333333"), r#"{"ticker":"A","quantity":"0.333333","value":"1"}"#);
    }

    #[test]
    fn the_state_fits() {
        let position = |n: i64| StatePosition {
            ticker: format!("T{n:03}"),
            quantity: n.into(),
            value: (n * 100).into(),
        };
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

    #[test]
    fn a_cause_has_one_name_and_its_own_reason() {
        for cause in HaltCause::ALL {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
            assert_eq!(cause.as_str().parse(), Ok(*cause));
        }
        assert_eq!(HaltCause::MaxDrawdown.condition_reason(), Reason::DrawdownLatched);
        assert_eq!(HaltCause::Reconciliation.condition_reason(), Reason::ReconciliationHalted);
        assert_eq!(HaltCause::Annotation.condition_reason(), Reason::KillSwitch);
    }
}
