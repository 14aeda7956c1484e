//! A small strategy on made-up bars, from data to statistics: every stage but training runs in a pod of the environment.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::Verdict;

/// The label of what a smoke test makes, and its value.
pub const LABEL: (&str, &str) = ("app.kubernetes.io/component", "smoke");

/// Universe and strategy of one run. The bars are the same each time, and known to give trades; the run's name, as nonce,
/// has every stage computed anew.
#[must_use]
pub fn objects(name: &str) -> [Value; 2] {
    let metadata = json!({"name": name, "labels": {"app.kubernetes.io/part-of": "ats", LABEL.0: LABEL.1}});
    let universe = json!({
        "apiVersion": "trading.ats.dev/v1alpha1",
        "kind": "TradingUniverse",
        "metadata": metadata,
        "spec": {
            "tickers": ["S001", "S002", "S003"],
            "source": {"synthetic": {"seed": 7, "model": "RegimeSwitching"}},
            "rerunNonce": name,
            "interval": "1d",
            "history": {"start": "2020-01-02", "end": "2021-12-31"},
            "calendar": "XNYS",
            "features": [{"name": "rsi_14", "expression": "rsi(close, 14)"}],
        },
    });
    let strategy = json!({
        "apiVersion": "trading.ats.dev/v1alpha1",
        "kind": "Strategy",
        "metadata": metadata,
        "spec": {
            "universeRef": {"name": name},
            "rerunNonce": name,
            "signal": {"rules": {"entry": "rsi_14 < 50", "exit": "rsi_14 > 55"}},
            "portfolio": {"direction": "LongOnly", "maxPositions": 3, "sizing": {"equalWeight": {}}},
            "risk": {"riskPercentage": "0.01", "maxPositionSize": "50000", "maxGrossExposure": "1"},
            "mode": "Backtest",
            "backtest": {"start": "2020-03-02", "initialCash": "100000"},
        },
    });
    [universe, strategy]
}

/// Whether the strategy is through and has figures of its own.
#[must_use]
pub fn done(strategy: &DynamicObject) -> Verdict {
    match super::objects::conditions(std::slice::from_ref(strategy)) {
        Verdict::Passed(_) => {}
        other => return other,
    }
    let status = &strategy.data["status"];
    let trades = status["metrics"]["trades"].as_str().and_then(|text| text.parse::<f64>().ok());
    let digest = status["artifact"]["digest"].as_str();
    match (trades, digest) {
        (Some(trades), Some(digest)) if trades > 0.0 => {
            Verdict::Passed(format!("{trades} trades, digest {digest}"))
        }
        _ => Verdict::Failed(format!("Ready without a trade: {}", status["metrics"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_through_with_trades() {
        let strategy = |metrics: Value| -> DynamicObject {
            serde_json::from_value(json!({
                "apiVersion": "trading.ats.dev/v1alpha1",
                "kind": "Strategy",
                "metadata": {"name": "smoke", "generation": 1},
                "status": {
                    "observedGeneration": 1,
                    "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": ""}],
                    "metrics": metrics,
                    "artifact": {"digest": "abc"},
                },
            }))
            .unwrap()
        };
        assert_eq!(done(&strategy(json!({"trades": "12"}))), Verdict::Passed("12 trades, digest abc".into()));
        assert!(matches!(done(&strategy(json!({"trades": "0"}))), Verdict::Failed(_)));
        assert!(matches!(done(&strategy(json!({}))), Verdict::Failed(_)));
    }
}
