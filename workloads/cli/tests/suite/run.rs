//! `ats run` on the samples: everything Ready, a second run from the store, one more ticker computes one ticker.

use std::{
    collections::BTreeMap,
    fmt::Write,
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
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["universe.yaml", "models.yaml", "strategies.yaml"] {
            fs::copy(samples().join(name), folder.path().join(name)).unwrap();
        }
        fs::copy(samples().join("failing/gate-fails.yaml"), folder.path().join("gate-fails.yaml")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not hold {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    pub(crate) fn ats(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ats")).current_dir(self.path()).args(arguments).output().unwrap()
    }

    pub(crate) fn run(&self, files: &[&str]) -> (i32, Vec<Value>, String) {
        self.run_on(&samples().join("data"), files)
    }

    /// Runs on another folder of data.
    fn run_on(&self, data: &Path, files: &[&str]) -> (i32, Vec<Value>, String) {
        let map = format!("/data={}", data.display());
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

pub(crate) fn named<'a>(items: &'a [Value], name: &str) -> &'a Value {
    items.iter().find(|item| item["metadata"]["name"] == name).unwrap()
}

pub(crate) fn stage<'a>(item: &'a Value, name: &str) -> &'a Value {
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

/// 27 specifications on six folds are 162 fits; pruned 27 on one fold, 9 on two more, 3 on the last three: 54.
#[test]
fn a_pruned_search_of_the_sample_takes_a_third_of_the_fits_and_finds_the_same_model() {
    let desk = Desk::new();
    let grid = r#"grid: {penalty: ["0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1"], l1Ratio: ["0", "0.5", "1"]}
    maxTrials: 27"#;
    desk.change("models.yaml", r#"grid: {penalty: ["0.0001", "0.001", "0.01"]}"#, grid);
    fs::copy(desk.path().join("models.yaml"), desk.path().join("pruned.yaml")).unwrap();
    desk.change("pruned.yaml", "maxTrials: 27", "maxTrials: 27\n    pruning: {factor: 3, minimumFolds: 1}");
    let run = |desk: &Desk, file: &str, units: [i64; 2]| {
        let (code, items, errors) = desk.run(&["universe.yaml", file]);
        assert_eq!(code, 0, "{errors}");
        let net = named(&items, "us-large-caps-net").clone();
        let train = stage(&net, "train");
        assert_eq!(
            [&train["computed"], &train["reused"]].map(|count| count.as_i64().unwrap()),
            units,
            "{train}"
        );
        let card = desk.ats(&["get", "models", "us-large-caps-net", "--output", "json"]);
        (net, serde_json::from_slice::<Value>(&card.stdout).unwrap())
    };
    let (net, pruned) = run(&desk, "pruned.yaml", [54, 0]);
    assert_eq!(pruned["pruning"]["units"], 54);
    assert_eq!(pruned["pruning"]["unitsWithout"], 162);
    assert_eq!(net["status"]["metrics"]["trials"], "27");
    assert_eq!(net["status"]["metrics"]["prunedTrials"], "24");
    // The whole search takes what is there, and leaves nothing to do for the pruned one.
    let (net, whole) = run(&desk, "models.yaml", [108, 54]);
    assert_eq!(whole["specification"], pruned["specification"]);
    assert!(net["status"]["metrics"]["prunedTrials"].is_null(), "{net:#}");
    let (_, again) = run(&desk, "pruned.yaml", [0, 54]);
    assert_eq!(again, pruned);
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
        "mode: Backtest\n  backtest: {start: \"2001-03-01\"",
        "mode: Paper\n  backtest: {start: \"2012-03-01\"",
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

#[test]
fn a_universe_reads_other_tickers_and_gives_its_features_as_one_table() {
    let desk = Desk::new();
    desk.change(
        "universe.yaml",
        "  features:\n",
        "  features:\n    - {name: against_msft, expression: 'returns(close, 21) - returns(close@\"MSFT\", 21)'}\n",
    );
    let (code, _, errors) = desk.run(&["universe.yaml"]);
    assert_eq!(code, 0, "{errors}");
    let csv = desk.ats(&["features", "us-large-caps"]);
    assert!(csv.status.success(), "{}", String::from_utf8_lossy(&csv.stderr));
    let csv = String::from_utf8(csv.stdout).unwrap();
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(names[..5], ["ticker", "session", "timestamp", "active", "focus"]);
    let place = names.iter().position(|name| *name == "against_msft").unwrap();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.len() > 10_000 && rows.iter().all(|row| row.len() == names.len()));
    // Of MSFT itself the difference is 0; of others it is not.
    let defined = |ticker: &str| -> Vec<f64> {
        let own = rows.iter().filter(|row| row[0] == ticker && !row[place].is_empty());
        own.map(|row| row[place].parse().unwrap()).collect()
    };
    assert!(defined("MSFT").len() > 1_000 && defined("MSFT").iter().all(|value| *value == 0.0));
    assert!(defined("IBM").len() > 1_000 && defined("IBM").iter().any(|value| value.abs() > 0.01));

    // The same table as Parquet, and of one ticker.
    let written = desk.ats(&["features", "us-large-caps", "--output", "all.parquet"]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let bytes = fs::read(desk.path().join("all.parquet")).unwrap();
    let frame = ats_columns::read_parquet("features", bytes, None).unwrap();
    assert_eq!(frame.get_column_names(), names);
    let values = ats_columns::column::floats("features", &frame, "against_msft").unwrap();
    assert_eq!(values.len(), rows.len());
    for (row, value) in rows.iter().zip(&values) {
        let text = row[place].parse::<f64>().map(f64::to_bits);
        assert_eq!(text.ok(), (!value.is_nan()).then(|| value.to_bits()));
    }
    assert!(!desk.path().join("all.parquet.partial").exists());
    let one = desk.ats(&["features", "us-large-caps", "--ticker", "IBM"]);
    let one = String::from_utf8(one.stdout).unwrap();
    assert_eq!(one.lines().count(), 1 + rows.iter().filter(|row| row[0] == "IBM").count());
    for (arguments, told) in [
        (
            ["--ticker", "NOSUCH"],
            "the dataset has no usable ticker NOSUCH; it has: AAPL, FB, GOOG, IBM, MSFT",
        ),
        (
            ["--output", "all.txt"],
            "all.txt: the form is told by the extension: write FILE.csv or FILE.parquet",
        ),
    ] {
        let refused = desk.ats(&[&["features", "us-large-caps"][..], &arguments[..]].concat());
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains(told));
    }
}

/// The sample's bars with a volume that tells the return to come: what a file does whose column is two rows early.
fn data_with_a_leak(folder: &Path) {
    let (from, to) = (samples().join("data/us-large-caps"), folder.join("us-large-caps"));
    for part in ["bars", "actions"] {
        fs::create_dir_all(to.join(part)).unwrap();
        for file in fs::read_dir(from.join(part)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(part).join(file.file_name())).unwrap();
        }
    }
    for file in fs::read_dir(to.join("bars")).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut rows: Vec<Vec<String>> =
            text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
        let open = |rows: &[Vec<String>], row: usize| rows[row][1].parse::<f64>().unwrap();
        for row in 1..rows.len() - 2 {
            let coming = open(&rows, row + 2) / open(&rows, row + 1) - 1.0;
            rows[row][5] = format!("{:.0}", 1e6 * (1.0 + coming.clamp(-0.5, 0.5)));
        }
        let lines: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        fs::write(path, lines.join("\n") + "\n").unwrap();
    }
}

#[test]
fn the_audit_finds_a_leak_that_was_planted_in_the_data() {
    let desk = Desk::new();
    desk.change(
        "universe.yaml",
        "  features:\n",
        "  features:\n    - {name: heavy, expression: raw_volume / 1000000}\n",
    );
    let audited = |data: &Path| {
        let (code, _, errors) = desk.run_on(data, &["universe.yaml"]);
        assert_eq!(code, 0, "{errors}");
        let audit = desk.ats(&["audit", "us-large-caps", "--horizon", "2", "--output", "json"]);
        let found: Value = serde_json::from_slice(&audit.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&audit.stderr)));
        (audit.status.code(), found)
    };
    let verdict = |found: &Value, name: &str| {
        let features = found.as_array().unwrap();
        let feature = features.iter().find(|feature| feature["feature"] == name).unwrap();
        (feature["verdict"].as_str().unwrap().to_owned(), feature.clone())
    };
    let (code, honest) = audited(&samples().join("data"));
    assert_eq!(code, Some(0), "{honest:#}");
    assert_eq!(verdict(&honest, "heavy").0, "Clean");

    let leaky = desk.path().join("leaky");
    data_with_a_leak(&leaky);
    let (code, found) = audited(&leaky);
    assert_eq!(code, Some(1), "{found:#}");
    let (word, feature) = verdict(&found, "heavy");
    assert_eq!(word, "Leak", "{feature:#}");
    assert!(feature["nextBar"]["low"].as_f64().unwrap() > 0.3, "{feature:#}");
    let shuffled = &feature["shuffled"];
    assert!(shuffled["low"].as_f64().unwrap() < 0.0 && shuffled["high"].as_f64().unwrap() > 0.0);
    for feature in found.as_array().unwrap().iter().filter(|feature| feature["feature"] != "heavy") {
        assert_ne!(feature["verdict"], "Leak", "{feature:#}");
    }
    let table = desk.ats(&["audit", "us-large-caps", "--horizon", "2"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.lines().any(|line| line.starts_with("heavy") && line.contains("Leak")), "{table}");
}

/// The sample's files with a table `flow.csv` beside them: each session's return of each share, known so many sessions
/// before it was over.
fn data_with_flow(folder: &Path, early: usize) {
    let (from, to) = (samples().join("data/us-large-caps"), folder.join("us-large-caps"));
    let mut table = "ticker,known_at,flow\n".to_owned();
    for part in ["bars", "actions"] {
        fs::create_dir_all(to.join(part)).unwrap();
        for file in fs::read_dir(from.join(part)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(part).join(file.file_name())).unwrap();
            if part == "actions" {
                continue;
            }
            let (text, name) = (fs::read_to_string(file.path()).unwrap(), file.file_name());
            let ticker = name.to_str().unwrap().trim_end_matches(".csv").to_owned();
            let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
            let close = |row: usize| rows[row][4].parse::<f64>().unwrap();
            for row in 1 + early..rows.len() {
                let (date, change) = (rows[row - early][0], close(row) / close(row - 1) - 1.0);
                writeln!(table, "{ticker},{date}T18:00:00Z,{change:.6}").unwrap();
            }
        }
    }
    fs::write(to.join("flow.csv"), table).unwrap();
}

#[test]
fn a_column_of_ones_own_reaches_models_and_rules_and_is_audited() {
    let desk = Desk::new();
    desk.change("universe.yaml", "  features:\n", "  columns: [{name: flow, file: flow.csv}]\n  features:\n");
    desk.change(
        "strategies.yaml",
        "rsi(close, 2) < 10 and close > sma(close, 200)",
        "flow < -0.02 and close > sma(close, 200)",
    );
    desk.change("models.yaml", "macd_share]", "macd_share, flow]");
    let honest = desk.path().join("honest");
    data_with_flow(&honest, 0);
    let (code, objects, errors) = desk.run_on(&honest, &["universe.yaml", "models.yaml", "strategies.yaml"]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(objects.len(), 5);

    // A model learns from it.
    let card = desk.ats(&["get", "models", "us-large-caps-net", "--output", "json"]);
    let card = String::from_utf8(card.stdout).unwrap();
    assert!(card.contains("\"flow\""), "{card}");

    // The rule sees what was known: at each entry's decision the column is below the rule's bound.
    let features = String::from_utf8(desk.ats(&["features", "us-large-caps"]).stdout).unwrap();
    let mut lines = features.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (ticker, session, flow) = (at("ticker"), at("session"), at("flow"));
    let known: BTreeMap<(String, String), f64> = lines
        .filter_map(|row| Some(((row[ticker].to_owned(), row[session].to_owned()), row[flow].parse().ok()?)))
        .collect();
    assert!(known.len() > 10_000);
    let orders = desk.ats(&["get", "orders", "dip-buyer", "--output", "json"]);
    let orders: Value = serde_json::from_slice(&orders.stdout).unwrap();
    let entries: Vec<&Value> =
        orders.as_array().unwrap().iter().filter(|order| order["intent"] == "Entry").collect();
    assert!(entries.len() > 50, "{}", entries.len());
    for order in entries {
        let of = |name: &str| order[name].as_str().unwrap().to_owned();
        let value = known[&(of("ticker"), of("session"))];
        assert!(value < -0.02, "{order}: {value}");
    }

    // Honest, it knows nothing of what comes; a session early, it does, and the audit says so.
    let verdict = |desk: &Desk| {
        let audit = desk.ats(&["audit", "us-large-caps", "--horizon", "2", "--output", "json"]);
        let found: Value = serde_json::from_slice(&audit.stdout).unwrap();
        let flow = found.as_array().unwrap().iter().find(|one| one["feature"] == "flow").unwrap();
        flow["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict(&desk), "Clean");
    let early = desk.path().join("early");
    data_with_flow(&early, 1);
    let (code, _, errors) = desk.run_on(&early, &["universe.yaml"]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(verdict(&desk), "Leak");
}

/// A strategy that holds what a table of weights says, and learns nothing.
const TABLE: &str = r#"apiVersion: trading.ats.dev/v1alpha1
kind: Strategy
metadata:
  name: table
spec:
  universeRef: {name: us-large-caps}
  signal: {scores: {expression: "weight"}}
  portfolio:
    rebalance: Monthly
    maxPositions: 4
    sizing: {targetWeight: {expression: "weight"}}
  risk: {}
  mode: Backtest
  backtest: {start: "2005-01-03", end: "2006-06-30"}
"#;

#[test]
fn a_table_of_weights_is_traded_without_a_model() {
    let desk = Desk::new();
    let data = desk.path().join("data");
    data_with_flow(&data, 0);
    let rows = [
        ("AAPL", "2005-01-31T18:00:00Z", 0.4),
        ("IBM", "2005-01-31T18:00:00Z", 0.3),
        ("IBM", "2005-04-29T18:00:00Z", 0.0),
        ("MSFT", "2005-04-29T18:00:00Z", 0.35),
        // After the month's last close: for the next month's.
        ("AAPL", "2006-03-31T22:00:00Z", 0.0),
    ];
    let known_at = rows.map(|row| row.1.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let columns = vec![
        ats_columns::column::strings_column("ticker", &rows.map(|row| row.0)),
        ats_columns::column::timestamps_column("known_at", &known_at),
        ats_columns::column::floats_column("share", &rows.map(|row| row.2)),
    ];
    let table = ats_columns::column::frame("weights", columns).unwrap();
    let table = ats_columns::write_parquet(&table).unwrap();
    fs::write(data.join("us-large-caps/weights.parquet"), table).unwrap();
    let column = "  columns: [{name: weight, file: weights.parquet, column: share}]\n  features:\n";
    desk.change("universe.yaml", "  features:\n", column);
    fs::write(desk.path().join("table.yaml"), TABLE).unwrap();
    let paper = TABLE.replace("name: table", "name: table-paper").replace("mode: Backtest", "mode: Paper");
    fs::write(desk.path().join("paper.yaml"), paper).unwrap();
    let (code, objects, errors) = desk.run_on(&data, &["universe.yaml", "table.yaml", "paper.yaml"]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(objects.len(), 3);
    for (name, stages) in [("table", vec!["backtest"]), ("table-paper", vec!["backtest", "trade"])] {
        let strategy = named(&objects, name);
        assert_eq!(condition(strategy, "Ready")["status"], "True", "{strategy:#}");
        let there = strategy["status"]["stages"].as_array().unwrap();
        assert_eq!(there.iter().map(|stage| stage["name"].clone()).collect::<Vec<_>>(), stages);
    }

    let orders = desk.ats(&["get", "orders", "table", "--output", "json"]);
    let orders: Value = serde_json::from_slice(&orders.stdout).unwrap();
    let of = |intent: &str| -> Vec<(String, String)> {
        let orders = orders.as_array().unwrap().iter().filter(|order| order["intent"] == intent);
        let text = |order: &Value, name: &str| order[name].as_str().unwrap().to_owned();
        orders.map(|order| (text(order, "session"), text(order, "ticker"))).collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(session, ticker)| ((*session).to_owned(), (*ticker).to_owned())).collect()
    };
    let entries = [("2005-01-31", "AAPL"), ("2005-01-31", "IBM"), ("2005-04-29", "MSFT")];
    assert_eq!(of("Entry"), pairs(&entries));
    assert_eq!(of("Exit"), pairs(&[("2005-04-29", "IBM"), ("2006-04-28", "AAPL")]));

    let explained = desk.ats(&["explain", "table", "AAPL", "2005-01-31"]);
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains("  expression signal.scores.expression = 0.4\n"), "{explained}");
    assert!(
        explained.contains("  expression portfolio.sizing.targetWeight.expression = 0.4\n"),
        "{explained}"
    );
}

/// A cross of averages whose periods are searched, on the sample universe.
const SEARCHED: &str = r#"apiVersion: trading.ats.dev/v1alpha1
kind: Strategy
metadata:
  name: cross
spec:
  universeRef: {name: us-large-caps}
  signal:
    rules:
      entry: "sma(close, $fast) > sma(close, $slow)"
      exit: "sma(close, $fast) < sma(close, $slow)"
  portfolio:
    maxPositions: 4
    sizing: {riskPerTrade: {}}
  risk:
    stop: {atr: {multiple: "2"}}
  search:
    grid:
      fast: ["5", "20", "50"]
      slow: ["50", "200"]
      risk.stop.atr.multiple: ["2", "4"]
    where: "$fast < $slow"
    walkForward: {folds: 3, testSessions: 252}
  mode: Paper
  backtest: {start: "2006-01-03", end: "2012-12-31"}
"#;

#[test]
fn a_search_goes_from_the_grid_to_paper_trading() {
    let desk = Desk::new();
    fs::write(desk.path().join("cross.yaml"), SEARCHED).unwrap();
    // The sample's first strategy beside it; the second one would need its model.
    let samples = fs::read_to_string(desk.path().join("strategies.yaml")).unwrap();
    fs::write(desk.path().join("dips.yaml"), samples.split("---").next().unwrap()).unwrap();
    let files = ["universe.yaml", "dips.yaml", "cross.yaml"];
    let (code, objects, errors) = desk.run(&files);
    assert_eq!(code, 0, "{errors}");
    let cross = named(&objects, "cross");
    assert_eq!(condition(cross, "Ready")["status"], "True", "{cross}");
    assert_eq!(cross["status"]["metrics"]["numberOfTrials"], "10");
    let deflated: f64 = cross["status"]["metrics"]["deflatedSharpe"].as_str().unwrap().parse().unwrap();
    assert!((0.0..1.0).contains(&deflated));

    // Paper trading begins with the first window and goes on after the last one: 41 sessions of 2013.
    assert_eq!(stage(cross, "trade")["computed"], 3 * 252 + 41);
    let artifacts = desk.ats(&["get", "artifacts", "cross", "--output", "json"]);
    assert!(String::from_utf8(artifacts.stdout).unwrap().contains("search.json"));
    let equity = desk.ats(&["get", "equity", "cross", "--output", "json"]);
    let equity: Value = serde_json::from_slice(&equity.stdout).unwrap();
    let equity = equity.as_array().unwrap();
    assert_eq!(equity.len(), 756, "{:?}", equity.first());
    let first = equity[0]["session"].as_str().unwrap();

    let explained = desk.ats(&["explain", "cross", "AAPL", first]);
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains("  parameters fast = "), "{explained}");
    assert!(explained.contains(": chosen on 2006-01-03 to 20"), "{explained}");
    let compared = desk.ats(&["compare", "cross", "dip-buyer"]);
    let compared = String::from_utf8(compared.stdout).unwrap();
    assert!(compared.contains("deflatedSharpe") && compared.contains("search.grid.fast"), "{compared}");
    let cagr = compared.lines().find(|line| line.starts_with("cagr ")).unwrap();
    assert!(cagr.ends_with("  (E_T / E_0)^(252 / n) - 1"), "{compared}");
    assert!(compared.lines().next().unwrap().ends_with(" FORMULA"), "{compared}");

    let (_, again, errors) = desk.run(&files);
    let cross = named(&again, "cross");
    assert_eq!(stage(cross, "backtest")["state"], "CacheHit", "{errors}");
    assert_eq!(stage(cross, "trade")["computed"], 0, "{errors}");
}
