//! Statistics of pairs over the last n bars: covariance, correlation, autocorrelation, slope, beta.

use super::change::{Against, Returns};
use super::kernel::{Kernel, column};
use super::sliding::{Products, Trend};
use super::statistics::{Over, over, statistic};
use super::{divide, sqrt};

statistic!(Covariance of Products, 1, |window, n| divide(window.xy, n - 1.0));
statistic!(Correlation of Products, 1, |window, _| {
    divide(window.xy, sqrt(window.xx) * sqrt(window.yy)).clamp(-1.0, 1.0)
});
statistic!(Slope of Trend, 1, |window, n| divide(window.products, n * (n * n - 1.0) / 12.0));
statistic!(Regression of Products, 1, |window, _| divide(window.xy, window.xx));

/// The sample covariance of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn covariance(x: &[f64], y: &[f64], n: usize) -> Vec<f64> {
    column(over::<Covariance>(n), [x, y])
}

/// Pearson's correlation over n bars, null where either column does not vary. First value at n-1.
#[must_use]
pub fn correlation(x: &[f64], y: &[f64], n: usize) -> Vec<f64> {
    column(over::<Correlation>(n), [x, y])
}

/// The state of an autocorrelation.
#[derive(Debug, Clone)]
pub(crate) struct Autocorrelation {
    before: f64,
    pairs: Over<Correlation>,
}

impl Kernel<1> for Autocorrelation {
    #[inline]
    fn push(&mut self, [now]: [f64; 1]) -> [f64; 1] {
        let before = std::mem::replace(&mut self.before, now);
        // A null on either side of a pair ends the run of pairs.
        self.pairs.push([before, now])
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
        self.pairs.restart();
    }
}

pub(crate) fn autocorrelation_of(n: usize) -> Autocorrelation {
    Autocorrelation { before: f64::NAN, pairs: over(if n < 3 { 0 } else { n - 1 }) }
}

/// Pearson's correlation of x with itself one bar before: n bars, so n-1 pairs; null where x does not vary. First
/// value at n-1.
#[must_use]
pub fn autocorrelation(x: &[f64], n: usize) -> Vec<f64> {
    column(autocorrelation_of(n), [x])
}

/// The slope a bar of the least-squares line through the last n bars (null for n = 1). First value at n-1.
/// (TA-Lib `LINEARREG_SLOPE`.)
#[must_use]
pub fn slope(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Slope>(n), [x])
}

/// The state of a beta.
#[derive(Debug, Clone)]
pub(crate) struct Beta {
    own: Against<Returns>,
    other: Against<Returns>,
    pairs: Over<Regression>,
}

impl Kernel<2> for Beta {
    #[inline]
    fn push(&mut self, [close, benchmark]: [f64; 2]) -> [f64; 1] {
        let (own, other) = (self.own.next(close), self.other.next(benchmark));
        self.pairs.push([other, own])
    }

    fn restart(&mut self) {
        self.own.restart();
        self.other.restart();
        self.pairs.restart();
    }
}

pub(crate) fn beta_of(n: usize) -> Beta {
    Beta { own: Against::new(1), other: Against::new(1), pairs: over(n) }
}

/// The slope of the last n simple returns of `close` on those of `benchmark` (TA-Lib `BETA`), null where the
/// benchmark does not vary. `benchmark` holds its close at the instants of `close`, null where it has none, so
/// both returns of a pair span the same time. First value at n.
#[must_use]
pub fn beta(close: &[f64], benchmark: &[f64], n: usize) -> Vec<f64> {
    column(beta_of(n), [close, benchmark])
}
