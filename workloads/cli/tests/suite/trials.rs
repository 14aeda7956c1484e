//! `ats run` of a model whose spec is edited: every trial under its name counts, once.

use std::fs;

use serde_json::Value;

use crate::run::{Desk, named, stage};

const NET: &str = "us-large-caps-net";

/// The samples' first model alone, in `models.yaml`.
fn desk() -> Desk {
    let desk = Desk::new();
    let path = desk.path().join("models.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.split("\n---\n").next().unwrap()).unwrap();
    desk
}

/// Runs the model: its object and its card.
fn run(desk: &Desk) -> (Value, Value) {
    let (code, items, errors) = desk.run(&["universe.yaml", "models.yaml"]);
    assert_eq!(code, 0, "{errors}");
    let card = desk.ats(&["get", "models", NET, "--output", "json"]);
    (named(&items, NET).clone(), serde_json::from_slice(&card.stdout).unwrap())
}

/// N, and how many of them are of earlier specifications, as status and card tell.
fn counts(run: &(Value, Value)) -> (u64, u64) {
    let (object, card) = run;
    let trials = card["numberOfTrials"].as_u64().unwrap();
    assert_eq!(object["status"]["metrics"]["trials"], trials.to_string());
    (trials, card["earlierTrials"].as_u64().unwrap())
}

#[test]
fn trials_of_earlier_specifications_count_and_nothing_is_counted_twice() {
    let desk = desk();
    let first = run(&desk);
    assert_eq!(counts(&first), (3, 0));
    // The same again, whatever else the file says: nothing is computed, nothing counts.
    desk.change("models.yaml", "  seed: 42", "  gates: []\n  seed: 42");
    let again = run(&desk);
    assert_eq!(stage(&again.0, "select")["state"], "CacheHit", "{:#}", again.0);
    assert_eq!(
        (stage(&again.0, "select")["key"].clone(), &again.1),
        (stage(&first.0, "select")["key"].clone(), &first.1)
    );

    // Another label: three trials more. A penalty more: one.
    desk.change("models.yaml", "horizonBars: 5", "horizonBars: 10");
    assert_eq!(counts(&run(&desk)), (6, 3));
    desk.change("models.yaml", r#""0.001", "0.01"]"#, r#""0.001", "0.01", "0.1"]"#);
    let third = run(&desk);
    assert_eq!(counts(&third), (7, 3));
    assert_eq!(stage(&third.0, "train")["computed"], 6, "{:#}", third.0);
    // Only what is tried is counted: with another metric the same trials run.
    desk.change("models.yaml", "metric: MeanSquaredError", "metric: HitRate");
    assert_eq!(counts(&run(&desk)), (7, 3));

    // Back to the first: its trials are all there already, and so are their units.
    desk.change("models.yaml", r#", "0.1"]"#, "]");
    desk.change("models.yaml", "horizonBars: 10", "horizonBars: 5");
    desk.change("models.yaml", "metric: HitRate", "metric: MeanSquaredError");
    let back = run(&desk);
    assert_eq!(counts(&back), (7, 4));
    assert_eq!(stage(&back.0, "train")["state"], "CacheHit");
    assert_ne!(
        stage(&back.0, "select")["key"],
        stage(&first.0, "select")["key"],
        "the history is in the key"
    );
    assert_eq!(back.1["figures"], first.1["figures"]);
    let told = back.1["notes"].to_string();
    assert!(
        told.contains("7 specifications have been tried under this name, 4 of them before this one"),
        "{told}"
    );
    assert_eq!(back.0["status"]["specifications"].as_array().unwrap().len(), 2);
    let steady = run(&desk);
    assert_eq!(stage(&steady.0, "select")["state"], "CacheHit", "{:#}", steady.0);
    assert_eq!(steady.1, back.1);

    // `ats plan` knows what the model has had.
    let plan = desk.ats(&["plan", "--file", "universe.yaml", "models.yaml", "--output", "json"]);
    let rows: Value = serde_json::from_slice(&plan.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    let row = rows.iter().find(|row| row["stage"] == "select").unwrap();
    assert_eq!((&row["key"], &row["state"]), (&stage(&back.0, "select")["key"], &"in store".into()));

    // The list is a file like any other.
    let artifacts = desk.ats(&["get", "artifacts", NET, "--output", "json"]);
    let artifacts: Value = serde_json::from_slice(&artifacts.stdout).unwrap();
    let list = artifacts.as_array().unwrap().iter().find(|file| file["file"] == "trials.json").unwrap();
    let path = list["uri"].as_str().unwrap().trim_start_matches("file://");
    let list: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(list["trials"].as_array().unwrap().len(), 7);
}

/// The list of the specification before is in the store; without it there is no count.
#[test]
fn a_store_without_the_trials_so_far_is_told() {
    let desk = desk();
    run(&desk);
    fs::remove_dir_all(desk.path().join(".ats/store")).unwrap();
    // The same specification needs nothing of before.
    run(&desk);
    fs::remove_dir_all(desk.path().join(".ats/store")).unwrap();
    desk.change("models.yaml", "horizonBars: 5", "horizonBars: 10");
    let (code, items, _) = desk.run(&["universe.yaml", "models.yaml"]);
    assert_eq!(code, 1);
    let net = named(&items, NET);
    assert_eq!(
        (&stage(net, "train")["state"], &stage(net, "select")["state"]),
        (&"Succeeded".into(), &"Failed".into())
    );
    let message = stage(net, "select")["message"].as_str().unwrap();
    assert!(
        message.starts_with("trials.json of select/") && message.contains("begin a new count"),
        "{message}"
    );
    assert_eq!(net["status"]["specifications"].as_array().unwrap().len(), 1, "what was kept stays kept");
    // As a new object it begins a new count.
    fs::remove_file(desk.path().join(".ats/state/modeltrainingjob").join(format!("{NET}.json"))).unwrap();
    assert_eq!(counts(&run(&desk)), (3, 0));
}
