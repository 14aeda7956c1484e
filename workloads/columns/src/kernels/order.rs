//! Order statistics of the last n bars: extremes, quantiles.

use super::runs;
use super::sliding::{Highest, Lowest, slide};

/// The lowest of n bars. First value at n-1.
#[must_use]
pub fn lowest(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    for run in runs([x]) {
        let start = run.start;
        slide::<Lowest>(x[run].iter().copied(), n, |t, window| out[start + t] = window.0);
    }
    out
}

/// The highest of n bars. First value at n-1.
#[must_use]
pub fn highest(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    for run in runs([x]) {
        let start = run.start;
        slide::<Highest>(x[run].iter().copied(), n, |t, window| out[start + t] = window.0);
    }
    out
}

/// The median of n bars. First value at n-1.
#[must_use]
pub fn median(x: &[f64], n: usize) -> Vec<f64> {
    quantile(x, n, 0.5)
}

/// The quantile `p` (0 to 1) of n bars, linear between order statistics. First value at n-1.
#[must_use]
pub fn quantile(x: &[f64], n: usize, p: f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    if n == 0 {
        return out;
    }
    let mut window = SortedWindow::with_capacity(n);
    for run in runs([x]) {
        window.clear();
        for t in run.clone() {
            if t - run.start >= n {
                window.remove(x[t - n]);
            }
            window.insert(x[t]);
            if t - run.start + 1 >= n {
                out[t] = quantile_of_sorted(&window.sorted, p);
            }
        }
    }
    out
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

/// The values of a window in ascending order.
///
/// A step finds its place by bisection and moves the values between: for the windows that features have (up to
/// some thousands of bars) this one move of contiguous memory costs less than any tree or pair of heaps.
struct SortedWindow {
    sorted: Vec<f64>,
}

impl SortedWindow {
    fn with_capacity(n: usize) -> Self {
        Self { sorted: Vec::with_capacity(n) }
    }

    fn clear(&mut self) {
        self.sorted.clear();
    }

    /// Where `value` stands or would stand.
    fn place(&self, value: f64) -> usize {
        self.sorted.partition_point(|other| other.total_cmp(&value).is_lt())
    }

    fn insert(&mut self, value: f64) {
        let place = self.place(value);
        self.sorted.insert(place, value);
    }

    /// Removes a value that was inserted before.
    fn remove(&mut self, value: f64) {
        let place = self.place(value);
        self.sorted.remove(place);
    }
}
