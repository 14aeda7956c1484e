//! A field that is left out means the same to the API server, which fills in the schema's default, and to this crate,
//! which reads the document as it is.

use std::collections::BTreeSet;

use ats_crds::{ModelTrainingJobSpec, StrategySpec, TradingUniverseSpec, manifests};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The schema of a kind's `spec`.
fn schema(kind: &str) -> Value {
    let definition =
        manifests::definitions().into_iter().find(|definition| definition.spec.names.kind == kind).unwrap();
    let schema = definition.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    serde_json::to_value(schema).unwrap()["properties"]["spec"].clone()
}

/// Structural defaulting as an API server does it: a missing member takes its default, then its own members theirs.
fn fill(schema: &Value, value: &mut Value, path: &str, filled: &mut BTreeSet<String>) {
    if let (Some(properties), Value::Object(members)) = (schema["properties"].as_object(), &mut *value) {
        for (name, schema) in properties {
            let path = format!("{path}.{name}");
            if let (None, Some(default)) = (members.get(name), schema.get("default")) {
                members.insert(name.clone(), default.clone());
                filled.insert(path.clone());
            }
            if let Some(member) = members.get_mut(name) {
                fill(schema, member, &path, filled);
            }
        }
    }
    if let (Some(items), Value::Array(values)) = (schema.get("items"), value) {
        for value in values {
            fill(items, value, &format!("{path}[]"), filled);
        }
    }
}

/// Paths of all defaults in a schema.
fn defaults(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if schema.get("default").is_some() {
        found.insert(path.to_owned());
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        defaults(schema, &format!("{path}.{name}"), found);
    }
    if let Some(items) = schema.get("items") {
        defaults(items, &format!("{path}[]"), found);
    }
}

/// Reads each document as it is and as the API server would store it, and compares.
fn compare<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(kind: &str, documents: &[Value]) {
    let schema = schema(kind);
    let mut filled = BTreeSet::new();
    for document in documents {
        let mut stored = document.clone();
        fill(&schema, &mut stored, "spec", &mut filled);
        let read: T = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(read, serde_json::from_value::<T>(stored.clone()).unwrap(), "{kind}: {document}");
        // A default of ours that the schema has not would stand in the one and not in the other.
        assert_eq!(serde_json::to_value(&read).unwrap(), stored, "{kind}: {document}");
    }
    let mut all = BTreeSet::new();
    defaults(&schema, "spec", &mut all);
    assert!(all.len() > 5, "{kind} has hardly any default: {all:?}");
    let missing: Vec<_> = all.difference(&filled).collect();
    assert!(missing.is_empty(), "{kind}: no document here leaves out {missing:?}");
}

#[test]
fn a_universe_that_leaves_out_what_it_can() {
    let files = json!({"files": {"uri": "file:///data", "volumeClaim": {"claimName": "data"}}});
    compare::<TradingUniverseSpec>(
        "TradingUniverse",
        &[
            json!({"tickers": ["AAPL"], "source": files, "history": {"start": "2001-01-02"}}),
            json!({
                "tickers": ["AAPL"],
                "source": {"synthetic": {"seed": 1}},
                "history": {"start": "2001-01-02"},
                "schedule": {"cron": "0 18 * * *"},
                "quality": {},
                "selection": {"maxActiveTickers": 1, "focusUniverseSize": 1, "rankBy": "close"},
                "features": [{"name": "a", "expression": "close"}],
                "sharding": {},
                "artifactStore": {"volumeClaim": {"claimName": "artifacts"}},
            }),
        ],
    );
}

#[test]
fn a_model_that_leaves_out_what_it_can() {
    let base = json!({
        "universeRef": {"name": "u"},
        "label": {"forwardReturn": {"horizonBars": 5}},
        "algorithm": {"elasticNet": {}},
        "validation": {"walkForward": {"folds": 2, "testBars": 20}},
    });
    let with = |changes: Value| crate::documents::with(&base, &changes);
    compare::<ModelTrainingJobSpec>(
        "ModelTrainingJob",
        &[
            base.clone(),
            with(json!({"dataset": {}, "preprocess": {}, "search": {"grid": {"penalty": ["1"]}}})),
            with(json!({"search": {"grid": {"penalty": ["1", "2"]}, "pruning": {}}})),
            with(
                json!({"algorithm": {"elasticNet": null, "logistic": {}}, "label": {"forwardReturn": null, "forwardDirection": {"horizonBars": 5}}}),
            ),
            with(json!({"algorithm": {"elasticNet": null, "randomForest": {}}})),
            with(json!({"algorithm": {"elasticNet": null, "decisionTree": {}}})),
            with(json!({"algorithm": {"elasticNet": null, "gradientBoosting": {}}})),
            with(json!({"algorithm": {"elasticNet": null, "supportVector": {}}})),
            with(json!({"validation": {"walkForward": null, "purgedKFold": {"folds": 5}}})),
            with(json!({"validation": {"walkForward": null, "combinatorial": {"folds": 6, "testFolds": 2}}})),
            with(json!({"artifactStore": {"volumeClaim": {"claimName": "artifacts"}}})),
        ],
    );
}

#[test]
fn a_strategy_that_leaves_out_what_it_can() {
    let base = json!({
        "universeRef": {"name": "u"},
        "signal": {"rules": {"entry": "close > open", "exit": "close < open"}},
        "portfolio": {"maxPositions": 1, "sizing": {"equalWeight": {}}},
        "risk": {},
        "backtest": {"start": "2001-01-02"},
    });
    let with = |changes: Value| crate::documents::with(&base, &changes);
    compare::<StrategySpec>(
        "Strategy",
        &[
            base.clone(),
            with(
                json!({"portfolio": {"sizing": {"equalWeight": null, "volatilityTarget": {"annual": "0.1"}}}}),
            ),
            with(json!({"costs": {}, "execution": {}, "ledger": {"urlSecretRef": {"name": "ledger"}}})),
            with(json!({
                "search": {
                    "grid": {"portfolio.maxPositions": ["1", "2"]},
                    "walkForward": {"folds": 2, "testSessions": 20},
                },
            })),
            with(
                json!({"signal": {"rules": null, "model": {"name": "m"}}, "portfolio": {"sizing": {"equalWeight": null, "targetWeight": {"weight": "0.1"}}}}),
            ),
            with(
                json!({"signal": {"rules": null, "scores": {"expression": "rsi(close, 14)"}}, "portfolio": {"sizing": {"equalWeight": null, "targetWeight": {"expression": "rsi(close, 14) / 100"}}}}),
            ),
            with(
                json!({"portfolio": {"sizing": {"equalWeight": null, "riskPerTrade": {}}}, "risk": {"stop": {"atr": {"multiple": "2"}}, "maxDrawdown": {"limit": "0.2"}}}),
            ),
            with(json!({"artifactStore": {"volumeClaim": {"claimName": "artifacts"}}})),
            with(json!({"execution": {"entry": {"limit": {"atr": {"multiple": "1"}}}}})),
            with(json!({"execution": {"entry": {"stop": {"atr": {"multiple": "1"}}}}})),
            with(
                json!({"execution": {"entry": {"stopLimit": {"stop": {"atr": {"multiple": "1"}}, "limit": {"atr": {"multiple": "2"}}}}}}),
            ),
        ],
    );
}
