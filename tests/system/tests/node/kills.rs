//! Pods of stages that are killed: tried again, and in the end told.

use ats_system_tests::{Place, condition, place, stage};
use serde_json::{Value, json};

fn universe(name: &str) -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "TradingUniverse", "metadata": {"name": name},
        "spec": {
            "tickers": ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"],
            "source": {"synthetic": {"seed": 7}},
            "history": {"start": "2014-01-02", "end": "2021-12-31"},
            "features": [
                {"name": "momentum", "expression": "close / delay(close, 21) - 1"},
                {"name": "volatility", "expression": "realized_volatility(21)"},
                {"name": "rsi_14", "expression": "rsi(close, 14)"},
            ],
        },
    })
}

/// A model whose folds take long enough to be killed in their midst.
fn forest(name: &str) -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "ModelTrainingJob", "metadata": {"name": name},
        "spec": {
            "universeRef": {"name": "made-up"},
            "label": {"forwardReturn": {"horizonBars": 5}},
            "algorithm": {"randomForest": {"trees": 2000, "maxDepth": 6, "minSamplesLeaf": 20}},
            "validation": {"walkForward": {"folds": 5, "testBars": 252}},
            "retryLimit": 2,
            "seed": 7,
        },
    })
}

/// The pods of a model's folds that run, by the kubelet's account.
async fn running(place: &Place, name: &str) -> Vec<Value> {
    let selector = format!("trading.ats.dev/name={name},trading.ats.dev/stage=train");
    let pods = place.list(&["pods", "-l", &selector]).await;
    // The phase of a pod follows its containers after a while.
    let runs = |pod: &Value| !pod["status"]["containerStatuses"][0]["state"]["running"].is_null();
    pods.into_iter().filter(|pod| runs(pod) && pod["metadata"]["deletionTimestamp"].is_null()).collect()
}

#[tokio::test]
async fn a_pod_that_is_killed_and_one_that_is_deleted_are_tried_again() {
    let place = place("pods").await;
    place.apply(&[universe("made-up")]).await;
    place.ready("tradinguniverse/made-up").await;
    let mark = place.cluster.audit_mark().unwrap();
    place.apply(&[forest("forest")]).await;

    let killed = place
        .until("a running pod to kill", async || {
            let pods = running(&place, "forest").await;
            let pod = pods.first().ok_or("none runs")?;
            match place.cluster.kill_pod(pod["metadata"]["uid"].as_str().unwrap()).unwrap() {
                0 => Err("it has ended by itself".to_owned()),
                _ => Ok(pod["metadata"]["name"].as_str().unwrap().to_owned()),
            }
        })
        .await;
    let end = place
        .until("the end of the killed pod", async || {
            let pod = place.get(&format!("pod/{killed}")).await;
            let end = pod["status"]["containerStatuses"][0]["state"]["terminated"].clone();
            if end.is_null() { Err(pod["status"].to_string()) } else { Ok(end) }
        })
        .await;
    assert_eq!(end["exitCode"], 137, "{end}");
    // It is told while the next try is waited for.
    let told = place.condition("modeltrainingjob/forest", "Reconciling", "True", "PodFailed").await;
    let message = condition(&told, "Ready").unwrap()["message"].as_str().unwrap();
    assert!(message.contains(&killed) && message.contains("137"), "{message}");

    let deleted = place
        .until("a running pod to delete", async || {
            let pods = running(&place, "forest").await;
            let pod = pods.first().ok_or("none runs")?;
            Ok(pod["metadata"]["name"].as_str().unwrap().to_owned())
        })
        .await;
    assert_ne!(deleted, killed);
    place.kubectl(&["delete", "pod", &deleted, "--force", "--grace-period=0"]).await;

    let ready = place.ready("modeltrainingjob/forest").await;
    let train = stage(&ready, "train");
    assert_eq!((&train["state"], &train["attempt"]), (&json!("Succeeded"), &json!(1)), "{train}");
    assert!(ready["status"]["failures"].as_array().is_none_or(Vec::is_empty), "{ready}");
    let shards = place.get(&format!("job/{}", train["jobName"].as_str().unwrap())).await;
    let shards = shards["spec"]["completions"].as_u64().unwrap();
    // One pod for each shard, one for each that was lost, one for stage select.
    assert_eq!(place.pods_made(mark), usize::try_from(shards).unwrap() + 2 + 1);
    assert_eq!(place.jobs_made(mark), 2);
    place.end().await;
}

#[tokio::test]
async fn a_pod_without_enough_memory_is_told_and_more_memory_mends_it() {
    let place = place("memory").await;
    let mut hungry = universe("hungry");
    // A rank holds the rows of all tickers at once, which are more than the limit; a single ticker's are not.
    let rank = json!({"name": "momentum_rank", "expression": "rank(momentum)"});
    hungry["spec"]["features"].as_array_mut().unwrap().push(rank);
    let tickers: Vec<String> = (10..90).map(|number| format!("T{number}")).collect();
    hungry["spec"]["tickers"] = json!(tickers);
    hungry["spec"]["history"]["start"] = json!("2000-01-03");
    hungry["spec"]["retryLimit"] = json!(1);
    hungry["spec"]["podTemplate"] =
        json!({"resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "32Mi"}}});
    place.apply(&[hungry, universe("content")]).await;

    let failed = place.condition("tradinguniverse/hungry", "Stalled", "True", "OutOfMemory").await;
    let ready = condition(&failed, "Ready").unwrap();
    assert_eq!(ready["status"], "False");
    let message = ready["message"].as_str().unwrap();
    assert!(message.contains("more memory than its limit"), "{message}");
    let stages = failed["status"]["stages"].as_array().unwrap();
    let killed = stages.iter().find(|entry| entry["state"] == "Failed").unwrap();
    assert_eq!(killed["attempt"], 1, "{killed}");
    let killed = killed["name"].as_str().unwrap();
    let failures = failed["status"]["failures"].as_array().unwrap();
    assert!(failures.iter().any(|failure| failure["category"] == "OutOfMemory"), "{failures:?}");
    let selector = format!("trading.ats.dev/name=hungry,trading.ats.dev/stage={killed}");
    let pods = place.list(&["pods", "-l", &selector]).await;
    assert_eq!(pods.len(), 2, "the first try and one more");
    for pod in &pods {
        let end = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        assert_eq!(end["reason"], "OOMKilled", "{end}");
    }
    // Beside it nothing happened to the other.
    let other = place.ready("tradinguniverse/content").await;
    for entry in other["status"]["stages"].as_array().unwrap() {
        assert_eq!((&entry["state"], &entry["attempt"]), (&json!("Succeeded"), &json!(1)), "{entry}");
    }

    // It stays failed until somebody does something; more memory is a change of the spec, and the stage's next try.
    let patch = json!({"spec": {"podTemplate": {"resources": {"limits": {"memory": "512Mi"}}}}});
    place.patch("tradinguniverse/hungry", &patch).await;
    let mended = place.ready("tradinguniverse/hungry").await;
    let entry = stage(&mended, killed);
    assert_eq!((&entry["state"], &entry["attempt"]), (&json!("Succeeded"), &json!(2)), "{entry}");
    assert!(mended["status"]["failures"].as_array().is_none_or(Vec::is_empty), "{mended}");
    place.end().await;
}
