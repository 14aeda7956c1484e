//! Every session of XNYS, its open and its close, against the Python package `exchange_calendars`.
//! `make reference-drift` makes the fixture again.

#![allow(clippy::unwrap_used)]

use std::io::Read;

use ats_calendar::{Calendar, Session};
use flate2::read::GzDecoder;
use jiff::civil::time;
use jiff::tz::TimeZone;

const FIXTURE: &[u8] = include_bytes!("fixtures/xnys.csv.gz");

fn fixture() -> Vec<(Session, jiff::Timestamp, jiff::Timestamp)> {
    let mut text = String::new();
    GzDecoder::new(FIXTURE).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("# exchange_calendars 4."));
    assert_eq!(lines.next().unwrap(), "session,open,close");
    lines
        .map(|line| {
            let mut fields = line.split(',');
            let mut field = || fields.next().unwrap();
            (field().parse().unwrap(), field().parse().unwrap(), field().parse().unwrap())
        })
        .collect()
}

#[test]
fn every_session_open_and_close_is_the_references() {
    let calendar = Calendar::xnys();
    let reference = fixture();
    let (first, last) = calendar.range();
    assert!(reference.len() > 17_000, "the fixture covers the calendar's range");
    let ours = calendar.sessions(first, last);
    let theirs: Vec<Session> = reference.iter().map(|row| row.0).collect();
    let missing: Vec<_> = theirs.iter().filter(|session| !ours.contains(session)).collect();
    let extra: Vec<_> = ours.iter().filter(|session| !theirs.contains(session)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:?}; extra: {extra:?}");
    for (session, open, close) in reference {
        assert_eq!(calendar.open(session), Ok(open), "open of {session}");
        assert_eq!(calendar.close(session), Ok(close), "close of {session}");
    }
}

#[test]
fn early_closes_are_the_references() {
    let calendar = Calendar::xnys();
    let zone = TimeZone::get("America/New_York").unwrap();
    let mut count = 0;
    for (session, _, close) in fixture() {
        let early = close.to_zoned(zone.clone()).time() != time(16, 0, 0, 0);
        assert_eq!(calendar.is_early_close(session), early, "{session}");
        count += usize::from(early);
    }
    assert!(count > 140);
}
