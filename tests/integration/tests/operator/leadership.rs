//! Several replicas: one leads, and another takes over.

use std::time::{Duration, Instant};

use ats_crds::TradingUniverse;
use ats_integration_tests::{Kubelet, objects::universe, place};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

const FLAGS: &[&str] = &[
    "--leader-election=true",
    "--leader-election-namespace=ats-system",
    "--leader-election-lease=ats-operator",
    "--lease-seconds=5",
];

#[tokio::test]
async fn a_standby_takes_over_after_a_crash_and_at_once_after_an_orderly_end() {
    let place = place("leader").await;
    let _kubelet = Kubelet::good(&place);
    let leases: Api<Lease> = Api::namespaced(place.client.clone(), "ats-system");
    let lease = async || -> LeaseSpec { leases.get("ats-operator").await.unwrap().spec.unwrap() };
    let held_by = async |identity: &str| {
        place
            .until(&format!("{identity} leads"), async || {
                let lease =
                    leases.get("ats-operator").await.map_err(|error| error.to_string())?.spec.unwrap();
                if lease.holder_identity.as_deref() == Some(identity) {
                    Ok(())
                } else {
                    Err(format!("{lease:?}"))
                }
            })
            .await;
    };
    let start = async |identity: &str| {
        let identity = format!("--identity={identity}");
        let mut flags = FLAGS.to_vec();
        flags.push(&identity);
        place.operator(&flags).await
    };
    let a = start("a").await;
    held_by("a").await;
    let b = start("b").await;
    place.apply(&universe("one")).await;
    place.ready::<TradingUniverse>("one").await;
    assert_eq!(lease().await.holder_identity.as_deref(), Some("a"));
    let epoch = lease().await.lease_transitions.unwrap();

    // The process is gone, its last renewal stands: the standby waits for the term, not less.
    a.kill().await;
    let killed = Instant::now();
    place.apply(&universe("two")).await;
    held_by("b").await;
    assert!(killed.elapsed() > Duration::from_secs(3), "{:?}", killed.elapsed());
    assert_eq!(lease().await.lease_transitions, Some(epoch + 1));
    place.ready::<TradingUniverse>("two").await;

    let c = start("c").await;
    b.stop().await;
    let stopped = Instant::now();
    held_by("c").await;
    assert!(stopped.elapsed() < Duration::from_secs(4), "{:?}", stopped.elapsed());
    place.apply(&universe("three")).await;
    place.ready::<TradingUniverse>("three").await;

    // A lease that another has taken, however, is not fought for: writes end.
    let stolen =
        json!({"spec": {"holderIdentity": "thief", "leaseTransitions": 99, "leaseDurationSeconds": 3600}});
    leases.patch("ats-operator", &PatchParams::default(), &Patch::Merge(&stolen)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let mark = place.cluster.audit_mark().unwrap();
    place.apply(&universe("four")).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let writes = place.cluster.audit_since(mark).unwrap().by(ats_integration_tests::setup::USER);
    let writes = writes.namespace(&place.namespace).writes();
    assert!(writes.is_empty(), "{:?}", writes.events());
    c.stop().await;
    assert_eq!(lease().await.holder_identity.as_deref(), Some("thief"));
}
