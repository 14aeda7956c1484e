//! Functions of the current values: what columns and streams apply to each row.

use ats_calendar::Session;
use ats_expression::{Arithmetic, Calendar, Compare, Extreme, Map};

use crate::kernels::{divide, ln, sqrt};
use crate::kleene;

/// What is not finite is null.
#[inline]
pub(crate) fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

#[inline]
pub(crate) fn arithmetic(operator: Arithmetic, a: f64, b: f64) -> f64 {
    match operator {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => divide(a, b),
    }
}

#[inline]
pub(crate) fn map(function: Map, x: f64) -> f64 {
    match function {
        Map::Log => ln(x),
        Map::Exp => libm::exp(x),
        Map::Abs => x.abs(),
        Map::Sign => sign(x),
        Map::Sqrt => sqrt(x),
    }
}

#[inline]
pub(crate) fn extreme(function: Extreme, a: f64, b: f64) -> f64 {
    match function {
        Extreme::Min => lesser(a, b),
        Extreme::Max => greater(a, b),
    }
}

/// The value, not above `high` and then not below `low`.
#[inline]
pub(crate) fn clip(x: f64, low: f64, high: f64) -> f64 {
    greater(low, finite(lesser(x, high)))
}

#[inline]
pub(crate) fn choose(condition: Option<bool>, then: f64, otherwise: f64) -> f64 {
    // Chosen, not branched on: a condition may be anything at the next row.
    let chosen = if condition == Some(true) { then } else { otherwise };
    if condition.is_none() { f64::NAN } else { chosen }
}

#[inline]
pub(crate) fn choose_boolean(
    condition: Option<bool>,
    then: Option<bool>,
    otherwise: Option<bool>,
) -> Option<bool> {
    if condition? { then } else { otherwise }
}

#[inline]
pub(crate) fn compare(operator: Compare, a: f64, b: f64) -> Option<bool> {
    match operator {
        Compare::Less => kleene::compare(a, b, |a, b| a < b),
        Compare::LessOrEqual => kleene::compare(a, b, |a, b| a <= b),
        Compare::Greater => kleene::compare(a, b, |a, b| a > b),
        Compare::GreaterOrEqual => kleene::compare(a, b, |a, b| a >= b),
        Compare::Equal => kleene::compare(a, b, |a, b| a == b),
        Compare::NotEqual => kleene::compare(a, b, |a, b| a != b),
    }
}

pub(crate) fn calendar(part: Calendar, session: Session) -> f64 {
    let date = session.date();
    match part {
        Calendar::DayOfWeek => f64::from(date.weekday().to_monday_one_offset()),
        Calendar::Month => f64::from(date.month()),
    }
}

/// -1, 0 or 1; null stays null.
#[inline]
fn sign(x: f64) -> f64 {
    let sign = f64::from(x > 0.0) - f64::from(x < 0.0);
    if x.is_nan() { x } else { sign }
}

/// The lesser, null if either is null (unlike `f64::min`).
#[inline]
fn lesser(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if b < a {
        b
    } else {
        a
    }
}

/// The greater, null if either is null (unlike `f64::max`).
#[inline]
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if b > a {
        b
    } else {
        a
    }
}
