//! The Deployment of a strategy that trades, its document, and the ConfigMap in which its pod writes its state.

use std::collections::BTreeMap;

use ats_crds::{RunSettings, children::ANNOTATION_KEY, status::StageName};
use ats_pipeline::{Digest, PlannedStage, StageFile, contract};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy},
        core::v1::ConfigMap,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use serde::Serialize;

use super::{
    job::owner,
    labels::{self, Parent, STATE},
    pod::{Workload, probe},
};
use crate::{
    options::{Component, Options, SecretKey},
    stage::name,
    world::{Place, accounts},
};

/// Annotation: digest of what was applied, so that the same is not applied again.
pub const ANNOTATION_HASH: &str = "trading.ats.dev/hash";
/// Seconds that a trading pod has to put its affairs in order.
const GRACE_SECONDS: i64 = 60;

/// The name of the document of a trading pod: it carries the key, so that another key is another document.
pub fn document_name(parent: &Parent, stage: &PlannedStage) -> String {
    format!("{}-{}", name::trade(&parent.key.name), stage.key.short())
}

/// The document of a trading pod. It has no owner: a foreground deletion of the strategy would take it at once.
///
/// # Errors
/// When it does not serialise.
pub fn document(
    parent: &Parent,
    stage: &PlannedStage,
    place: &Place,
) -> Result<ConfigMap, serde_json::Error> {
    let run = name::trade(&parent.key.name);
    let file: StageFile = stage.to_file(owner(&parent.key, &parent.uid), run, place.store.location.clone());
    let data = BTreeMap::from([(contract::STAGE_FILE.to_owned(), serde_json::to_string(&file)?)]);
    Ok(ConfigMap {
        metadata: metadata(parent, document_name(parent, stage), labels::of_stage(parent, StageName::Trade)),
        immutable: Some(true),
        data: Some(data),
        binary_data: None,
    })
}

/// The ConfigMap for a trading pod's state, empty: the pod fills it, the operator watches it.
pub fn state(parent: &Parent) -> ConfigMap {
    ConfigMap {
        metadata: metadata(
            parent,
            name::state(&parent.key.name),
            parent.labels(STATE, Some(StageName::Trade)),
        ),
        ..ConfigMap::default()
    }
}

fn metadata(parent: &Parent, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(parent.key.namespace.clone()),
        labels: Some(labels),
        ..ObjectMeta::default()
    }
}

/// The Deployment: one replica, never two at once, no owner reference.
///
/// # Errors
/// When it does not serialise.
pub fn deployment(
    parent: &Parent,
    stage: &PlannedStage,
    place: &Place,
    ledger: &SecretKey,
    run: &RunSettings,
    options: &Options,
) -> Result<Deployment, serde_json::Error> {
    let component = Component::of_stage(StageName::Trade);
    let (image, pull_policy) = Workload::image(&options.images, component);
    let labels = labels::of_stage(parent, StageName::Trade);
    let workload = Workload {
        image,
        pull_policy,
        labels: labels.clone(),
        document: Some(document_name(parent, stage)),
        claims: place.store.volume.iter().map(|claim| (claim.clone(), false)).collect(),
        store_secret: place.store.secret.clone(),
        source_secret: None,
        ledger: Some(ledger.clone()),
        environment: options.workload_environment(),
        account: accounts::TRADING.to_owned(),
        api_access: true,
        page: None,
        restarts: true,
        template: run.pod_template.clone().unwrap_or_default(),
    };
    let mut template = workload.to_template();
    if let Some(pod) = &mut template.spec {
        pod.termination_grace_period_seconds = Some(GRACE_SECONDS);
        // A process that answers nobody any more is started again; whether it trades, its heartbeat tells.
        for container in &mut pod.containers {
            container.liveness_probe = Some(probe("/healthz", 20));
        }
    }
    let mut spec = DeploymentSpec {
        replicas: None,
        selector: LabelSelector {
            match_labels: Some(parent.selector(StageName::Trade)),
            match_expressions: None,
        },
        // Two trading pods must not overlap; the lease forbids it, this keeps them from trying.
        strategy: Some(DeploymentStrategy { type_: Some("Recreate".to_owned()), rolling_update: None }),
        revision_history_limit: Some(2),
        template,
        ..DeploymentSpec::default()
    };
    let mut metadata = metadata(parent, name::trade(&parent.key.name), labels);
    // The number of replicas is not in the digest: it is held and let go on its own.
    metadata.annotations = Some(BTreeMap::from([
        (ANNOTATION_KEY.to_owned(), stage.key.to_string()),
        (ANNOTATION_HASH.to_owned(), hash(&spec)?),
    ]));
    spec.replicas = Some(i32::from(!run.suspend));
    Ok(Deployment { metadata, spec: Some(spec), status: None })
}

/// Digest of what is applied.
///
/// # Errors
/// When it does not serialise.
pub fn hash<T: Serialize>(spec: &T) -> Result<String, serde_json::Error> {
    Ok(Digest::of(&serde_json::to_vec(spec)?).to_string())
}
