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

use std::fmt;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// A product of two numbers in millionths, in millionths: nearest, ties away from zero.
fn millionths(product: i64) -> i64 {
    let (whole, rest) = (product / MICROS, product % MICROS);
    whole + i64::from(rest >= MICROS / 2) - i64::from(rest <= -MICROS / 2)
}

/// The nearest whole number, halves up, of one from 0 to 2^53: what [`f64::round`] gives, whose call costs more than
/// all else that is done to a price.
fn nearest(value: f64) -> i64 {
    let whole = value as i64;
    // Exact: both are multiples of the last place of `value`.
    whole + i64::from(value - whole as f64 >= 0.5)
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

/// A signed amount of dollars, in micro-dollars. Serialised as a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "Decimal", try_from = "Decimal")]
pub struct Money(i64);

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

/// Dollars a share, not negative, in micro-dollars. Serialised as a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "Decimal", try_from = "Decimal")]
pub struct Price(i64);

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

/// A ratio such as a weight or a rate, nine decimal places. Serialised as a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "Decimal", try_from = "Decimal")]
pub struct Fraction(i64);

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
pub struct Shares(i64);

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

    fn at_most(wide: i128) -> Self {
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

/// What a split leaves over, less than a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How many `1 / denominator` of a millionth of a share.
    count: i128,
    denominator: i64,
}

/// New shares for each old one, as a ratio of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    numerator: i64,
    denominator: i64,
}

impl Ratio {
    /// From a file's number. The simplest fraction within 1e-9 of it with a denominator up to 10,000 is taken,
    /// so that 0.333333333 is one for three; otherwise nine decimal places.
    pub fn from_f64(value: f64) -> Checked<Self> {
        if !value.is_finite() || !(1e-6..=1e6).contains(&value) {
            return Err(NumberError::NotPositive { value: value.to_string(), what: "split ratio" });
        }
        // Continued fraction: (h, k) and (h1, k1) are the last two convergents.
        let (mut h1, mut k1, mut h, mut k) = (0_i64, 1_i64, 1_i64, 0_i64);
        let mut rest = value;
        for _ in 0..16 {
            let whole = rest.floor();
            let term = whole as i64;
            let (next_h, next_k) =
                (term.saturating_mul(h).saturating_add(h1), term.saturating_mul(k).saturating_add(k1));
            if next_k > 10_000 {
                break;
            }
            (h1, k1, h, k) = (h, k, next_h, next_k);
            if (h as f64 / k as f64 - value).abs() <= 1e-9 * value {
                return Ok(Self { numerator: h, denominator: k });
            }
            let part = rest - whole;
            if part <= f64::EPSILON {
                break;
            }
            rest = 1.0 / part;
        }
        Ok(Self { numerator: (value * NANOS as f64).round() as i64, denominator: NANOS })
    }

    /// Shares after the split, toward zero, and what is left over.
    pub fn shares(self, quantity: Shares, unit: Unit) -> Checked<(Shares, Rest)> {
        let wide = i128::from(quantity.0) * i128::from(self.numerator);
        let step = i128::from(self.denominator) * i128::from(unit.millionths());
        let shares = narrow(wide / step * i128::from(unit.millionths()), "shares after a split")?;
        Ok((Shares(shares), Rest { count: wide % step, denominator: self.denominator }))
    }

    /// Nearest `f64`.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn whole(count: i64) -> Shares {
        Shares::from_whole(count).unwrap()
    }

    /// | | shares | value at $0.333333 |
    /// |---|---|---|
    /// | three | 3 | 0.999999 |
    /// | a half | 0.5 | 0.1666665, so 0.166667 |
    /// | a half, short | -0.5 | -0.166667 |
    /// | a millionth | 0.000001 | 0.000000333333, so 0 |
    #[test]
    fn values_are_rounded_to_the_nearest_micro_dollar() {
        let price = Price::from_f64(0.333_333).unwrap();
        for (shares, value) in [("3", 999_999), ("0.5", 166_667), ("-0.5", -166_667), ("0.000001", 0)] {
            let shares = Shares::try_from(decimal(shares)).unwrap();
            assert_eq!(price.value_of(shares).unwrap(), Money(value), "{shares}");
        }
        // 1,000,000 x 1,000,000 dollars: the product of the millionths needs more than 64 bits, the value does not.
        let million = Price::from_f64(1e6).unwrap();
        assert_eq!(million.value_of(whole(1_000_000)).unwrap().to_f64(), 1e12);
        assert!(million.value_of(whole(10_000_000)).is_err());
    }

    /// $1 buys 0 whole shares of $3 and 0.333333 of one; a third of $10 buys 1 and 1.111111 (by 3.333333333 / 3).
    #[test]
    fn quantities_are_rounded_down_to_the_lot() {
        let (three, third) = (Price::from_f64(3.0).unwrap(), Fraction(333_333_333));
        let (one, ten) = (Money(1_000_000), Money(10_000_000));
        assert_eq!(one.shares_at(three, Unit::Whole), Shares::ZERO);
        assert_eq!(one.shares_at(three, Unit::Millionth), Shares(333_333));
        assert_eq!(ten.shares_of_fraction(third, three, Unit::Whole).unwrap(), whole(1));
        assert_eq!(ten.shares_of_fraction(third, three, Unit::Millionth).unwrap(), Shares(1_111_111));
        // 2.5% of 1003 shares
        let share = Fraction(25_000_000);
        assert_eq!(share.of_volume(1003, Unit::Whole), whole(25));
        assert_eq!(share.of_volume(1003, Unit::Millionth), Shares(25_075_000));
        assert_eq!(Fraction::ONE.of_volume(i64::MAX, Unit::Millionth), Shares::MAX);
        assert_eq!(Money(i64::MAX).shares_at(Price(1), Unit::Whole), Shares::MAX);
        assert_eq!(Unit::Whole.floor(Shares(-1_650_000)), whole(-1));
    }

    #[test]
    fn whole_shares_are_numbers_and_parts_of_one_are_text() {
        for (shares, text) in [
            (whole(100), "100"),
            (whole(-7), "-7"),
            (Shares(1_500_000), "\"1.5\""),
            (Shares(-1), "\"-0.000001\""),
        ] {
            assert_eq!(serde_json::to_string(&shares).unwrap(), text);
            assert_eq!(serde_json::from_str::<Shares>(text).unwrap(), shares);
        }
        for bad in ["\"0.0000001\"", "9300000000000", "\"many\"", "null"] {
            assert!(serde_json::from_str::<Shares>(bad).is_err(), "{bad}");
        }
        assert_eq!(whole(100).to_string(), "100");
        assert_eq!(Shares(1_500_000).to_string(), "1.5");
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(Money::try_from(decimal("100000.25")).unwrap().micros(), 100_000_250_000);
        assert!(matches!(Money::try_from(decimal("0.0000001")), Err(NumberError::TooFine { digits: 6, .. })));
        assert!(Money::try_from(decimal("1e20")).is_err() || decimal("1e20") < Decimal::MAX);
        assert_eq!(Fraction::from_basis_points(decimal("2.5")).unwrap().nanos(), 250_000);
        assert_eq!(serde_json::to_string(&Money::from_micros(-1_500_000)).unwrap(), "\"-1.5\"");
        assert_eq!(serde_json::from_str::<Money>("\"-1.5\"").unwrap(), Money::from_micros(-1_500_000));
    }

    #[test]
    fn slippage_is_rounded_against_the_trader() {
        let price = Price::from_f64(10.01).unwrap();
        let slippage = Fraction::from_basis_points(decimal("0.33")).unwrap();
        // 10.01 x 0.000033 = 0.00033033
        assert_eq!(price.raised(slippage).unwrap().micros(), 10_010_331);
        assert_eq!(price.lowered(slippage).unwrap().micros(), 10_009_669);
    }

    #[test]
    fn ratios_are_the_simple_fractions_they_stand_for() {
        for (value, numerator, denominator) in [
            (2.0, 2, 1),
            (0.05, 1, 20),
            (1.5, 3, 2),
            (0.333_333_333_3, 1, 3),
            (7.0, 7, 1),
            (0.142_857_142_86, 1, 7),
        ] {
            assert_eq!(Ratio::from_f64(value).unwrap(), Ratio { numerator, denominator }, "{value}");
        }
        assert_eq!(Ratio::from_f64(1.002_745_5).unwrap().numerator, 1_002_745_500);
        assert!(Ratio::from_f64(0.0).is_err());
        // 33 / 20 = 1 and 13/20, that is 13,000,000 twentieths of a millionth.
        let (shares, rest) = Ratio::from_f64(0.05).unwrap().shares(whole(-33), Unit::Whole).unwrap();
        assert_eq!((shares, rest), (whole(-1), Rest { count: -13_000_000, denominator: 20 }));
        let (shares, rest) = Ratio::from_f64(0.05).unwrap().shares(whole(-33), Unit::Millionth).unwrap();
        assert_eq!((shares, rest), (Shares(-1_650_000), Rest { count: 0, denominator: 20 }));
    }

    proptest::proptest! {
        /// Whole shares are worth what the product of two whole numbers says, wherever that fits.
        #[test]
        fn whole_shares_have_exact_values(price in 0..20_000_000_000_i64, count in -400_000_000..400_000_000_i64) {
            let value = Price(price).value_of(whole(count));
            match price.checked_mul(count) {
                Some(exact) => proptest::prop_assert_eq!(value.unwrap(), Money(exact)),
                None => proptest::prop_assert!(value.is_err()),
            }
        }

        /// Both ways to a value of a part give the same: by 64 bits and by 128.
        #[test]
        fn values_do_not_depend_on_the_way(price in 0..20_000_000_000_i64, count in proptest::prelude::any::<i32>()) {
            let wide = divide_nearest(i128::from(price) * i128::from(count), i128::from(MICROS));
            proptest::prop_assert_eq!(i128::from(Price(price).value_of(Shares(count.into())).unwrap().0), wide);
        }

        #[test]
        fn the_nearest_whole_number_is_that_of_the_standard_library(value in 0.0..9e15_f64, small in 0.0..3.0_f64, half in 0..1_i64 << 51) {
            for value in [value, small, half as f64 + 0.5, (half as f64 + 0.5).next_down(), (half as f64 + 0.5).next_up()] {
                proptest::prop_assert_eq!(nearest(value), value.round() as i64);
            }
        }
    }

    #[test]
    fn not_a_price() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
            assert!(Price::from_f64(bad).is_err(), "{bad}");
        }
    }
}
