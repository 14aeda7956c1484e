//! Status as a cluster shows it, for the end states that a local run comes to.

use std::collections::BTreeMap;

use ats_crds::{
    ConditionType, Reason,
    status::{Artifact, CommonStatus, Failure, InputStatus, MAX_FAILURES, StageState, StageStatus},
};
use ats_pipeline::{Category, Outcome, PlannedStage, StageInput};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// Sets a condition; its transition time changes only with its status.
pub(super) fn set(
    status: &mut CommonStatus,
    kind: ConditionType,
    value: Option<bool>,
    reason: Reason,
    message: &str,
) {
    let text = match value {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let same = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind.as_str() && condition.status == text);
    let since =
        same.map_or_else(|| Time(Timestamp::now()), |condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: kind.as_str().to_owned(),
        status: text.to_owned(),
        reason: reason.as_str().to_owned(),
        message: message.to_owned(),
        last_transition_time: since,
        observed_generation: None,
    };
    status.conditions.retain(|condition| condition.type_ != kind.as_str());
    status.conditions.push(condition);
}

/// The end of an object without a result.
pub(super) fn fail(status: &mut CommonStatus, reason: Reason, message: &str) {
    set(status, ConditionType::Ready, Some(false), reason, message);
    set(status, ConditionType::Stalled, Some(true), reason, message);
}

/// The end of an object with its result.
pub(super) fn succeed(status: &mut CommonStatus, message: &str) {
    set(status, ConditionType::Ready, Some(true), Reason::Succeeded, message);
}

/// A stage's entry from its outcome.
pub(super) fn stage(planned: &PlannedStage, outcome: &Outcome, started: Timestamp) -> StageStatus {
    let state = match outcome.category {
        Category::Done => StageState::Succeeded,
        Category::CacheHit => StageState::CacheHit,
        _ => StageState::Failed,
    };
    StageStatus {
        name: planned.stage(),
        key: Some(planned.key.to_string()),
        source_digest: planned.source_digest.map(|digest| digest.to_string()),
        state,
        attempt: 1,
        job_name: None,
        progress: Some(if state.is_done() { "1/1" } else { "0/1" }.to_owned()),
        computed: i64::try_from(outcome.computed).ok(),
        reused: i64::try_from(outcome.reused).ok(),
        digest: outcome.digest.map(|digest| digest.to_string()),
        message: Some(outcome.message.clone()),
        started_at: Some(Time(started)),
        finished_at: Some(Time(Timestamp::now())),
    }
}

/// A stage that waits for another.
pub(super) fn pending(name: ats_pipeline::StageName) -> StageStatus {
    StageStatus {
        name,
        key: None,
        source_digest: None,
        state: StageState::Pending,
        attempt: 0,
        job_name: None,
        progress: None,
        computed: None,
        reused: None,
        digest: None,
        message: None,
        started_at: None,
        finished_at: None,
    }
}

/// The published output.
pub(super) fn artifact(output: &StageInput) -> Artifact {
    Artifact {
        stage: output.stage,
        key: output.key.to_string(),
        digest: output.digest.to_string(),
        short_digest: output.digest.short(),
    }
}

/// An input of the published output.
pub(super) fn input(name: &str, output: &StageInput) -> InputStatus {
    InputStatus { name: name.to_owned(), digest: output.digest.to_string() }
}

/// Figures as the status writes them: decimal text, a figure that is not a number left out.
pub(super) fn metrics(figures: &BTreeMap<String, Option<f64>>) -> BTreeMap<String, String> {
    figures.iter().filter_map(|(name, value)| Some((name.clone(), figure((*value)?)))).collect()
}

/// A figure with six significant decimals, without trailing zeros.
fn figure(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Adds failures, the newest kept.
pub(super) fn failures(status: &mut CommonStatus, new: &[Failure]) {
    status.failures.extend(new.iter().cloned());
    let surplus = status.failures.len().saturating_sub(MAX_FAILURES);
    status.failures.drain(..surplus);
}
