//! Each check finds the fault that is planted for it, counts it once and changes nothing else.

use crate::common::{bar, every_session, january};
use ats_calendar::Interval;
use ats_columns::{Action, ActionKind};
use ats_data_acquisition::check::{Checked, check};
use ats_data_acquisition::problem::{Problem, ProblemKind};
use ats_data_acquisition::quality::{Dropped, Flagged};
use ats_data_acquisition::row::{RawBar, Request, When};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};

fn run(rows: &[RawBar]) -> Checked {
    check("T", rows, Vec::new(), &january()).unwrap()
}

fn with_actions(rows: &[RawBar], actions: &[(Date, ActionKind, f64)]) -> Result<Checked, Problem> {
    let actions =
        actions.iter().map(|(ex_date, kind, value)| Action { ex_date: *ex_date, kind: *kind, value: *value });
    check("T", rows, actions.collect(), &january())
}

/// The month with the change, which must cost exactly one row, for this reason, with this example.
#[track_caller]
fn one_dropped(change: impl Fn(&mut RawBar), reason: Dropped, example: &str) {
    let clean = every_session(&january());
    let mut rows = clean.clone();
    change(&mut rows[4]);
    let checked = run(&rows);
    assert_eq!(checked.bars.len(), clean.len() - 1);
    assert_eq!(checked.quality.rows_dropped(), 1);
    let finding = &checked.quality.dropped[&reason];
    assert_eq!(finding.count, 1);
    assert_eq!((finding.examples[0].line, finding.examples[0].value.as_str()), (Some(6), example));
}

#[test]
fn a_clean_month_has_nothing_to_tell() {
    let checked = run(&every_session(&january()));
    let quality = checked.quality;
    assert_eq!((quality.rows_read, quality.rows_kept, quality.sessions_after_last), (21, 21, 0));
    assert!(quality.dropped.is_empty() && quality.flagged.is_empty());
    assert_eq!(quality.first_session.unwrap().to_string(), "2024-01-02");
    assert_eq!(quality.last_session.unwrap().to_string(), "2024-01-31");
    // The bar starts at the session's open.
    assert_eq!(
        checked.bars.timestamp()[0],
        "2024-01-02T14:30:00Z".parse::<Timestamp>().unwrap().as_microsecond()
    );
}

#[test]
fn faults_of_the_numbers_drop_the_row() {
    one_dropped(|row| row.volume = f64::NAN, Dropped::NotANumber, "2024-01-08: volume is not a number");
    one_dropped(|row| row.high = f64::INFINITY, Dropped::NotANumber, "2024-01-08: high is inf");
    one_dropped(|row| row.low = -9.0, Dropped::Negative, "2024-01-08: low is -9");
    one_dropped(|row| row.volume = -1.0, Dropped::Negative, "2024-01-08: volume is -1");
    one_dropped(|row| row.open = 0.0, Dropped::Zero, "2024-01-08: open is 0");
    one_dropped(|row| row.high = 8.0, Dropped::HighBelowLow, "2024-01-08: high 8 is below open 10");
    one_dropped(|row| row.high = 10.2, Dropped::HighBelowLow, "2024-01-08: high 10.2 is below close 10.5");
    one_dropped(|row| row.low = 10.1, Dropped::HighBelowLow, "2024-01-08: low 10.1 is above open 10");
}

#[test]
fn a_bar_on_a_holiday_is_dropped() {
    // Martin Luther King Jr. Day, and a Saturday.
    one_dropped(|row| row.when = When::Date(date(2024, 1, 15)), Dropped::OutOfCalendar, "2024-01-15");
    one_dropped(|row| row.when = When::Date(date(2024, 1, 13)), Dropped::OutOfCalendar, "2024-01-13");
}

#[test]
fn the_first_of_two_rows_with_one_time_stands() {
    let mut rows = every_session(&january());
    let mut copy = bar(30, date(2024, 1, 8));
    rows.push(copy);
    copy.line = 31;
    copy.close = 10.7;
    rows.push(copy);
    let checked = run(&rows);
    assert_eq!(checked.bars.len(), 21);
    assert_eq!(checked.bars.close()[4], 10.5);
    let finding = &checked.quality.dropped[&Dropped::Duplicate];
    assert_eq!(finding.count, 2);
    assert_eq!(
        finding.examples[0].value,
        "2024-01-08T14:30:00Z: line 6 has this time too, with the same values"
    );
    assert_eq!(
        finding.examples[1].value,
        "2024-01-08T14:30:00Z: line 6 has this time too, with other values"
    );
}

#[test]
fn unsorted_rows_are_sorted_and_flagged() {
    let clean = every_session(&january());
    let mut rows = clean.clone();
    rows.swap(3, 9);
    let checked = run(&rows);
    assert_eq!(checked.bars, run(&clean).bars);
    // After the late row came six that are earlier.
    let finding = &checked.quality.flagged[&Flagged::Unsorted];
    assert_eq!(finding.count, 6);
    assert_eq!(finding.examples[0].value, "2024-01-08T14:30:00Z comes after 2024-01-16T14:30:00Z");
}

#[test]
fn a_gap_is_counted_in_sessions_and_not_filled() {
    let mut rows = every_session(&january());
    rows.retain(|row| !matches!(row.when, When::Date(d) if [8, 9, 12, 16].contains(&d.day())));
    let checked = run(&rows);
    assert_eq!(checked.bars.len(), 17);
    let finding = &checked.quality.flagged[&Flagged::Gap];
    assert_eq!(finding.count, 4);
    let words: Vec<&str> = finding.examples.iter().map(|example| example.value.as_str()).collect();
    // The holiday of the 15th is no part of the gap.
    assert_eq!(words, ["2024-01-08 to 2024-01-09: 2 sessions", "2024-01-12 to 2024-01-16: 2 sessions"]);
}

#[test]
fn a_ticker_that_stops_early_says_so() {
    let mut rows = every_session(&january());
    rows.truncate(18);
    assert_eq!(run(&rows).quality.sessions_after_last, 3);
}

#[test]
fn rows_outside_the_history_are_counted_apart() {
    let mut rows = every_session(&january());
    rows.push(bar(40, date(2024, 2, 1)));
    rows.push(bar(41, date(2023, 12, 29)));
    let quality = run(&rows).quality;
    assert_eq!((quality.rows_read, quality.rows_outside_history, quality.rows_kept), (23, 2, 21));
    assert_eq!(quality.rows_dropped(), 0);
}

#[test]
fn a_session_without_trading_is_flagged() {
    let mut rows = every_session(&january());
    rows[7].volume = 0.0;
    let checked = run(&rows);
    assert_eq!(checked.bars.len(), 21);
    assert_eq!(checked.quality.flagged[&Flagged::ZeroVolume].count, 1);
    // It is a bar: no session lacks.
    assert_eq!(checked.quality.flagged.len(), 1);
}

#[test]
fn a_bar_that_stands_still_is_one_like_any_other() {
    let mut rows = every_session(&january());
    let row = &mut rows[7];
    (row.open, row.high, row.low) = (row.close, row.close, row.close);
    let checked = run(&rows);
    assert_eq!(checked.bars.len(), 21);
    assert!(checked.quality.flagged.is_empty() && checked.quality.dropped.is_empty());
}

/// Prices that halve from the tenth bar on.
fn halved() -> Vec<RawBar> {
    let mut rows = every_session(&january());
    for row in &mut rows[10..] {
        for price in [&mut row.open, &mut row.high, &mut row.low, &mut row.close] {
            *price /= 2.0;
        }
    }
    rows
}

#[test]
fn a_jump_without_its_split_is_flagged_and_kept() {
    let checked = run(&halved());
    assert_eq!(checked.bars.len(), 21);
    let finding = &checked.quality.flagged[&Flagged::Outlier];
    assert_eq!(finding.count, 1);
    assert_eq!(
        finding.examples[0].value,
        "2024-01-17T14:30:00Z: the close moved by -50.0 % to 5.25, after splits and dividends"
    );
    let split = with_actions(&halved(), &[(date(2024, 1, 17), ActionKind::Split, 2.0)]).unwrap();
    assert!(split.quality.flagged.is_empty());
}

#[test]
fn a_wild_range_is_flagged_and_kept() {
    let mut rows = every_session(&january());
    rows[6].low = 1.05;
    let checked = run(&rows);
    assert_eq!(checked.bars.low()[6], 1.05);
    let finding = &checked.quality.flagged[&Flagged::Outlier];
    assert_eq!(
        (finding.count, finding.examples[0].value.as_str()),
        (1, "2024-01-10T14:30:00Z: low 1.05, high 11")
    );
}

#[test]
fn factors_follow_the_definition() {
    let actions = [
        // On the first bar: nothing before it.
        (date(2024, 1, 2), ActionKind::Dividend, 1.0),
        (date(2024, 1, 5), ActionKind::Dividend, 0.5),
        (date(2024, 1, 17), ActionKind::Split, 2.0),
        // Outside of the history.
        (date(2024, 2, 5), ActionKind::Split, 3.0),
    ];
    let checked = with_actions(&halved(), &actions).unwrap();
    let (split, dividend) = (checked.bars.split_factor(), checked.bars.dividend_factor());
    assert_eq!(dividend[..3], [1.0; 3]);
    assert_eq!(dividend[3..], [1.0 / (1.0 - 0.5 / 10.5); 18]);
    assert_eq!(split[..10], [1.0; 10]);
    assert_eq!(split[10..], [2.0; 11]);
    assert_eq!(checked.actions.as_slice().len(), 3);
}

#[test]
fn an_action_between_two_bars_counts_from_the_next_bar() {
    let mut rows = halved();
    // 2024-01-12 and 2024-01-16 are missing; the split and the dividend fall into the gap.
    rows.retain(|row| !matches!(row.when, When::Date(d) if [12, 16].contains(&d.day())));
    let actions =
        [(date(2024, 1, 12), ActionKind::Split, 2.0), (date(2024, 1, 16), ActionKind::Dividend, 0.21)];
    let checked = with_actions(&rows, &actions).unwrap();
    // A dividend of new shares is measured by the old close over the split.
    assert_eq!(checked.bars.dividend_factor()[8], 1.0 / (1.0 - 0.21 / 5.25));
    assert_eq!(checked.bars.split_factor()[7..9], [1.0, 2.0]);
}

#[test]
fn a_split_and_a_dividend_of_one_day_are_measured_by_the_close_of_the_day_before() {
    let actions =
        [(date(2024, 1, 17), ActionKind::Split, 2.0), (date(2024, 1, 17), ActionKind::Dividend, 0.42)];
    let checked = with_actions(&halved(), &actions).unwrap();
    assert_eq!(checked.bars.dividend_factor()[10], 1.0 / (1.0 - 0.42 / 10.5));
}

#[test]
fn repeated_actions_are_flagged_and_all_count() {
    let dividend = (date(2024, 1, 17), ActionKind::Dividend, 0.026);
    let checked = with_actions(&every_session(&january()), &[dividend, dividend]).unwrap();
    assert_eq!(checked.quality.flagged[&Flagged::RepeatedAction].count, 1);
    let one = 1.0 - 0.026 / 10.5;
    assert_eq!(checked.bars.dividend_factor()[10], 1.0 / one / one);
}

#[test]
fn actions_that_cannot_be_are_refused() {
    let rows = every_session(&january());
    for (kind, value) in [
        (ActionKind::Split, 0.0),
        (ActionKind::Split, -2.0),
        (ActionKind::Split, f64::NAN),
        (ActionKind::Dividend, -0.1),
    ] {
        let problem = with_actions(&rows, &[(date(2024, 1, 17), kind, value)]).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::InvalidAction, "{kind} {value}");
    }
    let problem = with_actions(&rows, &[(date(2024, 1, 17), ActionKind::Dividend, 10.5)]).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "InvalidAction: the dividend of 10.5 with ex-date 2024-01-17 is not below the close before it, 10.5; \
         correct the actions"
    );
}

#[test]
fn no_usable_row_is_no_data_in_words() {
    let request = january();
    let words = |rows: &[RawBar]| {
        let problem = check("T", rows, Vec::new(), &request).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::NoData);
        problem.message
    };
    assert_eq!(words(&[]), "the file has no rows");
    assert_eq!(
        words(&[bar(2, date(2020, 1, 2)), bar(3, date(2020, 3, 2))]),
        "the history is from 2024-01-01 to 2024-01-31, the file goes from 2020-01-02 to 2020-03-02"
    );
    let mut zero = bar(2, date(2024, 1, 3));
    zero.close = 0.0;
    assert_eq!(
        words(&[zero, bar(3, date(2020, 3, 2))]),
        "no usable row from 2024-01-01 to 2024-01-31: of 2 rows 1 are outside of it and 1 were dropped (1 zero)"
    );
}

fn intraday(interval: Interval) -> Request {
    Request { interval, ..january() }
}

/// Bars of this length from 9:00 to 18:00 in New York, on two sessions.
fn long_days(minutes: i64) -> Vec<RawBar> {
    let mut rows = Vec::new();
    for day in [date(2024, 1, 3), date(2024, 1, 4)] {
        let nine: Timestamp = format!("{day}T14:00:00Z").parse().unwrap();
        for number in 0..(540 / minutes) {
            let at = nine + SignedDuration::from_mins(number * minutes);
            rows.push(RawBar { when: When::Instant(at), line: rows.len() as u64 + 2, ..bar(0, day) });
        }
    }
    rows
}

#[test]
fn extended_hours_are_outside_the_session() {
    // The hour from 9:00 holds the first half hour of trading; those from 16:00 and 17:00 hold nothing of it.
    let checked = check("T", &long_days(60), Vec::new(), &intraday(Interval::H1)).unwrap();
    assert_eq!(checked.bars.len(), 14);
    let finding = &checked.quality.dropped[&Dropped::OutOfSession];
    assert_eq!((finding.count, finding.examples[0].value.as_str()), (4, "2024-01-03T21:00:00Z"));
    // Of the quarters of an hour from 9:00 two lie before the open and eight after the close.
    let checked = check("T", &long_days(15), Vec::new(), &intraday(Interval::M15)).unwrap();
    assert_eq!(checked.bars.len(), 52);
    assert_eq!(checked.quality.dropped[&Dropped::OutOfSession].count, 20);
}

#[test]
fn a_bar_off_its_grid_is_dropped() {
    let mut rows = long_days(15);
    rows[9].when = When::Instant("2024-01-03T16:16:00Z".parse().unwrap());
    let checked = check("T", &rows, Vec::new(), &intraday(Interval::M15)).unwrap();
    assert_eq!(checked.quality.dropped[&Dropped::Misaligned].count, 1);
    // Hours that begin at the open are a grid too.
    let mut rows = long_days(60);
    for row in &mut rows {
        if let When::Instant(at) = &mut row.when {
            *at += SignedDuration::from_mins(30);
        }
    }
    let checked = check("T", &rows, Vec::new(), &intraday(Interval::H1)).unwrap();
    assert_eq!(checked.bars.len(), 14);
}

#[test]
fn bars_of_another_interval_are_refused() {
    let refused = |minutes, interval| {
        let problem = check("T", &long_days(minutes), Vec::new(), &intraday(interval)).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::WrongInterval);
        problem.message
    };
    assert_eq!(
        refused(15, Interval::M1),
        "no two bars lie less than 15 minutes apart, interval 1m asks for 1: write the bars' interval"
    );
    assert_eq!(
        refused(5, Interval::D1),
        "214 rows lie between the bars of interval 1d: the bars are shorter; write their interval"
    );
    assert!(refused(5, Interval::H1).contains("the bars are shorter"));
}

#[test]
fn a_daily_instant_means_its_date() {
    let day = |text: &str| RawBar { when: When::Instant(text.parse().unwrap()), ..bar(2, date(2024, 1, 3)) };
    for text in
        ["2024-01-03T00:00:00Z", "2024-01-03T05:00:00Z", "2024-01-03T14:30:00Z", "2024-01-04T01:00:00Z"]
    {
        let checked = run(&[day(text)]);
        assert_eq!(checked.bars.session()[0].to_string(), "2024-01-03", "{text}");
    }
}
