//! Bollinger bands and the stochastic oscillator.

use super::sliding::{Spread, slide};
use super::{order, runs, statistics};

/// The three outputs of [`bollinger`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bollinger {
    /// Middle plus k deviations.
    pub upper: Vec<f64>,
    /// The simple moving average.
    pub middle: Vec<f64>,
    /// Middle minus k deviations.
    pub lower: Vec<f64>,
}

/// Bollinger bands: mean of n bars, plus and minus `k` population standard deviations. First value at n-1.
/// (TA-Lib `BBANDS`.)
#[must_use]
pub fn bollinger(x: &[f64], n: usize, k: f64) -> Bollinger {
    let middle = statistics::mean(x, n);
    let mut bands = Bollinger { upper: middle.clone(), lower: middle.clone(), middle };
    for run in runs([x]) {
        let start = run.start;
        slide::<Spread>(x[run].iter().copied(), n, |t, window| {
            let width = k * super::sqrt(window.squares / n as f64);
            bands.upper[start + t] += width;
            bands.lower[start + t] -= width;
        });
    }
    bands
}

/// The two outputs of [`stochastic`].
#[derive(Debug, Clone, PartialEq)]
pub struct Stochastic {
    /// The smoothed %K.
    pub k: Vec<f64>,
    /// %D: the average of %K.
    pub d: Vec<f64>,
}

/// Stochastic oscillator (TA-Lib `STOCH` with simple averages): the close's place in the range of the last `k`
/// bars in percent (0 where the range is 0), averaged over `smooth` bars (%K) and again over `d` bars (%D). Both
/// start at k + smooth + d - 3.
#[must_use]
pub fn stochastic(high: &[f64], low: &[f64], close: &[f64], k: usize, smooth: usize, d: usize) -> Stochastic {
    let rows = close.len();
    let mut fast = vec![f64::NAN; rows];
    // Only bars that are complete count, so that all three inputs share their runs.
    for run in runs([high, low, close]) {
        let top = order::highest(&high[run.clone()], k);
        let bottom = order::lowest(&low[run.clone()], k);
        for (t, row) in run.enumerate() {
            let range = top[t] - bottom[t];
            // A null range (before the first window) compares unequal and stays null.
            fast[row] = if range == 0.0 { 0.0 } else { 100.0 * ((close[row] - bottom[t]) / range) };
        }
    }
    let mut slow = statistics::mean(&fast, smooth);
    let averaged = statistics::mean(&slow, d);
    for (k, d) in slow.iter_mut().zip(&averaged) {
        if d.is_nan() {
            *k = f64::NAN;
        }
    }
    Stochastic { k: slow, d: averaged }
}
