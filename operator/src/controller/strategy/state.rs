//! What a trading pod tells of itself, read from its ConfigMap.

use ats_pipeline::contract::{STATE_KEY, TradingState};
use k8s_openapi::{
    api::core::v1::ConfigMap,
    jiff::{SignedDuration, Timestamp},
};

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

/// Reads the ConfigMap; one without a state is of a pod that has not told anything yet.
///
/// # Errors
/// A state that does not decode, in words.
pub fn read(map: Option<&ConfigMap>) -> Result<Option<TradingState>, String> {
    let Some(text) = map.and_then(|map| map.data.as_ref()?.get(STATE_KEY)) else { return Ok(None) };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| format!("{STATE_KEY} of the trading pod's ConfigMap cannot be read: {error}"))
}

/// Whether the pod lives.
pub fn pulse(state: Option<&TradingState>, now: Timestamp, limit_seconds: i64) -> Pulse {
    let Some(state) = state else { return Pulse::None };
    let left = SignedDuration::from_secs(limit_seconds) - now.duration_since(state.heartbeat);
    if left.is_positive() { Pulse::Fresh(left) } else { Pulse::Stale(state.heartbeat) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(json: &str) -> Result<Option<TradingState>, String> {
        let data = std::collections::BTreeMap::from([(STATE_KEY.to_owned(), json.to_owned())]);
        read(Some(&ConfigMap { data: Some(data), ..ConfigMap::default() }))
    }

    #[test]
    fn a_heartbeat_goes_stale() {
        let state = state(
            r#"{"epoch": 1, "session": null, "equity": "100.10", "cash": "1", "drawdown": "0", "exposure": "0",
                "openPositions": 2, "positions": [], "openOrders": 0, "halt": null,
                "heartbeat": "2024-01-02T00:00:00Z"}"#,
        )
        .unwrap();
        let at = |text: &str| pulse(state.as_ref(), text.parse().unwrap(), 90);
        assert_eq!(at("2024-01-02T00:01:00Z"), Pulse::Fresh(SignedDuration::from_secs(30)));
        assert_eq!(at("2024-01-02T00:02:00Z"), Pulse::Stale("2024-01-02T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn no_state_and_one_that_does_not_decode_are_told_apart() {
        assert_eq!(read(None), Ok(None));
        assert_eq!(read(Some(&ConfigMap::default())), Ok(None));
        assert!(state("not json").unwrap_err().contains("cannot be read"));
    }
}
