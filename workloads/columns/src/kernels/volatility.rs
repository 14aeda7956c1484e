//! Volatility from ranges and returns, a bar, except that realised volatility is a year's.

use super::{change, divide, ln, runs, sqrt, statistics};

/// Sessions of a year, for realised volatility.
const SESSIONS_A_YEAR: f64 = 252.0;

/// A column computed for each bar from others of its columns.
fn each<const N: usize>(columns: [&[f64]; N], value: impl Fn([f64; N]) -> f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; columns.first().map_or(0, |column| column.len())];
    for run in runs(columns) {
        for t in run {
            out[t] = value(columns.map(|column| column[t]));
        }
    }
    out
}

fn root(mut x: Vec<f64>) -> Vec<f64> {
    for value in &mut x {
        *value = sqrt(*value);
    }
    x
}

fn squared_log(numerator: f64, denominator: f64) -> f64 {
    let log = ln(divide(numerator, denominator));
    log * log
}

/// Parkinson's estimator: sqrt(mean ln^2(H/L) / (4 ln 2)) over n bars. First value at n-1.
#[must_use]
pub fn parkinson(high: &[f64], low: &[f64], n: usize) -> Vec<f64> {
    let scale = 4.0 * std::f64::consts::LN_2;
    root(statistics::mean(&each([high, low], |[h, l]| squared_log(h, l) / scale), n))
}

/// Garman and Klass's estimator: sqrt(mean(0.5 ln^2(H/L) - (2 ln 2 - 1) ln^2(C/O))) over n bars; null where the
/// mean is negative. First value at n-1.
#[must_use]
pub fn garman_klass(open: &[f64], high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    let weight = 2.0 * std::f64::consts::LN_2 - 1.0;
    let terms =
        each([open, high, low, close], |[o, h, l, c]| 0.5 * squared_log(h, l) - weight * squared_log(c, o));
    root(statistics::mean(&terms, n))
}

/// Yang and Zhang's variance (2000) over n bars, `n` at least 2: var(ln O/C[-1]) + k var(ln C/O) + (1-k) RS, with
/// sample variances, k = 0.34/(1.34 + (n+1)/(n-1)), and RS the mean of Rogers and Satchell's term
/// ln(H/C) ln(H/O) + ln(L/C) ln(L/O). It is a variance: its root is the volatility. First value at n.
#[must_use]
pub fn yang_zhang(open: &[f64], high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    if n < 2 {
        return vec![f64::NAN; close.len()];
    }
    let before = change::delay(close, 1);
    let overnight = statistics::var(&each([open, &before], |[o, c]| ln(divide(o, c))), n);
    let session = statistics::var(&each([open, close], |[o, c]| ln(divide(c, o))), n);
    let terms = each([open, high, low, close], |[o, h, l, c]| {
        ln(divide(h, c)) * ln(divide(h, o)) + ln(divide(l, c)) * ln(divide(l, o))
    });
    let rogers_satchell = statistics::mean(&terms, n);
    let periods = n as f64;
    let k = 0.34 / (1.34 + (periods + 1.0) / (periods - 1.0));
    each([&overnight, &session, &rogers_satchell], |[o, c, rs]| o + k * c + (1.0 - k) * rs)
}

/// Realised volatility: the sample standard deviation of the last n log returns times sqrt(252). First value at n.
#[must_use]
pub fn realized_volatility(close: &[f64], n: usize) -> Vec<f64> {
    let before = change::delay(close, 1);
    let mut out = statistics::std(&each([close, &before], |[now, before]| ln(divide(now, before))), n);
    let scale = sqrt(SESSIONS_A_YEAR);
    for value in &mut out {
        *value *= scale;
    }
    out
}
