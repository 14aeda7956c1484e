//! The conditions of a universe.

use ats_crds::{
    ConditionType, Reason,
    status::{CommonStatus, StageName},
};

use crate::{
    controller::{
        conditions::{Situation, Truth},
        frame::Frame,
    },
    stage::{Current, Progress},
};

/// Sets every condition of a universe.
pub fn judge(common: &mut CommonStatus, frame: &Frame, situation: &Situation, progress: Option<&Progress>) {
    let mut conditions = frame.conditions();
    situation.judge(&mut conditions, frame.published);
    if let Some(progress) = progress {
        let stages = [
            (StageName::Acquire, ConditionType::DataAcquired),
            (StageName::Features, ConditionType::FeaturesReady),
        ];
        for (stage, type_) in stages {
            let (truth, reason, message) = stage_truth(progress, stage);
            // While a refresh runs, what this generation has stays.
            if truth == Truth::True || !(frame.published && conditions.is_true(type_)) {
                conditions.set(type_, truth, reason, message);
            }
        }
    }
    let (truth, reason, message) = freshness(situation, frame.published);
    conditions.set(ConditionType::Fresh, truth, reason, message);
    common.conditions = conditions.into_list();
}

fn stage_truth(progress: &Progress, stage: StageName) -> (Truth, Reason, String) {
    let done = progress.plan.iter().any(|entry| entry.name == stage && entry.output.is_some());
    if done {
        return (Truth::True, Reason::Succeeded, format!("stage {stage} is done"));
    }
    match &progress.current {
        Current::Failed { stage: failed, trouble } if *failed == stage => {
            (Truth::False, trouble.reason, trouble.message.clone())
        }
        Current::Failed { stage: failed, trouble } => {
            (Truth::False, trouble.reason, format!("stage {failed}, which comes first, failed"))
        }
        Current::Working { stage: at, reason, message } if *at == stage => {
            (Truth::Unknown, *reason, message.clone())
        }
        Current::Suspended { .. } => (Truth::Unknown, Reason::Suspended, "spec.suspend is set".to_owned()),
        _ => (Truth::Unknown, Reason::Progressing, format!("stage {stage} waits for the one before it")),
    }
}

fn freshness(situation: &Situation, published: bool) -> (Truth, Reason, String) {
    match situation {
        Situation::Finished(message) => (Truth::True, Reason::UpToDate, message.clone()),
        Situation::Working(_, message) if published => (Truth::False, Reason::Refreshing, message.clone()),
        Situation::Failed(trouble) if published => {
            (Truth::False, Reason::RefreshFailed, trouble.message.clone())
        }
        Situation::Failed(trouble) => (Truth::False, trouble.reason, trouble.message.clone()),
        Situation::Refused(_) => (Truth::False, Reason::InvalidSpec, "the spec is refused".to_owned()),
        Situation::Suspended(message) => (Truth::Unknown, Reason::Suspended, message.clone()),
        Situation::Working(reason, message) | Situation::Waiting(reason, message) => {
            (Truth::Unknown, *reason, message.clone())
        }
    }
}
