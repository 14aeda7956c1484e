//! Statistics of the last n bars. Deviations are of a sample (n-1).

use super::kernel::{Kernel, Runs, column, even, more};
use super::sliding::{Moments, Slide, Spread, Sum, Summary};
use super::{divide, sqrt};

/// What is made of the summary of a window.
pub(crate) trait Statistic: Send {
    /// The summary.
    type Of: Summary;
    /// The shortest window for which it is defined; for shorter ones all is null.
    const LEAST: usize;
    /// The number, given the window's length.
    fn of(window: Self::Of, n: f64) -> f64;
}

/// Declares a statistic: a name, the summary, the shortest window, the number.
macro_rules! statistic {
    ($name:ident of $summary:ty, $least:literal, |$window:pat_param, $n:pat_param| $value:expr) => {
        #[derive(Debug, Clone)]
        pub(crate) struct $name;

        impl $crate::kernels::statistics::Statistic for $name {
            type Of = $summary;
            const LEAST: usize = $least;

            #[inline]
            fn of($window: $summary, $n: f64) -> f64 {
                $value
            }
        }
    };
}
pub(crate) use statistic;

/// A statistic of the last n rows, none of which is null.
#[derive(Debug, Clone)]
pub(crate) struct Windowed<V: Statistic> {
    slide: Slide<V::Of>,
    n: f64,
}

impl<V: Statistic> Windowed<V> {
    #[inline(always)]
    fn next(&mut self, row: <V::Of as Summary>::Row) -> f64 {
        self.slide.push(row).map_or(f64::NAN, |window| V::of(window, self.n))
    }

    #[inline(always)]
    fn rows(&mut self, count: usize, row: impl Fn(usize) -> <V::Of as Summary>::Row, output: &mut Vec<f64>) {
        let (n, places) = (self.n, more(output, count));
        self.slide.fill(count, row, |place, window| {
            if let Some(window) = window {
                places[place] = V::of(window, n);
            }
        });
    }
}

impl<V: Statistic<Of: Summary<Row = f64>>> Kernel<1> for Windowed<V> {
    #[inline]
    fn push(&mut self, [x]: [f64; 1]) -> [f64; 1] {
        [self.next(x)]
    }

    fn restart(&mut self) {
        self.slide.restart();
    }

    fn fill(&mut self, [x]: [&[f64]; 1], [output]: &mut [Vec<f64>; 1]) {
        self.rows(x.len(), |row| x[row], output);
    }
}

impl<V: Statistic<Of: Summary<Row = [f64; 2]>>> Kernel<2> for Windowed<V> {
    #[inline]
    fn push(&mut self, row: [f64; 2]) -> [f64; 1] {
        [self.next(row)]
    }

    fn restart(&mut self) {
        self.slide.restart();
    }

    fn fill(&mut self, columns: [&[f64]; 2], [output]: &mut [Vec<f64>; 1]) {
        let (rows, [x, y]) = even(columns);
        self.rows(rows, |row| [x[row], y[row]], output);
    }
}

/// A statistic of the last n rows; null where one of them is.
pub(crate) type Over<V> = Runs<Windowed<V>>;

/// The kernel of a statistic.
pub(crate) fn over<V: Statistic>(n: usize) -> Over<V> {
    Runs(Windowed { slide: Slide::new(if n < V::LEAST { 0 } else { n }), n: n as f64 })
}

statistic!(Total of Sum, 1, |window, _| window.0);
statistic!(Mean of Sum, 1, |window, n| window.0 / n);
statistic!(Variance of Spread, 1, |window, n| divide(window.squares, n - 1.0));
statistic!(Deviation of Spread, 1, |window, n| sqrt(Variance::of(window, n)));
statistic!(Skew of Moments, 3, |m, n| {
    let variance = m.m2 / n;
    let g1 = divide(m.m3 / n, variance * sqrt(variance));
    g1 * sqrt(n * (n - 1.0)) / (n - 2.0)
});
statistic!(Kurtosis of Moments, 4, |m, n| {
    let variance = m.m2 / n;
    let g2 = divide(m.m4 / n, variance * variance) - 3.0;
    (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * g2 + 6.0)
});

/// The sum of n bars. First value at n-1.
#[must_use]
pub fn sum(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Total>(n), [x])
}

/// The mean of n bars. First value at n-1.
#[must_use]
pub fn mean(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Mean>(n), [x])
}

/// The sample variance of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn var(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Variance>(n), [x])
}

/// The sample standard deviation of n bars (null for n = 1). First value at n-1.
#[must_use]
pub fn std(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Deviation>(n), [x])
}

/// The bias-corrected skewness G1 of n bars (Joanes and Gill 1998), null for n < 3 and where nothing varies.
/// First value at n-1.
#[must_use]
pub fn skew(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Skew>(n), [x])
}

/// The bias-corrected excess kurtosis G2 of n bars (Joanes and Gill 1998), null for n < 4 and where nothing
/// varies. First value at n-1.
#[must_use]
pub fn kurtosis(x: &[f64], n: usize) -> Vec<f64> {
    column(over::<Kurtosis>(n), [x])
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
