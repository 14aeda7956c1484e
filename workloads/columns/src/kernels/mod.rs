//! The functions of the expression language: a [`kernel::Kernel`] each, and the same over plain vectors.
//!
//! Shapes: every function takes columns of one segment of one ticker's bars (no gap inside, see
//! [`crate::segments`]), all of one length, and returns a column of that length. A null is NaN, in and out. A
//! window that contains a null is null; recursive functions start anew after a null.
//!
//! The value at t is computed from values up to t by steps that do not know what follows, so cutting bars away
//! after t changes no bit of it. Windows are summed without ever subtracting a value that left them (see
//! [`sliding`]): nothing drifts, and a spike is forgotten completely when it leaves.

pub mod bands;
pub mod change;
pub mod cross;
pub(crate) mod kernel;
mod logarithm;
pub mod microstructure;
pub mod moving;
pub mod order;
pub mod pairs;
mod sliding;
mod smoothing;
pub mod statistics;
pub mod volatility;
pub mod volume;
pub mod wilder;

/// `numerator / denominator`, null when the denominator is 0 or either is null.
#[inline]
#[must_use]
pub(crate) fn divide(numerator: f64, denominator: f64) -> f64 {
    if denominator == 0.0 { f64::NAN } else { numerator / denominator }
}

pub(crate) use logarithm::ln;

/// The square root, null for negative numbers. IEEE 754 rounds it correctly on every machine.
#[inline]
#[must_use]
pub(crate) fn sqrt(x: f64) -> f64 {
    if x >= 0.0 { x.sqrt() } else { f64::NAN }
}
