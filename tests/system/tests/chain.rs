//! The samples on a real node: pods from images, all Ready, digests equal to those of `ats run`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

use std::{collections::BTreeMap, time::Duration};

use ats_system_tests::{apply_samples, installed, namespace_with_data, run_samples};
use ats_test_cluster::{Cluster, eventually};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(300);

/// The objects of a namespace with their status.
async fn objects(cluster: &Cluster, namespace: &str) -> Result<Vec<Value>, String> {
    let arguments = ["get", "tradinguniverses,modeltrainingjobs,strategies", "-n", namespace, "-o", "json"];
    let output = cluster.kubectl(arguments).await.map_err(|error| error.to_string())?;
    let text = output.success().map_err(|error| error.to_string())?;
    let list: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

fn title(object: &Value) -> String {
    format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object.pointer("/status/conditions")?.as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Waits until all objects are Ready.
async fn all_ready(cluster: &Cluster, namespace: &str, count: usize) -> Vec<Value> {
    eventually("every object Ready", LIMIT, async || {
        let all = objects(cluster, namespace).await?;
        let waiting: Vec<String> = all
            .iter()
            .filter(|object| condition(object, "Ready").is_none_or(|ready| ready["status"] != "True"))
            .map(|object| format!("{}: {}", title(object), object["status"]))
            .collect();
        if all.len() == count && waiting.is_empty() { Ok(all) } else { Err(waiting.join("\n")) }
    })
    .await
    .unwrap()
}

/// Key and digest of every stage, by object and stage.
fn digests(objects: &[Value]) -> BTreeMap<String, (String, String)> {
    let mut all = BTreeMap::new();
    for object in objects {
        for stage in object["status"]["stages"].as_array().unwrap() {
            let text = |name: &str| stage[name].as_str().unwrap_or_default().to_owned();
            all.insert(format!("{} {}", title(object), text("name")), (text("key"), text("digest")));
        }
    }
    all
}

#[tokio::test]
async fn the_samples_come_to_the_same_digests_on_a_node_and_without_one() {
    let cluster = installed().await;
    let (namespace, _folders) = namespace_with_data(cluster, "samples").await;
    apply_samples(cluster, &namespace).await;
    let ready = all_ready(cluster, &namespace, 5).await;

    let local = tempfile::tempdir().unwrap();
    let expected = digests(&run_samples(local.path()));
    assert_eq!(digests(&ready), expected);
    assert_eq!(expected.len(), 9, "{expected:?}");

    let pods =
        cluster.kubectl(["get", "pods", "-n", &namespace, "-o", "json"]).await.unwrap().success().unwrap();
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let mut components: Vec<&str> = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"].as_str())
        .collect();
    components.sort_unstable();
    components.dedup();
    assert_eq!(
        components,
        ["data-acquisition", "feature-engineering", "model-training", "monitoring", "trading-strategy"]
    );

    // Its probes hold: it has its accounts, its files and an answer from the API server.
    let available =
        ["wait", "--for=condition=Available", "--timeout=60s", "deployment/ats-monitoring", "-n", &namespace];
    cluster.kubectl(available).await.unwrap().success().unwrap();

    // Deleted and applied again: everything is in the store.
    let kinds = "tradinguniverses,modeltrainingjobs,strategies";
    cluster.kubectl(["delete", kinds, "--all", "-n", &namespace, "--wait"]).await.unwrap().success().unwrap();
    apply_samples(cluster, &namespace).await;
    let again = all_ready(cluster, &namespace, 5).await;
    assert_eq!(digests(&again), expected);
    for object in &again {
        for stage in object["status"]["stages"].as_array().unwrap() {
            assert_eq!(stage["state"], "CacheHit", "{} {stage}", title(object));
        }
    }
}
