//! Bars and expressions for tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test file uses a part")]

use ats_calendar::{Calendar, Interval, Session};
use ats_columns::evaluate::Column;
use ats_columns::{Adjustment, BarColumns, Bars, Inputs, evaluate};
use ats_expression::{Scope, Ticker, Typed, check, parse};
use jiff::civil::date;

pub fn typed(source: &str) -> Typed {
    check(&parse(source).unwrap_or_else(|e| panic!("{source}: {e}")), &Scope::new())
        .unwrap_or_else(|e| panic!("{source}: {e}"))
}

/// Consecutive sessions from 2015 on.
pub fn sessions(rows: usize) -> Vec<Session> {
    Calendar::xnys().sessions(date(2015, 1, 2), date(2060, 12, 31))[..rows].to_vec()
}

/// Bars with these raw columns on these sessions, without actions.
pub fn bars(ticker: &str, sessions: &[Session], [open, high, low, close, volume]: [Vec<f64>; 5]) -> Bars {
    let calendar = Calendar::xnys();
    let rows = sessions.len();
    let columns = BarColumns {
        session: sessions.to_vec(),
        timestamp: sessions.iter().map(|s| calendar.open(*s).unwrap().as_microsecond()).collect(),
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
    for _ in sessions {
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
    bars(ticker, sessions, columns)
}

/// The same shares with a split 2:1 after a third of the bars, one of 1:4 after three quarters, and dividends of a
/// hundredth of the close before after a fifth and two thirds: raw prices and volumes jump where the factors do.
pub fn with_actions(bars: Bars) -> Bars {
    let ticker = bars.ticker().to_owned();
    let mut columns = bars.into_columns();
    let rows = columns.session.len();
    let (mut splits, mut dividends) = (1.0, 1.0);
    for row in 0..rows {
        if row == rows / 3 {
            splits *= 2.0;
        }
        if row == rows * 3 / 4 {
            splits /= 4.0;
        }
        if row == rows / 5 || row == rows * 2 / 3 {
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
    Inputs::new(bars, Adjustment::SplitsAndDividends, Calendar::xnys())
        .unwrap()
        .with_interval(Interval::D1, Calendar::xnys())
}

pub fn with_benchmark<'a>(bars: &'a Bars, benchmark: &'a Bars) -> Inputs<'a> {
    let ticker = Ticker::new(benchmark.ticker()).unwrap();
    inputs(bars).with_benchmark(ticker, benchmark, Adjustment::SplitsAndDividends)
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

/// Bits of the values, with one pattern for null.
pub fn bits(values: &[f64]) -> Vec<Option<u64>> {
    values.iter().map(|value| if value.is_nan() { None } else { Some(value.to_bits()) }).collect()
}
