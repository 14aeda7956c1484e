//! The operator dies at ten points of a run.

use std::{collections::BTreeMap, time::Duration};

use ats_system_tests::{Place, digests, place, stage, storm, title};
use serde_json::Value;

/// After how many of the operator's writes the leader is killed: after the first of a Job, between a Job and its
/// document, before and after a status, and so on through the nine stages. A run takes forty writes at least, and more
/// on a slow machine, which tells more of its progress.
const KILLS: [usize; 10] = [1, 3, 6, 9, 13, 17, 21, 26, 31, 36];

/// The pod that leads, by the Lease: its name and its uid.
async fn leader(place: &Place) -> Option<(String, String)> {
    let lease = ["get", "lease", "-n", "ats-system", "ats-operator", "-o", "jsonpath={.spec.holderIdentity}"];
    let holder = place.cluster.kubectl(lease).await.unwrap().stdout;
    let pods = ["get", "pods", "-n", "ats-system", "-o", "json"];
    let pods: Value = serde_json::from_str(&place.cluster.kubectl(pods).await.unwrap().stdout).unwrap();
    let pods = pods["items"].as_array().unwrap();
    let text = |pod: &Value, field: &str| pod["metadata"][field].as_str().unwrap().to_owned();
    let pod = pods.iter().find(|pod| holder.starts_with(&text(pod, "name")))?;
    Some((text(pod, "name"), text(pod, "uid")))
}

/// Kills the process that leads, and gives its pod's name. A pod that leads by its lease may be between two starts of
/// its container: then there is nothing to kill yet, or only the processes that set up the container.
async fn kill_leader(place: &Place) -> String {
    place
        .until("a leader to kill", async || {
            let (name, uid) = leader(place).await.ok_or("nobody leads")?;
            match place.cluster.kill_pod(&uid).unwrap() {
                0 => Err(format!("{name} is dead already")),
                1 => Ok(name),
                _ => Err(format!("{name} was being started")),
            }
        })
        .await
}

#[tokio::test]
async fn the_operator_killed_ten_times_runs_nothing_twice() {
    let place = place("killed").await;
    let _storm = storm().await;
    let mark = place.cluster.audit_mark().unwrap();
    place.apply_samples().await;

    let mut victims: BTreeMap<String, usize> = BTreeMap::new();
    for (number, after) in KILLS.into_iter().enumerate() {
        place
            .until(&format!("write {after} of the operator"), async || {
                let so_far = place.written(mark).len();
                if so_far >= after { Ok(()) } else { Err(format!("{so_far} writes")) }
            })
            .await;
        let name = kill_leader(&place).await;
        println!("kill {} after write {after}: {name}", number + 1);
        *victims.entry(name).or_default() += 1;
    }
    assert_eq!(victims.values().sum::<usize>(), KILLS.len());
    let ready = place.all_ready(5).await;

    // One Job for each stage, made once; one pod for each of its shards.
    let stages = digests(&ready);
    assert_eq!(stages.len(), 9);
    assert_eq!(place.jobs_made(mark), stages.len());
    let jobs = place.list(&["jobs"]).await;
    assert_eq!(jobs.len(), stages.len());
    let shards: i64 = jobs.iter().map(|job| job["spec"]["completions"].as_i64().unwrap()).sum();
    // The namespace's monitoring is set up beside the objects: whoever led last has done so soon.
    let monitoring = place
        .until("the monitoring of the namespace", async || {
            let pods = place.list(&["pods", "-l", "app.kubernetes.io/component=monitoring"]).await;
            if pods.is_empty() { Err("no pod".to_owned()) } else { Ok(pods.len()) }
        })
        .await;
    assert_eq!(place.pods_made(mark), usize::try_from(shards).unwrap() + monitoring);
    for object in &ready {
        for entry in object["status"]["stages"].as_array().unwrap() {
            assert_eq!(entry["state"], "Succeeded", "{}: {entry}", title(object));
            assert_eq!(entry["attempt"], 1, "{}: {entry}", title(object));
        }
        assert!(object["status"]["failures"].as_array().is_none_or(Vec::is_empty), "{object}");
    }
    assert_eq!(stage(&ready[0], "nothing"), &Value::Null);

    // It comes back to a world that is as it should be, and changes nothing.
    let mark = place.cluster.audit_mark().unwrap();
    kill_leader(&place).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    place.until("another leader", async || leader(&place).await.ok_or(String::new())).await;
    assert!(place.written(mark).is_empty(), "{:#?}", place.written(mark));
    place.end().await;
    place_is_calm().await;
}

/// Leaves the operator as other tests expect it.
async fn place_is_calm() {
    ats_system_tests::installed().await.operator_ready().await.unwrap();
}
