//! Columns while and after they are computed.

use std::borrow::Cow;
use std::iter::repeat_n;
use std::sync::Arc;

use super::{memory, scalar};

/// The values of an expression: one for each bar.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers; null is NaN, and every other value is finite.
    Number(Arc<Vec<f64>>),
    /// Booleans of Kleene's logic, one byte each; null is `None`.
    Boolean(Arc<Vec<Option<bool>>>),
}

impl Column {
    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as a file stores them: numbers as they are, true as 1, false as 0, null as NaN.
    #[must_use]
    pub fn to_floats(&self) -> Arc<Vec<f64>> {
        match self {
            Self::Number(values) => Arc::clone(values),
            Self::Boolean(values) => Arc::new(
                values
                    .iter()
                    .map(|value| match value {
                        Some(true) => 1.0,
                        Some(false) => 0.0,
                        None => f64::NAN,
                    })
                    .collect(),
            ),
        }
    }

    /// A boolean column from its stored form: 0 is false, NaN is null, any other number is true.
    #[must_use]
    pub fn boolean_from_floats(values: &[f64]) -> Self {
        let boolean = |value: &f64| if value.is_nan() { None } else { Some(*value != 0.0) };
        Self::Boolean(Arc::new(values.iter().map(boolean).collect()))
    }
}

/// Numbers on their way through an expression; copied only where a function makes new ones.
#[derive(Debug, Clone)]
pub(super) enum Values<'i> {
    /// The same number at every bar.
    Constant(f64),
    /// A column of the inputs.
    Borrowed(&'i [f64]),
    /// A computed column: finite or null.
    Shared(Arc<Vec<f64>>),
}

impl Values<'_> {
    pub(super) fn into_column(self, rows: usize) -> Arc<Vec<f64>> {
        match self {
            Self::Constant(value) => Arc::new(memory::column(repeat_n(value, rows))),
            Self::Borrowed(values) => Arc::new(values.to_vec()),
            Self::Shared(values) => values,
        }
    }

    /// The values as a slice; a constant is written out.
    pub(super) fn spread(&self, rows: usize) -> Cow<'_, [f64]> {
        match self {
            Self::Constant(value) => Cow::Owned(memory::column(repeat_n(*value, rows))),
            Self::Borrowed(values) => Cow::Borrowed(values),
            Self::Shared(values) => Cow::Borrowed(values),
        }
    }

    fn as_operand(&self) -> Operand<'_> {
        match self {
            Self::Constant(value) => Operand::Constant(*value),
            Self::Borrowed(values) => Operand::Slice(values),
            Self::Shared(values) => Operand::Slice(values),
        }
    }
}

enum Operand<'a> {
    Constant(f64),
    Slice(&'a [f64]),
}

/// `f` of each value.
pub(super) fn map<R>(a: &Values<'_>, rows: usize, f: impl Fn(f64) -> R) -> Vec<R> {
    match a.as_operand() {
        Operand::Constant(a) => memory::column((0..rows).map(|_| f(a))),
        Operand::Slice(a) => memory::column(a.iter().map(|a| f(*a))),
    }
}

/// `f` of each pair of values; constants are not spread out.
pub(super) fn zip<R>(a: &Values<'_>, b: &Values<'_>, rows: usize, f: impl Fn(f64, f64) -> R) -> Vec<R> {
    match (a.as_operand(), b.as_operand()) {
        (Operand::Constant(a), Operand::Constant(b)) => memory::column((0..rows).map(|_| f(a, b))),
        (Operand::Constant(a), Operand::Slice(b)) => memory::column(b.iter().map(|b| f(a, *b))),
        (Operand::Slice(a), Operand::Constant(b)) => memory::column(a.iter().map(|a| f(*a, b))),
        (Operand::Slice(a), Operand::Slice(b)) => memory::column(a.iter().zip(b).map(|(a, b)| f(*a, *b))),
    }
}

/// The numbers that `f` makes of each value; what is not finite is null.
pub(super) fn map_numbers(a: &Values<'_>, rows: usize, f: impl Fn(f64) -> f64) -> Vec<f64> {
    map(a, rows, |a| scalar::finite(f(a)))
}

/// The numbers that `f` makes of each pair of values; what is not finite is null.
pub(super) fn zip_numbers(
    a: &Values<'_>,
    b: &Values<'_>,
    rows: usize,
    f: impl Fn(f64, f64) -> f64,
) -> Vec<f64> {
    zip(a, b, rows, |a, b| scalar::finite(f(a, b)))
}
