//! Schedules over the days on which clocks change.

use ats_pipeline::schedule::CheckedSchedule;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The ticks of a schedule in New York after one instant and up to another.
fn ticks(cron: &str, from: &str, to: &str) -> Vec<String> {
    let schedule = CheckedSchedule::new(cron, "America/New_York").unwrap();
    let (mut now, to) = (at(from), at(to));
    let mut found = Vec::new();
    while let Some(tick) = schedule.next(now).filter(|tick| *tick <= to) {
        found.push(tick.to_string());
        now = tick;
    }
    found
}

#[test]
fn only_the_latest_tick_counts() {
    let schedule = CheckedSchedule::new("30 22 * * 1-5", "America/New_York").unwrap();
    let monday = at("2026-11-23T12:00:00Z");
    assert_eq!(schedule.latest(monday), Some(at("2026-11-21T03:30:00Z")));
    assert_eq!(schedule.next(monday), Some(at("2026-11-24T03:30:00Z")));
    let tick = at("2026-11-24T03:30:00Z");
    assert_eq!(schedule.latest(tick), Some(tick), "a tick counts from its own instant on");
    assert_eq!(schedule.next(tick), Some(at("2026-11-25T03:30:00Z")));
}

#[test]
fn a_time_of_day_keeps_its_wall_clock_over_a_change() {
    // Clocks go forward on 2026-03-08 and back on 2026-11-01: 18:30 is 23:30 UTC in winter, 22:30 in summer.
    assert_eq!(
        ticks("30 18 * * *", "2026-03-07T12:00:00Z", "2026-03-10T00:00:00Z"),
        ["2026-03-07T23:30:00Z", "2026-03-08T22:30:00Z", "2026-03-09T22:30:00Z"]
    );
    assert_eq!(
        ticks("30 18 * * *", "2026-10-31T12:00:00Z", "2026-11-03T00:00:00Z"),
        ["2026-10-31T22:30:00Z", "2026-11-01T23:30:00Z", "2026-11-02T23:30:00Z"]
    );
}

#[test]
fn a_time_that_is_there_twice_ticks_once() {
    // 01:30 on 2026-11-01 is 05:30 UTC and again 06:30 UTC.
    let found = ticks("30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z");
    assert_eq!(found, ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
}

#[test]
fn a_time_that_is_not_there_ticks_when_clocks_have_changed() {
    // 02:30 on 2026-03-08 is not there: clocks go from 02:00 to 03:00, which is 07:00 UTC.
    let found = ticks("30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z");
    assert_eq!(found, ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn latest_and_next_are_neighbours(
        // Days around both changes of 2026.
        day in prop_oneof![Just("2026-03-07T00:00:00Z"), Just("2026-10-31T00:00:00Z")],
        seconds in 0i64..3 * 24 * 3600,
        cron in prop_oneof![
            Just("30 18 * * 1-5".to_owned()), Just("0 * * * *".to_owned()), Just("*/15 9-16 * * *".to_owned()),
            (0u8..60, 0u8..24).prop_map(|(minute, hour)| format!("{minute} {hour} * * *")),
        ],
        zone in prop_oneof![Just("America/New_York"), Just("UTC"), Just("Europe/Berlin"), Just("Asia/Kolkata")],
    ) {
        let schedule = CheckedSchedule::new(&cron, zone).unwrap();
        let now = at(day).checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let (latest, next) = (schedule.latest(now).unwrap(), schedule.next(now).unwrap());
        prop_assert!(latest <= now && now < next, "{latest} {now} {next}");
        prop_assert_eq!(schedule.latest(next), Some(next), "the tick {} is none at its own instant", next);
        prop_assert_eq!(schedule.next(latest), Some(next), "between {} and {} there is another tick", latest, next);
    }
}
