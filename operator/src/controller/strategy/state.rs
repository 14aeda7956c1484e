//! What a trading pod tells of itself, in key `state.json` of its ConfigMap.

use ats_crds::status::{Halt, Metrics};
use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use serde::Deserialize;
use serde_json::Value;

/// Key of the ConfigMap.
pub const KEY: &str = "state.json";

/// The state. Figures come as numbers or as decimal text and are passed on as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    equity: Option<Value>,
    cash: Option<Value>,
    drawdown: Option<Value>,
    exposure: Option<Value>,
    open_positions: Option<Value>,
    open_orders: Option<Value>,
    session: Option<String>,
    last_session: Option<String>,
    halt: Option<StateHalt>,
    heartbeat: Option<Timestamp>,
}

/// A halt that stands.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StateHalt {
    id: String,
    #[serde(default)]
    cause: Option<String>,
    #[serde(default)]
    reason: String,
    at: Timestamp,
}

/// How alive the pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// It has not been heard of yet.
    None,
    /// It was heard of in time; this is how long it may be silent from now on.
    Fresh(SignedDuration),
    /// It was last heard of then.
    Stale(Timestamp),
}

impl State {
    /// Reads the ConfigMap. One that is empty, or that another version wrote, tells nothing.
    pub fn read(map: Option<&ConfigMap>) -> Self {
        let text = map.and_then(|map| map.data.as_ref()?.get(KEY));
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Whether the pod lives.
    pub fn pulse(&self, now: Timestamp, limit_seconds: i64) -> Pulse {
        let Some(heartbeat) = self.heartbeat else { return Pulse::None };
        let left = SignedDuration::from_secs(limit_seconds) - now.duration_since(heartbeat);
        if left.is_positive() { Pulse::Fresh(left) } else { Pulse::Stale(heartbeat) }
    }

    /// The halt for the status.
    pub fn halt(&self) -> Option<Halt> {
        let halt = self.halt.as_ref()?;
        Some(Halt { id: halt.id.clone(), reason: halt.reason.clone(), at: Time(halt.at) })
    }

    /// Whether the halt that stands is the drawdown's latch.
    pub fn is_latched(&self) -> bool {
        self.halt.as_ref().is_some_and(|halt| {
            halt.cause.as_deref().is_some_and(|cause| cause.to_ascii_lowercase().contains("drawdown"))
        })
    }

    /// The last session that was decided.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref().or(self.last_session.as_deref())
    }

    /// Puts the figures beside those of the backtest. The drawdown of the backtest keeps its name.
    pub fn add_to(&self, metrics: &mut Metrics) {
        let figures = [
            ("equity", &self.equity),
            ("cash", &self.cash),
            ("drawdown", &self.drawdown),
            ("exposure", &self.exposure),
            ("openPositions", &self.open_positions),
            ("openOrders", &self.open_orders),
        ];
        for (name, figure) in figures {
            let text = figure.as_ref().and_then(|figure| match figure {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            if let Some(text) = text {
                metrics.insert(name.to_owned(), text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> State {
        let data = std::collections::BTreeMap::from([(KEY.to_owned(), json.to_owned())]);
        State::read(Some(&ConfigMap { data: Some(data), ..ConfigMap::default() }))
    }

    #[test]
    fn a_heartbeat_goes_stale() {
        let state = state(r#"{"heartbeat": "2024-01-02T00:00:00Z", "equity": "100.10", "openPositions": 2}"#);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(state.pulse(at("2024-01-02T00:01:00Z"), 90), Pulse::Fresh(SignedDuration::from_secs(30)));
        assert_eq!(state.pulse(at("2024-01-02T00:02:00Z"), 90), Pulse::Stale(at("2024-01-02T00:00:00Z")));
        let mut metrics = Metrics::new();
        state.add_to(&mut metrics);
        assert_eq!((metrics["equity"].as_str(), metrics["openPositions"].as_str()), ("100.10", "2"));
    }

    #[test]
    fn what_is_no_state_tells_nothing() {
        assert_eq!(State::read(None).pulse(Timestamp::UNIX_EPOCH, 1), Pulse::None);
        assert_eq!(state("not json"), State::default());
    }

    #[test]
    fn the_cause_of_a_halt_tells_a_latch_from_a_switch() {
        let halt = |cause: &str| {
            state(&format!(
                r#"{{"halt": {{"id": "h", "cause": "{cause}", "reason": "r", "at": "2024-01-02T00:00:00Z"}}}}"#
            ))
        };
        assert!(halt("MaxDrawdown").is_latched());
        assert!(!halt("KillSwitch").is_latched());
        assert_eq!(halt("KillSwitch").halt().unwrap().id, "h");
    }
}
