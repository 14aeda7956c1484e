//! Functions of price and volume.

use super::divide;
use super::kernel::{Kernel, Of, Runs, Term, column, even, more};
use super::statistics::{Mean, Over, Total, over};

/// The state of on-balance volume: close, volume.
#[derive(Debug, Clone)]
pub(crate) struct Balance {
    /// Close of the bar before, and the balance.
    last: Option<(f64, f64)>,
}

impl Balance {
    #[inline(always)]
    fn next(before: f64, balance: f64, close: f64, volume: f64) -> f64 {
        // Which of the two is as good as random: a choice of numbers, not of branches.
        let signed = if close > before { volume } else { -volume };
        balance + if close == before { 0.0 } else { signed }
    }
}

impl Kernel<2> for Balance {
    #[inline]
    fn push(&mut self, [close, volume]: [f64; 2]) -> [f64; 1] {
        let balance = match self.last {
            None => volume,
            Some((before, balance)) => Self::next(before, balance, close, volume),
        };
        self.last = Some((close, balance));
        [balance]
    }

    fn restart(&mut self) {
        self.last = None;
    }

    fn fill(&mut self, columns: [&[f64]; 2], [output]: &mut [Vec<f64>; 1]) {
        let (rows, [close, volume]) = even(columns);
        let places = more(output, rows);
        if rows == 0 {
            return;
        }
        [places[0]] = self.push([close[0], volume[0]]);
        let mut balance = places[0];
        for row in 1..rows {
            balance = Self::next(close[row - 1], balance, close[row], volume[row]);
            places[row] = balance;
        }
        self.last = Some((close[rows - 1], balance));
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

/// What is traded at a bar and its volume: open, high, low, close, volume.
#[derive(Debug, Clone)]
pub(crate) struct Traded;

impl Term<5, 2> for Traded {
    #[inline(always)]
    fn next(&mut self, [open, high, low, close, volume]: [f64; 5]) -> [f64; 2] {
        [(open + high + low + close) / 4.0 * volume, volume]
    }

    fn restart(&mut self) {}
}

/// The state of a volume-weighted average: what is traded, volume.
#[derive(Debug, Clone)]
pub(crate) struct Vwap {
    traded: Over<Total, 1, 1>,
    volume: Over<Total, 1, 1>,
    /// The sums of volumes of many rows.
    volumes: Vec<f64>,
}

impl Kernel<2> for Vwap {
    #[inline]
    fn push(&mut self, [traded, volume]: [f64; 2]) -> [f64; 1] {
        // A null price makes the quotient null as well.
        let [traded] = self.traded.push([traded]);
        let [volume] = self.volume.push([volume]);
        [divide(traded, volume)]
    }

    fn restart(&mut self) {
        self.traded.restart();
        self.volume.restart();
    }

    fn fill(&mut self, [traded, volume]: [&[f64]; 2], outputs: &mut [Vec<f64>; 1]) {
        let filled = outputs[0].len();
        self.traded.fill([traded], outputs);
        let mut volumes = [std::mem::take(&mut self.volumes)];
        volumes[0].clear();
        self.volume.fill([volume], &mut volumes);
        for (traded, volume) in outputs[0][filled..].iter_mut().zip(&volumes[0]) {
            *traded = divide(*traded, *volume);
        }
        [self.volumes] = volumes;
    }
}

pub(crate) fn vwap_of(n: usize) -> Of<Traded, Vwap, 2> {
    Of::new(Traded, Vwap { traded: over(n), volume: over(n), volumes: Vec::new() })
}

/// Volume-weighted average price of n bars: the sum of typical price times volume over the sum of volume, with
/// typical = (open + high + low + close) / 4; null where no volume was traded. First value at n-1.
#[must_use]
pub fn vwap(open: &[f64], high: &[f64], low: &[f64], close: &[f64], volume: &[f64], n: usize) -> Vec<f64> {
    column(vwap_of(n), [open, high, low, close, volume])
}

/// Dollars traded at a bar: raw close, raw volume.
#[derive(Debug, Clone)]
pub(crate) struct Dollars;

impl Term<2, 1> for Dollars {
    #[inline(always)]
    fn next(&mut self, [raw_close, raw_volume]: [f64; 2]) -> [f64; 1] {
        [raw_close * raw_volume]
    }

    fn restart(&mut self) {}
}

pub(crate) fn dollar_volume_of(n: usize) -> Of<Dollars, Over<Mean, 1, 1>, 1> {
    Of::new(Dollars, over(n))
}

/// Dollar volume: the mean of price times volume over n bars, both raw. First value at n-1.
#[must_use]
pub fn dollar_volume(raw_close: &[f64], raw_volume: &[f64], n: usize) -> Vec<f64> {
    column(dollar_volume_of(n), [raw_close, raw_volume])
}
