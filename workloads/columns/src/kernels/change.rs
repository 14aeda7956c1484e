//! A value against an earlier one. Only the two bars count: a null between them does not matter.

use super::divide;

fn against(x: &[f64], n: usize, value: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    for t in n..x.len() {
        out[t] = value(x[t], x[t - n]);
    }
    out
}

/// The value n bars before. First value at n.
#[must_use]
pub fn delay(x: &[f64], n: usize) -> Vec<f64> {
    against(x, n, |_, before| before)
}

/// x - x[-n]. First value at n.
#[must_use]
pub fn delta(x: &[f64], n: usize) -> Vec<f64> {
    against(x, n, |now, before| now - before)
}

/// The simple return over n bars, x / x[-n] - 1; null where x[-n] is 0. First value at n.
#[must_use]
pub fn returns(x: &[f64], n: usize) -> Vec<f64> {
    against(x, n, |now, before| divide(now, before) - 1.0)
}

/// Rate of change over n bars in percent, (x / x[-n] - 1) * 100 (TA-Lib `ROC`); null where x[-n] is 0. First value
/// at n.
#[must_use]
pub fn roc(x: &[f64], n: usize) -> Vec<f64> {
    against(x, n, |now, before| (divide(now, before) - 1.0) * 100.0)
}
