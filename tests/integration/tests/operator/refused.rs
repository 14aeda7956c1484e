//! What a user got wrong is told in words, with its reason, and a better spec mends it.

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse, status::HasCommonStatus};
use ats_integration_tests::{
    Kubelet, Place,
    objects::{condition, model, model_strategy, strategy, universe},
    place,
};
use ats_operator::kind::Managed;
use serde_json::{Value, json};

async fn stalled<K: Managed>(place: &Place, name: &str, reason: &str, words: &[&str]) {
    let object = place.condition::<K>(name, "Stalled", "True", reason).await;
    let common = object.status().unwrap().common();
    let ready = condition(common, "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", reason));
    assert!(condition(common, "Reconciling").is_none());
    for word in words {
        assert!(ready.message.contains(word), "{word:?} is not in {:?}", ready.message);
    }
}

fn with(mut object: Value, path: &str, value: Value) -> Value {
    *object.pointer_mut(path).unwrap() = value;
    object
}

#[tokio::test]
async fn bad_specs_are_told_with_field_and_mend() {
    let place = place("bad").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    let expression = with(universe("expression"), "/spec/features/0/expression", json!("clos / 2"));
    place.apply(&expression).await;
    stalled::<TradingUniverse>(
        &place,
        "expression",
        "InvalidExpression",
        &["spec.features[0].expression", "clos"],
    )
    .await;

    place.apply(&with(universe("ticker"), "/spec/tickers", json!(["AAPL", "AAPL"]))).await;
    stalled::<TradingUniverse>(&place, "ticker", "InvalidSpec", &["spec.tickers[1]", "twice"]).await;

    let files = json!({"files": {"uri": "file:///data/bars"}});
    place.apply(&with(universe("volume"), "/spec/source", files)).await;
    stalled::<TradingUniverse>(&place, "volume", "VolumeRequired", &["spec.source.files.volumeClaim"]).await;

    // Mended, it goes on.
    place.apply(&with(universe("expression"), "/spec/features/0/expression", json!("close / 2"))).await;
    place.ready::<TradingUniverse>("expression").await;

    let mut unknown = model("unknown", "expression");
    unknown["spec"]["features"] = json!(["momentun"]);
    place.apply(&unknown).await;
    stalled::<ModelTrainingJob>(&place, "unknown", "InvalidSpec", &["spec.features", "momentun"]).await;

    let mut rules = strategy("rules", "expression");
    rules["spec"]["signal"]["rules"]["entry"] = json!("close + 1");
    place.apply(&rules).await;
    stalled::<Strategy>(&place, "rules", "InvalidExpression", &["spec.signal.rules.entry"]).await;
}

#[tokio::test]
async fn a_missing_store_and_different_stores_are_told() {
    let place = place("stores").await;
    let options = place.options(&[]);
    assert!(options.default_store_claim.is_some());
    let _kubelet = Kubelet::good(&place);
    let _operator = place.operator(&[]).await;
    place.apply(&universe("u")).await;
    place.ready::<TradingUniverse>("u").await;

    let mut other = model("other-store", "u");
    other["spec"]["artifactStore"] = json!({"uri": "s3://elsewhere/ats"});
    place.apply(&other).await;
    stalled::<ModelTrainingJob>(
        &place,
        "other-store",
        "InvalidSpec",
        &["spec.artifactStore", "s3://elsewhere/ats"],
    )
    .await;

    let mut local = universe("local-store");
    local["spec"]["artifactStore"] = json!({"uri": "file:///tmp/store"});
    place.apply(&local).await;
    stalled::<TradingUniverse>(&place, "local-store", "VolumeRequired", &["volumeClaim"]).await;
}

#[tokio::test]
async fn gates_that_fail_keep_the_model_from_being_published() {
    let place = place("gates").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    place.apply(&with(model("m", "u"), "/spec/gates/0/value", json!("0.2"))).await;
    place.apply(&model_strategy("s", "u", "m")).await;
    stalled::<ModelTrainingJob>(&place, "m", "GateFailed", &["rankIc is 0.05", ">= 0.2"]).await;
    place.condition::<ModelTrainingJob>("m", "Published", "False", "NotPublished").await;
    place.condition::<Strategy>("s", "Reconciling", "True", "WaitingForReference").await;
    // Another bound computes nothing again and publishes what is there.
    place.apply(&with(model("m", "u"), "/spec/gates/0/value", json!("0.04"))).await;
    let m = place.ready::<ModelTrainingJob>("m").await;
    assert!(m.status.unwrap().common.stages.iter().all(|stage| stage.attempt == 1));
    place.ready::<Strategy>("s").await;
    // A published model stays published when the next one fails.
    place.apply(&with(strategy("s2", "u"), "/spec/backtest/gates/0/value", json!("2"))).await;
    stalled::<Strategy>(&place, "s2", "GateFailed", &["sharpe is 1.25"]).await;
    place.condition::<Strategy>("s2", "BacktestPassed", "False", "GateFailed").await;
}
