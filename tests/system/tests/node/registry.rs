//! Pods pull their images from a registry, by digest, as they do where the project is deployed.

use ats_system_tests::Place;
use ats_test_cluster::{Cluster, Options, install::COMPONENTS};
use serde_json::json;
use tokio::sync::OnceCell;

/// A node of its own: the others have the images before a pod asks.
async fn node() -> &'static Cluster {
    static NODE: OnceCell<Cluster> = OnceCell::const_new();
    NODE.get_or_init(async || {
        let options = Options { registry: true, ..Options::default() };
        Cluster::whole_node(options).await.expect("the node starts, with a registry")
    })
    .await
}

#[tokio::test]
async fn pods_pull_by_digest() {
    let cluster = node().await;
    let references = cluster.install_from_registry(&[]).await.expect("the operator starts from the registry");
    let namespace = cluster.namespace("pull").await.unwrap();
    cluster.prepare(&namespace).await.unwrap();
    let place = Place { cluster, namespace };
    let universe = json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "TradingUniverse", "metadata": {"name": "pulled"},
        "spec": {
            "tickers": ["AAA", "BBB"],
            "source": {"synthetic": {"seed": 7}},
            "history": {"start": "2020-01-02", "end": "2020-06-30"},
            "features": [{"name": "momentum", "expression": "close / delay(close, 21) - 1"}],
        },
    });
    place.apply(&[universe]).await;
    place.ready("tradinguniverse/pulled").await;

    let reference = |component: &str| {
        let position = COMPONENTS.iter().position(|(name, _)| *name == component).unwrap();
        references[position].as_str()
    };
    let pulled = |events: &[serde_json::Value], component: &str| {
        let words = format!("Successfully pulled image \"{}\"", reference(component));
        let told =
            |event: &serde_json::Value| event["message"].as_str().is_some_and(|said| said.contains(&words));
        assert!(events.iter().any(told), "{words}: {events:#?}");
    };
    let events = place.list(&["events", "--field-selector=reason=Pulled"]).await;
    pulled(&events, "data-acquisition");
    pulled(&events, "feature-engineering");
    let system = Place { cluster, namespace: "ats-system".into() };
    pulled(&system.list(&["events", "--field-selector=reason=Pulled"]).await, "operator");

    // What runs is what was asked for, by its digest.
    let pods = system.list(&["pods", "--selector=app.kubernetes.io/component=operator"]).await;
    assert!(!pods.is_empty(), "the operator runs");
    for pod in pods {
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["image"], reference("operator"));
        assert_eq!(container["imagePullPolicy"], "IfNotPresent");
        assert_eq!(pod["status"]["containerStatuses"][0]["imageID"], reference("operator"));
    }
}
