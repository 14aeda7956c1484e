//! The samples as documents, and changes to them.

use ats_crds::{ModelTrainingJobSpec, StrategySpec, TradingUniverseSpec};
use ats_pipeline::{CheckedUniverse, Problem, check};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The objects of a file of `config/samples`.
fn sample(file: &str) -> Vec<Value> {
    let path = format!("{}/../../config/samples/{file}.yaml", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The spec of the sample with this name.
pub fn spec(file: &str, name: &str) -> Value {
    let objects = sample(file);
    objects.iter().find(|object| object["metadata"]["name"] == name).unwrap()["spec"].clone()
}

pub fn universe_spec() -> Value {
    spec("universe", "us-large-caps")
}

pub fn read<T: DeserializeOwned>(document: &Value) -> T {
    serde_json::from_value(document.clone()).unwrap_or_else(|error| panic!("{error} in {document}"))
}

/// The sample universe, checked.
pub fn universe() -> CheckedUniverse {
    checked_universe(&universe_spec())
}

pub fn checked_universe(document: &Value) -> CheckedUniverse {
    check::universe(&read::<TradingUniverseSpec>(document)).unwrap()
}

pub fn checked_model(document: &Value) -> check::CheckedModel {
    check::model(&read::<ModelTrainingJobSpec>(document), &universe()).unwrap()
}

pub fn checked_strategy(document: &Value) -> check::CheckedStrategy {
    check::strategy(&read::<StrategySpec>(document), &universe()).unwrap()
}

/// A document with changes merged into it (RFC 7396): `null` removes a member.
pub fn with(document: &Value, changes: &Value) -> Value {
    match (document, changes) {
        (Value::Object(old), Value::Object(changes)) => {
            let mut merged = old.clone();
            for (name, change) in changes {
                if change.is_null() {
                    merged.remove(name);
                } else {
                    merged.insert(name.clone(), with(old.get(name).unwrap_or(&Value::Null), change));
                }
            }
            Value::Object(merged)
        }
        (_, Value::Object(_)) => with(&json!({}), changes),
        _ => changes.clone(),
    }
}

/// Every case with the problems that its change brings, as a text to review. A case without a problem fails.
pub fn report<T: DeserializeOwned, C>(
    base: &Value,
    cases: &[(&str, Value)],
    check: impl Fn(&T) -> Result<C, Vec<Problem>>,
) -> String {
    assert!(check(&read(base)).is_ok(), "the document has a problem before it is changed");
    let mut text = String::new();
    for (name, change) in cases {
        let Err(problems) = check(&read(&with(base, change))) else { panic!("{name}: no problem was found") };
        assert!(!problems.is_empty(), "{name}: refused without a problem");
        text.push_str(&format!("# {name}\n"));
        for problem in problems {
            text.push_str(&format!("[{}] {problem}\n", problem.reason.as_str()));
        }
    }
    text
}
