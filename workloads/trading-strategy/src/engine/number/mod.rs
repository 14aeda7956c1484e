//! Fixed-point numbers of the engine: exact, checked, equal on every machine.
//!
//! Money and prices are whole micro-dollars in an `i64` (about 9.2 trillion dollars), quantities whole millionths of a
//! share. Products that may not fit are taken in `i128` and checked on the way back. Rounding:
//!
//! | what | rounding |
//! |---|---|
//! | a price read from a file (`f64`) | nearest micro-dollar |
//! | a price with slippage | against the trader: a buy up, a sale down |
//! | a commission, a drawdown limit, an allocated cost | nearest, ties away from zero |
//! | the value of a part of a share | nearest, ties away from zero |
//! | a quantity | down, toward zero exposure, to the [`Unit`] |

mod fraction;
mod money;
mod price;
mod ratio;
mod shares;
#[cfg(test)]
mod tests;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

pub use fraction::Fraction;
pub use money::Money;
pub use price::Price;
pub use ratio::{Ratio, Rest};
pub use shares::{Shares, Unit};

/// Micro-dollars in a dollar, and millionths in a share.
pub const MICROS: i64 = 1_000_000;
/// Units of a [`Fraction`] in one.
pub const NANOS: i64 = 1_000_000_000;

/// A number that does not fit, or is finer than the engine's unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The result leaves the range of the fixed-point type.
    #[error("{what} is outside the range of the engine's fixed-point numbers")]
    Overflow {
        /// What was computed.
        what: &'static str,
    },
    /// A decimal has more digits than the unit can hold.
    #[error("{value} has more than {digits} decimal places")]
    TooFine {
        /// The decimal as given.
        value: Decimal,
        /// Places that the unit holds.
        digits: u32,
    },
    /// A price or a ratio that is not a positive finite number.
    #[error("{value} is not a positive finite {what}")]
    NotPositive {
        /// The number as given.
        value: String,
        /// What it was read as.
        what: &'static str,
    },
}

/// Result of a checked operation.
pub type Checked<T> = Result<T, NumberError>;

fn narrow(wide: i128, what: &'static str) -> Checked<i64> {
    i64::try_from(wide).map_err(|_| NumberError::Overflow { what })
}

/// `numerator / denominator`, nearest, ties away from zero. The denominator is positive.
pub(crate) fn divide_nearest(numerator: i128, denominator: i128) -> i128 {
    let half = denominator / 2;
    if numerator >= 0 { (numerator + half) / denominator } else { (numerator - half) / denominator }
}

fn fixed(value: Decimal, scale: i64, digits: u32) -> Checked<i64> {
    let scaled = value
        .checked_mul(Decimal::from(scale))
        .ok_or(NumberError::Overflow { what: "a decimal" })?
        .normalize();
    if scaled.scale() > 0 {
        return Err(NumberError::TooFine { value, digits });
    }
    scaled.to_i64().ok_or(NumberError::Overflow { what: "a decimal" })
}
