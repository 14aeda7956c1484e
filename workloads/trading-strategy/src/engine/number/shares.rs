//! Quantities, whole or in parts.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Checked, MICROS, NumberError, Ratio, divide_nearest, fixed, narrow};

/// The least part of a share that is traded: what quantities are rounded down to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// A share.
    #[default]
    Whole,
    /// A millionth of a share.
    Millionth,
}

impl Unit {
    /// Millionths of a share in it.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        match self {
            Self::Whole => MICROS,
            Self::Millionth => 1,
        }
    }

    /// A quantity without what is less than one.
    #[must_use]
    pub const fn floor(self, quantity: Shares) -> Shares {
        Shares(quantity.0 - quantity.0 % self.millionths())
    }
}

/// A number of shares, below 0 for shares that are short, in millionths of a share (about 9.2 trillion shares).
///
/// Serialised as a whole number where it is one, as it was when there was nothing else, so that states and orders that
/// were saved then are read, and written alike; otherwise as a decimal string, as money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Shares(pub(super) i64);

impl Shares {
    /// None.
    pub const ZERO: Self = Self(0);
    /// More than any position has.
    pub const MAX: Self = Self(i64::MAX);

    /// From millionths.
    #[must_use]
    pub const fn from_millionths(count: i64) -> Self {
        Self(count)
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }

    /// From whole shares.
    pub fn from_whole(count: i64) -> Checked<Self> {
        count.checked_mul(MICROS).map(Self).ok_or(NumberError::Overflow { what: "a quantity" })
    }

    /// Whole shares, without the part of one that may be left.
    #[must_use]
    pub const fn whole(self) -> i64 {
        self.0 / MICROS
    }

    /// Nearest `f64`, exact below nine billion shares.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / MICROS as f64
    }

    pub(super) fn at_most(wide: i128) -> Self {
        Self(i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether they are short.
    #[must_use]
    pub const fn is_short(self) -> bool {
        self.0 < 0
    }

    /// Without their sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// With the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// Sum.
    pub fn plus(self, other: Self) -> Checked<Self> {
        self.0.checked_add(other.0).map(Self).ok_or(NumberError::Overflow { what: "a quantity" })
    }

    /// Difference.
    pub fn minus(self, other: Self) -> Checked<Self> {
        self.0.checked_sub(other.0).map(Self).ok_or(NumberError::Overflow { what: "a quantity" })
    }

    /// After a split, nearest millionth.
    pub fn scaled(self, ratio: Ratio) -> Checked<Self> {
        let wide =
            divide_nearest(i128::from(self.0) * i128::from(ratio.numerator), i128::from(ratio.denominator));
        narrow(wide, "shares after a split").map(Self)
    }
}

impl From<Shares> for Decimal {
    fn from(shares: Shares) -> Self {
        Self::new(shares.0, 6).normalize()
    }
}

impl TryFrom<Decimal> for Shares {
    type Error = NumberError;

    fn try_from(value: Decimal) -> Checked<Self> {
        fixed(value, MICROS, 6).map(Self)
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from(*self).fmt(f)
    }
}

impl Serialize for Shares {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % MICROS == 0 {
            serializer.serialize_i64(self.whole())
        } else {
            Serialize::serialize(&Decimal::from(*self), serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Shares {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Whole(i64),
            Part(Decimal),
        }
        match Form::deserialize(deserializer)? {
            Form::Whole(count) => Self::from_whole(count),
            Form::Part(value) => Self::try_from(value),
        }
        .map_err(serde::de::Error::custom)
    }
}
