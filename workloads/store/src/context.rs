//! What a stage runs in.

use std::sync::Arc;

use ats_pipeline::StageName;
use tokio_util::sync::CancellationToken;

use crate::{Settings, StageError, Store};

/// Hears how far a stage is.
pub trait Progress: Send + Sync + std::fmt::Debug {
    /// A unit of a stage is finished: `done` of `total` are.
    fn unit_done(&self, stage: StageName, unit: &str, done: usize, total: usize, reused: bool);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn unit_done(&self, _: StageName, _: &str, _: usize, _: usize, _: bool) {}
}

/// What a stage runs in: its store, its shard, how much it may do at once, and when to stop.
#[derive(Debug, Clone)]
pub struct StageContext {
    /// Where artifacts go.
    pub store: Store,
    /// Settings of the source's store.
    pub source_settings: Settings,
    /// This shard, from 0.
    pub shard: u32,
    /// Units at work at once.
    pub jobs: usize,
    /// Hears how far the stage is.
    pub progress: Arc<dyn Progress>,
    /// When it is cancelled, no further unit begins.
    pub cancel: CancellationToken,
}

impl StageContext {
    /// A context of one shard without progress, for one process.
    pub fn new(store: Store) -> Self {
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            store,
            source_settings: Settings::new(),
            shard: 0,
            jobs,
            progress: Arc::new(NoProgress),
            cancel: CancellationToken::new(),
        }
    }

    /// An error when the stage was asked to stop.
    ///
    /// # Errors
    /// When it was.
    pub fn check_cancelled(&self) -> Result<(), StageError> {
        if self.cancel.is_cancelled() {
            return Err(StageError::new(
                ats_pipeline::Category::Unavailable,
                "stopped on request; what is finished is kept",
            ));
        }
        Ok(())
    }
}
