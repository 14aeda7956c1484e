//! Functions across the active tickers of one date.
//!
//! Each takes one value a ticker, in the tickers' order, and gives one a ticker. Nulls (NaN) do not count and stay
//! null.

use crate::kernels::divide;
use crate::kernels::order::quantile_of_sorted;

/// Average rank over the number of values, in (0, 1]: the smallest of n distinct values has 1/n, the largest 1;
/// equal values share the mean of their ranks.
#[must_use]
pub fn rank(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).filter(|i| !values[*i].is_nan()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
    let mut ranks = vec![f64::NAN; values.len()];
    let count = order.len() as f64;
    let mut first = 0;
    while first < order.len() {
        let value = values[order[first]];
        let ties = order[first..].iter().take_while(|i| values[**i] == value).count();
        // Ranks first+1 ..= first+ties, counted from 1.
        let average = first as f64 + (ties as f64 + 1.0) / 2.0;
        for i in &order[first..first + ties] {
            ranks[*i] = average / count;
        }
        first += ties;
    }
    ranks
}

fn mean(values: &[f64]) -> (f64, f64) {
    let mut sum = 0.0;
    let mut count = 0.0;
    for value in values.iter().filter(|value| !value.is_nan()) {
        sum += value;
        count += 1.0;
    }
    (divide(sum, count), count)
}

/// The value less the mean.
#[must_use]
pub fn demean(values: &[f64]) -> Vec<f64> {
    let (mean, _) = mean(values);
    values.iter().map(|value| value - mean).collect()
}

/// The value less the mean, over the sample standard deviation; null where nothing varies, or for one value.
#[must_use]
pub fn zscore(values: &[f64]) -> Vec<f64> {
    let (mean, count) = mean(values);
    let squares: f64 =
        values.iter().filter(|value| !value.is_nan()).map(|value| (value - mean) * (value - mean)).sum();
    let deviation = divide(squares, count - 1.0).sqrt();
    values.iter().map(|value| divide(value - mean, deviation)).collect()
}

/// The value, clipped at the `p` and `1 - p` quantiles (linear), `p` in [0, 0.5).
#[must_use]
pub fn winsorize(values: &[f64], p: f64) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (quantile_of_sorted(&sorted, p), quantile_of_sorted(&sorted, 1.0 - p));
    values
        .iter()
        .map(|value| {
            if *value < low {
                low
            } else if *value > high {
                high
            } else {
                *value
            }
        })
        .collect()
}
