//! From a Job and its pods to the state of its stage.

use ats_crds::{
    Reason,
    status::{StageName, StageState, StageStatus},
};
use ats_pipeline::status::{Trouble, bounded, stages};
use k8s_openapi::{
    api::batch::v1::Job,
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use kube::ResourceExt;

use super::pods::Told;

/// How long a finished Job's pods may be missing from the cache before they count as gone.
const PODS_LAG: SignedDuration = SignedDuration::from_secs(10);

/// What a Job says about its stage.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It goes on; perhaps with a problem.
    Working(Option<Trouble>),
    /// It has its output.
    Done,
    /// It ended without one.
    Failed(Trouble),
    /// It is complete, and no pod is left that tells the output: one more attempt finds it in the store.
    Mute,
}

/// The state of a stage whose Job is there.
pub fn observe(record: StageStatus, job: &Job, told: &Told, now: Timestamp) -> (StageStatus, Verdict) {
    let status = job.status.clone().unwrap_or_default();
    let total = shards(job);
    let succeeded =
        status.succeeded.unwrap_or(0).max(i32::try_from(told.done).unwrap_or(i32::MAX)).min(total);
    let mut record = StageStatus {
        job_name: Some(job.name_any()),
        progress: Some(format!("{succeeded}/{total}")),
        computed: stages::count(told.computed),
        reused: stages::count(told.reused),
        started_at: record.started_at.or_else(|| job.creation_timestamp()),
        ..record
    };
    let verdict = verdict(record.name, job, told, now);
    let suspended = job.spec.as_ref().and_then(|spec| spec.suspend).unwrap_or(false);
    record.state = match &verdict {
        Verdict::Done => stages::done_state(told.computed, told.reused),
        Verdict::Failed(_) => StageState::Failed,
        Verdict::Mute => StageState::Queued,
        Verdict::Working(_) if suspended => StageState::Suspended,
        Verdict::Working(_) if told.running || succeeded > 0 => StageState::Running,
        Verdict::Working(_) => StageState::Queued,
    };
    record.message = match &verdict {
        Verdict::Failed(trouble) | Verdict::Working(Some(trouble)) => Some(bounded(&trouble.message)),
        _ => None,
    };
    if matches!(verdict, Verdict::Done | Verdict::Failed(_)) {
        record.finished_at = status.completion_time.or_else(|| ended_at(job)).or(Some(Time(now)));
    }
    if verdict == Verdict::Done {
        record.digest = told.digests.first().map(ToString::to_string);
    }
    (record, verdict)
}

fn verdict(stage: StageName, job: &Job, told: &Told, now: Timestamp) -> Verdict {
    if told.digests.len() > 1 {
        let digests = told.digests.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        let message = format!("stage {stage} gave more than one output for one key: {digests}");
        return Verdict::Failed(Trouble { reason: Reason::NonDeterministic, message });
    }
    // Whoever tells the digest has written the dataset, so with the words of every shard nothing is left to wait for:
    // the Job controller counts finished pods a second or two later.
    if !told.digests.is_empty() && i32::try_from(told.done).is_ok_and(|done| done >= shards(job)) {
        return Verdict::Done;
    }
    let lagging = ended_at(job).is_none_or(|end| now.duration_since(end.0) < PODS_LAG);
    if is(job, "Complete") {
        return match (told.digests.is_empty(), lagging) {
            (false, _) => Verdict::Done,
            (true, true) => Verdict::Working(None),
            (true, false) => Verdict::Mute,
        };
    }
    if let Some(condition) = condition(job, "Failed") {
        let of_job = condition.reason.as_deref().unwrap_or_default();
        if of_job == "DeadlineExceeded" {
            let seconds = job.spec.as_ref().and_then(|spec| spec.active_deadline_seconds).unwrap_or_default();
            let message = format!("stage {stage} ran past its deadline of {seconds} seconds");
            return Verdict::Failed(Trouble { reason: Reason::DeadlineExceeded, message });
        }
        return match (&told.worst, lagging) {
            (Some(trouble), _) => Verdict::Failed(Trouble {
                reason: if trouble.reason == Reason::PodFailed {
                    Reason::StageFailed
                } else {
                    trouble.reason
                },
                message: trouble.message.clone(),
            }),
            (None, true) => Verdict::Working(None),
            (None, false) => Verdict::Failed(Trouble {
                reason: Reason::StageFailed,
                message: format!(
                    "the Job of stage {stage} failed ({of_job}): {}",
                    condition.message.as_deref().unwrap_or("no further words")
                ),
            }),
        };
    }
    Verdict::Working(told.waiting.clone().or_else(|| told.worst.clone()))
}

fn shards(job: &Job) -> i32 {
    job.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(1)
}

fn condition<'a>(job: &'a Job, type_: &str) -> Option<&'a k8s_openapi::api::batch::v1::JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_ && condition.status == "True")
}

fn is(job: &Job, type_: &str) -> bool {
    condition(job, type_).is_some()
}

/// Whether a Job has come to its end.
pub fn is_finished(job: &Job) -> bool {
    is(job, "Complete") || is(job, "Failed")
}

/// Whether a Job has failed.
pub fn is_failed(job: &Job) -> bool {
    is(job, "Failed")
}

fn ended_at(job: &Job) -> Option<Time> {
    let end = condition(job, "Complete").or_else(|| condition(job, "Failed"))?;
    end.last_transition_time.clone()
}
