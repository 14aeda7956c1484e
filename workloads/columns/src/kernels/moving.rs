//! Moving averages and what is made of them.

use super::kernel::{Kernel, Runs, column, columns, copied, more};
use super::sliding::Ramp;
use super::smoothing::{GROUP, Smoothing};
use super::statistics::{over, statistic};

/// Simple moving average of `n` bars. First value at n-1.
#[must_use]
pub fn sma(x: &[f64], n: usize) -> Vec<f64> {
    super::statistics::mean(x, n)
}

/// The state of an exponential moving average; its rows have no nulls.
#[derive(Debug, Clone)]
pub(crate) struct Ema(Smoothing);

impl Kernel<1> for Ema {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.0.next(x)]
    }

    fn restart(&mut self) {
        self.0.restart();
    }

    fn fill(&mut self, [x]: [&[f64]; 1], [output]: &mut [Vec<f64>; 1]) {
        self.0.run(copied(output, x));
    }
}

pub(crate) fn ema_of(n: usize) -> Runs<Ema> {
    Runs(Ema(Smoothing::exponential(n)))
}

/// Exponential moving average: k = 2/(n+1), seeded with the mean of the first n values. First value at n-1.
/// (TA-Lib `EMA`.)
#[must_use]
pub fn ema(x: &[f64], n: usize) -> Vec<f64> {
    column(ema_of(n), [x])
}

statistic!(LinearlyWeighted of Ramp[1, 2], 1, |window, length| {
    window.pivot[0] + window.sums[1] * (2.0 / (length.n * (length.n + 1.0)))
});

/// Linearly weighted moving average: the newest bar has weight n, the oldest 1. First value at n-1.
/// (TA-Lib `WMA`.)
#[must_use]
pub fn wma(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<LinearlyWeighted, _, _>(n), [x])
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

/// The states of the three averages of MACD. The line is how much farther the slow average lies behind the value than
/// the fast one does, the histogram how far the signal lies behind the line.
#[derive(Debug, Clone)]
pub(crate) struct MacdState {
    fast: Smoothing,
    slow: Smoothing,
    signal: Smoothing,
    /// Rows that the fast average leaves out, so that it starts with the slow one.
    skipped: usize,
    seen: usize,
}

impl Kernel<1, 3> for MacdState {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 3] {
        let slow = self.slow.lag(x);
        if self.seen < self.skipped {
            self.seen += 1;
            return [f64::NAN; 3];
        }
        let line = slow - self.fast.lag(x);
        if !self.slow.complete() {
            return [f64::NAN; 3];
        }
        let histogram = self.signal.lag(line);
        if !self.signal.complete() {
            return [f64::NAN; 3];
        }
        [line, line - histogram, histogram]
    }

    fn restart(&mut self) {
        for average in [&mut self.fast, &mut self.slow, &mut self.signal] {
            average.restart();
        }
        self.seen = 0;
    }

    fn fill(&mut self, [x]: [&[f64]; 1], outputs: &mut [Vec<f64>; 3]) {
        let [lines, signals, histograms] = outputs.each_mut().map(|output| more(output, x.len()));
        let mut at = 0;
        while at < x.len() && !self.signal.begins() {
            [lines[at], signals[at], histograms[at]] = self.push([x[at]]);
            at += 1;
        }
        let (groups, rest) = x[at..].as_chunks();
        let ([mut fast, mut slow, mut signal], end) =
            ([self.fast, self.slow, self.signal], x.len() - rest.len());
        let places = lines[at..end].as_chunks_mut::<GROUP>().0.iter_mut();
        let places = places
            .zip(signals[at..end].as_chunks_mut::<GROUP>().0)
            .zip(histograms[at..end].as_chunks_mut::<GROUP>().0);
        for (group, ((line, signal_place), histogram)) in groups.iter().zip(places) {
            let (slow, fast) = (slow.lags(*group), fast.lags(*group));
            *line = std::array::from_fn(|row| slow[row] - fast[row]);
            *histogram = signal.lags(*line);
            *signal_place = std::array::from_fn(|row| line[row] - histogram[row]);
        }
        (self.fast, self.slow, self.signal) = (fast, slow, signal);
        for at in end..x.len() {
            [lines[at], signals[at], histograms[at]] = self.push([x[at]]);
        }
    }
}

pub(crate) fn macd_of(fast: usize, slow: usize, signal: usize) -> Runs<MacdState> {
    Runs(MacdState {
        fast: Smoothing::exponential(fast),
        slow: Smoothing::exponential(slow),
        signal: Smoothing::exponential(signal).in_step(),
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
