//! `ats plan --write-stages`: documents for other processes, whose last words this test writes itself. That the workloads
//! run them is shown by the tests of delivery.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

fn samples() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/samples"))
}

/// A folder to plan in, with copies of samples that a test may change.
struct Desk {
    folder: TempDir,
    store: &'static str,
}

/// What a call said.
struct Said {
    code: i32,
    rows: Vec<Value>,
    errors: String,
}

impl Said {
    /// Object, stage and state of each row.
    fn states(&self) -> Vec<(&str, &str, &str)> {
        let rows = self.rows.iter();
        rows.map(|row| {
            let of = |name: &str| row[name].as_str().unwrap();
            (of("object"), of("stage"), of("state"))
        })
        .collect()
    }

    /// Folders of the stages to run.
    fn to_run(&self) -> Vec<&str> {
        let ready = self.rows.iter().filter(|row| row["state"] == "to run");
        ready.map(|row| row["folder"].as_str().unwrap()).collect()
    }
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["universe.yaml", "strategies.yaml", "failing/gate-fails.yaml"] {
            let text = fs::read_to_string(samples().join(name)).unwrap();
            // Of the strategies the first, which needs no model.
            let first = text.split("\n---\n").next().unwrap();
            fs::write(folder.path().join(name.rsplit('/').next().unwrap()), first).unwrap();
        }
        Self { folder, store: "s3://ats" }
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

    fn plan(&self, files: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ats"));
        command.current_dir(self.path()).args(["plan", "--write-stages", "stages", "--store", self.store]);
        command.args(["--output", "json", "--file"]).args(files);
        let output = command.output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            rows: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn outcome(&self, folder: &str) -> PathBuf {
        self.path().join(folder).join("outcome.json")
    }

    /// A stage ends well, with a digest of its own and these figures.
    fn done(&self, folder: &str, digit: u8, figures: &Value) {
        let digest = digit.to_string().repeat(64);
        let told =
            json!({"category": "Done", "message": "", "digest": digest, "computed": 1, "figures": figures});
        fs::write(self.outcome(folder), told.to_string()).unwrap();
    }

    /// Runs what can run until nothing is left; the stages in their order, and the last call.
    fn run_all(&self, files: &[&str], figures: &Value) -> (Vec<String>, Said) {
        let mut order = Vec::new();
        loop {
            let said = self.plan(files);
            let ready: Vec<String> = said.to_run().into_iter().map(str::to_owned).collect();
            if ready.is_empty() || order.len() > 20 {
                return (order, said);
            }
            for folder in ready {
                self.done(&folder, u8::try_from(order.len() % 10).unwrap(), figures);
                let name = folder.trim_start_matches("stages/").rsplit_once('-').unwrap().0.to_owned();
                order.push(name);
            }
        }
    }
}

#[test]
fn a_stage_is_written_when_those_before_it_have_told() {
    let desk = Desk::new();
    let files = ["universe.yaml", "strategies.yaml"];
    let first = desk.plan(&files);
    assert_eq!(first.code, 0, "{}", first.errors);
    let universe = "TradingUniverse/us-large-caps";
    let states = first.states();
    assert_eq!(
        states[..3],
        [
            (universe, "acquire", "to run"),
            (universe, "features", "after the stage before it"),
            (universe, "publish", "after the stage before it"),
        ]
    );
    let (object, stage, state) = states[3];
    assert_eq!((object, stage), ("Strategy/dip-buyer", ""));
    assert!(state.starts_with("waits: TradingUniverse us-large-caps has not published"), "{state}");
    let [folder] = first.to_run()[..] else { panic!("{states:?}") };
    assert!(folder.starts_with("stages/data-acquisition/us-large-caps-acquire-"), "{folder}");
    let document: Value =
        serde_json::from_slice(&fs::read(desk.path().join(folder).join("stage.json")).unwrap()).unwrap();
    assert_eq!((&document["shards"], &document["store"]["uri"]), (&json!(1), &json!("s3://ats")));
    assert!(first.rows[0]["key"].as_str().unwrap().starts_with(folder.rsplit_once('-').unwrap().1));

    // Nothing has run: the same again. An empty outcome is that of a stage that is at work.
    assert_eq!(desk.plan(&files).states(), states);
    fs::write(desk.outcome(folder), "").unwrap();
    assert_eq!(desk.plan(&files).states(), states);

    let (order, last) = desk.run_all(&files, &json!({}));
    assert_eq!(
        order,
        [
            "data-acquisition/us-large-caps-acquire",
            "feature-engineering/us-large-caps-features",
            "feature-engineering/us-large-caps-publish",
            "trading-strategy/dip-buyer-backtest",
        ]
    );
    assert_eq!(last.code, 0, "{}", last.errors);
    assert!(last.states().iter().all(|(.., state)| *state == "done"), "{:?}", last.states());
    // The objects have their status, as after a run.
    let get = Command::new(env!("CARGO_BIN_EXE_ats"))
        .current_dir(desk.path())
        .args(["get", "stages", "dip-buyer"])
        .output();
    assert!(String::from_utf8_lossy(&get.unwrap().stdout).contains("Succeeded"));
}

#[test]
fn what_a_failure_keeps_from_running_is_told() {
    let desk = Desk::new();
    let files = ["universe.yaml", "strategies.yaml"];
    let folder = desk.plan(&files).to_run()[0].to_owned();
    let told = json!({"category": "SourceUnreadable", "message": "the bars are gone"});
    fs::write(desk.outcome(&folder), told.to_string()).unwrap();
    let said = desk.plan(&files);
    assert_eq!((said.code, said.rows[0]["state"].as_str().unwrap()), (1, "failed: the bars are gone"));
    let words =
        "TradingUniverse/us-large-caps is not Ready: SourceUnreadable: stage acquire: the bars are gone";
    assert!(said.errors.contains(words), "{}", said.errors);

    // Ended well without an output, and words that are none of a workload's.
    fs::write(desk.outcome(&folder), json!({"category": "Done", "message": ""}).to_string()).unwrap();
    let said = desk.plan(&files);
    assert!(said.errors.contains("stage acquire ended well and named no output"), "{}", said.errors);
    fs::write(desk.outcome(&folder), "Killed").unwrap();
    let said = desk.plan(&files);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("outcome.json is not what a workload tells"), "{}", said.errors);
    assert!(said.errors.contains("delete it and run the stage again"), "{}", said.errors);
}

#[test]
fn what_another_document_told_does_not_count() {
    let mut desk = Desk::new();
    let files = ["universe.yaml"];
    let first = desk.plan(&files).to_run()[0].to_owned();
    desk.done(&first, 1, &json!({}));
    assert!(desk.plan(&files).to_run()[0].contains("/us-large-caps-features-"));
    // Another store: the same stage has no output there.
    desk.store = "s3://other";
    assert_eq!(desk.plan(&files).to_run(), [first.as_str()]);
    assert!(!desk.outcome(&first).exists());
    // Another spec: another key, another folder.
    desk.change("universe.yaml", "[AAPL, FB, GOOG, IBM, MSFT]", "[AAPL, FB, GOOG, IBM]");
    assert_ne!(desk.plan(&files).to_run(), [first.as_str()]);
}

#[test]
fn gates_are_judged_between_stages() {
    let desk = Desk::new();
    let files = ["universe.yaml", "gate-fails.yaml"];
    let (order, last) = desk.run_all(&files, &json!({"hitRate": 0.55}));
    assert_eq!(order.last().unwrap(), "model-training/us-large-caps-strict-select");
    assert_eq!(last.code, 1);
    assert!(last.errors.contains("the model is kept and not published: hitRate is 0.55"), "{}", last.errors);
}

#[test]
fn the_document_of_select_names_what_was_tried_before() {
    let desk = Desk::new();
    let files = ["universe.yaml", "gate-fails.yaml"];
    let kept = || -> Value {
        let path = desk.path().join(".ats/state/modeltrainingjob/us-large-caps-strict.json");
        let object: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        object["status"]["specifications"].clone()
    };
    desk.run_all(&files, &json!({"hitRate": 0.55}));
    let first = kept();
    assert_eq!(first.as_array().unwrap().len(), 1, "a gate that fails takes nothing away");
    desk.change("gate-fails.yaml", "horizonBars: 5", "horizonBars: 10");
    // Between the stages of the new one it is not forgotten.
    desk.plan(&files);
    assert_eq!(kept(), first);
    desk.run_all(&files, &json!({"hitRate": 0.55}));
    let both = kept();
    assert_eq!((both.as_array().unwrap().len(), &both[1]), (2, &first[0]));
    let key = both[0]["key"].as_str().unwrap();
    let folder = format!("stages/model-training/us-large-caps-strict-select-{}", &key[..10]);
    let document: Value =
        serde_json::from_slice(&fs::read(desk.path().join(folder).join("stage.json")).unwrap()).unwrap();
    let inputs = document["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 3, "{document:#}");
    assert_eq!(
        inputs[2],
        json!({"stage": "select", "key": first[0]["key"], "digest": first[0]["digest"]}),
        "{document:#}"
    );
}

#[test]
fn a_paper_strategy_is_handed_out_unless_it_is_to_be_halted() {
    let desk = Desk::new();
    let files = ["universe.yaml", "strategies.yaml"];
    desk.change("strategies.yaml", "mode: Backtest", "mode: Paper\n  killSwitch: true");
    let (order, last) = desk.run_all(&files, &json!({}));
    assert_eq!(order.last().unwrap(), "trading-strategy/dip-buyer-backtest");
    assert_eq!(last.code, 1);
    let state = last.rows.last().unwrap()["state"].as_str().unwrap();
    assert_eq!(state, "held: a halt is asked for, which only `ats run` and a cluster tell to what trades");

    desk.change("strategies.yaml", "\n  killSwitch: true", "");
    let said = desk.plan(&files);
    let [trade] = said.to_run()[..] else { panic!("{:?}", said.states()) };
    assert!(trade.contains("/dip-buyer-trade-"), "{trade}");
    let halt = json!({
        "category": "Done", "message": "9 bars decided", "computed": 9,
        "figures": {"equity": 99.5, "drawdown": -0.3},
        "notes": {"lastSession": "2013-03-01", "halt": "H1: drawdown", "haltCause": "MaxDrawdown"},
    });
    fs::write(desk.outcome(trade), halt.to_string()).unwrap();
    let said = desk.plan(&files);
    assert_eq!((said.code, said.to_run().len()), (0, 0), "{}", said.errors);
    let path = desk.path().join(".ats/state/strategy/dip-buyer.json");
    let object: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let condition = |kind: &str| -> Value {
        let mut all = object["status"]["conditions"].as_array().unwrap().iter();
        all.find(|condition| condition["type"] == kind).unwrap().clone()
    };
    assert_eq!(condition("Running")["message"], "session 2013-03-01 is decided");
    assert_eq!(condition("WithinRiskLimits")["reason"], "DrawdownLatched");
    assert_eq!(
        (&object["status"]["halted"], &object["status"]["metrics"]["equity"]),
        (&json!("True"), &json!("99.5"))
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_told_before_anything_is_written() {
    let desk = Desk::new();
    fs::write(desk.path().join("stages"), "a file").unwrap();
    let said = desk.plan(&["universe.yaml"]);
    assert_eq!(said.code, 2);
    assert!(said.errors.contains("--write-stages stages: the folder cannot be made"), "{}", said.errors);
}
