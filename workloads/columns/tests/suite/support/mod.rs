//! Bars and expressions for tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeSet;

use ats_calendar::{Calendar, Interval, Session};
use ats_columns::evaluate::Column;
use ats_columns::{Adjustment, BarColumns, Bars, Inputs, evaluate};
use ats_expression::{Function, Scope, Ticker, Typed, check, parse};
use jiff::civil::date;

pub fn typed(source: &str) -> Typed {
    check(&parse(source).unwrap_or_else(|e| panic!("{source}: {e}")), &Scope::new())
        .unwrap_or_else(|e| panic!("{source}: {e}"))
}

/// Consecutive sessions from 2015 on.
pub fn sessions(rows: usize) -> Vec<Session> {
    Calendar::xnys().sessions(date(2015, 1, 2), date(2060, 12, 31))[..rows].to_vec()
}

/// The session of a bar, and its start: microseconds since 1970, UTC.
pub type Place = (Session, i64);

/// All bars of this length in these sessions.
pub fn places(sessions: &[Session], interval: Interval) -> Vec<Place> {
    let calendar = Calendar::xnys();
    let mut places = Vec::new();
    for session in sessions {
        let starts = calendar.bar_starts(*session, interval).unwrap();
        places.extend(starts.iter().map(|start| (*session, start.as_microsecond())));
    }
    places
}

/// Hours of 45 sessions: clocks are set back on 1 November, and the Friday behind Thanksgiving closes early.
pub fn hours() -> Vec<Place> {
    places(Calendar::xnys().sessions(date(2015, 10, 19), date(2015, 12, 21)), Interval::H1)
}

/// Bars with these raw columns on these sessions, without actions.
pub fn bars(ticker: &str, sessions: &[Session], columns: [Vec<f64>; 5]) -> Bars {
    bars_at(ticker, &places(sessions, Interval::D1), columns)
}

/// Bars with these raw columns at these places, without actions.
pub fn bars_at(ticker: &str, places: &[Place], [open, high, low, close, volume]: [Vec<f64>; 5]) -> Bars {
    let rows = places.len();
    let (session, timestamp) = places.iter().copied().unzip();
    let columns = BarColumns {
        session,
        timestamp,
        open,
        high,
        low,
        close,
        volume,
        split_factor: vec![1.0; rows],
        dividend_factor: vec![1.0; rows],
    };
    Bars::new(ticker, columns).unwrap()
}

/// Bars whose prices are all `close`, with volume 1000.
pub fn closes(ticker: &str, sessions: &[Session], close: &[f64]) -> Bars {
    let c = close.to_vec();
    bars(ticker, sessions, [c.clone(), c.clone(), c.clone(), c, vec![1000.0; close.len()]])
}

/// A walk that looks like a market's, with ticks of 0.01, from a seed.
pub fn walk(ticker: &str, sessions: &[Session], seed: u64) -> Bars {
    walk_at(ticker, &places(sessions, Interval::D1), seed)
}

/// The same walk over bars of any length.
pub fn walk_at(ticker: &str, places: &[Place], seed: u64) -> Bars {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut columns: [Vec<f64>; 5] = Default::default();
    let mut price: f64 = 100.0;
    let cents = |x: f64| (x * 100.0).round() / 100.0;
    for _ in places {
        let open = (price * (1.0 + 0.01 * (uniform() - 0.5))).max(1.0);
        let close = (open * (1.0 + 0.04 * (uniform() - 0.495))).max(1.0);
        let high = open.max(close) * (1.0 + 0.01 * uniform());
        let low = open.min(close) * (1.0 - 0.01 * uniform());
        for (column, value) in columns.iter_mut().zip([open, high, low, close]) {
            column.push(cents(value));
        }
        columns[4].push((1e6 * uniform()).round());
        price = close;
    }
    bars_at(ticker, places, columns)
}

/// The same shares with a split 2:1 after a third of the bars, one of 1:4 after three quarters, and dividends of a
/// hundredth of the close before after a fifth and two thirds: raw prices and volumes jump where the factors do, at the
/// first bar of a session.
pub fn with_actions(bars: Bars) -> Bars {
    let ticker = bars.ticker().to_owned();
    let mut columns = bars.into_columns();
    let rows = columns.session.len();
    let first_of_its_session = |row: usize| -> usize {
        columns.session.get(row).map_or(row, |own| columns.session.partition_point(|session| session < own))
    };
    let [split, reversed, early, late] =
        [rows / 3, rows * 3 / 4, rows / 5, rows * 2 / 3].map(first_of_its_session);
    let (mut splits, mut dividends) = (1.0, 1.0);
    for row in 0..rows {
        if row == split {
            splits *= 2.0;
        }
        if row == reversed {
            splits /= 4.0;
        }
        if row == early || row == late {
            dividends /= 1.0 - 0.01;
        }
        for prices in [&mut columns.open, &mut columns.high, &mut columns.low, &mut columns.close] {
            prices[row] /= splits * dividends;
        }
        columns.volume[row] *= splits;
        columns.split_factor[row] = splits;
        columns.dividend_factor[row] = dividends;
    }
    Bars::new(ticker, columns).unwrap()
}

pub fn inputs(bars: &Bars) -> Inputs<'_> {
    inputs_of(Interval::D1, bars)
}

/// Over bars of any length.
pub fn inputs_of(interval: Interval, bars: &Bars) -> Inputs<'_> {
    Inputs::new(bars, Adjustment::SplitsAndDividends, Calendar::xnys())
        .unwrap()
        .with_interval(interval, Calendar::xnys())
}

pub fn with_benchmark<'a>(bars: &'a Bars, benchmark: &'a Bars) -> Inputs<'a> {
    with_benchmark_of(Interval::D1, bars, benchmark)
}

/// Over bars of any length.
pub fn with_benchmark_of<'a>(interval: Interval, bars: &'a Bars, benchmark: &'a Bars) -> Inputs<'a> {
    let ticker = Ticker::new(benchmark.ticker()).unwrap();
    inputs_of(interval, bars).with_benchmark(ticker, benchmark, Adjustment::SplitsAndDividends)
}

pub fn numbers(source: &str, inputs: &Inputs<'_>) -> Vec<f64> {
    match evaluate(&typed(source), inputs).unwrap() {
        Column::Number(values) => values.to_vec(),
        Column::Boolean(_) => panic!("{source} is a boolean"),
    }
}

pub fn booleans(source: &str, inputs: &Inputs<'_>) -> Vec<Option<bool>> {
    match evaluate(&typed(source), inputs).unwrap() {
        Column::Boolean(values) => values.to_vec(),
        Column::Number(_) => panic!("{source} is a number"),
    }
}

/// The functions that an expression calls.
pub fn functions(source: &str) -> BTreeSet<String> {
    let words = source.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    words.filter(|word| Function::from_text(word).is_some()).map(str::to_owned).collect()
}

/// Bits of the values, with one pattern for null.
pub fn bits(values: &[f64]) -> Vec<Option<u64>> {
    values.iter().map(|value| if value.is_nan() { None } else { Some(value.to_bits()) }).collect()
}
