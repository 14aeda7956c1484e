//! Estimates of trading costs from bars.

use super::change::{Comparison, Returns};
use super::kernel::{Kernel, Of, Term, column};
use super::pairs::Covariance;
use super::statistics::{Mean, Over, over};
use super::{divide, sqrt};

/// The changes of this bar and of the one before: close.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    before: f64,
    change: f64,
}

impl Term<1, 2> for Changes {
    #[inline(always)]
    fn next(&mut self, [close]: [f64; 1]) -> [f64; 2] {
        let change = close - std::mem::replace(&mut self.before, close);
        [change, std::mem::replace(&mut self.change, change)]
    }

    fn restart(&mut self) {
        (self.before, self.change) = (f64::NAN, f64::NAN);
    }
}

/// Roll's spread of a covariance of changes.
#[derive(Debug, Clone)]
pub(crate) struct RollSpread(Over<Covariance, 2, 5>);

impl RollSpread {
    #[inline(always)]
    fn of(covariance: f64) -> f64 {
        if covariance > 0.0 { 0.0 } else { 2.0 * sqrt(-covariance) }
    }
}

impl Kernel<2> for RollSpread {
    #[inline]
    fn push(&mut self, row: [f64; 2]) -> [f64; 1] {
        self.0.push(row).map(Self::of)
    }

    fn restart(&mut self) {
        self.0.restart();
    }

    fn fill(&mut self, columns: [&[f64]; 2], outputs: &mut [Vec<f64>; 1]) {
        let filled = outputs[0].len();
        self.0.fill(columns, outputs);
        outputs[0][filled..].iter_mut().for_each(|value| *value = Self::of(*value));
    }
}

pub(crate) fn roll_spread_of(n: usize) -> Of<Changes, RollSpread, 2> {
    Of::new(Changes { before: f64::NAN, change: f64::NAN }, RollSpread(over(n)))
}

/// Roll's spread (1984): 2 sqrt(-cov(dP, dP[-1])) over n pairs of price changes, with the sample covariance; 0
/// where it is positive. First value at n+1.
#[must_use]
pub fn roll_spread(close: &[f64], n: usize) -> Vec<f64> {
    column(roll_spread_of(n), [close])
}

/// The return of a dollar traded: close, raw close, raw volume.
#[derive(Debug, Clone)]
pub(crate) struct Impact {
    before: f64,
}

impl Term<3, 1> for Impact {
    #[inline(always)]
    fn next(&mut self, [close, raw_close, raw_volume]: [f64; 3]) -> [f64; 1] {
        let change = Returns::of(close, std::mem::replace(&mut self.before, close));
        [divide(change.abs(), raw_close * raw_volume)]
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
    }
}

pub(crate) fn amihud_of(n: usize) -> Of<Impact, Over<Mean, 1, 1>, 1> {
    Of::new(Impact { before: f64::NAN }, over(n))
}

/// Amihud's illiquidity (2002): the mean over n bars of |return| / (price x volume), null where nothing was traded
/// on one of them. The return is that of `close` (adjusted, so that a split is no loss), price and volume are raw.
/// First value at n.
#[must_use]
pub fn amihud(close: &[f64], raw_close: &[f64], raw_volume: &[f64], n: usize) -> Vec<f64> {
    column(amihud_of(n), [close, raw_close, raw_volume])
}
