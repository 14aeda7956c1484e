//! Changes reach those that refer.

use std::time::{Duration, Instant};

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse, status::HasCommonStatus};
use ats_integration_tests::{
    Kubelet,
    objects::{condition, model, model_strategy, universe},
    place,
};
use kube::api::DeleteParams;
use serde_json::json;

#[tokio::test]
async fn a_new_dataset_trains_anew_and_the_last_model_stays() {
    let place = place("refresh").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    place.apply(&model("m", "u")).await;
    place.apply(&model_strategy("s", "u", "m")).await;
    let before = place.ready::<Strategy>("s").await.status.unwrap().common;
    place.change::<TradingUniverse>("u", &json!({"history": {"end": "2021-02-26"}})).await;
    let dataset = place
        .status::<TradingUniverse>("u", "another dataset", |common| {
            condition(common, "Ready").is_some_and(|ready| ready.status == "True")
        })
        .await;
    let dataset = dataset.status.unwrap().common.artifact.unwrap().digest;
    let of = |common: &ats_crds::status::CommonStatus| {
        common.inputs.first().map(|input| input.digest.clone()) == Some(dataset.clone())
            && condition(common, "Ready").is_some_and(|ready| ready.status == "True")
    };
    let model = place.status::<ModelTrainingJob>("m", "trained on it", of).await;
    assert_eq!(model.status.unwrap().common.history.len(), 2);
    let after = place.status::<Strategy>("s", "tested on it", of).await.status.unwrap().common;
    assert_ne!(before.artifact, after.artifact);
}

#[tokio::test]
async fn a_reference_that_goes_is_told_and_one_that_comes_back_is_used() {
    let place = place("references").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&model("m", "u")).await;
    let waiting = place.condition::<ModelTrainingJob>("m", "Ready", "Unknown", "WaitingForReference").await;
    let message = condition(waiting.status.as_ref().unwrap().common(), "Ready").unwrap().message.clone();
    assert!(message.contains("TradingUniverse u is not there"), "{message}");
    place.apply(&universe("u")).await;
    place.ready::<ModelTrainingJob>("m").await;
    let began = Instant::now();
    place.api::<TradingUniverse>().delete("u", &DeleteParams::background()).await.unwrap();
    // The model that is published stays: ready, and waiting.
    let gone = place.condition::<ModelTrainingJob>("m", "Reconciling", "True", "WaitingForReference").await;
    assert!(began.elapsed() < Duration::from_secs(10));
    let common = gone.status.unwrap().common;
    assert!(condition(&common, "Ready").is_some_and(|ready| ready.status == "True"));
    assert!(condition(&common, "Published").is_some_and(|published| published.status == "True"));
}
