//! `ats validate` on the table of documents that is also applied to a real API server: each file's first line is the
//! message that it must give.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ats_cli::validate::{Report, validate_paths};

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/integration/fixtures").join(folder)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixtures(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap_or_else(|error| panic!("{folder}: {error}")).path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn validate(file: &Path) -> Report {
    validate_paths(&[file.to_owned()])
}

fn first_line(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default().to_owned()
}

/// The report without the machine's folders.
fn text(report: &Report) -> String {
    let folder = format!("{}/", fixtures("").display());
    report.to_text().replace(&folder, "").replace(&folder.replace("//", "/"), "")
}

fn check_folder(folder: &str) -> String {
    let mut shown = String::new();
    let mut wrong = Vec::new();
    for file in files(folder) {
        let expected = first_line(&file);
        let report = validate(&file);
        let messages: Vec<&str> = report.findings().iter().map(|finding| finding.message.as_str()).collect();
        if expected.is_empty() || !messages.iter().any(|message| message.contains(&expected)) {
            wrong.push(format!("{}\n  expected {expected}\n  found {messages:#?}", file.display()));
        }
        assert!(
            report.findings().iter().all(|finding| finding.line.is_some_and(|line| line > 1)),
            "{}",
            file.display()
        );
        shown.push_str(&text(&report));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shown
}

#[test]
fn documents_that_the_api_server_refuses() {
    insta::assert_snapshot!(check_folder("invalid"));
}

#[test]
fn documents_that_the_operator_stalls() {
    insta::assert_snapshot!(check_folder("unsound"));
}

#[test]
fn documents_without_errors() {
    let report = validate_paths(&[fixtures("valid")]);
    assert!(!report.has_errors(), "{}", report.to_text());
    assert!(report.to_text().ends_with("23 objects, no errors\n"), "{}", report.to_text());
    let documents = report.into_documents();
    let made_up = documents.iter().find(|document| document["metadata"]["name"] == "made-up").unwrap();
    // Defaults are those of the schema.
    assert_eq!(made_up["spec"]["interval"], "1d");
    assert_eq!(made_up["spec"]["quality"]["maxMissingSessions"], "0.02");
    assert_eq!(made_up["status"]["observedGeneration"], -1);
    assert_eq!(made_up["spec"]["selection"], serde_json::Value::Null);
}

#[test]
fn samples_have_no_errors() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/samples");
    let report = validate_paths(std::slice::from_ref(&samples));
    assert!(!report.has_errors(), "{}", report.to_text());
    let failing = validate_paths(&[samples.join("failing"), samples.join("universe.yaml")]);
    assert!(!failing.has_errors(), "{}", failing.to_text());
}

#[test]
fn other_input() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let universe = std::fs::read_to_string(fixtures("invalid").join("seed-below-0.yaml")).unwrap();
    let twice = universe.replace("seed: -1", "seed: 7").replace("metadata:\n", "metadata:\n  name: other\n")
        + "  interval: 1d\n  interval: 1h\n";
    let list = "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"s\"}}]}";
    let paths = [
        write("a-fields-twice.yaml", &twice),
        write("b-not-yaml.yaml", "a: [1, 2\nb: 3\n"),
        write(
            "c-foreign.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n---\n# nothing\n---\n[1, 2]\n",
        ),
        write("d-list.json", list),
        write(
            "e-kinds.yaml",
            "kind: Strategy\n---\napiVersion: trading.ats.dev/v1\nkind: Strategy\nmetadata: {name: a}\n---\napiVersion: trading.ats.dev/v1alpha1\nkind: Universe\nmetadata: {name: a}\n---\napiVersion: apps/v1\nkind: Strategy\nmetadata: {name: a}\n",
        ),
        write(
            "f-metadata.yaml",
            "apiVersion: trading.ats.dev/v1alpha1\nkind: Strategy\nmetadata: {labels: {a: 1}, nam: b}\n---\napiVersion: trading.ats.dev/v1alpha1\nkind: Strategy\nmetadata: x\n",
        ),
        folder.path().join("g-not-there.yaml"),
    ];
    let report = validate_paths(&paths);
    let text = report.to_text().replace(&format!("{}/", folder.path().display()), "");
    insta::assert_snapshot!(text);
    let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(json["errors"].as_array().unwrap().len(), report.findings().len());
    assert_eq!(json["skipped"][0]["object"], "ConfigMap/settings");
}

/// All paths inside a value, as JSON pointers.
fn pointers(value: &serde_json::Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(object) => {
            object.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        serde_json::Value::Array(list) => {
            list.iter().enumerate().map(|(at, v)| (at.to_string(), v)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in members {
        let path = format!("{at}/{name}");
        found.push(path.clone());
        pointers(value, &path, found);
    }
}

/// Every field of every kind, in turn, as something else: there is a report, and what the schema and its rules accept
/// decodes as the type that the operator and the workloads compute with.
#[test]
fn what_the_schema_accepts_is_of_the_type() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.json");
    let others = serde_json::json!([null, true, -1, 0, 7, 2.5, 1e300, "", "x", "0.5", "2004-01-01", [], ["x"], {}, {"x": 1}]);
    let documents = validate_paths(&[fixtures("valid")]).into_documents();
    let (mut refused, mut accepted) = (0, 0);
    for document in documents {
        let mut places = Vec::new();
        pointers(&document["spec"], "/spec", &mut places);
        for place in places {
            let mut text = String::new();
            for (at, other) in others.as_array().unwrap().iter().enumerate() {
                let mut changed = document.clone();
                changed["metadata"]["name"] = format!("changed-{at}").into();
                *changed.pointer_mut(&place).unwrap() = other.clone();
                text.push_str(&format!("{changed}\n---\n"));
            }
            std::fs::write(&file, &text).unwrap();
            let report = validate(&file);
            let faulty: BTreeSet<_> = report.findings().iter().map(|finding| &finding.object).collect();
            refused += faulty.len();
            accepted += others.as_array().unwrap().len() - faulty.len();
            let decoding = report.findings().iter().find(|finding| finding.message.starts_with("spec: "));
            let problem = decoding.filter(|finding| !finding.message.contains("alue: "));
            assert_eq!(problem, None, "{place} in {text}");
        }
    }
    assert!(refused > 1000 && accepted > 10, "{refused} {accepted}");
}
