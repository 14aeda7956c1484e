//! The conditions of a model.

use ats_crds::{ConditionType, Reason, status::CommonStatus};

use crate::{
    controller::{
        conditions::{Situation, Truth},
        frame::Frame,
    },
    stage::{Current, Progress},
};

/// Sets every condition of a model. `failed`: the messages of gates that do not hold.
pub fn judge(
    common: &mut CommonStatus,
    frame: &Frame,
    situation: &Situation,
    progress: Option<&Progress>,
    failed: &[String],
) {
    use ConditionType::{GatesPassed, Published, Trained};
    let mut conditions = frame.conditions();
    situation.judge(&mut conditions, frame.published);
    match progress.map(|progress| &progress.current) {
        Some(Current::Done) => {
            conditions.set(
                Trained,
                Truth::True,
                Reason::Succeeded,
                "trained on the dataset of status.inputs",
            );
            if failed.is_empty() {
                conditions.set(GatesPassed, Truth::True, Reason::GatesPassed, "every gate holds");
            } else {
                conditions.set(GatesPassed, Truth::False, Reason::GateFailed, failed.join("; "));
            }
        }
        // While it is trained anew, what this generation has stays.
        _ if frame.published => {}
        _ => {
            let (truth, reason, message) = match situation {
                Situation::Failed(trouble) => (Truth::False, trouble.reason, trouble.message.clone()),
                Situation::Refused(problems) => {
                    let reason = problems.first().map_or(Reason::InvalidSpec, |problem| problem.reason);
                    (Truth::False, reason, "the spec is refused".to_owned())
                }
                Situation::Working(reason, message) | Situation::Waiting(reason, message) => {
                    (Truth::Unknown, *reason, message.clone())
                }
                Situation::Suspended(message) => (Truth::Unknown, Reason::Suspended, message.clone()),
                Situation::Finished(message) => (Truth::True, Reason::Succeeded, message.clone()),
            };
            conditions.set(Trained, truth, reason, message);
            conditions.set(GatesPassed, Truth::Unknown, reason, "judged when the model is trained");
        }
    }
    match &common.artifact {
        Some(artifact) => {
            let message = format!("strategies may use model {}", artifact.short_digest);
            conditions.set(Published, Truth::True, Reason::Succeeded, message);
        }
        None => {
            conditions.set(
                Published,
                Truth::False,
                Reason::NotPublished,
                "no model has passed its gates yet",
            );
        }
    }
    common.conditions = conditions.into_list();
}
