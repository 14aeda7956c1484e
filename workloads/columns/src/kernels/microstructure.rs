//! Estimates of trading costs from bars.

use super::{change, divide, pairs, sqrt, statistics};

/// Roll's spread (1984): 2 sqrt(-cov(dP, dP[-1])) over n pairs of price changes, with the sample covariance; 0
/// where it is positive. First value at n+1.
#[must_use]
pub fn roll_spread(close: &[f64], n: usize) -> Vec<f64> {
    let changes = change::delta(close, 1);
    let before = change::delay(&changes, 1);
    let mut out = pairs::covariance(&changes, &before, n);
    for value in &mut out {
        *value = if *value > 0.0 { 0.0 } else { 2.0 * sqrt(-*value) };
    }
    out
}

/// Amihud's illiquidity (2002): the mean over n bars of |return| / (price x volume), null where nothing was traded
/// on one of them. The return is that of `close` (adjusted, so that a split is no loss), price and volume are raw.
/// First value at n.
#[must_use]
pub fn amihud(close: &[f64], raw_close: &[f64], raw_volume: &[f64], n: usize) -> Vec<f64> {
    let mut terms = change::returns(close, 1);
    for (t, term) in terms.iter_mut().enumerate() {
        *term = divide(term.abs(), raw_close[t] * raw_volume[t]);
    }
    statistics::mean(&terms, n)
}
