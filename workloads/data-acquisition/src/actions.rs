//! Splits and dividends: whether they can be true, and the factors that they make.

use ats_columns::{Action, ActionKind, Actions};

use crate::check::Placed;
use crate::problem::{Problem, ProblemKind};
use crate::quality::{Flagged, Quality};
use crate::row::Request;

/// The actions of the requested history, sorted. Actions that stand there twice are flagged and both kept: a vendor
/// that lost the dates of some dividends may well have put two equal ones on one day.
pub(crate) fn check_actions(
    ticker: &str,
    actions: Vec<Action>,
    request: &Request,
    quality: &mut Quality,
) -> Result<Actions, Problem> {
    let inside = |action: &Action| request.start <= action.ex_date && action.ex_date <= request.end;
    let actions = Actions::new(ticker, actions.into_iter().filter(inside).collect())
        .map_err(|error| Problem::new(ProblemKind::InvalidAction, error.to_string()))?;
    let list = actions.as_slice();
    for (i, action) in list.iter().enumerate() {
        let day = list.iter().take(i).rev().take_while(|other| other.ex_date == action.ex_date);
        if day.into_iter().any(|other| other == action) {
            quality.flag(Flagged::RepeatedAction, 1, None, || {
                format!("{}: {} {}", action.ex_date, action.kind, action.value)
            });
        }
    }
    Ok(actions)
}

/// Forward cumulative factors, one of each kind a bar: the product over the actions with an ex-date up to the bar's
/// session of the split ratio, and of 1 / (1 - dividend / previous raw close).
///
/// Both start at 1 on the first bar: an action on or before that day has no close before it. Where sessions are
/// missing before a dividend, the close is the last one there is, restated for splits that went ex in between (but
/// not on the dividend's own ex-date: who is paid holds the shares of the day before).
pub(crate) struct Factors {
    pub(crate) split: Vec<f64>,
    pub(crate) dividend: Vec<f64>,
}

impl Factors {
    /// # Errors
    /// A dividend that is not below the close before it.
    pub(crate) fn new(bars: &[Placed], actions: &[Action]) -> Result<Self, Problem> {
        let mut factors =
            Self { split: Vec::with_capacity(bars.len()), dividend: Vec::with_capacity(bars.len()) };
        let Some(first) = bars.first() else { return Ok(factors) };
        let (mut split, mut dividend) = (1.0, 1.0);
        let mut due = actions.iter().filter(|action| action.ex_date > first.session.date()).peekable();
        let mut before: Option<f64> = None;
        for bar in bars {
            let mut basis = Basis::new(before);
            while let Some(action) = due.next_if(|action| action.ex_date <= bar.session.date()) {
                match action.kind {
                    ActionKind::Split => {
                        split *= action.value;
                        basis.split(action);
                    }
                    ActionKind::Dividend => dividend /= 1.0 - basis.share(action)?,
                }
            }
            factors.split.push(split);
            factors.dividend.push(dividend);
            before = Some(bar.row.close);
        }
        Ok(factors)
    }

    /// The product of both, a value a bar.
    pub(crate) fn product(&self) -> impl Iterator<Item = f64> + '_ {
        self.split.iter().zip(&self.dividend).map(|(split, dividend)| split * dividend)
    }
}

/// The close that dividends between two bars are measured by.
struct Basis {
    close: Option<f64>,
    /// Splits of the latest ex-date seen, not yet part of `close`.
    pending: Option<(jiff::civil::Date, f64)>,
}

impl Basis {
    fn new(close: Option<f64>) -> Self {
        Self { close, pending: None }
    }

    fn advance(&mut self, date: jiff::civil::Date) {
        if let Some((on, ratio)) = self.pending
            && on < date
        {
            self.close = self.close.map(|close| close / ratio);
            self.pending = None;
        }
    }

    fn split(&mut self, action: &Action) {
        self.advance(action.ex_date);
        let ratio = self.pending.map_or(1.0, |(_, ratio)| ratio);
        self.pending = Some((action.ex_date, ratio * action.value));
    }

    /// The dividend as a share of the close before it.
    fn share(&mut self, action: &Action) -> Result<f64, Problem> {
        self.advance(action.ex_date);
        // Actions up to the first bar were left out, so a close is there.
        let close = self.close.unwrap_or(f64::INFINITY);
        if action.value >= close {
            return Err(Problem::new(
                ProblemKind::InvalidAction,
                format!(
                    "the dividend of {} with ex-date {} is not below the close before it, {close}; correct the actions",
                    action.value, action.ex_date
                ),
            ));
        }
        Ok(action.value / close)
    }
}
