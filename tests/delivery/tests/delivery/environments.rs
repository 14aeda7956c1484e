//! The three environments: what they render, what of the configuration they carry, and how they differ.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::LazyLock;

use ats_delivery_tests::{ENVIRONMENTS, checkout, documents, files, kustomize, output, text};
use regex::Regex;
use serde_json::Value;

/// What each environment renders.
static RENDERED: LazyLock<BTreeMap<&str, String>> = LazyLock::new(|| {
    ENVIRONMENTS
        .map(|name| (name, kustomize(&format!("deployment/environments/{name}"))))
        .into_iter()
        .collect()
});

fn rendered(environment: &str) -> Vec<Value> {
    documents(environment, &RENDERED[environment])
}

fn id(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

fn the<'a>(objects: &'a [Value], wanted: &str) -> &'a Value {
    objects
        .iter()
        .find(|object| id(object).starts_with(wanted))
        .unwrap_or_else(|| panic!("{wanted} is rendered"))
}

#[test]
fn there_are_these_environments_and_no_others() {
    let mut wanted: Vec<_> = ENVIRONMENTS
        .iter()
        .map(|name| format!("deployment/environments/{name}/kustomization.yaml"))
        .collect();
    wanted.sort();
    assert_eq!(files("deployment/environments", "kustomization.yaml"), wanted);
}

#[test]
fn an_environment_is_one_namespace_and_nothing_outside_it() {
    for environment in ENVIRONMENTS {
        let objects = rendered(environment);
        let namespace = format!("ats-{environment}");
        for object in &objects {
            let own = object["metadata"]["namespace"].as_str();
            if object["kind"] == "Namespace" {
                assert_eq!(object["metadata"]["name"], namespace.as_str());
            } else {
                assert_eq!(own, Some(namespace.as_str()), "{}", id(object));
            }
            let label = &object["metadata"]["labels"]["trading.ats.dev/environment"];
            assert_eq!(label, environment, "{}", id(object));
        }
        let namespaces = objects.iter().filter(|object| object["kind"] == "Namespace").count();
        assert_eq!(namespaces, 1, "{environment}");
        let refused = ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Secret"];
        for object in &objects {
            assert!(!refused.contains(&object["kind"].as_str().unwrap()), "{environment}: {}", id(object));
        }
        assert!(!RENDERED[environment].contains("ats-system"), "{environment} names another namespace");
    }
}

/// The keys of the configuration of an environment, compared by value.
#[test]
fn the_values_are_those_of_the_specification() {
    // environment: log level, active tickers, focus, risk, position
    let specified = [
        ("development", "debug", 50, 20, 0.01, 1000.0),
        ("staging", "debug", 150, 40, 0.02, 2500.0), // chosen: production's, see the environment's file
        ("production", "info", 150, 40, 0.02, 2500.0),
    ];
    for (environment, level, active, focus, risk, position) in specified {
        let objects = rendered(environment);
        let settings = the(&objects, "ConfigMap/ats-config-");
        let log = settings["data"]["ATS_LOG_LEVEL"].as_str().unwrap();
        assert_eq!(log.split(',').next(), Some(level), "{environment}");
        assert_eq!(settings["data"]["ATS_WORKLOAD_LOG_LEVEL"], level, "{environment}");
        let selection = &the(&objects, "TradingUniverse/")["spec"]["selection"];
        assert_eq!(selection["maxActiveTickers"], active, "{environment}");
        assert_eq!(selection["focusUniverseSize"], focus, "{environment}");
        let strategy = the(&objects, "Strategy/");
        let decimal =
            |name: &str| -> f64 { strategy["spec"]["risk"][name].as_str().unwrap().parse().unwrap() };
        assert!((decimal("riskPercentage") - risk).abs() < 1e-12, "{environment}");
        assert!((decimal("maxPositionSize") - position).abs() < 1e-12, "{environment}");
        // Ports of metrics and of the page: the page's Service is the operator's.
        assert_eq!(the(&objects, "Service/ats-operator-metrics")["spec"]["ports"][0]["port"], 9090);
        let mode = if environment == "development" { "Backtest" } else { "Paper" };
        assert_eq!(strategy["spec"]["mode"], mode, "{environment}");
        let tickers = the(&objects, "TradingUniverse/")["spec"]["tickers"].as_array().unwrap();
        assert!(tickers.len() >= active, "{environment} has {} tickers to choose {active} of", tickers.len());
    }
}

#[test]
fn every_object_of_ours_is_valid() {
    let ats = ats_test_cluster::binary("ats-cli", "ats").expect("ats is compiled");
    let folder = tempfile::tempdir().unwrap();
    for environment in ENVIRONMENTS {
        let file = folder.path().join(format!("{environment}.yaml"));
        std::fs::write(&file, &RENDERED[environment]).unwrap();
        let report = output(Command::new(&ats).args(["validate", "--file"]).arg(&file));
        assert!(report.contains("3 objects, no errors"), "{environment}: {report}");
    }
}

/// kustomize rewrites a bare date as a timestamp, which the definitions refuse: our samples survive it.
#[test]
fn samples_survive_kustomize() {
    let ats = ats_test_cluster::binary("ats-cli", "ats").expect("ats is compiled");
    let folder = tempfile::tempdir().unwrap();
    let samples = ["universe.yaml", "models.yaml", "strategies.yaml"];
    for sample in samples {
        std::fs::copy(checkout().join("config/samples").join(sample), folder.path().join(sample)).unwrap();
    }
    let list = format!("resources: [{}]\n", samples.join(", "));
    std::fs::write(folder.path().join("kustomization.yaml"), list).unwrap();
    let rendered = kustomize(folder.path().to_str().unwrap());
    let file = folder.path().join("rendered.yaml");
    std::fs::write(&file, rendered).unwrap();
    let report = output(Command::new(&ats).args(["validate", "--file"]).arg(&file));
    assert!(report.contains("no errors"), "{report}");
}

/// The operator of an environment has the rights of config/rbac, in one namespace.
#[test]
fn the_operator_has_its_rules_in_its_namespace_only() {
    let everywhere = documents("config/default", &kustomize("config/default"));
    let rules = &the(&everywhere, "ClusterRole/ats-operator")["rules"];
    for environment in ENVIRONMENTS {
        let objects = rendered(environment);
        let role = objects.iter().find(|object| id(object) == "Role/ats-operator").expect("a Role");
        assert_eq!(&role["rules"], rules, "{environment}");
        let binding =
            objects.iter().find(|object| id(object) == "RoleBinding/ats-operator").expect("a binding");
        assert_eq!(binding["roleRef"]["kind"], "Role");
        assert_eq!(binding["subjects"][0]["namespace"], format!("ats-{environment}"));
        let container =
            &the(&objects, "Deployment/ats-operator")["spec"]["template"]["spec"]["containers"][0];
        let variable =
            container["env"].as_array().unwrap().iter().find(|one| one["name"] == "ATS_WATCH_NAMESPACES");
        let path = &variable.expect("the operator watches a namespace")["valueFrom"]["fieldRef"]["fieldPath"];
        assert_eq!(path, "metadata.namespace", "{environment}");
    }
}

/// What the environments share stands in deployment/kubernetes/cluster, and together they are config/default.
#[test]
fn cluster_and_environment_are_all_of_config_default() {
    let ids = |objects: Vec<Value>| -> BTreeSet<String> { objects.iter().map(id).collect() };
    let cluster = ids(documents("cluster", &kustomize("deployment/kubernetes/cluster")));
    let environment = ids(rendered("production"));
    for object in ids(documents("config/default", &kustomize("config/default"))) {
        let here = object
            .replace("ClusterRoleBinding/ats-operator", "RoleBinding/ats-operator")
            .replace("ClusterRole/ats-operator", "Role/ats-operator")
            .replace("Namespace/ats-system", "Namespace/ats-production");
        assert!(cluster.contains(&object) || environment.contains(&here), "{object} is in no part");
    }
    let shared = cluster.intersection(&environment).collect::<Vec<_>>();
    assert!(shared.is_empty(), "in both parts: {shared:?}");
}

/// A setting that the operator does not read would do nothing.
#[test]
fn settings_are_variables_of_the_operator() {
    let known: BTreeSet<String> = Regex::new(r#"env = "(ATS_[A-Z_]+)""#)
        .unwrap()
        .captures_iter(&text("operator/src/options.rs"))
        .map(|found| found[1].to_owned())
        .collect();
    for environment in ENVIRONMENTS {
        let objects = rendered(environment);
        let settings = the(&objects, "ConfigMap/ats-config-");
        for name in settings["data"].as_object().unwrap().keys() {
            assert!(known.contains(name), "{environment}: the operator has no variable {name}");
        }
        let source =
            &the(&objects, "Deployment/ats-operator")["spec"]["template"]["spec"]["containers"][0]["envFrom"];
        assert_eq!(source[0]["configMapRef"]["name"], settings["metadata"]["name"], "{environment}");
    }
}

#[test]
fn pods_are_restricted_bounded_and_disrupted_one_at_a_time() {
    for environment in ENVIRONMENTS {
        let objects = rendered(environment);
        let labels = &the(&objects, "Namespace/")["metadata"]["labels"];
        for rule in ["enforce", "audit", "warn"] {
            assert_eq!(labels[format!("pod-security.kubernetes.io/{rule}")], "restricted", "{environment}");
        }
        // A quota on memory limits and CPU requests refuses pods that have none.
        let hard = the(&objects, "ResourceQuota/")["spec"]["hard"].as_object().unwrap();
        for bounded in ["pods", "requests.cpu", "requests.memory", "limits.memory", "count/jobs.batch"] {
            assert!(hard.contains_key(bounded), "{environment}: no quota on {bounded}");
        }
        assert_eq!(hard["services.loadbalancers"], "0");
        let resources = &the(&objects, "Deployment/ats-operator")["spec"]["template"]["spec"]["containers"]
            [0]["resources"];
        assert!(resources["requests"]["cpu"].is_string() && resources["limits"]["memory"].is_string());
        let limits = &the(&objects, "LimitRange/")["spec"]["limits"][0];
        assert!(limits["defaultRequest"]["cpu"].is_string() && limits["default"]["memory"].is_string());
        // One budget for each thing that stays: the operator, pods that trade, monitoring.
        let stage = ats_crds::children::LABEL_STAGE;
        let budgets: Vec<_> =
            objects.iter().filter(|object| object["kind"] == "PodDisruptionBudget").collect();
        let selectors: Vec<_> =
            budgets.iter().map(|budget| &budget["spec"]["selector"]["matchLabels"]).collect();
        assert_eq!(selectors.len(), 3, "{environment}");
        assert!(selectors.iter().any(|labels| labels[stage] == "trade"), "{environment}");
        for component in ["operator", "monitoring"] {
            let of = |labels: &&&Value| labels["app.kubernetes.io/component"] == component;
            assert!(selectors.iter().any(|labels| of(&labels)), "{environment}: no budget for {component}");
        }
        for budget in budgets {
            assert_eq!(budget["spec"]["maxUnavailable"], 1, "{environment}");
        }
    }
}

/// How an environment differs from the one before it: everything else is equal.
#[test]
fn differences_between_environments() {
    let hash = Regex::new(r"ats-config-[0-9a-z]+").unwrap();
    let mut lines = Vec::new();
    for pair in ENVIRONMENTS.windows(2) {
        let [before, after] = [pair[0], pair[1]].map(|environment| {
            let own = Regex::new(&format!(r"(ats-|environment: ){environment}\b")).unwrap();
            let text = hash.replace_all(&RENDERED[environment], "ats-config-HASH").into_owned();
            let text = own.replace_all(&text, "${1}ENVIRONMENT").into_owned();
            let mut leaves = BTreeMap::new();
            for object in documents(environment, &text) {
                collect(&id(&object), &object, &mut leaves);
            }
            leaves
        });
        lines.push(format!("{} -> {}", pair[0], pair[1]));
        let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for path in paths {
            let (old, new) = (before.get(path), after.get(path));
            if old != new {
                let text = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
                lines.push(format!("  {path}: {} -> {}", text(old), text(new)));
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

/// The leaves of a document, by their paths.
fn collect(path: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                collect(&format!("{path}.{name}"), member, leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                collect(&format!("{path}[{index}]"), item, leaves);
            }
        }
        leaf => {
            leaves.insert(path.to_owned(), leaf.clone());
        }
    }
}

/// The ConfigMaps of old, by `ats convert` on the base of the environments, are the environments.
#[test]
fn converted_config_maps_are_the_environments() {
    let ats = ats_test_cluster::binary("ats-cli", "ats").expect("ats is compiled");
    let folder = tempfile::tempdir().unwrap();
    for (environment, level, active, focus, risk, position, mode) in [
        ("development", "DEBUG", "50", "20", "0.01", "1000.0", "backtest"),
        ("production", "INFO", "150", "40", "0.02", "2500.0", "paper"),
    ] {
        let map = serde_json::json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "ats-config", "namespace": format!("ats-{environment}")},
            "data": {
                "environment": environment,
                "log_level": level,
                "prometheus_port": "9090",
                "grafana_port": "3000",
                "max_active_tickers": active,
                "focus_universe_size": focus,
                "risk_percentage": risk,
                "max_position_size": position,
            },
        });
        let file = folder.path().join(format!("{environment}.yaml"));
        std::fs::write(&file, map.to_string()).unwrap();
        let shown = output(
            Command::new(&ats)
                .args(["convert", "--mode", mode, "--base", "deployment/kubernetes/base", "--output"])
                .arg(folder.path())
                .arg(&file)
                .current_dir(checkout()),
        );
        assert!(shown.ends_with("kustomization.yaml\n"), "{shown}");
        let converted = kustomize(folder.path().join(environment).to_str().unwrap());
        assert_eq!(documents("converted", &converted), rendered(environment), "{environment}");
    }
}
