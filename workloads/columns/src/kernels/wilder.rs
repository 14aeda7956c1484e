//! Functions smoothed in Wilder's way: RSI, ATR, ADX.

use super::kernel::{Kernel, Runs, column};

/// The state of a relative strength index; its rows have no nulls.
#[derive(Debug, Clone)]
pub(crate) struct Rsi {
    n: usize,
    /// Rows so far.
    seen: usize,
    before: f64,
    gain: f64,
    loss: f64,
}

impl Kernel<1> for Rsi {
    #[inline]
    fn push(&mut self, [now]: [f64; 1]) -> [f64; 1] {
        let change = now - std::mem::replace(&mut self.before, now);
        if self.seen == 0 {
            (self.seen, self.gain, self.loss) = (1, 0.0, 0.0);
            return [f64::NAN];
        }
        let periods = self.n as f64;
        let (up, down) = if change > 0.0 { (change, 0.0) } else { (0.0, -change) };
        if self.seen > self.n {
            self.gain = (self.gain * (periods - 1.0) + up) / periods;
            self.loss = (self.loss * (periods - 1.0) + down) / periods;
        } else {
            self.gain += up;
            self.loss += down;
            self.seen += 1;
            if self.seen <= self.n {
                return [f64::NAN];
            }
            self.gain /= periods;
            self.loss /= periods;
        }
        let both = self.gain + self.loss;
        [if both == 0.0 { 0.0 } else { 100.0 * (self.gain / both) }]
    }

    fn restart(&mut self) {
        self.seen = 0;
    }
}

pub(crate) fn rsi_of(n: usize) -> Runs<Rsi> {
    Runs(Rsi { n, seen: 0, before: 0.0, gain: 0.0, loss: 0.0 })
}

/// Relative strength index (TA-Lib `RSI`): Wilder's averages of gains and losses, seeded with the means of the
/// first n (at least 1). First value at n. A window without any change gives 0.
#[must_use]
pub fn rsi(x: &[f64], n: usize) -> Vec<f64> {
    column(rsi_of(n), [x])
}

/// The true range of a bar given the close before it.
fn true_range(high: f64, low: f64, close_before: f64) -> f64 {
    let range = high - low;
    let up = (high - close_before).abs();
    let down = (low - close_before).abs();
    range.max(up).max(down)
}

/// The state of an average true range: high, low, close.
#[derive(Debug, Clone)]
pub(crate) struct Atr {
    n: usize,
    /// Rows so far.
    seen: usize,
    before: f64,
    average: f64,
}

impl Kernel<3> for Atr {
    #[inline]
    fn push(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let before = std::mem::replace(&mut self.before, close);
        if self.seen == 0 {
            (self.seen, self.average) = (1, 0.0);
            return [f64::NAN];
        }
        let periods = self.n as f64;
        let range = true_range(high, low, before);
        if self.seen > self.n {
            self.average = (self.average * (periods - 1.0) + range) / periods;
            return [self.average];
        }
        self.average += range;
        self.seen += 1;
        if self.seen <= self.n {
            return [f64::NAN];
        }
        self.average /= periods;
        [self.average]
    }

    fn restart(&mut self) {
        self.seen = 0;
    }
}

pub(crate) fn atr_of(n: usize) -> Runs<Atr> {
    Runs(Atr { n, seen: 0, before: 0.0, average: 0.0 })
}

/// Average true range (TA-Lib `ATR`): true range from bar 1, seeded with its mean over bars 1..=n (n at least 1),
/// then Wilder's average. First value at n.
#[must_use]
pub fn atr(high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    column(atr_of(n), [high, low, close])
}

/// The state of an average directional index: high, low, close.
#[derive(Debug, Clone)]
pub(crate) struct Adx {
    n: usize,
    /// Rows so far.
    seen: usize,
    before: [f64; 3],
    plus: f64,
    minus: f64,
    range: f64,
    average: f64,
}

impl Kernel<3> for Adx {
    #[inline]
    fn push(&mut self, row: [f64; 3]) -> [f64; 1] {
        let [high_before, low_before, close_before] = std::mem::replace(&mut self.before, row);
        let seen = self.seen;
        self.seen += 1;
        if seen == 0 {
            (self.plus, self.minus, self.range, self.average) = (0.0, 0.0, 0.0, 0.0);
            return [f64::NAN];
        }
        let [high, low, _] = row;
        let periods = self.n as f64;
        if seen >= self.n {
            self.plus -= self.plus / periods;
            self.minus -= self.minus / periods;
            self.range -= self.range / periods;
        }
        let up = high - high_before;
        let down = low_before - low;
        if down > 0.0 && up < down {
            self.minus += down;
        } else if up > 0.0 && up > down {
            self.plus += up;
        }
        self.range += true_range(high, low, close_before);
        if seen < self.n {
            return [f64::NAN];
        }
        let index = directional_index(self.plus, self.minus, self.range);
        if seen < 2 * self.n {
            self.average += index.unwrap_or(0.0);
            if seen < 2 * self.n - 1 {
                return [f64::NAN];
            }
            self.average /= periods;
        } else if let Some(index) = index {
            self.average = (self.average * (periods - 1.0) + index) / periods;
        }
        [self.average]
    }

    fn restart(&mut self) {
        self.seen = 0;
    }
}

pub(crate) fn adx_of(n: usize) -> Runs<Adx> {
    let (plus, minus, range, average) = (0.0, 0.0, 0.0, 0.0);
    Runs(Adx { n, seen: 0, before: [0.0; 3], plus, minus, range, average })
}

/// Average directional index (TA-Lib `ADX`), `n` at least 2.
///
/// +DM, -DM and the true range are summed over the first n-1 bars, from then on each sum is S - S/n + x. DX from
/// bar n; the ADX starts at 2n-1 with the mean of DX over n..=2n-1 and is Wilder's average from then on. Where DX
/// is undefined (no range, or no movement) it counts 0 in the seed and leaves the average as it is afterwards.
#[must_use]
pub fn adx(high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    column(adx_of(n), [high, low, close])
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
