//! Splits.

use serde::{Deserialize, Serialize};

use super::{Checked, NANOS, NumberError, Shares, Unit, narrow};

/// What a split leaves over, less than a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How many `1 / denominator` of a millionth of a share.
    pub(super) count: i128,
    pub(super) denominator: i64,
}

/// New shares for each old one, as a ratio of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    pub(super) numerator: i64,
    pub(super) denominator: i64,
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
