//! A pod that cannot start or that ended badly, in words that a user can act on.

use ats_crds::Reason;
use ats_pipeline::{Category, Outcome, status::Trouble};
use k8s_openapi::{
    api::core::v1::{ContainerStateTerminated, Pod},
    jiff::Timestamp,
};
use kube::ResourceExt;

/// A warning from an Event, where only Events tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The Event's reason: `FailedMount`, `FailedCreate`.
    pub reason: String,
    /// The Event's words.
    pub message: String,
    /// When it was last seen.
    pub at: Timestamp,
}

const PULL: &[&str] = &[
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RegistryUnavailable",
    "ImageInspectError",
    "SignatureValidationFailed",
];
const CONFIG: &[&str] = &["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];

/// Why a pod that has not ended does not run, if it does not.
pub fn of_waiting(pod: &Pod, warnings: &[Warning]) -> Option<Trouble> {
    let status = pod.status.as_ref()?;
    if status.phase.as_deref() != Some("Pending") && !is_waiting(pod) {
        return None;
    }
    let name = pod.name_any();
    let statuses =
        status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
    for container in statuses {
        let Some(waiting) = container.state.as_ref().and_then(|state| state.waiting.as_ref()) else {
            continue;
        };
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let words = waiting.message.as_deref().unwrap_or("no further words");
        if PULL.contains(&reason) {
            let message = format!("pod {name} cannot pull image {:?} ({reason}): {words}", container.image);
            return Some(Trouble { reason: Reason::ImagePullFailed, message });
        }
        if CONFIG.contains(&reason) {
            let namespace = pod.namespace().unwrap_or_default();
            // The kubelet names what is missing and not what to do.
            let mend = if words.contains("not found") || words.contains("couldn't find key") {
                format!(
                    "; make it in namespace {namespace}, or change the reference in the spec: the pod then starts by itself"
                )
            } else {
                String::new()
            };
            let message = format!("pod {name} cannot start its container ({reason}): {words}{mend}");
            return Some(Trouble { reason: Reason::VolumeMountFailed, message });
        }
        if reason == "CrashLoopBackOff" {
            let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            return Some(last.map_or_else(
                || Trouble {
                    reason: Reason::PodFailed,
                    message: format!("pod {name} ends again and again: {words}"),
                },
                |terminated| of_terminated(&name, terminated),
            ));
        }
    }
    let unscheduled = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    });
    if let Some(condition) = unscheduled {
        let words = condition.message.as_deref().unwrap_or("no node fits");
        return Some(Trouble {
            reason: Reason::Unschedulable,
            message: format!("pod {name} fits on no node: {words}"),
        });
    }
    let mount =
        warnings.iter().filter(|warning| is_mount(&warning.reason)).max_by_key(|warning| warning.at)?;
    let message = format!("pod {name} waits for a volume ({}): {}", mount.reason, mount.message);
    Some(Trouble { reason: Reason::VolumeMountFailed, message })
}

fn is_waiting(pod: &Pod) -> bool {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.filter_map(|container| container.state.as_ref()).any(|state| state.waiting.is_some())
}

fn is_mount(reason: &str) -> bool {
    matches!(reason, "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" | "FailedCreatePodSandBox")
}

/// Why a Job (or a ReplicaSet) cannot make its pods: quota, Pod Security, admission.
pub fn of_creation(warnings: &[Warning]) -> Option<Trouble> {
    let refused = warnings
        .iter()
        .filter(|warning| warning.reason == "FailedCreate")
        .max_by_key(|warning| warning.at)?;
    Some(Trouble { reason: Reason::PodRefused, message: format!("no pod can be made: {}", refused.message) })
}

/// The reason of a failure that a pod told; a try that failed is not yet the failure of its stage.
pub fn reason_of(category: Category) -> Reason {
    match category {
        Category::Unavailable | Category::Internal => Reason::PodFailed,
        category => category.reason(),
    }
}

/// How a container ended badly.
pub fn of_terminated(pod: &str, terminated: &ContainerStateTerminated) -> Trouble {
    if terminated.reason.as_deref() == Some("OOMKilled") {
        let message = format!("pod {pod} was killed: it needed more memory than its limit");
        return Trouble { reason: Reason::OutOfMemory, message };
    }
    let told = terminated.message.as_deref().and_then(|text| serde_json::from_str::<Outcome>(text).ok());
    let reason = told.as_ref().map_or(Reason::PodFailed, |outcome| reason_of(outcome.category));
    let words = told.map(|outcome| outcome.message);
    let words = words.or_else(|| terminated.message.as_deref().map(last_words));
    let words = words.filter(|words| !words.is_empty());
    let end = match terminated.signal {
        Some(signal) if signal > 0 => format!("by signal {signal}"),
        _ => format!("with exit code {}", terminated.exit_code),
    };
    let message = match words {
        Some(words) => format!("pod {pod} ended {end}: {words}"),
        None => format!("pod {pod} ended {end} and left no message; see its log"),
    };
    Trouble { reason, message }
}

/// The end of a text: a panic's or an error's last lines say the most.
fn last_words(text: &str) -> String {
    const MOST: usize = 400;
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(MOST);
    text.chars().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()
    }

    fn waiting(reason: &str, message: &str) -> Pod {
        pod(&json!({"phase": "Pending", "containerStatuses": [{
            "name": "c", "image": "img:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": reason, "message": message}},
        }]}))
    }

    #[test]
    fn each_problem_of_a_waiting_pod_has_its_reason_and_its_words() {
        let cases = [
            (waiting("ImagePullBackOff", "Back-off pulling"), Reason::ImagePullFailed, "Back-off pulling"),
            (waiting("ErrImageNeverPull", "not present"), Reason::ImagePullFailed, "img:1"),
            (
                waiting("CreateContainerConfigError", "secret \"s\" not found"),
                Reason::VolumeMountFailed,
                "secret \"s\"",
            ),
            (
                pod(&json!({"phase": "Pending", "conditions": [{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes",
                }]})),
                Reason::Unschedulable,
                "0/1 nodes",
            ),
        ];
        for (pod, reason, words) in cases {
            let trouble = of_waiting(&pod, &[]).unwrap();
            assert_eq!(trouble.reason, reason);
            assert!(trouble.message.contains(words), "{}", trouble.message);
        }
    }

    #[test]
    fn a_failed_mount_is_told_only_while_the_pod_waits() {
        let warning =
            Warning { reason: "FailedMount".into(), message: "pvc".into(), at: Timestamp::UNIX_EPOCH };
        let pending = pod(&json!({"phase": "Pending"}));
        assert_eq!(
            of_waiting(&pending, std::slice::from_ref(&warning)).unwrap().reason,
            Reason::VolumeMountFailed
        );
        assert_eq!(of_waiting(&pod(&json!({"phase": "Running"})), &[warning]), None);
        assert_eq!(of_waiting(&waiting("ContainerCreating", ""), &[]), None);
    }

    #[test]
    fn an_out_of_memory_kill_is_told_as_such() {
        let terminated = ContainerStateTerminated {
            exit_code: 137,
            reason: Some("OOMKilled".into()),
            ..Default::default()
        };
        assert_eq!(of_terminated("p", &terminated).reason, Reason::OutOfMemory);
        let plain = ContainerStateTerminated {
            exit_code: 101,
            message: Some("panicked".into()),
            ..Default::default()
        };
        let trouble = of_terminated("p", &plain);
        assert_eq!(trouble.reason, Reason::PodFailed);
        assert!(trouble.message.contains("101") && trouble.message.contains("panicked"));
    }

    /// A trading pod that ends is tried again for ever: its last words are what the user gets to see.
    #[test]
    fn what_a_pod_told_is_shown_in_its_words() {
        let told =
            |category| Outcome::failed(category, "the ledger does not answer").to_termination_message();
        let restarting = |message: String| {
            pod(&json!({"phase": "Running", "containerStatuses": [{
                "name": "c", "image": "img:1", "imageID": "", "ready": false, "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": {"exitCode": 75, "reason": "Error", "message": message}},
            }]}))
        };
        let trouble = of_waiting(&restarting(told(Category::Unavailable)), &[]).unwrap();
        assert_eq!(trouble.reason, Reason::PodFailed);
        assert_eq!(trouble.message, "pod p ended with exit code 75: the ledger does not answer");
        let trouble = of_waiting(&restarting(told(Category::BadSpec)), &[]).unwrap();
        assert_eq!(trouble.reason, Reason::BadSpec);
    }
}
