//! Runs reconciles: bounded in number and in time, each on its own: an error or a panic of one object stays with it.

use std::{
    any::Any,
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ats_crds::{
    ConditionType, Reason,
    status::{CommonStatus, HasCommonStatus},
};
use ats_pipeline::status::{Conditions, Truth};
use futures::{FutureExt, StreamExt, TryStreamExt, channel::mpsc::UnboundedReceiver};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Resource, ResourceExt,
    core::DeserializeGuard,
    runtime::{
        applier,
        controller::{self, Action, Config},
        reflector::Store,
    },
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    apply::{FINALIZER, apply},
    events,
    frame::Decide,
    memory::Written,
    update_status::{Update, patch, update_status},
};
use crate::{context::Context, error::Error, kind::Key, world::World};

/// How long a reconcile may take in all.
const LONGEST: Duration = Duration::from_secs(60);
/// Wake-ups within this time are one.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// Reconciles the objects of a kind as they are woken, until the token is cancelled and the last one is done.
pub async fn run<K: Decide>(
    context: Arc<Context>,
    store: Store<DeserializeGuard<K>>,
    inbox: UnboundedReceiver<Key>,
    shutdown: CancellationToken,
) {
    let (metrics, forgetting) = (Arc::clone(&context.metrics), Arc::clone(&context));
    let queue = K::references(inbox, metrics).map(Ok::<_, Infallible>).take_until(shutdown.cancelled_owned());
    let config = Config::default().concurrency(context.options.concurrency).debounce(DEBOUNCE);
    let results = applier(
        |guard: Arc<DeserializeGuard<K>>, context| reconcile(guard, context).map(Ok::<_, Infallible>).boxed(),
        |_, error, _| match *error {},
        context,
        store,
        queue.into_stream(),
        config,
    );
    let memory = &forgetting.memory;
    results
        .for_each(|result| {
            // Nothing of an object that is gone may reach a later one of its name.
            if let Err(controller::Error::ObjectNotFound(gone)) = result {
                memory.forget(&Key::new(K::KIND, gone.namespace.clone().unwrap_or_default(), &gone.name));
            }
            std::future::ready(())
        })
        .await;
}

async fn reconcile<K: Decide>(guard: Arc<DeserializeGuard<K>>, context: Arc<Context>) -> Action {
    if !context.writer.fence.leads() {
        // Whoever begins to lead wakes everything.
        let standby = context.writer.fence.stands_by();
        return if standby { Action::await_change() } else { Action::requeue(Duration::from_secs(1)) };
    }
    let meta = guard.meta();
    let key =
        Key::new(K::KIND, meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    let now = Instant::now();
    if let Some(left) = context.memory.delay(&key, meta.generation.unwrap_or_default(), now) {
        return Action::requeue(left);
    }
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let trace = format!("{:08x}-{:06x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let span = tracing::info_span!(
        "reconcile",
        trace,
        kind = K::KIND.as_str(),
        namespace = key.namespace,
        name = key.name
    );
    let work = isolated(tokio::time::timeout(LONGEST, once(&guard, &context, &key)));
    let outcome = match work.instrument(span.clone()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Error::Timeout(LONGEST, format!("reconcile {key}"))),
        Err(panic) => Err(Error::Panic(panic)),
    };
    let kind = K::KIND.as_str();
    context.metrics.duration.with_label_values(&[kind]).observe(now.elapsed().as_secs_f64());
    match outcome {
        Ok(requeue) => {
            context.metrics.reconciles.with_label_values(&[kind, "ok"]).inc();
            context.memory.succeeded(&key);
            requeue.map_or_else(Action::await_change, Action::requeue)
        }
        Err(error) => {
            context.metrics.reconciles.with_label_values(&[kind, "error"]).inc();
            context.metrics.errors.with_label_values(&[kind, error.reason().as_str()]).inc();
            let delay = context.memory.failed(&key, Instant::now());
            let told = isolated(tell(&guard, &context, &error)).instrument(span.clone()).await;
            span.in_scope(|| {
                if error.is_stale() {
                    tracing::debug!(%error, ?delay, "looked at a version that has changed");
                } else {
                    tracing::warn!(%error, ?delay, told = matches!(told, Ok(Ok(()))), "the reconcile failed");
                }
            });
            Action::requeue(delay)
        }
    }
}

/// A panic as words.
async fn isolated<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without words".to_owned())
    })
}

async fn once<K: Decide>(
    guard: &DeserializeGuard<K>,
    context: &Context,
    key: &Key,
) -> Result<Option<Duration>, Error> {
    if let Some(probe) = &context.probe {
        probe(key);
    }
    let object = match &guard.0 {
        Ok(object) => latest(object.clone(), context, key),
        Err(invalid) => {
            let message = format!("the object does not decode: {}", invalid.error);
            return refuse::<K>(context, guard, Reason::DecodeError, &message).await.map(|()| None);
        }
    };
    let mut children = context.caches.children(key, &object.uid().unwrap_or_default());
    children.jobs.sort_by_key(|job| job.name_any());
    children.pods.sort_by_key(|pod| pod.name_any());
    let now = Timestamp::now();
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let world = World { children, options: &context.options, now };
    if object.meta().deletion_timestamp.is_some() {
        // Nothing new is made for an object that goes.
        if object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
            apply(&context.writer, &object, &object.farewell(&world)).await?;
        }
        context.memory.forget(key);
        return Ok(None);
    }
    let references = object.dereference(&context.caches);
    let decision = object.decide(&references, &world)?;
    apply(&context.writer, &object, &decision.writes).await?;
    let update = update_status(context, &object, &decision.status).await?;
    if update == Update::Written {
        events::publish(context, &object, &decision.status).await;
        tracing::info!(ready = ready(&decision.status), "status written");
    }
    let held = match update {
        Update::Held(left) => Some(left),
        Update::Unchanged | Update::Written => None,
    };
    Ok([decision.requeue, held].into_iter().flatten().min())
}

fn ready<S: HasCommonStatus>(status: &S) -> String {
    let conditions = &status.common().conditions;
    let ready = conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
    ready.map(|ready| format!("{} {}", ready.status, ready.reason)).unwrap_or_default()
}

/// The object with the status that was written last, while the cache still shows the one before.
fn latest<K: Decide>(object: K, context: &Context, key: &Key) -> K {
    let Some(version) = object.resource_version() else { return object };
    let Some(Written { version, status, .. }) = context.memory.written_on(key, &version) else {
        return object;
    };
    let merged = serde_json::to_value(&object).map(|mut value| {
        value["status"] = status;
        value["metadata"]["resourceVersion"] = version.into();
        value
    });
    merged.and_then(serde_json::from_value).unwrap_or(object)
}

/// Puts an error on the object, where it is one that the user should see.
async fn tell<K: Decide>(guard: &DeserializeGuard<K>, context: &Context, error: &Error) -> Result<(), Error> {
    if error.is_stale() {
        return Ok(());
    }
    if error.reason() == Reason::InternalError {
        return refuse::<K>(context, guard, Reason::InternalError, &error.to_string()).await;
    }
    let Ok(object) = &guard.0 else { return Ok(()) };
    let key = object.key();
    let object = latest(object.clone(), context, &key);
    let mut status = object.status().cloned().unwrap_or_default();
    let generation = object.meta().generation.unwrap_or_default();
    let common = status.common_mut();
    let mut conditions =
        Conditions::new(std::mem::take(&mut common.conditions), generation, Timestamp::now());
    // A result that stands stays ready: only what is under way is troubled.
    if !conditions.is_true(ConditionType::Ready) || common.observed_generation != generation {
        conditions.set(ConditionType::Ready, Truth::Unknown, Reason::ReconcileError, error.to_string());
        conditions.set(ConditionType::Reconciling, Truth::True, Reason::ReconcileError, error.to_string());
        conditions.remove(ConditionType::Stalled);
    }
    common.conditions = conditions.into_list();
    update_status(context, &object, &status).await.map(drop)
}

/// Marks an object as stalled without its spec being read; the rest of its status stays.
async fn refuse<K: Decide>(
    context: &Context,
    guard: &DeserializeGuard<K>,
    reason: Reason,
    message: &str,
) -> Result<(), Error> {
    let meta = guard.meta();
    let (namespace, name) =
        (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    let resource = kube::core::ApiResource::erase::<K>(&());
    let api: kube::Api<kube::core::DynamicObject> =
        kube::Api::namespaced_with(context.writer.client.clone(), &namespace, &resource);
    let act = crate::api::Act { verb: "get", resource: "objects", name: &name };
    let object = context.writer.send(act, api.get(&name)).await?;
    let before = object.data.get("status").cloned().unwrap_or_default();
    let generation = object.meta().generation.unwrap_or_default();
    let common: CommonStatus = serde_json::from_value(before.clone()).unwrap_or_default();
    let now = Timestamp::now();
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut conditions = Conditions::new(common.conditions, generation, now);
    conditions.set(ConditionType::Ready, Truth::False, reason, message);
    conditions.set(ConditionType::Stalled, Truth::True, reason, message);
    conditions.remove(ConditionType::Reconciling);
    let mut after = if before.is_object() { before.clone() } else { serde_json::json!({}) };
    // A panic may pass: the generation counts as seen, and the stages stay as they are.
    after["observedGeneration"] = generation.into();
    after["conditions"] = serde_json::to_value(conditions.into_list())?;
    if after != before {
        patch::<K>(context, &namespace, &name, object.resource_version().as_deref(), &after).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_words() {
        let told = isolated(async { panic!("index {} out of range", 7) }).await;
        assert_eq!(told, Err::<(), _>("index 7 out of range".to_owned()));
    }
}
