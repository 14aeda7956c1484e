//! Statistics of the last n bars. Deviations are of a sample (n-1).

use super::kernel::{Kernel, Runs, column, even, more};
use super::sliding::{Powers, Slide, Sum, Summary, Window, not_negative};
use super::{divide, sqrt};

/// The length of a window, and what is divided by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    /// The number of rows, n.
    pub(crate) n: f64,
    /// 1/n.
    pub(crate) inverse: f64,
    /// 1/(n-1), null for n = 1: what a sum of squares is multiplied by for a sample's variance.
    pub(crate) sample: f64,
}

impl Length {
    pub(crate) fn new(n: usize) -> Self {
        let n = n as f64;
        Self { n, inverse: 1.0 / n, sample: divide(1.0, n - 1.0) }
    }
}

/// What is made of a window of C columns, summarised to K numbers.
pub(crate) trait Statistic<const C: usize, const K: usize>: Send {
    /// The summary.
    type Of: Summary<C, K>;
    /// The shortest window for which it is defined; for shorter ones all is null.
    const LEAST: usize;
    /// The number.
    fn of(window: Window<C, K>, length: Length) -> f64;
}

/// Declares a statistic: a name, the summary with its numbers of columns and of sums, the shortest window, the number.
macro_rules! statistic {
    ($name:ident of $summary:ty[$columns:literal, $sums:literal], $least:literal, |$window:pat_param, $length:pat_param| $value:expr) => {
        #[derive(Debug, Clone)]
        pub(crate) struct $name;

        impl $crate::kernels::statistics::Statistic<$columns, $sums> for $name {
            type Of = $summary;
            const LEAST: usize = $least;

            #[inline(always)]
            fn of(
                $window: $crate::kernels::sliding::Window<$columns, $sums>,
                $length: $crate::kernels::statistics::Length,
            ) -> f64 {
                $value
            }
        }
    };
}
pub(crate) use statistic;

/// A statistic of the last n rows, none of which is null.
#[derive(Debug, Clone)]
pub(crate) struct Windowed<V: Statistic<C, K>, const C: usize, const K: usize> {
    slide: Slide<V::Of, C, K>,
    length: Length,
}

impl<V: Statistic<C, K>, const C: usize, const K: usize> Kernel<C> for Windowed<V, C, K> {
    #[inline]
    fn push(&mut self, row: [f64; C]) -> [f64; 1] {
        [self.slide.push(row).map_or(f64::NAN, |window| V::of(window, self.length))]
    }

    fn restart(&mut self) {
        self.slide.restart();
    }

    fn fill(&mut self, columns: [&[f64]; C], [output]: &mut [Vec<f64>; 1]) {
        let (rows, columns) = even(columns);
        let length = self.length;
        self.slide.fill(columns, [more(output, rows)], |window| [V::of(window, length)]);
    }
}

/// A statistic of the last n rows; null where one of them is.
pub(crate) type Over<V, const C: usize, const K: usize> = Runs<Windowed<V, C, K>>;

/// The kernel of a statistic.
pub(crate) fn over<V: Statistic<C, K>, const C: usize, const K: usize>(n: usize) -> Over<V, C, K> {
    Runs(Windowed { slide: Slide::new(if n < V::LEAST { 0 } else { n }), length: Length::new(n) })
}

/// The mean of deviations is added to the pivot, so that the mean of equal values is that value.
#[inline(always)]
pub(crate) fn mean_of<const K: usize>(window: &Window<1, K>, length: Length) -> f64 {
    window.pivot[0] + window.sums[0] * length.inverse
}

/// The sum of squared deviations from the mean.
#[inline(always)]
pub(crate) fn squares_of(window: &Window<1, 2>, length: Length) -> f64 {
    let [sum, squares] = window.sums;
    not_negative(squares - sum * sum * length.inverse)
}

statistic!(Total of Sum[1, 1], 1, |window, _| window.sums[0]);
statistic!(Mean of Powers[1, 1], 1, |window, length| mean_of(&window, length));
statistic!(Variance of Powers[1, 2], 1, |window, length| squares_of(&window, length) * length.sample);
statistic!(Deviation of Powers[1, 2], 1, |window, length| sqrt(Variance::of(window, length)));
statistic!(Skew of Powers[1, 3], 3, |window, length| {
    let [m1, m2, m3] = window.sums.map(|sum| sum * length.inverse);
    let variance = not_negative(m2 - m1 * m1);
    let g1 = divide(m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1, variance * sqrt(variance));
    let n = length.n;
    g1 * (sqrt(n * (n - 1.0)) / (n - 2.0))
});
statistic!(Kurtosis of Powers[1, 4], 4, |window, length| {
    let [m1, m2, m3, m4] = window.sums.map(|sum| sum * length.inverse);
    let square = m1 * m1;
    let variance = not_negative(m2 - square);
    let fourth = m4 - 4.0 * m1 * m3 + 6.0 * square * m2 - 3.0 * square * square;
    let g2 = divide(fourth, variance * variance) - 3.0;
    let n = length.n;
    (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * g2 + 6.0)
});

/// The sum of n bars. First value at n-1.
#[must_use]
pub fn sum(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Total, _, _>(n), [x])
}

/// The mean of n bars. First value at n-1.
#[must_use]
pub fn mean(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Mean, _, _>(n), [x])
}

/// The sample variance of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn var(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Variance, _, _>(n), [x])
}

/// The sample standard deviation of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn std(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Deviation, _, _>(n), [x])
}

/// The bias-corrected skewness G1 of n bars (Joanes and Gill 1998), null for n < 3 and where nothing varies.
/// First value at n-1.
#[must_use]
pub fn skew(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Skew, _, _>(n), [x])
}

/// The bias-corrected excess kurtosis G2 of n bars (Joanes and Gill 1998), null for n < 4 and where nothing
/// varies. First value at n-1.
#[must_use]
pub fn kurtosis(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Kurtosis, _, _>(n), [x])
}

/// A condition as a number: 1 where it held, 0 where it did not, null where that is not known.
#[inline]
#[must_use]
pub(crate) fn one_if(condition: Option<bool>) -> f64 {
    match condition {
        Some(true) => 1.0,
        Some(false) => 0.0,
        None => f64::NAN,
    }
}

/// How many of the last n bars the condition held on; null where it is null on one of them. First value at n-1.
#[must_use]
pub fn count(condition: &[Option<bool>], n: usize) -> Vec<f64> {
    let ones: Vec<f64> = condition.iter().map(|held| one_if(*held)).collect();
    sum(&ones, n)
}
