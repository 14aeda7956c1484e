//! Bollinger bands and the stochastic oscillator.

use super::kernel::{Kernel, PIECE, Runs, columns, even, more};
use super::sliding::{Highest, Lowest, Powers, Slide, Window};
use super::sqrt;
use super::statistics::{Length, Mean, Over, mean_of, over, squares_of};

/// The three outputs of [`bollinger`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bollinger {
    /// Middle plus k deviations.
    pub upper: Vec<f64>,
    /// The simple moving average.
    pub middle: Vec<f64>,
    /// Middle minus k deviations.
    pub lower: Vec<f64>,
}

/// The state of Bollinger bands: upper, middle, lower.
#[derive(Debug, Clone)]
pub(crate) struct Bands {
    slide: Slide<Powers, 1, 2>,
    length: Length,
    k: f64,
}

impl Bands {
    #[inline(always)]
    fn of(window: &Window<1, 2>, length: Length, k: f64) -> [f64; 3] {
        let middle = mean_of(window, length);
        let width = k * sqrt(squares_of(window, length) * length.inverse);
        [middle + width, middle, middle - width]
    }
}

impl Kernel<1, 3> for Bands {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 3] {
        self.slide.push([x]).map_or([f64::NAN; 3], |window| Self::of(&window, self.length, self.k))
    }

    fn restart(&mut self) {
        self.slide.restart();
    }

    fn fill(&mut self, [x]: [&[f64]; 1], outputs: &mut [Vec<f64>; 3]) {
        let (length, k) = (self.length, self.k);
        let outputs = outputs.each_mut().map(|output| more(output, x.len()));
        self.slide.fill([x], outputs, |window| Self::of(&window, length, k));
    }
}

pub(crate) fn bollinger_of(n: usize, k: f64) -> Runs<Bands> {
    Runs(Bands { slide: Slide::new(n), length: Length::new(n), k })
}

/// Bollinger bands: mean of n bars, plus and minus `k` population standard deviations. First value at n-1.
/// (TA-Lib `BBANDS`.)
#[must_use]
pub fn bollinger(x: &[f64], n: usize, k: f64) -> Bollinger {
    let [upper, middle, lower] = columns(bollinger_of(n, k), [x]);
    Bollinger { upper, middle, lower }
}

/// The two outputs of [`stochastic`].
#[derive(Debug, Clone, PartialEq)]
pub struct Stochastic {
    /// The smoothed %K.
    pub k: Vec<f64>,
    /// %D: the average of %K.
    pub d: Vec<f64>,
}

/// The close's place in the range of the last bars, in percent; its rows have no nulls.
#[derive(Debug, Clone)]
struct Place {
    top: Slide<Highest, 1, 1>,
    bottom: Slide<Lowest, 1, 1>,
}

impl Place {
    #[inline(always)]
    fn of(top: f64, bottom: f64, close: f64) -> f64 {
        let range = top - bottom;
        if range == 0.0 { 0.0 } else { 100.0 * ((close - bottom) / range) }
    }
}

impl Kernel<3> for Place {
    #[inline]
    fn push(&mut self, [high, low, close]: [f64; 3]) -> [f64; 1] {
        let (Some(top), Some(bottom)) = (self.top.push([high]), self.bottom.push([low])) else {
            return [f64::NAN];
        };
        [Self::of(top.sums[0], bottom.sums[0], close)]
    }

    fn restart(&mut self) {
        self.top.restart();
        self.bottom.restart();
    }

    fn fill(&mut self, columns: [&[f64]; 3], [output]: &mut [Vec<f64>; 1]) {
        let (rows, columns) = even(columns);
        let places = more(output, rows);
        let mut tops = [f64::NAN; PIECE];
        let mut bottoms = [f64::NAN; PIECE];
        let mut at = 0;
        while at < rows {
            let end = rows.min(at + PIECE);
            let [high, low, close] = columns.map(|column| &column[at..end]);
            let (tops, bottoms) = (&mut tops[..end - at], &mut bottoms[..end - at]);
            self.top.fill([high], [&mut *tops], |window| window.sums);
            self.bottom.fill([low], [&mut *bottoms], |window| window.sums);
            // Where there is no window yet both are null, and so is what is made of them.
            for (((place, top), bottom), close) in
                places[at..end].iter_mut().zip(&*tops).zip(&*bottoms).zip(close)
            {
                *place = Self::of(*top, *bottom, *close);
            }
            at = end;
        }
    }
}

/// The state of a stochastic oscillator: %K, %D.
#[derive(Debug, Clone)]
pub(crate) struct Oscillator {
    fast: Runs<Place>,
    slow: Over<Mean, 1, 1>,
    average: Over<Mean, 1, 1>,
}

impl Kernel<3, 2> for Oscillator {
    #[inline]
    fn push(&mut self, row: [f64; 3]) -> [f64; 2] {
        let [k] = self.slow.push(self.fast.push(row));
        let [d] = self.average.push([k]);
        [if d.is_nan() { d } else { k }, d]
    }

    fn fill(&mut self, columns: [&[f64]; 3], outputs: &mut [Vec<f64>; 2]) {
        let (rows, columns) = even(columns);
        let filled = outputs.each_ref().map(Vec::len);
        let [ks, ds] = outputs;
        let mut fast = [Vec::with_capacity(PIECE)];
        let mut slow = [Vec::with_capacity(PIECE)];
        let mut average = [std::mem::take(ds)];
        let mut at = 0;
        while at < rows {
            let end = rows.min(at + PIECE);
            fast[0].clear();
            slow[0].clear();
            self.fast.fill(columns.map(|column| &column[at..end]), &mut fast);
            self.slow.fill([&fast[0]], &mut slow);
            self.average.fill([&slow[0]], &mut average);
            ks.extend_from_slice(&slow[0]);
            at = end;
        }
        [*ds] = average;
        for (k, d) in ks[filled[0]..].iter_mut().zip(&ds[filled[1]..]) {
            *k = if d.is_nan() { *d } else { *k };
        }
    }

    fn restart(&mut self) {
        self.fast.restart();
        self.slow.restart();
        self.average.restart();
    }
}

pub(crate) fn stochastic_of(k: usize, smooth: usize, d: usize) -> Oscillator {
    let fast = Runs(Place { top: Slide::new(k), bottom: Slide::new(k) });
    Oscillator { fast, slow: over(smooth), average: over(d) }
}

/// Stochastic oscillator (TA-Lib `STOCH` with simple averages): the close's place in the range of the last `k`
/// bars in percent (0 where the range is 0), averaged over `smooth` bars (%K) and again over `d` bars (%D). Both
/// start at k + smooth + d - 3.
#[must_use]
pub fn stochastic(high: &[f64], low: &[f64], close: &[f64], k: usize, smooth: usize, d: usize) -> Stochastic {
    let [k, d] = columns(stochastic_of(k, smooth, d), [high, low, close]);
    Stochastic { k, d }
}
