//! One measurement: a fresh controller, a fresh namespace, so many objects.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

use ats_test_cluster::{Audit, Cluster};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::manager::{Manager, user};
use super::objects::System;
use super::{kubelet, writes};
use crate::Result;
use crate::usage::{cpu_seconds, peak_kib};

/// Requests of the applying client at once.
const CLIENTS: usize = 16;
/// Objects that are applied one by one for a block of "1".
const ONE_BY_ONE: usize = 10;
/// How long trailing writes are waited for.
const QUIET: Duration = Duration::from_secs(3);

/// What one block gave.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// Whose.
    pub system: System,
    /// Objects at once.
    pub at_once: usize,
    /// Objects in all.
    pub objects: usize,
    /// Seconds from before the apply request of an object until a watch saw it done, for each.
    pub seconds: Vec<f64>,
    /// Seconds from before the first apply request until the last object was seen done; of objects one by one the mean.
    pub all_seconds: f64,
    /// The controller's writes, by verb and resource.
    pub writes: BTreeMap<String, usize>,
    /// The controller's writes that were refused (conflicts).
    pub refused: usize,
    /// The controller's reads (get, list, watch).
    pub reads: usize,
    /// All writes to the API server but those of the applying client and of the played kubelet.
    pub cluster_writes: usize,
    /// The controller's writes for a first object of a namespace, which was not measured.
    pub first_writes: BTreeMap<String, usize>,
    /// The controller's most memory, in KiB.
    pub peak_kib: u64,
    /// The controller's processor time for these objects, in seconds.
    pub cpu_seconds: f64,
}

/// Runs a block. With `clear` its namespace is gone afterwards: the next one begins on a quiet cluster.
///
/// # Errors
/// When an object is not done in time, or anything fails.
pub async fn run(
    cluster: &Cluster,
    system: System,
    at_once: usize,
    logs: &Path,
    clear: bool,
) -> Result<Block> {
    let client = cluster.client().await?;
    let namespace = cluster.namespace("bench").await?;
    let _kubelet = kubelet::start(client.clone(), &namespace);
    let manager = Manager::start(cluster, system, logs).await?;
    let place = Place::new(client.clone(), &namespace, system);

    // The first object of a namespace warms connections, and brings what a namespace needs once.
    let mark = cluster.audit_mark()?;
    place.measure(&["warm-up".to_owned()]).await?;
    tokio::time::sleep(QUIET).await;
    let first_writes =
        writes::by_resource(&cluster.audit_since(mark)?.by(&user(system)).writes().succeeded());

    let cpu = cpu_seconds(manager.id()).unwrap_or(0.0);
    let mark = cluster.audit_mark()?;
    let groups: Vec<Vec<String>> = match at_once {
        1 => (0..ONE_BY_ONE).map(|number| vec![format!("object-{number}")]).collect(),
        _ => vec![(0..at_once).map(|number| format!("object-{number}")).collect()],
    };
    let mut seconds = Vec::new();
    let mut all = Vec::new();
    for group in &groups {
        let measured = place.measure(group).await?;
        seconds.extend(measured.seconds);
        all.push(measured.all);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    tokio::time::sleep(QUIET).await;
    let audit = cluster.audit_since(mark)?;
    let cpu_seconds = cpu_seconds(manager.id()).unwrap_or(0.0) - cpu;
    let peak_kib = peak_kib(manager.id()).unwrap_or(0);
    manager.stop()?;
    if clear {
        remove(&client, &namespace).await?;
    }
    Ok(block(system, at_once, seconds, &all, &audit, first_writes, peak_kib, cpu_seconds))
}

#[allow(clippy::too_many_arguments, reason = "one value for each field that is measured elsewhere")]
fn block(
    system: System,
    at_once: usize,
    seconds: Vec<f64>,
    all: &[f64],
    audit: &Audit,
    first_writes: BTreeMap<String, usize>,
    peak_kib: u64,
    cpu_seconds: f64,
) -> Block {
    let own = audit.clone().by(&user(system));
    let refused = own.clone().writes().len() - own.clone().writes().succeeded().len();
    Block {
        system,
        at_once,
        objects: seconds.len(),
        all_seconds: all.iter().sum::<f64>() / all.len().max(1) as f64,
        seconds,
        refused,
        reads: own.len() - own.clone().writes().len(),
        writes: writes::by_resource(&own.writes().succeeded()),
        cluster_writes: audit.clone().writes().filter(|event| event.user != ADMINISTRATOR).len(),
        first_writes,
        peak_kib,
        cpu_seconds,
    }
}

/// The user of the applying client and of the played kubelet.
const ADMINISTRATOR: &str = "ats-admin";

/// The objects of a namespace.
struct Place {
    api: Api<DynamicObject>,
    system: System,
    done: watch::Receiver<HashMap<String, Instant>>,
    _watch: AbortOnDropHandle<()>,
}

struct Measured {
    seconds: Vec<f64>,
    all: f64,
}

impl Place {
    /// Watches a namespace.
    fn new(client: Client, namespace: &str, system: System) -> Self {
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &system.resource());
        let (sender, done) = watch::channel(HashMap::new());
        let mut events = watcher::watcher(api.clone(), watcher::Config::default()).boxed();
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event else {
                    continue;
                };
                let now = Instant::now();
                if system.is_done(&object.data) {
                    sender.send_if_modified(|done| {
                        let new = !done.contains_key(&object.name_any());
                        done.entry(object.name_any()).or_insert(now);
                        new
                    });
                }
            }
        });
        Self { api, system, done, _watch: AbortOnDropHandle::new(task) }
    }

    /// Applies objects and waits until all are done.
    async fn measure(&self, names: &[String]) -> Result<Measured> {
        let began = Instant::now();
        let applied: Vec<(String, Instant)> = stream::iter(names.iter().map(|name| self.apply(name)))
            .buffer_unordered(CLIENTS)
            .try_collect()
            .await?;
        let mut done = self.done.clone();
        let limit = Duration::from_secs(60) + Duration::from_secs(1) * u32::try_from(names.len())?;
        let all_done = done.wait_for(|done| names.iter().all(|name| done.contains_key(name)));
        let times = match tokio::time::timeout(limit, all_done).await {
            Ok(times) => times?.clone(),
            Err(_) => {
                let missing = names.iter().filter(|name| !self.done.borrow().contains_key(*name)).count();
                return Err(
                    format!("{missing} of {} objects are not done after {limit:?}", names.len()).into()
                );
            }
        };
        let since = |at: Instant, began: Instant| at.saturating_duration_since(began).as_secs_f64();
        let last = names.iter().filter_map(|name| times.get(name)).max().copied().unwrap_or(began);
        let seconds = applied.iter().filter_map(|(name, at)| Some(since(*times.get(name)?, *at))).collect();
        Ok(Measured { seconds, all: since(last, began) })
    }

    /// Server-side apply, as `kubectl apply --server-side`; when it was sent.
    async fn apply(&self, name: &str) -> Result<(String, Instant)> {
        let object = self.system.object(name);
        let at = Instant::now();
        self.api.patch(name, &PatchParams::apply("bench").force(), &Patch::Apply(&object)).await?;
        Ok((name.to_owned(), at))
    }
}

/// Deletes a namespace and waits until it is gone.
async fn remove(client: &Client, namespace: &str) -> Result<()> {
    let api: Api<Namespace> = Api::all(client.clone());
    api.delete(namespace, &DeleteParams::default()).await?;
    ats_test_cluster::eventually("the namespace being gone", Duration::from_secs(900), async || {
        match api.get_opt(namespace).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err("it is there".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(())
}
