//! The dashboard of the system: a real Prometheus scrapes the operator, monitoring and a pod that trades, and every
//! query has an answer. Debian's Prometheus is built without its discovery in Kubernetes: the test finds pods with the
//! selector of `deployment/prometheus/prometheus.yml` and hands them on under the labels that Prometheus documents; what
//! is kept and what it is called is left to the file's own rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    process::Stdio,
};

use ats_system_tests::{Place, calm, place};
use ats_test_cluster::install::checkout;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

fn read(path: &str) -> String {
    std::fs::read_to_string(checkout().unwrap().join(path)).unwrap()
}

/// Debian's Prometheus with our settings and rules; it ends when it is dropped.
struct Prometheus {
    _process: Child,
    server: String,
    folder: tempfile::TempDir,
    /// The job of its settings that asks pods.
    job: String,
    /// Which pods it asks.
    selector: String,
}

impl Prometheus {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let prometheus = "deployment/prometheus";
        let mut settings: Value =
            serde_saphyr::from_str(&read(&format!("{prometheus}/prometheus.yml"))).unwrap();
        for rules in settings["rule_files"].as_array().unwrap() {
            let name = rules.as_str().unwrap();
            std::fs::write(folder.path().join(name), read(&format!("{prometheus}/{name}"))).unwrap();
        }
        settings["global"] = json!({"scrape_interval": "1s", "evaluation_interval": "1s"});
        let mut jobs = settings["scrape_configs"].as_array_mut().unwrap().iter_mut();
        let job = jobs.find(|job| job["kubernetes_sd_configs"].is_array()).unwrap().as_object_mut().unwrap();
        let name = job["job_name"].as_str().unwrap().to_owned();
        let discovery = job.remove("kubernetes_sd_configs").unwrap();
        assert_eq!(discovery[0]["role"], "pod");
        let selector = discovery[0]["selectors"][0]["label"].as_str().unwrap().to_owned();
        job.insert("file_sd_configs".to_owned(), json!([{"files": ["pods.json"], "refresh_interval": "1s"}]));
        std::fs::write(folder.path().join("pods.json"), "[]").unwrap();
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, settings.to_string()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("prometheus is installed: make cluster-tools");
        Self { _process: process, server: format!("http://127.0.0.1:{port}"), folder, job: name, selector }
    }

    /// Tells it of the pods that there are: one target for each port that a container declares.
    async fn discover(&self, place: &Place) {
        let line = ["get", "pods", "--all-namespaces", "--output=json", "--selector", &self.selector];
        let list = place.cluster.kubectl(line).await.unwrap().success().unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        let mut groups = Vec::new();
        for pod in list["items"].as_array().unwrap() {
            let Some(address) = pod["status"]["podIP"].as_str() else { continue };
            let mut labels = BTreeMap::from([
                ("__meta_kubernetes_namespace".to_owned(), pod["metadata"]["namespace"].clone()),
                ("__meta_kubernetes_pod_name".to_owned(), pod["metadata"]["name"].clone()),
                ("__meta_kubernetes_pod_phase".to_owned(), pod["status"]["phase"].clone()),
            ]);
            for (name, value) in pod["metadata"]["labels"].as_object().unwrap() {
                let name = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
                labels.insert(format!("__meta_kubernetes_pod_label_{name}"), value.clone());
            }
            let containers = pod["spec"]["containers"].as_array().unwrap().iter();
            for port in containers.flat_map(|container| container["ports"].as_array().into_iter().flatten()) {
                let mut labels = labels.clone();
                labels.insert("__meta_kubernetes_pod_container_port_name".to_owned(), port["name"].clone());
                let target = format!("{address}:{}", port["containerPort"]);
                groups.push(json!({"targets": [target], "labels": labels}));
            }
        }
        let new = self.folder.path().join("pods.new");
        std::fs::write(&new, json!(groups).to_string()).unwrap();
        std::fs::rename(new, self.folder.path().join("pods.json")).unwrap();
    }

    /// What a query gives; an error with Prometheus's own words while it does not answer.
    async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let line = ["query", "instant", "--format=json", &self.server, expression];
        let output = Command::new("promtool").args(line).output().await.unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).map_err(|_| {
            format!("{words}\n{}", std::fs::read_to_string(self.folder.path().join("log")).unwrap())
        })
    }

    /// The value of a query that has one series.
    async fn number(&self, expression: &str) -> Result<f64, String> {
        match self.query(expression).await?.as_slice() {
            [one] => one["value"][1].as_str().unwrap_or_default().parse().map_err(|_| one.to_string()),
            other => Err(format!("{expression}: {other:?}")),
        }
    }
}

/// The panels' titles with their queries, each for all namespaces, and without what stands in for a missing answer.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read("deployment/grafana/dashboards/system.json")).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap().replace("$namespace", ".*");
            let expression = expression.trim_end_matches(" or vector(0)").to_owned();
            queries.push((panel["title"].as_str().unwrap().to_owned(), expression));
        }
    }
    queries
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "trading.ats.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn strategy(name: &str, entry: &str, mode: &str) -> Value {
    let spec = json!({
        "universeRef": {"name": "made-up"},
        "signal": {"rules": {"entry": entry, "exit": "rsi(close, 2) > 60"}},
        "portfolio": {"maxPositions": 4, "sizing": {"equalWeight": {}}},
        "risk": {},
        "mode": mode,
        "backtest": {"start": "2019-07-01", "initialCash": "100000"},
        "podTemplate": {"resources": {"requests": {"cpu": "50m"}, "limits": {"memory": "512Mi"}}},
    });
    object("Strategy", name, &spec)
}

/// A universe, a model, a strategy that has failed and one that trades.
fn objects() -> [Value; 4] {
    let universe = json!({
        "tickers": ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"],
        "source": {"synthetic": {"seed": 7, "model": "RegimeSwitching"}},
        "history": {"start": "2019-01-02", "end": "2020-06-30"},
        "features": [{"name": "momentum", "expression": "close / delay(close, 21) - 1"}],
    });
    let model = json!({
        "universeRef": {"name": "made-up"},
        "label": {"forwardReturn": {"horizonBars": 5}},
        "algorithm": {"elasticNet": {}},
        "validation": {"walkForward": {"folds": 2, "testBars": 21}},
    });
    [
        object("TradingUniverse", "made-up", &universe),
        object("ModelTrainingJob", "made-up", &model),
        strategy("mistaken", "rsy(close, 2) < 20", "Backtest"),
        strategy("trades", "rsi(close, 2) < 20", "Paper"),
    ]
}

/// A namespace that allows no Job: the operator is refused there, again and again.
async fn refused() -> Place {
    let place = place("dashboards-refused").await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}});
    place.apply(&[quota]).await;
    place
        .until("the quota counts", async || {
            let quota = place.get("resourcequota/none").await;
            if quota["status"]["used"].is_object() { Ok(()) } else { Err(quota.to_string()) }
        })
        .await;
    place.apply(&objects()[..1]).await;
    place
}

#[tokio::test]
async fn every_panel_of_the_system_is_answered() {
    let place = place("dashboards").await;
    let _calm = calm().await;
    let refused = refused().await;
    let prometheus = Prometheus::start();
    place.apply(&objects()).await;
    place.ready("modeltrainingjob/made-up").await;
    place.condition("strategy/trades", "Running", "True", "Trading").await;

    let mut left = queries();
    assert!(left.len() > 40, "{left:?}");
    place
        .until("an answer to every query", async || {
            prometheus.discover(&place).await;
            let mut unanswered = Vec::new();
            for (panel, expression) in &left {
                match prometheus.query(expression).await {
                    Ok(answer) if !answer.is_empty() => {}
                    answer => unanswered.push((panel.clone(), expression.clone(), answer)),
                }
            }
            let told = format!("{unanswered:#?}");
            left = unanswered.into_iter().map(|(panel, expression, _)| (panel, expression)).collect();
            if left.is_empty() { Ok(()) } else { Err(told) }
        })
        .await;

    // Whom it asks: two operators, monitoring once, not its page; a stage's pod with the names of its stage.
    let (namespace, job) = (&place.namespace, &prometheus.job);
    let count = async |selector: &str| {
        prometheus.number(&format!("count(up{{job=\"{job}\", {selector}}} == 1)")).await.unwrap_or(0.0)
    };
    place
        .until("whom Prometheus asks", async || {
            prometheus.discover(&place).await;
            let found = [
                count("namespace=\"ats-system\", component=\"operator\"").await,
                count(&format!("namespace=\"{namespace}\", component=\"monitoring\"")).await,
                count(&format!("namespace=\"{namespace}\", name=\"trades\", stage=\"trade\"")).await,
            ];
            if found == [2.0, 1.0, 1.0] { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    let components = prometheus.query(&format!("count by (component) (up{{job=\"{job}\"}})")).await.unwrap();
    let components: BTreeSet<&str> =
        components.iter().filter_map(|one| one["metric"]["component"].as_str()).collect();
    let known = ats_test_cluster::install::COMPONENTS.map(|(component, _)| component);
    assert!(components.iter().all(|component| known.contains(component)), "{components:?}");

    // What it says is so: the one that failed, and an alert of it by our rules.
    let here = format!("namespace=\"{namespace}\"");
    let failed = prometheus.number(&format!("sum(ats_object_state{{state=\"Failed\", {here}}})")).await;
    assert_eq!(failed, Ok(1.0));
    let alert = format!("ALERTS{{alertname=\"AtsObjectFailed\", name=\"mistaken\", {here}}}");
    assert_eq!(prometheus.query(&alert).await.unwrap().len(), 1, "{alert}");
    assert_eq!(prometheus.query("ats_operator_nothing").await, Ok(Vec::new()), "no answer is seen as none");
    refused.end().await;
    place.end().await;
}
