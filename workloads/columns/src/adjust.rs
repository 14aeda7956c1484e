//! Forward-adjusted columns: raw times the cumulative factors up to the bar, so that a value at t depends on
//! nothing after t.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::bars::Bars;

/// Which actions the columns `open high low close volume` of expressions are adjusted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Adjustment {
    /// Prices by splits and dividends, volume by splits.
    #[default]
    SplitsAndDividends,
    /// Prices and volume by splits.
    Splits,
    /// Raw columns.
    None,
}

/// The columns `open high low close volume` of one ticker under an [`Adjustment`]; borrowed where they are raw.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices<'a> {
    /// Adjusted opening prices.
    pub open: Cow<'a, [f64]>,
    /// Adjusted highest prices.
    pub high: Cow<'a, [f64]>,
    /// Adjusted lowest prices.
    pub low: Cow<'a, [f64]>,
    /// Adjusted closing prices.
    pub close: Cow<'a, [f64]>,
    /// Volumes divided by the split factor.
    pub volume: Cow<'a, [f64]>,
}

impl<'a> Prices<'a> {
    /// Adjusts `bars`: prices times `split_factor * dividend_factor`, volumes divided by `split_factor`.
    #[must_use]
    pub fn new(bars: &'a Bars, adjustment: Adjustment) -> Self {
        if adjustment == Adjustment::None {
            return Self {
                open: Cow::Borrowed(bars.open()),
                high: Cow::Borrowed(bars.high()),
                low: Cow::Borrowed(bars.low()),
                close: Cow::Borrowed(bars.close()),
                volume: Cow::Borrowed(bars.volume()),
            };
        }
        let factor: Vec<f64> = match adjustment {
            Adjustment::SplitsAndDividends => bars
                .split_factor()
                .iter()
                .zip(bars.dividend_factor())
                .map(|(split, dividend)| split * dividend)
                .collect(),
            Adjustment::Splits | Adjustment::None => bars.split_factor().to_vec(),
        };
        let price =
            |raw: &[f64]| Cow::Owned(raw.iter().zip(&factor).map(|(raw, factor)| raw * factor).collect());
        Self {
            open: price(bars.open()),
            high: price(bars.high()),
            low: price(bars.low()),
            close: price(bars.close()),
            volume: Cow::Owned(
                bars.volume().iter().zip(bars.split_factor()).map(|(volume, split)| volume / split).collect(),
            ),
        }
    }
}
