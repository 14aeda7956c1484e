//! The list of conditions: one of each type, with the time of its last change.

use ats_crds::{ConditionType, Reason, status::MAX_MESSAGE};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

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

/// A message within the bound of the status.
pub fn bounded(message: &str) -> String {
    message.chars().take(MAX_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
