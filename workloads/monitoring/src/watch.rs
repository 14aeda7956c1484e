//! The three kinds of a namespace, kept up to date by watches.

use std::{fmt::Debug, future::Future, hash::Hash};

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use futures::StreamExt;
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{WatchStreamExt, reflector, reflector::Store, watcher},
};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::Objects;

/// Readers of the three kinds.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    universes: Store<TradingUniverse>,
    models: Store<ModelTrainingJob>,
    strategies: Store<Strategy>,
}

impl Watch {
    /// Starts the watches; they end with the token.
    pub(crate) fn start(client: &Client, namespace: &str, stop: &CancellationToken) -> Self {
        Self {
            universes: follow(Api::namespaced(client.clone(), namespace), stop),
            models: follow(Api::namespaced(client.clone(), namespace), stop),
            strategies: follow(Api::namespaced(client.clone(), namespace), stop),
        }
    }

    /// Resolves when the first lists are there.
    pub(crate) async fn ready(&self) -> bool {
        self.universes.wait_until_ready().await.is_ok()
            && self.models.wait_until_ready().await.is_ok()
            && self.strategies.wait_until_ready().await.is_ok()
    }

    /// The objects now.
    pub(crate) fn objects(&self) -> Objects {
        Objects {
            universes: sorted(&self.universes),
            models: sorted(&self.models),
            strategies: sorted(&self.strategies),
        }
    }
}

fn sorted<K>(store: &Store<K>) -> Vec<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let mut all: Vec<K> = store.state().iter().map(|object| K::clone(object)).collect();
    all.sort_by_key(ResourceExt::name_any);
    all
}

fn follow<K>(api: Api<K>, stop: &CancellationToken) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Hash + Eq + Clone,
{
    let (reader, writer) = reflector::store();
    let stream = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
        .reflect(writer);
    let ended = stop.clone().cancelled_owned();
    tokio::spawn(until(ended, async move {
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            if let Err(error) = event {
                tracing::warn!(
                    "the watch of {} was interrupted and is taken up again: {error}",
                    K::plural(&())
                );
            }
        }
    }));
    reader
}

async fn until(stop: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop => {}
        () = work => {}
    }
}
