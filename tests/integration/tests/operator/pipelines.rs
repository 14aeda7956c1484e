//! Objects go through their stages; what is done stays done.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ats_crds::{
    ModelTrainingJob, Strategy, TradingUniverse,
    status::{StageName, StageState},
};
use ats_integration_tests::{
    Kubelet, Play,
    kubelet::{found, good},
    objects::{condition, model, model_strategy, stage, states, strategy, universe},
    place,
    setup::USER,
};
use ats_operator::{Probe, kind::Key};
use k8s_openapi::api::{batch::v1::Job, core::v1::ConfigMap};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;

#[tokio::test]
async fn three_kinds_become_ready_in_any_order_of_apply() {
    let place = place("kinds").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    // What refers comes first: it waits.
    place.apply(&model_strategy("on-model", "u", "m")).await;
    place.apply(&strategy("rules", "u")).await;
    place.apply(&model("m", "u")).await;
    place.condition::<Strategy>("on-model", "Reconciling", "True", "WaitingForReference").await;
    place.apply(&universe("u")).await;

    let u = place.ready::<TradingUniverse>("u").await.status.unwrap();
    assert_eq!(states(&u.common), [StageState::Succeeded; 3]);
    assert_eq!((u.active_tickers, u.focus_tickers), (Some(3), Some(2)));
    assert_eq!(u.as_of_session.as_deref(), Some("2021-03-31"));
    let dataset = u.common.artifact.clone().unwrap();
    assert_eq!(dataset.stage, StageName::Publish);
    assert_eq!(condition(&u.common, "Fresh").map(|fresh| fresh.reason.as_str()), Some("UpToDate"));

    let m = place.ready::<ModelTrainingJob>("m").await.status.unwrap();
    assert_eq!(m.algorithm.as_deref(), Some("elasticNet"));
    assert_eq!(m.common.metrics["rankIc"], "0.05");
    assert_eq!(m.common.inputs[0].digest, dataset.digest);

    for name in ["on-model", "rules"] {
        let s = place.ready::<Strategy>(name).await.status.unwrap();
        assert_eq!(s.common.metrics["sharpe"], "1.25");
        assert!(condition(&s.common, "BacktestPassed").is_some_and(|passed| passed.status == "True"));
        assert!(condition(&s.common, "Running").is_some_and(|running| running.reason == "NotRequested"));
    }
    let inputs = place.ready::<Strategy>("on-model").await.status.unwrap().common.inputs;
    assert_eq!(
        inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(),
        ["TradingUniverse/u", "ModelTrainingJob/m"]
    );
}

#[tokio::test]
async fn a_model_that_is_edited_tells_select_what_was_tried_before() {
    let place = place("edited").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    place.apply(&model("m", "u")).await;
    let first = place.ready::<ModelTrainingJob>("m").await.status.unwrap();
    let [before] = &first.specifications[..] else { panic!("{first:?}") };
    assert_eq!(Some(&before.digest), stage(&first.common, StageName::Select).digest.as_ref());

    let mut longer = model("m", "u");
    longer["spec"]["label"] = json!({"forwardReturn": {"horizonBars": 10}});
    place.apply(&longer).await;
    let second = place.ready::<ModelTrainingJob>("m").await.status.unwrap();
    assert_eq!((second.specifications.len(), &second.specifications[1]), (2, before));
    let select = stage(&second.common, StageName::Select);
    let maps: Api<ConfigMap> = Api::namespaced(place.client.clone(), &place.namespace);
    let document = maps.get(select.job_name.as_deref().unwrap()).await.unwrap().data.unwrap();
    let file: ats_pipeline::StageFile = serde_json::from_str(&document["stage.json"]).unwrap();
    let told = file.input(StageName::Select).unwrap();
    assert_eq!((told.key.to_string(), told.digest.to_string()), (before.key.clone(), before.digest.clone()));

    // What is kept now changes no key: nothing runs again.
    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    let jobs = async || {
        let jobs = jobs.list(&ListParams::default()).await.unwrap().items;
        jobs.into_iter().map(|job| job.metadata.uid).collect::<BTreeSet<_>>()
    };
    let ran = jobs().await;
    // Of the universe and of the model as it is now.
    assert_eq!(ran.len(), 3 + 2);
    place.annotate::<ModelTrainingJob>("m", "trading.ats.dev/retry", "1").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(jobs().await, ran);
    let steady = place.ready::<ModelTrainingJob>("m").await.status.unwrap();
    assert_eq!(steady.specifications, second.specifications);
}

#[tokio::test]
async fn a_stage_is_one_job_with_its_document_and_the_right_policies() {
    let place = place("jobs").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    place.ready::<TradingUniverse>("u").await;

    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    let maps: Api<ConfigMap> = Api::namespaced(place.client.clone(), &place.namespace);
    let list = jobs.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(list.len(), 3);
    for job in list {
        let spec = job.spec.as_ref().unwrap();
        assert_eq!(spec.completion_mode.as_deref(), Some("Indexed"));
        assert_eq!(spec.backoff_limit_per_index, Some(3));
        assert_eq!(spec.active_deadline_seconds, Some(21_600));
        let rules = &spec.pod_failure_policy.as_ref().unwrap().rules;
        assert_eq!(
            rules.iter().map(|rule| rule.action.as_str()).collect::<Vec<_>>(),
            ["Ignore", "FailJob", "FailIndex"]
        );
        let document = maps.get(&job.name_any()).await.unwrap();
        assert_eq!(document.immutable, Some(true));
        assert_eq!(document.owner_references()[0].uid, job.uid().unwrap());
        let file: ats_pipeline::StageFile =
            serde_json::from_str(&document.data.unwrap()["stage.json"]).unwrap();
        assert_eq!(Some(&file.key.to_string()), job.annotations().get("trading.ats.dev/key"));
        assert_eq!(file.store.uri, "file:///store");
    }
}

#[tokio::test]
async fn applying_the_same_again_writes_nothing() {
    let place = place("again").await;
    let reconciles = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reconciles);
    let probe: Probe = Arc::new(move |_: &Key| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let _operator = place.operator_with(&[], Some(probe)).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    place.apply(&model("m", "u")).await;
    place.ready::<ModelTrainingJob>("m").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mark = place.cluster.audit_mark().unwrap();
    let before = reconciles.load(Ordering::Relaxed);
    place.apply(&universe("u")).await;
    place.apply(&model("m", "u")).await;
    // Something that wakes and changes nothing.
    place.annotate::<TradingUniverse>("u", "example.com/note", "x").await;
    place.annotate::<TradingUniverse>("u", "trading.ats.dev/halt", "x").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let writes = place.cluster.audit_since(mark).unwrap().by(USER).namespace(&place.namespace).writes();
    assert!(writes.is_empty(), "{:?}", writes.events());
    let woken = reconciles.load(Ordering::Relaxed) - before;
    assert!((1..=3).contains(&woken), "{woken} reconciles for one annotation that matters");
}

#[tokio::test]
async fn finished_jobs_that_are_deleted_run_no_stage_again() {
    let place = place("ttl").await;
    let operator = place.operator(&[]).await;
    let kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    let before = place.ready::<TradingUniverse>("u").await;
    let played = kubelet.count();
    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    jobs.delete_collection(&DeleteParams::background(), &ListParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // Nor after a restart.
    operator.stop().await;
    let _operator = place.operator(&[]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(kubelet.count(), played);
    assert!(jobs.list(&ListParams::default()).await.unwrap().items.is_empty());
    let after = place.ready::<TradingUniverse>("u").await;
    assert_eq!(before.status, after.status);
}

#[tokio::test]
async fn an_object_that_is_made_anew_finds_the_store_as_it_was() {
    let place = place("anew").await;
    let _operator = place.operator(&[]).await;
    let kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    let first = place.ready::<TradingUniverse>("u").await;
    drop(kubelet);
    place.api::<TradingUniverse>().delete("u", &DeleteParams::background()).await.unwrap();
    let _kubelet = Kubelet::start(&place, |ask| Play::End(Box::new(found(ask))));
    place
        .until("the deletion", async || match place.api::<TradingUniverse>().get_opt("u").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    place.apply(&universe("u")).await;
    let second = place.ready::<TradingUniverse>("u").await;
    assert_ne!(first.uid(), second.uid());
    let (first, second) = (first.status.unwrap().common, second.status.unwrap().common);
    assert_eq!(states(&second), [StageState::CacheHit; 3]);
    assert_eq!(first.artifact, second.artifact);
}

#[tokio::test]
async fn an_operator_that_is_killed_half_way_is_taken_over() {
    let place = place("crash").await;
    let operator = place.operator(&[]).await;
    let held = Kubelet::start(&place, |ask| match ask.stage.as_str() {
        "acquire" => Play::End(Box::new(good(ask))),
        _ => Play::Leave,
    });
    place.apply(&universe("u")).await;
    place
        .status::<TradingUniverse>("u", "features begun", |common| {
            common.stages.len() == 3 && stage(common, StageName::Features).state == StageState::Queued
        })
        .await;
    operator.kill().await;
    drop(held);
    // The pods end while no operator is there.
    let _kubelet = Kubelet::start(&place, |ask| Play::End(Box::new(good(ask))));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let _operator = place.operator(&[]).await;
    let status = place.ready::<TradingUniverse>("u").await.status.unwrap();
    assert_eq!(status.common.stages.iter().map(|stage| stage.attempt).collect::<Vec<_>>(), [1; 3]);
    let jobs: Api<Job> = Api::namespaced(place.client.clone(), &place.namespace);
    assert_eq!(jobs.list(&ListParams::default()).await.unwrap().items.len(), 3);
}
