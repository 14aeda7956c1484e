//! Estimates of trading costs from bars.

use super::change::{Against, Delta, Returns};
use super::kernel::{Kernel, column};
use super::pairs::Covariance;
use super::statistics::{Mean, Over, over};
use super::{divide, sqrt};

/// The state of Roll's spread.
#[derive(Debug, Clone)]
pub(crate) struct RollSpread {
    change: Against<Delta>,
    before: f64,
    pairs: Over<Covariance>,
}

impl Kernel<1> for RollSpread {
    #[inline]
    fn push(&mut self, [close]: [f64; 1]) -> [f64; 1] {
        let change = self.change.next(close);
        let before = std::mem::replace(&mut self.before, change);
        let [covariance] = self.pairs.push([change, before]);
        [if covariance > 0.0 { 0.0 } else { 2.0 * sqrt(-covariance) }]
    }

    fn restart(&mut self) {
        self.change.restart();
        self.before = f64::NAN;
        self.pairs.restart();
    }
}

pub(crate) fn roll_spread_of(n: usize) -> RollSpread {
    RollSpread { change: Against::new(1), before: f64::NAN, pairs: over(n) }
}

/// Roll's spread (1984): 2 sqrt(-cov(dP, dP[-1])) over n pairs of price changes, with the sample covariance; 0
/// where it is positive. First value at n+1.
#[must_use]
pub fn roll_spread(close: &[f64], n: usize) -> Vec<f64> {
    column(roll_spread_of(n), [close])
}

/// The state of Amihud's illiquidity: close, raw close, raw volume.
#[derive(Debug, Clone)]
pub(crate) struct Amihud {
    returns: Against<Returns>,
    mean: Over<Mean>,
}

impl Kernel<3> for Amihud {
    #[inline]
    fn push(&mut self, [close, raw_close, raw_volume]: [f64; 3]) -> [f64; 1] {
        let change = self.returns.next(close);
        self.mean.push([divide(change.abs(), raw_close * raw_volume)])
    }

    fn restart(&mut self) {
        self.returns.restart();
        self.mean.restart();
    }
}

pub(crate) fn amihud_of(n: usize) -> Amihud {
    Amihud { returns: Against::new(1), mean: over(n) }
}

/// Amihud's illiquidity (2002): the mean over n bars of |return| / (price x volume), null where nothing was traded
/// on one of them. The return is that of `close` (adjusted, so that a split is no loss), price and volume are raw.
/// First value at n.
#[must_use]
pub fn amihud(close: &[f64], raw_close: &[f64], raw_volume: &[f64], n: usize) -> Vec<f64> {
    column(amihud_of(n), [close, raw_close, raw_volume])
}
