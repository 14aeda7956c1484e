//! What a strategy trades on: bars, actions, features, membership and predictions of every ticker.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ats_columns::evaluate::Column;
use ats_columns::{Actions, Bars};
use ats_expression::Name;
use jiff::civil::Date;

/// Everything about the tickers of a universe.
#[derive(Debug, Clone, Default)]
pub struct Market {
    /// The tickers that may be traded, by name.
    pub tickers: BTreeMap<String, TickerHistory>,
    /// Bars that expressions only read, by ticker.
    pub benchmarks: BTreeMap<String, Bars>,
    /// Whether the tickers are a list that was fixed with hindsight.
    pub is_fixed_list: bool,
}

/// One ticker's history.
#[derive(Debug, Clone)]
pub struct TickerHistory {
    /// Raw bars.
    pub bars: Bars,
    /// Splits and dividends.
    pub actions: Actions,
    /// The universe's features, aligned to the bars.
    pub features: BTreeMap<Name, Column>,
    /// Intervals in which it is active, in order.
    pub membership: Vec<Membership>,
    /// A model's score at each bar, not a number where there is none; empty without a model.
    pub scores: Vec<f64>,
}

/// What is known of a market before its bars are looked at one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// How many tickers may be traded.
    pub tickers: usize,
    /// First and last session with a bar.
    pub span: Option<RangeInclusive<Date>>,
    /// Session of the first score of any ticker.
    pub first_score: Option<Date>,
    /// Whether the tickers are a list that was fixed with hindsight.
    pub is_fixed_list: bool,
}

/// An interval in which a ticker is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// First and last session.
    pub sessions: RangeInclusive<Date>,
    /// Whether it may be opened.
    pub focus: bool,
}

impl TickerHistory {
    /// Session of the first score.
    #[must_use]
    pub fn first_score(&self) -> Option<Date> {
        let at = self.scores.iter().position(|score| !score.is_nan())?;
        self.bars.session().get(at).map(|session| session.date())
    }

    /// Whether it is active, and in focus, on a date.
    #[must_use]
    pub fn standing(&self, date: Date) -> (bool, bool) {
        let after = self.membership.partition_point(|member| *member.sessions.start() <= date);
        match after.checked_sub(1).and_then(|index| self.membership.get(index)) {
            Some(member) if member.sessions.contains(&date) => (true, member.focus),
            _ => (false, false),
        }
    }
}

impl Market {
    /// What is known of it.
    #[must_use]
    pub fn outline(&self) -> Outline {
        Outline {
            tickers: self.tickers.len(),
            span: self.span(),
            first_score: self.first_score(),
            is_fixed_list: self.is_fixed_list,
        }
    }

    /// Bars of a ticker, traded or not.
    #[must_use]
    pub fn bars(&self, ticker: &str) -> Option<&Bars> {
        self.tickers.get(ticker).map(|history| &history.bars).or_else(|| self.benchmarks.get(ticker))
    }

    /// First and last session with a bar.
    #[must_use]
    pub fn span(&self) -> Option<RangeInclusive<Date>> {
        let dates = |end: fn(&[ats_calendar::Session]) -> Option<&ats_calendar::Session>| {
            self.tickers.values().filter_map(move |history| end(history.bars.session())).map(|s| s.date())
        };
        Some(dates(<[_]>::first).min()?..=dates(<[_]>::last).max()?)
    }

    /// Session of the first score of any ticker.
    #[must_use]
    pub fn first_score(&self) -> Option<Date> {
        self.tickers.values().filter_map(TickerHistory::first_score).min()
    }
}
