//! A stage's Indexed Job and the ConfigMap with its document.

use std::collections::BTreeMap;

use ats_crds::{
    RunSettings,
    children::{ANNOTATION_ATTEMPT, ANNOTATION_KEY},
};
use ats_pipeline::{ExitCode, PlannedStage, StoreLocation, contract};
use k8s_openapi::{
    api::{
        batch::v1::{
            Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
            PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
        },
        core::v1::ConfigMap,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use super::{
    labels::{self, Parent},
    pod::Workload,
};
use crate::{
    kind::Key,
    options::{Component, Options},
    stage::advance::ANNOTATION_GENERATION,
    world::{Place, accounts},
};

/// Seconds after which a stage's Job is ended, unless the spec says otherwise: 6 hours.
pub const DEADLINE_SECONDS: i64 = 6 * 60 * 60;
/// Tries of each shard beyond the first, unless the spec says otherwise.
pub const RETRY_LIMIT: i32 = 3;

/// The pod of a stage.
pub fn workload(
    parent: &Parent,
    stage: &PlannedStage,
    place: &Place,
    run: &RunSettings,
    options: &Options,
    document: &str,
) -> Workload {
    let name = stage.stage();
    let (image, pull_policy) = Workload::image(&options.images, Component::of_stage(name));
    let reads_source = stage.source.is_some();
    let mut claims: Vec<_> = place.store.volume.iter().map(|claim| (claim.clone(), false)).collect();
    if reads_source {
        claims.extend(place.source.volume.iter().map(|claim| (claim.clone(), true)));
    }
    Workload {
        image,
        pull_policy,
        labels: labels::of_stage(parent, name),
        document: Some(document.to_owned()),
        claims,
        store_secret: place.store.secret.clone(),
        source_secret: place.source.secret.clone().filter(|_| reads_source),
        ledger: None,
        environment: options.workload_environment(),
        account: accounts::STAGE.to_owned(),
        api_access: false,
        page: None,
        restarts: false,
        template: run.pod_template.clone().unwrap_or_default(),
    }
}

/// The Job of a stage. It is created once and never applied again; its name carries the key.
pub fn job(
    parent: &Parent,
    stage: &PlannedStage,
    name: &str,
    attempt: i32,
    workload: &Workload,
    run: &RunSettings,
    options: &Options,
) -> Job {
    let labels = labels::of_stage(parent, stage.stage());
    let annotations = BTreeMap::from([
        (ANNOTATION_KEY.to_owned(), stage.key.to_string()),
        (ANNOTATION_ATTEMPT.to_owned(), attempt.to_string()),
        (ANNOTATION_GENERATION.to_owned(), parent.generation.to_string()),
    ]);
    let shards = i32::try_from(stage.shards).unwrap_or(i32::MAX).max(1);
    Job {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(parent.key.namespace.clone()),
            labels: Some(labels),
            annotations: Some(annotations),
            owner_references: Some(vec![parent.owner_reference()]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            completion_mode: Some("Indexed".to_owned()),
            completions: Some(shards),
            parallelism: Some(i32::try_from(stage.parallelism).unwrap_or(shards).clamp(1, shards)),
            backoff_limit_per_index: Some(run.retry_limit.unwrap_or(RETRY_LIMIT)),
            pod_failure_policy: Some(failure_policy()),
            active_deadline_seconds: Some(run.deadline_seconds.unwrap_or(DEADLINE_SECONDS)),
            ttl_seconds_after_finished: Some(options.job_ttl_seconds),
            template: workload.to_template(),
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// What a failed pod means, first match first: a drained node counts nothing, a refused spec ends the Job, an
/// unreadable shard ends that shard.
fn failure_policy() -> PodFailurePolicy {
    let exit = |action: &str, code: ExitCode| PodFailurePolicyRule {
        action: action.to_owned(),
        on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
            operator: "In".to_owned(),
            values: vec![code.code().into()],
            container_name: None,
        }),
        on_pod_conditions: None,
    };
    let disrupted = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_exit_codes: None,
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
        }]),
    };
    let rules =
        vec![disrupted, exit("FailJob", ExitCode::BadSpec), exit("FailIndex", ExitCode::ShardUnreadable)];
    PodFailurePolicy { rules }
}

/// The document of a stage, in an immutable ConfigMap that goes with its Job.
///
/// # Errors
/// When the document does not serialise.
pub fn document(
    parent: &Parent,
    stage: &PlannedStage,
    store: &StoreLocation,
    job: &Job,
) -> Result<ConfigMap, serde_json::Error> {
    let name = job.metadata.name.clone().unwrap_or_default();
    let file = stage.to_file(owner(&parent.key, &parent.uid), name.clone(), store.clone());
    Ok(ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(parent.key.namespace.clone()),
            labels: Some(labels::of_stage(parent, stage.stage())),
            owner_references: Some(vec![OwnerReference {
                api_version: "batch/v1".to_owned(),
                kind: "Job".to_owned(),
                name,
                uid: job.metadata.uid.clone().unwrap_or_default(),
                controller: Some(true),
                block_owner_deletion: Some(false),
            }]),
            ..ObjectMeta::default()
        },
        immutable: Some(true),
        data: Some(BTreeMap::from([(contract::STAGE_FILE.to_owned(), serde_json::to_string(&file)?)])),
        binary_data: None,
    })
}

/// The owner that a document names.
pub fn owner(key: &Key, uid: &str) -> contract::Owner {
    contract::Owner {
        kind: key.kind.as_str().to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: Some(uid.to_owned()),
    }
}
