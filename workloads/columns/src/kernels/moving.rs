//! Moving averages and what is made of them.

use super::kernel::{Kernel, Runs, column, columns, more};
use super::sliding::{Slide, Weighted};

/// Simple moving average of `n` bars. First value at n-1.
#[must_use]
pub fn sma(x: &[f64], n: usize) -> Vec<f64> {
    super::statistics::mean(x, n)
}

/// The state of an exponential moving average; its rows have no nulls.
#[derive(Debug, Clone)]
pub(crate) struct Ema {
    n: usize,
    k: f64,
    seen: usize,
    /// The sum of the first rows, then the average.
    average: f64,
}

impl Ema {
    fn new(n: usize) -> Self {
        Self { n, k: 2.0 / (n as f64 + 1.0), seen: 0, average: 0.0 }
    }

    #[inline]
    fn next(&mut self, x: f64) -> f64 {
        if self.seen >= self.n {
            self.average += (x - self.average) * self.k;
            return if self.n == 0 { f64::NAN } else { self.average };
        }
        self.average = if self.seen == 0 { x } else { self.average + x };
        self.seen += 1;
        if self.seen < self.n {
            return f64::NAN;
        }
        self.average /= self.n as f64;
        self.average
    }
}

impl Kernel<1> for Ema {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.next(x)]
    }

    fn restart(&mut self) {
        self.seen = 0;
    }
}

pub(crate) fn ema_of(n: usize) -> Runs<Ema> {
    Runs(Ema::new(n))
}

/// Exponential moving average: k = 2/(n+1), seeded with the mean of the first n values. First value at n-1.
/// (TA-Lib `EMA`.)
#[must_use]
pub fn ema(x: &[f64], n: usize) -> Vec<f64> {
    column(ema_of(n), [x])
}

/// The state of a linearly weighted moving average.
#[derive(Debug, Clone)]
pub(crate) struct Wma {
    slide: Slide<Weighted>,
    weights: f64,
}

impl Kernel<1> for Wma {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.slide.push(x).map_or(f64::NAN, |window| window.weighted / self.weights)]
    }

    fn restart(&mut self) {
        self.slide.restart();
    }

    fn fill(&mut self, [x]: [&[f64]; 1], [output]: &mut [Vec<f64>; 1]) {
        let (weights, places) = (self.weights, more(output, x.len()));
        self.slide.fill(
            x.len(),
            |row| x[row],
            |place, window| {
                if let Some(window) = window {
                    places[place] = window.weighted / weights;
                }
            },
        );
    }
}

pub(crate) fn wma_of(n: usize) -> Runs<Wma> {
    Runs(Wma { slide: Slide::new(n), weights: (n * (n + 1)) as f64 / 2.0 })
}

/// Linearly weighted moving average: the newest bar has weight n, the oldest 1. First value at n-1.
/// (TA-Lib `WMA`.)
#[must_use]
pub fn wma(x: &[f64], n: usize) -> Vec<f64> {
    column(wma_of(n), [x])
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

/// The states of the three averages of MACD.
#[derive(Debug, Clone)]
pub(crate) struct MacdState {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Rows that the fast average leaves out, so that it starts with the slow one.
    skipped: usize,
    seen: usize,
}

impl Kernel<1, 3> for MacdState {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 3] {
        let slow = self.slow.next(x);
        if self.seen < self.skipped {
            self.seen += 1;
            return [f64::NAN; 3];
        }
        let line = self.fast.next(x) - slow;
        if self.slow.seen < self.slow.n {
            return [f64::NAN; 3];
        }
        let signal = self.signal.next(line);
        if self.signal.seen < self.signal.n {
            return [f64::NAN; 3];
        }
        [line, signal, line - signal]
    }

    fn restart(&mut self) {
        for average in [&mut self.fast, &mut self.slow, &mut self.signal] {
            average.restart();
        }
        self.seen = 0;
    }
}

pub(crate) fn macd_of(fast: usize, slow: usize, signal: usize) -> Runs<MacdState> {
    Runs(MacdState {
        fast: Ema::new(fast),
        slow: Ema::new(slow),
        signal: Ema::new(signal),
        skipped: slow.saturating_sub(fast),
        seen: 0,
    })
}

/// Moving average convergence and divergence (TA-Lib `MACD`), `fast < slow`.
///
/// The fast average is seeded on the bars slow-fast .. slow-1, so that both averages start at slow-1; the signal
/// is the exponential average of the line. All three outputs start at slow + signal - 2.
#[must_use]
pub fn macd(x: &[f64], fast: usize, slow: usize, signal: usize) -> Macd {
    let [line, signal, histogram] = columns(macd_of(fast, slow, signal), [x]);
    Macd { line, signal, histogram }
}
