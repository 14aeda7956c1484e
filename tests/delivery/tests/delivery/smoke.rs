//! The smoke test of an environment in which no backtest gets through, for no operator runs: it fails, and what
//! it made is gone.

use std::path::Path;
use std::time::Duration;

use ats_delivery_tests::checkout;
use ats_test_cluster::{Cluster, Options, binary, eventually};
use serde_json::{Value, json};

const NAMESPACE: &str = "ats-staging";
const LIMIT: Duration = Duration::from_secs(60);

/// What the smoke test looks at before it makes anything. There is no kubelet here: the Deployment asks for no
/// pods, and the endpoint of its Service is written by hand.
fn deployed() -> Value {
    let labels = json!({"app": "ats-operator"});
    let container = json!({"name": "operator", "image": "localhost/none:1"});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "ats-operator", "namespace": NAMESPACE},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "ats-operator", "namespace": NAMESPACE},
            "spec": {"selector": labels, "ports": [{"port": 9090, "protocol": "TCP"}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "ats-operator-written",
                "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": "ats-operator"},
            },
            "addressType": "IPv4",
            "ports": [{"port": 9090}],
            "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": true}}],
        },
    ]})
}

async fn kubectl(cluster: &Cluster, arguments: &[&str]) -> String {
    cluster.kubectl(arguments).await.unwrap().success().unwrap()
}

/// What `ats-delivery smoke` tells, with its report; it has five seconds for all of its checks.
async fn smoke(kubeconfig: &Path) -> (bool, Value) {
    let program = binary("ats-deployment-tools", "ats-delivery").unwrap();
    let mut command = tokio::process::Command::new(program);
    command.arg("smoke").env_remove("IMAGES_JSON").env("KUBECONFIG", kubeconfig);
    command.envs([("ENVIRONMENT", "staging"), ("TIMEOUT_SECONDS", "5")]);
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    (output.status.success(), report)
}

#[tokio::test]
async fn a_backtest_that_fails_leaves_nothing() {
    let cluster = Cluster::control_plane(Options::default()).await.expect("the control plane starts");
    let definitions = checkout().join("config/crd");
    kubectl(&cluster, &["apply", "--server-side", "-k", definitions.to_str().unwrap()]).await;
    cluster.definitions_served().await.unwrap();
    cluster.apply(&deployed().to_string()).await.unwrap();
    eventually("a Deployment that has rolled out", LIMIT, async || {
        let get = ["get", "deployment/ats-operator", "--output=json", "--namespace", NAMESPACE];
        let deployment: Value = serde_json::from_str(&kubectl(&cluster, &get).await).unwrap();
        let status = &deployment["status"];
        if status["observedGeneration"] == 1 { Ok(()) } else { Err(status.to_string()) }
    })
    .await
    .unwrap();

    let mark = cluster.audit_mark().unwrap();
    let (passed, report) = smoke(cluster.kubeconfig()).await;
    assert!(!passed && report["passed"] == false, "{report:#}");
    let checks = report["checks"].as_array().unwrap();
    let outcomes: Vec<_> = checks
        .iter()
        .map(|check| (check["name"].as_str().unwrap(), check["outcome"].as_str().unwrap()))
        .collect();
    let wanted = [
        ("rollouts", "passed"),
        ("endpoints", "passed"),
        ("conditions", "passed"),
        ("backtest", "failed"),
        ("clean-up", "passed"),
    ];
    assert_eq!(outcomes, wanted, "{report:#}");
    // It was there to be looked at, and nobody made anything of it.
    let message = checks[3]["message"].as_str().unwrap();
    assert!(message.starts_with("not in time: Strategy/smoke-"), "{message}");

    let left = ["get", "strategies,tradinguniverses", "--output=name", "--namespace", NAMESPACE];
    assert_eq!(kubectl(&cluster, &left).await, "");
    let asked = cluster.audit_since(mark).unwrap().namespace(NAMESPACE).writes().succeeded();
    for resource in ["strategies", "tradinguniverses"] {
        let verbs: Vec<_> =
            asked.clone().resource(resource).events().iter().map(|event| event.verb.clone()).collect();
        assert_eq!(verbs, ["create", "delete"], "{resource}: made and removed, once");
    }
}
