//! Order statistics of the last n bars: extremes, quantiles.

use std::collections::VecDeque;

use super::kernel::{Kernel, Runs, column};
use super::sliding::{Highest, Lowest};
use super::statistics::{over, statistic};

statistic!(Low of Lowest, 1, |window, _| window.0);
statistic!(High of Highest, 1, |window, _| window.0);

/// The lowest of n bars. First value at n-1.
#[must_use]
pub fn lowest(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Low>(n), [x])
}

/// The highest of n bars. First value at n-1.
#[must_use]
pub fn highest(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<High>(n), [x])
}

/// The median of n bars. First value at n-1.
#[must_use]
pub fn median(x: &[f64], n: usize) -> Vec<f64> {
    quantile(x, n, 0.5)
}

/// The quantile `p` (0 to 1) of n bars, linear between order statistics. First value at n-1.
#[must_use]
pub fn quantile(x: &[f64], n: usize, p: f64) -> Vec<f64> {
    column(quantile_of(n, p), [x])
}

pub(crate) fn quantile_of(n: usize, p: f64) -> Runs<Quantile> {
    Runs(Quantile { n, p, window: SortedWindow::with_capacity(n) })
}

/// The quantile `p` (0 to 1) of ascending values, linear between order statistics (type 7 of Hyndman and Fan
/// 1996); null when there are none.
#[must_use]
pub fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let share = place - below as f64;
    let low = sorted[below];
    if share == 0.0 {
        return low;
    }
    let high = sorted[(below + 1).min(last)];
    low + (high - low) * share
}

/// The state of a quantile.
#[derive(Debug, Clone)]
pub(crate) struct Quantile {
    n: usize,
    p: f64,
    window: SortedWindow,
}

impl Kernel<1> for Quantile {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        if self.n == 0 {
            return [f64::NAN];
        }
        self.window.push(x, self.n);
        let complete = self.window.sorted.len() == self.n;
        [if complete { quantile_of_sorted(&self.window.sorted, self.p) } else { f64::NAN }]
    }

    fn restart(&mut self) {
        self.window.clear();
    }
}

/// The values of a window in ascending order, and in the order in which they came.
///
/// A step finds its place by bisection and moves the values between: for the windows that features have (up to
/// some thousands of bars) this one move of contiguous memory costs less than any tree or pair of heaps.
#[derive(Debug, Clone)]
struct SortedWindow {
    sorted: Vec<f64>,
    came: VecDeque<f64>,
}

impl SortedWindow {
    fn with_capacity(n: usize) -> Self {
        Self { sorted: Vec::with_capacity(n), came: VecDeque::with_capacity(n) }
    }

    fn clear(&mut self) {
        self.sorted.clear();
        self.came.clear();
    }

    /// Where `value` stands or would stand.
    fn place(&self, value: f64) -> usize {
        self.sorted.partition_point(|other| other.total_cmp(&value).is_lt())
    }

    /// Adds a value; the oldest of n leaves.
    fn push(&mut self, value: f64, n: usize) {
        if self.came.len() == n
            && let Some(oldest) = self.came.pop_front()
        {
            let place = self.place(oldest);
            self.sorted.remove(place);
        }
        let place = self.place(value);
        self.sorted.insert(place, value);
        self.came.push_back(value);
    }
}
