//! The way through the stages, on plain values.

use std::sync::Arc;

use ats_crds::{
    Reason,
    status::{Failure, StageName, StageState, StageStatus},
    universe::{Adjustment, CalendarName},
};
use ats_pipeline::{
    Category, Digest, KeyError, Outcome, PlannedStage, StageKey, StagePlan, StageSpec, plan::Known,
    spec::FeaturesSpec,
};
use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    jiff::{SignedDuration, Timestamp},
};
use serde_json::{Value, json};

use super::{Current, JobAction, Progress, Setting, advance, name, record};

const STORE: &str = "s3://bucket";

fn planned(number: i64) -> PlannedStage {
    let spec = FeaturesSpec {
        features: vec![],
        adjustment: Adjustment::None,
        interval: "1d".parse().unwrap(),
        calendar: CalendarName::XNYS,
    };
    PlannedStage {
        key: StageKey::new(StageName::Features, 1, &number, &[], 0, None).unwrap(),
        spec: StageSpec::Features(spec),
        inputs: vec![],
        seed: 0,
        rerun_nonce: None,
        shards: 2,
        parallelism: 2,
        source: None,
        source_digest: None,
    }
}

/// One stage, and a second one that waits for it.
fn plan(known: Known<'_>) -> Result<Vec<StagePlan>, KeyError> {
    let stage = planned(1);
    let output = known(&stage);
    let waits = StagePlan { name: StageName::Publish, stage: None, output: None };
    Ok(vec![StagePlan { name: StageName::Features, stage: Some(stage), output }, waits])
}

fn job(attempt: i32, status: &Value) -> Arc<Job> {
    let key = planned(1).key;
    let name = name::job("u", StageName::Features, &key, attempt);
    let job = json!({
        "metadata": {"name": name, "uid": format!("job-{attempt}"), "annotations": {
            "trading.ats.dev/key": key.to_string(), "trading.ats.dev/attempt": attempt.to_string(),
            "trading.ats.dev/generation": "1",
        }},
        "spec": {"completions": 2, "template": {"spec": {"containers": []}}},
        "status": status,
    });
    Arc::new(serde_json::from_value(job).unwrap())
}

fn complete() -> Value {
    let condition =
        json!({"type": "Complete", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"});
    json!({"succeeded": 2, "conditions": [condition]})
}

fn failed(reason: &str) -> Value {
    let condition = json!({
        "type": "Failed", "status": "True", "reason": reason, "message": "m", "lastTransitionTime": "2024-01-01T00:00:00Z",
    });
    json!({"failed": 1, "conditions": [condition]})
}

fn pod(job: &Job, shard: i32, code: i32, message: &str) -> Arc<Pod> {
    let name = job.metadata.name.clone().unwrap();
    let pod = json!({
        "metadata": {
            "name": format!("{name}-{shard}"),
            "labels": {"batch.kubernetes.io/job-name": name},
            "annotations": {"batch.kubernetes.io/job-completion-index": shard.to_string()},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job.metadata.uid, "controller": true}],
        },
        "status": {"phase": if code == 0 { "Succeeded" } else { "Failed" }, "containerStatuses": [{
            "name": "workload", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "message": message}},
        }]},
    });
    Arc::new(serde_json::from_value(pod).unwrap())
}

fn outcome(digest: Option<&str>) -> String {
    let digest = digest.map(|text| Digest::of(text.as_bytes()));
    Outcome { digest, computed: 2, ..Outcome::failed(Category::Done, "done") }.to_termination_message()
}

struct Case {
    records: Vec<StageStatus>,
    failures: Vec<Failure>,
    store: &'static str,
    suspend: bool,
    jobs: Vec<Arc<Job>>,
    leftovers: Vec<String>,
    pods: Vec<Arc<Pod>>,
    generation: i64,
    /// Seconds after the end of the Jobs.
    after: i64,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            records: vec![],
            failures: vec![],
            store: STORE,
            suspend: false,
            jobs: vec![],
            leftovers: vec![],
            pods: vec![],
            generation: 1,
            after: 1,
        }
    }
}

impl Case {
    fn advance(&self) -> Progress {
        let end: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let setting = Setting {
            object: "u",
            generation: self.generation,
            store: self.store,
            records: self.records.clone(),
            failures: &self.failures,
            suspend: self.suspend,
            jobs: &self.jobs,
            leftovers: &self.leftovers,
            pods: &self.pods,
            warnings: &|_, _| vec![],
            now: end + SignedDuration::from_secs(self.after),
        };
        advance(&setting, &plan).unwrap()
    }
}

fn started(progress: &Progress) -> Vec<i32> {
    let attempt = |action: &JobAction| match action {
        JobAction::Start { attempt, .. } => Some(*attempt),
        _ => None,
    };
    progress.actions.iter().filter_map(attempt).collect()
}

fn done() -> Progress {
    let job = job(1, &complete());
    let pods = vec![pod(&job, 0, 0, &outcome(None)), pod(&job, 1, 0, &outcome(Some("out")))];
    Case { jobs: vec![job], pods, ..Case::default() }.advance()
}

#[test]
fn the_first_stage_is_started_once_and_the_next_one_waits() {
    let progress = Case::default().advance();
    assert_eq!(started(&progress), [1]);
    assert_eq!(
        progress.stages.iter().map(|stage| stage.state).collect::<Vec<_>>(),
        [StageState::Queued, StageState::Pending]
    );
    // What is told does not change when the Job is there and its pods are not: nothing is written for that.
    let there = Case { records: progress.stages.clone(), jobs: vec![job(1, &json!({}))], ..Case::default() };
    assert_eq!(there.advance().current, progress.current);
    // A cache that does not have the Job yet gives the same decision: one name, one Job.
    let again = Case { records: progress.stages.clone(), ..Case::default() }.advance();
    assert_eq!(again, progress);
    let held = Case { suspend: true, ..Case::default() }.advance();
    assert_eq!((started(&held), held.current), (vec![], Current::Suspended { stage: StageName::Features }));
}

#[test]
fn a_complete_job_gives_the_digest_that_one_of_its_shards_told() {
    let progress = done();
    assert_eq!(progress.current, Current::Done);
    let stage = &progress.stages[0];
    assert_eq!(
        (stage.state, stage.computed, stage.progress.as_deref()),
        (StageState::Succeeded, Some(4), Some("2/2"))
    );
    assert_eq!(stage.digest, Some(Digest::of(b"out").to_string()));
}

#[test]
fn a_stage_is_done_when_all_its_shards_have_said_so_before_the_job_is_counted() {
    let job = job(1, &json!({"active": 2}));
    let first = pod(&job, 0, 0, &outcome(Some("out")));
    // The digest alone is not enough: the other shard's counts are missing.
    let half =
        Case { jobs: vec![Arc::clone(&job)], pods: vec![Arc::clone(&first)], ..Case::default() }.advance();
    assert_eq!(
        (half.stages[0].state, half.stages[0].progress.as_deref()),
        (StageState::Running, Some("1/2"))
    );
    let pods = vec![first, pod(&job, 1, 0, &outcome(None))];
    let all = Case { jobs: vec![Arc::clone(&job)], pods, ..Case::default() }.advance();
    assert_eq!(all.current, Current::Done);
    assert_eq!((all.stages[0].computed, all.stages[0].progress.as_deref()), (Some(4), Some("2/2")));
    assert!(all.stages[0].finished_at.is_some());
    // Its Job, which goes on for a moment, is left alone.
    assert_eq!(all.actions, []);
    // A shard that ended without a word, and two pods of one shard, are not all.
    for other in [pod(&job, 1, 0, "not an outcome"), pod(&job, 0, 0, &outcome(None))] {
        let pods = vec![pod(&job, 0, 0, &outcome(Some("out"))), other];
        let open = Case { jobs: vec![Arc::clone(&job)], pods, ..Case::default() }.advance();
        assert_ne!(open.current, Current::Done);
    }
}

#[test]
fn the_record_decides_not_the_job_and_only_in_its_own_store() {
    let records = done().stages;
    let gone = Case { records: records.clone(), ..Case::default() }.advance();
    assert_eq!((started(&gone), gone.current), (vec![], Current::Done));
    let moved = Case { records, store: "s3://other", ..Case::default() }.advance();
    assert_eq!(started(&moved), [1]);
}

#[test]
fn a_complete_job_without_words_is_waited_for_and_then_run_once_more() {
    let lagging = Case { jobs: vec![job(1, &complete())], after: 3, ..Case::default() }.advance();
    assert!(lagging.requeue.is_some() && started(&lagging).is_empty());
    let mute = Case { jobs: vec![job(1, &complete())], after: 60, ..Case::default() }.advance();
    assert_eq!(started(&mute), [2]);
    assert_eq!(mute.stages[0].attempt, 2);
}

#[test]
fn pods_of_an_earlier_object_of_this_name_tell_nothing() {
    let (old, new) = (job(1, &complete()), job(1, &json!({"active": 2})));
    let mut other = (*new).clone();
    other.metadata.uid = Some("another".into());
    let case = Case {
        pods: vec![pod(&old, 0, 0, &outcome(Some("old")))],
        jobs: vec![Arc::new(other)],
        ..Case::default()
    };
    assert_eq!(case.advance().stages[0].computed, Some(0));
}

#[test]
fn a_failure_stands_with_its_reason_until_the_user_asks() {
    let told = Outcome::failed(Category::DataRefused, "nothing is usable").to_termination_message();
    let job = job(1, &failed("PodFailurePolicy"));
    let pods = vec![pod(&job, 0, 2, &told)];
    let progress = Case { jobs: vec![Arc::clone(&job)], pods, ..Case::default() }.advance();
    let Current::Failed { trouble, .. } = &progress.current else { panic!("{:?}", progress.current) };
    assert_eq!((trouble.reason, trouble.message.as_str()), (Reason::DataRefused, "nothing is usable"));

    let kept = Case {
        records: progress.stages.clone(),
        failures: progress.told.failures.clone(),
        ..Case::default()
    }
    .advance();
    assert_eq!((&kept.current, started(&kept)), (&progress.current, vec![]));

    let renewed = record::renewed(&progress.stages);
    assert_eq!(record::renewed(&renewed), renewed, "asking twice is asking once");
    let again = Case { records: renewed, jobs: vec![job], ..Case::default() }.advance();
    assert_eq!(started(&again), [2]);
    assert!(again.told.failures.is_empty());
}

#[test]
fn a_failed_job_of_an_earlier_generation_is_not_this_ones_failure() {
    let told = Outcome::failed(Category::BadSpec, "no").to_termination_message();
    let job = job(3, &failed("PodFailurePolicy"));
    let pods = vec![pod(&job, 0, 2, &told)];
    let same = Case { jobs: vec![Arc::clone(&job)], pods: pods.clone(), ..Case::default() }.advance();
    assert_eq!((same.stages[0].state, same.stages[0].attempt), (StageState::Failed, 3));
    let later = Case { jobs: vec![job], pods, generation: 2, ..Case::default() }.advance();
    assert_eq!(started(&later), [4]);
}

#[test]
fn the_words_of_a_deadline_and_of_a_job_without_pods() {
    let reason = |job_reason: &str| {
        let progress =
            Case { jobs: vec![job(1, &failed(job_reason))], after: 60, ..Case::default() }.advance();
        let Current::Failed { trouble, .. } = progress.current else { panic!("{:?}", progress.current) };
        trouble.reason
    };
    assert_eq!(reason("DeadlineExceeded"), Reason::DeadlineExceeded);
    assert_eq!(reason("FailedIndexes"), Reason::StageFailed);
}

#[test]
fn jobs_that_the_plan_left_behind_are_deleted_unless_they_are_over() {
    let mut old = (*job(1, &json!({"active": 1}))).clone();
    old.metadata.name = Some("u-features-old-1".into());
    old.metadata.annotations.as_mut().unwrap().insert("trading.ats.dev/key".into(), "other".into());
    let progress = Case { jobs: vec![Arc::new(old.clone())], ..Case::default() }.advance();
    assert!(progress.actions.contains(&JobAction::Delete { name: "u-features-old-1".into() }));
    old.status = serde_json::from_value(complete()).unwrap();
    let progress = Case { jobs: vec![Arc::new(old)], ..Case::default() }.advance();
    assert!(!progress.actions.iter().any(|action| matches!(action, JobAction::Delete { .. })));
}

#[test]
fn a_job_of_an_earlier_object_is_removed_before_ours_is_made() {
    let name = name::job("u", StageName::Features, &planned(1).key, 1);
    let progress = Case { leftovers: vec![name.clone()], ..Case::default() }.advance();
    assert_eq!(progress.actions, [JobAction::Delete { name }]);
    let Current::Working { message, .. } = progress.current else { panic!("{:?}", progress.current) };
    assert!(message.contains("earlier object"), "{message}");
}
