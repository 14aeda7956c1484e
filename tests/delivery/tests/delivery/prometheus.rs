//! Dashboards and alerts, by Debian's Prometheus on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ats_delivery_tests::{checkout, document, files, output, text};
use ats_test_cluster::binary;
use regex::Regex;
use serde_json::{Value, json};

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The exporter over a history, and where it listens.
fn exporter(runs: &Path) -> (Process, String) {
    let mut command = Command::new(binary("ats-deployment-tools", "ats-delivery").unwrap());
    command.args(["metrics-serve", "--address", "127.0.0.1:0", "--runs"]).arg(runs);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut told).unwrap();
    let address = told.trim().trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    (Process(child), address)
}

/// The port that the exporter has by itself, as its help and the guide say.
pub(crate) fn exporter_port() -> u64 {
    let program = binary("ats-deployment-tools", "ats-delivery").unwrap();
    let help = output(Command::new(program).args(["metrics-serve", "--help"]));
    let default = Regex::new(r"\[default: 127\.0\.0\.1:(\d+)\]").unwrap();
    let found = default.captures(&help).unwrap_or_else(|| panic!("no port: {help}"));
    let port: u64 = found[1].parse().unwrap();
    assert!(text("docs/delivery.md").contains(&format!("http://127.0.0.1:{port}/metrics")), "{port}");
    port
}

/// The jobs of settings of ours, by name.
fn jobs(settings: &str) -> BTreeMap<String, Value> {
    let settings = document(&format!("deployment/prometheus/{settings}"));
    let jobs = settings["scrape_configs"].as_array().unwrap().iter();
    jobs.map(|job| (job["job_name"].as_str().unwrap().to_owned(), job.clone())).collect()
}

/// Prometheus that has this job alone, with an address in place of its target, and scrapes it every second; and
/// where it listens.
fn prometheus(folder: &Path, job: &Value, address: &str) -> (Process, String) {
    let mut job = job.clone();
    job["static_configs"][0]["targets"] = json!([address]);
    let settings = json!({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]});
    let file = folder.join("prometheus.yml");
    fs::write(&file, settings.to_string()).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", file.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    (Process(child.expect("prometheus is installed: make cluster-tools")), format!("http://127.0.0.1:{port}"))
}

/// What a query gives; nothing while it does not answer.
fn query(server: &str, expression: &str) -> Vec<Value> {
    let output = Command::new("promtool")
        .args(["query", "instant", "--format=json", server, expression])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// The queries of a dashboard, with the titles of their panels.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_owned()))
    };
    panels.iter().flat_map(of).collect()
}

#[test]
fn every_panel_of_the_pipeline_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs.jsonl");
    let run = json!({
        "version": 1, "at": "2026-08-03T10:00:00Z", "run": 1, "commit": "abc", "branch": "develop", "result": "success",
        "buildSeconds": 600.0, "tests": {"count": 900, "failures": 1}, "coverage": 89.5,
        "deployment": {"environment": "development", "result": "success", "seconds": 60.0},
    });
    fs::write(&runs, run.to_string()).unwrap();
    let (_exporter, address) = exporter(&runs);
    let (_prometheus, server) = prometheus(folder.path(), &jobs("compose.yml")["pipeline"], &address);

    let dashboard: Value =
        serde_json::from_str(&text("deployment/grafana/dashboards/pipeline.json")).unwrap();
    let queries = queries(&dashboard);
    assert!(queries.len() >= 8, "{queries:?}");
    // A rise needs two scrapes.
    let end = Instant::now() + Duration::from_secs(120);
    for (panel, expression) in &queries {
        let mut found = query(&server, expression);
        while found.is_empty() {
            assert!(Instant::now() < end, "{panel}: nothing answers {expression}");
            std::thread::sleep(Duration::from_millis(200));
            found = query(&server, expression);
        }
    }
    assert_eq!(query(&server, "ats_pipeline_build_seconds")[0]["value"][1], "600");
    assert!(query(&server, "ats_pipeline_nothing").is_empty(), "a query that nothing answers is seen");
}

#[test]
fn dashboards_and_their_source_agree() {
    let source = document("deployment/grafana/provisioning/datasources/prometheus.yml");
    let uid = &source["datasources"][0]["uid"];
    let mut ids = BTreeSet::new();
    for file in files("deployment/grafana/dashboards", ".json") {
        let dashboard: Value = serde_json::from_str(&text(&file)).unwrap();
        assert!(ids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{file}: an id twice");
        // A row is a heading.
        for panel in dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row") {
            assert_eq!(panel["datasource"]["uid"], *uid, "{file}: {}", panel["title"]);
            assert!(
                panel["targets"].as_array().unwrap().iter().all(|target| target["datasource"]["uid"] == *uid)
            );
        }
    }
    assert!(!ids.is_empty());
}

#[test]
fn alerts_are_raised_as_their_tests_say() {
    let folder = checkout().join("deployment/prometheus");
    let mut sources = String::new();
    for folder in ["workloads/monitoring/src", "deployment/tools/src", "operator/src"] {
        sources.extend(files(folder, ".rs").into_iter().map(|file| text(&file)));
    }
    let figure = Regex::new(r"\bats_[a-z_]+").unwrap();
    let guide = text("docs/guide/monitoring.md");
    for (rules, least) in [("alerts", 10), ("operator_alerts", 5)] {
        let (file, test) = (format!("{rules}.yml"), format!("{rules}_test.yml"));
        for arguments in [["check", "rules", file.as_str()], ["test", "rules", test.as_str()]] {
            let _ = output(Command::new("promtool").args(arguments).current_dir(&folder));
        }
        let tests = text(&format!("deployment/prometheus/{test}"));
        let rules = document(&format!("deployment/prometheus/{file}"));
        let groups = rules["groups"].as_array().unwrap().iter();
        let alerts: Vec<&Value> = groups.flat_map(|group| group["rules"].as_array().unwrap()).collect();
        assert!(alerts.len() >= least, "{file}");
        for alert in alerts {
            let name = alert["alert"].as_str().unwrap();
            assert!(guide.contains(&format!("`{name}`")), "{name}: docs/guide/monitoring.md");
            assert!(
                tests.contains(&format!("alertname: {name}\n        exp_alerts:\n")),
                "{name}: no test raises it"
            );
            assert!(alert["annotations"]["action"].is_string(), "{name}: what to do");
            for found in figure.find_iter(alert["expr"].as_str().unwrap()) {
                // The operator writes its own without the beginning that they share.
                let exported = [found.as_str(), found.as_str().trim_start_matches("ats_operator_")];
                let exported = exported.iter().any(|name| sources.contains(&format!("\"{name}\"")));
                assert!(exported, "{name}: nobody exports {}", found.as_str());
            }
        }
    }
}

/// What Prometheus reads, in the cluster and in compose, names rules that are there, and jobs by the names that
/// rules and dashboards ask for. What the jobs of compose reach is seen with its services.
#[test]
fn the_settings_name_their_rules() {
    let asked = Regex::new(r#"\bjob=~?\\?"([^"\\]*)"#).unwrap();
    for (settings, files_of_rules) in
        [("prometheus.yml", &["alerts.yml", "operator_alerts.yml"][..]), ("compose.yml", &["alerts.yml"][..])]
    {
        let rules = document(&format!("deployment/prometheus/{settings}"))["rule_files"].clone();
        assert_eq!(rules, json!(files_of_rules), "{settings}");
        let rules = files_of_rules.iter().map(|file| format!("deployment/prometheus/{file}"));
        let jobs = jobs(settings);
        let mut found = BTreeSet::new();
        for file in files("deployment/grafana/dashboards", ".json").into_iter().chain(rules) {
            for name in asked.captures_iter(&text(&file)) {
                assert!(jobs.contains_key(&name[1]), "{file} asks for job {}: {settings}", &name[1]);
                found.insert(name[1].to_owned());
            }
        }
        assert_eq!(found, BTreeSet::from(["ats".to_owned()]), "{settings}");
    }

    let jobs = jobs("prometheus.yml");
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["ats", "pipeline"]);
    assert_eq!(jobs["ats"]["kubernetes_sd_configs"][0]["role"], "pod");
    let beside = format!("localhost:{}", exporter_port());
    assert_eq!(jobs["pipeline"]["static_configs"], json!([{"targets": [beside]}]));
}
