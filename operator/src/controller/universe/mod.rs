//! `TradingUniverse`: `acquire`, `features`, `publish`.

#[cfg(test)]
mod tests;
mod validate;

use std::time::Duration;

use ats_crds::{
    Reason, TradingUniverse,
    status::{StageState, UniverseStatus},
};
use ats_pipeline::{
    CheckedUniverse, plan,
    status::{
        Situation,
        universe::{conclude, judge},
    },
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::civil::Date};

use super::{
    frame::{Decide, Decision, Frame},
    write::Write,
};
use crate::{
    cache::Caches,
    error::Error,
    stage::{Current, advance},
    world::World,
};
pub use validate::validate;

impl Decide for TradingUniverse {
    type References = ();

    fn dereference(&self, _: &Caches) {}

    fn decide(&self, (): &(), world: &World<'_>) -> Result<Decision<UniverseStatus>, Error> {
        let frame = Frame::new(self, world.now);
        let mut status = self.status.clone().unwrap_or_default();
        status.common = frame.status();
        let (checked, place) = match validate(&self.spec, world.options) {
            Ok(valid) => valid,
            Err(problems) => {
                let situation = Situation::Refused(problems);
                judge(&mut status.common, &frame.before(), &situation, None);
                return Ok(Decision { status, writes: Vec::new(), requeue: None });
            }
        };
        let tick = checked.schedule.as_ref().and_then(|schedule| schedule.latest(world.now));
        let next = checked.schedule.as_ref().and_then(|schedule| schedule.next(world.now));
        let to_next = next.and_then(|next| Duration::try_from(next.duration_since(world.now)).ok());
        let kept = kept_session(&frame, &status, self.spec.run.suspend, &checked);
        let due = checked.as_of(world.now);
        let Some(as_of) = kept.or(due) else {
            let message = "no session is complete yet since history.start".to_owned();
            let situation = Situation::Waiting(Reason::Progressing, message);
            judge(&mut status.common, &frame.before(), &situation, None);
            return Ok(Decision {
                status,
                writes: Vec::new(),
                requeue: to_next.or(Some(Duration::from_secs(3600))),
            });
        };
        let warnings = |kind: &str, name: &str| world.children.warnings_of(kind, name);
        let setting = frame.setting(world, &place.store.location.uri, self.spec.run.suspend, &warnings);
        let progress = advance(&setting, &|known| plan::universe(&checked, as_of, known))?;
        frame.take(&mut status.common, &progress);
        if kept.is_none() {
            status.last_tick = tick.map(Time).or(status.last_tick);
        }
        conclude(&mut status, &frame.before(), as_of, progress.way(), &progress.told);
        // A tick that came while the last one was worked on is next.
        let again = progress.current == Current::Done
            && due.is_some_and(|due| due != as_of)
            && !self.spec.run.suspend;
        let requeue = if again { Some(Duration::from_secs(1)) } else { earliest(progress.requeue, to_next) };
        let writes = frame.writes(self, world, &place, &progress);
        Ok(Decision { status, writes, requeue })
    }

    fn farewell(&self, _: &World<'_>) -> Vec<Write> {
        // Jobs are owned: the garbage collector takes them.
        Vec::new()
    }
}

/// The session that the stages at work are for: a running refresh finishes first, a held one begins no other.
fn kept_session(
    frame: &Frame,
    status: &UniverseStatus,
    suspended: bool,
    checked: &CheckedUniverse,
) -> Option<Date> {
    let at_work = frame.previous.stages.iter().any(|stage| {
        let waits = matches!(
            stage.state,
            StageState::Pending | StageState::Queued | StageState::Running | StageState::Suspended
        );
        waits && !frame.previous.stages.is_empty()
    });
    // A failed stage leaves pending ones behind it and is not at work.
    let failed = frame.previous.stages.iter().any(|stage| stage.state == StageState::Failed);
    if frame.is_new || !(at_work && !failed || suspended) {
        return None;
    }
    let session: Date = status.as_of_session.as_deref()?.parse().ok()?;
    let in_span = session >= checked.start && checked.end.is_none_or(|end| session <= end);
    in_span.then_some(session)
}

fn earliest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
