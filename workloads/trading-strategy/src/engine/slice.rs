//! What the engine is told: one bar of time for all tickers.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::number::{Checked, Fraction, Money, Price, Ratio};

/// A ticker symbol; cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Ticker(Arc<str>);

impl Ticker {
    /// From its text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Ticker {
    fn from(text: String) -> Self {
        Self(Arc::from(text))
    }
}

impl From<&str> for Ticker {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<Ticker> for String {
    fn from(ticker: Ticker) -> Self {
        ticker.0.as_ref().to_owned()
    }
}

impl fmt::Display for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One complete bar in traded (raw) dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Shares traded, whole ones; 0 also where the file does not know.
    pub volume: i64,
    /// Whether nothing was traded, as files have it for a halt: prices of the bar count, and nothing fills in it.
    #[serde(default)]
    pub halted: bool,
}

impl Bar {
    /// From a file's numbers; the volume is rounded down, but a part of a share is one. Without volume it is a halt.
    pub fn from_f64(open: f64, high: f64, low: f64, close: f64, volume: f64) -> Checked<Self> {
        let is_traded = volume.is_finite() && volume > 0.0;
        let volume = if is_traded { volume.min(9e15).floor().max(1.0) as i64 } else { 0 };
        Ok(Self {
            open: Price::from_f64(open)?,
            high: Price::from_f64(high)?,
            low: Price::from_f64(low)?,
            close: Price::from_f64(close)?,
            volume,
            halted: !is_traded,
        })
    }
}

/// What a company does to its shares before the open of the ex-date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionKind {
    /// New shares for each old one.
    Split(Ratio),
    /// Dollars a share, before any split of the same date.
    Dividend(Money),
}

/// A corporate action whose ex-date is the slice's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Whose.
    pub ticker: Ticker,
    /// What.
    pub kind: ActionKind,
}

/// What is decided on, known at the bar's close.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Signal {
    /// What it is ranked by; not a number counts as none.
    pub score: Option<f64>,
    /// Results of the rules; an undefined one is false.
    pub entry: bool,
    /// Leave a long position.
    pub exit: bool,
    /// Open a short position.
    pub short_entry: bool,
    /// Leave a short position.
    pub short_exit: bool,
    /// Orders rule entries, highest first.
    pub rank_by: Option<f64>,
}

/// One ticker in a slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TickerSlice {
    /// Which.
    pub ticker: Ticker,
    /// Its bar; none where there is none.
    pub bar: Option<Bar>,
    /// Whether it is among the universe's active tickers.
    pub active: bool,
    /// Whether it may be opened.
    pub focus: bool,
    /// What is decided on.
    pub signal: Signal,
    /// Average true range at the close, in today's raw dollars.
    pub atr: Option<Price>,
    /// Average daily volume over 21 bars, in today's shares.
    pub average_volume: Option<i64>,
    /// Annual volatility of its returns at the close.
    #[serde(default)]
    pub volatility: Option<Fraction>,
    /// Its share of equity, below 0 for a short.
    #[serde(default)]
    pub weight: Option<Fraction>,
    /// Average true range by which an entry's limit is set.
    #[serde(default)]
    pub limit_atr: Option<Price>,
    /// Average true range by which an entry's stop is set.
    #[serde(default)]
    pub stop_atr: Option<Price>,
}

impl TickerSlice {
    /// Its bar if anything was traded in it.
    fn traded(&self) -> Option<&Bar> {
        self.bar.as_ref().filter(|bar| !bar.halted)
    }
}

/// What the outside says to a running strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Control {
    /// Trade.
    #[default]
    Run,
    /// Open and enlarge nothing; exits and stops go on.
    BlockEntries,
    /// The same, and close everything.
    Flatten,
}

/// One bar of time for all tickers, in order of ticker. For daily bars a slice is a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The exchange's date.
    pub session: Date,
    /// The bars' start.
    pub timestamp: Timestamp,
    /// Whether it is the session's last bar: equity is recorded and the drawdown is judged.
    pub session_close: bool,
    /// Whether its close ends a rebalance period: the last bar of the period's last session.
    pub rebalance: bool,
    /// Calendar days since the session before, given with the first bar of a session, else 0: what shorts that were
    /// held overnight were borrowed for.
    #[serde(default)]
    pub nights: u32,
    /// Actions of the session, given with its first bar; in order of ticker, also of tickers without a bar.
    pub actions: Vec<Action>,
    /// The tickers, ascending, none twice.
    pub tickers: Vec<TickerSlice>,
    /// What the outside says.
    pub control: Control,
    /// Resets the drawdown latch before anything else; backtests never do.
    pub reset_latch: bool,
}

impl Slice {
    /// A ticker's part.
    #[must_use]
    pub fn get(&self, ticker: &Ticker) -> Option<&TickerSlice> {
        let place = self.tickers.binary_search_by(|part| part.ticker.cmp(ticker)).ok()?;
        self.tickers.get(place)
    }

    /// A ticker's bar.
    #[must_use]
    pub fn bar(&self, ticker: &Ticker) -> Option<&Bar> {
        self.get(ticker).and_then(|part| part.bar.as_ref())
    }

    /// A ticker's bar if anything was traded in it: what orders, stops and take-profit prices may fill in.
    #[must_use]
    pub fn traded(&self, ticker: &Ticker) -> Option<&Bar> {
        self.get(ticker).and_then(TickerSlice::traded)
    }

    /// For look-ups of many tickers, each after the one before.
    pub(super) fn places(&self) -> Places<'_> {
        Places { rest: &self.tickers }
    }
}

/// What is left of a slice's tickers while ascending tickers are looked up: all of them in one walk.
pub(super) struct Places<'a> {
    rest: &'a [TickerSlice],
}

/// Tickers that are looked at one by one before the rest is halved.
const NEAR: usize = 8;

impl<'a> Places<'a> {
    /// A ticker's part. The ticker lies after the one that was asked for before.
    pub(super) fn get(&mut self, ticker: &Ticker) -> Option<&'a TickerSlice> {
        let rest = self.rest;
        // Within a run a ticker is one string, whose place in memory tells it sooner than its letters.
        let near = rest.iter().take(NEAR).position(|part| Arc::ptr_eq(&part.ticker.0, &ticker.0));
        let place = match near {
            Some(place) => Ok(place),
            None => rest.binary_search_by(|part| part.ticker.cmp(ticker)),
        };
        let (Ok(after) | Err(after)) = place.map(|place| place + 1);
        self.rest = rest.get(after..).unwrap_or_default();
        place.ok().and_then(|place| rest.get(place))
    }

    /// A ticker's bar, in the same way.
    pub(super) fn bar(&mut self, ticker: &Ticker) -> Option<&'a Bar> {
        self.get(ticker).and_then(|part| part.bar.as_ref())
    }

    /// A ticker's bar if anything was traded in it, in the same way.
    pub(super) fn traded(&mut self, ticker: &Ticker) -> Option<&'a Bar> {
        self.get(ticker).and_then(TickerSlice::traded)
    }
}
