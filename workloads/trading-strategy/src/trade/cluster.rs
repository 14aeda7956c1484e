//! Coordination in a cluster: the Lease `<name>-trade`, the ConfigMap `<name>-state`, and the strategy's own object.
//!
//! The pod watches its own Strategy, so that a halt works while the operator is down; it never writes it. The Lease
//! keeps two pods from trying at once and shows who trades; what makes a second one harmless is the ledger's epoch.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use ats_pipeline::contract::{STATE_BYTES, STATE_KEY};
use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;
use tokio::sync::watch;

use super::{Coordination, Directives, TradeError, TradingState};

/// Term of the Lease.
const TERM: Duration = Duration::from_secs(30);
/// A changed state is told this often at most.
const TELL: Duration = Duration::from_secs(15);
/// An unchanged state is told this often, so that its heartbeat stays fresh.
const BEAT: Duration = Duration::from_secs(30);
/// A request that takes longer has failed.
const REQUEST: Duration = Duration::from_secs(10);

/// Whose pod this is.
#[derive(Debug, Clone)]
pub struct ClusterIdentity {
    /// The namespace.
    pub namespace: String,
    /// Name of the Strategy.
    pub name: String,
    /// Its uid: an object of the same name made later is another strategy.
    pub uid: String,
    /// Name of this pod.
    pub pod: String,
}

/// Coordination through the API server.
pub struct ClusterCoordination {
    identity: ClusterIdentity,
    leases: Api<Lease>,
    documents: Api<ConfigMap>,
    directives: watch::Receiver<Option<Directives>>,
    held: Mutex<Held>,
    told: Mutex<Option<(Instant, TradingState)>>,
    watching: tokio::task::JoinHandle<()>,
}

/// What is known of the Lease.
#[derive(Debug, Default)]
struct Held {
    /// When it was last written by us.
    renewed: Option<Instant>,
    /// The version of another holder that we saw, and since when.
    seen: Option<(String, Instant)>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn failed(action: &str, error: impl std::fmt::Display) -> TradeError {
    TradeError::Coordination(format!("{action}: {error}"))
}

async fn request<T>(
    action: &str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, TradeError> {
    match tokio::time::timeout(REQUEST, call).await {
        Ok(answer) => answer.map_err(|error| failed(action, error)),
        Err(_) => Err(failed(action, "the API server does not answer")),
    }
}

/// What a Strategy object wants. One that is gone, going, or another of the same name opens nothing any more.
fn directives_of(object: Option<&DynamicObject>, uid: &str) -> Directives {
    let Some(object) = object.filter(|object| object.metadata.uid.as_deref() == Some(uid)) else {
        return Directives { halt: Some("the Strategy object is gone".to_owned()), ..Directives::default() };
    };
    let annotations = object.metadata.annotations.as_ref();
    let kill_switch = object.data.pointer("/spec/killSwitch").and_then(serde_json::Value::as_bool);
    let wants = Directives::of(kill_switch.unwrap_or(false), |name| annotations?.get(name).cloned());
    let going = object.metadata.deletion_timestamp.is_some();
    let halt = wants.halt.or_else(|| going.then(|| "the Strategy object is being deleted".to_owned()));
    Directives { halt, ..wants }
}

/// What to do about the Lease: pure.
#[derive(Debug, PartialEq)]
enum Step {
    Create(Box<Lease>),
    Replace(Box<Lease>),
    Wait { holder: String },
}

/// Whether another holder's Lease has lapsed is judged by our own clock, from when we first saw its version.
fn decide(lease: Option<Lease>, held: &mut Held, name: &str, pod: &str, now: (Instant, Timestamp)) -> Step {
    let (instant, timestamp) = now;
    let time = MicroTime(
        k8s_openapi::jiff::Timestamp::from_microsecond(timestamp.as_microsecond()).unwrap_or_default(),
    );
    let fresh = |epoch: i32| LeaseSpec {
        holder_identity: Some(pod.to_owned()),
        lease_duration_seconds: i32::try_from(TERM.as_secs()).ok(),
        lease_transitions: Some(epoch),
        acquire_time: Some(time.clone()),
        renew_time: Some(time.clone()),
        ..LeaseSpec::default()
    };
    let Some(lease) = lease else {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        return Step::Create(Box::new(Lease { metadata, spec: Some(fresh(1)) }));
    };
    let spec = lease.spec.clone().unwrap_or_default();
    let holder = spec.holder_identity.clone().unwrap_or_default();
    if holder == pod {
        let spec = LeaseSpec { renew_time: Some(time.clone()), ..spec };
        return Step::Replace(Box::new(Lease { spec: Some(spec), ..lease }));
    }
    let version = lease.metadata.resource_version.clone().unwrap_or_default();
    let since = match &held.seen {
        Some((seen, since)) if *seen == version => *since,
        _ => {
            held.seen = Some((version, instant));
            instant
        }
    };
    let seconds = spec.lease_duration_seconds.map_or(TERM.as_secs(), |seconds| seconds.unsigned_abs().into());
    if !holder.is_empty() && instant.duration_since(since) < Duration::from_secs(seconds) {
        return Step::Wait { holder };
    }
    let epoch = spec.lease_transitions.unwrap_or_default().saturating_add(1);
    Step::Replace(Box::new(Lease { spec: Some(fresh(epoch)), ..lease }))
}

impl ClusterCoordination {
    /// Begins to watch the Strategy.
    #[must_use]
    pub fn new(client: Client, identity: ClusterIdentity) -> Self {
        let resource = ApiResource::erase::<ats_crds::Strategy>(&());
        let strategies: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), &identity.namespace, &resource);
        let (sender, directives) = watch::channel(None);
        let (name, uid) = (identity.name.clone(), identity.uid.clone());
        let watching = tokio::spawn(async move {
            let mut events = std::pin::pin!(watcher::watch_object(strategies, &name).default_backoff());
            while let Some(event) = events.next().await {
                match event {
                    Ok(object) => {
                        sender.send_replace(Some(directives_of(object.as_ref(), &uid)));
                    }
                    // What was last known stands; the watch tries again.
                    Err(error) => tracing::warn!(%error, "watching the strategy"),
                }
            }
        });
        Self {
            leases: Api::namespaced(client.clone(), &identity.namespace),
            documents: Api::namespaced(client, &identity.namespace),
            identity,
            directives,
            held: Mutex::default(),
            told: Mutex::default(),
            watching,
        }
    }

    fn lease_name(&self) -> String {
        format!("{}-trade", self.identity.name)
    }

    /// Waits until the Lease is ours. To be called once, before a trader starts.
    ///
    /// # Errors
    /// An API server that refuses.
    pub async fn acquire(&self) -> Result<(), TradeError> {
        loop {
            match self.attempt().await? {
                None => return Ok(()),
                Some(holder) => {
                    tracing::info!(holder, "waiting for the Lease");
                    tokio::time::sleep(TERM / 10).await;
                }
            }
        }
    }

    /// One try to take or renew the Lease; gives its holder when it is another.
    async fn attempt(&self) -> Result<Option<String>, TradeError> {
        const ACTION: &str = "keeping the Lease of the strategy";
        let name = self.lease_name();
        let started = Instant::now();
        let lease = request(ACTION, self.leases.get_opt(&name)).await?;
        let step =
            decide(lease, &mut lock(&self.held), &name, &self.identity.pod, (started, Timestamp::now()));
        let written = match step {
            Step::Wait { holder } => return Ok(Some(holder)),
            Step::Create(lease) => {
                tokio::time::timeout(REQUEST, self.leases.create(&PostParams::default(), &lease)).await
            }
            // The resource version that was read is part of it: somebody else's write in between makes this one fail.
            Step::Replace(lease) => {
                tokio::time::timeout(REQUEST, self.leases.replace(&name, &PostParams::default(), &lease))
                    .await
            }
        };
        match written {
            Ok(Ok(_)) => {
                lock(&self.held).renewed = Some(started);
                Ok(None)
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(Some("another pod".to_owned())),
            Ok(Err(error)) => Err(failed(ACTION, error)),
            Err(_) => Err(failed(ACTION, "the API server does not answer")),
        }
    }
}

impl Drop for ClusterCoordination {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Coordination for ClusterCoordination {
    async fn directives(&self) -> Result<Directives, TradeError> {
        let mut receiver = self.directives.clone();
        let known = tokio::time::timeout(TERM, receiver.wait_for(Option::is_some)).await;
        match known {
            Ok(Ok(directives)) => Ok(directives.clone().unwrap_or_default()),
            _ => Err(failed(
                "reading the strategy",
                "the API server does not answer, so that no halt can be heard",
            )),
        }
    }

    async fn hold(&self, _now: Timestamp) -> Result<(), TradeError> {
        let renewed = lock(&self.held).renewed;
        let age = renewed.map(|renewed| renewed.elapsed());
        if age.is_some_and(|age| age < TERM / 3) {
            return Ok(());
        }
        match self.attempt().await {
            Ok(None) => Ok(()),
            Ok(Some(holder)) => {
                Err(failed("keeping the Lease of the strategy", format!("{holder} holds it")))
            }
            // A renewal may fail once or twice; past two thirds of the term we cannot be sure to be the only one.
            Err(error) if age.is_some_and(|age| age < TERM * 2 / 3) => {
                tracing::warn!(%error, "renewing the Lease");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn publish(&self, state: &TradingState) -> Result<(), TradeError> {
        let due = lock(&self.told).as_ref().is_none_or(|(when, last)| {
            let age = when.elapsed();
            age >= BEAT || (age >= TELL && state.differs(last))
        });
        if !due {
            return Ok(());
        }
        let name = format!("{}-state", self.identity.name);
        let text = state.to_json(STATE_BYTES).map_err(|error| failed("telling the state", error))?;
        let patch = json!({"data": {STATE_KEY: text}});
        let (parameters, patch) = (PatchParams::default(), Patch::Merge(&patch));
        match request("telling the state", self.documents.patch(&name, &parameters, &patch)).await {
            Ok(_) => *lock(&self.told) = Some((Instant::now(), state.clone())),
            // The state is for others to see; not being able to tell it is no reason to leave positions alone.
            Err(error) => tracing::warn!(%error, "the state was not told"),
        }
        Ok(())
    }

    async fn release(&self) -> Result<(), TradeError> {
        const ACTION: &str = "giving up the Lease of the strategy";
        let name = self.lease_name();
        let lease = request(ACTION, self.leases.get_opt(&name)).await?;
        let Some(mut lease) = lease else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(&self.identity.pod) {
            return Ok(());
        }
        spec.holder_identity = Some(String::new());
        request(ACTION, self.leases.replace(&name, &PostParams::default(), &lease)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ats_crds::{ANNOTATION_HALT, ANNOTATION_RESET_HALT};

    use super::*;

    fn object(json: serde_json::Value) -> DynamicObject {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_the_object_wants() {
        let strategy = |spec: serde_json::Value, annotations: serde_json::Value| {
            object(json!({"apiVersion": "trading.ats.dev/v1alpha1", "kind": "Strategy",
                "metadata": {"name": "m", "uid": "u", "annotations": annotations}, "spec": spec}))
        };
        let wants = |spec, annotations| directives_of(Some(&strategy(spec, annotations)), "u");
        assert_eq!(wants(json!({}), json!({})), Directives::default());
        assert!(wants(json!({"killSwitch": true}), json!({})).kill_switch);
        assert_eq!(wants(json!({}), json!({ANNOTATION_HALT: "earnings"})).halt.as_deref(), Some("earnings"));
        assert_eq!(wants(json!({}), json!({ANNOTATION_HALT: "false"})).halt, None);
        assert!(wants(json!({}), json!({ANNOTATION_HALT: ""})).halt.unwrap().contains(ANNOTATION_HALT));
        assert_eq!(wants(json!({}), json!({ANNOTATION_RESET_HALT: "h-1"})).reset.as_deref(), Some("h-1"));
        // Gone, or another object of that name.
        assert!(directives_of(None, "u").halt.is_some());
        assert!(directives_of(Some(&strategy(json!({}), json!({}))), "other").halt.is_some());
        let going = object(json!({"apiVersion": "trading.ats.dev/v1alpha1", "kind": "Strategy",
            "metadata": {"name": "m", "uid": "u", "deletionTimestamp": "2024-01-02T00:00:00Z"}, "spec": {}}));
        assert!(directives_of(Some(&going), "u").halt.unwrap().contains("deleted"));
    }

    #[test]
    fn the_lease_is_taken_by_the_version_that_was_read() {
        let start = Instant::now();
        let at = |seconds: u64| (start + Duration::from_secs(seconds), Timestamp::UNIX_EPOCH);
        let mut held = Held::default();
        let Step::Create(mine) = decide(None, &mut held, "m-trade", "pod-1", at(0)) else {
            panic!("not made")
        };
        let mut lease = *mine;
        lease.metadata.resource_version = Some("7".to_owned());
        assert!(matches!(
            decide(Some(lease.clone()), &mut held, "m-trade", "pod-1", at(5)),
            Step::Replace(_)
        ));
        // Another pod waits a whole term during which the version stands still.
        let mut other = Held::default();
        let mut wait =
            |lease: &Lease, seconds| decide(Some(lease.clone()), &mut other, "m-trade", "pod-2", at(seconds));
        assert_eq!(wait(&lease, 0), Step::Wait { holder: "pod-1".to_owned() });
        lease.metadata.resource_version = Some("8".to_owned());
        assert_eq!(wait(&lease, 20), Step::Wait { holder: "pod-1".to_owned() });
        assert_eq!(wait(&lease, 49), Step::Wait { holder: "pod-1".to_owned() });
        let Step::Replace(taken) = wait(&lease, 50) else { panic!("not taken") };
        assert_eq!(taken.metadata.resource_version.as_deref(), Some("8"));
        let spec = taken.spec.unwrap();
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("pod-2"), Some(2)));
        // One that was given up is free at once.
        lease.spec.as_mut().unwrap().holder_identity = Some(String::new());
        assert!(matches!(
            decide(Some(lease), &mut Held::default(), "m-trade", "pod-3", at(0)),
            Step::Replace(_)
        ));
    }
}
