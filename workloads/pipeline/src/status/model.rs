//! The status of a model.

use ats_crds::{
    ConditionType, Reason,
    model::Algorithm,
    status::{CommonStatus, InputStatus, ModelStatus, summary},
};

use super::{Before, Current, Situation, Trouble, Truth, Way, figures, last_output, publish, specifications};
use crate::{
    Digest,
    gate::{self, Gate, Judgement},
};

/// What follows from the way of a model through its stages. `specification`: digest of the present one; `dataset`: what
/// it is trained on.
pub fn conclude(
    status: &mut ModelStatus,
    before: &Before,
    way: Way<'_>,
    gates: &[Gate],
    specification: Digest,
    dataset: InputStatus,
) {
    let mut situation = Situation::of(way.current, "the model is published");
    let mut judgement = None;
    if *way.current == Current::Done
        && let Some(output) = last_output(way.plan)
    {
        // It was tried, whatever the gates say.
        specifications::record(&mut status.specifications, specification, &output);
        let judged = gate::judge_all(gates, &figures(&status.common.metrics));
        if judged.passed {
            publish(&mut status.common, before, &output, vec![dataset]);
        } else {
            situation = Situation::Failed(Trouble {
                reason: Reason::GateFailed,
                message: format!("the model is kept and not published: {}", judged.message),
            });
        }
        judgement = Some(judged);
    }
    judge(&mut status.common, before, &situation, judgement.as_ref());
}

/// The column `Algorithm`.
pub fn algorithm(algorithm: &Algorithm) -> &'static str {
    match algorithm {
        Algorithm { elastic_net: Some(_), .. } => "elasticNet",
        Algorithm { logistic: Some(_), .. } => "logistic",
        Algorithm { decision_tree: Some(_), .. } => "decisionTree",
        Algorithm { random_forest: Some(_), .. } => "randomForest",
        Algorithm { gradient_boosting: Some(_), .. } => "gradientBoosting",
        Algorithm { support_vector: Some(_), .. } => "supportVector",
        _ => "none",
    }
}

/// Sets every condition of a model. `judgement`: of the gates, once there is a model.
pub fn judge(
    common: &mut CommonStatus,
    before: &Before,
    situation: &Situation,
    judgement: Option<&Judgement>,
) {
    use ConditionType::{GatesPassed, Published, Trained};
    let mut conditions = before.conditions();
    situation.judge(&mut conditions, before.published);
    match judgement {
        Some(judgement) => {
            conditions.set(
                Trained,
                Truth::True,
                Reason::Succeeded,
                "trained on the dataset of status.inputs",
            );
            let (truth, reason) = match judgement.passed {
                true => (Truth::True, Reason::GatesPassed),
                false => (Truth::False, Reason::GateFailed),
            };
            conditions.set(GatesPassed, truth, reason, &judgement.message);
        }
        // While it is trained anew, what this generation has stays.
        _ if before.published => {}
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
    common.summary = summary(&common.metrics);
}
