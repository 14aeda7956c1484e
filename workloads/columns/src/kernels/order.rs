//! Order statistics of the last n bars: extremes, quantiles.

use super::kernel::{Kernel, Runs, column};
use super::sliding::{Highest, Lowest};
use super::statistics::{over, statistic};

statistic!(Low of Lowest[1, 1], 1, |window, _| window.sums[0]);
statistic!(High of Highest[1, 1], 1, |window, _| window.sums[0]);

/// The lowest of n bars. First value at n-1.
#[must_use]
pub fn lowest(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Low, _, _>(n), [x])
}

/// The highest of n bars. First value at n-1.
#[must_use]
pub fn highest(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<High, _, _>(n), [x])
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
/// A step moves the values between the place of the one that leaves and that of the one that comes: for the windows
/// that features have (up to some thousands of bars) this one move of contiguous memory costs less than any tree or
/// pair of heaps.
#[derive(Debug, Clone)]
struct SortedWindow {
    sorted: Vec<f64>,
    /// The values as they came; once there are n, the oldest stands at `next`.
    came: Vec<f64>,
    next: usize,
}

/// Windows up to this length are searched by counting, which no branch predictor can get wrong.
const COUNTED: usize = 64;

impl SortedWindow {
    fn with_capacity(n: usize) -> Self {
        Self { sorted: Vec::with_capacity(n), came: Vec::with_capacity(n), next: 0 }
    }

    fn clear(&mut self) {
        self.sorted.clear();
        self.came.clear();
        self.next = 0;
    }

    /// How many values are less.
    #[inline]
    fn place(&self, value: f64) -> usize {
        if self.sorted.len() <= COUNTED {
            return self.sorted.iter().map(|other| usize::from(*other < value)).sum();
        }
        self.sorted.partition_point(|other| *other < value)
    }

    /// Adds a value; the oldest of n leaves.
    #[inline]
    fn push(&mut self, value: f64, n: usize) {
        if self.came.len() < n {
            let place = self.place(value);
            self.sorted.insert(place, value);
            self.came.push(value);
            return;
        }
        let oldest = std::mem::replace(&mut self.came[self.next], value);
        self.next = if self.next + 1 == n { 0 } else { self.next + 1 };
        let (leaves, comes) = (self.place(oldest), self.place(value));
        if leaves < comes {
            self.sorted.copy_within(leaves + 1..comes, leaves);
            self.sorted[comes - 1] = value;
        } else {
            self.sorted.copy_within(comes..leaves, comes + 1);
            self.sorted[comes] = value;
        }
    }
}
