//! Where an object is, in the terms that all kinds share: kstatus.

use ats_crds::{
    ConditionType, Reason,
    status::{Failure, StageName},
};

use super::{Conditions, Truth, bounded};
use crate::{Problem, check};

/// A problem of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The reason on the condition.
    pub reason: Reason,
    /// What is wrong and where.
    pub message: String,
}

impl Trouble {
    /// The entry of `status.failures` that speaks for a whole stage.
    pub fn of_stage(&self, stage: StageName) -> Failure {
        Failure {
            stage,
            shard: None,
            ticker: None,
            category: self.reason.as_str().to_owned(),
            message: bounded(&self.message),
        }
    }
}

/// How far an object is on the way through its stages.
#[derive(Debug, Clone, PartialEq)]
pub enum Current {
    /// Every stage has its output.
    Done,
    /// A stage is at work.
    Working {
        /// Which.
        stage: StageName,
        /// `Progressing`, `Queued`, or a problem.
        reason: Reason,
        /// In words.
        message: String,
    },
    /// A stage ended without an output.
    Failed {
        /// Which.
        stage: StageName,
        /// Why.
        trouble: Trouble,
    },
    /// A stage is held by the user.
    Suspended {
        /// Which.
        stage: StageName,
    },
}

/// Where an object is, for the conditions that all kinds share.
#[derive(Debug, Clone, PartialEq)]
pub enum Situation {
    /// Its spec is refused.
    Refused(Vec<Problem>),
    /// It waits for something that is not its own.
    Waiting(Reason, String),
    /// The user holds it.
    Suspended(String),
    /// It works.
    Working(Reason, String),
    /// It came to a bad end.
    Failed(Trouble),
    /// All that the spec asks for is there.
    Finished(String),
}

impl Situation {
    /// From the way through the stages.
    pub fn of(current: &Current, finished: impl Into<String>) -> Self {
        match current {
            Current::Done => Self::Finished(finished.into()),
            Current::Working { reason, message, .. } => Self::Working(*reason, message.clone()),
            Current::Failed { stage, trouble } => Self::Failed(Trouble {
                reason: trouble.reason,
                message: format!("stage {stage}: {}", trouble.message),
            }),
            Current::Suspended { stage } => {
                Self::Suspended(format!("stage {stage} is held: spec.suspend is set"))
            }
        }
    }

    /// Sets `Ready`, `Reconciling` and `Stalled`. `published`: this generation has a result that stands, so a refresh,
    /// or its failure, does not take readiness away.
    pub fn judge(&self, conditions: &mut Conditions, published: bool) {
        use ConditionType::{Ready, Reconciling, Stalled};
        let (mut reconciling, mut stalled) = (None, None);
        match self {
            Self::Refused(problems) => {
                let reason = problems.first().map_or(Reason::InvalidSpec, |problem| problem.reason);
                let message = check::summary(problems);
                conditions.set(Ready, Truth::False, reason, &message);
                stalled = Some((reason, message));
            }
            Self::Waiting(reason, message) => {
                ready(conditions, published, Truth::Unknown, *reason, message);
                reconciling = Some((*reason, message.clone()));
            }
            Self::Suspended(message) => {
                ready(conditions, published, Truth::Unknown, Reason::Suspended, message);
            }
            Self::Working(reason, message) => {
                ready(conditions, published, Truth::Unknown, *reason, message);
                if !published {
                    reconciling = Some((*reason, message.clone()));
                }
            }
            Self::Failed(trouble) => {
                ready(conditions, published, Truth::False, trouble.reason, &trouble.message);
                if !published {
                    stalled = Some((trouble.reason, trouble.message.clone()));
                }
            }
            Self::Finished(message) => conditions.set(Ready, Truth::True, Reason::Succeeded, message),
        }
        for (type_, set) in [(Reconciling, reconciling), (Stalled, stalled)] {
            match set {
                Some((reason, message)) => conditions.set(type_, Truth::True, reason, message),
                None => conditions.remove(type_),
            }
        }
    }
}

fn ready(conditions: &mut Conditions, published: bool, truth: Truth, reason: Reason, message: &str) {
    if published {
        conditions.set(ConditionType::Ready, Truth::True, Reason::Succeeded, "the last result stands");
    } else {
        conditions.set(ConditionType::Ready, truth, reason, message);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};

    use super::*;

    fn judged(situation: &Situation, published: bool) -> Vec<(String, String, String)> {
        let mut conditions = Conditions::new(Vec::new(), 3, Timestamp::UNIX_EPOCH);
        situation.judge(&mut conditions, published);
        let of = |condition: Condition| (condition.type_, condition.status, condition.reason);
        conditions.into_list().into_iter().map(of).collect()
    }

    fn rows(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        rows.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
    }

    /// The table of states in the documentation, row by row.
    #[test]
    fn every_state_has_its_conditions() {
        let trouble = Trouble { reason: Reason::OutOfMemory, message: "m".into() };
        let problem =
            Problem { path: "spec.x".into(), reason: Reason::InvalidExpression, message: "m".into() };
        let working = Situation::Working(Reason::Progressing, "m".into());
        let table = [
            (
                Situation::Waiting(Reason::WaitingForReference, "m".into()),
                false,
                rows(&[
                    ("Ready", "Unknown", "WaitingForReference"),
                    ("Reconciling", "True", "WaitingForReference"),
                ]),
            ),
            (
                Situation::Waiting(Reason::WaitingForReference, "m".into()),
                true,
                rows(&[("Ready", "True", "Succeeded"), ("Reconciling", "True", "WaitingForReference")]),
            ),
            (
                Situation::Working(Reason::Queued, "m".into()),
                false,
                rows(&[("Ready", "Unknown", "Queued"), ("Reconciling", "True", "Queued")]),
            ),
            (
                working.clone(),
                false,
                rows(&[("Ready", "Unknown", "Progressing"), ("Reconciling", "True", "Progressing")]),
            ),
            (working, true, rows(&[("Ready", "True", "Succeeded")])),
            (Situation::Suspended("m".into()), false, rows(&[("Ready", "Unknown", "Suspended")])),
            (Situation::Suspended("m".into()), true, rows(&[("Ready", "True", "Succeeded")])),
            (
                Situation::Failed(trouble.clone()),
                false,
                rows(&[("Ready", "False", "OutOfMemory"), ("Stalled", "True", "OutOfMemory")]),
            ),
            (Situation::Failed(trouble), true, rows(&[("Ready", "True", "Succeeded")])),
            (
                Situation::Refused(vec![problem]),
                true,
                rows(&[("Ready", "False", "InvalidExpression"), ("Stalled", "True", "InvalidExpression")]),
            ),
            (Situation::Finished("m".into()), false, rows(&[("Ready", "True", "Succeeded")])),
        ];
        for (situation, published, expected) in table {
            let found = judged(&situation, published);
            assert_eq!(found, expected, "{situation:?}, published: {published}");
            let has = |type_: &str| found.iter().any(|row| row.0 == type_);
            assert!(!(has("Reconciling") && has("Stalled")), "{situation:?} is both");
        }
    }
}
