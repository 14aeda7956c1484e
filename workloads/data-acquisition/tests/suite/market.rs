//! Real market data, where this machine has it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::market_folder::market_data;
use ats_calendar::{Calendar, Interval};
use ats_columns::Actions;
use ats_crds::universe::FileFormat;
use ats_data_acquisition::check::{Checked, check};
use ats_data_acquisition::quality::{Dropped, Flagged};
use ats_data_acquisition::row::Request;
use ats_data_acquisition::source::files::{ColumnNames, SourceFile, TickerFiles, parse};
use jiff::civil::{Date, date};

const TICKERS: [&str; 10] = ["AAPL", "AIG", "BAC", "EEM", "FB", "GOOGL", "IBM", "QQQ", "SPY", "USO"];

fn read(folder: &Path, ticker: &str, interval: Interval) -> Checked {
    read_from(folder, ticker, interval, date(1998, 1, 1))
}

fn read_from(folder: &Path, ticker: &str, interval: Interval, start: Date) -> Checked {
    let file = |kind: &str| {
        let name = format!("{kind}/{ticker}.csv");
        let bytes = std::fs::read(folder.join(&name)).ok()?;
        Some(SourceFile { name, bytes: bytes.into() })
    };
    let files = TickerFiles { expected: String::new(), bars: file("bars"), actions: file("actions") };
    let (rows, actions) = parse(&files, FileFormat::Csv, &ColumnNames::default(), interval).unwrap();
    let request = Request { calendar: Calendar::xnys(), interval, start, end: date(2021, 3, 31) };
    check(ticker, &rows, actions, &request).unwrap()
}

#[test]
fn all_daily_tickers_are_whole() {
    let Some(folder) = market_data() else { return };
    let folder = folder.join("us-equities-daily");
    for ticker in TICKERS {
        let quality = read(&folder, ticker, Interval::D1).quality;
        assert_eq!(quality.rows_read, quality.rows_kept, "{ticker}: {}", quality.dropped_in_words());
        assert_eq!(quality.sessions_after_last, 0, "{ticker}");
        let gaps = quality.flagged.get(&Flagged::Gap);
        let gaps: Vec<&str> = gaps.iter().flat_map(|g| &g.examples).map(|e| e.value.as_str()).collect();
        match ticker {
            "QQQ" => assert_eq!(gaps, ["2004-12-01 to 2011-03-22: 1588 sessions"]),
            "EEM" => assert_eq!(gaps, ["2003-08-15"]),
            _ => assert!(gaps.is_empty(), "{ticker}: {gaps:?}"),
        }
    }
}

#[test]
fn known_bad_ticks_are_flagged() {
    let Some(folder) = market_data() else { return };
    let folder = folder.join("us-equities-daily");
    // The first outlier since a day.
    let first = |ticker: &str, since: Date| {
        let quality = read_from(&folder, ticker, Interval::D1, since).quality;
        quality.flagged[&Flagged::Outlier].examples[0].value.clone()
    };
    // An open of 159.58 on a share that traded at 80, and a low of 10.59 on one that traded at 184.
    assert_eq!(first("IBM", date(2002, 12, 2)), "2002-12-23T14:30:00Z: low 79.44, high 159.58");
    assert_eq!(first("AAPL", date(2009, 1, 2)), "2009-09-21T13:30:00Z: low 10.59, high 185.16");
}

#[test]
fn splits_leave_no_jump() {
    let Some(folder) = market_data() else { return };
    let folder = folder.join("us-equities-daily");
    for (ticker, ex_date) in [
        ("AAPL", date(2014, 6, 9)),
        ("AAPL", date(2020, 8, 31)),
        ("AIG", date(2009, 7, 1)),
        ("BAC", date(2004, 8, 30)),
        ("EEM", date(2008, 7, 24)),
        ("USO", date(2020, 4, 29)),
    ] {
        let start = ex_date - jiff::SignedDuration::from_hours(24 * 5);
        let checked = read_from(&folder, ticker, Interval::D1, start);
        let at = checked.bars.session().iter().position(|session| session.date() == ex_date).unwrap();
        assert_ne!(checked.bars.split_factor()[at], 1.0, "{ticker}");
        let adjusted = |i: usize| checked.bars.close()[i] * checked.bars.split_factor()[i];
        let change = adjusted(at) / adjusted(at - 1) - 1.0;
        assert!(change.abs() < 0.25, "{ticker} {ex_date}: {change}");
    }
}

#[test]
fn equal_dividends_of_one_day_are_kept() {
    let Some(folder) = market_data() else { return };
    let checked = read(&folder.join("us-equities-daily"), "QQQ", Interval::D1);
    let day = |actions: &Actions| {
        actions.as_slice().iter().filter(|action| action.ex_date == date(2011, 3, 23)).count()
    };
    assert_eq!(day(&checked.actions), 24);
    assert!(checked.quality.flagged.contains_key(&Flagged::RepeatedAction));
}

#[test]
fn hourly_bars_begin_in_the_hour_of_the_open() {
    let Some(folder) = market_data() else { return };
    let calendar = Calendar::xnys();
    for ticker in ["IBM", "SPY"] {
        let checked = read(&folder.join("us-equities-hourly"), ticker, Interval::H1);
        assert_eq!(checked.quality.rows_read, checked.quality.rows_kept);
        assert!(!checked.quality.dropped.contains_key(&Dropped::OutOfSession));
        assert!(!checked.quality.flagged.contains_key(&Flagged::Gap), "{:?}", checked.quality.flagged);
        let mut sessions: BTreeMap<_, Vec<i64>> = BTreeMap::new();
        for (session, start) in checked.bars.session().iter().zip(checked.bars.timestamp()) {
            sessions.entry(*session).or_default().push(*start);
        }
        // Every session has the bars that the calendar says, early closes with them.
        for (session, starts) in sessions {
            let expected = calendar.bar_starts(session, Interval::H1).unwrap();
            let expected: Vec<i64> = expected.iter().map(|start| start.as_microsecond()).collect();
            assert_eq!(starts, expected, "{ticker} {session}");
        }
    }
}
