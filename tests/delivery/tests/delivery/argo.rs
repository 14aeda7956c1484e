//! What Argo CD is taught: health and actions of the three kinds, run as it runs them, and Applications that may make
//! what the environments render.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ats_delivery_tests::{ENVIRONMENTS, checkout, document, documents, files, kustomize, output, text};
use regex::Regex;
use serde_json::{Value, json};

const KINDS: [&str; 3] = ["TradingUniverse", "ModelTrainingJob", "Strategy"];

fn folder(kind: &str) -> String {
    format!("deployment/argocd/resource_customizations/trading.ats.dev/{kind}")
}

/// Runs a script on an object.
fn run(script: &str, object: &Value) -> Value {
    let lua = ats_test_cluster::tool("argo-lua", "argo-lua").expect("the runner is built");
    let mut child = Command::new(lua)
        .arg(checkout().join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A path that one file names, as that file's folder sees it.
fn beside(file: &str, path: &Value) -> String {
    let mut whole = PathBuf::new();
    for part in Path::new(file).parent().unwrap().join(path.as_str().unwrap()).components() {
        match part {
            std::path::Component::ParentDir => {
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    whole.to_str().unwrap().to_owned()
}

/// The state and result that a sample says it shows.
fn state_of(file: &str) -> (String, String) {
    let comment = Regex::new(r"^# State: (.+); result: (.+)\.\n").unwrap();
    let text = text(file);
    let found = comment.captures(&text).unwrap_or_else(|| panic!("{file} does not say its state"));
    (found[1].to_owned(), found[2].to_owned())
}

#[test]
fn health_is_what_the_table_of_states_says() {
    let table: Vec<Vec<String>> = text("docs/reference/states.md")
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| State "))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    assert!(table.len() > 15, "the table of states is read");
    for kind in KINDS {
        let list = format!("{}/health_test.yaml", folder(kind));
        let mut seen = BTreeSet::new();
        let mut inputs = BTreeSet::new();
        for test in document(&list)["tests"].as_array().unwrap() {
            let input = beside(&list, &test["inputPath"]);
            let object = document(&input);
            assert_eq!(object["kind"], kind, "{input}");
            let health = run(&format!("{}/health.lua", folder(kind)), &object);
            assert_eq!(health, test["healthStatus"], "{input}");
            let (state, result) = state_of(&input);
            let row = table.iter().find(|row| row[0] == state && row[1] == result);
            let row =
                row.unwrap_or_else(|| panic!("{input}: the table has no state {state}, result {result}"));
            assert_eq!(health["status"], row[6].as_str(), "{input}: not what the table says");
            seen.insert((state, result));
            inputs.insert(input);
        }
        for row in &table {
            let paper = row[0].starts_with("a paper strategy");
            let shown = seen.contains(&(row[0].clone(), row[1].clone()));
            assert!(
                shown || (paper && kind != "Strategy"),
                "{kind}: no sample of {:?}, result {}",
                row[0],
                row[1]
            );
        }
        let there: BTreeSet<_> = files(&format!("{}/testdata", folder(kind)), ".yaml").into_iter().collect();
        assert_eq!(there, inputs, "{kind}: a sample that no test names");
    }
}

/// Samples are objects that the API takes.
#[test]
fn samples_are_valid_objects() {
    let ats = ats_test_cluster::binary("ats-cli", "ats").expect("ats is compiled");
    // Under names of their own, with the universe that models and strategies refer to.
    let mut all = vec![document(&format!("{}/testdata/new.yaml", folder("TradingUniverse"))).to_string()];
    for kind in KINDS {
        for sample in files(&format!("{}/testdata", folder(kind)), ".yaml") {
            let mut object = document(&sample);
            object["metadata"]["name"] = json!(format!("sample-{}", all.len()));
            all.push(object.to_string());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("samples.yaml");
    std::fs::write(&file, all.join("\n---\n")).unwrap();
    let report = output(Command::new(&ats).args(["validate", "--file"]).arg(&file));
    assert!(report.contains(&format!("{} objects, no errors", all.len())), "{report}");
}

#[test]
fn actions_are_offered_when_they_make_sense() {
    for kind in KINDS {
        let list = format!("{}/actions/action_test.yaml", folder(kind));
        let tests = document(&list);
        for test in tests["discoveryTests"].as_array().unwrap() {
            let input = beside(&list, &test["inputPath"]);
            let found = run(&format!("{}/actions/discovery.lua", folder(kind)), &document(&input));
            let offered: Vec<Value> = found
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, action)| json!({"name": name, "disabled": action["disabled"]}))
                .collect();
            assert_eq!(json!(offered), test["result"], "{input}");
        }
    }
}

#[test]
fn actions_change_what_they_should_and_nothing_else() {
    let now = Regex::new(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\b").unwrap();
    for kind in KINDS {
        let list = format!("{}/actions/action_test.yaml", folder(kind));
        let mut tested = BTreeSet::new();
        for test in document(&list)["actionTests"].as_array().unwrap() {
            let action = test["action"].as_str().unwrap();
            let input = document(&beside(&list, &test["inputPath"]));
            let wanted = document(&beside(&list, &test["expectedOutputPath"]));
            let mut changed = run(&format!("{}/actions/{action}/action.lua", folder(kind)), &input);
            for (part, member) in [("spec", "rerunNonce"), ("metadata", "annotations")] {
                let value = &mut changed[part][member];
                let text = now.replace_all(&value.to_string(), "TIME").into_owned();
                *value = serde_json::from_str(&text).unwrap();
            }
            remove_null(&mut changed);
            assert_eq!(changed, wanted, "{kind}: {action}");
            tested.insert(action.to_owned());
        }
        let there: BTreeSet<_> = files(&format!("{}/actions", folder(kind)), "/action.lua")
            .iter()
            .map(|path| path.rsplit('/').nth(1).unwrap().to_owned())
            .collect();
        assert_eq!(there, tested, "{kind}: an action that no test names");
        let mut wanted = BTreeSet::from(["refresh", "resume", "retry", "suspend"].map(str::to_owned));
        if kind == "Strategy" {
            wanted.insert("halt".to_owned());
        }
        assert_eq!(there, wanted, "{kind}");
    }
    // The operator reads these annotations.
    let crds = text("crds/src/lib.rs");
    for annotation in ["retry", "halt"] {
        assert!(crds.contains(&format!("\"trading.ats.dev/{annotation}\"")), "{annotation}");
    }
}

fn remove_null(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(remove_null);
    }
}

#[test]
fn the_configuration_is_made_of_the_scripts() {
    let made = output(&mut Command::new(checkout().join("deployment/argocd/customizations.sh")));
    assert_eq!(made, text("deployment/argocd/customizations.yaml"), "run customizations.sh");
    let data = document("deployment/argocd/customizations.yaml")["data"].clone();
    let waves = output(Command::new(checkout().join("deployment/argocd/customizations.sh")).arg("waves"));
    assert_eq!(waves, made.replace("status = \"Suspended\"", "status = \"Healthy\""));
    assert_eq!(
        waves.matches("status = \"Healthy\"").count(),
        made.matches("status = \"Healthy\"").count() + 3
    );
    for kind in KINDS {
        let health = data[format!("resource.customizations.health.trading.ats.dev_{kind}")].as_str().unwrap();
        assert_eq!(health, text(&format!("{}/health.lua", folder(kind))));
        let actions =
            data[format!("resource.customizations.actions.trading.ats.dev_{kind}")].as_str().unwrap();
        let actions = &documents(kind, actions)[0];
        assert_eq!(actions["discovery.lua"], text(&format!("{}/actions/discovery.lua", folder(kind))));
        for action in actions["definitions"].as_array().unwrap() {
            let file = format!("{}/actions/{}/action.lua", folder(kind), action["name"].as_str().unwrap());
            assert_eq!(action["action.lua"], text(&file));
        }
    }
}

/// A strategy that trades does not end because its file is gone; one that does not, does.
#[test]
fn what_trades_is_never_pruned() {
    for environment in ENVIRONMENTS {
        let objects = documents(environment, &kustomize(&format!("deployment/environments/{environment}")));
        let strategies = objects.iter().filter(|object| object["kind"] == "Strategy");
        for strategy in strategies {
            let options = &strategy["metadata"]["annotations"]["argocd.argoproj.io/sync-options"];
            let kept = options == "Prune=false,Delete=false";
            assert_eq!(kept, strategy["spec"]["mode"] != "Backtest", "{environment}: {strategy}");
        }
    }
}

/// What is rendered for an Application is within its project, and the project allows no more.
#[test]
fn the_project_allows_what_is_rendered_and_nothing_else() {
    let objects = documents("argocd", &kustomize("deployment/argocd"));
    let of =
        |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("{kind}"));
    let project = &of("AppProject")["spec"];
    let listed = |list: &str| -> BTreeSet<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        project[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (text(&one["group"]), text(&one["kind"])))
            .collect()
    };
    let mut rendered: BTreeMap<bool, BTreeSet<(String, String)>> = BTreeMap::new();
    let folders = ENVIRONMENTS.map(|name| format!("deployment/environments/{name}"));
    for folder in folders.iter().map(String::as_str).chain(["deployment/kubernetes/cluster"]) {
        for object in documents(folder, &kustomize(folder)) {
            let version = object["apiVersion"].as_str().unwrap();
            let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
            let namespaced = object["metadata"]["namespace"].is_string();
            rendered
                .entry(namespaced)
                .or_default()
                .insert((group, object["kind"].as_str().unwrap().to_owned()));
        }
    }
    assert_eq!(rendered[&false], listed("clusterResourceWhitelist"));
    assert_eq!(rendered[&true], listed("namespaceResourceWhitelist"));
    let namespaces: Vec<_> =
        project["destinations"].as_array().unwrap().iter().map(|one| one["namespace"].clone()).collect();
    let environments = ENVIRONMENTS.map(|name| json!(format!("ats-{name}")));
    // What a cluster has once lies in no namespace.
    let wanted: Vec<_> = [Value::Null].into_iter().chain(environments).collect();
    assert_eq!(namespaces, wanted);

    let set = &of("ApplicationSet")["spec"];
    let elements = set["generators"][0]["list"]["elements"].as_array().unwrap();
    let names: Vec<_> = elements.iter().map(|one| one["environment"].as_str().unwrap()).collect();
    assert_eq!(names, ENVIRONMENTS);
    assert_eq!(set["syncPolicy"]["preserveResourcesOnDeletion"], true);
    let cluster = &of("Application")["spec"];
    assert_eq!(cluster["destination"]["namespace"], Value::Null);
    assert_eq!(cluster["syncPolicy"]["automated"]["prune"], false, "definitions are never pruned");
    for spec in [cluster, &set["template"]["spec"]] {
        assert_eq!(spec["project"], "ats");
        assert_eq!(json!([spec["source"]["repoURL"]]), project["sourceRepos"]);
        let options = spec["syncPolicy"]["syncOptions"].as_array().unwrap();
        for option in ["ServerSideApply=true", "FailOnSharedResource=true"] {
            assert!(options.iter().any(|one| one == option), "{option}: {spec}");
        }
    }
    for metadata in [&of("Application")["metadata"], &set["template"]["metadata"]] {
        let compare = &metadata["annotations"]["argocd.argoproj.io/compare-options"];
        assert_eq!(compare, "ServerSideDiff=true", "{metadata}");
    }
    let path = cluster["source"]["path"].as_str().unwrap();
    assert!(checkout().join(path).join("kustomization.yaml").is_file(), "{path}");
    // What deploy.sh writes.
    let source = &set["template"]["spec"]["source"];
    assert_eq!(source["targetRevision"], "deployments");
    assert_eq!(source["path"], "{{ .environment }}");
}
