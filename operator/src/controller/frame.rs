//! What a decision about any kind begins and ends with. Pure.

use ats_crds::{
    ANNOTATION_RETRY, Reason,
    status::{CommonStatus, HasCommonStatus, StageStatus},
};
use ats_pipeline::{
    Problem,
    status::{Before, is_published},
};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::write::Write;
use crate::{
    build::{self, labels::Parent},
    error::Error,
    kind::Managed,
    stage::{JobAction, Progress, Setting, record},
    world::{Place, World},
};

/// What is to be written, and what the status is to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<S> {
    /// The status.
    pub status: S,
    /// The writes, in order.
    pub writes: Vec<Write>,
    /// When to look again, where no watch would tell.
    pub requeue: Option<std::time::Duration>,
}

/// What is known of an object before anything is decided.
pub struct Frame {
    /// Itself, as a parent of children.
    pub parent: Parent,
    /// Its status before.
    pub previous: CommonStatus,
    /// Its stages as recorded, the failed ones renewed when the user asked for it.
    pub records: Vec<StageStatus>,
    /// Whether the spec is another one than that of the status.
    pub is_new: bool,
    /// Whether this generation has a result that stands.
    pub published: bool,
    /// The value of the retry annotation that is acted on.
    pub retry: Option<String>,
    now: Timestamp,
}

impl Frame {
    /// Reads an object.
    pub fn new<K: Managed>(object: &K, now: Timestamp) -> Self {
        let previous = object.status().map(HasCommonStatus::common).cloned().unwrap_or_default();
        let generation = object.meta().generation.unwrap_or_default();
        let retry = object.annotations().get(ANNOTATION_RETRY).cloned();
        let is_new = previous.observed_generation != generation;
        let asked = retry.is_some() && retry != previous.observed_retry;
        let records =
            if is_new || asked { record::renewed(&previous.stages) } else { previous.stages.clone() };
        Self {
            parent: Parent { key: object.key(), uid: object.uid().unwrap_or_default(), generation },
            records,
            is_new,
            published: is_published(&previous, generation),
            retry: retry.or_else(|| previous.observed_retry.clone()),
            previous,
            now,
        }
    }

    /// The status before, with this generation and nothing else changed.
    pub fn status(&self) -> CommonStatus {
        CommonStatus {
            observed_generation: self.parent.generation,
            observed_retry: self.retry.clone(),
            stages: self.records.clone(),
            ..self.previous.clone()
        }
    }

    /// What the conditions are set on.
    pub fn before(&self) -> Before {
        Before {
            conditions: self.previous.conditions.clone(),
            generation: self.parent.generation,
            published: self.published,
            now: self.now,
        }
    }

    /// What the stages are decided on.
    pub fn setting<'a>(
        &'a self,
        world: &'a World<'_>,
        store: &'a str,
        suspend: bool,
        warnings: &'a dyn Fn(&str, &str) -> Vec<crate::stage::Warning>,
    ) -> Setting<'a> {
        Setting {
            object: &self.parent.key.name,
            generation: self.parent.generation,
            store,
            records: self.records.clone(),
            failures: &self.previous.failures,
            suspend,
            jobs: &world.children.jobs,
            leftovers: &world.children.leftovers,
            pods: &world.children.pods,
            warnings,
            now: self.now,
        }
    }

    /// The writes that the stages ask for.
    pub fn writes<K: Managed>(
        &self,
        object: &K,
        world: &World<'_>,
        place: &Place,
        progress: &Progress,
    ) -> Vec<Write> {
        let mut writes = Vec::new();
        for action in &progress.actions {
            match action {
                JobAction::Start { stage, name, attempt } => {
                    writes.extend(self.account(world));
                    let run = object.run();
                    let workload = build::job::workload(&self.parent, stage, place, run, world.options, name);
                    let job =
                        build::job::job(&self.parent, stage, name, *attempt, &workload, run, world.options);
                    writes.push(Write::Job {
                        job: Box::new(job),
                        parent: self.parent.clone(),
                        stage: stage.clone(),
                        store: place.store.location.clone(),
                    });
                }
                JobAction::Keep { stage, job } => {
                    // It goes with a namespace's last object, which this one may have followed at once.
                    writes.extend(self.account(world));
                    if !world.children.documents.contains(&job.name_any()) {
                        writes.push(Write::Document {
                            job: job.clone(),
                            parent: self.parent.clone(),
                            stage: stage.clone(),
                            store: place.store.location.clone(),
                        });
                    }
                }
                JobAction::Suspend { name, suspend } => {
                    writes.push(Write::SuspendJob { name: name.clone(), suspend: *suspend });
                }
                JobAction::Delete { name } => writes.push(Write::DeleteJob { name: name.clone() }),
            }
        }
        writes
    }

    /// The account of stages, where it is missing: without it no pod is made.
    fn account(&self, world: &World<'_>) -> Option<Write> {
        let account = crate::world::accounts::STAGE;
        let missing = !world.children.accounts.iter().any(|known| known == account);
        let namespace = &self.parent.key.namespace;
        missing.then(|| Write::Account(Box::new(build::accounts::account(namespace, account))))
    }

    /// Puts stages, figures and failures of a way through the stages into a status.
    pub fn take(&self, common: &mut CommonStatus, progress: &Progress) {
        common.stages = progress.stages.clone();
        progress.told.put_into(common);
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}

/// A problem that belongs to no single field's check.
pub fn problem(path: &str, reason: Reason, message: impl Into<String>) -> Problem {
    Problem { path: path.to_owned(), reason, message: message.into() }
}

/// What a kind decides.
pub trait Decide: crate::cache::Wakeable {
    /// What it refers to.
    type References: Send + Sync;

    /// Reads what it refers to from the caches.
    fn dereference(&self, caches: &crate::cache::Caches) -> Self::References;

    /// Decides: pure.
    ///
    /// # Errors
    /// When a document cannot be made, which is a defect.
    fn decide(
        &self,
        references: &Self::References,
        world: &World<'_>,
    ) -> Result<Decision<Self::Status>, Error>;

    /// What is to be written before the object may go.
    fn farewell(&self, world: &World<'_>) -> Vec<Write>;
}
