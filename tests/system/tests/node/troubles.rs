//! A pod that cannot start is told on its object, in words, within ten seconds of when the scheduler or the kubelet said
//! so, which on a machine at rest is a second or two after `kubectl apply`; mended, it goes on by itself.

use std::time::{Duration, Instant};

use ats_system_tests::{Place, calm, condition, place, storm};
use ats_test_cluster::install::{COMPONENTS, component_image};
use serde_json::{Value, json};

const WITHIN: Duration = Duration::from_secs(10);

fn universe(name: &str, further: &Value) -> Value {
    let mut universe = json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "TradingUniverse", "metadata": {"name": name},
        "spec": {
            "tickers": ["AAA", "BBB"],
            "source": {"synthetic": {"seed": 7}},
            "history": {"start": "2020-01-02", "end": "2020-06-30"},
            "features": [{"name": "momentum", "expression": "close / delay(close, 21) - 1"}],
        },
    });
    for (field, value) in further.as_object().unwrap() {
        universe["spec"][field] = value.clone();
    }
    universe
}

async fn told(place: &Place, name: &str, reason: &str, words: &str, since: Instant) {
    let object = format!("tradinguniverse/{name}");
    let mut said = None;
    // The first words may be of a moment: a claim that the node may not read yet.
    place
        .until(&format!("{name}: {reason}, {words}"), async || {
            if said.is_none() {
                let events = place.kubectl(&["get", "events", "--output=jsonpath={.items[*].message}"]).await;
                said = events.contains(words).then(Instant::now);
            }
            let found = place.get(&object).await;
            let told = |kind: &str, status: &str| {
                condition(&found, kind).is_some_and(|condition| {
                    let message = condition["message"].as_str().unwrap_or_default();
                    condition["status"] == status && condition["reason"] == reason && message.contains(words)
                })
            };
            let both = told("Reconciling", "True") && told("Ready", "Unknown");
            if both { Ok(()) } else { Err(found["status"].to_string()) }
        })
        .await;
    // Without an Event that was seen first, from the beginning.
    let took = said.unwrap_or(since).elapsed();
    println!(
        "{name}: {reason} after {:.1} s, {:.1} s behind the Event",
        since.elapsed().as_secs_f64(),
        took.as_secs_f64()
    );
    assert!(took < WITHIN, "{name}: {took:?}");
}

#[tokio::test]
async fn a_missing_image_is_told_and_its_arrival_noticed() {
    let place = place("image").await;
    let _storm = storm().await;
    let (component, package) = COMPONENTS[1];
    let image = component_image(component, package).unwrap();
    place.cluster.unload(image.name()).unwrap();
    let since = Instant::now();
    place.apply(&[universe("imageless", &json!({}))]).await;
    told(&place, "imageless", "ImagePullFailed", image.name(), since).await;
    place.cluster.load(&image).await.unwrap();
    place.ready("tradinguniverse/imageless").await;
    place.end().await;
}

#[tokio::test]
async fn a_missing_secret_claim_folder_and_node_are_told() {
    let place = place("start").await;
    let _calm = calm().await;
    let store =
        |name: &str| json!({"artifactStore": {"volumeClaim": {"claimName": name, "mountPath": "/store"}}});
    let volume = format!("{}-folderless", place.namespace);
    let gone = place.cluster.state().folder.join("volumes/nothing-here");
    place
        .apply(&[
            json!({
                "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume},
                "spec": {
                    "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": "",
                    "hostPath": {"path": gone, "type": "Directory"},
                },
            }),
            json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "folderless"},
                "spec": {
                    "accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": volume,
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }),
        ])
        .await;
    place.kubectl(&["wait", "--for=jsonpath={.status.phase}=Bound", "pvc/folderless", "--timeout=30s"]).await;

    let bucket =
        json!({"artifactStore": {"uri": "s3://bucket/ats", "credentialsSecretRef": {"name": "absent"}}});
    let label = format!("example.com/{}", place.namespace);
    let picky = json!({"podTemplate": {"nodeSelector": {&label: "yes"}}});
    let since = Instant::now();
    place
        .apply(&[
            universe("secret", &bucket),
            universe("claim", &store("nowhere")),
            universe("folder", &store("folderless")),
            universe("node", &picky),
        ])
        .await;
    tokio::join!(
        told(&place, "secret", "VolumeMountFailed", "secret \"absent\" not found", since),
        told(&place, "claim", "Unschedulable", "persistentvolumeclaim \"nowhere\" not found", since),
        told(&place, "folder", "VolumeMountFailed", "nothing-here", since),
        told(&place, "node", "Unschedulable", "node affinity/selector", since),
    );

    // A node that fits, a claim, a folder: what was told is over by itself.
    std::fs::create_dir(&gone).unwrap();
    std::fs::set_permissions(&gone, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let node = &place.cluster.node().unwrap().name;
    place.kubectl(&["label", "node", node, &format!("{label}=yes")]).await;
    place.ready("tradinguniverse/node").await;
    place.ready("tradinguniverse/folder").await;
    place.end().await;
}
