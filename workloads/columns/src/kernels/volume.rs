//! Functions of price and volume.

use super::{divide, runs, statistics};

/// On-balance volume (TA-Lib `OBV`): starts with the first bar's volume; a higher close adds the bar's volume, a
/// lower one subtracts it.
#[must_use]
pub fn obv(close: &[f64], volume: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; close.len()];
    for run in runs([close, volume]) {
        let mut balance = volume[run.start];
        out[run.start] = balance;
        for t in run.start + 1..run.end {
            if close[t] > close[t - 1] {
                balance += volume[t];
            } else if close[t] < close[t - 1] {
                balance -= volume[t];
            }
            out[t] = balance;
        }
    }
    out
}

/// Volume-weighted average price of n bars: the sum of typical price times volume over the sum of volume, with
/// typical = (open + high + low + close) / 4; null where no volume was traded. First value at n-1.
#[must_use]
pub fn vwap(open: &[f64], high: &[f64], low: &[f64], close: &[f64], volume: &[f64], n: usize) -> Vec<f64> {
    let traded: Vec<f64> =
        (0..close.len()).map(|t| (open[t] + high[t] + low[t] + close[t]) / 4.0 * volume[t]).collect();
    // A null price must make the window of volumes null as well: the quotient does.
    let mut out = statistics::sum(&traded, n);
    for (value, volume) in out.iter_mut().zip(statistics::sum(volume, n)) {
        *value = divide(*value, volume);
    }
    out
}

/// Dollar volume: the mean of price times volume over n bars, both raw. First value at n-1.
#[must_use]
pub fn dollar_volume(raw_close: &[f64], raw_volume: &[f64], n: usize) -> Vec<f64> {
    let traded: Vec<f64> = raw_close.iter().zip(raw_volume).map(|(price, volume)| price * volume).collect();
    statistics::mean(&traded, n)
}
