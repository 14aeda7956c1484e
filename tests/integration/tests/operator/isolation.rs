//! One broken object stays one broken object.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use std::time::Duration;

use ats_crds::TradingUniverse;
use ats_integration_tests::{Kubelet, objects::universe, place};
use ats_operator::{Probe, kind::Key};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::json;

#[tokio::test]
async fn a_panic_stays_with_its_object_and_passes() {
    let place = place("panic").await;
    let broken = Arc::new(AtomicBool::new(true));
    let count = Arc::new(AtomicUsize::new(0));
    let (is_broken, counted) = (Arc::clone(&broken), Arc::clone(&count));
    let probe: Probe = Arc::new(move |key: &Key| {
        if key.name == "broken" && is_broken.load(Ordering::Relaxed) {
            counted.fetch_add(1, Ordering::Relaxed);
            panic!("a defect of this object");
        }
    });
    let _operator = place.operator_with(&[], Some(probe)).await;
    let _kubelet = Kubelet::good(&place);
    place.apply(&universe("broken")).await;
    place.apply(&universe("sound")).await;
    place.ready::<TradingUniverse>("sound").await;
    let object = place.condition::<TradingUniverse>("broken", "Stalled", "True", "InternalError").await;
    let message = &object.status.unwrap().common.conditions[0].message;
    assert!(message.contains("a defect of this object"), "{message}");
    // It is tried again, ever more slowly.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let tries = count.load(Ordering::Relaxed);
    assert!((2..=6).contains(&tries), "{tries} tries");
    broken.store(false, Ordering::Relaxed);
    place.ready::<TradingUniverse>("broken").await;
}

/// The definition is loosened so that the API server takes what this version of the operator does not know, as a newer
/// definition would.
#[tokio::test]
async fn an_object_that_does_not_decode_is_told_and_others_go_on() {
    let place = place("decode").await;
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/calendar/enum/-";
    let patch = json!([{"op": "add", "path": path, "value": "XTKS"}]).to_string();
    let definition = "tradinguniverses.trading.ats.dev";
    place
        .cluster
        .kubectl(["patch", "crd", definition, "--type=json", "-p", &patch])
        .await
        .unwrap()
        .success()
        .unwrap();
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    let resource = ApiResource::erase::<TradingUniverse>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(place.client.clone(), &place.namespace, &resource);
    let mut foreign = universe("foreign");
    foreign["spec"]["calendar"] = json!("XTKS");
    let apply = PatchParams::apply("test").force();
    place
        .until("the loosened definition", async || {
            api.patch("foreign", &apply, &Patch::Apply(&foreign)).await.map_err(|error| error.to_string())
        })
        .await;
    place.apply(&universe("sound")).await;
    place.ready::<TradingUniverse>("sound").await;
    let told = place
        .until("the decode error", async || {
            let object = api.get("foreign").await.map_err(|error| error.to_string())?;
            let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let stalled = conditions.iter().find(|condition| condition["type"] == "Stalled").cloned();
            stalled.ok_or_else(|| format!("{:?}", object.data["status"]))
        })
        .await;
    assert_eq!(told["reason"], "DecodeError");
    assert!(told["message"].as_str().unwrap().contains("XTKS"), "{told}");
    // Mended, it goes on.
    foreign["spec"]["calendar"] = json!("XNYS");
    let mended = api.patch("foreign", &apply, &Patch::Apply(&foreign)).await.unwrap();
    place.ready::<TradingUniverse>(&mended.name_any()).await;
}
