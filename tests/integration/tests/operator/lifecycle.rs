//! Retry, suspend, delete.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ats_crds::{
    ANNOTATION_RETRY, TradingUniverse,
    status::{StageName, StageState},
};
use ats_integration_tests::{
    Kubelet, Play,
    kubelet::good,
    objects::{stage, universe},
    place,
    setup::USER,
};
use ats_pipeline::{Category, Outcome};
use k8s_openapi::api::{batch::v1::Job, core::v1::Namespace};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;

#[tokio::test]
async fn a_failed_stage_waits_for_the_user_and_runs_once_for_each_asking() {
    let place = place("retry").await;
    let _operator = place.operator(&[]).await;
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let kubelet = Kubelet::start(&place, move |ask| match is_broken.load(Ordering::Relaxed) {
        true => Play::Fail {
            code: 2,
            outcome: Some(Box::new(Outcome::failed(Category::DataRefused, "no ticker has usable data"))),
            reason: "Error",
        },
        false => Play::End(Box::new(good(ask))),
    });
    place.apply(&universe("u")).await;
    let failed = place.condition::<TradingUniverse>("u", "Stalled", "True", "DataRefused").await;
    let common = failed.status.unwrap().common;
    assert_eq!(stage(&common, StageName::Acquire).state, StageState::Failed);
    assert!(common.failures.iter().any(|failure| failure.message.contains("no ticker has usable data")));
    let played = kubelet.count();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(kubelet.count(), played, "nothing runs again by itself");

    // The Job goes; the failure stands.
    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    jobs.delete_collection(&DeleteParams::background(), &ListParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    place.condition::<TradingUniverse>("u", "Stalled", "True", "DataRefused").await;

    place.annotate::<TradingUniverse>("u", ANNOTATION_RETRY, "1").await;
    let again = place
        .status::<TradingUniverse>("u", "a second attempt that failed", |common| {
            let acquire = stage(common, StageName::Acquire);
            acquire.attempt == 2 && acquire.state == StageState::Failed
        })
        .await;
    assert_eq!(again.status.unwrap().common.observed_retry.as_deref(), Some("1"));
    tokio::time::sleep(Duration::from_secs(3)).await;

    broken.store(false, Ordering::Relaxed);
    place.annotate::<TradingUniverse>("u", ANNOTATION_RETRY, "2").await;
    let ready = place.ready::<TradingUniverse>("u").await.status.unwrap().common;
    assert_eq!(stage(&ready, StageName::Acquire).attempt, 3);
    assert!(ready.failures.is_empty(), "{:?}", ready.failures);
}

#[tokio::test]
async fn a_new_generation_gives_a_failed_stage_one_more_attempt() {
    let place = place("memory").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::start(&place, |ask| match ask.work.contains("acquire") && ask.before < 4 {
        true => Play::Fail { code: 137, outcome: None, reason: "OOMKilled" },
        false => Play::End(Box::new(good(ask))),
    });
    let mut object = universe("u");
    object["spec"]["retryLimit"] = json!(0);
    place.apply(&object).await;
    let failed = place.condition::<TradingUniverse>("u", "Stalled", "True", "OutOfMemory").await;
    assert!(
        failed.status.unwrap().common.conditions.iter().any(|condition| condition.message.contains("memory"))
    );
    place
        .change::<TradingUniverse>("u", &json!({"podTemplate": {"resources": {"limits": {"memory": "4Gi"}}}}))
        .await;
    place
        .status::<TradingUniverse>("u", "a second attempt", |common| {
            stage(common, StageName::Acquire).attempt == 2
        })
        .await;
    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    let list = jobs.list(&ListParams::default()).await.unwrap().items;
    let limits: Vec<_> = list
        .iter()
        .filter_map(|job| {
            let pod = job.spec.as_ref()?.template.spec.as_ref()?;
            pod.containers[0].resources.as_ref()?.limits.as_ref()?.get("memory").map(|limit| limit.0.clone())
        })
        .collect();
    assert!(limits.contains(&"4Gi".to_owned()) && limits.contains(&"2Gi".to_owned()), "{limits:?}");
}

#[tokio::test]
async fn suspend_holds_a_job_and_lets_it_go_on() {
    let place = place("suspend").await;
    let _operator = place.operator(&[]).await;
    let kubelet = Kubelet::start(&place, |_| Play::Run);
    place.apply(&universe("u")).await;
    place
        .status::<TradingUniverse>("u", "acquire runs", |common| {
            common.stages.first().is_some_and(|stage| stage.state == StageState::Running)
        })
        .await;
    let mark = place.cluster.audit_mark().unwrap();
    place.change::<TradingUniverse>("u", &json!({"suspend": true})).await;
    place.condition::<TradingUniverse>("u", "Ready", "Unknown", "Suspended").await;
    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    let held = jobs.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].spec.as_ref().unwrap().suspend, Some(true));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let patches = place
        .cluster
        .audit_since(mark)
        .unwrap()
        .by(USER)
        .namespace(&place.namespace)
        .resource("jobs")
        .verb("patch");
    assert_eq!(patches.len(), 1, "one patch for one change");
    drop(kubelet);
    let _kubelet = Kubelet::good(&place);
    place.change::<TradingUniverse>("u", &json!({"suspend": false})).await;
    place.ready::<TradingUniverse>("u").await;
}

#[tokio::test]
async fn a_changed_spec_ends_the_jobs_of_before() {
    let place = place("outdated").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::start(&place, |_| Play::Run);
    place.apply(&universe("u")).await;
    place
        .status::<TradingUniverse>("u", "acquire runs", |common| {
            common.stages.first().is_some_and(|stage| stage.state == StageState::Running)
        })
        .await;
    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    let before = jobs.list(&ListParams::default()).await.unwrap().items[0].name_any();
    place.change::<TradingUniverse>("u", &json!({"tickers": ["AAPL", "IBM"]})).await;
    place
        .until("only the new Job", async || {
            let names: Vec<String> = jobs
                .list(&ListParams::default())
                .await
                .unwrap()
                .items
                .iter()
                .map(ResourceExt::name_any)
                .collect();
            if names.len() == 1 && names[0] != before { Ok(()) } else { Err(format!("{names:?}")) }
        })
        .await;
}

#[tokio::test]
async fn deletion_takes_the_jobs_and_a_namespace_that_goes_gets_nothing_new() {
    let place = place("delete").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::start(&place, |_| Play::Run);
    place.apply(&universe("u")).await;
    place.apply(&universe("v")).await;
    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    place
        .until("both Jobs", async || {
            let count = jobs.list(&ListParams::default()).await.unwrap().items.len();
            if count == 2 { Ok(()) } else { Err(format!("{count}")) }
        })
        .await;
    place.api::<TradingUniverse>().delete("u", &DeleteParams::foreground()).await.unwrap();
    place
        .until("the Job of the other", async || {
            let count = jobs.list(&ListParams::default()).await.unwrap().items.len();
            if count == 1 { Ok(()) } else { Err(format!("{count}")) }
        })
        .await;
    let namespaces: Api<Namespace> = Api::all(place.client.clone());
    let mark = place.cluster.audit_mark().unwrap();
    namespaces.delete(&place.namespace, &DeleteParams::background()).await.unwrap();
    place
        .until("the namespace to be empty", async || {
            // Its own end comes when the controller manager gets to it.
            let left = namespaces.get_opt(&place.namespace).await.map_err(|error| error.to_string())?;
            let conditions = left.and_then(|left| left.status).and_then(|status| status.conditions);
            let empty = conditions.is_none_or(|conditions| {
                conditions
                    .iter()
                    .any(|found| found.type_ == "NamespaceContentRemaining" && found.status == "False")
            });
            if empty { Ok(()) } else { Err("something is left".to_owned()) }
        })
        .await;
    let created =
        place.cluster.audit_since(mark).unwrap().by(USER).namespace(&place.namespace).verb("create");
    assert!(created.len() < 10, "{:?}", created.events());
    assert!(created.resource("jobs").succeeded().is_empty());
}
