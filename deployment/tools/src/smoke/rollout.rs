//! Deployments that have rolled out, by the digests that were deployed, behind Services that have endpoints.

use std::collections::BTreeMap;

use super::Verdict;
use crate::images::{Image, OPERATOR};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;

/// Whether every Deployment runs its last version with all its pods. Of pods that do not start their reason is told.
#[must_use]
pub fn deployments(deployments: &[Deployment], pods: &[Pod]) -> Verdict {
    if deployments.is_empty() {
        return Verdict::Waiting("there is no Deployment".to_owned());
    }
    let mut problems = Vec::new();
    for deployment in deployments {
        let name = deployment.metadata.name.as_deref().unwrap_or_default();
        let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let status = deployment.status.clone().unwrap_or_default();
        if status.observed_generation < deployment.metadata.generation {
            problems.push(format!("{name}: its change has not been taken up"));
            continue;
        }
        let conditions = status.conditions.unwrap_or_default();
        let stuck = conditions.iter().find(|one| one.type_ == "Progressing" && one.status == "False");
        if let Some(stuck) = stuck {
            let message = stuck.message.clone().unwrap_or_default();
            let why = waiting(pods).join("; ");
            return Verdict::Failed(format!("{name}: {message} {why}").trim_end().to_owned());
        }
        let (updated, all) = (status.updated_replicas.unwrap_or(0), status.replicas.unwrap_or(0));
        let available = status.available_replicas.unwrap_or(0);
        if updated != wanted || all != wanted || available != wanted {
            problems.push(format!(
                "{name}: {available} of {wanted} pods available, {updated} of the new version, {all} in all"
            ));
        }
    }
    if !problems.is_empty() {
        problems.extend(waiting(pods));
    }
    Verdict::of(&problems, || format!("Deployments rolled out: {}", deployments.len()))
}

/// Containers that do not run, with their reason.
fn waiting(pods: &[Pod]) -> Vec<String> {
    let mut found = Vec::new();
    for pod in pods {
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        for container in statuses.into_iter().flatten() {
            let state = container.state.as_ref().and_then(|state| state.waiting.as_ref());
            let Some(reason) = state.and_then(|state| state.reason.as_deref()) else { continue };
            if reason != "ContainerCreating" && reason != "PodInitializing" {
                let pod = pod.metadata.name.as_deref().unwrap_or_default();
                let message = state.and_then(|state| state.message.as_deref()).unwrap_or_default();
                found.push(format!("{pod}: {reason} {message}").trim_end().to_owned());
            }
        }
    }
    found
}

/// The settings that the operator reads: kustomize appends a hash to a generated ConfigMap's name, and those of before
/// may still be there, so that the Deployment says which.
#[must_use]
pub fn settings<'c>(deployments: &[Deployment], all: &'c [ConfigMap]) -> Option<&'c ConfigMap> {
    let containers = deployments
        .iter()
        .filter_map(|deployment| deployment.spec.as_ref()?.template.spec.as_ref())
        .flat_map(|pod| &pod.containers);
    let mut sources = containers.flat_map(|container| container.env_from.iter().flatten());
    let name = sources.find_map(|source| Some(source.config_map_ref.as_ref()?.name.as_str()))?;
    all.iter().find(|settings| settings.metadata.name.as_deref() == Some(name))
}

/// Whether the operator, and the components that it starts, are those that were deployed, by digest.
#[must_use]
pub fn versions(wanted: &[Image], deployments: &[Deployment], settings: Option<&ConfigMap>) -> Verdict {
    let mut problems = Vec::new();
    let containers = deployments
        .iter()
        .filter_map(|deployment| deployment.spec.as_ref()?.template.spec.as_ref())
        .flat_map(|pod| &pod.containers);
    let running: Vec<&str> = containers.filter_map(|container| container.image.as_deref()).collect();
    let settings = settings.and_then(|settings| settings.data.as_ref());
    for image in wanted {
        let named = |found: &str| found.ends_with(&format!("@{}", image.digest));
        if image.component == OPERATOR {
            if !running.iter().any(|found| named(found)) {
                problems.push(format!("the operator is {}, not {}", running.join(", "), image.digest));
            }
            continue;
        }
        let variable = image.variable();
        match settings.and_then(|settings| settings.get(&variable)) {
            Some(found) if named(found) => {}
            Some(found) => problems.push(format!("{} is {found}, not {}", image.component, image.digest)),
            None => problems.push(format!("{variable} is not set")),
        }
    }
    Verdict::of(&problems, || format!("images as deployed: {}", wanted.len()))
}

/// Whether every Service that selects pods has an endpoint that is ready.
#[must_use]
pub fn endpoints(services: &[Service], slices: &[EndpointSlice]) -> Verdict {
    let mut ready: BTreeMap<&str, usize> = BTreeMap::new();
    for slice in slices {
        let labels = slice.metadata.labels.as_ref();
        let Some(service) = labels.and_then(|labels| labels.get("kubernetes.io/service-name")) else {
            continue;
        };
        let endpoints = slice.endpoints.iter();
        // An endpoint that says nothing of it counts as ready, as for kube-proxy.
        let count = endpoints
            .filter(|one| one.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true));
        *ready.entry(service).or_default() += count.count();
    }
    let selecting: Vec<&str> = services
        .iter()
        .filter(|service| service.spec.as_ref().is_some_and(|spec| spec.selector.is_some()))
        .filter_map(|service| service.metadata.name.as_deref())
        .collect();
    if selecting.is_empty() {
        return Verdict::Waiting("there is no Service".to_owned());
    }
    let without = selecting.iter().filter(|service| ready.get(**service).copied().unwrap_or(0) == 0);
    let problems: Vec<String> = without.map(|service| format!("{service}: no endpoint is ready")).collect();
    Verdict::of(&problems, || format!("Services with endpoints: {}", selecting.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    fn digest(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    fn deployment(change: impl FnOnce(&mut Value)) -> Deployment {
        let mut value = json!({
            "metadata": {"name": "ats-operator", "generation": 3},
            "spec": {"replicas": 2, "selector": {}, "template": {"spec": {"containers": [
                {"name": "operator", "image": format!("registry.example/ats/operator@{}", digest('1'))}
            ]}}},
            "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
        });
        change(&mut value);
        of(value)
    }

    fn text(verdict: &Verdict) -> &str {
        match verdict {
            Verdict::Passed(text) | Verdict::Waiting(text) | Verdict::Failed(text) => text,
        }
    }

    #[test]
    fn a_rollout_is_whole_or_waits() {
        assert_eq!(
            deployments(&[deployment(|_| {})], &[]),
            Verdict::Passed("Deployments rolled out: 1".into())
        );
        let changes: [fn(&mut Value); 4] = [
            |one| one["status"]["observedGeneration"] = json!(2),
            |one| one["status"]["availableReplicas"] = json!(1),
            |one| one["status"]["updatedReplicas"] = json!(1),
            // A pod of the version before is still there.
            |one| one["status"]["replicas"] = json!(3),
        ];
        for change in changes {
            let verdict = deployments(&[deployment(change)], &[]);
            assert!(matches!(verdict, Verdict::Waiting(_)), "{verdict:?}");
        }
        assert!(matches!(deployments(&[], &[]), Verdict::Waiting(_)));
    }

    #[test]
    fn why_a_pod_does_not_start_is_told() {
        let pod = |reason: &str| -> Pod {
            let state = json!({"waiting": {"reason": reason, "message": "no such image"}});
            let status = json!({"name": "operator", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state});
            of(json!({"metadata": {"name": "ats-operator-1"}, "status": {"containerStatuses": [status]}}))
        };
        let behind = deployment(|one| one["status"]["availableReplicas"] = json!(1));
        let verdict = deployments(std::slice::from_ref(&behind), &[pod("ImagePullBackOff")]);
        assert!(text(&verdict).ends_with("ats-operator-1: ImagePullBackOff no such image"), "{verdict:?}");
        let verdict = deployments(&[behind], &[pod("ContainerCreating")]);
        assert!(!text(&verdict).contains("ats-operator-1"), "{verdict:?}");
        let over = deployment(|one| {
            one["status"]["conditions"] =
                json!([{"type": "Progressing", "status": "False", "message": "Deadline exceeded."}]);
        });
        let verdict = deployments(&[over], &[pod("CrashLoopBackOff")]);
        assert!(matches!(&verdict, Verdict::Failed(_)), "{verdict:?}");
        assert!(
            text(&verdict).contains("Deadline exceeded. ats-operator-1: CrashLoopBackOff"),
            "{verdict:?}"
        );
    }

    #[test]
    fn versions_are_compared_by_digest() {
        let image = |component: &str, digit: char| json!({"component": component, "name": format!("registry.example/ats/{component}:1"), "digest": digest(digit)});
        let wanted = |operator: char, monitoring: char| {
            Image::read_all(
                &json!([image("operator", operator), image("data-acquisition", monitoring)]).to_string(),
            )
            .unwrap()
        };
        let named = format!("registry.example/ats/data-acquisition@{}", digest('2'));
        let settings: ConfigMap = of(json!({"data": {"ATS_IMAGE_DATA_ACQUISITION": named}}));
        let running = [deployment(|_| {})];
        let verdict = versions(&wanted('1', '2'), &running, Some(&settings));
        assert_eq!(verdict, Verdict::Passed("images as deployed: 2".into()));
        let verdict = versions(&wanted('3', '4'), &running, Some(&settings));
        assert!(
            text(&verdict).contains("the operator is registry.example/ats/operator@sha256:11"),
            "{verdict:?}"
        );
        assert!(text(&verdict).contains("data-acquisition is registry.example"), "{verdict:?}");
        let verdict = versions(&wanted('1', '2'), &running, None);
        assert_eq!(verdict, Verdict::Waiting("ATS_IMAGE_DATA_ACQUISITION is not set".into()));
    }

    #[test]
    fn settings_are_those_that_the_operator_reads() {
        let deployment = deployment(|one| {
            one["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
                json!([{"configMapRef": {"name": "ats-config-2"}}]);
        });
        let all =
            ["ats-config-1", "ats-config-2"].map(|name| of::<ConfigMap>(json!({"metadata": {"name": name}})));
        assert_eq!(settings(&[deployment], &all).unwrap().metadata.name.as_deref(), Some("ats-config-2"));
        assert!(settings(&[self::deployment(|_| {})], &all).is_none());
    }

    #[test]
    fn a_service_needs_an_endpoint_that_is_ready() {
        let service = |name: &str| -> Service {
            of(json!({"metadata": {"name": name}, "spec": {"selector": {"a": "b"}}}))
        };
        let slice = |name: &str, ready: Value| -> EndpointSlice {
            let labels = json!({"kubernetes.io/service-name": name});
            let endpoints = json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}]);
            of(json!({"metadata": {"labels": labels}, "addressType": "IPv4", "endpoints": endpoints}))
        };
        let services = [service("metrics"), service("page")];
        let verdict = endpoints(&services, &[slice("metrics", json!(true)), slice("page", json!(false))]);
        assert_eq!(verdict, Verdict::Waiting("page: no endpoint is ready".into()));
        let all = [slice("metrics", json!(true)), slice("page", json!(false)), slice("page", Value::Null)];
        assert!(matches!(endpoints(&services, &all), Verdict::Passed(_)));
        assert!(matches!(endpoints(&[], &[]), Verdict::Waiting(_)));
    }
}
