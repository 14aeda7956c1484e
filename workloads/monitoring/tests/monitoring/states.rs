//! An object's state in one word.

use ats_crds::Strategy;
use ats_monitoring::{Objects, State};
use serde_json::{Value, json};

use crate::fixture;

fn state(change: impl FnOnce(&mut Value)) -> (State, Option<String>) {
    let mut object = serde_json::to_value(fixture::paper("s")).unwrap();
    change(&mut object);
    let strategy: Strategy = serde_json::from_value(object).unwrap();
    let objects = Objects { strategies: vec![strategy], ..Objects::default() };
    let one = objects.find("strategy", "s").unwrap();
    (one.state(), one.trouble())
}

fn set(object: &mut Value, condition: &str, status: &str, reason: &str) {
    let conditions = object["status"]["conditions"].as_array_mut().unwrap();
    let found = conditions.iter_mut().find(|one| one["type"] == condition).unwrap();
    found["status"] = json!(status);
    found["reason"] = json!(reason);
}

#[test]
fn every_state_has_its_word() {
    /// What it is, how an object comes to it, its word, what is told of it.
    type Case = (&'static str, fn(&mut Value), State, Option<&'static str>);
    let cases: [Case; 11] = [
        ("well", |_| {}, State::Ready, None),
        ("not seen", |object| object["status"] = json!({"observedGeneration": -1}), State::New, None),
        ("changed since", |object| object["metadata"]["generation"] = json!(3), State::Working, None),
        ("working", |object| set(object, "Ready", "Unknown", "Progressing"), State::Working, None),
        (
            "refused",
            |object| set(object, "Ready", "False", "InvalidExpression"),
            State::Failed,
            Some("InvalidExpression: trades on paper"),
        ),
        ("suspended", |object| object["spec"]["suspend"] = json!(true), State::Suspended, None),
        (
            "being deleted",
            |object| object["metadata"]["deletionTimestamp"] = json!("2024-01-10T11:00:00Z"),
            State::Deleting,
            None,
        ),
        (
            "halted",
            |object| {
                object["status"]["halt"] = json!({"id": "h1", "reason": "why", "at": "2024-01-10T11:00:00Z"});
            },
            State::Halted,
            Some("trading is halted: why (halt h1)"),
        ),
        (
            "a refresh that failed",
            |object| {
                object["status"]["stages"][0]["state"] = json!("Failed");
                object["status"]["stages"][0]["message"] = json!("out of memory");
            },
            State::Stale,
            Some("the last good result stands, stage backtest has failed: out of memory"),
        ),
        (
            "gates that no longer hold",
            |object| set(object, "BacktestPassed", "False", "GateFailed"),
            State::Stale,
            Some("the last good result stands; GateFailed: 2 of 2 gates hold"),
        ),
        (
            "a heartbeat that is stale",
            |object| {
                set(object, "Ready", "Unknown", "HeartbeatStale");
                set(object, "Running", "Unknown", "HeartbeatStale");
            },
            State::Working,
            Some("HeartbeatStale: decided up to session 2024-01-09"),
        ),
    ];
    for (what, change, expected, trouble) in cases {
        let (found, told) = state(change);
        assert_eq!((found, told.as_deref()), (expected, trouble), "{what}");
    }
}

#[test]
fn a_universe_whose_refresh_failed_is_stale_and_one_that_refreshes_is_not() {
    let of = |reason: &str, stage: &str| {
        let mut object = serde_json::to_value(fixture::universe("u")).unwrap();
        set(&mut object, "Fresh", "False", reason);
        object["status"]["stages"][1]["state"] = json!(stage);
        let universe = serde_json::from_value(object).unwrap();
        let objects = Objects { universes: vec![universe], ..Objects::default() };
        objects.find("tradinguniverse", "u").unwrap().state()
    };
    assert_eq!(of("RefreshFailed", "Succeeded"), State::Stale);
    assert_eq!(of("Refreshing", "Running"), State::Ready);
}
