//! Statistics of pairs over the last n bars: covariance, correlation, autocorrelation, slope, beta.

use super::sliding::{Products, Trend, slide};
use super::{change, divide, runs, sqrt};

fn products(x: &[f64], y: &[f64], n: usize, value: impl Fn(Products) -> f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    for run in runs([x, y]) {
        let start = run.start;
        let pairs = x[run.clone()].iter().copied().zip(y[run].iter().copied());
        slide::<Products>(pairs, n, |t, window| out[start + t] = value(window));
    }
    out
}

fn pearson(window: Products) -> f64 {
    divide(window.xy, sqrt(window.xx) * sqrt(window.yy)).clamp(-1.0, 1.0)
}

/// The sample covariance of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn covariance(x: &[f64], y: &[f64], n: usize) -> Vec<f64> {
    products(x, y, n, |window| divide(window.xy, n as f64 - 1.0))
}

/// Pearson's correlation over n bars, null where either column does not vary. First value at n-1.
#[must_use]
pub fn correlation(x: &[f64], y: &[f64], n: usize) -> Vec<f64> {
    products(x, y, n, pearson)
}

/// Pearson's correlation of x with itself one bar before: n bars, so n-1 pairs; null where x does not vary. First
/// value at n-1.
#[must_use]
pub fn autocorrelation(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    if n < 3 {
        return out;
    }
    for run in runs([x]) {
        let start = run.start;
        let values = &x[run];
        let pairs = values.iter().copied().zip(values.iter().copied().skip(1));
        slide::<Products>(pairs, n - 1, |t, window| out[start + t + 1] = pearson(window));
    }
    out
}

/// The slope a bar of the least-squares line through the last n bars (null for n = 1). First value at n-1.
/// (TA-Lib `LINEARREG_SLOPE`.)
#[must_use]
pub fn slope(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    let length = n as f64;
    let rows = length * (length * length - 1.0) / 12.0;
    for run in runs([x]) {
        let start = run.start;
        slide::<Trend>(x[run].iter().copied(), n, |t, window| out[start + t] = divide(window.products, rows));
    }
    out
}

/// The slope of the last n simple returns of `close` on those of `benchmark` (TA-Lib `BETA`), null where the
/// benchmark does not vary. `benchmark` holds its close at the instants of `close`, null where it has none, so
/// both returns of a pair span the same time. First value at n.
#[must_use]
pub fn beta(close: &[f64], benchmark: &[f64], n: usize) -> Vec<f64> {
    let (own, other) = (change::returns(close, 1), change::returns(benchmark, 1));
    products(&other, &own, n, |window| divide(window.xy, window.xx))
}
