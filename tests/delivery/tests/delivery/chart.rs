//! The Helm chart renders what kustomize renders.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use ats_delivery_tests::names::Names;
use ats_delivery_tests::{ENVIRONMENTS, checkout, document, documents, files, kustomize, output, text};
use regex::Regex;
use serde_json::{Value, json};

const CHART: &str = "deployment/helm/ats";

fn helm() -> Command {
    let mut command = Command::new(ats_test_cluster::tool("helm", "helm").expect("helm is built"));
    command.current_dir(checkout());
    // Nothing of the user's helm.
    for (variable, folder) in [("HELM_CONFIG_HOME", "c"), ("HELM_CACHE_HOME", "k"), ("HELM_DATA_HOME", "d")] {
        command.env(variable, std::env::temp_dir().join("no-helm-here").join(folder));
    }
    command
}

/// The oldest Kubernetes that the chart takes; helm by itself assumes a very old one.
const KUBERNETES: [&str; 2] = ["--kube-version", "1.33.0"];

fn template(chart: &str, environment: &str, more: &[&str]) -> Vec<Value> {
    let namespace = format!("ats-{environment}");
    let values = format!("{CHART}/environments/{environment}.yaml");
    let mut command = helm();
    command.args(["template", "ats", chart, "--namespace", &namespace, "--values", &values]);
    command.args(KUBERNETES).args(more);
    documents(environment, &output(&mut command))
}

/// Objects by kind and name; the hash in the name of the settings differs by tool.
fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let hash = Regex::new("ats-config-[0-9a-z]+").unwrap();
    objects
        .into_iter()
        .map(|object| {
            let text = hash.replace_all(&object.to_string(), "ats-config-HASH").into_owned();
            let mut object: Value = serde_json::from_str(&text).unwrap();
            whole(&mut object);
            let part = |value: &Value| value.as_str().unwrap().to_owned();
            (format!("{}/{}", part(&object["kind"]), part(&object["metadata"]["name"])), object)
        })
        .collect()
}

/// Writes 1.0 as 1: kustomize does, helm passes definitions on as they are.
fn whole(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(whole),
        Value::Array(items) => items.iter_mut().for_each(whole),
        Value::Number(number) => {
            let text = number.to_string();
            if let Some(integer) = text.strip_suffix(".0").and_then(|digits| digits.parse::<i64>().ok()) {
                *value = integer.into();
            }
        }
        _ => {}
    }
}

#[test]
fn the_chart_renders_what_kustomize_renders() {
    for environment in ENVIRONMENTS {
        let ours = ["--set", "namespace.create=true", "--set", "clusterRoles.create=false"];
        let chart = by_name(template(CHART, environment, &ours));
        let folder = format!("deployment/environments/{environment}");
        let wanted = by_name(documents(environment, &kustomize(&folder)));
        assert_eq!(chart.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{environment}");
        for (name, object) in wanted {
            assert_eq!(chart[&name], object, "{environment}: {name}");
        }
    }
}

#[test]
fn definitions_and_shared_roles_are_those_of_the_cluster() {
    let without = by_name(template(CHART, "production", &["--set", "clusterRoles.create=false"]));
    let with = by_name(template(CHART, "production", &["--include-crds"]));
    let more: BTreeMap<_, _> = with.into_iter().filter(|(name, _)| !without.contains_key(name)).collect();
    let wanted = by_name(documents("cluster", &kustomize("deployment/kubernetes/cluster")));
    assert_eq!(more.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (name, mut object) in wanted {
        // What keeps them from Argo CD's hand; Helm leaves definitions by itself.
        let annotations = object["metadata"].as_object_mut().unwrap().remove("annotations");
        assert_eq!(
            annotations,
            Some(json!({"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"})),
            "{name}"
        );
        assert_eq!(more[&name], object, "{name}");
    }
}

/// A package holds what the links in the folder point at.
#[test]
fn a_package_renders_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().to_str().unwrap();
    let _ = output(helm().args(["package", CHART, "--destination", target]));
    let version = document(&format!("{CHART}/Chart.yaml"))["version"].as_str().unwrap().to_owned();
    let package: PathBuf = folder.path().join(format!("ats-{version}.tgz"));
    let packaged = by_name(template(package.to_str().unwrap(), "staging", &["--include-crds"]));
    assert_eq!(packaged, by_name(template(CHART, "staging", &["--include-crds"])));
}

#[test]
fn values_are_refused_in_words_when_they_are_wrong() {
    let wrong = [
        ("strategy.mode=Live", "/strategy/mode"),
        ("strategy.riskPercentage=1", "/strategy/riskPercentage"), // a number, not text
        ("universe.maxActiveTickers=0", "/universe/maxActiveTickers"),
        ("operator.image.tag=latest", "/operator/image/tag"),
        ("operator.image.digest=sha256:12", "/operator/image/digest"),
        ("operator.settings.LOG_LEVEL=debug", "/operator/settings"),
        ("universe.maxActive=5", "/universe"),
        ("environment=Production", "/environment"),
    ];
    for (value, place) in wrong {
        let output =
            helm().args(["template", "ats", CHART, "--set", value]).args(KUBERNETES).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{value} is taken");
        let dotted = place[1..].replace('/', ".");
        assert!(errors.contains(place) || errors.contains(&dotted), "{value}: {errors}");
    }
    let digest = format!("operator.image.digest=sha256:{}", "0".repeat(64));
    let objects = by_name(template(CHART, "production", &["--set", &digest]));
    let container = &objects["Deployment/ats-operator"]["spec"]["template"]["spec"]["containers"][0];
    let prefix = Names::of(&checkout()).image_prefix;
    assert_eq!(container["image"], format!("{prefix}/operator@sha256:{}", "0".repeat(64)));
}

#[test]
fn lint_finds_nothing_and_versions_agree() {
    let _ = output(helm().args(["lint", "--strict", CHART]));
    let chart = document(&format!("{CHART}/Chart.yaml"));
    let cargo = text("Cargo.toml");
    for key in ["version", "appVersion"] {
        let line = format!("\nversion = \"{}\"\n", chart[key].as_str().unwrap());
        assert!(cargo.contains(&line), "Chart.yaml: {key} is not the version of the workspace");
    }
    let mut wanted = ENVIRONMENTS.map(|name| format!("{CHART}/environments/{name}.yaml"));
    wanted.sort();
    assert_eq!(files(&format!("{CHART}/environments"), ".yaml"), wanted);
}
