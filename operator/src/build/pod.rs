//! Pods of workloads: they pass Pod Security `restricted`, write nothing but their volumes, and carry what the user's
//! pod template adds.

use std::collections::BTreeMap;

use ats_crds::PodTemplate;
use ats_pipeline::{check::Volume as Claim, contract};
use k8s_openapi::{
    api::core::v1::{
        Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvFromSource,
        EnvVar, EnvVarSource, HTTPGetAction, KeyToPath, LocalObjectReference,
        PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
        ResourceRequirements, SeccompProfile, SecretEnvSource, SecretKeySelector, SecretVolumeSource,
        SecurityContext, Volume, VolumeMount,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

use crate::options::{Images, SecretKey};

/// User and group of every workload's process.
const NOBODY: i64 = 65532;
/// Name of the workload's container.
pub const CONTAINER: &str = "workload";
/// Name of the port of metrics and health.
const METRICS: &str = "metrics";

/// What a workload's pod is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its image.
    pub image: String,
    /// When the image is pulled.
    pub pull_policy: String,
    /// Labels of the pod, which win over the user's.
    pub labels: BTreeMap<String, String>,
    /// The ConfigMap with `stage.json`, if it has one.
    pub document: Option<String>,
    /// Claims that it mounts, and whether only for reading.
    pub claims: Vec<(Claim, bool)>,
    /// Secret with the artifact store's settings.
    pub store_secret: Option<String>,
    /// Secret with the source's settings.
    pub source_secret: Option<String>,
    /// Secret key with the ledger's URL.
    pub ledger: Option<SecretKey>,
    /// Variables beside these.
    pub environment: Vec<(String, String)>,
    /// Its ServiceAccount, unless the user names one.
    pub account: String,
    /// Whether it talks to the API server.
    pub api_access: bool,
    /// The port of its web page, if it has one.
    pub page: Option<u16>,
    /// Whether it is started again when it ends.
    pub restarts: bool,
    /// What the user adds.
    pub template: PodTemplate,
}

impl Workload {
    /// The image of a component, by the operator's options.
    pub fn image(images: &Images, component: crate::options::Component) -> (String, String) {
        (images.of(component), images.image_pull_policy.clone())
    }

    /// The pod.
    pub fn to_template(&self) -> PodTemplateSpec {
        let mut labels = self.template.labels.clone();
        labels.extend(self.labels.clone());
        let annotations = self.template.annotations.clone();
        PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(labels),
                annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
                ..ObjectMeta::default()
            }),
            spec: Some(self.pod()),
        }
    }

    fn pod(&self) -> PodSpec {
        let template = &self.template;
        let secrets = template
            .image_pull_secrets
            .iter()
            .map(|secret| LocalObjectReference { name: secret.name.clone() });
        PodSpec {
            restart_policy: Some(if self.restarts { "Always" } else { "Never" }.to_owned()),
            service_account_name: Some(
                template.service_account_name.clone().unwrap_or_else(|| self.account.clone()),
            ),
            automount_service_account_token: Some(self.api_access),
            enable_service_links: Some(false),
            node_selector: Some(template.node_selector.clone()).filter(|selector| !selector.is_empty()),
            tolerations: Some(template.tolerations.clone()).filter(|tolerations| !tolerations.is_empty()),
            affinity: template.affinity.clone(),
            image_pull_secrets: Some(secrets.collect::<Vec<_>>()).filter(|secrets| !secrets.is_empty()),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(NOBODY),
                run_as_group: Some(NOBODY),
                // Claims are writable to the group.
                fs_group: Some(NOBODY),
                fs_group_change_policy: Some("OnRootMismatch".to_owned()),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            containers: vec![self.container()],
            volumes: Some(self.volumes()),
            ..PodSpec::default()
        }
    }

    fn container(&self) -> Container {
        let mut mounts = vec![mount("tmp", "/tmp", false)];
        if self.document.is_some() {
            mounts.push(mount("stage", contract::STAGE_FOLDER, true));
        }
        mounts.extend(
            self.watched()
                .iter()
                .map(|(name, _)| mount(name, &format!("{}/{name}", contract::SECRETS_FOLDER), true)),
        );
        for (index, (claim, read_only)) in self.mounts().into_iter().enumerate() {
            mounts.push(mount(&format!("claim-{index}"), &claim.mount_path, read_only));
        }
        Container {
            name: CONTAINER.to_owned(),
            image: Some(self.image.clone()),
            image_pull_policy: Some(self.pull_policy.clone()),
            env_from: Some(self.secrets()).filter(|secrets| !secrets.is_empty()),
            env: Some(self.variables()).filter(|variables| !variables.is_empty()),
            ports: Some(self.ports()),
            resources: Some(self.template.resources.clone().unwrap_or_else(default_resources)),
            termination_message_path: Some(contract::TERMINATION_MESSAGE.to_owned()),
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                read_only_root_filesystem: Some(true),
                run_as_non_root: Some(true),
                capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
                ..SecurityContext::default()
            }),
            volume_mounts: Some(mounts),
            ..Container::default()
        }
    }

    fn ports(&self) -> Vec<ContainerPort> {
        let metrics = (METRICS, contract::METRICS_PORT);
        let page = self.page.map(|port| ("page", port));
        let port = |(name, port): (&str, u16)| ContainerPort {
            name: Some(name.to_owned()),
            container_port: port.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        };
        std::iter::once(metrics).chain(page).map(port).collect()
    }

    /// The mounts, each path once: a claim that is store and source at once is mounted once, for writing.
    fn mounts(&self) -> Vec<(Claim, bool)> {
        let mut mounts: Vec<(Claim, bool)> = Vec::new();
        for (claim, read_only) in &self.claims {
            match mounts.iter_mut().find(|(known, _)| known.mount_path == claim.mount_path) {
                Some((_, known)) => *known = *known && *read_only,
                None => mounts.push((claim.clone(), *read_only)),
            }
        }
        mounts
    }

    fn volumes(&self) -> Vec<Volume> {
        let mut volumes = vec![Volume {
            name: "tmp".to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        }];
        volumes.extend(self.document.iter().map(|name| Volume {
            name: "stage".to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: name.clone(),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        }));
        volumes.extend(self.watched().into_iter().map(|(name, secret)| Volume {
            name: name.to_owned(),
            secret: Some(secret),
            ..Volume::default()
        }));
        volumes.extend(self.mounts().into_iter().enumerate().map(|(index, (claim, _))| Volume {
            name: format!("claim-{index}"),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim.claim_name,
                read_only: None,
            }),
            ..Volume::default()
        }));
        volumes
    }

    /// The Secrets of a pod that runs for long, as files: the process sees when one is changed, ends, and is started
    /// again with the new values in its environment. That one is missing, the environment tells.
    fn watched(&self) -> Vec<(&'static str, SecretVolumeSource)> {
        let files = |name: &str, items: Option<Vec<KeyToPath>>| SecretVolumeSource {
            secret_name: Some(name.to_owned()),
            items,
            optional: Some(true),
            default_mode: Some(0o440),
        };
        let key = |key: &str| vec![KeyToPath { key: key.to_owned(), path: key.to_owned(), mode: None }];
        let store = self.store_secret.as_ref().map(|name| ("store", files(name, None)));
        let ledger =
            self.ledger.as_ref().map(|secret| ("ledger", files(&secret.name, Some(key(&secret.key)))));
        store.into_iter().chain(ledger).filter(|_| self.restarts).collect()
    }

    fn secrets(&self) -> Vec<EnvFromSource> {
        let from = |secret: &Option<String>, prefix: &str| {
            secret.as_ref().map(|name| EnvFromSource {
                prefix: Some(prefix.to_owned()),
                secret_ref: Some(SecretEnvSource { name: name.clone(), optional: Some(false) }),
                config_map_ref: None,
            })
        };
        [from(&self.store_secret, contract::STORE_PREFIX), from(&self.source_secret, contract::SOURCE_PREFIX)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn variables(&self) -> Vec<EnvVar> {
        let ledger = self.ledger.as_ref().map(|secret| EnvVar {
            name: contract::LEDGER_VARIABLE.to_owned(),
            value: None,
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    name: secret.name.clone(),
                    key: secret.key.clone(),
                    optional: Some(false),
                }),
                ..EnvVarSource::default()
            }),
        });
        let plain = self.environment.iter().map(|(name, value)| EnvVar {
            name: name.clone(),
            value: Some(value.clone()),
            value_from: None,
        });
        plain.chain(ledger).collect()
    }
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(read_only).filter(|read_only| *read_only),
        ..VolumeMount::default()
    }
}

/// What a pod of a stage, or a trading pod, asks for unless its object says otherwise.
fn default_resources() -> ResourceRequirements {
    resources("250m", "512Mi", "2Gi")
}

/// Requested processor and memory, and the most memory.
pub fn resources(cpu: &str, memory: &str, most: &str) -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned()))).collect()
    };
    ResourceRequirements {
        requests: Some(quantities(&[("cpu", cpu), ("memory", memory)])),
        limits: Some(quantities(&[("memory", most)])),
        claims: None,
    }
}

/// A probe of a path on the port of metrics and health, every so many seconds.
pub fn probe(path: &str, seconds: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(METRICS.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(seconds),
        timeout_seconds: Some(5),
        ..Probe::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        let claim =
            |name: &str, path: &str| Claim { claim_name: name.to_owned(), mount_path: path.to_owned() };
        Workload {
            image: "i:1".to_owned(),
            pull_policy: "Never".to_owned(),
            labels: BTreeMap::from([("a".to_owned(), "ours".to_owned())]),
            document: Some("document".to_owned()),
            claims: vec![(claim("artifacts", "/store"), false), (claim("bars", "/data"), true)],
            store_secret: Some("store".to_owned()),
            source_secret: Some("source".to_owned()),
            ledger: Some(SecretKey { name: "ledger".to_owned(), key: "url".to_owned() }),
            environment: vec![],
            account: "ats-stage".to_owned(),
            api_access: false,
            page: None,
            restarts: false,
            template: PodTemplate {
                labels: BTreeMap::from([
                    ("a".to_owned(), "theirs".to_owned()),
                    ("b".to_owned(), "theirs".to_owned()),
                ]),
                ..PodTemplate::default()
            },
        }
    }

    /// The rules of Pod Security `restricted`, and what our pods do without beyond it.
    #[test]
    fn a_pod_is_restricted() {
        let template = workload().to_template();
        let pod = template.spec.unwrap();
        let security = pod.security_context.as_ref().unwrap();
        assert_eq!(
            (security.run_as_non_root, security.run_as_user, security.fs_group),
            (Some(true), Some(65532), Some(65532))
        );
        assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
        assert_eq!(pod.automount_service_account_token, Some(false));
        let container = &pod.containers[0];
        let own = container.security_context.as_ref().unwrap();
        assert_eq!(
            (own.allow_privilege_escalation, own.read_only_root_filesystem),
            (Some(false), Some(true))
        );
        assert_eq!(own.capabilities.as_ref().unwrap().drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(container.termination_message_policy.as_deref(), Some("FallbackToLogsOnError"));
    }

    #[test]
    fn mounts_and_variables_are_those_of_the_contract() {
        let pod = workload().to_template().spec.unwrap();
        let container = &pod.containers[0];
        let mounts = container.volume_mounts.iter().flatten();
        let mounts: Vec<_> =
            mounts.map(|mount| (mount.mount_path.as_str(), mount.read_only.unwrap_or(false))).collect();
        assert_eq!(mounts, [("/tmp", false), ("/etc/ats", true), ("/store", false), ("/data", true)]);
        let prefixes = container.env_from.iter().flatten();
        let prefixes: Vec<_> = prefixes.filter_map(|secret| secret.prefix.as_deref()).collect();
        assert_eq!(prefixes, ["ATS_STORE_", "ATS_SOURCE_"]);
        assert_eq!(container.env.as_ref().unwrap()[0].name, "ATS_LEDGER_URL");
    }

    /// What is in the environment of a pod that ends by itself needs no watching.
    #[test]
    fn a_pod_that_is_started_again_sees_when_its_secrets_change() {
        let mut workload = workload();
        workload.restarts = true;
        let pod = workload.to_template().spec.unwrap();
        let mounts = pod.containers[0].volume_mounts.iter().flatten();
        let watched: Vec<_> =
            mounts.filter_map(|mount| mount.mount_path.strip_prefix("/etc/ats-secrets/")).collect();
        assert_eq!(watched, ["store", "ledger"]);
        let volumes = pod.volumes.unwrap();
        let secret = |name: &str| {
            volumes.iter().find(|volume| volume.name == name).unwrap().secret.as_ref().unwrap().clone()
        };
        assert_eq!((secret("store").secret_name.as_deref(), secret("store").items), (Some("store"), None));
        let ledger = secret("ledger");
        assert_eq!((ledger.secret_name.as_deref(), ledger.optional), (Some("ledger"), Some(true)));
        assert_eq!(ledger.items.unwrap()[0].key, "url");
    }

    #[test]
    fn the_users_labels_are_added_and_ours_win() {
        let labels = workload().to_template().metadata.unwrap().labels.unwrap();
        assert_eq!((labels["a"].as_str(), labels["b"].as_str()), ("ours", "theirs"));
    }

    #[test]
    fn one_claim_for_store_and_source_is_mounted_once_for_writing() {
        let mut workload = workload();
        workload.claims[1].0 = workload.claims[0].0.clone();
        let pod = workload.to_template().spec.unwrap();
        assert_eq!(pod.volumes.unwrap().len(), 3);
        assert_eq!(pod.containers[0].volume_mounts.as_ref().unwrap()[2].read_only, None);
    }
}
