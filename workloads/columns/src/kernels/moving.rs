//! Moving averages and what is made of them.

use super::runs;
use super::sliding::{Sum, Weighted, slide};

/// Simple moving average of `n` bars. First value at n-1.
#[must_use]
pub fn sma(x: &[f64], n: usize) -> Vec<f64> {
    super::statistics::mean(x, n)
}

/// Exponential moving average: k = 2/(n+1), seeded with the mean of the first n values. First value at n-1.
/// (TA-Lib `EMA`.)
#[must_use]
pub fn ema(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    for run in runs([x]) {
        ema_run(&x[run.clone()], n, &mut out[run]);
    }
    out
}

/// The exponential moving average of one run without nulls; leaves the rows before its start alone.
fn ema_run(x: &[f64], n: usize, out: &mut [f64]) {
    if n == 0 || x.len() < n {
        return;
    }
    let k = 2.0 / (n as f64 + 1.0);
    let mut average = x[..n].iter().sum::<f64>() / n as f64;
    out[n - 1] = average;
    for (value, out) in x[n..].iter().zip(&mut out[n..]) {
        average += (value - average) * k;
        *out = average;
    }
}

/// Linearly weighted moving average: the newest bar has weight n, the oldest 1. First value at n-1.
/// (TA-Lib `WMA`.)
#[must_use]
pub fn wma(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    let weights = (n * (n + 1)) as f64 / 2.0;
    for run in runs([x]) {
        let start = run.start;
        slide::<Weighted>(x[run].iter().copied(), n, |t, window| out[start + t] = window.weighted / weights);
    }
    out
}

/// The three outputs of [`macd`].
#[derive(Debug, Clone, PartialEq)]
pub struct Macd {
    /// Fast minus slow average.
    pub line: Vec<f64>,
    /// Average of the line.
    pub signal: Vec<f64>,
    /// Line minus signal.
    pub histogram: Vec<f64>,
}

/// Moving average convergence and divergence (TA-Lib `MACD`), `fast < slow`.
///
/// The fast average is seeded on the bars slow-fast .. slow-1, so that both averages start at slow-1; the signal
/// is the exponential average of the line. All three outputs start at slow + signal - 2.
#[must_use]
pub fn macd(x: &[f64], fast: usize, slow: usize, signal: usize) -> Macd {
    let null = vec![f64::NAN; x.len()];
    let mut macd = Macd { line: null.clone(), signal: null.clone(), histogram: null };
    if fast == 0 || fast > slow || signal == 0 {
        return macd;
    }
    for run in runs([x]) {
        if run.len() < slow + signal - 1 {
            continue;
        }
        let x = &x[run.clone()];
        let mut slow_average = vec![f64::NAN; x.len()];
        ema_run(x, slow, &mut slow_average);
        let mut line = vec![f64::NAN; x.len()];
        ema_run(&x[slow - fast..], fast, &mut line[slow - fast..]);
        for (line, slow_average) in line.iter_mut().zip(&slow_average) {
            *line -= slow_average;
        }
        let first = slow + signal - 2;
        let signals = &mut macd.signal[run.clone()];
        ema_run(&line[slow - 1..], signal, &mut signals[slow - 1..]);
        macd.line[run.clone()][first..].copy_from_slice(&line[first..]);
        for ((out, line), signal) in
            macd.histogram[run][first..].iter_mut().zip(&line[first..]).zip(&signals[first..])
        {
            *out = line - signal;
        }
    }
    macd
}

/// Sums of `n` bars, to be divided by the caller.
pub(crate) fn sums(x: &[f64], n: usize, mut emit: impl FnMut(usize, f64)) {
    for run in runs([x]) {
        let start = run.start;
        slide::<Sum>(x[run].iter().copied(), n, |t, window| emit(start + t, window.0));
    }
}
