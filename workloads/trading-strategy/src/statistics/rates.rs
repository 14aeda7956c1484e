//! What returns are measured against.

use std::borrow::Cow;

use ats_pipeline::spec::RatesSpec;
use rust_decimal::prelude::ToPrimitive as _;

use super::SESSIONS_A_YEAR;

/// Rates that returns are measured against.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rates {
    /// Return without a risk, a fraction a year.
    pub risk_free: f64,
    /// The least acceptable return, a fraction a year.
    pub minimum_acceptable: f64,
}

impl From<RatesSpec> for Rates {
    fn from(spec: RatesSpec) -> Self {
        Self {
            risk_free: spec.risk_free.to_f64().unwrap_or(f64::NAN),
            minimum_acceptable: spec.minimum_acceptable.to_f64().unwrap_or(f64::NAN),
        }
    }
}

impl Rates {
    /// The risk-free return of a session, `(1 + rate)^(1 / 252) - 1`.
    pub(super) fn risk_free_a_session(self) -> f64 {
        a_session(self.risk_free)
    }

    /// The least acceptable return of a session, `(1 + rate)^(1 / 252) - 1`.
    pub(super) fn minimum_acceptable_a_session(self) -> f64 {
        a_session(self.minimum_acceptable)
    }

    /// The risk-free return of a session, as a formula names it.
    pub(super) fn risk_free_words(self) -> String {
        words(self.risk_free)
    }

    /// The least acceptable return of a session, as a formula names it.
    pub(super) fn minimum_acceptable_words(self) -> String {
        words(self.minimum_acceptable)
    }

    /// The formula of a number over Sharpe ratios, with what they are above where that is not 0.
    pub(super) fn of_excess(self, formula: &'static str) -> Cow<'static, str> {
        if self.risk_free == 0.0 {
            return Cow::Borrowed(formula);
        }
        Cow::Owned(format!("{formula}; every SR of r - rf, rf = {}", self.risk_free_words()))
    }

    pub(super) fn omega_formula(self) -> Cow<'static, str> {
        if self.minimum_acceptable == 0.0 {
            return Cow::Borrowed("sum of r above 0 / |sum of r below 0|");
        }
        let least = self.minimum_acceptable_words();
        Cow::Owned(format!("sum of r - MAR above 0 / |sum of r - MAR below 0|, MAR = {least}"))
    }

    pub(super) fn alpha_formula(self) -> Cow<'static, str> {
        if self.risk_free == 0.0 {
            return Cow::Borrowed("(1 + mean(r - beta b))^252 - 1");
        }
        let free = self.risk_free_words();
        Cow::Owned(format!("(1 + mean(r - rf - beta (b - rf)))^252 - 1, rf = {free}"))
    }
}

/// What compounds to a rate in a year's sessions: how empyrical's `omega_ratio` takes a return a year. Its other
/// functions are given a period's.
fn a_session(rate: f64) -> f64 {
    libm::pow(1.0 + rate, 1.0 / SESSIONS_A_YEAR) - 1.0
}

fn words(rate: f64) -> String {
    if rate == 0.0 { "0".to_owned() } else { format!("(1 + {rate})^(1 / 252) - 1") }
}
