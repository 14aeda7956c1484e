//! Functions of price and volume.

use super::divide;
use super::kernel::{Kernel, Runs, column};
use super::statistics::{Mean, Over, Total, over};

/// The state of on-balance volume: close, volume.
#[derive(Debug, Clone)]
pub(crate) struct Balance {
    /// Close of the bar before, and the balance.
    last: Option<(f64, f64)>,
}

impl Kernel<2> for Balance {
    #[inline]
    fn push(&mut self, [close, volume]: [f64; 2]) -> [f64; 1] {
        let balance = match self.last {
            None => volume,
            Some((before, balance)) if close > before => balance + volume,
            Some((before, balance)) if close < before => balance - volume,
            Some((_, balance)) => balance,
        };
        self.last = Some((close, balance));
        [balance]
    }

    fn restart(&mut self) {
        self.last = None;
    }
}

pub(crate) fn obv_of() -> Runs<Balance> {
    Runs(Balance { last: None })
}

/// On-balance volume (TA-Lib `OBV`): starts with the first bar's volume; a higher close adds the bar's volume, a
/// lower one subtracts it.
#[must_use]
pub fn obv(close: &[f64], volume: &[f64]) -> Vec<f64> {
    column(obv_of(), [close, volume])
}

/// The state of a volume-weighted average: open, high, low, close, volume.
#[derive(Debug, Clone)]
pub(crate) struct Vwap {
    traded: Over<Total>,
    volume: Over<Total>,
}

impl Kernel<5> for Vwap {
    #[inline]
    fn push(&mut self, [open, high, low, close, volume]: [f64; 5]) -> [f64; 1] {
        // A null price makes the quotient null as well.
        let [traded] = self.traded.push([(open + high + low + close) / 4.0 * volume]);
        let [volume] = self.volume.push([volume]);
        [divide(traded, volume)]
    }

    fn restart(&mut self) {
        self.traded.restart();
        self.volume.restart();
    }
}

pub(crate) fn vwap_of(n: usize) -> Vwap {
    Vwap { traded: over(n), volume: over(n) }
}

/// Volume-weighted average price of n bars: the sum of typical price times volume over the sum of volume, with
/// typical = (open + high + low + close) / 4; null where no volume was traded. First value at n-1.
#[must_use]
pub fn vwap(open: &[f64], high: &[f64], low: &[f64], close: &[f64], volume: &[f64], n: usize) -> Vec<f64> {
    column(vwap_of(n), [open, high, low, close, volume])
}

/// The state of dollar volume: raw close, raw volume.
#[derive(Debug, Clone)]
pub(crate) struct DollarVolume(Over<Mean>);

impl Kernel<2> for DollarVolume {
    #[inline]
    fn push(&mut self, [raw_close, raw_volume]: [f64; 2]) -> [f64; 1] {
        self.0.push([raw_close * raw_volume])
    }

    fn restart(&mut self) {
        self.0.restart();
    }
}

pub(crate) fn dollar_volume_of(n: usize) -> DollarVolume {
    DollarVolume(over(n))
}

/// Dollar volume: the mean of price times volume over n bars, both raw. First value at n-1.
#[must_use]
pub fn dollar_volume(raw_close: &[f64], raw_volume: &[f64], n: usize) -> Vec<f64> {
    column(dollar_volume_of(n), [raw_close, raw_volume])
}
