//! Schedules: which session the stages are for. On plain values.

use std::time::Duration;

use ats_crds::{
    TradingUniverse,
    status::{CommonStatus, StageName, StageState, StageStatus, UniverseStatus},
};
use serde_json::json;

use crate::{
    controller::{
        frame::{Decide, Decision},
        write::Write,
    },
    options::{Options, parsed},
    world::{Children, World},
};

fn universe(status: Option<UniverseStatus>) -> TradingUniverse {
    let mut universe: TradingUniverse = serde_json::from_value(json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "TradingUniverse",
        "metadata": {"name": "u", "namespace": "n", "uid": "1", "generation": 1},
        "spec": {
            "tickers": ["IBM"],
            "source": {"synthetic": {"seed": 7}},
            "history": {"start": "2020-01-02"},
            "schedule": {"cron": "30 18 * * 1-5", "timeZone": "America/New_York"},
        },
    }))
    .unwrap();
    universe.status = status;
    universe
}

fn options() -> Options {
    parsed(&["--default-store", "s3://bucket/ats"])
}

fn decide(universe: &TradingUniverse, now: &str) -> Decision<UniverseStatus> {
    let options = options();
    let world = World { children: Children::default(), options: &options, now: now.parse().unwrap() };
    universe.decide(&(), &world).unwrap()
}

fn at_work(session: &str, state: StageState) -> UniverseStatus {
    let stage = |name, state| StageStatus { state, attempt: 1, ..StageStatus::pending(name) };
    let common = CommonStatus {
        observed_generation: 1,
        stages: vec![stage(StageName::Acquire, state), stage(StageName::Features, StageState::Pending)],
        ..CommonStatus::default()
    };
    UniverseStatus { common, as_of_session: Some(session.to_owned()), ..UniverseStatus::default() }
}

fn session(decision: &Decision<UniverseStatus>) -> &str {
    decision.status.as_of_session.as_deref().unwrap()
}

#[test]
fn the_latest_tick_decides_and_the_next_one_is_waited_for() {
    // Tuesday 2024-01-09, 19:00 in New York: half an hour after the tick, three hours after the close.
    let decision = decide(&universe(None), "2024-01-10T00:00:00Z");
    assert_eq!(session(&decision), "2024-01-09");
    assert_eq!(decision.status.last_tick.as_ref().unwrap().0.to_string(), "2024-01-09T23:30:00Z");
    assert_eq!(decision.requeue, Some(Duration::from_secs(23 * 3600 + 1800)));
    // Before the tick the session of the day, though complete, is not asked for.
    assert_eq!(session(&decide(&universe(None), "2024-01-09T23:00:00Z")), "2024-01-08");
    // Ticks that were missed over a week count once.
    assert_eq!(session(&decide(&universe(None), "2024-01-20T12:00:00Z")), "2024-01-19");
}

#[test]
fn a_running_refresh_finishes_first() {
    let status = at_work("2024-01-08", StageState::Running);
    assert_eq!(session(&decide(&universe(Some(status)), "2024-01-10T00:00:00Z")), "2024-01-08");
    // One that failed is given up for the next tick.
    let status = at_work("2024-01-08", StageState::Failed);
    assert_eq!(session(&decide(&universe(Some(status)), "2024-01-10T00:00:00Z")), "2024-01-09");
}

#[test]
fn a_suspended_universe_begins_no_other_session() {
    let mut universe = universe(Some(at_work("2024-01-08", StageState::Succeeded)));
    universe.spec.run.suspend = true;
    let decision = decide(&universe, "2024-01-10T00:00:00Z");
    assert_eq!(session(&decision), "2024-01-08");
    assert!(!decision.writes.iter().any(|write| matches!(write, Write::Job { .. })));
}

#[test]
fn a_start_in_the_future_is_waited_for() {
    let mut universe = universe(None);
    universe.spec.history.start = ats_crds::DateString("2024-02-01".to_owned());
    let decision = decide(&universe, "2024-01-10T00:00:00Z");
    assert!(decision.writes.is_empty() && decision.requeue.is_some());
}

#[test]
fn a_stage_at_work_gets_its_account_back() {
    let (object, options) = (universe(None), options());
    let decide = |children: Children| {
        let now = "2024-01-10T00:00:00Z".parse().unwrap();
        object.decide(&(), &World { children, options: &options, now }).unwrap().writes
    };
    let account = |writes: &[Write]| writes.iter().any(|write| matches!(write, Write::Account(_)));
    let started = decide(Children::default());
    let job = started.iter().find_map(|write| match write {
        Write::Job { job, .. } => Some(std::sync::Arc::new((**job).clone())),
        _ => None,
    });
    let at_work = Children { jobs: vec![job.unwrap()], ..Children::default() };
    assert!(account(&started) && account(&decide(at_work.clone())));
    assert!(!account(&decide(Children { accounts: vec!["ats-stage".to_owned()], ..at_work })));
}
