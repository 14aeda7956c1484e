//! Bollinger bands and the stochastic oscillator.

use super::kernel::{Kernel, Runs, columns};
use super::sliding::{Highest, Lowest, Slide, Spread, Sum};
use super::sqrt;
use super::statistics::{Mean, Over, over};

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

/// The state of Bollinger bands: upper, middle, lower.
#[derive(Debug, Clone)]
pub(crate) struct Bands {
    sum: Slide<Sum>,
    spread: Slide<Spread>,
    n: f64,
    k: f64,
}

impl Kernel<1, 3> for Bands {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 3] {
        let (Some(sum), Some(spread)) = (self.sum.push(x), self.spread.push(x)) else { return [f64::NAN; 3] };
        let middle = sum.0 / self.n;
        let width = self.k * sqrt(spread.squares / self.n);
        [middle + width, middle, middle - width]
    }

    fn restart(&mut self) {
        self.sum.restart();
        self.spread.restart();
    }
}

pub(crate) fn bollinger_of(n: usize, k: f64) -> Runs<Bands> {
    Runs(Bands { sum: Slide::new(n), spread: Slide::new(n), n: n as f64, k })
}

/// Bollinger bands: mean of n bars, plus and minus `k` population standard deviations. First value at n-1.
/// (TA-Lib `BBANDS`.)
#[must_use]
pub fn bollinger(x: &[f64], n: usize, k: f64) -> Bollinger {
    let [upper, middle, lower] = columns(bollinger_of(n, k), [x]);
    Bollinger { upper, middle, lower }
}

/// The two outputs of [`stochastic`].
#[derive(Debug, Clone, PartialEq)]
pub struct Stochastic {
    /// The smoothed %K.
    pub k: Vec<f64>,
    /// %D: the average of %K.
    pub d: Vec<f64>,
}

/// The close's place in the range of the last bars, in percent; its rows have no nulls.
#[derive(Debug, Clone)]
struct Place {
    top: Slide<Highest>,
    bottom: Slide<Lowest>,
}

impl Kernel<3> for Place {
    #[inline]
    fn push(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let (Some(top), Some(bottom)) = (self.top.push(high), self.bottom.push(low)) else {
            return [f64::NAN];
        };
        let range = top.0 - bottom.0;
        [if range == 0.0 { 0.0 } else { 100.0 * ((close - bottom.0) / range) }]
    }

    fn restart(&mut self) {
        self.top.restart();
        self.bottom.restart();
    }
}

/// The state of a stochastic oscillator: %K, %D.
#[derive(Debug, Clone)]
pub(crate) struct Oscillator {
    fast: Runs<Place>,
    slow: Over<Mean>,
    average: Over<Mean>,
}

impl Kernel<3, 2> for Oscillator {
    #[inline]
    fn push(&mut self, row: [f64; 3]) -> [f64; 2] {
        let [k] = self.slow.push(self.fast.push(row));
        let [d] = self.average.push([k]);
        [if d.is_nan() { d } else { k }, d]
    }

    fn restart(&mut self) {
        self.fast.restart();
        self.slow.restart();
        self.average.restart();
    }
}

pub(crate) fn stochastic_of(k: usize, smooth: usize, d: usize) -> Oscillator {
    let fast = Runs(Place { top: Slide::new(k), bottom: Slide::new(k) });
    Oscillator { fast, slow: over(smooth), average: over(d) }
}

/// Stochastic oscillator (TA-Lib `STOCH` with simple averages): the close's place in the range of the last `k`
/// bars in percent (0 where the range is 0), averaged over `smooth` bars (%K) and again over `d` bars (%D). Both
/// start at k + smooth + d - 3.
#[must_use]
pub fn stochastic(high: &[f64], low: &[f64], close: &[f64], k: usize, smooth: usize, d: usize) -> Stochastic {
    let [k, d] = columns(stochastic_of(k, smooth, d), [high, low, close]);
    Stochastic { k, d }
}
