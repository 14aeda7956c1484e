//! Wake-ups of objects.

use std::sync::Arc;

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use futures::{
    Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use kube::{core::DeserializeGuard, runtime::reflector::ObjectRef};
use tokio::sync::mpsc;

use crate::{
    kind::{Key, Kind, Managed},
    telemetry::Metrics,
};

/// Wakes objects: the queue behind drops doubles.
#[derive(Clone)]
pub struct Wakers {
    universes: UnboundedSender<Key>,
    models: UnboundedSender<Key>,
    strategies: UnboundedSender<Key>,
    namespaces: mpsc::UnboundedSender<String>,
    metrics: Arc<Metrics>,
}

/// The other ends.
pub struct Inbox {
    /// Universes to look at.
    pub universes: UnboundedReceiver<Key>,
    /// Models to look at.
    pub models: UnboundedReceiver<Key>,
    /// Strategies to look at.
    pub strategies: UnboundedReceiver<Key>,
    /// Namespaces whose monitoring is to be looked at.
    pub namespaces: mpsc::UnboundedReceiver<String>,
}

/// A pair of both.
pub fn wakers(metrics: Arc<Metrics>) -> (Wakers, Inbox) {
    let (universes, from_universes) = unbounded();
    let (models, from_models) = unbounded();
    let (strategies, from_strategies) = unbounded();
    let (namespaces, from_namespaces) = mpsc::unbounded_channel();
    let inbox = Inbox {
        universes: from_universes,
        models: from_models,
        strategies: from_strategies,
        namespaces: from_namespaces,
    };
    (Wakers { universes, models, strategies, namespaces, metrics }, inbox)
}

impl Wakers {
    /// Wakes an object.
    pub fn wake(&self, key: Key) {
        let kind = key.kind;
        let sender = match kind {
            Kind::Universe => &self.universes,
            Kind::Model => &self.models,
            Kind::Strategy => &self.strategies,
        };
        // A closed end means that the operator is shutting down.
        if sender.unbounded_send(key).is_ok() {
            self.metrics.queue.with_label_values(&[kind.as_str()]).inc();
        }
    }

    /// Has a namespace's monitoring looked at.
    pub fn wake_namespace(&self, namespace: impl Into<String>) {
        let _ = self.namespaces.send(namespace.into());
    }
}

/// A kind that can be woken.
pub trait Wakeable: Managed {
    /// Its wake-ups, as references.
    fn references(
        keys: UnboundedReceiver<Key>,
        metrics: Arc<Metrics>,
    ) -> impl Stream<Item = ObjectRef<DeserializeGuard<Self>>> + Send {
        keys.map(move |key| {
            metrics.queue.with_label_values(&[key.kind.as_str()]).dec();
            ObjectRef::new(&key.name).within(&key.namespace)
        })
    }
}

impl Wakeable for TradingUniverse {}
impl Wakeable for ModelTrainingJob {}
impl Wakeable for Strategy {}
