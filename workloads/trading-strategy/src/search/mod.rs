//! Walk-forward search of a strategy's parameters.
//!
//! Each trial trades the whole backtest in an account of its own. The parameters of a test window are those of the
//! trial with the highest metric over the sessions before it; the strategy's one account then trades by them in the
//! window. A choice reads nothing at or after its window's first session.

mod window;

use std::collections::BTreeMap;

use ats_calendar::Calendar;
use ats_crds::strategy::StrategySearchMetric;
use ats_pipeline::spec::{BacktestSpec, SearchSpec, StrategyCore};
use jiff::civil::Date;
use rayon::prelude::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::backtest::BacktestError;
use crate::convert::{ConvertError, engine_config};
use crate::engine::{Control, Engine, Event};
use crate::market::Market;
use crate::slices::Slices;
use crate::statistics::{self, Close, Rates};
use window::Window;

/// The file of a backtest's output that [`Searched`] is.
pub const FILE: &str = "search.json";

/// Values of the parameters, by name.
pub type Parameters = BTreeMap<String, Decimal>;

/// `search.json`: what was tried, what was chosen, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Searched {
    /// By which trials were compared.
    pub metric: StrategySearchMetric,
    /// The test windows, in order.
    pub folds: Vec<Fold>,
    /// What is chosen on everything up to the backtest's end: what paper trading goes on with.
    pub last: Choice,
    /// The trials, in the order of names and values.
    pub trials: Vec<Trial>,
}

/// A test window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fold {
    /// First session traded.
    pub start: Date,
    /// Last session traded.
    pub end: Date,
    /// What is traded by.
    pub choice: Choice,
    /// The metric of the chosen trial's own account in the window.
    pub out_of_sample: Option<f64>,
    /// Its place among all trials in the window, from 1; trials of equal metric share one.
    pub place: usize,
}

/// Parameters that were chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// First session that was looked at.
    pub from: Date,
    /// Last session that was looked at.
    pub to: Date,
    /// Which trial, from 0.
    pub trial: usize,
    /// Its parameters.
    pub parameters: Parameters,
    /// Its metric over those sessions; none: no trial's was defined there, and the first one was taken.
    pub in_sample: Option<f64>,
}

/// A trial, by its own account from the backtest's start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// Its parameters.
    pub parameters: Parameters,
    /// The metric over the sessions before each window that were looked at.
    pub in_sample: Vec<Option<f64>>,
    /// The metric in each window.
    pub out_of_sample: Vec<Option<f64>>,
    /// The metric over all sessions before the first window.
    pub before: Option<f64>,
    /// The metric over the sessions of all windows.
    pub tested: Option<f64>,
    /// Sharpe ratio a session over the sessions of all windows, of what is above the risk-free return.
    pub sharpe_per_session: Option<f64>,
    /// Equity at the end.
    pub final_equity: f64,
    /// Trades closed.
    pub trades: u64,
}

/// A span of sessions that is traded by one specification.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// First session.
    pub from: Date,
    /// Last session.
    pub to: Date,
    /// What is traded by.
    pub core: StrategyCore,
    /// The choice that it follows from; none without a search.
    pub choice: Option<Choice>,
}

/// A trial's account.
struct Account {
    closes: Vec<Close>,
    returns: Vec<f64>,
    trades: u64,
}

impl Searched {
    /// What is traded by, window by window.
    ///
    /// # Errors
    /// A trial that the spec does not have.
    pub fn parts(&self, search: &SearchSpec, base: &StrategyCore) -> Result<Vec<Part>, BacktestError> {
        self.folds
            .iter()
            .map(|fold| {
                let core = core_of(search, base, fold.choice.trial)?;
                Ok(Part { from: fold.start, to: fold.end, core, choice: Some(fold.choice.clone()) })
            })
            .collect()
    }

    /// The same, and what is traded by after the last window.
    ///
    /// # Errors
    /// As [`Self::parts`].
    pub fn with_time_after(
        &self,
        search: &SearchSpec,
        base: &StrategyCore,
    ) -> Result<Vec<Part>, BacktestError> {
        let mut parts = self.parts(search, base)?;
        let core = core_of(search, base, self.last.trial)?;
        let from = self.last.to.tomorrow().unwrap_or(self.last.to);
        parts.push(Part { from, to: Date::MAX, core, choice: Some(self.last.clone()) });
        Ok(parts)
    }

    /// Names of the parameters.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.trials.iter().take(1).flat_map(|trial| trial.parameters.keys().map(String::as_str))
    }
}

/// The specification of a trial.
pub(crate) fn core_of(
    search: &SearchSpec,
    base: &StrategyCore,
    trial: usize,
) -> Result<StrategyCore, BacktestError> {
    let trial = search.trials.get(trial).ok_or(BacktestError::Trial { trial })?;
    trial.core(base).map_err(BacktestError::Json)
}

/// `fast = 10, slow = 50`.
#[must_use]
pub fn words(parameters: &Parameters) -> String {
    let parts = parameters.iter().map(|(name, value)| format!("{name} = {value}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// Tries everything from `from` to `to`, and chooses for each window.
///
/// # Errors
/// Fewer sessions than the windows need; what a trial's own backtest fails with.
pub fn run(
    spec: &BacktestSpec,
    search: &SearchSpec,
    market: &Market,
    calendar: &Calendar,
    span: (Date, Date),
) -> Result<Searched, BacktestError> {
    let sessions: Vec<Date> =
        calendar.sessions(span.0, span.1).iter().map(|session| session.date()).collect();
    let windows = window::windows(search, &sessions)?;
    let accounts: Vec<Account> = (0..search.trials.len())
        .into_par_iter()
        .map(|trial| account(spec, &core_of(search, &spec.core, trial)?, market, calendar, span))
        .collect::<Result<_, _>>()?;
    let rates = Rates::from(spec.rates);
    let score = |account: &Account, from: usize, to: usize| {
        account.returns.get(from..to).and_then(|returns| statistics::figure(search.metric, returns, rates))
    };
    let choose = |from: usize, to: usize| {
        let scores: Vec<Option<f64>> = accounts.iter().map(|account| score(account, from, to)).collect();
        let trial = best(&scores);
        Choice {
            from: sessions[from],
            to: sessions[to - 1],
            trial,
            parameters: search.trials[trial].parameters.clone(),
            in_sample: scores[trial],
        }
    };
    let folds = windows
        .iter()
        .map(|Window { look, start, end }| {
            let choice = choose(*look, *start);
            let scores: Vec<Option<f64>> =
                accounts.iter().map(|account| score(account, *start, *end)).collect();
            let own = scores[choice.trial];
            Fold {
                start: sessions[*start],
                end: sessions[*end - 1],
                place: 1 + scores.iter().filter(|other| is_above(**other, own)).count(),
                out_of_sample: own,
                choice,
            }
        })
        .collect();
    let first = windows.first().map_or(sessions.len(), |window| window.start);
    let trials = accounts
        .iter()
        .zip(&search.trials)
        .map(|(account, trial)| Trial {
            parameters: trial.parameters.clone(),
            in_sample: windows.iter().map(|window| score(account, window.look, window.start)).collect(),
            out_of_sample: windows.iter().map(|window| score(account, window.start, window.end)).collect(),
            before: score(account, 0, first),
            tested: score(account, first, sessions.len()),
            sharpe_per_session: account
                .returns
                .get(first..)
                .and_then(|returns| statistics::sharpe_per_session(returns, rates)),
            final_equity: account.closes.last().map_or(f64::NAN, |close| close.equity),
            trades: account.trades,
        })
        .collect();
    let look = search.train_sessions.map_or(0, |count| sessions.len().saturating_sub(count as usize));
    Ok(Searched { metric: search.metric, folds, last: choose(look, sessions.len()), trials })
}

/// The first trial of the highest score; the first of all where none is defined.
fn best(scores: &[Option<f64>]) -> usize {
    let mut best = 0;
    for (trial, score) in scores.iter().enumerate() {
        if is_above(*score, scores[best]) {
            best = trial;
        }
    }
    best
}

/// Any score is above none.
fn is_above(score: Option<f64>, other: Option<f64>) -> bool {
    match (score, other) {
        (Some(score), Some(other)) => score > other,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// A trial's account over the whole span.
fn account(
    spec: &BacktestSpec,
    core: &StrategyCore,
    market: &Market,
    calendar: &Calendar,
    (from, to): (Date, Date),
) -> Result<Account, BacktestError> {
    let config = engine_config(core, "trial")?;
    let initial_cash = config.initial_cash.to_f64();
    let slices = Slices::new(core, market, calendar, spec.prices)?;
    let mut engine = Engine::new(config).map_err(ConvertError::from)?;
    let (mut closes, mut trades) = (Vec::new(), 0);
    let mut walk = slices.walk(from, to, Control::Run);
    let mut events = Vec::new();
    while let Some(slice) = walk.advance() {
        engine.advance(slice?, &mut events)?;
        for event in events.drain(..) {
            match event {
                Event::Equity(point) if point.session_close => closes.push(Close {
                    session: point.session,
                    equity: point.equity.to_f64(),
                    gross: point.long_value.to_f64() + point.short_value.to_f64(),
                    positions: point.positions,
                }),
                Event::TradeClosed(_) => trades += 1,
                _ => {}
            }
        }
    }
    let returns = statistics::returns(initial_cash, &closes);
    Ok(Account { closes, returns, trades })
}
