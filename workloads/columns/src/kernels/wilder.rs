//! Functions smoothed in Wilder's way: RSI, ATR, ADX.

use super::kernel::{Kernel, Runs, column, even, more};
use super::smoothing::{GROUP, Smoothing};

/// The state of a relative strength index; its rows have no nulls.
#[derive(Debug, Clone)]
pub(crate) struct Rsi {
    before: f64,
    gain: Smoothing,
    loss: Smoothing,
}

impl Rsi {
    #[inline(always)]
    fn parts(change: f64) -> [f64; 2] {
        if change > 0.0 { [change, 0.0] } else { [0.0, -change] }
    }

    #[inline(always)]
    fn index(gain: f64, loss: f64) -> f64 {
        let both = gain + loss;
        if both == 0.0 { 0.0 } else { 100.0 * (gain / both) }
    }
}

impl Kernel<1> for Rsi {
    #[inline]
    fn push(&mut self, [now]: [f64; 1]) -> [f64; 1] {
        let change = now - std::mem::replace(&mut self.before, now);
        if change.is_nan() {
            // The first row.
            return [f64::NAN];
        }
        let [up, down] = Self::parts(change);
        let (gain, loss) = (self.gain.next(up), self.loss.next(down));
        [if self.gain.complete() { Self::index(gain, loss) } else { f64::NAN }]
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
        self.gain.restart();
        self.loss.restart();
    }

    fn fill(&mut self, [x]: [&[f64]; 1], [output]: &mut [Vec<f64>; 1]) {
        let places = more(output, x.len());
        let mut at = 0;
        while at < x.len() && (at == 0 || !self.gain.begins()) {
            [places[at]] = self.push([x[at]]);
            at += 1;
        }
        if at == x.len() {
            return;
        }
        let (groups, _) = places[at..].as_chunks_mut::<GROUP>();
        let (mut gain, mut loss) = (self.gain, self.loss);
        let end = at + GROUP * groups.len();
        for (place, x) in groups.iter_mut().zip(x[at - 1..].windows(GROUP + 1).step_by(GROUP)) {
            let parts: [[f64; 2]; GROUP] = std::array::from_fn(|row| Self::parts(x[row + 1] - x[row]));
            let (gains, losses) =
                (gain.group(parts.map(|[up, _]| up)), loss.group(parts.map(|[_, down]| down)));
            *place = std::array::from_fn(|row| Self::index(gains[row], losses[row]));
        }
        (self.gain, self.loss) = (gain, loss);
        self.before = x[end - 1];
        for at in end..x.len() {
            [places[at]] = self.push([x[at]]);
        }
    }
}

pub(crate) fn rsi_of(n: usize) -> Runs<Rsi> {
    Runs(Rsi { before: f64::NAN, gain: Smoothing::wilder(n), loss: Smoothing::wilder(n) })
}

/// Relative strength index (TA-Lib `RSI`): Wilder's averages of gains and losses, seeded with the means of the
/// first n (at least 1). First value at n. A window without any change gives 0.
#[must_use]
pub fn rsi(x: &[f64], n: usize) -> Vec<f64> {
    column(rsi_of(n), [x])
}

/// The true range of a bar given the close before it; none of them is null.
#[inline(always)]
fn true_range(high: f64, low: f64, close_before: f64) -> f64 {
    let greater = |a: f64, b: f64| if a > b { a } else { b };
    greater(greater(high - low, (high - close_before).abs()), (low - close_before).abs())
}

/// The state of an average true range: high, low, close.
#[derive(Debug, Clone)]
pub(crate) struct Atr {
    before: f64,
    average: Smoothing,
}

impl Kernel<3> for Atr {
    #[inline]
    fn push(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let before = std::mem::replace(&mut self.before, close);
        if before.is_nan() {
            return [f64::NAN];
        }
        [self.average.next(true_range(high, low, before))]
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
        self.average.restart();
    }

    fn fill(&mut self, columns: [&[f64]; 3], [output]: &mut [Vec<f64>; 1]) {
        let (rows, [high, low, close]) = even(columns);
        let places = more(output, rows);
        let mut at = 0;
        while at < rows && (at == 0 || !self.average.complete()) {
            [places[at]] = self.push([high[at], low[at], close[at]]);
            at += 1;
        }
        if at == rows {
            return;
        }
        let places = &mut places[at..];
        for (place, ((high, low), before)) in
            places.iter_mut().zip(high[at..].iter().zip(&low[at..]).zip(&close[at - 1..]))
        {
            *place = true_range(*high, *low, *before);
        }
        self.average.run(places);
        self.before = close[rows - 1];
    }
}

pub(crate) fn atr_of(n: usize) -> Runs<Atr> {
    Runs(Atr { before: f64::NAN, average: Smoothing::wilder(n) })
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
    /// High, low and close of the row before.
    before: [f64; 3],
    movement: Movement,
    index: Smoothing,
    /// The value at the row before.
    last: f64,
}

/// Sums of movements up and down and of ranges.
#[derive(Debug, Clone, Copy)]
struct Movement {
    n: usize,
    inverse: f64,
    /// Changes so far, counted up to n.
    seen: usize,
    plus: f64,
    minus: f64,
    range: f64,
}

impl Movement {
    /// Adds a change, and takes off a part once n - 1 are there.
    #[inline(always)]
    fn next(&mut self, keep: bool, [high, low, before]: [f64; 3], [high_before, low_before]: [f64; 2]) {
        let up = high - high_before;
        let down = low_before - low;
        let plus = if up > 0.0 && up > down { up } else { 0.0 };
        let minus = if down > 0.0 && up < down { down } else { 0.0 };
        let range = true_range(high, low, before);
        let part = if keep { 0.0 } else { self.inverse };
        self.plus += plus - self.plus * part;
        self.minus += minus - self.minus * part;
        self.range += range - self.range * part;
    }

    /// DX in percent. The range, by which both lines are divided, cancels, but where there is none DX is undefined.
    #[inline(always)]
    fn index(&self) -> Option<f64> {
        let both = self.plus + self.minus;
        (self.range != 0.0 && both != 0.0).then(|| 100.0 * ((self.minus - self.plus).abs() / both))
    }
}

impl Kernel<3> for Adx {
    #[inline]
    fn push(&mut self, row: [f64; 3]) -> [f64; 1] {
        let [high, low, close] = std::mem::replace(&mut self.before, row);
        if close.is_nan() {
            return [f64::NAN];
        }
        let movement = &mut self.movement;
        movement.next(movement.seen + 1 < movement.n, [row[0], row[1], close], [high, low]);
        movement.seen = movement.n.min(movement.seen + 1);
        if movement.seen < movement.n {
            return [f64::NAN];
        }
        self.last = match movement.index() {
            Some(index) => self.index.next(index),
            None if self.index.complete() => self.last,
            None => self.index.next(0.0),
        };
        [self.last]
    }

    fn restart(&mut self) {
        self.before = [f64::NAN; 3];
        (self.movement.seen, self.movement.plus, self.movement.minus, self.movement.range) =
            (0, 0.0, 0.0, 0.0);
        self.index.restart();
    }

    fn fill(&mut self, columns: [&[f64]; 3], [output]: &mut [Vec<f64>; 1]) {
        let (rows, [high, low, close]) = even(columns);
        let places = more(output, rows);
        let mut at = 0;
        while at < rows && (at == 0 || !self.index.complete()) {
            [places[at]] = self.push([high[at], low[at], close[at]]);
            at += 1;
        }
        if at == rows {
            return;
        }
        let (mut movement, mut average, mut last) = (self.movement, self.index, self.last);
        let bars = high[at..].iter().zip(&low[at..]);
        let previous = high[at - 1..].iter().zip(&low[at - 1..]).zip(&close[at - 1..]);
        for (place, (bar, before)) in places[at..].iter_mut().zip(bars.zip(previous)) {
            let ((high, low), ((high_before, low_before), close)) = (bar, before);
            movement.next(false, [*high, *low, *close], [*high_before, *low_before]);
            if let Some(index) = movement.index() {
                last = average.next(index);
            }
            *place = last;
        }
        (self.movement, self.index, self.last) = (movement, average, last);
        self.before = [high[rows - 1], low[rows - 1], close[rows - 1]];
    }
}

pub(crate) fn adx_of(n: usize) -> Runs<Adx> {
    let movement = Movement { n, inverse: 1.0 / n as f64, seen: 0, plus: 0.0, minus: 0.0, range: 0.0 };
    Runs(Adx { before: [f64::NAN; 3], movement, index: Smoothing::wilder(n), last: f64::NAN })
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
