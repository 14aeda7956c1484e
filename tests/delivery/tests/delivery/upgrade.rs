//! A release of the chart on a real API server of its own: installed with the definitions of an older release, upgraded
//! as `docs/delivery.md` says, removed. Objects that somebody made beside it live through all of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use ats_delivery_tests::{checkout, document, files, output};
use ats_test_cluster::{Cluster, Options};
use serde_json::{Value, json};

/// A field of strategies that the older release does not know.
const NEW: &str = "rerunNonce";
const NAMESPACE: &str = "release";

struct Release {
    cluster: Cluster,
    folder: tempfile::TempDir,
    helm: PathBuf,
}

impl Release {
    async fn new() -> Self {
        let cluster = Cluster::control_plane(Options::default()).await.expect("the control plane starts");
        let helm = ats_test_cluster::tool("helm", "helm").expect("helm is built");
        Self { cluster, folder: tempfile::tempdir().unwrap(), helm }
    }

    fn helm(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.helm);
        // Nothing of the user's helm.
        for variable in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
            command.env(variable, self.folder.path().join("home"));
        }
        command.args(arguments).args(["--namespace", NAMESPACE]);
        command.arg("--kubeconfig").arg(self.cluster.kubeconfig()).current_dir(checkout());
        output(&mut command)
    }

    /// Installs or upgrades by the command of the documentation.
    fn upgrade(&self, chart: &Path, more: &[&str]) {
        let line = ["upgrade", "--install", "ats", chart.to_str().unwrap(), "--create-namespace"];
        let values = ["--values", "deployment/helm/ats/environments/development.yaml"];
        let _ = self.helm(&[&line[..], &values, more].concat());
    }

    async fn kubectl(&self, arguments: &[&str]) -> String {
        self.cluster.kubectl(arguments).await.unwrap().success().unwrap()
    }

    async fn get(&self, what: &str) -> Value {
        let text = self.kubectl(&["get", "--output=json", "-n", NAMESPACE, what]).await;
        serde_json::from_str(&text).unwrap()
    }

    async fn uid(&self, what: &str) -> Value {
        self.get(what).await["metadata"]["uid"].clone()
    }

    /// Sets the new field of somebody's own strategy; the API server's words when it refuses.
    async fn set_new(&self) -> Result<(), String> {
        let mut mine = mine();
        mine["spec"][NEW] = json!("once");
        let line = ["apply", "--server-side", "-n", NAMESPACE, "-f", "-"];
        let output = self.cluster.kubectl_with_input(line, &mine.to_string()).await.unwrap();
        if output.code == 0 { Ok(()) } else { Err(output.stderr) }
    }

    /// The chart with definitions that lack the field.
    fn older(&self) -> PathBuf {
        let chart = self.folder.path().join("older");
        // A package holds what the links in the folder point at; so does this copy.
        let _ = output(
            Command::new("cp")
                .args(["--recursive", "--dereference"])
                .arg(checkout().join("deployment/helm/ats"))
                .arg(&chart),
        );
        for file in files("config/crd/bases", ".yaml") {
            let mut definition = document(&file);
            if definition["spec"]["names"]["kind"] == "Strategy" {
                let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
                let fields = schema["properties"]["spec"]["properties"].as_object_mut().unwrap();
                assert!(fields.remove(NEW).is_some(), "{file} has no {NEW}");
            }
            let name = Path::new(&file).file_name().unwrap();
            std::fs::write(chart.join("crds").join(name), definition.to_string()).unwrap();
        }
        chart
    }
}

/// A strategy of somebody's own, which the chart knows nothing of.
fn mine() -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "Strategy", "metadata": {"name": "mine"},
        "spec": {
            "universeRef": {"name": "core"},
            "signal": {"rules": {"entry": "close > sma(close, 50)", "exit": "close < sma(close, 50)"}},
            "portfolio": {"maxPositions": 2, "sizing": {"equalWeight": {}}},
            "risk": {},
            "backtest": {"start": "2020-06-01"},
        },
    })
}

#[tokio::test]
async fn a_release_is_installed_upgraded_from_older_definitions_and_removed() {
    let release = Release::new().await;
    release.upgrade(&release.older(), &[]);
    let strategy = release.get("strategy/core-dip").await;
    assert_eq!(strategy["spec"]["risk"]["riskPercentage"], "0.01");
    release
        .cluster
        .kubectl_with_input(["apply", "--server-side", "-n", NAMESPACE, "-f", "-"], &mine().to_string())
        .await
        .unwrap()
        .success()
        .unwrap();
    let (theirs, ours) = (release.uid("strategy/mine").await, release.uid("strategy/core-dip").await);
    let refused = release.set_new().await.unwrap_err();
    assert!(refused.contains(NEW), "the older definitions are in force: {refused}");

    // As the documentation says: definitions first, which helm leaves alone, then the release.
    let definitions = checkout().join("config/crd");
    release
        .kubectl(&["apply", "--server-side", "--force-conflicts", "-k", definitions.to_str().unwrap()])
        .await;
    release
        .upgrade(&checkout().join("deployment/helm/ats"), &["--set-string", "strategy.riskPercentage=0.015"]);
    let strategy = release.get("strategy/core-dip").await;
    assert_eq!(strategy["spec"]["risk"]["riskPercentage"], "0.015");
    assert_eq!(strategy["metadata"]["generation"], 2);
    assert_eq!(strategy["metadata"]["uid"], ours, "changed, not made anew");
    assert_eq!(release.uid("strategy/mine").await, theirs);
    release.set_new().await.expect("the new definitions are in force");
    assert_eq!(release.get("strategy/mine").await["spec"][NEW], "once");

    let _ = release.helm(&["uninstall", "ats"]);
    let left = release.get("deployments,tradinguniverses,modeltrainingjobs,strategies,roles").await;
    let left: Vec<&Value> =
        left["items"].as_array().unwrap().iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(left, ["mine"], "what the release made is gone, and nothing else");
    assert_eq!(release.uid("strategy/mine").await, theirs, "objects survive, and their definitions");
}
