//! The monitoring of a namespace: one Deployment and its Service.

use std::collections::{BTreeMap, BTreeSet};

use ats_crds::PodTemplate;
use ats_pipeline::contract;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        core::v1::{
            KeyToPath, ProjectedVolumeSource, SecretProjection, Service, ServicePort, ServiceSpec, Volume,
            VolumeMount, VolumeProjection,
        },
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::{
    deployment::{ANNOTATION_HASH, hash},
    labels::{self, LABEL_COMPONENT, LABEL_MANAGED_BY},
    pod::{Workload, probe, resources},
};
use crate::{
    options::{Component, Options, SecretKey},
    world::accounts,
};

/// Name of the Deployment and of the Service.
pub const NAME: &str = "ats-monitoring";

/// Name of the volume with the ledgers' URLs.
const LEDGERS: &str = "ledgers";
/// Where the pod looks for them. Files and not variables, since a Secret that is made or changed later reaches a pod
/// that runs.
const LEDGERS_FOLDER: &str = "/etc/ats/ledgers";
/// File for strategies that name no ledger.
const DEFAULT_LEDGER_FILE: &str = "default";
/// Port of the web page.
const PAGE_PORT: u16 = 3000;

fn component() -> &'static str {
    Component::Monitoring.as_str()
}

fn selector() -> BTreeMap<String, String> {
    let mut labels = labels::common(component(), NAME);
    labels.retain(|name, _| name == LABEL_COMPONENT || name == LABEL_MANAGED_BY);
    labels
}

fn metadata(namespace: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels::common(component(), NAME)),
        ..ObjectMeta::default()
    }
}

/// The Deployment. It reads the operator's default ledger and those that strategies name.
///
/// # Errors
/// When it does not serialise.
pub fn deployment(
    namespace: &str,
    options: &Options,
    ledgers: &BTreeSet<SecretKey>,
) -> Result<Deployment, serde_json::Error> {
    let (image, pull_policy) = Workload::image(&options.images, Component::Monitoring);
    let mut environment = options.workload_environment();
    environment.extend([
        ("ATS_NAMESPACE".to_owned(), namespace.to_owned()),
        ("ATS_LEDGERS".to_owned(), LEDGERS_FOLDER.to_owned()),
    ]);
    let workload = Workload {
        image,
        pull_policy,
        labels: labels::common(component(), NAME),
        document: None,
        claims: Vec::new(),
        store_secret: None,
        source_secret: None,
        ledger: None,
        environment,
        account: accounts::MONITORING.to_owned(),
        api_access: true,
        page: Some(PAGE_PORT),
        restarts: true,
        // It watches and draws: a namespace with nothing to do shall not keep a quarter of a processor from stages.
        template: PodTemplate {
            annotations: scraped(),
            resources: Some(resources("20m", "64Mi", "512Mi")),
            ..PodTemplate::default()
        },
    };
    let mut template = workload.to_template();
    if let Some(pod) = &mut template.spec {
        pod.volumes.get_or_insert_default().push(volume(options.default_ledger_secret.as_ref(), ledgers));
        for container in &mut pod.containers {
            container.volume_mounts.get_or_insert_default().push(VolumeMount {
                name: LEDGERS.to_owned(),
                mount_path: LEDGERS_FOLDER.to_owned(),
                read_only: Some(true),
                ..VolumeMount::default()
            });
            container.readiness_probe = Some(probe("/readyz", 5));
            container.liveness_probe = Some(probe("/healthz", 20));
        }
    }
    let spec = DeploymentSpec {
        replicas: Some(1),
        selector: LabelSelector { match_labels: Some(selector()), match_expressions: None },
        template,
        ..DeploymentSpec::default()
    };
    // Deployment and Service are applied together: what changes in either is in the digest.
    let mut metadata = metadata(namespace);
    metadata.annotations =
        Some(BTreeMap::from([(ANNOTATION_HASH.to_owned(), hash(&(&spec, service(namespace).spec))?)]));
    Ok(Deployment { metadata, spec: Some(spec), status: None })
}

/// The annotations by which a Prometheus finds the pod. The Service has none: it would be scraped twice.
fn scraped() -> BTreeMap<String, String> {
    let pairs = [
        ("prometheus.io/scrape", "true".to_owned()),
        ("prometheus.io/port", contract::METRICS_PORT.to_string()),
        ("prometheus.io/path", "/metrics".to_owned()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The URLs of ledgers as files. A Secret that is missing leaves its file out until it is made.
fn volume(default: Option<&SecretKey>, ledgers: &BTreeSet<SecretKey>) -> Volume {
    let source = |secret: &SecretKey, path: String| VolumeProjection {
        secret: Some(SecretProjection {
            name: secret.name.clone(),
            items: Some(vec![KeyToPath { key: secret.key.clone(), path, mode: None }]),
            optional: Some(true),
        }),
        ..VolumeProjection::default()
    };
    let default = default.map(|secret| source(secret, DEFAULT_LEDGER_FILE.to_owned()));
    let own = ledgers.iter().map(|secret| source(secret, format!("secrets/{}/{}", secret.name, secret.key)));
    Volume {
        name: LEDGERS.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(default.into_iter().chain(own).collect()),
            default_mode: Some(0o440),
        }),
        ..Volume::default()
    }
}

/// The Service.
pub fn service(namespace: &str) -> Service {
    Service {
        metadata: metadata(namespace),
        spec: Some(ServiceSpec {
            selector: Some(selector()),
            ports: Some(vec![port("page", PAGE_PORT), port("metrics", contract::METRICS_PORT)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

fn port(name: &str, port: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: port.into(),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn secret(name: &str, key: &str) -> SecretKey {
        SecretKey { name: name.to_owned(), key: key.to_owned() }
    }

    fn built(arguments: &[&str], ledgers: &BTreeSet<SecretKey>) -> Deployment {
        let line = std::iter::once("operator").chain(arguments.iter().copied());
        deployment("trading", &Line::parse_from(line).options, ledgers).unwrap()
    }

    /// Where the URL of each Secret's key is to be found, and whether the pod starts without it.
    fn files(deployment: &Deployment) -> Vec<(String, String, String, bool)> {
        let pod = deployment.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
        let volume = pod.volumes.iter().flatten().find(|volume| volume.name == LEDGERS).unwrap();
        let sources = volume.projected.as_ref().unwrap().sources.as_ref().unwrap();
        let secrets = sources.iter().map(|source| source.secret.as_ref().unwrap());
        secrets
            .map(|secret| {
                let item = &secret.items.as_ref().unwrap()[0];
                (secret.name.clone(), item.key.clone(), item.path.clone(), secret.optional == Some(true))
            })
            .collect()
    }

    #[test]
    fn every_ledger_is_a_file_that_may_be_missing() {
        let ledgers = BTreeSet::from([secret("shared", "url"), secret("mine", "dsn")]);
        let one =
            |name: &str, key: &str, path: &str| (name.to_owned(), key.to_owned(), path.to_owned(), true);
        assert_eq!(
            files(&built(&["--default-ledger-secret=shared"], &ledgers)),
            [
                one("shared", "url", "default"),
                one("mine", "dsn", "secrets/mine/dsn"),
                one("shared", "url", "secrets/shared/url"),
            ]
        );
        assert_eq!(files(&built(&[], &BTreeSet::new())), []);
        let hash = |deployment: &Deployment| {
            deployment.metadata.annotations.as_ref().unwrap()[ANNOTATION_HASH].clone()
        };
        assert_ne!(
            hash(&built(&[], &ledgers)),
            hash(&built(&[], &BTreeSet::new())),
            "another ledger is applied"
        );
    }

    #[test]
    fn ports_probes_and_annotations_agree() {
        let deployment = built(&[], &BTreeSet::new());
        let template = deployment.spec.unwrap().template;
        let annotations = template.metadata.unwrap().annotations.unwrap();
        let pod = template.spec.unwrap();
        let container = &pod.containers[0];
        let ports: BTreeMap<String, i32> = container
            .ports
            .iter()
            .flatten()
            .map(|port| (port.name.clone().unwrap(), port.container_port))
            .collect();
        assert_eq!(annotations["prometheus.io/scrape"], "true");
        assert_eq!(annotations["prometheus.io/port"], ports["metrics"].to_string());
        assert_eq!(annotations["prometheus.io/path"], "/metrics");
        for port in service("trading").spec.unwrap().ports.unwrap() {
            assert_eq!(port.target_port, Some(IntOrString::String(port.name.clone().unwrap())));
            assert_eq!(Some(&port.port), ports.get(&port.name.unwrap()));
        }
        for probe in [&container.readiness_probe, &container.liveness_probe] {
            let get = probe.as_ref().unwrap().http_get.as_ref().unwrap();
            assert_eq!(get.port, IntOrString::String("metrics".to_owned()));
        }
        let mount = container.volume_mounts.iter().flatten().find(|mount| mount.name == LEDGERS).unwrap();
        assert_eq!((mount.mount_path.as_str(), mount.read_only), ("/etc/ats/ledgers", Some(true)));
    }
}
