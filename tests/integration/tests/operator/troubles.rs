//! A pod that cannot start is told on its object, in words, within ten seconds.

use std::time::{Duration, Instant};

use ats_crds::{
    TradingUniverse,
    status::{StageName, StageState},
};
use ats_integration_tests::{
    Kubelet, Place, Play,
    kubelet::good,
    objects::{condition, stage, universe},
    place,
};
use ats_pipeline::Digest;
use k8s_openapi::api::core::v1::{Event, Pod, ResourceQuota};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::json;

const WITHIN: Duration = Duration::from_secs(10);

async fn told(place: &Place, name: &str, reason: &str, words: &str, since: Instant) {
    let object = place.condition::<TradingUniverse>(name, "Reconciling", "True", reason).await;
    assert!(since.elapsed() < WITHIN, "{:?}", since.elapsed());
    let common = object.status.unwrap().common;
    let ready = condition(&common, "Ready").unwrap();
    assert_eq!(ready.status, "Unknown");
    assert!(ready.message.contains(words), "{words:?} is not in {:?}", ready.message);
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_and_a_missing_secret() {
    let place = place("pull").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::start(&place, |ask| match ask.object.as_str() {
        "image" => {
            Play::Wait { reason: "ImagePullBackOff", message: "Back-off pulling image \"workload:1\"" }
        }
        _ => Play::Wait { reason: "CreateContainerConfigError", message: "secret \"store\" not found" },
    });
    place.apply(&universe("image")).await;
    place.apply(&universe("secret")).await;
    let since = Instant::now();
    told(&place, "image", "ImagePullFailed", "workload:1", since).await;
    told(&place, "secret", "VolumeMountFailed", "secret \"store\" not found", since).await;
}

#[tokio::test]
async fn no_node_a_quota_and_a_failed_mount() {
    let place = place("start").await;
    let _operator = place.operator(&[]).await;
    place.apply(&universe("unscheduled")).await;
    let since = Instant::now();
    // There is no node in this cluster, and no stand-in plays one.
    told(&place, "unscheduled", "Unschedulable", "fits on no node", since).await;

    // The kubelet tells a failed mount by an Event alone.
    let pods: Api<Pod> = Api::namespaced(place.client.clone(), &place.namespace);
    let pod = pods.list(&ListParams::default()).await.unwrap().items.remove(0);
    // Bound to a node, it is the kubelet's.
    let binding =
        json!({"metadata": {"name": pod.name_any()}, "target": {"kind": "Node", "name": "somewhere"}});
    let _: serde_json::Value =
        pods.create_subresource("binding", &pod.name_any(), &PostParams::default(), &binding).await.unwrap();
    let event: Event = serde_json::from_value(json!({
        "metadata": {"name": format!("{}.mount", pod.name_any())},
        "involvedObject": {"kind": "Pod", "name": pod.name_any(), "namespace": place.namespace, "uid": pod.uid()},
        "type": "Warning", "reason": "FailedMount", "message": "persistentvolumeclaim \"artifacts\" not found",
        "lastTimestamp": "2030-01-01T00:00:00Z",
    }))
    .unwrap();
    let events: Api<Event> = Api::namespaced(place.client.clone(), &place.namespace);
    let since = Instant::now();
    events.create(&PostParams::default(), &event).await.unwrap();
    told(&place, "unscheduled", "VolumeMountFailed", "\"artifacts\" not found", since).await;

    let quotas: Api<ResourceQuota> = Api::namespaced(place.client.clone(), &place.namespace);
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    quotas.create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
    place
        .until("the quota counts", async || {
            let status = quotas.get("none").await.unwrap().status.and_then(|status| status.used);
            if status.is_some() { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
    place.apply(&universe("quota")).await;
    told(&place, "quota", "PodRefused", "exceeded quota", Instant::now()).await;
}

#[tokio::test]
async fn a_shard_is_tried_again_and_two_outputs_for_one_key_are_a_defect() {
    let place = place("shards").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::start(&place, |ask| match (ask.object.as_str(), ask.stage.as_str()) {
        ("again", "acquire") if ask.before == 0 => Play::Fail { code: 75, outcome: None, reason: "Error" },
        ("twice", "features") => {
            let output = Digest::of(format!("{:?}", ask.shard).as_bytes());
            Play::End(Box::new(ats_pipeline::Outcome { digest: Some(output), ..good(ask) }))
        }
        _ => Play::End(Box::new(good(ask))),
    });
    place.apply(&universe("again")).await;
    let ready = place.ready::<TradingUniverse>("again").await.status.unwrap().common;
    assert_eq!(stage(&ready, StageName::Acquire).attempt, 1);
    assert!(ready.failures.is_empty(), "{:?}", ready.failures);

    let mut twice = universe("twice");
    twice["spec"]["sharding"] = json!({"tickersPerShard": 1, "parallelism": 3});
    place.apply(&twice).await;
    let defect = place.condition::<TradingUniverse>("twice", "Stalled", "True", "NonDeterministic").await;
    let common = defect.status.unwrap().common;
    assert_eq!(stage(&common, StageName::Acquire).state, StageState::Succeeded);
    assert_eq!(stage(&common, StageName::Acquire).computed, Some(9));
    assert_eq!(stage(&common, StageName::Acquire).progress.as_deref(), Some("3/3"));
    assert_eq!(stage(&common, StageName::Features).state, StageState::Failed);
}
