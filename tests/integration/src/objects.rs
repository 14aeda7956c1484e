//! Objects that tests apply, and how they read them.

use ats_crds::{
    ModelTrainingJob, Strategy, TradingUniverse,
    status::{CommonStatus, HasCommonStatus, StageName, StageState, StageStatus},
};
use ats_operator::kind::Managed;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::Place;

/// A universe of made-up bars.
pub fn universe(name: &str) -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "TradingUniverse", "metadata": {"name": name},
        "spec": {
            "tickers": ["AAPL", "IBM", "GE"],
            "source": {"synthetic": {"seed": 7}},
            "history": {"start": "2020-01-02", "end": "2021-03-31"},
            "features": [{"name": "momentum", "expression": "close / delay(close, 21) - 1"}],
        },
    })
}

/// A model of it.
pub fn model(name: &str, universe: &str) -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "ModelTrainingJob", "metadata": {"name": name},
        "spec": {
            "universeRef": {"name": universe},
            "label": {"forwardReturn": {"horizonBars": 5}},
            "algorithm": {"elasticNet": {}},
            "validation": {"walkForward": {"folds": 2, "testBars": 21}},
            "gates": [{"metric": "RankIc", "operator": "GreaterOrEqual", "value": "0.01"}],
        },
    })
}

/// A strategy on it, by rules.
pub fn strategy(name: &str, universe: &str) -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "Strategy", "metadata": {"name": name},
        "spec": {
            "universeRef": {"name": universe},
            "signal": {"rules": {"entry": "close > sma(close, 50)", "exit": "close < sma(close, 50)"}},
            "portfolio": {"maxPositions": 2, "sizing": {"equalWeight": {}}},
            "risk": {},
            "backtest": {
                "start": "2020-06-01",
                "gates": [{"metric": "Sharpe", "operator": "GreaterOrEqual", "value": "0.3"}],
            },
        },
    })
}

/// A strategy on a model.
pub fn model_strategy(name: &str, universe: &str, model: &str) -> Value {
    let mut strategy = strategy(name, universe);
    strategy["spec"]["signal"] = json!({"model": {"name": model}});
    strategy
}

impl Place {
    /// The API of a kind in this namespace.
    pub fn api<K: Managed>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies an object as `kubectl apply --server-side` does.
    pub async fn apply(&self, object: &Value) {
        let (name, kind) = (object["metadata"]["name"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let parameters = PatchParams::apply("test").force();
        let patch = Patch::Apply(object);
        match kind {
            "TradingUniverse" => {
                drop(self.api::<TradingUniverse>().patch(name, &parameters, &patch).await.unwrap());
            }
            "ModelTrainingJob" => {
                drop(self.api::<ModelTrainingJob>().patch(name, &parameters, &patch).await.unwrap());
            }
            "Strategy" => drop(self.api::<Strategy>().patch(name, &parameters, &patch).await.unwrap()),
            other => panic!("unknown kind {other}"),
        }
    }

    /// Sets an annotation.
    pub async fn annotate<K: Managed>(&self, name: &str, annotation: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {annotation: value}}});
        self.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    /// Changes a spec by a merge patch.
    pub async fn change<K: Managed>(&self, name: &str, spec: &Value) {
        let patch = json!({"spec": spec});
        self.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }

    /// Waits for a status of the present generation for which `holds`.
    pub async fn status<K: Managed>(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&CommonStatus) -> bool,
    ) -> K {
        let api = self.api::<K>();
        self.until(&format!("{name}: {what}"), async || {
            let object = api.get(name).await.map_err(|error| error.to_string())?;
            let common = object.status().map(|status| status.common().clone()).unwrap_or_default();
            let present = Some(common.observed_generation) == object.meta().generation;
            if present && holds(&common) { Ok(object) } else { Err(seen(&common)) }
        })
        .await
    }

    /// Waits for a condition.
    pub async fn condition<K: Managed>(&self, name: &str, type_: &str, status: &str, reason: &str) -> K {
        let what = format!("{type_} {status} {reason}");
        self.status(name, &what, |common| {
            condition(common, type_).is_some_and(|found| found.status == status && found.reason == reason)
        })
        .await
    }

    /// Waits until an object is ready.
    pub async fn ready<K: Managed>(&self, name: &str) -> K {
        self.condition(name, "Ready", "True", "Succeeded").await
    }
}

/// A condition of a status.
pub fn condition<'a>(common: &'a CommonStatus, type_: &str) -> Option<&'a Condition> {
    common.conditions.iter().find(|condition| condition.type_ == type_)
}

/// A stage of a status.
pub fn stage(common: &CommonStatus, name: StageName) -> &StageStatus {
    common.stages.iter().find(|stage| stage.name == name).expect("the stage is listed")
}

/// The states of the stages, in order.
pub fn states(common: &CommonStatus) -> Vec<StageState> {
    common.stages.iter().map(|stage| stage.state).collect()
}

fn seen(common: &CommonStatus) -> String {
    let conditions = common.conditions.iter();
    let conditions: Vec<String> = conditions
        .map(|condition| {
            format!("{}={} {} ({})", condition.type_, condition.status, condition.reason, condition.message)
        })
        .collect();
    let stages: Vec<String> = common
        .stages
        .iter()
        .map(|stage| format!("{} {:?} {}", stage.name, stage.state, stage.attempt))
        .collect();
    format!("generation {}, {conditions:?}, {stages:?}", common.observed_generation)
}
