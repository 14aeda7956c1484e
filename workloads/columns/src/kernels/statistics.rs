//! Statistics of the last n bars. Deviations are of a sample (n-1).

use super::moving::sums;
use super::sliding::{Moments, Spread, slide};
use super::{divide, runs, sqrt};

/// The sum of n bars. First value at n-1.
#[must_use]
pub fn sum(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    sums(x, n, |t, sum| out[t] = sum);
    out
}

/// The mean of n bars. First value at n-1.
#[must_use]
pub fn mean(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    sums(x, n, |t, sum| out[t] = sum / n as f64);
    out
}

/// The sample variance of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn var(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    for run in runs([x]) {
        let start = run.start;
        slide::<Spread>(x[run].iter().copied(), n, |t, window| {
            out[start + t] = divide(window.squares, n as f64 - 1.0);
        });
    }
    out
}

/// The sample standard deviation of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn std(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = var(x, n);
    for value in &mut out {
        *value = sqrt(*value);
    }
    out
}

fn moments(x: &[f64], n: usize, at_least: usize, value: impl Fn(f64, Moments) -> f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    if n < at_least {
        return out;
    }
    for run in runs([x]) {
        let start = run.start;
        slide::<Moments>(x[run].iter().copied(), n, |t, window| out[start + t] = value(n as f64, window));
    }
    out
}

/// The bias-corrected skewness G1 of n bars (Joanes and Gill 1998), null for n < 3 and where nothing varies.
/// First value at n-1.
#[must_use]
pub fn skew(x: &[f64], n: usize) -> Vec<f64> {
    moments(x, n, 3, |n, m| {
        let variance = m.m2 / n;
        let g1 = divide(m.m3 / n, variance * sqrt(variance));
        g1 * sqrt(n * (n - 1.0)) / (n - 2.0)
    })
}

/// The bias-corrected excess kurtosis G2 of n bars (Joanes and Gill 1998), null for n < 4 and where nothing
/// varies. First value at n-1.
#[must_use]
pub fn kurtosis(x: &[f64], n: usize) -> Vec<f64> {
    moments(x, n, 4, |n, m| {
        let variance = m.m2 / n;
        let g2 = divide(m.m4 / n, variance * variance) - 3.0;
        (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * g2 + 6.0)
    })
}

/// How many of the last n bars the condition held on; null where it is null on one of them. First value at n-1.
#[must_use]
pub fn count(condition: &[Option<bool>], n: usize) -> Vec<f64> {
    let ones: Vec<f64> = condition
        .iter()
        .map(|held| match held {
            Some(true) => 1.0,
            Some(false) => 0.0,
            None => f64::NAN,
        })
        .collect();
    sum(&ones, n)
}
