//! What holds for all rows, and for all synthetic tickers.

use crate::common::january;
use ats_calendar::{Calendar, Interval};
use ats_columns::{Action, ActionKind};
use ats_crds::universe::SyntheticModel;
use ats_data_acquisition::check::check;
use ats_data_acquisition::row::{RawBar, Request, When};
use ats_data_acquisition::source::files::{ColumnNames, SourceFile, csv, parquet};
use ats_data_acquisition::source::synthetic;
use jiff::civil::date;
use proptest::prelude::*;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 1.0..200.0,
        1 => prop::sample::select(vec![0.0, -3.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE]),
    ]
}

/// A row around January 2024, often sound.
fn row() -> impl Strategy<Value = RawBar> {
    (0i64..60, number(), number(), number(), number(), number(), any::<bool>()).prop_map(
        |(day, open, a, b, close, volume, sound)| {
            let when = When::Date(date(2023, 12, 16) + jiff::SignedDuration::from_hours(24 * day));
            let (high, low) = if sound { (open.max(close).max(a), open.min(close).min(b)) } else { (a, b) };
            RawBar { line: 0, when, open, high, low, close, volume }
        },
    )
}

fn rows() -> impl Strategy<Value = Vec<RawBar>> {
    prop::collection::vec(row(), 0..80).prop_map(|mut rows| {
        for (line, row) in (2..).zip(&mut rows) {
            row.line = line;
        }
        rows
    })
}

proptest! {
    #[test]
    fn every_row_is_kept_or_counted(rows in rows()) {
        if let Ok(checked) = check("T", &rows, Vec::new(), &january()) {
            let quality = &checked.quality;
            prop_assert_eq!(quality.rows_read, rows.len() as u64);
            prop_assert_eq!(checked.bars.len() as u64, quality.rows_kept);
            prop_assert_eq!(
                quality.rows_read,
                quality.rows_kept + quality.rows_dropped() + quality.rows_outside_history
            );
            for finding in quality.dropped.values().chain(quality.flagged.values()) {
                prop_assert!(finding.count > 0 && !finding.examples.is_empty());
            }
            let months = quality.counts();
            let dropped: u64 =
                months.iter().filter(|(name, _)| name.starts_with("dropped.")).map(|(_, count)| count).sum();
            prop_assert_eq!(dropped, quality.rows_dropped());
        }
    }

    #[test]
    fn kept_bars_are_rows_of_the_source(rows in rows()) {
        if let Ok(checked) = check("T", &rows, Vec::new(), &january()) {
            let bars = &checked.bars;
            for (i, session) in bars.session().iter().enumerate() {
                let found = rows.iter().any(|row| {
                    row.when == When::Date(session.date())
                        && row.open == bars.open()[i]
                        && row.high == bars.high()[i]
                        && row.low == bars.low()[i]
                        && row.close == bars.close()[i]
                        && row.volume == bars.volume()[i]
                });
                prop_assert!(found);
                prop_assert!(bars.low()[i] > 0.0 && bars.low()[i] <= bars.close()[i]);
            }
        }
    }

    #[test]
    fn gaps_and_bars_make_up_the_sessions(rows in rows()) {
        if let Ok(checked) = check("T", &rows, Vec::new(), &january()) {
            let quality = &checked.quality;
            let (first, last) = (quality.first_session.unwrap(), quality.last_session.unwrap());
            let span = january().calendar.sessions(first.date(), last.date()).len() as u64;
            let gaps = quality
                .flagged
                .get(&ats_data_acquisition::quality::Flagged::Gap)
                .map_or(0, |finding| finding.count);
            prop_assert_eq!(quality.rows_kept + gaps, span);
        }
    }

    /// A value at t does not change when bars and actions after t are cut away.
    #[test]
    fn factors_do_not_know_the_future(
        ratios in prop::collection::vec((2i8..32, 0.1f64..5.0, any::<bool>()), 0..8),
        cut in 3i8..31,
    ) {
        let request = january();
        let rows = crate::common::every_session(&request);
        let actions: Vec<Action> = ratios
            .iter()
            .map(|(day, value, split)| Action {
                ex_date: date(2024, 1, (*day).min(31)),
                kind: if *split { ActionKind::Split } else { ActionKind::Dividend },
                value: *value,
            })
            .collect();
        let short = Request { end: date(2024, 1, cut), ..request };
        let before: Vec<Action> = actions.iter().copied().filter(|a| a.ex_date.day() <= cut).collect();
        let whole = check("T", &rows, actions, &request);
        let part = check("T", &rows, before, &short);
        if let (Ok(whole), Ok(part)) = (whole, part) {
            prop_assert_eq!(part.bars.clone(), whole.bars.head(part.bars.len()));
        }
    }

    #[test]
    fn a_synthetic_path_is_one_path(
        seed in any::<i64>(),
        ticker in "[A-Z]{1,5}",
        regimes in any::<bool>(),
        start in 0i64..60,
        length in 0i64..60,
    ) {
        let model = if regimes { SyntheticModel::RegimeSwitching } else { SyntheticModel::GeometricBrownian };
        let whole = Request {
            calendar: Calendar::xnys(),
            interval: Interval::D1,
            start: date(1990, 1, 1),
            end: date(1990, 6, 30),
        };
        let from = whole.start + jiff::SignedDuration::from_hours(24 * start);
        let piece = Request { start: from, end: from + jiff::SignedDuration::from_hours(24 * length), ..whole };
        let all = synthetic::bars(seed, model, &ticker, &whole).unwrap();
        let some = synthetic::bars(seed, model, &ticker, &piece).unwrap();
        for row in &some {
            let same = all.iter().find(|other| other.when == row.when).unwrap();
            prop_assert_eq!(RawBar { line: row.line, ..*same }, *row);
        }
        // Sound bars on every session: the checks have nothing to say but that markets jump.
        let checked = check(&ticker, &all, Vec::new(), &whole).unwrap();
        prop_assert_eq!(checked.quality.rows_kept as usize, whole.calendar.sessions(whole.start, whole.end).len());
        let other = synthetic::bars(seed.wrapping_add(1), model, &ticker, &whole).unwrap();
        prop_assert_ne!(&all, &other);
    }

    #[test]
    fn intraday_bars_meet_the_daily_ones(seed in any::<i64>(), coarse in any::<bool>()) {
        let daily = Request {
            calendar: Calendar::xnys(),
            interval: Interval::D1,
            start: date(1990, 3, 1),
            end: date(1990, 3, 9),
        };
        let interval = if coarse { Interval::H1 } else { Interval::M5 };
        let fine = Request { interval, ..daily };
        let days = synthetic::bars(seed, SyntheticModel::RegimeSwitching, "T", &daily).unwrap();
        let bars = synthetic::bars(seed, SyntheticModel::RegimeSwitching, "T", &fine).unwrap();
        let checked = check("T", &bars, Vec::new(), &fine).unwrap();
        prop_assert_eq!(checked.quality.rows_dropped(), 0);
        for day in days {
            let When::Date(date) = day.when else { panic!("a daily bar has a date") };
            let of_day: Vec<usize> =
                (0..checked.bars.len()).filter(|i| checked.bars.session()[*i].date() == date).collect();
            prop_assert_eq!(checked.bars.open()[of_day[0]], day.open);
            prop_assert_eq!(checked.bars.close()[of_day[of_day.len() - 1]], day.close);
        }
    }
}

/// Bytes that come near a table of bars: its header, its fields, and whatever breaks them.
fn near_a_table() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            &b"date,open,high,low,close,volume"[..],
            b"timestamp",
            b"ex_date,kind,value",
            b"2024-01-03",
            b"2024-01-03T14:30:00Z",
            b"10.5",
            b"split",
            b",",
            b"\n",
            b"\r\n",
            b"\"",
            b"\xef\xbb\xbf",
            b"\x1f\x8b\x08",
            b"PAR1",
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..4),
        any::<f64>().prop_map(|number| number.to_string().into_bytes()),
    ];
    let pieces = prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat());
    let header = any::<bool>();
    (header, pieces).prop_map(|(header, pieces)| {
        if header { [b"date,open,high,low,close,volume\n".to_vec(), pieces].concat() } else { pieces }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is in a file: no panic, and an error names the file, and a line of it where one line is to blame.
    #[test]
    fn any_bytes_are_rows_or_an_error_with_its_place(bytes in near_a_table(), packed in any::<bool>()) {
        let name = if packed { "bars/T.csv.gz" } else { "bars/T.csv" };
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let file = SourceFile { name: name.to_owned(), bytes: bytes.into() };
        for interval in [Interval::D1, Interval::M1] {
            let errors = [
                csv::bars(&file, &ColumnNames::default(), interval).err(),
                csv::actions(&file).err(),
                parquet::bars(&file, &ColumnNames::default(), interval).err(),
                parquet::actions(&file).err(),
            ];
            for problem in errors.into_iter().flatten() {
                let rest = problem.message.strip_prefix(name);
                prop_assert!(rest.is_some(), "the file is not named: {problem}");
                if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(", line ")) {
                    let line: u64 = rest.split(':').next().unwrap().parse().unwrap();
                    prop_assert!((1..=lines).contains(&line), "line {line} of {lines}: {problem}");
                }
                prop_assert!(!problem.message.ends_with(": "), "without words: {problem}");
            }
        }
    }

    /// A line that is broken is the line that is named, wherever it stands and however lines end.
    #[test]
    fn the_broken_line_is_the_one_that_is_named(
        before in 0usize..30,
        empty in 0usize..3,
        ending in prop::sample::select(vec!["\n", "\r\n"]),
        broken in prop::sample::select(vec!["2024-01-03,1,2,1,1", "x,1,2,1,1,5", "2024-01-03,1,2,1,one,5"]),
    ) {
        let mut lines = vec!["date,open,high,low,close,volume"];
        lines.extend(std::iter::repeat_n("2024-01-03,1,2,1,1,5", before));
        lines.extend(std::iter::repeat_n("", empty));
        lines.push(broken);
        lines.push("2024-01-04,1,2,1,1,5");
        let file = SourceFile { name: "bars/T.csv".to_owned(), bytes: lines.join(ending).into() };
        let problem = csv::bars(&file, &ColumnNames::default(), Interval::D1).unwrap_err();
        let place = format!("bars/T.csv, line {}: ", before + empty + 2);
        prop_assert!(problem.message.starts_with(&place), "{place} is not where it begins: {problem}");
    }
}
