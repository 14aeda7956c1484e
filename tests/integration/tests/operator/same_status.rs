//! One outcome, one status: what `ats run` writes and what the operator writes when its pods tell the same.

use std::{collections::BTreeMap, process::Command};

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use ats_integration_tests::{
    Kubelet, Place, Play,
    objects::{model, model_strategy, strategy, universe},
    place,
};
use ats_operator::kind::Managed;
use ats_pipeline::{Category, Outcome};
use ats_test_cluster::binary;
use serde_json::{Value, json};

/// The objects of a run with their status, by kind and name.
fn run(objects: &[Value]) -> BTreeMap<(String, String), Value> {
    let folder = tempfile::tempdir().unwrap();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let documents: Vec<String> = list["items"].as_array().unwrap().iter().map(ToString::to_string).collect();
    std::fs::write(folder.path().join("objects.yaml"), documents.join("\n---\n")).unwrap();
    let ats = binary("ats-cli", "ats").unwrap();
    let arguments = ["run", "-f", "objects.yaml", "-o", "json"];
    let output = Command::new(ats).current_dir(folder.path()).args(arguments).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |item: &Value, path: &str| item.pointer(path).and_then(Value::as_str).unwrap().to_owned();
    told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| ((text(item, "/kind"), text(item, "/metadata/name")), item["status"].clone()))
        .collect()
}

/// What the pods of a stage would have told.
fn outcome(status: &Value, stage: &str) -> Option<Outcome> {
    let entry = status["stages"].as_array()?.iter().find(|entry| entry["name"] == stage)?;
    if entry["state"] == "Failed" {
        let failure = status["failures"].as_array()?.iter().find(|failure| failure["stage"] == stage)?;
        let category = [Category::SourceUnreadable, Category::DataRefused]
            .into_iter()
            .find(|category| category.reason().as_str() == failure["category"])?;
        return Some(Outcome::failed(category, entry["message"].as_str()?));
    }
    let figures = status["metrics"].as_object().into_iter().flatten();
    Some(Outcome {
        category: Category::Done,
        message: "done".to_owned(),
        digest: Some(entry["digest"].as_str()?.parse().unwrap()),
        computed: entry["computed"].as_u64()?,
        reused: entry["reused"].as_u64()?,
        figures: figures
            .map(|(name, text)| (name.clone(), Some(text.as_str().unwrap().parse().unwrap())))
            .collect(),
        notes: BTreeMap::new(),
        failures: Vec::new(),
    })
}

/// A status without times, and without what only a cluster has: names of Jobs, shards, the place of the store.
fn plain(mut status: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                for gone in [
                    "lastTransitionTime",
                    "startedAt",
                    "finishedAt",
                    "at",
                    "jobName",
                    "sourceDigest",
                    "progress",
                ] {
                    object.remove(gone);
                }
                object.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut status);
    if let Some(conditions) = status["conditions"].as_array_mut() {
        conditions.sort_by_key(|condition| condition["type"].to_string());
    }
    status
}

async fn agrees<K: Managed>(place: &Place, local: &BTreeMap<(String, String), Value>, name: &str) {
    let local = plain(local[&(K::KIND.as_str().to_owned(), name.to_owned())].clone());
    let api = place.api::<K>();
    place
        .until(&format!("the status of {name}"), async || {
            let object = api.get(name).await.map_err(|error| error.to_string())?;
            let status = serde_json::to_value(object.status()).map_err(|error| error.to_string())?;
            let found = plain(status);
            if found == local { Ok(()) } else { Err(format!("in the cluster\n{found:#}\nhere\n{local:#}")) }
        })
        .await;
}

#[tokio::test]
async fn a_run_and_the_operator_tell_the_same() {
    // A model whose gate cannot hold, so that what uses it waits; a strategy with gates and one without.
    let mut strict = model("strict", "u");
    strict["spec"]["gates"] = json!([{"metric": "RankIc", "operator": "GreaterOrEqual", "value": "0.99"}]);
    let mut free = strategy("free", "u");
    free["spec"]["backtest"] = json!({"start": "2020-06-01"});
    let mut gated = strategy("gated", "u");
    gated["spec"]["backtest"]["gates"][0]["value"] = json!("-100");
    let mut failing = strategy("failing", "u");
    failing["spec"]["backtest"]["gates"][0]["value"] = json!("100");
    let mut loose = model("loose", "u");
    loose["spec"]["gates"] = json!([]);
    let waiting = model_strategy("waiting", "u", "strict");
    let mut unreadable = universe("unreadable");
    let claim = json!({"claimName": "data", "mountPath": "/nowhere"});
    unreadable["spec"]["source"] = json!({"files": {"uri": "file:///nowhere/bars", "volumeClaim": claim}});
    let objects = [universe("u"), unreadable, strict, loose, free, gated, failing, waiting];
    let local = run(&objects);
    assert_eq!(local.len(), objects.len());

    let place = place("same").await;
    let _operator = place.operator(&[]).await;
    let told = local.clone();
    let _kubelet = Kubelet::start(&place, move |ask| {
        let found = told.iter().find(|((_, name), _)| *name == ask.object);
        match found.and_then(|(_, status)| outcome(status, &ask.stage)) {
            // The first shard tells of all units.
            Some(mut outcome) => {
                if ask.shard.is_some_and(|shard| shard > 0) {
                    (outcome.computed, outcome.reused) = (0, 0);
                }
                let code = outcome.category.exit_code().code().into();
                match outcome.is_done() {
                    true => Play::End(Box::new(outcome)),
                    false => Play::Fail { code, outcome: Some(Box::new(outcome)), reason: "Error" },
                }
            }
            None => Play::Leave,
        }
    });
    for object in &objects {
        place.apply(object).await;
    }
    agrees::<TradingUniverse>(&place, &local, "u").await;
    agrees::<TradingUniverse>(&place, &local, "unreadable").await;
    agrees::<ModelTrainingJob>(&place, &local, "strict").await;
    agrees::<ModelTrainingJob>(&place, &local, "loose").await;
    for name in ["free", "gated", "failing", "waiting"] {
        agrees::<Strategy>(&place, &local, name).await;
    }
    let condition = |name: &str, type_: &str| {
        let status = &local[&("Strategy".to_owned(), name.to_owned())];
        let found = status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == type_);
        found.unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(condition("free", "BacktestPassed"), "GatesPassed");
    assert_eq!(condition("failing", "BacktestPassed"), "GateFailed");
    assert_eq!(condition("waiting", "Ready"), "WaitingForReference");
    let unreadable = &local[&("TradingUniverse".to_owned(), "unreadable".to_owned())];
    assert_eq!(unreadable["stages"][0]["state"], "Failed");
}
