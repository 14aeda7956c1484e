//! A control plane without a node: the API is real, and the test plays the kubelet.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

use std::time::Duration;

use ats_test_cluster::{Cluster, Options, eventually};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Config};
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn jobs_get_pods_and_the_test_plays_the_kubelet() {
    let cluster = Cluster::shared_control_plane().await.unwrap();
    let namespace = cluster.namespace("jobs").await.unwrap();
    let client = cluster.client().await.unwrap();
    let jobs: Api<Job> = Api::namespaced(client.clone(), &namespace);
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    jobs.create(&PostParams::default(), &job("two", "localhost/none:1")).await.unwrap();

    let created = eventually("two pods", LIMIT, async || {
        let pods = pods.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        if pods.len() == 2 { Ok(pods) } else { Err(format!("there are {}", pods.len())) }
    })
    .await
    .unwrap();
    for pod in created {
        let name = pod.metadata.name.unwrap();
        let status = json!({"status": {"phase": "Succeeded"}});
        pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }
    eventually("the completion of the job", LIMIT, async || {
        let status = jobs.get("two").await.map_err(|error| error.to_string())?.status.unwrap_or_default();
        let complete = status.conditions.iter().flatten().any(|condition| condition.type_ == "Complete");
        if complete { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn pod_security_is_enforced() {
    let cluster = Cluster::shared_control_plane().await.unwrap();
    let namespace = cluster.namespace("security").await.unwrap();
    let pods: Api<Pod> = Api::namespaced(cluster.client().await.unwrap(), &namespace);
    let pod = serde_json::from_value(json!({
        "metadata": {"name": "root"},
        "spec": {"containers": [{"name": "main", "image": "localhost/none:1"}]},
    }));
    let refusal = pods.create(&PostParams::default(), &pod.unwrap()).await.unwrap_err();
    assert!(refusal.to_string().contains("violates PodSecurity"), "{refusal}");
}

#[tokio::test]
async fn requests_are_counted_by_user_and_resource() {
    let cluster = Cluster::shared_control_plane().await.unwrap();
    let namespace = cluster.namespace("audit").await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client().await.unwrap(), &namespace);
    let map = |name: &str| -> ConfigMap {
        serde_json::from_value(json!({"metadata": {"name": name}, "data": {"a": "b"}})).unwrap()
    };
    maps.create(&PostParams::default(), &map("before")).await.unwrap();
    let mark = cluster.audit_mark().unwrap();
    maps.create(&PostParams::default(), &map("after")).await.unwrap();
    maps.create(&PostParams::default(), &map("after")).await.unwrap_err();
    maps.get("after").await.unwrap();

    let ours =
        cluster.audit_since(mark).unwrap().by("ats-admin").resource("configmaps").namespace(&namespace);
    assert_eq!(ours.clone().writes().len(), 2);
    assert_eq!(ours.clone().writes().succeeded().len(), 1);
    assert_eq!(ours.verb("get").events()[0].name, "after");
}

#[tokio::test]
async fn a_service_account_has_its_own_rights_only() {
    let cluster = Cluster::shared_control_plane().await.unwrap();
    let namespace = cluster.namespace("rights").await.unwrap();
    cluster
        .apply(&format!(
            "{{apiVersion: v1, kind: ServiceAccount, metadata: {{name: someone, namespace: {namespace}}}}}"
        ))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    cluster.service_account_kubeconfig(&namespace, "someone", &file).await.unwrap();
    let kubeconfig = kube::config::Kubeconfig::read_from(file).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let client = Client::try_from(config).unwrap();

    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let refusal = maps.list(&ListParams::default()).await.unwrap_err();
    assert!(refusal.to_string().contains(&format!("system:serviceaccount:{namespace}:someone")), "{refusal}");
}

#[tokio::test]
async fn a_frozen_api_server_does_not_answer() {
    let cluster = Cluster::control_plane(Options::default()).await.unwrap();
    let client = cluster.client().await.unwrap();
    let frozen = cluster.freeze("kube-apiserver").unwrap();
    let silence = tokio::time::timeout(Duration::from_secs(1), client.apiserver_version()).await;
    assert!(silence.is_err(), "{silence:?}");
    drop(frozen);
    client.apiserver_version().await.unwrap();
    assert!(cluster.freeze("kubelet").is_err());
}

#[tokio::test]
async fn kubectl_tells_how_it_ended() {
    let cluster = Cluster::shared_control_plane().await.unwrap();
    let version = cluster.kubectl(["version"]).await.unwrap();
    assert_eq!(version.code, 0);
    assert!(version.stdout.contains("Server Version"), "{version:?}");
    let nothing = cluster.kubectl(["get", "pod", "nothing"]).await.unwrap();
    assert_eq!(nothing.code, 1);
    assert!(nothing.stderr.contains("not found"), "{nothing:?}");
    assert!(nothing.success().is_err());
}

fn job(name: &str, image: &str) -> Job {
    serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "completions": 2,
            "parallelism": 2,
            "completionMode": "Indexed",
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [{
                        "name": "main",
                        "image": image,
                        "securityContext": {
                            "allowPrivilegeEscalation": false,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }],
                },
            },
        },
    }))
    .unwrap()
}
