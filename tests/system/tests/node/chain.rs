//! The samples: all Ready, digests equal to those of `ats run`, nothing done twice.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use ats_system_tests::{digests, place, run_samples, title};

use crate::look::look;

#[tokio::test]
async fn the_samples_come_to_the_same_digests_on_a_node_and_without_one_and_nothing_is_done_twice() {
    let place = place("samples").await;
    place.apply_samples().await;
    let ready = place.all_ready(5).await;

    let local = tempfile::tempdir().unwrap();
    let expected = digests(&run_samples(local.path()));
    assert_eq!(digests(&ready), expected);
    assert_eq!(expected.len(), 9, "{expected:?}");

    let pods = place.list(&["pods"]).await;
    let components: BTreeSet<&str> = pods
        .iter()
        .filter_map(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"].as_str())
        .collect();
    let components: Vec<&str> = components.into_iter().collect();
    assert_eq!(
        components,
        ["data-acquisition", "feature-engineering", "model-training", "monitoring", "trading-strategy"]
    );
    // The probes of monitoring hold: it has its accounts, its files and an answer from the API server.
    let available = ["wait", "--for=condition=Available", "--timeout=60s", "deployment/ats-monitoring"];
    place.kubectl(&available).await;
    look(&place).await;

    // The same files again: nothing to do, nothing written. Then a change that concerns no stage wakes every object.
    let mark = place.cluster.audit_mark().unwrap();
    place.apply_samples().await;
    place.kubectl(&["annotate", "tu,mtj,strat", "--all", "example.com/touched=1"]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(place.written(mark).is_empty(), "{:#?}", place.written(mark));
    assert_eq!(place.pods_made(mark), 0);

    // The finished Jobs go, with their pods: what is in the status decides, not the Job.
    place.kubectl(&["delete", "jobs", "--all", "--wait"]).await;
    assert!(place.list(&["jobs"]).await.is_empty());
    place.kubectl(&["annotate", "tu,mtj,strat", "--all", "--overwrite", "example.com/touched=2"]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(place.written(mark).is_empty(), "{:#?}", place.written(mark));
    assert_eq!(place.pods_made(mark), 0);
    let still = place.all_ready(5).await;
    assert_eq!(digests(&still), expected);

    // Deleted and applied again: everything is in the store.
    place.delete_objects().await;
    let since = Instant::now();
    place.apply_samples().await;
    let again = place.all_ready(5).await;
    println!("the samples again, all from the store: {:.1} s", since.elapsed().as_secs_f64());
    assert_eq!(digests(&again), expected);
    for object in &again {
        for stage in object["status"]["stages"].as_array().unwrap() {
            assert_eq!(stage["state"], "CacheHit", "{} {stage}", title(object));
        }
    }
    place.end().await;
}
