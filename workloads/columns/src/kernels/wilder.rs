//! Functions smoothed in Wilder's way: RSI, ATR, ADX.

use super::runs;

/// Relative strength index (TA-Lib `RSI`): Wilder's averages of gains and losses, seeded with the means of the
/// first n. First value at n. A window without any change gives 0.
#[must_use]
pub fn rsi(x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    if n == 0 {
        return out;
    }
    let periods = n as f64;
    for run in runs([x]) {
        let (mut gain, mut loss) = (0.0, 0.0);
        for t in run.start + 1..run.end {
            let change = x[t] - x[t - 1];
            let (up, down) = if change > 0.0 { (change, 0.0) } else { (0.0, -change) };
            let seen = t - run.start;
            if seen <= n {
                gain += up;
                loss += down;
                if seen < n {
                    continue;
                }
                gain /= periods;
                loss /= periods;
            } else {
                gain = (gain * (periods - 1.0) + up) / periods;
                loss = (loss * (periods - 1.0) + down) / periods;
            }
            let both = gain + loss;
            out[t] = if both == 0.0 { 0.0 } else { 100.0 * (gain / both) };
        }
    }
    out
}

/// The true range of a bar given the close before it.
fn true_range(high: f64, low: f64, close_before: f64) -> f64 {
    let range = high - low;
    let up = (high - close_before).abs();
    let down = (low - close_before).abs();
    range.max(up).max(down)
}

/// Average true range (TA-Lib `ATR`): true range from bar 1, seeded with its mean over bars 1..=n, then Wilder's
/// average. First value at n.
#[must_use]
pub fn atr(high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; close.len()];
    if n == 0 {
        return out;
    }
    let periods = n as f64;
    for run in runs([high, low, close]) {
        let mut average = 0.0;
        for t in run.start + 1..run.end {
            let range = true_range(high[t], low[t], close[t - 1]);
            let seen = t - run.start;
            if seen <= n {
                average += range;
                if seen < n {
                    continue;
                }
                average /= periods;
            } else {
                average = (average * (periods - 1.0) + range) / periods;
            }
            out[t] = average;
        }
    }
    out
}

/// Average directional index (TA-Lib `ADX`), `n` at least 2.
///
/// +DM, -DM and the true range are summed over the first n-1 bars, from then on each sum is S - S/n + x. DX from
/// bar n; the ADX starts at 2n-1 with the mean of DX over n..=2n-1 and is Wilder's average from then on. Where DX
/// is undefined (no range, or no movement) it counts 0 in the seed and leaves the average as it is afterwards.
#[must_use]
pub fn adx(high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; close.len()];
    if n < 2 {
        return out;
    }
    let periods = n as f64;
    for run in runs([high, low, close]) {
        let (mut plus, mut minus, mut range) = (0.0, 0.0, 0.0);
        let mut average = 0.0;
        for t in run.start + 1..run.end {
            let seen = t - run.start;
            if seen >= n {
                plus -= plus / periods;
                minus -= minus / periods;
                range -= range / periods;
            }
            let up = high[t] - high[t - 1];
            let down = low[t - 1] - low[t];
            if down > 0.0 && up < down {
                minus += down;
            } else if up > 0.0 && up > down {
                plus += up;
            }
            range += true_range(high[t], low[t], close[t - 1]);
            if seen < n {
                continue;
            }
            let index = directional_index(plus, minus, range);
            if seen < 2 * n {
                average += index.unwrap_or(0.0);
                if seen < 2 * n - 1 {
                    continue;
                }
                average /= periods;
            } else if let Some(index) = index {
                average = (average * (periods - 1.0) + index) / periods;
            }
            out[t] = average;
        }
    }
    out
}

/// DX in percent, when it is defined.
fn directional_index(plus: f64, minus: f64, range: f64) -> Option<f64> {
    if range == 0.0 {
        return None;
    }
    let (plus, minus) = (100.0 * (plus / range), 100.0 * (minus / range));
    let both = plus + minus;
    (both != 0.0).then(|| 100.0 * ((minus - plus).abs() / both))
}
