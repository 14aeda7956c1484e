//! A stand-in for the kubelet that ends every Job's pod of a namespace well, as soon as a watch shows it. Pods of
//! Deployments stay as they are: one that ended would be replaced for ever.

use std::collections::BTreeMap;

use ats_pipeline::{Category, Digest, Outcome};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Label that the Job controller puts on its pods.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

/// Plays the pods of a namespace until the result is dropped.
pub fn start(client: Client, namespace: &str) -> AbortOnDropHandle<()> {
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let task = tokio::spawn(async move {
        let mut writes = JoinSet::new();
        let mut stream = watcher::watcher(pods.clone(), watcher::Config::default()).boxed();
        loop {
            tokio::select! {
                event = stream.next() => match event {
                    Some(Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod))) if is_new(&pod) => {
                        writes.spawn(end(pods.clone(), pod));
                    }
                    Some(_) => {}
                    None => return,
                },
                Some(_) = writes.join_next() => {}
            }
        }
    });
    AbortOnDropHandle::new(task)
}

fn is_new(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none()
        && pod.labels().contains_key(JOB_NAME)
        && matches!(phase, None | Some("Pending"))
}

async fn end(pods: Api<Pod>, pod: Pod) {
    let patch = Patch::Merge(json!({"status": status(&pod)}));
    // A pod that was deleted meanwhile needs no status; anything else shows as an object that is never ready.
    let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch).await;
}

fn status(pod: &Pod) -> Value {
    let job = pod.labels().get(JOB_NAME).map_or("", String::as_str);
    let container = pod.spec.as_ref().and_then(|spec| spec.containers.first());
    let name = container.map_or("workload", |container| container.name.as_str());
    let message = outcome(job).to_termination_message();
    json!({
        "phase": "Succeeded",
        "containerStatuses": [{
            "name": name, "image": "workload:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "reason": "Completed", "message": message}},
        }],
    })
}

/// What a workload tells at its end, as small as real ones are.
fn outcome(job: &str) -> Outcome {
    Outcome {
        category: Category::Done,
        message: "done".to_owned(),
        digest: Some(Digest::of(job.as_bytes())),
        computed: 3,
        reused: 0,
        figures: [("activeTickers".to_owned(), Some(3.0)), ("focusTickers".to_owned(), Some(2.0))].into(),
        notes: BTreeMap::new(),
        failures: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "p", "labels": {JOB_NAME: "u-acquire-1"}},
            "spec": {"containers": [{"name": "main"}]},
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_of_a_job_is_played_once() {
        assert!(is_new(&pod(&json!({}))) && is_new(&pod(&json!({"phase": "Pending"}))));
        assert!(!is_new(&pod(&status(&pod(&json!({}))))));
        let mut of_a_deployment = pod(&json!({}));
        of_a_deployment.metadata.labels = None;
        assert!(!is_new(&of_a_deployment));
    }

    #[test]
    fn its_container_ends_with_an_outcome() {
        let status = status(&pod(&json!({})));
        let container = &status["containerStatuses"][0];
        assert_eq!(container["name"], "main");
        let message = container["state"]["terminated"]["message"].as_str().unwrap();
        let told: Outcome = serde_json::from_str(message).unwrap();
        assert!(told.is_done() && told.digest == Some(Digest::of(b"u-acquire-1")));
    }
}
