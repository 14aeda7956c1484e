//! The watches that fill the caches and wake objects. Predicates look at what a reconcile reads: a status that we wrote
//! ourselves wakes nobody, a Job's completion or deletion does.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use ats_crds::{ANNOTATION_HALT, ANNOTATION_RESET_HALT, ANNOTATION_RETRY, status::HasCommonStatus};
use futures::{StreamExt, future};
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Event, Pod, PodTemplateSpec, ServiceAccount},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, NamespaceResourceScope},
    runtime::{
        WatchStreamExt,
        reflector::{self, store::Writer},
        watcher::{self, Config},
    },
};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::{Caches, Inbox, Indexed, Wakeable, Wakers, Warnings, owner_of, wakers};
use crate::{
    build::labels::{self, LABEL_COMPONENT, STATE},
    kind::{Key, Managed},
    telemetry::Metrics,
};

/// Caches that fill, and the wake-ups that they send.
pub struct Watched {
    /// The caches.
    pub caches: Caches,
    /// Wakes objects.
    pub wakers: Wakers,
    /// The wake-ups.
    pub inbox: Inbox,
    /// The watches; they end with this value.
    pub tasks: JoinSet<()>,
}

/// Starts the watches of one scope.
pub fn start(client: &Client, namespace: Option<&str>, metrics: &Arc<Metrics>) -> Watched {
    let (wakers, inbox) = wakers(Arc::clone(metrics));
    let (universes, to_universes) = reflector::store();
    let (models, to_models) = reflector::store();
    let (strategies, to_strategies) = reflector::store();
    let (jobs, to_jobs) = Indexed::new();
    let (pods, to_pods) = Indexed::new();
    let (documents, to_documents) = Indexed::new();
    let (deployments, to_deployments) = reflector::store();
    let (accounts, to_accounts) = reflector::store();
    let warnings = Arc::new(Warnings::default());
    let caches =
        Caches { universes, models, strategies, jobs, pods, documents, deployments, accounts, warnings };
    let mut watch = Watch {
        client: client.clone(),
        namespace: namespace.map(ToOwned::to_owned),
        caches: caches.clone(),
        wakers: wakers.clone(),
        metrics: Arc::clone(metrics),
        tasks: JoinSet::new(),
    };
    watch.managed(to_universes);
    watch.managed(to_models);
    watch.managed(to_strategies);
    watch.children(to_jobs, Some(caches.jobs.clone()), |job: &mut Job| {
        if let Some(spec) = &mut job.spec {
            spec.template = PodTemplateSpec::default();
        }
    });
    watch.children(to_pods, Some(caches.pods.clone()), |pod: &mut Pod| pod.spec = None);
    watch.children(to_documents, Some(caches.documents.clone()), |document: &mut ConfigMap| {
        if document.labels().get(LABEL_COMPONENT).map(String::as_str) != Some(STATE) {
            document.data = None;
        }
    });
    watch.children(to_deployments, None, |deployment: &mut Deployment| {
        if let Some(spec) = &mut deployment.spec {
            spec.template = PodTemplateSpec::default();
        }
    });
    watch.children(to_accounts, None, |_: &mut ServiceAccount| {});
    watch.events();
    Watched { caches, wakers, inbox, tasks: watch.tasks }
}

struct Watch {
    client: Client,
    namespace: Option<String>,
    caches: Caches,
    wakers: Wakers,
    metrics: Arc<Metrics>,
    tasks: JoinSet<()>,
}

impl Watch {
    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Watches one of the three kinds. One object that does not decode stays one object.
    fn managed<K: Wakeable>(&mut self, writer: Writer<DeserializeGuard<K>>) {
        let (caches, wakers, metrics) = (self.caches.clone(), self.wakers.clone(), Arc::clone(&self.metrics));
        begun(&metrics, K::KIND.as_str());
        let mut seen: HashMap<Key, (u64, u64)> = HashMap::new();
        let stream = watcher::watcher(self.api::<DeserializeGuard<K>>(), Config::default())
            .default_backoff()
            .modify(|guard| guard.meta_mut().managed_fields = None)
            .reflect(writer);
        self.tasks.spawn(stream.for_each(move |event| {
            match event {
                Ok(watcher::Event::Apply(guard) | watcher::Event::InitApply(guard)) => {
                    let key = key_of(&guard);
                    let now = (fingerprint(&guard), published(&guard));
                    let before = seen.insert(key.clone(), now);
                    if before.is_none_or(|before| before.1 != now.1) {
                        caches.referrers(&key).into_iter().for_each(|referrer| wakers.wake(referrer));
                    }
                    if before.is_none_or(|before| before.0 != now.0) {
                        // Its monitoring reads the ledgers that strategies name.
                        wakers.wake_namespace(&key.namespace);
                        wakers.wake(key);
                    }
                }
                Ok(watcher::Event::Delete(guard)) => {
                    let key = key_of(&guard);
                    seen.remove(&key);
                    wakers.wake_namespace(&key.namespace);
                    caches.referrers(&key).into_iter().for_each(|referrer| wakers.wake(referrer));
                    // It is not found any more, and forgotten.
                    wakers.wake(key);
                }
                // What was deleted while the watch was down sends no event: everyone looks again.
                Ok(watcher::Event::InitDone) => {
                    let kept: HashSet<Key> = caches.keys().into_iter().collect();
                    seen.retain(|key, _| kept.contains(key));
                    kept.into_iter().for_each(|key| wakers.wake(key));
                }
                Ok(watcher::Event::Init) => {}
                Err(error) => interrupted(&metrics, K::KIND.as_str(), &error),
            }
            future::ready(())
        }));
    }

    /// Watches children by label.
    fn children<K>(
        &mut self,
        writer: Writer<K>,
        index: Option<Indexed<K>>,
        slim: impl Fn(&mut K) + Send + 'static,
    ) where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let (caches, wakers, metrics) = (self.caches.clone(), self.wakers.clone(), Arc::clone(&self.metrics));
        begun(&metrics, &K::kind(&()));
        let stream = watcher::watcher(self.api::<K>(), Config::default().labels(&labels::selector()))
            .default_backoff()
            .modify(move |child| {
                child.meta_mut().managed_fields = None;
                slim(child);
            })
            .reflect(writer);
        let mut filled = false;
        self.tasks.spawn(stream.for_each(move |event| {
            if let (Some(index), Ok(event)) = (&index, &event) {
                index.note(event);
            }
            match event {
                Ok(watcher::Event::Apply(child) | watcher::Event::InitApply(child)) => wake(&wakers, &child),
                Ok(watcher::Event::Delete(child)) => {
                    caches.warnings.forget(
                        &K::kind(&()),
                        &child.namespace().unwrap_or_default(),
                        &child.name_any(),
                    );
                    wake(&wakers, &child);
                }
                Ok(watcher::Event::InitDone) => {
                    if std::mem::replace(&mut filled, true) {
                        caches.keys().into_iter().for_each(|key| wakers.wake(key));
                    }
                }
                Ok(watcher::Event::Init) => {}
                Err(error) => interrupted(&metrics, &K::kind(&()), &error),
            }
            future::ready(())
        }));
    }

    /// Watches warnings: a failed mount or a refused pod shows nowhere else.
    fn events(&mut self) {
        let (caches, wakers, metrics) = (self.caches.clone(), self.wakers.clone(), Arc::clone(&self.metrics));
        begun(&metrics, "Event");
        let stream =
            watcher::watcher(self.api::<Event>(), Config::default().fields("type=Warning")).default_backoff();
        self.tasks.spawn(stream.for_each(move |event| {
            match event {
                Ok(watcher::Event::Apply(event) | watcher::Event::InitApply(event)) => {
                    if let Some((kind, namespace, name)) = caches.warnings.add(&event) {
                        about(&caches, &kind, &namespace, &name).into_iter().for_each(|key| wakers.wake(key));
                    }
                }
                Ok(_) => {}
                Err(error) => interrupted(&metrics, "Event", &error),
            }
            future::ready(())
        }));
    }
}

/// The object whose child a warning is about.
fn about(caches: &Caches, kind: &str, namespace: &str, name: &str) -> Option<Key> {
    use reflector::ObjectRef;
    match kind {
        "Pod" => owner_of(caches.pods.store.get(&ObjectRef::new(name).within(namespace))?.as_ref()),
        "Job" => owner_of(caches.jobs.store.get(&ObjectRef::new(name).within(namespace))?.as_ref()),
        _ => {
            let (deployment, _) = name.rsplit_once('-')?;
            owner_of(caches.deployments.get(&ObjectRef::new(deployment).within(namespace))?.as_ref())
        }
    }
}

fn wake<K: Resource>(wakers: &Wakers, child: &K) {
    match (owner_of(child), child.meta().namespace.as_ref()) {
        (Some(key), _) => wakers.wake(key),
        (None, Some(namespace)) => wakers.wake_namespace(namespace),
        (None, None) => {}
    }
}

/// Interruptions are counted from 0: the first one is a rise only when there was a count before it.
fn begun(metrics: &Metrics, resource: &str) {
    metrics.watch_errors.with_label_values(&[resource]).inc_by(0);
}

fn interrupted(metrics: &Metrics, resource: &str, error: &watcher::Error) {
    metrics.watch_errors.with_label_values(&[resource]).inc();
    tracing::warn!(resource, %error, "a watch was interrupted; it begins anew");
}

fn key_of<K: Managed>(guard: &DeserializeGuard<K>) -> Key {
    Key::new(
        K::KIND,
        guard.meta().namespace.clone().unwrap_or_default(),
        guard.meta().name.clone().unwrap_or_default(),
    )
}

/// What of an object makes it look at itself again: everything but its status.
fn fingerprint<K: Managed>(guard: &DeserializeGuard<K>) -> u64 {
    let meta = guard.meta();
    let annotation = |name: &str| meta.annotations.as_ref().and_then(|annotations| annotations.get(name));
    hash(&(
        &meta.uid,
        meta.generation,
        meta.deletion_timestamp.is_some(),
        annotation(ANNOTATION_RETRY),
        annotation(ANNOTATION_HALT),
        annotation(ANNOTATION_RESET_HALT),
        guard.0.is_ok(),
    ))
}

/// What of an object makes those look again that refer to it.
fn published<K: Managed>(guard: &DeserializeGuard<K>) -> u64 {
    let Ok(object) = &guard.0 else { return 0 };
    let common = object.status().map(HasCommonStatus::common);
    let artifact = common.and_then(|common| common.artifact.as_ref());
    hash(&(
        &object.meta().uid,
        object.meta().generation,
        object.meta().deletion_timestamp.is_some(),
        object.run().suspend,
        artifact.map(|artifact| (&artifact.key, &artifact.digest)),
        common.and_then(|common| common.history.first()).map(|entry| entry.generation),
    ))
}

fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
