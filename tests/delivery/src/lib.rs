//! What the tests of delivery share: the checkout, its YAML, and programs that are run on it.

#![allow(clippy::expect_used, reason = "a failed test is told by a panic")]

pub mod names;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The six images: the operator and the five components, as the operator names them.
pub const COMPONENTS: [&str; 6] = [
    "operator",
    "data-acquisition",
    "feature-engineering",
    "model-training",
    "trading-strategy",
    "monitoring",
];

/// The environments, in the order in which a change reaches them.
pub const ENVIRONMENTS: [&str; 3] = ["development", "staging", "production"];

/// The root of the checkout.
#[must_use]
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout is there")
}

/// A text file of the checkout.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn text(path: &str) -> String {
    std::fs::read_to_string(checkout().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of YAML text, empty ones left out.
///
/// # Panics
/// When it is no YAML.
#[must_use]
pub fn documents(what: &str, yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{what}: {error}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// The only document of a YAML file of the checkout.
///
/// # Panics
/// When there is not exactly one.
#[must_use]
pub fn document(path: &str) -> Value {
    let mut documents = documents(path, &text(path));
    assert_eq!(documents.len(), 1, "{path} holds one document");
    documents.remove(0)
}

/// The files below a folder of the checkout whose name ends so, as paths from the checkout's root, sorted.
///
/// # Panics
/// When the folder cannot be read.
#[must_use]
pub fn files(folder: &str, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(checkout().join(&folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        for entry in entries {
            let entry = entry.expect("a folder's entry is read");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The part of docs/delivery.md under a heading.
///
/// # Panics
/// When there is no such heading.
#[must_use]
pub fn section(heading: &str) -> String {
    let document = text("docs/delivery.md");
    let from = document.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no part {heading}"));
    let part = &document[from + 1..];
    part.find("\n## ").map_or(part, |end| &part[..end]).to_owned()
}

/// Runs a program; its standard output.
///
/// # Panics
/// When it does not start or fails, with what it wrote.
#[must_use]
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).expect("a program writes text");
    assert!(output.status.success(), "{command:?}: {}\n{text}{errors}", output.status);
    text
}

/// Renders a kustomization of the checkout with the pinned kustomize.
///
/// # Panics
/// When it does not render.
#[must_use]
pub fn kustomize(folder: &str) -> String {
    let kustomize = ats_test_cluster::tool("kustomize", "kustomize").expect("kustomize is built");
    output(Command::new(kustomize).args(["build", folder]).current_dir(checkout()))
}

/// The parts of a full run, `FULL` of the Makefile.
///
/// # Panics
/// When there is no such line.
#[must_use]
pub fn full_run() -> Vec<String> {
    let makefile = text("Makefile");
    let parts = makefile.lines().find_map(|line| line.strip_prefix("FULL :="));
    parts.expect("FULL names the parts of test-all").split_whitespace().map(str::to_owned).collect()
}

/// What a make target runs before itself or, of `test-all`, one after the other: names of targets.
///
/// # Panics
/// When there is no such rule.
#[must_use]
pub fn parts(target: &str) -> Vec<String> {
    let makefile = text("Makefile");
    let start = format!("{target}:");
    let rule = makefile.lines().find_map(|line| line.strip_prefix(&start));
    let rule = rule.unwrap_or_else(|| panic!("there is no rule for {target}"));
    let mut names: Vec<String> =
        rule.split('#').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if target == "test-all" {
        names.extend(full_run());
    }
    names
}
