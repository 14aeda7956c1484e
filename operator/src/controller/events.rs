//! Kubernetes Events of an object: one for each stage that changed its state, one when readiness changed. The recorder
//! folds events by action and reason, so stage and outcome stand there and not in the note.

use ats_crds::{
    ConditionType,
    status::{CommonStatus, HasCommonStatus, StageState, StageStatus},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::runtime::events::{Event, EventType};

use crate::{context::Context, kind::Managed};

/// Publishes what is new in a status. An Event that cannot be published is logged and given up: it is no state.
pub async fn publish<K: Managed>(context: &Context, object: &K, status: &K::Status) {
    let nothing = CommonStatus::default();
    let before = object.status().map_or(&nothing, HasCommonStatus::common);
    let reference = object.object_ref(&());
    for event in of_change(before, status.common()) {
        let request = context.recorder.publish(&event, &reference);
        match tokio::time::timeout(context.options.api_timeout(), request).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "an Event was not published"),
            Err(_) => tracing::debug!("an Event was not published in time"),
        }
    }
}

/// The Events of a change. Pure.
fn of_change(before: &CommonStatus, after: &CommonStatus) -> Vec<Event> {
    let mut events = Vec::new();
    for stage in &after.stages {
        let known = before.stages.iter().find(|known| known.name == stage.name);
        let same = known.is_some_and(|known| known.state == stage.state && known.key == stage.key);
        let worth = matches!(
            stage.state,
            StageState::Running | StageState::Succeeded | StageState::CacheHit | StageState::Failed
        );
        if same || !worth {
            continue;
        }
        let type_ = if stage.state == StageState::Failed { EventType::Warning } else { EventType::Normal };
        let note = stage.message.clone().unwrap_or_else(|| note(stage));
        events.push(Event {
            type_,
            reason: format!("Stage{:?}", stage.state),
            note: Some(note),
            action: capitalised(stage.name.as_str()),
            secondary: None,
        });
    }
    let ready = |common: &CommonStatus| -> Option<Condition> {
        common.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str()).cloned()
    };
    if let Some(now) = ready(after)
        && ready(before).is_none_or(|then| then.status != now.status || then.reason != now.reason)
        && now.status != "Unknown"
    {
        let type_ = if now.status == "True" { EventType::Normal } else { EventType::Warning };
        events.push(Event {
            type_,
            reason: now.reason.clone(),
            note: Some(now.message),
            action: "Reconcile".to_owned(),
            secondary: None,
        });
    }
    events
}

/// What is said of a stage that has no words of its own.
fn note(stage: &StageStatus) -> String {
    let name = stage.name;
    let units = |count: Option<i64>| match count.unwrap_or_default() {
        1 => "1 unit".to_owned(),
        count => format!("{count} units"),
    };
    match stage.state {
        StageState::Succeeded => {
            let (computed, reused) = (units(stage.computed), units(stage.reused));
            format!("stage {name} is done: {computed} computed, {reused} found in the store")
        }
        StageState::CacheHit => format!("stage {name} is done: all of it was found in the store"),
        StageState::Running => {
            format!("stage {name} runs in Job {}", stage.job_name.as_deref().unwrap_or("?"))
        }
        state => format!("stage {name}: {state:?}"),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ats_crds::status::StageName;

    use super::*;

    #[test]
    fn a_stage_is_told_once_for_each_state() {
        let stage = |state| StageStatus { state, ..StageStatus::pending(StageName::Acquire) };
        let status = |state| CommonStatus { stages: vec![stage(state)], ..Default::default() };
        let events = of_change(&status(StageState::Running), &status(StageState::Failed));
        assert_eq!((events[0].action.as_str(), events[0].reason.as_str()), ("Acquire", "StageFailed"));
        assert!(of_change(&status(StageState::Failed), &status(StageState::Failed)).is_empty());
        assert!(of_change(&status(StageState::Pending), &status(StageState::Queued)).is_empty());
    }
}
