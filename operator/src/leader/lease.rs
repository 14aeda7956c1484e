//! What to do about a Lease: pure, on what was read and when.

use std::time::{Duration, Instant};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};

/// What a replica knows of the Lease that it read before.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    version: Option<String>,
    since: Option<Instant>,
}

/// What a replica does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Make the Lease: there is none.
    Create(Box<Lease>),
    /// Write it, on the resource version that was read: to take it or to renew it.
    Replace(Box<Lease>),
    /// Leave it: another replica holds it.
    Wait,
}

/// Decides on a Lease. Whether it has lapsed is judged by this replica's own clock, from the moment at which it first
/// saw the version that is there: clocks of two machines are never compared.
pub fn decide(
    lease: Option<&Lease>,
    memory: &mut Memory,
    identity: &str,
    name: &str,
    duration: Duration,
    now: (Instant, Timestamp),
) -> Step {
    let (instant, timestamp) = now;
    let Some(lease) = lease else {
        return Step::Create(Box::new(fresh(identity, name, duration, timestamp)));
    };
    let spec = lease.spec.clone().unwrap_or_default();
    let held_by = spec.holder_identity.as_deref().unwrap_or_default();
    if memory.version != lease.metadata.resource_version {
        *memory = Memory { version: lease.metadata.resource_version.clone(), since: Some(instant) };
    }
    let term = spec
        .lease_duration_seconds
        .map_or(duration, |seconds| Duration::from_secs(seconds.unsigned_abs().into()));
    let lapsed = memory.since.is_some_and(|since| instant.duration_since(since) >= term);
    if held_by == identity {
        let spec = LeaseSpec { renew_time: Some(MicroTime(timestamp)), ..spec };
        return Step::Replace(Box::new(Lease { spec: Some(spec), metadata: lease.metadata.clone() }));
    }
    if !held_by.is_empty() && !lapsed {
        return Step::Wait;
    }
    let epoch = spec.lease_transitions.unwrap_or_default().saturating_add(1);
    let mut taken = fresh(identity, name, duration, timestamp);
    taken.metadata = lease.metadata.clone();
    if let Some(spec) = &mut taken.spec {
        spec.lease_transitions = Some(epoch);
    }
    Step::Replace(Box::new(taken))
}

/// The Lease given up, so that another replica takes it at once. The epoch stays: only taking raises it.
pub fn released(lease: &Lease) -> Lease {
    let spec = lease.spec.clone().unwrap_or_default();
    let spec = LeaseSpec { holder_identity: Some(String::new()), lease_duration_seconds: Some(1), ..spec };
    Lease { spec: Some(spec), metadata: lease.metadata.clone() }
}

fn fresh(identity: &str, name: &str, duration: Duration, now: Timestamp) -> Lease {
    Lease {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec: Some(LeaseSpec {
            holder_identity: Some(identity.to_owned()),
            lease_duration_seconds: i32::try_from(duration.as_secs()).ok(),
            lease_transitions: Some(1),
            acquire_time: Some(MicroTime(now)),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Duration = Duration::from_secs(15);

    fn held(by: &str, version: &str) -> Lease {
        let mut lease = fresh(by, "l", TERM, Timestamp::UNIX_EPOCH);
        lease.metadata.resource_version = Some(version.to_owned());
        lease
    }

    fn at(start: Instant, seconds: u64) -> (Instant, Timestamp) {
        (start + Duration::from_secs(seconds), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_lease_of_another_is_taken_only_when_its_version_stood_still_for_a_term() {
        let (start, mut memory) = (Instant::now(), Memory::default());
        let step = |lease: &Lease, memory: &mut Memory, seconds| {
            decide(Some(lease), memory, "me", "l", TERM, at(start, seconds))
        };
        assert_eq!(step(&held("other", "1"), &mut memory, 0), Step::Wait);
        assert_eq!(step(&held("other", "1"), &mut memory, 14), Step::Wait);
        // It was renewed: the term starts again.
        assert_eq!(step(&held("other", "2"), &mut memory, 20), Step::Wait);
        assert_eq!(step(&held("other", "2"), &mut memory, 34), Step::Wait);
        let Step::Replace(taken) = step(&held("other", "2"), &mut memory, 35) else { panic!("not taken") };
        assert_eq!(
            taken.metadata.resource_version.as_deref(),
            Some("2"),
            "taken by the version that was read"
        );
        let spec = taken.spec.unwrap();
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("me"), Some(2)));
    }

    #[test]
    fn a_released_lease_is_taken_at_once_and_the_epoch_rises() {
        let released = released(&held("other", "1"));
        let step = decide(Some(&released), &mut Memory::default(), "me", "l", TERM, at(Instant::now(), 0));
        let Step::Replace(taken) = step else { panic!("not taken") };
        assert_eq!(taken.spec.unwrap().lease_transitions, Some(2));
    }

    #[test]
    fn a_renewal_keeps_the_epoch() {
        let step =
            decide(Some(&held("me", "1")), &mut Memory::default(), "me", "l", TERM, at(Instant::now(), 0));
        let Step::Replace(renewed) = step else { panic!("not renewed") };
        assert_eq!(renewed.spec.unwrap().lease_transitions, Some(1));
        assert!(matches!(
            decide(None, &mut Memory::default(), "me", "l", TERM, at(Instant::now(), 0)),
            Step::Create(_)
        ));
    }
}
