//! Units of measure.
//!
//! An adjusted price is the raw price times a factor that begins at 1 where the history begins: its ratios mean
//! something, its level does not. So adjusted price against a number of dollars, or times a volume, is refused.
//! Raw prices and volumes are plain numbers, except that they are not multiplied with adjusted ones.
//!
//! A logarithm of an adjusted price has an arbitrary zero in place of an arbitrary scale: differences, slopes and
//! deviations of it are pure numbers, its level is not. The literal 0 has every unit that has a scale.

use std::fmt;

use crate::names::Ticker;
use crate::vocabulary::Column;

/// The unit of a number.
///
/// Exponents are counted in halves, so that `sqrt(close)` has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unit {
    /// The number is a logarithm; the exponents are those of its argument.
    logarithm: bool,
    /// The literal 0, which fits every unit that has a scale.
    zero: bool,
    adjusted_price: i8,
    adjusted_volume: i8,
    raw_price: i8,
    raw_volume: i8,
    /// Whose adjusted numbers these are: a ticker's letters, or zeros for the ticker of the bar and for numbers that
    /// are not adjusted.
    ticker: [u8; 16],
}

/// Why an operation on units has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitError {
    /// Two numbers of different units are added, compared or are alternatives of each other.
    Mismatch,
    /// Adjusted price times or over adjusted volume.
    PriceTimesVolume,
    /// Adjusted times or over raw.
    AdjustedTimesRaw,
    /// Adjusted numbers of two tickers.
    TwoTickers,
    /// An operation on the level of a logarithm of an adjusted number.
    LogarithmLevel,
    /// `exp` of an adjusted number.
    Exponential,
    /// An adjusted number compared across tickers.
    AcrossTickers,
    /// A root or a power that is too high.
    Exponent,
}

/// Halves of an exponent; above it an expression is an accident.
const MAX_EXPONENT: i8 = 16;

impl Unit {
    /// A pure number.
    pub const PLAIN: Self = Self {
        logarithm: false,
        zero: false,
        adjusted_price: 0,
        adjusted_volume: 0,
        raw_price: 0,
        raw_volume: 0,
        ticker: [0; 16],
    };
    /// The literal 0.
    pub(crate) const ZERO: Self = Self { zero: true, ..Self::PLAIN };
    /// A forward-adjusted price.
    pub const ADJUSTED_PRICE: Self = Self { adjusted_price: 2, ..Self::PLAIN };
    /// A volume divided by the splits so far.
    pub const ADJUSTED_VOLUME: Self = Self { adjusted_volume: 2, ..Self::PLAIN };
    /// Dollars a share, as traded.
    pub const RAW_PRICE: Self = Self { raw_price: 2, ..Self::PLAIN };
    /// Shares, as traded.
    pub const RAW_VOLUME: Self = Self { raw_volume: 2, ..Self::PLAIN };
    /// Dollars traded.
    pub(crate) const RAW_DOLLARS: Self = Self { raw_price: 2, raw_volume: 2, ..Self::PLAIN };

    /// The unit of a column.
    #[must_use]
    pub const fn of(column: Column) -> Self {
        match column {
            Column::Open | Column::High | Column::Low | Column::Close => Self::ADJUSTED_PRICE,
            Column::Volume => Self::ADJUSTED_VOLUME,
            Column::RawOpen | Column::RawHigh | Column::RawLow | Column::RawClose => Self::RAW_PRICE,
            Column::RawVolume => Self::RAW_VOLUME,
        }
    }

    /// The same unit of another ticker's numbers.
    pub(crate) fn of_ticker(self, ticker: &Ticker) -> Self {
        let mut letters = [0; 16];
        for (letter, byte) in letters.iter_mut().zip(ticker.as_str().bytes()) {
            *letter = byte;
        }
        Self { ticker: letters, ..self }.settled()
    }

    /// A number that is not adjusted is of no ticker.
    const fn settled(self) -> Self {
        if self.is_adjusted() { self } else { Self { ticker: [0; 16], ..self } }
    }

    /// Whether both are adjusted numbers, of two tickers.
    fn is_of_another(self, other: Self) -> bool {
        self.is_adjusted() && other.is_adjusted() && self.ticker != other.ticker
    }

    /// Whether the number's level (or its zero) depends on where the history begins.
    #[must_use]
    pub const fn is_adjusted(self) -> bool {
        self.adjusted_price != 0 || self.adjusted_volume != 0
    }

    /// Whether it counts dollars or shares as traded.
    pub(crate) const fn is_raw(self) -> bool {
        self.raw_price != 0 || self.raw_volume != 0
    }

    /// Whether it is the logarithm of an adjusted number.
    pub(crate) const fn is_logarithm(self) -> bool {
        self.logarithm
    }

    /// The unit that both numbers have, where they are compared or are alternatives of each other.
    pub(crate) fn join(self, other: Self) -> Result<Self, UnitError> {
        if self.zero && !other.logarithm {
            return Ok(other);
        }
        if other.zero && !self.logarithm {
            return Ok(self);
        }
        if self.is_of_another(other) {
            return Err(UnitError::TwoTickers);
        }
        let same = self.logarithm == other.logarithm
            && self.adjusted_price == other.adjusted_price
            && self.adjusted_volume == other.adjusted_volume;
        if !same {
            return Err(UnitError::Mismatch);
        }
        // Raw units are plain numbers here: the user may add 5 dollars to a raw price.
        Ok(if self.is_raw() { self } else { other })
    }

    /// The unit of a sum.
    pub(crate) fn add(self, other: Self) -> Result<Self, UnitError> {
        if self.logarithm || other.logarithm {
            // log(a) + log(b) = log(a b); a plain number beside a logarithm is a factor.
            let factor = |unit: Self| unit.logarithm || !unit.is_adjusted();
            if !factor(self) || !factor(other) {
                return Err(UnitError::Mismatch);
            }
            let product = self.argument().multiply(other.argument())?;
            return Ok(Self { logarithm: product.is_adjusted(), ..product });
        }
        self.join(other)
    }

    /// The unit of a difference.
    pub(crate) fn subtract(self, other: Self) -> Result<Self, UnitError> {
        self.add(other.negate())
    }

    /// The unit of a negated number.
    pub(crate) const fn negate(self) -> Self {
        if self.logarithm { Self { logarithm: true, ..self.invert() } } else { self }
    }

    /// The unit of a product.
    pub(crate) fn multiply(self, other: Self) -> Result<Self, UnitError> {
        if self.logarithm || other.logarithm {
            return Err(UnitError::LogarithmLevel);
        }
        if self.is_of_another(other) {
            return Err(UnitError::TwoTickers);
        }
        let product = Self {
            ticker: if self.is_adjusted() { self.ticker } else { other.ticker },
            logarithm: false,
            zero: self.zero || other.zero,
            adjusted_price: add(self.adjusted_price, other.adjusted_price)?,
            adjusted_volume: add(self.adjusted_volume, other.adjusted_volume)?,
            raw_price: add(self.raw_price, other.raw_price)?,
            raw_volume: add(self.raw_volume, other.raw_volume)?,
        };
        if product.adjusted_price != 0 && product.adjusted_volume != 0 {
            return Err(UnitError::PriceTimesVolume);
        }
        if product.is_adjusted() && product.is_raw() {
            return Err(UnitError::AdjustedTimesRaw);
        }
        Ok(product.settled())
    }

    /// The unit of a quotient.
    pub(crate) fn divide(self, other: Self) -> Result<Self, UnitError> {
        if self.logarithm || other.logarithm {
            return Err(UnitError::LogarithmLevel);
        }
        self.multiply(Self { zero: false, ..other.invert() })
    }

    /// The unit of a square root.
    pub(crate) const fn root(self) -> Result<Self, UnitError> {
        if self.logarithm {
            return Err(UnitError::LogarithmLevel);
        }
        if self.adjusted_price % 2 != 0 || self.adjusted_volume % 2 != 0 {
            return Err(UnitError::Exponent);
        }
        Ok(Self {
            adjusted_price: self.adjusted_price / 2,
            adjusted_volume: self.adjusted_volume / 2,
            raw_price: self.raw_price / 2,
            raw_volume: self.raw_volume / 2,
            ..self
        })
    }

    /// The unit of a natural logarithm.
    pub(crate) const fn log(self) -> Result<Self, UnitError> {
        if self.logarithm {
            Err(UnitError::LogarithmLevel)
        } else if self.is_adjusted() {
            Ok(Self { logarithm: true, ..self })
        } else {
            Ok(Self::PLAIN)
        }
    }

    /// The unit of an exponential.
    pub(crate) const fn exp(self) -> Result<Self, UnitError> {
        if self.logarithm {
            Ok(Self { logarithm: false, ..self })
        } else if self.is_adjusted() {
            Err(UnitError::Exponential)
        } else {
            Ok(Self::PLAIN)
        }
    }

    /// The same unit, if it has a scale: of `abs`, `sum` and ratios, which a logarithm's arbitrary zero spoils.
    pub(crate) const fn scale(self) -> Result<Self, UnitError> {
        if self.logarithm { Err(UnitError::LogarithmLevel) } else { Ok(self) }
    }

    /// The unit of a difference of two values of the series: `delta`, `std`, `slope`.
    pub(crate) const fn difference(self) -> Self {
        if self.logarithm { Self::PLAIN } else { self }
    }

    /// The same unit, if it means the same for every ticker.
    pub(crate) const fn across_tickers(self) -> Result<Self, UnitError> {
        if self.is_adjusted() { Err(UnitError::AcrossTickers) } else { Ok(self) }
    }

    /// What a logarithm is the logarithm of; any other number is a pure factor.
    const fn argument(self) -> Self {
        if self.logarithm { Self { logarithm: false, ..self } } else { Self::PLAIN }
    }

    const fn invert(self) -> Self {
        Self {
            adjusted_price: -self.adjusted_price,
            adjusted_volume: -self.adjusted_volume,
            raw_price: -self.raw_price,
            raw_volume: -self.raw_volume,
            ..self
        }
    }
}

fn add(left: i8, right: i8) -> Result<i8, UnitError> {
    left.checked_add(right).filter(|sum| sum.abs() <= MAX_EXPONENT).ok_or(UnitError::Exponent)
}

/// In words: "an adjusted price", "a plain number".
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, exponent) = match (self.adjusted_price, self.adjusted_volume) {
            (0, 0) => {
                return f.write_str(match (self.raw_price, self.raw_volume) {
                    (2, 0) => "a raw price",
                    (0, 2) => "a raw volume",
                    (2, 2) => "an amount of raw dollars",
                    _ => "a plain number",
                });
            }
            (price, 0) => ("adjusted price", price),
            (_, volume) => ("adjusted volume", volume),
        };
        if self.logarithm {
            f.write_str("the logarithm of ")?;
        }
        match exponent {
            2 => write!(f, "an {name}"),
            -2 => write!(f, "1 over an {name}"),
            4 => write!(f, "an {name} squared"),
            halves => write!(f, "an {name} to the power of {}", f32::from(halves) / 2.0),
        }?;
        let letters = self.ticker.iter().take_while(|letter| **letter != 0);
        let ticker: String = letters.map(|letter| char::from(*letter)).collect();
        if ticker.is_empty() { Ok(()) } else { write!(f, " of {ticker}") }
    }
}
