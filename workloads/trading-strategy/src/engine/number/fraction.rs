//! Weights and rates.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Checked, MICROS, NANOS, NumberError, Shares, Unit, fixed, narrow};

/// A ratio such as a weight or a rate, nine decimal places. Serialised as a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "Decimal", try_from = "Decimal")]
pub struct Fraction(pub(super) i64);

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole.
    pub const ONE: Self = Self(NANOS);

    /// From billionths.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// In billionths.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// From basis points (hundredths of a percent).
    pub fn from_basis_points(points: Decimal) -> Checked<Self> {
        fixed(points, NANOS / 10_000, 5).map(Self)
    }

    /// One less the fraction.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(NANOS - self.0)
    }

    /// With the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// The fraction divided by a count; a count of zero gives the fraction.
    #[must_use]
    pub fn divided(self, count: usize) -> Self {
        Self(self.0 / i64::try_from(count.max(1)).unwrap_or(i64::MAX))
    }

    /// Sum.
    pub fn plus(self, other: Self) -> Checked<Self> {
        self.0.checked_add(other.0).map(Self).ok_or(NumberError::Overflow { what: "a sum of fractions" })
    }

    /// The fraction over another one, toward zero; nothing over nothing or less is nothing.
    pub fn over(self, other: Self) -> Checked<Self> {
        if other.0 <= 0 {
            return Ok(Self::ZERO);
        }
        narrow(i128::from(self.0) * i128::from(NANOS) / i128::from(other.0), "a ratio of fractions").map(Self)
    }

    /// The fraction times `(part / volume)` squared, up to the next billionth; nothing of no volume. A part beyond
    /// the volume, which is in whole shares, counts as the volume.
    pub fn times_square_of(self, part: Shares, volume: i64) -> Checked<Self> {
        if volume <= 0 {
            return Ok(Self::ZERO);
        }
        let (whole, one) = (i128::from(volume) * i128::from(MICROS), i128::from(NANOS));
        let part = i128::from(part.0).clamp(0, whole);
        let share = (part * one + whole - 1) / whole;
        let wide = i128::from(self.0) * share * share;
        narrow((wide + one * one - 1) / (one * one), "a price impact").map(Self)
    }

    /// From a positive number such as a volatility, to the nearest billionth; none where it is not above 0 by then.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        let nanos = (value * NANOS as f64).round();
        (1.0..9e18).contains(&nanos).then_some(Self(nanos as i64))
    }

    /// From a number of either sign such as a weight, to the nearest billionth; none where it is not finite, or beyond
    /// nine billion.
    #[must_use]
    pub fn nearest(value: f64) -> Option<Self> {
        let nanos = (value * NANOS as f64).round();
        (nanos.abs() < 9e18).then_some(Self(nanos as i64))
    }

    /// The fraction of a volume in whole shares, down to the unit. What is more than any position can have is
    /// [`Shares::MAX`].
    #[must_use]
    pub fn of_volume(self, volume: i64, unit: Unit) -> Shares {
        let count = i128::from(volume) * i128::from(self.0) / i128::from(NANOS / MICROS * unit.millionths());
        Shares::at_most(count.saturating_mul(i128::from(unit.millionths())))
    }

    /// Nearest `f64`.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / NANOS as f64
    }
}

impl From<Fraction> for Decimal {
    fn from(fraction: Fraction) -> Self {
        Self::new(fraction.0, 9).normalize()
    }
}

impl TryFrom<Decimal> for Fraction {
    type Error = NumberError;

    fn try_from(value: Decimal) -> Checked<Self> {
        fixed(value, NANOS, 9).map(Self)
    }
}
