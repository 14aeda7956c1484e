//! The three kinds of a namespace, kept up to date by watches.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use futures::StreamExt;
use jiff::Timestamp;
use kube::{
    Api, Client, Resource, ResourceExt,
    core::DeserializeGuard,
    runtime::{WatchStreamExt, reflector, reflector::Store, watcher},
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::Objects;

/// A watch that does not get through: what is shown is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// Since when.
    pub since: Timestamp,
    /// In words.
    pub problem: String,
}

/// The watch of each kind: interrupted, or well.
pub type Interruptions = BTreeMap<&'static str, Option<Interruption>>;

/// Readers of the three kinds.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    universes: Store<DeserializeGuard<TradingUniverse>>,
    models: Store<DeserializeGuard<ModelTrainingJob>>,
    strategies: Store<DeserializeGuard<Strategy>>,
    interruptions: Arc<Mutex<Interruptions>>,
    listed: CancellationToken,
}

impl Watch {
    /// Starts the watches; they end with the token.
    pub(crate) fn start(client: &Client, namespace: &str, stop: &CancellationToken) -> Self {
        let interruptions = Arc::new(Mutex::new(Interruptions::new()));
        let watch = Self {
            universes: follow(Api::namespaced(client.clone(), namespace), &interruptions, stop),
            models: follow(Api::namespaced(client.clone(), namespace), &interruptions, stop),
            strategies: follow(Api::namespaced(client.clone(), namespace), &interruptions, stop),
            interruptions,
            listed: CancellationToken::new(),
        };
        // A store wakes only the last of those who wait for it, so one waits for all.
        let waiting = watch.clone();
        let lists = async move {
            let listed = waiting.universes.wait_until_ready().await.is_ok()
                && waiting.models.wait_until_ready().await.is_ok()
                && waiting.strategies.wait_until_ready().await.is_ok();
            if listed {
                waiting.listed.cancel();
            }
        };
        tokio::spawn(until(stop.clone().cancelled_owned(), lists));
        watch
    }

    /// Resolves when the first lists are there.
    pub(crate) async fn ready(&self) {
        self.listed.cancelled().await;
    }

    /// Whether the first lists are there.
    pub(crate) fn is_ready(&self) -> bool {
        self.listed.is_cancelled()
    }

    /// The objects now.
    pub(crate) fn objects(&self) -> Objects {
        let mut unreadable = Vec::new();
        Objects {
            universes: sorted(&self.universes, &mut unreadable),
            models: sorted(&self.models, &mut unreadable),
            strategies: sorted(&self.strategies, &mut unreadable),
            unreadable,
        }
    }

    /// The watches now.
    pub(crate) fn interruptions(&self) -> Interruptions {
        self.interruptions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The objects of a kind by name; those that do not decode are told apart, so that one of them hides no other.
fn sorted<K>(store: &Store<DeserializeGuard<K>>, unreadable: &mut Vec<(String, String)>) -> Vec<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let mut all = Vec::new();
    for guard in store.state() {
        match &guard.0 {
            Ok(object) => all.push(object.clone()),
            Err(error) => {
                unreadable.push((format!("{}/{}", K::kind(&()), guard.name_any()), error.to_string()));
            }
        }
    }
    all.sort_by_key(ResourceExt::name_any);
    unreadable.sort();
    all
}

fn follow<K>(
    api: Api<DeserializeGuard<K>>,
    interruptions: &Arc<Mutex<Interruptions>>,
    stop: &CancellationToken,
) -> Store<DeserializeGuard<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (reader, writer) = reflector::store();
    let kind = kind_of::<K>();
    let stream = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(|object| object.meta_mut().managed_fields = None)
        .reflect(writer);
    let ended = stop.clone().cancelled_owned();
    let interruptions = Arc::clone(interruptions);
    tokio::spawn(until(ended, async move {
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            let mut all = interruptions.lock().unwrap_or_else(PoisonError::into_inner);
            let now = all.entry(kind).or_default();
            match event {
                // A list that begins is no answer yet.
                Ok(watcher::Event::Init) => {}
                Ok(_) => *now = None,
                Err(error) => {
                    tracing::warn!(kind, "the watch was interrupted and is taken up again: {error}");
                    let since = now.as_ref().map_or_else(Timestamp::now, |before| before.since);
                    *now = Some(Interruption { since, problem: error.to_string() });
                }
            }
        }
    }));
    reader
}

fn kind_of<K: Resource<DynamicType = ()>>() -> &'static str {
    match K::kind(&()).as_ref() {
        "TradingUniverse" => "TradingUniverse",
        "ModelTrainingJob" => "ModelTrainingJob",
        _ => "Strategy",
    }
}

async fn until(stop: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop => {}
        () = work => {}
    }
}
