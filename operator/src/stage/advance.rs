//! The way of an object through its stages: what is recorded, what its Jobs say, what is to be done next.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ats_crds::{
    Reason,
    children::{ANNOTATION_ATTEMPT, ANNOTATION_KEY},
    status::{Failure, StageName, StageState, StageStatus},
};
use ats_pipeline::{
    KeyError, PlannedStage, StagePlan,
    plan::{self, Known},
    status::{Current, Told, Trouble, Way, add_failures, stages},
};
use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    jiff::Timestamp,
};
use kube::ResourceExt;

use super::{
    Warning, name,
    observe::{self, Verdict, observe},
    pods,
};

/// Annotation on a Job: the generation of the object that it was made for.
pub const ANNOTATION_GENERATION: &str = "trading.ats.dev/generation";
/// Attempts that complete Jobs without a word may cost.
const MOST_MUTE: i32 = 5;

/// What is known of an object that goes through its stages.
pub struct Setting<'a> {
    /// The object's name.
    pub object: &'a str,
    /// The object's generation.
    pub generation: i64,
    /// Where its artifacts go.
    pub store: &'a str,
    /// The stages as recorded.
    pub records: Vec<StageStatus>,
    /// The failures as recorded.
    pub failures: &'a [Failure],
    /// Whether the user holds it.
    pub suspend: bool,
    /// Its Jobs, none of an earlier object of this name.
    pub jobs: &'a [Arc<Job>],
    /// Names of Jobs of an earlier object of this name that are still there.
    pub leftovers: &'a [String],
    /// Its pods.
    pub pods: &'a [Arc<Pod>],
    /// Warnings about an object of a kind and name.
    pub warnings: &'a dyn Fn(&str, &str) -> Vec<Warning>,
    /// Now.
    pub now: Timestamp,
}

/// Something to do to a Job.
#[derive(Debug, Clone, PartialEq)]
pub enum JobAction {
    /// Make it, with its document.
    Start {
        /// The stage.
        stage: Box<PlannedStage>,
        /// The Job's name.
        name: String,
        /// Which attempt it is.
        attempt: i32,
    },
    /// It is there: see that its document is, too.
    Keep {
        /// The stage.
        stage: Box<PlannedStage>,
        /// The Job.
        job: Box<Arc<Job>>,
    },
    /// Hold it, or let it go on.
    Suspend {
        /// The Job's name.
        name: String,
        /// Whether it is held.
        suspend: bool,
    },
    /// Delete it: the spec has moved on.
    Delete {
        /// The Job's name.
        name: String,
    },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The stages for the status.
    pub stages: Vec<StageStatus>,
    /// The plan, with the outputs that are known.
    pub plan: Vec<StagePlan>,
    /// Where the object is.
    pub current: Current,
    /// Figures that were told now, and the failures for the status.
    pub told: Told,
    /// What to do.
    pub actions: Vec<JobAction>,
    /// When to look again, where no watch would tell.
    pub requeue: Option<Duration>,
}

/// Plans, reads, and plans again with each new output, until something is to be waited for.
///
/// # Errors
/// When a spec has no canonical JSON.
pub fn advance(
    setting: &Setting<'_>,
    plan_of: &dyn Fn(Known<'_>) -> Result<Vec<StagePlan>, KeyError>,
) -> Result<Progress, KeyError> {
    let mut records = setting.records.clone();
    let mut progress = Progress {
        stages: Vec::new(),
        plan: Vec::new(),
        current: Current::Done,
        told: Told { figures: BTreeMap::new(), failures: setting.failures.to_vec() },
        actions: Vec::new(),
        requeue: None,
    };
    loop {
        progress.plan = plan_of(&|stage| stages::output(&records, setting.store, stage))?;
        let Some(stage) = plan::next(&progress.plan).cloned() else {
            progress.current = Current::Done;
            break;
        };
        let mut entry = setting.record_of(&records, &stage);
        let current = setting.step(&stage, &mut entry, &mut progress);
        records.retain(|record| record.name != entry.name);
        records.push(entry);
        if let Some(current) = current {
            progress.current = current;
            break;
        }
    }
    progress.stages = listed(&progress.plan, &records, setting.store);
    setting.stop_outdated(&mut progress);
    Ok(progress)
}

/// The stages in order, with their records; a stage whose inputs are not there is pending.
fn listed(plan: &[StagePlan], records: &[StageStatus], store: &str) -> Vec<StageStatus> {
    let entry = |entry: &StagePlan| {
        let stage = entry.stage.as_ref()?;
        records.iter().find(|record| stages::matches(record, store, stage)).cloned()
    };
    plan.iter()
        .filter(|planned| planned.name != StageName::Trade)
        .map(|planned| entry(planned).unwrap_or_else(|| StageStatus::pending(planned.name)))
        .collect()
}

impl Setting<'_> {
    /// The stage's record, or a new one with the attempt that its Jobs leave open.
    fn record_of(&self, records: &[StageStatus], stage: &PlannedStage) -> StageStatus {
        if let Some(record) = records.iter().find(|record| stages::matches(record, self.store, stage)) {
            return record.clone();
        }
        let key = stage.key.to_string();
        let annotation =
            |job: &Job, name: &str| job.annotations().get(name).and_then(|text| text.parse::<i64>().ok());
        let latest = self
            .jobs
            .iter()
            .filter(|job| job.annotations().get(ANNOTATION_KEY) == Some(&key))
            .max_by_key(|job| annotation(job, ANNOTATION_ATTEMPT));
        let attempt = latest.map_or(1, |job| {
            let attempt =
                annotation(job, ANNOTATION_ATTEMPT).and_then(|attempt| attempt.try_into().ok()).unwrap_or(1);
            let of_before =
                annotation(job, ANNOTATION_GENERATION).is_some_and(|made_for| made_for < self.generation);
            if observe::is_failed(job) && of_before { attempt + 1 } else { attempt }
        });
        stages::begun(self.store, stage, attempt)
    }

    /// Reads a stage's Job, or has it made. `None`: the stage has something new, plan again.
    fn step(
        &self,
        stage: &PlannedStage,
        entry: &mut StageStatus,
        progress: &mut Progress,
    ) -> Option<Current> {
        let name = stage.stage();
        if entry.state == StageState::Failed {
            return Some(Current::Failed {
                stage: name,
                trouble: recorded_trouble(entry, &progress.told.failures),
            });
        }
        let job_name = name::job(self.object, name, &stage.key, entry.attempt);
        let Some(job) = self.jobs.iter().find(|job| job.name_any() == job_name) else {
            progress.forget(name);
            entry.job_name = Some(job_name.clone());
            if self.suspend {
                entry.state = StageState::Suspended;
                return Some(Current::Suspended { stage: name });
            }
            entry.state = StageState::Queued;
            if self.leftovers.contains(&job_name) {
                // The garbage collector may take its time, and takes nothing that was orphaned.
                let message =
                    format!("stage {name} waits for Job {job_name} of an earlier object to be deleted");
                entry.job_name = None;
                progress.actions.push(JobAction::Delete { name: job_name });
                return Some(Current::Working { stage: name, reason: Reason::Progressing, message });
            }
            let attempt = entry.attempt;
            progress.actions.push(JobAction::Start {
                stage: Box::new(stage.clone()),
                name: job_name,
                attempt,
            });
            // What its Job will say first, so that a stage that starts is told once.
            return Some(Current::Working { stage: name, reason: Reason::Queued, message: waits(name) });
        };
        if job.annotations().get(ANNOTATION_KEY) != Some(&stage.key.to_string()) {
            let message = format!("Job {job_name} stands for another key; delete it");
            entry.state = StageState::Failed;
            entry.message = Some(message.clone());
            return Some(progress.fail(name, Trouble { reason: Reason::StageFailed, message }));
        }
        let mine: Vec<&Pod> = self.pods.iter().filter(|pod| is_of(pod, job)).map(AsRef::as_ref).collect();
        let told = pods::read(name, job, &mine, self.warnings);
        progress.forget(name);
        let failures: Vec<Failure> =
            told.failures.iter().cloned().map(|failure| Failure { stage: name, ..failure }).collect();
        add_failures(&mut progress.told.failures, &failures);
        let (next, verdict) = observe(entry.clone(), job, &told, self.now);
        *entry = next;
        match verdict {
            Verdict::Done => {
                progress.told.figures.extend(told.figures);
                None
            }
            Verdict::Mute if entry.attempt < MOST_MUTE => {
                let started = std::mem::replace(entry, StageStatus::pending(name));
                *entry = StageStatus {
                    key: started.key,
                    source_digest: started.source_digest,
                    attempt: started.attempt + 1,
                    ..StageStatus::pending(name)
                };
                None
            }
            Verdict::Mute => {
                let message = format!(
                    "{MOST_MUTE} Jobs of stage {name} are complete, and no pod is left to tell its output"
                );
                entry.state = StageState::Failed;
                entry.message = Some(message.clone());
                Some(progress.fail(name, Trouble { reason: Reason::StageFailed, message }))
            }
            Verdict::Failed(trouble) => Some(progress.fail(name, trouble)),
            Verdict::Working(trouble) => Some(self.working(stage, job, entry, trouble, progress)),
        }
    }

    fn working(
        &self,
        stage: &PlannedStage,
        job: &Arc<Job>,
        entry: &mut StageStatus,
        trouble: Option<Trouble>,
        progress: &mut Progress,
    ) -> Current {
        let name = stage.stage();
        if observe::is_finished(job) {
            // Its pods' last words are on their way.
            progress.requeue = Some(Duration::from_secs(2));
        } else {
            progress
                .actions
                .push(JobAction::Keep { stage: Box::new(stage.clone()), job: Box::new(Arc::clone(job)) });
            let held = job.spec.as_ref().and_then(|spec| spec.suspend).unwrap_or(false);
            if held != self.suspend {
                progress.actions.push(JobAction::Suspend { name: job.name_any(), suspend: self.suspend });
            }
        }
        if self.suspend {
            entry.state = StageState::Suspended;
            entry.message = None;
            return Current::Suspended { stage: name };
        }
        let shards = entry.progress.as_deref().unwrap_or("0/1");
        let (reason, message) = match (trouble, entry.state) {
            (Some(trouble), _) => (trouble.reason, format!("stage {name}: {}", trouble.message)),
            (None, StageState::Running) => {
                (Reason::Progressing, format!("stage {name} runs, {shards} shards done"))
            }
            (None, _) => (Reason::Queued, waits(name)),
        };
        Current::Working { stage: name, reason, message }
    }

    /// Jobs that no stage of the plan waits for any more compute what nobody asks for.
    fn stop_outdated(&self, progress: &mut Progress) {
        let wanted: Vec<&str> =
            progress.stages.iter().filter_map(|stage| stage.job_name.as_deref()).collect();
        let outdated = self.jobs.iter().filter(|job| {
            !observe::is_finished(job)
                && job.metadata.deletion_timestamp.is_none()
                && !wanted.contains(&job.name_any().as_str())
        });
        let actions: Vec<JobAction> =
            outdated.map(|job| JobAction::Delete { name: job.name_any() }).collect();
        progress.actions.extend(actions);
    }
}

impl Progress {
    /// How far the stages are.
    pub fn way(&self) -> Way<'_> {
        Way { plan: &self.plan, current: &self.current }
    }

    /// Drops the recorded failures of a stage: they are read again.
    fn forget(&mut self, stage: StageName) {
        self.told.failures.retain(|failure| failure.stage != stage);
    }

    fn fail(&mut self, stage: StageName, trouble: Trouble) -> Current {
        let failures = &mut self.told.failures;
        failures.retain(|failure| {
            !(failure.stage == stage && failure.shard.is_none() && failure.ticker.is_none())
        });
        failures.insert(0, trouble.of_stage(stage));
        Current::Failed { stage, trouble }
    }
}

fn waits(stage: StageName) -> String {
    format!("stage {stage} waits for its pods to start")
}

/// Whether a pod is a Job's own: a Job of an earlier object of this name may have left pods under the same name.
fn is_of(pod: &Pod, job: &Job) -> bool {
    pod.owner_references()
        .iter()
        .any(|owner| owner.controller == Some(true) && Some(&owner.uid) == job.metadata.uid.as_ref())
}

/// Why a recorded stage failed: its reason stands in the failures, its words beside its state.
fn recorded_trouble(entry: &StageStatus, failures: &[Failure]) -> Trouble {
    let failure = failures
        .iter()
        .find(|failure| failure.stage == entry.name && failure.shard.is_none() && failure.ticker.is_none());
    Trouble {
        reason: failure.and_then(|failure| Reason::parse(&failure.category)).unwrap_or(Reason::StageFailed),
        message: entry.message.clone().unwrap_or_else(|| format!("stage {} failed", entry.name)),
    }
}
