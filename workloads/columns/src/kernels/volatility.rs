//! Volatility from ranges and returns, a bar, except that realised volatility is a year's.

use super::kernel::{Kernel, column};
use super::statistics::{Deviation, Mean, Over, Variance, over};
use super::{divide, ln, sqrt};

/// Sessions of a year, for realised volatility.
const SESSIONS_A_YEAR: f64 = 252.0;

fn squared_log(numerator: f64, denominator: f64) -> f64 {
    let log = ln(divide(numerator, denominator));
    log * log
}

/// Declares the root of the mean of a term of each bar.
macro_rules! root_mean {
    ($(#[$doc:meta])* $name:ident of $columns:literal, |$row:pat_param| $term:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(Over<Mean>);

        impl $name {
            pub(crate) fn new(n: usize) -> Self {
                Self(over(n))
            }
        }

        impl Kernel<$columns> for $name {
            #[inline]
            fn push(&mut self, $row: [f64; $columns]) -> [f64; 1] {
                let [mean] = self.0.push([$term]);
                [sqrt(mean)]
            }

            fn restart(&mut self) {
                Kernel::<1>::restart(&mut self.0);
            }
        }
    };
}

root_mean!(
    /// The state of Parkinson's estimator: high, low.
    Parkinson of 2,
    |[high, low]| squared_log(high, low) / (4.0 * std::f64::consts::LN_2)
);
root_mean!(
    /// The state of Garman and Klass's estimator: open, high, low, close.
    GarmanKlass of 4,
    |[open, high, low, close]| {
        0.5 * squared_log(high, low) - (2.0 * std::f64::consts::LN_2 - 1.0) * squared_log(close, open)
    }
);

/// Parkinson's estimator: sqrt(mean ln^2(H/L) / (4 ln 2)) over n bars. First value at n-1.
#[must_use]
pub fn parkinson(high: &[f64], low: &[f64], n: usize) -> Vec<f64> {
    column(Parkinson::new(n), [high, low])
}

/// Garman and Klass's estimator: sqrt(mean(0.5 ln^2(H/L) - (2 ln 2 - 1) ln^2(C/O))) over n bars; null where the
/// mean is negative. First value at n-1.
#[must_use]
pub fn garman_klass(open: &[f64], high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    column(GarmanKlass::new(n), [open, high, low, close])
}

/// The state of Yang and Zhang's variance: open, high, low, close.
#[derive(Debug, Clone)]
pub(crate) struct YangZhang {
    before: f64,
    overnight: Over<Variance>,
    session: Over<Variance>,
    rogers_satchell: Over<Mean>,
    k: f64,
}

impl Kernel<4> for YangZhang {
    #[inline]
    fn push(&mut self, [open, high, low, close]: [f64; 4]) -> [f64; 1] {
        let before = std::mem::replace(&mut self.before, close);
        let term =
            ln(divide(high, close)) * ln(divide(high, open)) + ln(divide(low, close)) * ln(divide(low, open));
        let [overnight] = self.overnight.push([ln(divide(open, before))]);
        let [session] = self.session.push([ln(divide(close, open))]);
        let [rogers_satchell] = self.rogers_satchell.push([term]);
        [overnight + self.k * session + (1.0 - self.k) * rogers_satchell]
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
        self.overnight.restart();
        self.session.restart();
        self.rogers_satchell.restart();
    }
}

pub(crate) fn yang_zhang_of(n: usize) -> YangZhang {
    let periods = n as f64;
    YangZhang {
        before: f64::NAN,
        // A sample variance of one value is null.
        overnight: over(n),
        session: over(n),
        rogers_satchell: over(n),
        k: 0.34 / (1.34 + (periods + 1.0) / (periods - 1.0)),
    }
}

/// Yang and Zhang's variance (2000) over n bars, `n` at least 2: var(ln O/C[-1]) + k var(ln C/O) + (1-k) RS, with
/// sample variances, k = 0.34/(1.34 + (n+1)/(n-1)), and RS the mean of Rogers and Satchell's term
/// ln(H/C) ln(H/O) + ln(L/C) ln(L/O). It is a variance: its root is the volatility. First value at n.
#[must_use]
pub fn yang_zhang(open: &[f64], high: &[f64], low: &[f64], close: &[f64], n: usize) -> Vec<f64> {
    column(yang_zhang_of(n), [open, high, low, close])
}

/// The state of realised volatility.
#[derive(Debug, Clone)]
pub(crate) struct Realized {
    before: f64,
    deviation: Over<Deviation>,
    scale: f64,
}

impl Kernel<1> for Realized {
    #[inline]
    fn push(&mut self, [close]: [f64; 1]) -> [f64; 1] {
        let before = std::mem::replace(&mut self.before, close);
        let [deviation] = self.deviation.push([ln(divide(close, before))]);
        [deviation * self.scale]
    }

    fn restart(&mut self) {
        self.before = f64::NAN;
        self.deviation.restart();
    }
}

pub(crate) fn realized_of(n: usize) -> Realized {
    Realized { before: f64::NAN, deviation: over(n), scale: sqrt(SESSIONS_A_YEAR) }
}

/// Realised volatility: the sample standard deviation of the last n log returns times sqrt(252). First value at n.
#[must_use]
pub fn realized_volatility(close: &[f64], n: usize) -> Vec<f64> {
    column(realized_of(n), [close])
}
