//! Volatility from ranges and returns, a bar, except that realised volatility is a year's.

use super::kernel::{Kernel, Of, Term, column, even, more};
use super::statistics::{Deviation, Mean, Over, Variance, over};
use super::{divide, ln, sqrt};

/// Sessions of a year, for realised volatility.
const SESSIONS_A_YEAR: f64 = 252.0;

#[inline(always)]
fn squared_log(numerator: f64, denominator: f64) -> f64 {
    let log = ln(divide(numerator, denominator));
    log * log
}

/// Declares a term that each bar has by itself.
macro_rules! bar_term {
    ($(#[$doc:meta])* $name:ident of $columns:literal, |$row:pat_param| $term:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name;

        impl Term<$columns, 1> for $name {
            #[inline(always)]
            fn next(&mut self, $row: [f64; $columns]) -> [f64; 1] {
                [$term]
            }

            fn restart(&mut self) {}
        }
    };
}

bar_term!(
    /// Parkinson's: high, low.
    Parkinson of 2,
    |[high, low]| squared_log(high, low) / (4.0 * std::f64::consts::LN_2)
);
bar_term!(
    /// Garman and Klass's: open, high, low, close.
    GarmanKlass of 4,
    |[open, high, low, close]| {
        0.5 * squared_log(high, low) - (2.0 * std::f64::consts::LN_2 - 1.0) * squared_log(close, open)
    }
);

/// A kernel times a number, or its root.
#[derive(Debug, Clone)]
pub(crate) struct Made<K> {
    kernel: K,
    make: Make,
}

#[derive(Debug, Clone, Copy)]
enum Make {
    Root,
    Scaled(f64),
}

impl Make {
    #[inline(always)]
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Root => sqrt(value),
            Self::Scaled(scale) => value * scale,
        }
    }
}

impl<K: Kernel<N>, const N: usize> Kernel<N> for Made<K> {
    #[inline]
    fn push(&mut self, row: [f64; N]) -> [f64; 1] {
        self.kernel.push(row).map(|value| self.make.of(value))
    }

    fn restart(&mut self) {
        self.kernel.restart();
    }

    fn fill(&mut self, columns: [&[f64]; N], outputs: &mut [Vec<f64>; 1]) {
        let filled = outputs[0].len();
        self.kernel.fill(columns, outputs);
        let values = &mut outputs[0][filled..];
        match self.make {
            Make::Root => values.iter_mut().for_each(|value| *value = sqrt(*value)),
            Make::Scaled(scale) => values.iter_mut().for_each(|value| *value *= scale),
        }
    }
}

/// The root of the mean of a term.
type RootMean<T> = Of<T, Made<Over<Mean, 1, 1>>, 1>;

fn root_mean<T>(term: T, n: usize) -> RootMean<T> {
    Of::new(term, Made { kernel: over(n), make: Make::Root })
}

pub(crate) fn parkinson_of(n: usize) -> RootMean<Parkinson> {
    root_mean(Parkinson, n)
}

pub(crate) fn garman_klass_of(n: usize) -> RootMean<GarmanKlass> {
    root_mean(GarmanKlass, n)
}

/// Parkinson's estimator: sqrt(mean ln^2(H/L) / (4 ln 2)) over n bars. First value at n-1.
#[must_use]
pub fn parkinson(high: &[f64], low: &[f64], n: usize) -> Vec<f64> {
    column(parkinson_of(n), [high, low])
}

/// Garman and Klass's estimator: sqrt(mean(0.5 ln^2(H/L) - (2 ln 2 - 1) ln^2(C/O))) over n bars; null where the
/// mean is negative. First value at n-1.
#[must_use]
pub fn garman_klass(open: &[f64], high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    column(garman_klass_of(n), [open, high, low, close])
}

/// The three terms of Yang and Zhang's variance: overnight, the session, Rogers and Satchell's.
#[derive(Debug, Clone)]
pub(crate) struct YangZhangTerms {
    before: f64,
}

impl Term<4, 3> for YangZhangTerms {
    #[inline(always)]
    fn next(&mut self, [open, high, low, close]: [f64; 4]) -> [f64; 3] {
        let before = std::mem::replace(&mut self.before, close);
        let session = ln(divide(close, open));
        // ln(H/O) is ln(H/C) + ln(C/O): two logarithms less.
        let (high, low) = (ln(divide(high, close)), ln(divide(low, close)));
        let rogers_satchell = high * (high + session) + low * (low + session);
        [ln(divide(open, before)), session, rogers_satchell]
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
    }
}

/// The state of Yang and Zhang's variance, of its terms.
#[derive(Debug, Clone)]
pub(crate) struct YangZhang {
    overnight: Over<Variance, 1, 2>,
    session: Over<Variance, 1, 2>,
    rogers_satchell: Over<Mean, 1, 1>,
    k: f64,
    /// The parts of many rows.
    parts: [Vec<f64>; 3],
}

impl YangZhang {
    #[inline(always)]
    fn sum(k: f64, [overnight, session, rogers_satchell]: [f64; 3]) -> f64 {
        overnight + k * session + (1.0 - k) * rogers_satchell
    }
}

impl Kernel<3> for YangZhang {
    #[inline]
    fn push(&mut self, [overnight, session, rogers_satchell]: [f64; 3]) -> [f64; 1] {
        let [overnight] = self.overnight.push([overnight]);
        let [session] = self.session.push([session]);
        let [rogers_satchell] = self.rogers_satchell.push([rogers_satchell]);
        [Self::sum(self.k, [overnight, session, rogers_satchell])]
    }

    fn restart(&mut self) {
        self.overnight.restart();
        self.session.restart();
        self.rogers_satchell.restart();
    }

    fn fill(&mut self, terms: [&[f64]; 3], [output]: &mut [Vec<f64>; 1]) {
        let (rows, [overnight, session, rogers_satchell]) = even(terms);
        let mut parts = std::mem::take(&mut self.parts).map(|mut part| {
            part.clear();
            [part]
        });
        self.overnight.fill([overnight], &mut parts[0]);
        self.session.fill([session], &mut parts[1]);
        self.rogers_satchell.fill([rogers_satchell], &mut parts[2]);
        let places = more(output, rows);
        let columns = parts.each_ref().map(|[part]| &part[..rows]);
        for row in 0..rows {
            places[row] = Self::sum(self.k, columns.map(|column| column[row]));
        }
        self.parts = parts.map(|[part]| part);
    }
}

pub(crate) fn yang_zhang_of(n: usize) -> Of<YangZhangTerms, YangZhang, 3> {
    let periods = n as f64;
    let variance = YangZhang {
        // A sample variance of one value is null.
        overnight: over(n),
        session: over(n),
        rogers_satchell: over(n),
        k: 0.34 / (1.34 + (periods + 1.0) / (periods - 1.0)),
        parts: Default::default(),
    };
    Of::new(YangZhangTerms { before: f64::NAN }, variance)
}

/// Yang and Zhang's variance (2000) over n bars, `n` at least 2: var(ln O/C[-1]) + k var(ln C/O) + (1-k) RS, with
/// sample variances, k = 0.34/(1.34 + (n+1)/(n-1)), and RS the mean of Rogers and Satchell's term
/// ln(H/C) ln(H/O) + ln(L/C) ln(L/O). It is a variance: its root is the volatility. First value at n.
#[must_use]
pub fn yang_zhang(open: &[f64], high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    column(yang_zhang_of(n), [open, high, low, close])
}

/// The logarithm of a bar's return: close.
#[derive(Debug, Clone)]
pub(crate) struct LogReturn {
    before: f64,
}

impl Term<1, 1> for LogReturn {
    #[inline(always)]
    fn next(&mut self, [close]: [f64; 1]) -> [f64; 1] {
        [ln(divide(close, std::mem::replace(&mut self.before, close)))]
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
    }
}

pub(crate) fn realized_of(n: usize) -> Of<LogReturn, Made<Over<Deviation, 1, 2>>, 1> {
    let make = Make::Scaled(sqrt(SESSIONS_A_YEAR));
    Of::new(LogReturn { before: f64::NAN }, Made { kernel: over(n), make })
}

/// Realised volatility: the sample standard deviation of the last n log returns times sqrt(252). First value at n.
#[must_use]
pub fn realized_volatility(close: &[f64], n: usize) -> Vec<f64> {
    column(realized_of(n), [close])
}
