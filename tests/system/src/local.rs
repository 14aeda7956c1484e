//! The same files without a cluster.

use std::{
    path::Path,
    process::{Command, Output},
};

use ats_test_cluster::{binary, install::checkout};
use serde_json::Value;

/// Runs `ats` in a folder.
///
/// # Panics
/// When the binary is not there.
pub fn ats(folder: &Path, arguments: &[&str]) -> Output {
    let path = binary("ats-cli", "ats").expect("the command line is compiled");
    Command::new(path).current_dir(folder).args(arguments).output().expect("the command line runs")
}

/// `ats run` of the samples in a folder; the objects with their status.
///
/// # Panics
/// When it fails.
pub fn run_samples(folder: &Path) -> Vec<Value> {
    let samples = checkout().expect("the checkout is there").join("config/samples");
    let file = |name: &str| samples.join(name).to_string_lossy().into_owned();
    let map = format!("/data={}", samples.join("data").display());
    let (universe, models, strategies) =
        (file("universe.yaml"), file("models.yaml"), file("strategies.yaml"));
    let output =
        ats(folder, &["run", "-f", &universe, &models, &strategies, "--map", &map, "--output", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let list: Value = serde_json::from_slice(&output.stdout).expect("the result is JSON");
    list["items"].as_array().expect("the result is a list").clone()
}
