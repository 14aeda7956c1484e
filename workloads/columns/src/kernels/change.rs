//! A value against an earlier one. Only the two bars count: a null between them does not matter.

use std::marker::PhantomData;

use super::divide;
use super::kernel::{Kernel, column};

/// What is made of a value and an earlier one.
pub(crate) trait Comparison: Send {
    /// The number.
    fn of(now: f64, before: f64) -> f64;
}

/// Declares a comparison.
macro_rules! comparison {
    ($name:ident, |$now:pat_param, $before:ident| $value:expr) => {
        #[derive(Debug, Clone)]
        pub(crate) struct $name;

        impl Comparison for $name {
            #[inline(always)]
            fn of($now: f64, $before: f64) -> f64 {
                $value
            }
        }
    };
}

comparison!(Delay, |_, before| before);
comparison!(Delta, |now, before| now - before);
comparison!(Returns, |now, before| divide(now, before) - 1.0);
comparison!(Roc, |now, before| (divide(now, before) - 1.0) * 100.0);

/// A comparison of a value with the one n bars before. First value at n.
#[derive(Debug, Clone)]
pub(crate) struct Against<C> {
    n: usize,
    /// The last n values; once there are as many, the oldest stands at `next`.
    kept: Vec<f64>,
    next: usize,
    comparison: PhantomData<C>,
}

impl<C: Comparison> Against<C> {
    /// `n` is at least 1.
    pub(crate) fn new(n: usize) -> Self {
        Self { n, kept: Vec::with_capacity(n), next: 0, comparison: PhantomData }
    }

    /// The value at the next bar.
    #[inline]
    pub(crate) fn next(&mut self, now: f64) -> f64 {
        if self.kept.len() < self.n {
            self.kept.push(now);
            return f64::NAN;
        }
        let Some(oldest) = self.kept.get_mut(self.next) else { return f64::NAN };
        let before = std::mem::replace(oldest, now);
        self.next = if self.next + 1 == self.n { 0 } else { self.next + 1 };
        C::of(now, before)
    }
}

impl<C: Comparison> Kernel<1> for Against<C> {
    #[inline]
    fn push(&mut self, [now]: [f64; 1]) -> [f64; 1] {
        [self.next(now)]
    }

    fn restart(&mut self) {
        self.kept.clear();
        self.next = 0;
    }

    /// The same as pushing each row: a column holds the earlier values itself.
    fn fill(&mut self, [x]: [&[f64]; 1], [output]: &mut [Vec<f64>; 1]) {
        let first = x.len().min(self.n);
        output.reserve(x.len());
        for now in &x[..first] {
            output.push(self.next(*now));
        }
        output.extend(x[first..].iter().zip(x).map(|(now, before)| C::of(*now, *before)));
        if x.len() > self.n {
            self.kept.clear();
            self.kept.extend_from_slice(&x[x.len() - self.n..]);
            self.next = 0;
        }
    }
}

/// The value n bars before. First value at n.
#[must_use]
pub fn delay(x: &[f64], n: usize) -> Vec<f64> {
    column(Against::<Delay>::new(n), [x])
}

/// x - x[-n]. First value at n.
#[must_use]
pub fn delta(x: &[f64], n: usize) -> Vec<f64> {
    column(Against::<Delta>::new(n), [x])
}

/// The simple return over n bars, x / x[-n] - 1; null where x[-n] is 0. First value at n.
#[must_use]
pub fn returns(x: &[f64], n: usize) -> Vec<f64> {
    column(Against::<Returns>::new(n), [x])
}

/// Rate of change over n bars in percent, (x / x[-n] - 1) * 100 (TA-Lib `ROC`); null where x[-n] is 0. First value
/// at n.
#[must_use]
pub fn roc(x: &[f64], n: usize) -> Vec<f64> {
    column(Against::<Roc>::new(n), [x])
}
