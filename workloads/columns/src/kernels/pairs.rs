//! Statistics of pairs over the last n bars: covariance, correlation, autocorrelation, slope, beta.

use super::change::{Comparison, Returns};
use super::kernel::{Of, Term, column};
use super::sliding::{Products, Ramp, central};
use super::statistics::{Over, over, statistic};
use super::{divide, sqrt};

statistic!(Covariance of Products[2, 5], 1, |window, length| central(window.sums, length.inverse).2 * length.sample);
statistic!(Correlation of Products[2, 5], 1, |window, length| {
    let (xx, yy, xy) = central(window.sums, length.inverse);
    divide(xy, sqrt(xx) * sqrt(yy)).clamp(-1.0, 1.0)
});
statistic!(Slope of Ramp[1, 2], 1, |window, length| {
    let ([sum, weighted], n) = (window.sums, length.n);
    // Null for n = 1: 0 times infinity.
    (weighted - 0.5 * (n + 1.0) * sum) * (12.0 / (n * (n * n - 1.0)))
});
statistic!(Regression of Products[2, 5], 1, |window, length| {
    let (xx, _, xy) = central(window.sums, length.inverse);
    divide(xy, xx)
});

/// The sample covariance of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn covariance(x: &[f64], y: &[f64], n: usize) -> Vec<f64> {
    column(over::<Covariance, _, _>(n), [x, y])
}

/// Pearson's correlation over n bars, null where either column does not vary. First value at n-1.
#[must_use]
pub fn correlation(x: &[f64], y: &[f64], n: usize) -> Vec<f64> {
    column(over::<Correlation, _, _>(n), [x, y])
}

/// A value with the one before.
#[derive(Debug, Clone)]
pub(crate) struct WithBefore {
    before: f64,
}

impl Term<1, 2> for WithBefore {
    #[inline(always)]
    fn next(&mut self, [now]: [f64; 1]) -> [f64; 2] {
        // A null on either side of a pair ends the run of pairs.
        [std::mem::replace(&mut self.before, now), now]
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
    }
}

pub(crate) fn autocorrelation_of(n: usize) -> Of<WithBefore, Over<Correlation, 2, 5>, 2> {
    Of::new(WithBefore { before: f64::NAN }, over(if n < 3 { 0 } else { n - 1 }))
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
    column(over::<Slope, _, _>(n), [x])
}

/// The returns of a benchmark and of the ticker: close, close of the benchmark.
#[derive(Debug, Clone)]
pub(crate) struct BothReturns {
    before: [f64; 2],
}

impl Term<2, 2> for BothReturns {
    #[inline(always)]
    fn next(&mut self, row: [f64; 2]) -> [f64; 2] {
        let before = std::mem::replace(&mut self.before, row);
        [Returns::of(row[1], before[1]), Returns::of(row[0], before[0])]
    }

    fn restart(&mut self) {
        self.before = [f64::NAN; 2];
    }
}

pub(crate) fn beta_of(n: usize) -> Of<BothReturns, Over<Regression, 2, 5>, 2> {
    Of::new(BothReturns { before: [f64::NAN; 2] }, over(n))
}

/// The slope of the last n simple returns of `close` on those of `benchmark` (TA-Lib `BETA`), null where the
/// benchmark does not vary. `benchmark` holds its close at the instants of `close`, null where it has none, so
/// both returns of a pair span the same time. First value at n.
#[must_use]
pub fn beta(close: &[f64], benchmark: &[f64], n: usize) -> Vec<f64> {
    column(beta_of(n), [close, benchmark])
}
