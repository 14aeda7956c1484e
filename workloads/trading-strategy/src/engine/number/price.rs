//! Dollars a share.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    Checked, Fraction, MICROS, Money, NANOS, NumberError, Ratio, Rest, Shares, divide_nearest, fixed, narrow,
};

/// Dollars a share, not negative, in micro-dollars. Serialised as a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "Decimal", try_from = "Decimal")]
pub struct Price(pub(super) i64);

impl Price {
    /// From micro-dollars; a negative number becomes zero (a stop below zero can never be touched).
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < 0 { Self(0) } else { Self(micros) }
    }

    /// In micro-dollars.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Nearest `f64`, in dollars.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / MICROS as f64
    }

    /// From a file's number: positive, finite, at most a billion dollars; nearest micro-dollar.
    pub fn from_f64(value: f64) -> Checked<Self> {
        if !value.is_finite() || value <= 0.0 || value > 1e9 {
            return Err(NumberError::NotPositive { value: value.to_string(), what: "price" });
        }
        let micros = nearest(value * MICROS as f64);
        if micros < 1 {
            return Err(NumberError::NotPositive { value: value.to_string(), what: "price" });
        }
        Ok(Self(micros))
    }

    /// Value of a quantity, nearest micro-dollar: exact for whole shares. A negative quantity gives a negative value.
    pub fn value_of(self, quantity: Shares) -> Checked<Money> {
        // Most products fit into 64 bits, where a division costs less.
        if let Some(product) = self.0.checked_mul(quantity.0) {
            return Ok(Money(millionths(product)));
        }
        let wide = divide_nearest(i128::from(self.0) * i128::from(quantity.0), i128::from(MICROS));
        narrow(wide, "a value").map(Money)
    }

    /// Value of what a split left over, nearest micro-dollar.
    pub fn value_of_rest(self, rest: Rest) -> Checked<Money> {
        let whole = i128::from(rest.denominator.max(1)) * i128::from(MICROS);
        let wide = i128::from(self.0)
            .checked_mul(rest.count)
            .ok_or(NumberError::Overflow { what: "the value of a part of a share" })?;
        narrow(divide_nearest(wide, whole), "the value of a part of a share").map(Money)
    }

    /// The price plus a distance.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The price less a distance, not below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self::from_micros(self.0.saturating_sub(other.0))
    }

    /// The distance between two prices.
    #[must_use]
    pub const fn distance(self, other: Self) -> Self {
        Self(self.0.abs_diff(other.0) as i64)
    }

    /// Price times a fraction, nearest.
    pub fn times(self, fraction: Fraction) -> Checked<Self> {
        let wide = divide_nearest(i128::from(self.0) * i128::from(fraction.0), i128::from(NANOS));
        narrow(wide, "a fraction of a price").map(Self::from_micros)
    }

    /// Price times `1 + fraction`, rounded up.
    pub fn raised(self, fraction: Fraction) -> Checked<Self> {
        let wide = i128::from(self.0) * (i128::from(NANOS) + i128::from(fraction.0));
        narrow((wide + i128::from(NANOS) - 1) / i128::from(NANOS), "a price").map(Self)
    }

    /// Price times `1 - fraction`, rounded down, not below zero.
    pub fn lowered(self, fraction: Fraction) -> Checked<Self> {
        let wide = i128::from(self.0) * (i128::from(NANOS) - i128::from(fraction.0)).max(0);
        narrow(wide / i128::from(NANOS), "a price").map(Self)
    }

    /// The price in shares after a split, nearest.
    pub fn split(self, ratio: Ratio) -> Checked<Self> {
        let wide =
            divide_nearest(i128::from(self.0) * i128::from(ratio.denominator), i128::from(ratio.numerator));
        narrow(wide, "a price after a split").map(Self)
    }
}

impl From<Price> for Decimal {
    fn from(price: Price) -> Self {
        Self::new(price.0, 6).normalize()
    }
}

impl TryFrom<Decimal> for Price {
    type Error = NumberError;

    fn try_from(value: Decimal) -> Checked<Self> {
        if value.is_sign_negative() && !value.is_zero() {
            return Err(NumberError::NotPositive { value: value.to_string(), what: "price" });
        }
        fixed(value, MICROS, 6).map(Self)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from(*self).fmt(f)
    }
}

/// A product of two numbers in millionths, in millionths: nearest, ties away from zero.
fn millionths(product: i64) -> i64 {
    let (whole, rest) = (product / MICROS, product % MICROS);
    whole + i64::from(rest >= MICROS / 2) - i64::from(rest <= -MICROS / 2)
}

/// The nearest whole number, halves up, of one from 0 to 2^53: what [`f64::round`] gives, whose call costs more than
/// all else that is done to a price.
pub(super) fn nearest(value: f64) -> i64 {
    let whole = value as i64;
    // Exact: both are multiples of the last place of `value`.
    whole + i64::from(value - whole as f64 >= 0.5)
}
