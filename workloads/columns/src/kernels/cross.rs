//! Crossings of two columns.

use crate::kleene;

/// Whether a rose above b on this bar: a[-1] <= b[-1] and a > b, in Kleene's logic.
#[must_use]
pub fn cross_above(a: &[f64], b: &[f64]) -> Vec<Option<bool>> {
    crossing(a, b, |a, b| a <= b, |a, b| a > b)
}

/// Whether a fell below b on this bar: a[-1] >= b[-1] and a < b, in Kleene's logic.
#[must_use]
pub fn cross_below(a: &[f64], b: &[f64]) -> Vec<Option<bool>> {
    crossing(a, b, |a, b| a >= b, |a, b| a < b)
}

fn crossing(
    a: &[f64],
    b: &[f64],
    before: impl Fn(f64, f64) -> bool,
    now: impl Fn(f64, f64) -> bool,
) -> Vec<Option<bool>> {
    (0..a.len().min(b.len()))
        .map(|t| {
            let was = t.checked_sub(1).and_then(|s| kleene::compare(a[s], b[s], &before));
            kleene::and(was, kleene::compare(a[t], b[t], &now))
        })
        .collect()
}
