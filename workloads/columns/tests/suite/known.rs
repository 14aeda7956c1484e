//! What is known when: columns of coarser bars, and columns of the user's own.

use crate::support::{bits, closes, inputs, numbers, sessions, walk};
use ats_calendar::{Calendar, Interval};
use ats_columns::own::{OwnColumn, as_known, from_parquet, to_parquet};
use ats_columns::{Adjustment, BarColumns, Bars, Inputs};
use jiff::civil::date;
use proptest::prelude::*;

#[test]
fn a_week_is_seen_from_its_last_session_on() {
    // Monday 22 March to Wednesday 14 April 2021; Good Friday is 2 April.
    let days = Calendar::xnys().sessions(date(2021, 3, 22), date(2021, 4, 14)).to_vec();
    let close: Vec<f64> = (1..=days.len()).map(|day| day as f64).collect();
    let bars = closes("IBM", &days, &close);
    const N: f64 = f64::NAN;
    let week = [N, N, N, N, 5., 5., 5., 5., 9., 9., 9., 9., 9., 14., 14., 14., 14.];
    assert_eq!(bits(&numbers("raw_close@1w", &inputs(&bars))), bits(&week));
    let open = [N, N, N, N, 1., 1., 1., 1., 6., 6., 6., 6., 6., 10., 10., 10., 10.];
    assert_eq!(bits(&numbers("raw_open@1w", &inputs(&bars))), bits(&open));
    assert_eq!(numbers("raw_volume@1w", &inputs(&bars))[8], 4000.0);
    assert_eq!(bits(&numbers("raw_close@1d", &inputs(&bars))), bits(&close));

    // Without the last two bars of the first week it is seen on Monday; a week without a bar is null, not the one before.
    let kept: Vec<usize> = (0..days.len()).filter(|day| ![3, 4, 9, 10, 11, 12, 13].contains(day)).collect();
    let days: Vec<_> = kept.iter().map(|day| days[*day]).collect();
    let close: Vec<f64> = kept.iter().map(|day| close[*day]).collect();
    let found = numbers("raw_close@1w", &inputs(&closes("IBM", &days, &close)));
    assert_eq!(bits(&found), bits(&[N, N, N, 3., 3., 3., 9., N, N, N]));
}

#[test]
fn a_session_is_seen_from_its_last_bar_on() {
    let calendar = Calendar::xnys();
    let days = calendar.sessions(date(2024, 11, 27), date(2024, 12, 2));
    let mut columns = BarColumns::default();
    for day in days {
        for start in calendar.bar_starts(*day, Interval::H1).unwrap() {
            columns.session.push(*day);
            columns.timestamp.push(start.as_microsecond());
        }
    }
    let rows = columns.session.len();
    let close: Vec<f64> = (0..rows).map(|row| row as f64 + 1.0).collect();
    for values in [&mut columns.open, &mut columns.high, &mut columns.low, &mut columns.close] {
        values.clone_from(&close);
    }
    for values in [&mut columns.volume, &mut columns.split_factor, &mut columns.dividend_factor] {
        *values = vec![1.0; rows];
    }
    let bars = Bars::new("IBM", columns).unwrap();
    let inputs = Inputs::new(&bars, Adjustment::None, calendar).unwrap();
    let inputs = inputs.with_interval(Interval::H1, calendar);
    let found = numbers("raw_close@1d", &inputs);
    // Seven bars, four on the short Friday, seven.
    assert_eq!(rows, 18);
    let expected = [vec![f64::NAN; 6], vec![7.0; 4], vec![11.0; 7], vec![18.0]].concat();
    assert_eq!(bits(&found), bits(&expected));
}

proptest! {
    /// A bar has the last row that was known at its close, and rows after that change nothing.
    #[test]
    fn a_bar_sees_what_was_known(
        rows in prop::collection::btree_map(0_i64..(60 * 24), prop::option::of(-1e3..1e3_f64), 0..40),
        cut in 0..=40_usize,
    ) {
        let calendar = Calendar::xnys();
        let bars = walk("IBM", &sessions(40), 3);
        let start = calendar.open(bars.session()[0]).unwrap().as_microsecond();
        let hour = 3_600_000_000_i64;
        let column = OwnColumn {
            name: "x".to_owned(),
            // Some of them at the very instant of a close (a session of winter has six and a half hours).
            known_at: rows.keys().map(|at| start + (at - 24) * hour + hour / 2).collect(),
            values: rows.values().map(|value| value.unwrap_or(f64::NAN)).collect(),
        };
        let found = as_known(&column, &bars, Interval::D1, calendar).unwrap();
        for (row, session) in bars.session().iter().enumerate() {
            let close = calendar.close(*session).unwrap().as_microsecond();
            let last = (0..column.known_at.len()).rev().find(|place| column.known_at[*place] <= close);
            let expected = last.map_or(f64::NAN, |place| column.values[place]);
            prop_assert_eq!(bits(&[found[row]]), bits(&[expected]), "bar {}", row);
        }
        let known = match cut.checked_sub(1) {
            Some(last) => calendar.close(bars.session()[last]).unwrap().as_microsecond(),
            None => i64::MIN,
        };
        let early = column.known_at.partition_point(|at| *at <= known);
        let part = OwnColumn {
            name: "x".to_owned(),
            known_at: column.known_at[..early].to_vec(),
            values: column.values[..early].to_vec(),
        };
        let part = as_known(&part, &bars.head(cut), Interval::D1, calendar).unwrap();
        prop_assert_eq!(bits(&found[..cut]), bits(&part));
        let stored = from_parquet("IBM", to_parquet(std::slice::from_ref(&column)).unwrap()).unwrap();
        let expected: Vec<OwnColumn> = if column.values.is_empty() { vec![] } else { vec![column] };
        prop_assert_eq!(format!("{stored:?}"), format!("{expected:?}"));
    }
}
