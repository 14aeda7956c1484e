//! Conditions: kstatus for all kinds, and the kinds' own. Pure.

use ats_crds::{ConditionType, Reason};
use ats_pipeline::{Problem, check};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::stage::{Current, Trouble, observe::bounded};

/// The status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not decided yet.
    Unknown,
}

impl Truth {
    /// The text in `status.conditions[].status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The conditions of an object; a condition whose status stays keeps its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    list: Vec<Condition>,
    generation: i64,
    now: Timestamp,
}

impl Conditions {
    /// Begins with what is there.
    pub fn new(list: Vec<Condition>, generation: i64, now: Timestamp) -> Self {
        Self { list, generation, now }
    }

    /// Sets a condition.
    pub fn set(&mut self, type_: ConditionType, truth: Truth, reason: Reason, message: impl AsRef<str>) {
        let before = self.list.iter().position(|condition| condition.type_ == type_.as_str());
        let since = before
            .and_then(|index| self.list.get(index))
            .filter(|condition| condition.status == truth.as_str())
            .map_or(Time(self.now), |condition| condition.last_transition_time.clone());
        let condition = Condition {
            type_: type_.as_str().to_owned(),
            status: truth.as_str().to_owned(),
            reason: reason.as_str().to_owned(),
            message: bounded(message.as_ref()),
            observed_generation: Some(self.generation),
            last_transition_time: since,
        };
        match before.and_then(|index| self.list.get_mut(index)) {
            Some(place) => *place = condition,
            None => self.list.push(condition),
        }
    }

    /// Takes a condition away.
    pub fn remove(&mut self, type_: ConditionType) {
        self.list.retain(|condition| condition.type_ != type_.as_str());
    }

    /// The status of a condition, if it is there.
    pub fn is_true(&self, type_: ConditionType) -> bool {
        self.list.iter().any(|condition| condition.type_ == type_.as_str() && condition.status == "True")
    }

    /// The list for the status.
    pub fn into_list(self) -> Vec<Condition> {
        self.list
    }
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

    #[test]
    fn a_condition_whose_status_stays_keeps_its_time() {
        let later = Timestamp::from_second(60).unwrap();
        let mut conditions = Conditions::new(Vec::new(), 1, Timestamp::UNIX_EPOCH);
        conditions.set(ConditionType::Ready, Truth::Unknown, Reason::Queued, "a");
        let mut conditions = Conditions::new(conditions.into_list(), 2, later);
        conditions.set(ConditionType::Ready, Truth::Unknown, Reason::Progressing, "b");
        let list = conditions.clone().into_list();
        assert_eq!(
            (list[0].last_transition_time.0, list[0].observed_generation),
            (Timestamp::UNIX_EPOCH, Some(2))
        );
        conditions.set(ConditionType::Ready, Truth::True, Reason::Succeeded, "c");
        assert_eq!(conditions.into_list()[0].last_transition_time.0, later);
    }
}
