//! What the pods of one Job have told.

use std::collections::{BTreeMap, BTreeSet};

use ats_crds::{
    Reason,
    status::{Failure, MAX_FAILURES, StageName},
};
use ats_pipeline::{Digest, ExitCode, Outcome};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::ResourceExt;

use super::{
    Trouble, Warning,
    trouble::{of_creation, of_terminated, of_waiting, reason_of},
};

/// Label that the Job controller puts on its pods.
pub const JOB_NAME: &str = "batch.kubernetes.io/job-name";
/// Annotation (and label) that holds a pod's shard.
pub const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// How one pod ended.
#[derive(Debug, Clone)]
struct End {
    shard: Option<i32>,
    code: i32,
    told: Result<Outcome, Trouble>,
}

/// The sum of what the pods of a Job have told so far.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Digests of the output; more than one is a breach of determinism.
    pub digests: BTreeSet<Digest>,
    /// Shards that ended well and told so.
    pub done: usize,
    /// Units computed.
    pub computed: u64,
    /// Units found in the store.
    pub reused: u64,
    /// Figures of the stage.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Failures of units and of shards, in words.
    pub failures: Vec<Failure>,
    /// The failure that speaks for the stage.
    pub worst: Option<Trouble>,
    /// Whether a pod's container runs.
    pub running: bool,
    /// Why a pod does not start.
    pub waiting: Option<Trouble>,
}

/// Reads the pods of a Job. A shard that ended well at last leaves no word of its earlier tries.
pub fn read(
    stage: StageName,
    job: &Job,
    pods: &[&Pod],
    warnings: &dyn Fn(&str, &str) -> Vec<Warning>,
) -> Told {
    let mut told = Told::default();
    let mut ends = Vec::new();
    // The only shard of a stage is the stage.
    let several = job.spec.as_ref().and_then(|spec| spec.completions).is_some_and(|shards| shards > 1);
    for pod in pods {
        let status = pod.status.as_ref();
        let terminated = status.and_then(|status| {
            status.container_statuses.as_ref()?.first()?.state.as_ref()?.terminated.as_ref()
        });
        if let Some(terminated) = terminated {
            let told = terminated
                .message
                .as_deref()
                .and_then(|text| serde_json::from_str::<Outcome>(text).ok())
                .ok_or_else(|| of_terminated(&pod.name_any(), terminated));
            ends.push(End { shard: shard_of(pod).filter(|_| several), code: terminated.exit_code, told });
        } else if status.and_then(|status| status.phase.as_deref()) == Some("Running") {
            told.running = true;
        }
        if told.waiting.is_none() {
            told.waiting = of_waiting(pod, &warnings("Pod", &pod.name_any()));
        }
    }
    let status = job.status.as_ref();
    let has_pods = status.is_some_and(|status| status.active.unwrap_or(0) > 0);
    if told.waiting.is_none() && !has_pods {
        told.waiting = of_creation(&warnings("Job", &job.name_any()));
    }
    // Pods of a list come in no order; what is told must not depend on it.
    ends.sort_by_key(|end| (end.shard, end.code));
    let done: BTreeSet<Option<i32>> = ends.iter().filter(|end| is_done(end)).map(|end| end.shard).collect();
    let spoke = |end: &&End| is_done(end) && end.told.is_ok();
    told.done = ends.iter().filter(spoke).map(|end| end.shard).collect::<BTreeSet<_>>().len();
    for end in &ends {
        match is_done(end) {
            true => told.add_done(end),
            false if !done.contains(&end.shard) => told.add_failed(stage, end),
            false => {}
        }
    }
    told.failures.truncate(MAX_FAILURES);
    told
}

fn is_done(end: &End) -> bool {
    ExitCode::from_code(end.code) == Some(ExitCode::Done)
}

/// The shard that a pod of an Indexed Job does.
pub fn shard_of(pod: &Pod) -> Option<i32> {
    let text = pod.annotations().get(COMPLETION_INDEX).or_else(|| pod.labels().get(COMPLETION_INDEX))?;
    text.parse().ok()
}

impl Told {
    fn add_done(&mut self, end: &End) {
        let Ok(outcome) = &end.told else { return };
        self.digests.extend(outcome.digest);
        self.computed += outcome.computed;
        self.reused += outcome.reused;
        self.figures.extend(outcome.figures.iter().map(|(name, value)| (name.clone(), *value)));
        self.failures.extend(outcome.failures.clone());
    }

    fn add_failed(&mut self, stage: StageName, end: &End) {
        let (trouble, category) = match &end.told {
            Ok(outcome) => {
                self.failures.extend(outcome.failures.clone());
                let reason = reason_of(outcome.category);
                (Trouble { reason, message: outcome.message.clone() }, format!("{:?}", outcome.category))
            }
            Err(trouble) => (trouble.clone(), trouble.reason.as_str().to_owned()),
        };
        let failure =
            Failure { stage, shard: end.shard, ticker: None, category, message: trouble.message.clone() };
        // A shard that is tried again and fails alike is told once.
        if !self.failures.contains(&failure) {
            self.failures.push(failure);
        }
        let speaks = |reason: Reason| match reason {
            Reason::NonDeterministic => 5,
            Reason::BadSpec | Reason::DataRefused => 4,
            Reason::SourceUnreadable => 3,
            Reason::OutOfMemory => 2,
            _ => 1,
        };
        if self.worst.as_ref().is_none_or(|worst| speaks(trouble.reason) > speaks(worst.reason)) {
            self.worst = Some(trouble);
        }
    }
}
