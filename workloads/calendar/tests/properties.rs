//! What holds for every date, session, instant and interval.

#![allow(clippy::unwrap_used)]

use ats_calendar::{Calendar, CalendarError, Interval, Session};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn xnys() -> &'static Calendar {
    Calendar::xnys()
}

fn day() -> impl Strategy<Value = Date> {
    // 1990-01-01 to 2060-12-31, and a month on either side.
    (-31i32..25_964).prop_map(|days| Session::from_epoch_days(7305 + days).unwrap().date())
}

fn session() -> impl Strategy<Value = Session> {
    (0..xnys().sessions(date(1990, 1, 1), date(2060, 12, 31)).len())
        .prop_map(|index| xnys().at(index).unwrap())
}

fn interval() -> impl Strategy<Value = Interval> {
    prop::sample::select(Interval::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_day_lies_between_its_neighbours(day in day()) {
        let calendar = xnys();
        match (calendar.session_on_or_before(day), calendar.session_on_or_after(day)) {
            (Ok(before), Ok(after)) if calendar.is_session(day) => {
                prop_assert_eq!(before.date(), day);
                prop_assert_eq!(after.date(), day);
            }
            (Ok(before), Ok(after)) => {
                prop_assert!(before.date() < day && day < after.date());
                prop_assert_eq!(calendar.next(before), Ok(after));
                prop_assert_eq!(calendar.previous(after), Ok(before));
            }
            // Only at the ends of the calendar.
            _ => prop_assert!(day <= date(1990, 1, 1) || day > date(2060, 12, 31)),
        }
    }

    #[test]
    fn a_slice_holds_the_days_that_are_sessions(from in day(), to in day()) {
        let sessions = xnys().sessions(from, to);
        prop_assert!(sessions.iter().all(|s| from <= s.date() && s.date() <= to && xnys().is_session(s.date())));
        if let (Some(first), Some(last)) = (sessions.first(), sessions.last()) {
            let span = xnys().index_of(*last).unwrap() - xnys().index_of(*first).unwrap();
            prop_assert_eq!(span + 1, sessions.len());
        }
    }

    #[test]
    fn numbers_and_sessions_are_one_to_one(session in session()) {
        let index = xnys().index_of(session).unwrap();
        prop_assert_eq!(xnys().at(index), Some(session));
        prop_assert_eq!(xnys().session(session.date()), Ok(session));
    }

    #[test]
    fn a_session_is_complete_from_its_close_on(session in session(), seconds in 1i64..10_000) {
        let close = xnys().close(session).unwrap();
        prop_assert_eq!(xnys().last_complete_session(close), Ok(session));
        let earlier = close - SignedDuration::from_secs(seconds);
        if let Ok(previous) = xnys().previous(session) {
            prop_assert_eq!(xnys().last_complete_session(earlier), Ok(previous));
        }
    }

    #[test]
    fn bars_cover_the_session_and_belong_to_it(session in session(), interval in interval()) {
        let calendar = xnys();
        let (open, close) = (calendar.open(session).unwrap(), calendar.close(session).unwrap());
        let starts = calendar.bar_starts(session, interval).unwrap();
        prop_assert!(starts[0] <= open);
        prop_assert_eq!(calendar.local_date(open), session.date());
        prop_assert_eq!(calendar.local_date(close), session.date());
        let known: Vec<Timestamp> =
            starts.iter().map(|start| calendar.known_at(session, *start, interval).unwrap()).collect();
        prop_assert_eq!(known.last(), Some(&close));
        // Each bar is known when the next one starts.
        for (known, next) in known.iter().zip(&starts[1..]) {
            prop_assert_eq!(known, next);
        }
        for (start, known) in starts.iter().zip(&known) {
            prop_assert_eq!(calendar.session_of_bar(*start, interval), Some(session));
            prop_assert!(open < *known && *known <= close);
        }
        if let Some(duration) = interval.duration() {
            prop_assert_eq!(calendar.session_of_bar(starts[0] - duration, interval), None);
            prop_assert_eq!(calendar.session_of_bar(starts[starts.len() - 1] + duration, interval), None);
        }
    }

    #[test]
    fn a_period_has_one_last_session(session in session()) {
        let calendar = xnys();
        let month = session.date().first_of_month();
        let in_month = calendar.sessions(month, session.date().last_of_month());
        let last: Vec<_> = in_month.iter().filter(|s| calendar.is_last_session_of_month(**s)).collect();
        if month < date(2060, 12, 1) {
            prop_assert_eq!(last, vec![in_month.last().unwrap()]);
        }
        let days = i64::from(session.date().weekday().to_monday_zero_offset());
        let monday = session.date() - SignedDuration::from_hours(24 * days);
        let in_week = calendar.sessions(monday, monday + SignedDuration::from_hours(24 * 6));
        let last: Vec<_> = in_week.iter().filter(|s| calendar.is_last_session_of_week(**s)).collect();
        if monday < date(2060, 12, 27) {
            prop_assert_eq!(last, vec![in_week.last().unwrap()]);
        }
    }
}

#[test]
fn what_the_calendar_cannot_answer_is_said() {
    let calendar = xnys();
    let closed = Session::assume(date(2024, 7, 4));
    let error = calendar.open(closed).unwrap_err();
    assert_eq!(error.to_string(), "2024-07-04 is not a session of XNYS: the exchange is closed that day");
    assert_eq!(calendar.index_of(closed), None);
    assert!(!calendar.is_early_close(closed));
    assert!(!calendar.is_last_session_of_week(closed));
    let error = calendar.close(Session::assume(date(1989, 12, 29))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1989-12-29 leads outside calendar XNYS, which goes from 1990-01-01 to 2060-12-31"
    );
    assert!(calendar.next(Session::assume(date(2060, 12, 31))).is_err());
    assert!(calendar.previous(Session::assume(date(1990, 1, 2))).is_err());
    assert!(matches!(
        calendar.last_complete_session("1990-01-02T20:59:59Z".parse().unwrap()),
        Err(CalendarError::InstantOutOfRange { .. })
    ));
    assert!(calendar.last_complete_session("2061-02-01T00:00:00Z".parse().unwrap()).is_err());
    let error = Calendar::by_name("XLON").unwrap_err();
    assert_eq!(error.to_string(), "there is no calendar `XLON`; write one of: XNYS");
}

#[test]
fn an_hour_lies_on_the_clock() {
    // LEAN's and the vendors' hourly bars of a regular day: 9:00 to 15:00 in New York.
    let session = xnys().session(date(2015, 1, 2)).unwrap();
    let starts: Vec<String> =
        xnys().bar_starts(session, Interval::H1).unwrap().iter().map(Timestamp::to_string).collect();
    assert_eq!(starts.len(), 7);
    assert_eq!(starts[0], "2015-01-02T14:00:00Z");
    assert_eq!(starts[6], "2015-01-02T20:00:00Z");
}
