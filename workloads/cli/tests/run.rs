//! `ats run` on the samples: everything Ready, a second run from the store, one more ticker computes one ticker.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

fn samples() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/samples"))
}

/// A folder to run in, with copies of the samples that a test may change.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["universe.yaml", "models.yaml", "strategies.yaml"] {
            fs::copy(samples().join(name), folder.path().join(name)).unwrap();
        }
        fs::copy(samples().join("failing/gate-fails.yaml"), folder.path().join("gate-fails.yaml")).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not hold {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    fn ats(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ats")).current_dir(self.path()).args(arguments).output().unwrap()
    }

    fn run(&self, files: &[&str]) -> (i32, Vec<Value>, String) {
        let map = format!("/data={}", samples().join("data").display());
        let mut arguments = vec!["run", "--map", &map, "--output", "json", "--file"];
        arguments.extend(files);
        let output = self.ats(&arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        let items = serde_json::from_slice::<Value>(&output.stdout)
            .map(|list| list["items"].as_array().unwrap().clone())
            .unwrap_or_default();
        (output.status.code().unwrap(), items, errors)
    }
}

fn named<'a>(items: &'a [Value], name: &str) -> &'a Value {
    items.iter().find(|item| item["metadata"]["name"] == name).unwrap()
}

fn stage<'a>(item: &'a Value, name: &str) -> &'a Value {
    item["status"]["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap()
}

fn condition<'a>(item: &'a Value, kind: &str) -> &'a Value {
    item["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|condition| condition["type"] == kind)
        .unwrap()
}

const ALL: [&str; 3] = ["universe.yaml", "models.yaml", "strategies.yaml"];

#[test]
fn the_samples_come_to_ready_and_a_second_run_computes_nothing() {
    let desk = Desk::new();
    let (code, first, errors) = desk.run(&ALL);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(first.len(), 5);
    for item in &first {
        assert_eq!(condition(item, "Ready")["status"], "True", "{item:#}");
    }

    let (code, second, errors) = desk.run(&ALL);
    assert_eq!(code, 0, "{errors}");
    for (before, after) in first.iter().zip(&second) {
        for (before, after) in before["status"]["stages"]
            .as_array()
            .unwrap()
            .iter()
            .zip(after["status"]["stages"].as_array().unwrap())
        {
            assert_eq!(after["state"], "CacheHit", "{after}");
            assert_eq!(after["digest"], before["digest"]);
            assert_eq!(after["key"], before["key"]);
        }
    }

    let report = desk.ats(&["report", "strategy/dip-buyer"]);
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    let html = String::from_utf8(report.stdout).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>"), "{}", &html[..200]);
    for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!html.contains(outside), "the report reaches outside: {outside}");
    }
    let trades = desk.ats(&["get", "trades", "dip-buyer", "--output", "json"]);
    let trades: Value = serde_json::from_slice(&trades.stdout).unwrap();
    let told = named(&second, "dip-buyer")["status"]["metrics"]["trades"]
        .as_str()
        .unwrap()
        .parse::<usize>()
        .unwrap();
    assert_eq!(trades.as_array().unwrap().len(), told);
}

#[test]
fn one_more_ticker_computes_one_ticker() {
    let desk = Desk::new();
    desk.change("universe.yaml", "[AAPL, FB, GOOG, IBM, MSFT]", "[AAPL, FB, GOOG, IBM]");
    let (code, _, errors) = desk.run(&["universe.yaml"]);
    assert_eq!(code, 0, "{errors}");
    desk.change("universe.yaml", "[AAPL, FB, GOOG, IBM]", "[AAPL, FB, GOOG, IBM, MSFT]");
    let (code, items, errors) = desk.run(&["universe.yaml"]);
    assert_eq!(code, 0, "{errors}");
    for name in ["acquire", "features"] {
        let stage = stage(&items[0], name);
        assert_eq!((stage["computed"].as_i64(), stage["reused"].as_i64()), (Some(1), Some(4)), "{stage}");
    }
}

#[test]
fn a_gate_that_fails_keeps_the_model_and_does_not_publish_it() {
    let desk = Desk::new();
    let (code, items, _) = desk.run(&["universe.yaml", "gate-fails.yaml"]);
    assert_eq!(code, 1);
    let model = named(&items, "us-large-caps-strict");
    assert_eq!(condition(model, "Trained")["status"], "True");
    assert_eq!(condition(model, "GatesPassed")["reason"], "GateFailed");
    assert_eq!(condition(model, "Published")["status"], "False");
    assert!(stage(model, "select")["digest"].is_string());
    assert!(condition(model, "Ready")["message"].as_str().unwrap().contains("hitRate is "), "{model:#}");
    assert_eq!(condition(named(&items, "us-large-caps"), "Ready")["status"], "True");
}

#[test]
fn a_ticker_without_data_is_told_and_harms_no_other() {
    let desk = Desk::new();
    desk.change("universe.yaml", "[AAPL, FB, GOOG, IBM, MSFT]", "[AAPL, FB, GOOG, IBM, MSFT, NOSUCH]");
    let (code, items, errors) = desk.run(&["universe.yaml"]);
    assert_eq!(code, 0, "{errors}");
    let failures = items[0]["status"]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "one ticker is told once: {failures:?}");
    assert_eq!(failures[0]["ticker"], "NOSUCH");
    assert_eq!(failures[0]["category"], "NoData");
}

#[test]
fn invalid_input_runs_nothing_and_says_where_it_is() {
    let desk = Desk::new();
    desk.change("strategies.yaml", "rsi(close, 2) < 10", "rsx(close, 2) < 10");
    let (code, items, errors) = desk.run(&ALL);
    assert_eq!(code, 2);
    assert!(items.is_empty());
    let yaml = desk.ats(&[
        "validate",
        "--output",
        "yaml",
        "--file",
        "strategies.yaml",
        "universe.yaml",
        "models.yaml",
    ]);
    assert_eq!(yaml.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&yaml.stdout).starts_with("errors:"), "{yaml:?}");
    assert!(errors.contains("spec.signal.rules.entry") && errors.contains("strategies.yaml:"), "{errors}");
    assert!(!desk.path().join(".ats/state").exists());
}

#[test]
fn a_paper_strategy_decides_every_bar_once() {
    let desk = Desk::new();
    desk.change(
        "strategies.yaml",
        "mode: Backtest\n  backtest: {start: 2001-03-01",
        "mode: Paper\n  backtest: {start: 2012-03-01",
    );
    let (code, items, errors) = desk.run(&ALL);
    assert_eq!(code, 0, "{errors}");
    let first = named(&items, "dip-buyer");
    assert_eq!(condition(first, "Running")["status"], "True", "{first:#}");
    assert!(stage(first, "trade")["computed"].as_i64().unwrap() > 200);
    let (code, items, errors) = desk.run(&ALL);
    assert_eq!(code, 0, "{errors}");
    let second = named(&items, "dip-buyer");
    assert_eq!(stage(second, "trade")["computed"], 0, "{second:#}");
    assert_eq!(first["status"]["metrics"], second["status"]["metrics"]);
    let positions = desk.ats(&["get", "positions", "dip-buyer"]);
    assert!(positions.status.success(), "{}", String::from_utf8_lossy(&positions.stderr));
    let orders = desk.ats(&["get", "orders", "dip-buyer", "--output", "json"]);
    let orders: Value = serde_json::from_slice(&orders.stdout).unwrap();
    assert!(orders[0]["clientOrderId"].as_str().unwrap().starts_with("dip-buyer-"), "{orders:#}");

    // The switch is heard without a new bar, and ends when it is turned back.
    assert_eq!(second["status"]["halted"], "False");
    desk.change("strategies.yaml", "mode: Paper\n", "mode: Paper\n  killSwitch: true\n");
    let (_, items, errors) = desk.run(&ALL);
    let halted = named(&items, "dip-buyer");
    assert_eq!(stage(halted, "trade")["computed"], 0, "{errors}");
    assert_eq!(halted["status"]["halted"], "True", "{halted:#}");
    assert_eq!(halted["status"]["halt"]["reason"], "killSwitch is true");
    let within = condition(halted, "WithinRiskLimits");
    assert_eq!((&within["status"], &within["reason"]), (&"False".into(), &"KillSwitch".into()));
    desk.change("strategies.yaml", "  killSwitch: true\n", "");
    let (_, items, _) = desk.run(&ALL);
    let free = named(&items, "dip-buyer");
    assert_eq!((&free["status"]["halted"], &free["status"]["halt"]), (&"False".into(), &Value::Null));
}
