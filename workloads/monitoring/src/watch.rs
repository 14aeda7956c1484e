//! The three kinds of a namespace, kept up to date by watches, or those of a folder, read again and again.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
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

use crate::{Objects, folder};

/// How often a folder is read.
const LOOK: Duration = Duration::from_secs(2);

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
    lists: Lists,
    interruptions: Arc<Mutex<Interruptions>>,
    listed: CancellationToken,
}

/// Where objects are kept up to date.
#[derive(Debug, Clone)]
enum Lists {
    /// An API server's, by watches.
    Watched(Stores),
    /// A folder's, as it was last read.
    Read(Arc<Mutex<Objects>>),
}

/// What the watches have seen.
#[derive(Debug, Clone)]
struct Stores {
    universes: Store<DeserializeGuard<TradingUniverse>>,
    models: Store<DeserializeGuard<ModelTrainingJob>>,
    strategies: Store<DeserializeGuard<Strategy>>,
}

impl Watch {
    /// Starts the watches; they end with the token.
    pub(crate) fn start(client: &Client, namespace: &str, stop: &CancellationToken) -> Self {
        let interruptions = Arc::new(Mutex::new(Interruptions::new()));
        let stores = Stores {
            universes: follow(Api::namespaced(client.clone(), namespace), &interruptions, stop),
            models: follow(Api::namespaced(client.clone(), namespace), &interruptions, stop),
            strategies: follow(Api::namespaced(client.clone(), namespace), &interruptions, stop),
        };
        let listed = CancellationToken::new();
        // A store wakes only the last of those who wait for it, so one waits for all.
        let (waiting, there) = (stores.clone(), listed.clone());
        let lists = async move {
            let all = waiting.universes.wait_until_ready().await.is_ok()
                && waiting.models.wait_until_ready().await.is_ok()
                && waiting.strategies.wait_until_ready().await.is_ok();
            if all {
                there.cancel();
            }
        };
        tokio::spawn(until(stop.clone().cancelled_owned(), lists));
        Self { lists: Lists::Watched(stores), interruptions, listed }
    }

    /// Reads a folder's objects again and again; ends with the token.
    pub(crate) fn of_folder(path: PathBuf, stop: &CancellationToken) -> Self {
        let objects = Arc::new(Mutex::new(Objects::default()));
        let interruptions = Arc::new(Mutex::new(Interruptions::new()));
        let listed = CancellationToken::new();
        let watch = Self {
            lists: Lists::Read(Arc::clone(&objects)),
            interruptions: Arc::clone(&interruptions),
            listed: listed.clone(),
        };
        let look = async move {
            loop {
                for (kind, problem) in folder::read_into(&path, &objects) {
                    tell(&interruptions, kind, problem);
                }
                listed.cancel();
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::spawn(until(stop.clone().cancelled_owned(), look));
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
        match &self.lists {
            Lists::Watched(stores) => stores.objects(),
            Lists::Read(objects) => objects.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// The watches now.
    pub(crate) fn interruptions(&self) -> Interruptions {
        self.interruptions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Stores {
    fn objects(&self) -> Objects {
        let mut unreadable = Vec::new();
        Objects {
            universes: sorted(&self.universes, &mut unreadable),
            models: sorted(&self.models, &mut unreadable),
            strategies: sorted(&self.strategies, &mut unreadable),
            unreadable,
        }
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
            match event {
                // A list that begins is no answer yet.
                Ok(watcher::Event::Init) => {}
                Ok(_) => tell(&interruptions, kind, None),
                Err(error) => tell(&interruptions, kind, Some(error.to_string())),
            }
        }
    }));
    reader
}

/// Keeps what is wrong with the source of a kind, or that nothing is.
fn tell(interruptions: &Mutex<Interruptions>, kind: &'static str, problem: Option<String>) {
    let mut all = interruptions.lock().unwrap_or_else(PoisonError::into_inner);
    let now = all.entry(kind).or_default();
    *now = problem.map(|problem| {
        if now.as_ref().is_none_or(|before| before.problem != problem) {
            tracing::warn!(kind, "the watch was interrupted and is taken up again: {problem}");
        }
        let since = now.as_ref().map_or_else(Timestamp::now, |before| before.since);
        Interruption { since, problem }
    });
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
