//! What only Events tell about pods and Jobs: failed mounts, refused pods. A bounded memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use k8s_openapi::{api::core::v1::Event, jiff::Timestamp};

use crate::stage::Warning;

/// Most objects that are remembered; the oldest go first.
const MOST: usize = 4096;
const REASONS: &[&str] =
    &["FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox", "FailedCreate"];
const KINDS: &[&str] = &["Pod", "Job", "ReplicaSet"];

type Place = (String, String, String);

/// The memory.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    by_object: HashMap<Place, Vec<Warning>>,
    order: VecDeque<Place>,
}

impl Warnings {
    /// Remembers an Event that matters: returns the kind, namespace and name of what it is about.
    pub fn add(&self, event: &Event) -> Option<(String, String, String)> {
        let reason = event.reason.as_deref()?;
        let about = &event.involved_object;
        let kind = about.kind.as_deref()?;
        if !REASONS.contains(&reason) || !KINDS.contains(&kind) {
            return None;
        }
        let place = (kind.to_owned(), about.namespace.clone()?, about.name.clone()?);
        let warning = Warning {
            reason: reason.to_owned(),
            message: event.message.clone().unwrap_or_default(),
            at: at(event),
        };
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !memory.by_object.contains_key(&place) {
            memory.order.push_back(place.clone());
            if memory.order.len() > MOST
                && let Some(oldest) = memory.order.pop_front()
            {
                memory.by_object.remove(&oldest);
            }
        }
        let known = memory.by_object.entry(place.clone()).or_default();
        known.retain(|other| other.reason != warning.reason);
        known.push(warning);
        Some(place)
    }

    /// What is remembered of an object.
    pub fn of(&self, kind: &str, namespace: &str, name: &str) -> Vec<Warning> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory
            .by_object
            .get(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
            .cloned()
            .unwrap_or_default()
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, kind: &str, namespace: &str, name: &str) {
        let place = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.by_object.remove(&place).is_some() {
            memory.order.retain(|known| *known != place);
        }
    }
}

fn at(event: &Event) -> Timestamp {
    let series =
        event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let first = event.event_time.as_ref().map(|time| time.0);
    series.or(last).or(first).unwrap_or(Timestamp::UNIX_EPOCH)
}
