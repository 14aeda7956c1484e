//! What every reconcile shares.

use std::sync::Arc;

use kube::runtime::events::Recorder;

use crate::{
    api::Writer,
    cache::{Caches, Wakers},
    controller::memory::Memory,
    kind::Key,
    options::Options,
    telemetry::Metrics,
};

/// Called with each object before it is reconciled: lets tests put faults where a defect would be.
pub type Probe = Arc<dyn Fn(&Key) + Send + Sync>;

/// Shared by the reconciles of one scope.
pub struct Context {
    /// The way to write.
    pub writer: Writer,
    /// What was read.
    pub caches: Caches,
    /// Wakes objects.
    pub wakers: Wakers,
    /// What is remembered between reconciles.
    pub memory: Memory,
    /// The operator's options.
    pub options: Arc<Options>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Publishes Events.
    pub recorder: Recorder,
    /// Called before each reconcile.
    pub probe: Option<Probe>,
}
