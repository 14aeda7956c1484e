//! A whole node: containers run, fail, reach the API server and each other's servers. It needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use ats_test_cluster::{Cluster, Image, eventually};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const LIMIT: Duration = Duration::from_secs(60);
const IMAGE: &str = "localhost/ats-probe:test";

/// The shared node, with the image of the probe.
async fn node() -> &'static Cluster {
    static LOADED: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::shared_whole_node().await.unwrap();
    let load = async || {
        let probe = PathBuf::from(env!("CARGO_BIN_EXE_probe"));
        let image = Image::new(IMAGE).executable(probe, "/probe").entrypoint(["/probe"]).authorities();
        cluster.load(&image).await.unwrap();
    };
    LOADED.get_or_init(load).await;
    cluster
}

#[tokio::test]
async fn an_indexed_job_completes_under_restricted_pod_security() {
    let cluster = node().await;
    let namespace = cluster.namespace("indexed").await.unwrap();
    let client = cluster.client().await.unwrap();
    let jobs: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let job = json!({
        "metadata": {"name": "two"},
        "spec": {
            "completions": 2,
            "parallelism": 2,
            "completionMode": "Indexed",
            "template": {"spec": pod_spec(&["index", "terminate", "well done"], json!({}))},
        },
    });
    jobs.create(&PostParams::default(), &serde_json::from_value(job).unwrap()).await.unwrap();
    eventually("the completion of the job", LIMIT, async || {
        let status = jobs.get("two").await.map_err(|error| error.to_string())?.status.unwrap_or_default();
        if status.completed_indexes.as_deref() == Some("0,1") { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await
    .unwrap();

    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let pods = pods.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(pods.len(), 2);
    for pod in pods {
        assert_eq!(end_of(&pod).unwrap().message.as_deref(), Some("well done"));
    }
    let logs =
        cluster.kubectl(["logs", "-n", &namespace, "-l", "job-name=two"]).await.unwrap().success().unwrap();
    let mut lines: Vec<_> = logs.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["0", "1"]);
}

#[tokio::test]
async fn a_pod_reaches_the_api_server_through_its_service() {
    let cluster = node().await;
    let namespace = cluster.namespace("service").await.unwrap();
    let (end, log) = run(cluster, &namespace, "ask", &["version"], json!({})).await;
    assert_eq!(end.exit_code, 0, "{log}");
    assert!(log.starts_with("API server v1."), "{log}");
}

#[tokio::test]
async fn a_pod_reaches_postgresql_and_a_server_of_the_test() {
    let cluster = node().await;
    let namespace = cluster.namespace("servers").await.unwrap();
    let postgres = cluster.postgres().unwrap();
    let listener = TcpListener::bind((cluster.node().unwrap().machine, 0)).unwrap();
    let postgres = format!("{}:{}", postgres.host, postgres.port);
    let test = listener.local_addr().unwrap().to_string();
    let (end, log) =
        run(cluster, &namespace, "connect", &["connect", &postgres, "connect", &test], json!({})).await;
    assert_eq!(end.exit_code, 0, "{log}");
}

#[tokio::test]
async fn a_pod_reaches_nothing_outside_of_the_run() {
    let cluster = node().await;
    let namespace = cluster.namespace("outside").await.unwrap();
    // An address for documentation, which nobody has.
    let (end, log) = run(cluster, &namespace, "outside", &["connect", "198.51.100.1:80"], json!({})).await;
    assert_eq!(end.exit_code, 1, "{log}");
}

#[tokio::test]
async fn too_much_memory_is_an_oom_kill() {
    let cluster = node().await;
    let namespace = cluster.namespace("memory").await.unwrap();
    let limit = json!({"resources": {"limits": {"memory": "32Mi"}}});
    let (end, _) = run(cluster, &namespace, "greedy", &["allocate", "200"], limit).await;
    assert_eq!(end.reason.as_deref(), Some("OOMKilled"));
    assert_eq!(end.exit_code, 137);
}

#[tokio::test]
async fn a_claim_is_a_folder_of_the_machine() {
    let cluster = node().await;
    let namespace = cluster.namespace("claim").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), permissions).unwrap();
    let manifests = [
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": namespace},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
                "hostPath": {"path": folder.path()},
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "store", "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "resources": {"requests": {"storage": "1Gi"}},
                "storageClassName": "",
                "volumeName": namespace,
            },
        }),
    ];
    cluster.apply(&manifests.map(|manifest| manifest.to_string()).join("\n---\n")).await.unwrap();
    let mut spec = pod_spec(
        &["write", "/store/file", "from the pod"],
        json!({"volumeMounts": [{"name": "store", "mountPath": "/store"}]}),
    );
    spec["volumes"] = json!([{"name": "store", "persistentVolumeClaim": {"claimName": "store"}}]);
    let (end, log) = run_spec(cluster, &namespace, "writer", &spec).await;
    assert_eq!(end.exit_code, 0, "{log}");
    assert_eq!(std::fs::read_to_string(folder.path().join("file")).unwrap(), "from the pod");
}

/// Runs the probe in a pod to its end; how it ended, and what it said.
async fn run(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    arguments: &[&str],
    container: Value,
) -> (ContainerStateTerminated, String) {
    run_spec(cluster, namespace, name, &pod_spec(arguments, container)).await
}

async fn run_spec(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    spec: &Value,
) -> (ContainerStateTerminated, String) {
    let pods: Api<Pod> = Api::namespaced(cluster.client().await.unwrap(), namespace);
    let pod = json!({"metadata": {"name": name}, "spec": spec});
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let end = eventually("the end of the pod", LIMIT, async || {
        let pod = pods.get(name).await.map_err(|error| error.to_string())?;
        end_of(&pod).ok_or_else(|| format!("{:?}", pod.status))
    })
    .await
    .unwrap();
    let log = cluster.kubectl(["logs", "-n", namespace, name]).await.unwrap();
    (end, log.stdout + &log.stderr)
}

fn end_of(pod: &Pod) -> Option<ContainerStateTerminated> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.first()?.state.as_ref()?.terminated.clone()
}

/// What `restricted` asks for, and a root file system that cannot be written to.
fn pod_spec(arguments: &[&str], container: Value) -> Value {
    let mut main = json!({
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": arguments,
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
    });
    if let (Value::Object(main), Value::Object(more)) = (&mut main, container) {
        main.extend(more);
    }
    json!({
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [main],
    })
}
