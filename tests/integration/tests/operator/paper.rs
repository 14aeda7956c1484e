//! A strategy that trades on paper: its Deployment, its state, its end.

use ats_crds::{
    ANNOTATION_HALT, Strategy, TradingUniverse,
    status::{StageName, StageState},
};
use ats_integration_tests::{
    Kubelet, Place,
    objects::{condition, stage, strategy, universe},
    place,
};
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::ConfigMap},
    jiff::{SignedDuration, Timestamp},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

fn paper(name: &str) -> Value {
    let mut strategy = strategy(name, "u");
    strategy["spec"]["mode"] = json!("Paper");
    strategy
}

async fn tell(place: &Place, name: &str, age: SignedDuration, halt: Value) {
    let state = json!({
        "epoch": 1, "session": "2021-03-31", "equity": "101000.5", "cash": "5", "drawdown": "-0.01",
        "exposure": "0.9", "openPositions": 2, "positions": [], "openOrders": 0, "halt": halt,
        "heartbeat": (Timestamp::now() - age).to_string(),
    });
    let maps: Api<ConfigMap> = Api::namespaced(place.client.clone(), &place.namespace);
    let patch = json!({"data": {"state.json": state.to_string()}});
    let name = format!("{name}-state");
    place
        .until("the state's ConfigMap", async || {
            maps.patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
                .await
                .map_err(|error| error.to_string())
        })
        .await;
}

#[tokio::test]
async fn a_paper_strategy_trades_is_watched_and_goes() {
    let place = place("paper").await;
    let _operator = place.operator(&["--heartbeat-seconds=20"]).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    place.ready::<TradingUniverse>("u").await;
    place.apply(&paper("s")).await;
    let deployments: Api<Deployment> = Api::namespaced(place.client.clone(), &place.namespace);
    place.condition::<Strategy>("s", "Running", "Unknown", "Progressing").await;
    let deployment = place
        .until("the Deployment", async || deployments.get("s-trade").await.map_err(|error| error.to_string()))
        .await;
    assert!(deployment.owner_references().is_empty(), "a foreground deletion would take it at once");
    let spec = deployment.spec.as_ref().unwrap();
    assert_eq!(
        (spec.replicas, spec.strategy.as_ref().unwrap().type_.as_deref()),
        (Some(1), Some("Recreate"))
    );
    assert_eq!(place.api::<Strategy>().get("s").await.unwrap().finalizers(), ["trading.ats.dev/trade"]);

    tell(&place, "s", SignedDuration::ZERO, Value::Null).await;
    let ready = place.ready::<Strategy>("s").await.status.unwrap();
    assert_eq!(ready.common.metrics["equity"], "101000.5");
    assert_eq!(ready.common.metrics["sharpe"], "1.25");
    assert_eq!(ready.halted.as_deref(), Some("False"));
    assert!(condition(&ready.common, "Running").is_some_and(|running| running.reason == "Trading"));
    assert_eq!(stage(&ready.common, StageName::Trade).state, StageState::Running);

    let halt = json!({"id": "h1", "cause": "MaxDrawdown", "reason": "equity fell by 0.21", "at": "2021-03-31T20:00:00Z"});
    tell(&place, "s", SignedDuration::ZERO, halt).await;
    let halted = place
        .condition::<Strategy>("s", "WithinRiskLimits", "False", "DrawdownLatched")
        .await
        .status
        .unwrap();
    assert_eq!((halted.halted.as_deref(), halted.halt.unwrap().id.as_str()), (Some("True"), "h1"));
    tell(&place, "s", SignedDuration::ZERO, Value::Null).await;
    place.condition::<Strategy>("s", "WithinRiskLimits", "True", "WithinLimits").await;
    place.annotate::<Strategy>("s", ANNOTATION_HALT, "true").await;
    place.condition::<Strategy>("s", "WithinRiskLimits", "False", "KillSwitch").await;

    tell(&place, "s", SignedDuration::from_secs(15), Value::Null).await;
    place.condition::<Strategy>("s", "Running", "Unknown", "HeartbeatStale").await;
    tell(&place, "s", SignedDuration::ZERO, Value::Null).await;
    place.condition::<Strategy>("s", "Running", "True", "Trading").await;

    place.change::<Strategy>("s", &json!({"suspend": true})).await;
    place.condition::<Strategy>("s", "Running", "False", "Suspended").await;
    let replicas = async || deployments.get("s-trade").await.unwrap().spec.unwrap().replicas;
    place
        .until("no replica", async || match replicas().await {
            Some(0) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    place.change::<Strategy>("s", &json!({"suspend": false})).await;
    place
        .until("one replica", async || match replicas().await {
            Some(1) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;

    // Gates that fail change nothing that runs.
    let key = deployments.get("s-trade").await.unwrap().annotations()["trading.ats.dev/key"].clone();
    let gates = json!({"backtest": {"start": "2020-07-01", "gates": [{"metric": "Sharpe", "operator": "GreaterOrEqual", "value": "9"}]}});
    place.change::<Strategy>("s", &gates).await;
    place.condition::<Strategy>("s", "BacktestPassed", "False", "GateFailed").await;
    assert_eq!(deployments.get("s-trade").await.unwrap().annotations()["trading.ats.dev/key"], key);

    place.api::<Strategy>().delete("s", &DeleteParams::foreground()).await.unwrap();
    place
        .until("the end of the strategy", async || match place.api::<Strategy>().get_opt("s").await {
            Ok(None) => Ok(()),
            other => Err(format!("{:?}", other.map(|_| ()))),
        })
        .await;
    place
        .until("the end of the Deployment", async || match deployments.get_opt("s-trade").await {
            Ok(None) => Ok(()),
            other => Err(format!("{:?}", other.map(|_| ()))),
        })
        .await;
}

#[tokio::test]
async fn back_in_backtest_nothing_trades() {
    let place = place("mode").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&universe("u")).await;
    place.apply(&paper("s")).await;
    tell(&place, "s", SignedDuration::ZERO, Value::Null).await;
    place.ready::<Strategy>("s").await;
    place.change::<Strategy>("s", &json!({"mode": "Backtest"})).await;
    let back = place.condition::<Strategy>("s", "Running", "False", "NotRequested").await;
    assert_eq!(back.status.unwrap().common.stages.len(), 1);
    let deployments: Api<Deployment> = Api::namespaced(place.client.clone(), &place.namespace);
    place
        .until("the end of the Deployment", async || match deployments.get_opt("s-trade").await {
            Ok(None) => Ok(()),
            other => Err(format!("{:?}", other.map(|_| ()))),
        })
        .await;
    place
        .until("no finalizer", async || {
            let left = place.api::<Strategy>().get("s").await.unwrap().finalizers().to_vec();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
}
