//! What is watched: the three kinds, their children, warnings about these. Warm on standbys, too.

mod index;
mod wake;
mod warnings;
mod watch;

use std::sync::Arc;

use ats_crds::{
    ConditionType, ModelTrainingJob, Strategy, TradingUniverse,
    children::{LABEL_KIND, LABEL_NAME},
    status::HasCommonStatus,
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Pod, ServiceAccount},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Resource, ResourceExt,
    core::DeserializeGuard,
    runtime::reflector::{ObjectRef, Store},
};

pub use index::Indexed;
pub use wake::{Inbox, Wakeable, Wakers, wakers};
pub use warnings::Warnings;
pub use watch::{Watched, start};

use crate::{
    kind::{Key, Kind, Managed},
    stage::name,
    world::Children,
};

/// The caches of one scope: all namespaces, or one of them.
#[derive(Clone)]
pub struct Caches {
    /// Universes.
    pub universes: Store<DeserializeGuard<TradingUniverse>>,
    /// Models.
    pub models: Store<DeserializeGuard<ModelTrainingJob>>,
    /// Strategies.
    pub strategies: Store<DeserializeGuard<Strategy>>,
    /// Jobs of stages, without their templates.
    pub jobs: Indexed<Job>,
    /// Pods of workloads, without their specs.
    pub pods: Indexed<Pod>,
    /// ConfigMaps, with data only where it is a trading pod's state.
    pub documents: Indexed<ConfigMap>,
    /// Deployments of strategies and of monitoring.
    pub deployments: Store<Deployment>,
    /// ServiceAccounts of workloads.
    pub accounts: Store<ServiceAccount>,
    /// What only Events tell.
    pub warnings: Arc<Warnings>,
}

impl Caches {
    /// Waits until every cache has been filled once.
    pub async fn ready(&self) {
        // An error means that the watch ended: the operator is shutting down.
        let _ = self.universes.wait_until_ready().await;
        let _ = self.models.wait_until_ready().await;
        let _ = self.strategies.wait_until_ready().await;
        let _ = self.jobs.store.wait_until_ready().await;
        let _ = self.pods.store.wait_until_ready().await;
        let _ = self.documents.store.wait_until_ready().await;
        let _ = self.deployments.wait_until_ready().await;
        let _ = self.accounts.wait_until_ready().await;
    }

    /// A universe by name; `None` when it is missing or does not decode.
    pub fn universe(&self, namespace: &str, name: &str) -> Option<TradingUniverse> {
        let guard = self.universes.get(&ObjectRef::new(name).within(namespace))?;
        guard.0.as_ref().ok().cloned()
    }

    /// A model by name; `None` when it is missing or does not decode.
    pub fn model(&self, namespace: &str, name: &str) -> Option<ModelTrainingJob> {
        let guard = self.models.get(&ObjectRef::new(name).within(namespace))?;
        guard.0.as_ref().ok().cloned()
    }

    /// The objects that refer to one, whether it is there or not.
    pub fn referrers(&self, key: &Key) -> Vec<Key> {
        let mut found = Vec::new();
        if key.kind == Kind::Universe {
            for guard in self.models.state() {
                let refers = |model: &ModelTrainingJob| model.spec.universe_ref.name == key.name;
                found.extend(referrer(&guard, key, refers));
            }
        }
        for guard in self.strategies.state() {
            let refers = |strategy: &Strategy| match key.kind {
                Kind::Universe => strategy.spec.universe_ref.name == key.name,
                Kind::Model => {
                    strategy.spec.signal.model.as_ref().is_some_and(|model| model.name == key.name)
                }
                Kind::Strategy => false,
            };
            found.extend(referrer(&guard, key, refers));
        }
        found
    }

    /// Every object of the three kinds.
    pub fn keys(&self) -> Vec<Key> {
        self.readiness().into_iter().map(|(key, _)| key).collect()
    }

    /// Every object with the status of its `Ready` condition.
    pub fn readiness(&self) -> Vec<(Key, String)> {
        fn of<K: Managed>(store: &Store<DeserializeGuard<K>>) -> impl Iterator<Item = (Key, String)> {
            store.state().into_iter().map(|guard| {
                let meta = guard.meta();
                let namespace = meta.namespace.clone().unwrap_or_default();
                let key = Key::new(K::KIND, namespace, meta.name.clone().unwrap_or_default());
                let common = guard.0.as_ref().ok().and_then(Managed::status).map(HasCommonStatus::common);
                let is_ready = |condition: &&Condition| condition.type_ == ConditionType::Ready.as_str();
                let ready = common.and_then(|common| common.conditions.iter().find(is_ready));
                (key, ready.map_or_else(|| "Unknown".to_owned(), |ready| ready.status.clone()))
            })
        }
        of(&self.universes).chain(of(&self.models)).chain(of(&self.strategies)).collect()
    }

    /// The children of an object.
    pub fn children(&self, key: &Key, uid: &str) -> Children {
        let (jobs, others): (Vec<_>, Vec<_>) =
            self.jobs.of(key).into_iter().partition(|job| is_owned_by(job.as_ref(), uid));
        let pods = self.pods.of(key);
        let documents = self.documents.of(key);
        let accounts =
            self.accounts.state_filter(|account| account.namespace().as_deref() == Some(&key.namespace));
        let in_namespace = |name: &str| (name.to_owned(), key.namespace.clone());
        let (deployment, namespace) = in_namespace(&name::trade(&key.name));
        let (state, _) = in_namespace(&name::state(&key.name));
        let deployment = match key.kind {
            Kind::Strategy => self.deployments.get(&ObjectRef::new(&deployment).within(&namespace)),
            Kind::Universe | Kind::Model => None,
        };
        let state = match key.kind {
            Kind::Strategy => self.documents.store.get(&ObjectRef::new(&state).within(&namespace)),
            Kind::Universe | Kind::Model => None,
        };
        let mut warnings = Vec::new();
        for (kind, name) in jobs
            .iter()
            .map(|job| ("Job", job.name_any()))
            .chain(pods.iter().map(|pod| ("Pod", pod.name_any())))
        {
            for warning in self.warnings.of(kind, &namespace, &name) {
                warnings.push((kind.to_owned(), name.clone(), warning));
            }
        }
        Children {
            jobs,
            leftovers: others.iter().map(|job| job.name_any()).collect(),
            pods,
            documents: documents.iter().map(|document| document.name_any()).collect(),
            deployment,
            state,
            accounts: accounts.iter().map(|account| account.name_any()).collect(),
            warnings,
        }
    }
}

fn referrer<K: Managed>(
    guard: &Arc<DeserializeGuard<K>>,
    to: &Key,
    refers: impl Fn(&K) -> bool,
) -> Option<Key> {
    let object = guard.0.as_ref().ok()?;
    let key = object.key();
    (key.namespace == to.namespace && refers(object)).then_some(key)
}

/// Whether a child's labels name an object.
fn belongs<K: Resource>(child: &K, key: &Key) -> bool {
    let meta = child.meta();
    let label = |name: &str| meta.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str);
    meta.namespace.as_deref() == Some(&key.namespace)
        && label(LABEL_NAME) == Some(&key.name)
        && label(LABEL_KIND) == Some(key.kind.label())
}

/// The object that a child's labels name.
pub fn owner_of<K: Resource>(child: &K) -> Option<Key> {
    let labels = child.meta().labels.as_ref()?;
    let kind = Kind::of_label(labels.get(LABEL_KIND)?)?;
    Some(Key::new(kind, child.meta().namespace.clone()?, labels.get(LABEL_NAME)?.clone()))
}

fn is_owned_by<K: Resource>(child: &K, uid: &str) -> bool {
    child
        .meta()
        .owner_references
        .iter()
        .flatten()
        .any(|owner| owner.controller == Some(true) && owner.uid == uid)
}
