//! The environments on a real API server: installed side by side, each operator with its own rights; and all manifests
//! as that API server would take them.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ats_delivery_tests::{ENVIRONMENTS, checkout, files};
use ats_test_cluster::{Cluster, eventually};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

async fn cluster() -> &'static Cluster {
    Cluster::shared_control_plane().await.expect("the control plane starts")
}

async fn kubectl(arguments: &[&str]) -> String {
    cluster().await.kubectl(arguments).await.unwrap().success().unwrap()
}

async fn apply(folder: &str) {
    let path = checkout().join(folder);
    kubectl(&["apply", "--server-side", "-k", path.to_str().unwrap()]).await;
}

async fn get(arguments: &[&str]) -> Value {
    let arguments: Vec<_> = ["get", "--output=json"].into_iter().chain(arguments.iter().copied()).collect();
    serde_json::from_str(&kubectl(&arguments).await).unwrap()
}

/// The definitions and shared roles, once.
async fn shared() {
    static READY: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    READY
        .get_or_init(async || {
            apply("deployment/kubernetes/cluster").await;
            cluster().await.definitions_served().await.unwrap();
        })
        .await;
}

/// The operator's program with the settings of its Deployment, as its ServiceAccount; ended when dropped.
struct Operator(Child);

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended by itself, which the test tells by what it sees.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn operator(environment: &str, folder: &Path) -> Operator {
    let namespace = format!("ats-{environment}");
    let kubeconfig = folder.join(format!("{environment}.kubeconfig"));
    cluster().await.service_account_kubeconfig(&namespace, "ats-operator", &kubeconfig).await.unwrap();
    let deployment = get(&["deployment", "ats-operator", "-n", &namespace]).await;
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let settings = container["envFrom"][0]["configMapRef"]["name"].as_str().unwrap();
    let settings = get(&["configmap", settings, "-n", &namespace]).await;
    let log = std::fs::File::create(folder.join(format!("{environment}.log"))).unwrap();
    let binary = ats_test_cluster::binary("ats-operator", "operator").expect("the operator is compiled");
    let mut command = Command::new(binary);
    for (name, value) in settings["data"].as_object().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    for variable in container["env"].as_array().unwrap() {
        assert_eq!(variable["valueFrom"]["fieldRef"]["fieldPath"], "metadata.namespace", "{variable}");
        command.env(variable["name"].as_str().unwrap(), &namespace);
    }
    command.env("KUBECONFIG", kubeconfig).env("ATS_METRICS_BIND", "127.0.0.1:0");
    Operator(command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().unwrap())
}

/// Resource versions of all that an environment has applied.
async fn versions(environment: &str) -> Vec<(String, String)> {
    let kinds = "deployments,services,configmaps,roles,rolebindings,serviceaccounts,networkpolicies,resourcequotas,\
                 limitranges,poddisruptionbudgets,persistentvolumeclaims,tradinguniverses,modeltrainingjobs,strategies";
    let selector = format!("trading.ats.dev/environment={environment}");
    let list = get(&[kinds, "-n", &format!("ats-{environment}"), "-l", &selector]).await;
    let part = |value: &Value| value.as_str().unwrap().to_owned();
    let items = list["items"].as_array().unwrap().iter();
    items
        .filter(|item| item["kind"] != "ResourceQuota" && item["kind"] != "Deployment") // their status moves
        .map(|item| {
            let metadata = &item["metadata"];
            (
                format!("{}/{}", part(&item["kind"]), part(&metadata["name"])),
                part(&metadata["resourceVersion"]),
            )
        })
        .collect()
}

#[tokio::test]
async fn environments_stand_side_by_side() {
    shared().await;
    for environment in ENVIRONMENTS {
        apply(&format!("deployment/environments/{environment}")).await;
    }
    // Before an operator writes a status: what is applied again changes nothing. Only the second time is another: it
    // writes defaults of the status, which a creation leaves out.
    apply("deployment/environments/staging").await;
    let before = versions("staging").await;
    assert!(before.len() > 15, "{before:?}");
    apply("deployment/environments/staging").await;
    assert_eq!(versions("staging").await, before);

    let folder = tempfile::tempdir().unwrap();
    let _running = [operator("development", folder.path()).await, operator("staging", folder.path()).await];
    for environment in ["development", "staging"] {
        let namespace = format!("ats-{environment}");
        // Its pods pass Pod Security, quota and limits: the Job's controller has made them.
        let stage = "trading.ats.dev/stage=acquire";
        let answer = eventually("pods of stage acquire", LIMIT, async || {
            let pods = get(&["pods", "-n", &namespace, "-l", stage]).await;
            let count = pods["items"].as_array().unwrap().len();
            if count == 4 { Ok(()) } else { Err(format!("{count} pods in {namespace}")) }
        })
        .await;
        let log = std::fs::read_to_string(folder.path().join(format!("{environment}.log"))).unwrap();
        assert!(answer.is_ok(), "{answer:?}\n{log}");
        let lease = get(&["lease", "ats-operator", "-n", &namespace]).await;
        assert!(lease["spec"]["holderIdentity"].is_string(), "{environment} has a leader of its own");
        let universe = get(&["tradinguniverse", "core", "-n", &namespace]).await;
        assert_eq!(universe["status"]["observedGeneration"], 1, "{environment}");
    }
    // No operator runs in production, and no other looks after it.
    let universe = get(&["tradinguniverse", "core", "-n", "ats-production"]).await;
    assert_eq!(universe["status"]["observedGeneration"], -1);
    let jobs = get(&["jobs", "-n", "ats-production"]).await;
    assert_eq!(jobs["items"].as_array().unwrap().len(), 0);

    // Rights end at the namespace, and nothing that the operators asked for was refused.
    let account = "--as=system:serviceaccount:ats-development:ats-operator";
    for (namespace, wanted) in [("ats-development", "yes"), ("ats-production", "no"), ("kube-system", "no")] {
        let question = ["auth", "can-i", "create", "jobs", "-n", namespace, account];
        let answer = cluster().await.kubectl(question).await.unwrap();
        let said = answer.success().map_or_else(|_| "no".to_owned(), |text| text.trim().to_owned());
        assert_eq!(said, wanted, "{namespace}");
    }
    for environment in ["development", "staging"] {
        let user = format!("system:serviceaccount:ats-{environment}:ats-operator");
        let refused = cluster().await.audit().unwrap().by(&user).filter(|event| event.code == 403);
        assert!(refused.is_empty(), "{:?}", refused.events());
    }
}

/// A namespace, unless it is there.
async fn namespace(name: &str) {
    let output = cluster().await.kubectl(["create", "namespace", name]).await.unwrap();
    assert!(output.code == 0 || output.stderr.contains("already exists"), "{}", output.stderr);
}

/// Every folder of manifests, and the samples, by server-side dry run: nothing is refused and nothing is warned of.
#[tokio::test]
async fn every_manifest_passes_a_dry_run() {
    shared().await;
    // Kinds of Argo CD, for what this repository gives to it.
    let argo = ats_test_cluster::argocd::command_line().unwrap().with_file_name("crds.yaml");
    kubectl(&["apply", "--server-side", "-f", argo.to_str().unwrap()]).await;
    cluster().await.definitions_served().await.unwrap();
    for name in ["ats-system", "argocd", "trading", "ats-development", "ats-staging", "ats-production"] {
        namespace(name).await;
    }
    let mut seen = 0;
    for file in ["config", "deployment"].into_iter().flat_map(|folder| files(folder, "kustomization.yaml")) {
        let folder = checkout().join(file.trim_end_matches("kustomization.yaml"));
        // It names no namespace: it goes where its user has the strategies.
        let is_ledger = file == "deployment/kubernetes/ledger/kustomization.yaml";
        let place: &[&str] = if is_ledger { &["-n", "trading"] } else { &[] };
        dry_run(&[&["-k", folder.to_str().unwrap()], place].concat()).await;
        seen += 1;
    }
    assert!(seen > 10, "{seen} folders");
    dry_run(&["-f", checkout().join("config/samples").to_str().unwrap(), "-n", "default"]).await;
}

async fn dry_run(what: &[&str]) {
    let line = [&["apply", "--server-side", "--force-conflicts", "--dry-run=server"], what].concat();
    let output = cluster().await.kubectl(line).await.unwrap();
    assert!(output.code == 0 && output.stderr.trim().is_empty(), "{what:?}: {}", output.stderr);
    assert!(output.stdout.contains("serverside-applied (server dry run)"), "{what:?}: {}", output.stdout);
}
