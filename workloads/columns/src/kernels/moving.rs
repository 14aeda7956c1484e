//! Moving averages and what is made of them.

use super::kernel::{Kernel, Runs, column, columns, more};
use super::sliding::Trend;
use super::statistics::{over, statistic};

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

    fn fill(&mut self, [x]: [&[f64]; 1], [output]: &mut [Vec<f64>; 1]) {
        let places = more(output, x.len());
        let first = (self.n - self.seen).min(x.len());
        for (place, x) in places.iter_mut().zip(&x[..first]) {
            *place = self.next(*x);
        }
        if self.n == 0 {
            return;
        }
        let (k, mut average) = (self.k, self.average);
        for (place, x) in places.iter_mut().zip(x).skip(first) {
            average += (x - average) * k;
            *place = average;
        }
        self.average = average;
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

statistic!(LinearlyWeighted of Trend[1, 2], 1, |window, length| {
    let ([sum, placed], n) = (window.sums, length.n);
    // The weight of a row is n less how far it stands before the last one.
    window.pivot[0] + (placed + (n - window.place) * sum) / (n * (n + 1.0) / 2.0)
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

    fn fill(&mut self, [x]: [&[f64]; 1], outputs: &mut [Vec<f64>; 3]) {
        let [lines, signals, histograms] = outputs.each_mut().map(|output| more(output, x.len()));
        let mut first = 0;
        while first < x.len() && self.signal.seen < self.signal.n {
            [lines[first], signals[first], histograms[first]] = self.push([x[first]]);
            first += 1;
        }
        // From here on three averages that do not wait for each other.
        let (mut fast, mut slow, mut signal) = (self.fast.average, self.slow.average, self.signal.average);
        let (k_fast, k_slow, k_signal) = (self.fast.k, self.slow.k, self.signal.k);
        let places = lines.iter_mut().zip(signals).zip(histograms);
        for (((line, signal_place), histogram), x) in places.zip(x).skip(first) {
            fast += (x - fast) * k_fast;
            slow += (x - slow) * k_slow;
            *line = fast - slow;
            signal += (*line - signal) * k_signal;
            *signal_place = signal;
            *histogram = *line - signal;
        }
        (self.fast.average, self.slow.average, self.signal.average) = (fast, slow, signal);
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
