//! Commands that judge: coverage, speed, and the page of performance.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use support::program;

fn script(folder: &Path, name: &str, body: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

async fn gate(base: &Path, head: &Path, pairs: &str) -> std::process::Output {
    let (base, head) = (base.display().to_string(), head.display().to_string());
    program(&["gate", "--base", &base, "--head", &head, "--pairs", pairs, "--", "left"], &[], &[]).await
}

/// What it says of times is a matter of `tests/performance/gate.sh`, for a clock decides nothing here.
#[tokio::test(flavor = "multi_thread")]
async fn each_run_has_an_empty_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let base = script(folder.path(), "base", "test ! -e \"$1\" && touch \"$1\"");
    let output = gate(&base, &base, "6").await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        told.lines().any(|line| line.starts_with("pair 6: ")) && told.contains("head / base: "),
        "{output:?}"
    );
    let output = gate(&base, &base, "5").await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("5 pairs are too few"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_has_no_time_and_its_words_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let base = script(folder.path(), "base", "true");
    let broken = script(folder.path(), "broken", "echo no such universe >&2; exit 3");
    let output = gate(&base, &broken, "6").await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("a run that fails has no time"), "{told}");
    assert!(told.contains("exit status: 3") && told.contains("no such universe"), "{told}");
    let output = gate(&base, &folder.path().join("missing"), "6").await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing: No such file"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_is_held_against_the_thresholds_of_the_checkout() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let thresholds = checkout.join(".ci/coverage.json").display().to_string();
    let folders = ["crds", "workloads/pipeline", "workloads/expression", "workloads/ledger"];
    let folder = tempfile::tempdir().unwrap();
    let judged = async |lowest: u64| {
        let file = |folder: &&str| {
            assert!(checkout.join(folder).is_dir(), "{folder} is not there");
            let covered = if *folder == "crds" { lowest } else { 95 };
            json!({"filename": format!("/c/{folder}/src/lib.rs"), "summary": {"lines": {"count": 100, "covered": covered}}})
        };
        let files: Vec<_> = folders.iter().map(file).collect();
        let summary = folder.path().join("summary.json");
        std::fs::write(&summary, json!({"data": [{"files": files}]}).to_string()).unwrap();
        let summary = summary.display().to_string();
        let arguments = ["coverage", "--summary", &summary, "--thresholds", &thresholds, "--checkout", "/c"];
        program(&arguments, &[], &[]).await
    };
    let output = judged(90).await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains("asked for 85 %"), "{told}");
    let output = judged(89).await;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{told}");
    assert!(
        told.lines().any(|line| line.starts_with("crds ") && line.ends_with("asked for 90 %  TOO LITTLE")),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_keeps_its_history_and_counts_a_measurement_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let report = async |document: &str| {
        std::fs::write(path("measured.json"), document).unwrap();
        let (measured, history, page) = (path("measured.json"), path("history.jsonl"), path("page.html"));
        let arguments =
            ["performance-report", "--measured", &measured, "--history", &history, "--output", &page];
        program(&arguments, &[], &[]).await
    };
    let of = |commit: &str| {
        let machine = json!({"at": "2026-08-02T00:00:00Z", "commit": commit, "processor": "CPU", "cores": 2, "profile": "release"});
        let figure = json!({"part": "Runs", "name": "empty", "unit": "seconds", "min": 1.0, "median": 1.5, "max": 2.0});
        json!({"machine": machine, "figures": [figure]}).to_string()
    };
    for commit in ["aaa", "bbb", "bbb", "ccc-dirty"] {
        let output = report(&of(commit)).await;
        assert!(output.status.success(), "{output:?}");
    }
    let history = std::fs::read_to_string(path("history.jsonl")).unwrap();
    assert_eq!(history.lines().count(), 2, "{history}");
    let page = std::fs::read_to_string(path("page.html")).unwrap();
    assert!(page.contains("ccc-dirty") && page.contains("<svg") && page.contains("1.50 s"), "{page}");

    // What is no measurement changes nothing.
    let output = report("{\"machine\": {}}").await;
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("measurements: "));
    assert_eq!(std::fs::read_to_string(path("page.html")).unwrap(), page);
    assert_eq!(std::fs::read_to_string(path("history.jsonl")).unwrap(), history);
    std::fs::write(path("history.jsonl"), "no line of a history").unwrap();
    let output = report(&of("ddd")).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("history, line 1: "), "{output:?}");
    assert_eq!(std::fs::read_to_string(path("history.jsonl")).unwrap(), "no line of a history");
}
