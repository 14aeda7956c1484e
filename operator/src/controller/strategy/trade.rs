//! Paper trading: what is made, what runs, what the user sees of it. Pure.

use std::time::Duration;

use ats_crds::{
    ANNOTATION_HALT, Reason, Strategy,
    children::ANNOTATION_KEY,
    status::{StageName, StageState, StageStatus},
};
use ats_pipeline::{
    PlannedStage, Problem,
    contract::TradingState,
    status::{
        Truth,
        strategy::{Backtested, Trading},
    },
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::ResourceExt;

use super::state::{Pulse, pulse};
use crate::{
    build::{accounts, deployment},
    controller::{
        frame::{Frame, problem},
        write::Write,
    },
    error::Error,
    options::{Options, SecretKey},
    stage::{name, pods, trouble},
    world::{Place, World, accounts as names},
};

/// The ledger of a strategy that trades.
///
/// # Errors
/// When there is none.
pub fn ledger(strategy: &Strategy, options: &Options) -> Result<SecretKey, Problem> {
    let own = strategy.spec.ledger.as_ref().map(|ledger| SecretKey {
        name: ledger.url_secret_ref.name.clone(),
        key: ledger.url_secret_ref.key.clone(),
    });
    own.or_else(|| options.default_ledger_secret.clone()).ok_or_else(|| {
        problem(
            "spec.ledger",
            Reason::InvalidSpec,
            "mode Paper keeps orders in a ledger, and the operator has no default: set urlSecretRef to a Secret that holds its URL",
        )
    })
}

/// What makes a strategy trade with a stage: finalizer first, Deployment last.
///
/// # Errors
/// When a document does not serialise.
pub fn start(
    strategy: &Strategy,
    frame: &Frame,
    world: &World<'_>,
    place: &Place,
    stage: &PlannedStage,
    ledger: &SecretKey,
) -> Result<Vec<Write>, Error> {
    let (parent, children) = (&frame.parent, &world.children);
    let run = &strategy.spec.run;
    let mut writes = Vec::new();
    if !strategy.finalizers().iter().any(|finalizer| finalizer == crate::controller::apply::FINALIZER) {
        writes.push(Write::Finalizer(true));
    }
    if !children.accounts.iter().any(|account| account == names::TRADING) {
        let namespace = &parent.key.namespace;
        writes.push(Write::Binding(Box::new(accounts::binding(namespace, names::TRADING))));
        writes.push(Write::Account(Box::new(accounts::account(namespace, names::TRADING))));
    }
    if children.state.is_none() {
        writes.push(Write::ConfigMap(Box::new(deployment::state(parent))));
    }
    let document = deployment::document_name(parent, stage);
    if !children.documents.contains(&document) {
        writes.push(Write::ConfigMap(Box::new(deployment::document(parent, stage, place)?)));
    }
    let wanted = deployment::deployment(parent, stage, place, ledger, run, world.options)?;
    let hash = wanted.annotations().get(deployment::ANNOTATION_HASH).cloned();
    let known = children
        .deployment
        .as_ref()
        .and_then(|known| known.annotations().get(deployment::ANNOTATION_HASH).cloned());
    if hash != known {
        writes.push(Write::Deployment(Box::new(wanted)));
    } else {
        writes.extend(hold(world, run.suspend));
        // Documents of earlier keys: the pod that read them is gone with its Deployment's change.
        let prefix = format!("{}-", name::trade(&parent.key.name));
        let old = children.documents.iter().filter(|name| name.starts_with(&prefix) && **name != document);
        writes.extend(old.map(|name| Write::DeleteConfigMap { name: name.clone() }));
    }
    Ok(writes)
}

/// Holds a Deployment that is there, or lets it go on, whatever stage it runs.
pub fn hold(world: &World<'_>, suspend: bool) -> Vec<Write> {
    let Some(deployment) = &world.children.deployment else { return Vec::new() };
    let replicas = i32::from(!suspend);
    let has = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    if has == replicas { Vec::new() } else { vec![Write::Scale { name: deployment.name_any(), replicas }] }
}

/// What ends trading: Deployment, documents, state; the finalizer last.
pub fn stop(strategy: &Strategy, world: &World<'_>) -> Vec<Write> {
    let children = &world.children;
    let mut writes = Vec::new();
    writes.extend(
        children.deployment.iter().map(|deployment| Write::DeleteDeployment { name: deployment.name_any() }),
    );
    let object = strategy.name_any();
    let prefix = format!("{}-", name::trade(&object));
    let documents =
        children.documents.iter().filter(|name| name.starts_with(&prefix) || **name == name::state(&object));
    writes.extend(documents.map(|name| Write::DeleteConfigMap { name: name.clone() }));
    if strategy.finalizers().iter().any(|finalizer| finalizer == crate::controller::apply::FINALIZER) {
        writes.push(Write::Finalizer(false));
    }
    writes
}

/// How trading goes, and what only a cluster knows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Its conditions.
    pub trading: Trading,
    /// The stage for the status.
    pub stage: StageStatus,
    /// When the heartbeat would be stale.
    pub requeue: Option<Duration>,
}

/// Reads how trading goes. `state`: what the trading pod told, or why that cannot be read.
pub fn observe(
    strategy: &Strategy,
    world: &World<'_>,
    backtested: &Backtested,
    state: &Result<Option<TradingState>, String>,
) -> Observed {
    let deployment = world.children.deployment.as_deref();
    let suspended = strategy.spec.run.suspend;
    let told = state.as_ref().ok().and_then(Option::as_ref);
    let pulse = pulse(told, world.now, world.options.heartbeat_seconds);
    let trouble = deployment.and_then(|deployment| trouble_of(deployment, world));
    let (running, stage_state) = match (deployment, pulse) {
        _ if suspended => {
            ((Truth::False, Reason::Suspended, "spec.suspend is set".to_owned()), StageState::Suspended)
        }
        (None, _) if !matches!(backtested, Backtested::Passed(_)) => {
            (Trading::not_begun(backtested), StageState::Pending)
        }
        (None, _) => (
            (Truth::Unknown, Reason::Progressing, "the trading pod is being made".to_owned()),
            StageState::Queued,
        ),
        (Some(_), Pulse::Fresh(_)) => {
            (Trading::decided(told.and_then(|state| state.session)), StageState::Running)
        }
        (Some(_), pulse) => {
            let silent = match (pulse, state) {
                (_, Err(unreadable)) => (Reason::InternalError, unreadable.clone()),
                (Pulse::Stale(since), _) => {
                    (Reason::HeartbeatStale, format!("the trading pod was last heard of at {since}"))
                }
                _ => (Reason::Progressing, "the trading pod has not been heard of yet".to_owned()),
            };
            let (reason, message) = trouble.map_or(silent, |trouble| (trouble.reason, trouble.message));
            ((Truth::Unknown, reason, message), StageState::Queued)
        }
    };
    let message = (running.0 != Truth::True).then(|| running.2.clone());
    let stage = StageStatus {
        state: stage_state,
        key: deployment.and_then(|deployment| deployment.annotations().get(ANNOTATION_KEY).cloned()),
        job_name: deployment.map(ResourceExt::name_any),
        attempt: 1,
        started_at: deployment.and_then(ResourceExt::creation_timestamp),
        message,
        ..StageStatus::pending(StageName::Trade)
    };
    let requeue = match pulse {
        Pulse::Fresh(left) => Duration::try_from(left).ok().map(|left| left + Duration::from_secs(1)),
        Pulse::None | Pulse::Stale(_) => None,
    };
    let annotation = strategy.annotations().get(ANNOTATION_HALT).map(String::as_str);
    let within = Trading::limits(told, strategy.spec.kill_switch, annotation);
    Observed { trading: Trading { running, within }, stage, requeue }
}

fn trouble_of(deployment: &Deployment, world: &World<'_>) -> Option<crate::stage::Trouble> {
    let of_trade = |pod: &&Pod| {
        pod.labels().get(ats_crds::children::LABEL_STAGE).map(String::as_str)
            == Some(StageName::Trade.as_str())
            && !pod.labels().contains_key(pods::JOB_NAME)
    };
    let waiting = world
        .children
        .pods
        .iter()
        .map(AsRef::as_ref)
        .filter(of_trade)
        .find_map(|pod| trouble::of_waiting(pod, &world.children.warnings_of("Pod", &pod.name_any())));
    waiting.or_else(|| {
        // A ReplicaSet whose pods are refused shows on its Deployment.
        let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
        let refused = conditions
            .iter()
            .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
        let message = refused.message.clone().unwrap_or_default();
        Some(crate::stage::Trouble {
            reason: Reason::PodRefused,
            message: format!("no pod can be made: {message}"),
        })
    })
}
