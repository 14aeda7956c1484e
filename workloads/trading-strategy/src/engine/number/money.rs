//! Amounts of dollars.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{
    Checked, Fraction, MICROS, NANOS, NumberError, Price, Shares, Unit, divide_nearest, fixed, narrow,
};

/// A signed amount of dollars, in micro-dollars. Serialised as a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "Decimal", try_from = "Decimal")]
pub struct Money(pub(super) i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// From micro-dollars.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In micro-dollars.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Nearest `f64`, in dollars; for statistics and charts only.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / MICROS as f64
    }

    /// Sum.
    pub fn plus(self, other: Self) -> Checked<Self> {
        self.0.checked_add(other.0).map(Self).ok_or(NumberError::Overflow { what: "a sum of money" })
    }

    /// Difference.
    pub fn minus(self, other: Self) -> Checked<Self> {
        self.0.checked_sub(other.0).map(Self).ok_or(NumberError::Overflow { what: "a difference of money" })
    }

    /// The amount of `part` of `whole` shares, nearest micro-dollar; `whole` is positive.
    pub fn part(self, part: Shares, whole: Shares) -> Checked<Self> {
        self.share(part.0, whole.0)
    }

    /// `part / whole` of the amount, nearest micro-dollar; `whole` is positive.
    pub fn share(self, part: i64, whole: i64) -> Checked<Self> {
        let wide = divide_nearest(i128::from(self.0) * i128::from(part), i128::from(whole.max(1)));
        narrow(wide, "a share of an amount").map(Self)
    }

    /// The amount times a fraction, nearest micro-dollar.
    pub fn times(self, fraction: Fraction) -> Checked<Self> {
        let wide = divide_nearest(i128::from(self.0) * i128::from(fraction.0), i128::from(NANOS));
        narrow(wide, "a fraction of an amount").map(Self)
    }

    /// How many shares of `price` the amount holds; none when it is not positive or the price is zero. What
    /// is more than any position can have is [`Shares::MAX`].
    #[must_use]
    pub fn shares_at(self, price: Price, unit: Unit) -> Shares {
        if self.0 <= 0 || price.0 <= 0 {
            return Shares::ZERO;
        }
        match unit {
            Unit::Whole => Shares((self.0 / price.0).saturating_mul(MICROS)),
            Unit::Millionth => Shares::at_most(i128::from(self.0) * i128::from(MICROS) / i128::from(price.0)),
        }
    }

    /// How many shares of `price` a fraction of the amount holds, exactly; none as in [`Money::shares_at`].
    pub fn shares_of_fraction(self, fraction: Fraction, price: Price, unit: Unit) -> Checked<Shares> {
        if self.0 <= 0 || price.0 <= 0 || fraction.0 <= 0 {
            return Ok(Shares::ZERO);
        }
        let amount = i128::from(self.0) * i128::from(fraction.0);
        let count = amount / (i128::from(NANOS / MICROS * unit.millionths()) * i128::from(price.0));
        narrow(count.saturating_mul(i128::from(unit.millionths())), "a quantity").map(Shares)
    }
}

impl From<Money> for Decimal {
    fn from(money: Money) -> Self {
        Self::new(money.0, 6).normalize()
    }
}

impl TryFrom<Decimal> for Money {
    type Error = NumberError;

    fn try_from(value: Decimal) -> Checked<Self> {
        fixed(value, MICROS, 6).map(Self)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from(*self).fmt(f)
    }
}
