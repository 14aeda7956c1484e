//! From a market to the engine's slices, one for each bar of the calendar.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ats_calendar::{Calendar, CalendarError, Interval, Session};
use ats_columns::{ActionKind as Kind, Bars};
use ats_crds::Rebalance;
use ats_crds::strategy::TradedPrices;
use ats_pipeline::spec::StrategyCore;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::engine::{
    Action, ActionKind, Bar, Control, Fraction, Money, NumberError, Price, Ratio, Signal, Slice, Ticker,
    TickerSlice,
};
use crate::market::{Market, TickerHistory};
use crate::signals::{Rules, Scales, SignalError, Signals};

/// Slices that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SliceError {
    /// The signals cannot be computed.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// The calendar does not reach that far.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A bar or an action holds a number that cannot be traded on.
    #[error("{ticker} on {session}: {source}")]
    Number {
        /// The ticker.
        ticker: String,
        /// The session.
        session: Date,
        /// What is wrong.
        source: NumberError,
    },
}

/// A ticker's history with its signals: all of it, or the part that lies in some sessions.
#[derive(Debug)]
pub struct Line<'a> {
    ticker: Ticker,
    history: Cow<'a, TickerHistory>,
    signals: Signals,
    scales: Scales,
    /// The first row with a volume. Before it a volume of 0 is one that the file does not know.
    first_volume: usize,
}

impl<'a> Line<'a> {
    /// A whole history.
    fn whole(name: &str, history: &'a TickerHistory, signals: Signals, prices: TradedPrices) -> Self {
        let (scales, first_volume) = (Scales::new(&history.bars, prices), first_volume(&history.bars));
        Self { ticker: Ticker::new(name), history: Cow::Borrowed(history), signals, scales, first_volume }
    }

    /// Computes the signals of a ticker, and keeps those from `from` to `to` with their bars. `market` has the bars
    /// that the rules read beside the ticker's own.
    ///
    /// # Errors
    /// When the rules do not fit the features or the bars.
    pub fn between(
        core: &StrategyCore,
        rules: &Rules,
        market: &Market,
        history: &TickerHistory,
        calendar: &Calendar,
        prices: TradedPrices,
        (from, to): (Date, Date),
    ) -> Result<Line<'static>, SliceError> {
        let signals = rules.of_ticker(core, &rules.others(market), history, calendar, prices)?;
        let session = history.bars.session();
        let before = |date: Date| session.partition_point(|session| session.date() < date);
        let rows = before(from)..session.partition_point(|session| session.date() <= to);
        let part = TickerHistory {
            bars: history.bars.rows(rows.clone()),
            actions: history.actions.clone(),
            features: BTreeMap::new(),
            membership: history.membership.clone(),
            scores: history.scores.get(rows.clone()).unwrap_or_default().to_vec(),
        };
        Ok(Line {
            ticker: Ticker::new(history.bars.ticker()),
            history: Cow::Owned(part),
            signals: signals.rows(&rows),
            scales: Scales::new(&history.bars, prices),
            first_volume: first_volume(&history.bars).saturating_sub(rows.start),
        })
    }

    /// Its bars.
    #[must_use]
    pub fn bars(&self) -> &Bars {
        &self.history.bars
    }
}

/// Makes the slices of a span of sessions. The values of a slice depend on nothing after it, but for
/// `prices: Adjusted`.
pub struct Slices<'a> {
    lines: Vec<Line<'a>>,
    /// Actions by the session before whose open they count.
    actions: BTreeMap<Session, Vec<Action>>,
    calendar: &'a Calendar,
    interval: Interval,
    rebalance: Rebalance,
}

impl<'a> Slices<'a> {
    /// Computes the signals of every ticker.
    pub fn new(
        core: &StrategyCore,
        market: &'a Market,
        calendar: &'a Calendar,
        prices: TradedPrices,
    ) -> Result<Self, SliceError> {
        let mut signals = Rules::new(core)?.evaluate(core, market, calendar, prices)?;
        let line = |(name, history): (&String, &'a TickerHistory)| {
            Some(Line::whole(name, history, signals.remove(name)?, prices))
        };
        Self::of_lines(core, market.tickers.iter().filter_map(line).collect(), calendar, prices)
    }

    /// From lines in order of ticker.
    pub fn of_lines(
        core: &StrategyCore,
        lines: Vec<Line<'a>>,
        calendar: &'a Calendar,
        prices: TradedPrices,
    ) -> Result<Self, SliceError> {
        let mut actions: BTreeMap<Session, Vec<Action>> = BTreeMap::new();
        for Line { ticker, history, .. } in &lines {
            // Adjusted prices hold the actions already.
            if prices == TradedPrices::Raw {
                for action in history.actions.as_slice() {
                    let Ok(session) = calendar.session_on_or_after(action.ex_date) else { continue };
                    let kind = match action.kind {
                        Kind::Split => Ratio::from_f64(action.value).map(ActionKind::Split),
                        Kind::Dividend => Price::from_f64(action.value)
                            .map(|price| ActionKind::Dividend(Money::from_micros(price.micros()))),
                    };
                    let kind = kind.map_err(|source| SliceError::Number {
                        ticker: ticker.to_string(),
                        session: session.date(),
                        source,
                    })?;
                    actions.entry(session).or_default().push(Action { ticker: ticker.clone(), kind });
                }
            }
        }
        Ok(Self { lines, actions, calendar, interval: core.interval, rebalance: core.rebalance })
    }

    fn ends_period(&self, session: Session) -> bool {
        match self.rebalance {
            Rebalance::Daily => true,
            Rebalance::Weekly => self.calendar.is_last_session_of_week(session),
            Rebalance::Monthly => self.calendar.is_last_session_of_month(session),
        }
    }

    /// The slices of the sessions from `from` to `to`, in order. `control` says what the outside says then.
    pub fn between(
        &self,
        from: Date,
        to: Date,
        control: Control,
    ) -> impl Iterator<Item = Result<Slice, SliceError>> + '_ {
        let mut walk = self.walk(from, to, control);
        std::iter::from_fn(move || walk.advance().map(|slice| slice.cloned()))
    }

    /// The same, lent one after the other out of one place in memory.
    #[must_use]
    pub fn walk(&self, from: Date, to: Date, control: Control) -> Walk<'_, 'a> {
        let before =
            |line: &Line<'_>| line.history.bars.session().partition_point(|session| session.date() < from);
        Walk {
            slices: self,
            sessions: self.calendar.sessions(from, to).iter(),
            starts: Vec::new().into_iter(),
            ends_period: false,
            next: self.lines.iter().map(before).collect(),
            slice: Slice {
                session: from,
                timestamp: Timestamp::UNIX_EPOCH,
                session_close: false,
                rebalance: false,
                nights: 0,
                actions: Vec::new(),
                tickers: self.lines.iter().map(|line| nothing(line.ticker.clone())).collect(),
                control,
                reset_latch: false,
            },
        }
    }

    /// Calendar days since the session before; 0 for the calendar's first.
    fn nights(&self, session: Session) -> u32 {
        let before = self.calendar.previous(session).map(|before| session.date() - before.date());
        before.map_or(0, |span| u32::try_from(span.get_days()).unwrap_or_default())
    }
}

/// Goes through the slices of a span.
pub struct Walk<'s, 'a> {
    slices: &'s Slices<'a>,
    /// Sessions to come.
    sessions: std::slice::Iter<'s, Session>,
    /// Bars to come of the session.
    starts: std::vec::IntoIter<Timestamp>,
    /// Whether the session ends a rebalance period.
    ends_period: bool,
    /// The next row of each ticker.
    next: Vec<usize>,
    slice: Slice,
}

impl Walk<'_, '_> {
    /// The next slice; none after the last one.
    pub fn advance(&mut self) -> Option<Result<&Slice, SliceError>> {
        let start = match self.starts.next() {
            Some(start) => {
                // What lies before a session's first bar is given once.
                self.slice.nights = 0;
                self.slice.actions.clear();
                start
            }
            None => loop {
                let session = *self.sessions.next()?;
                match self.begin(session) {
                    Ok(Some(start)) => break start,
                    Ok(None) => {}
                    Err(error) => return Some(Err(error)),
                }
            },
        };
        Some(self.fill(start).map(|()| &self.slice))
    }

    /// What is the same in all bars of a session, and what lies before the first, whose start is returned.
    fn begin(&mut self, session: Session) -> Result<Option<Timestamp>, SliceError> {
        let Self { slices, slice, .. } = self;
        self.starts = slices.calendar.bar_starts(session, slices.interval)?.into_iter();
        self.ends_period = slices.ends_period(session);
        slice.session = session.date();
        slice.nights = slices.nights(session);
        slice.actions = slices.actions.get(&session).cloned().unwrap_or_default();
        for (line, part) in slices.lines.iter().zip(&mut slice.tickers) {
            (part.active, part.focus) = line.history.standing(slice.session);
        }
        Ok(self.starts.next())
    }

    fn fill(&mut self, start: Timestamp) -> Result<(), SliceError> {
        let Self { slices, slice, .. } = self;
        slice.timestamp = start;
        slice.session_close = self.starts.len() == 0;
        slice.rebalance = slice.session_close && self.ends_period;
        let at = start.as_microsecond();
        for ((line, next), part) in slices.lines.iter().zip(&mut self.next).zip(&mut slice.tickers) {
            let times = line.history.bars.timestamp();
            // Bars outside the grid (extended hours) are not traded on.
            while times.get(*next).is_some_and(|timestamp| *timestamp < at) {
                *next += 1;
            }
            match times.get(*next) == Some(&at) {
                true => line.tell(*next, slice.session, part)?,
                false if part.bar.is_some() => {
                    let (active, focus) = (part.active, part.focus);
                    *part = TickerSlice { active, focus, ..nothing(part.ticker.clone()) };
                }
                false => {}
            }
        }
        Ok(())
    }
}

/// The first row with a volume; behind the last one where there is none.
fn first_volume(bars: &Bars) -> usize {
    bars.volume().iter().position(|volume| *volume > 0.0).unwrap_or(bars.len())
}

/// A ticker without a bar.
fn nothing(ticker: Ticker) -> TickerSlice {
    TickerSlice {
        ticker,
        bar: None,
        active: false,
        focus: false,
        signal: Signal::default(),
        atr: None,
        average_volume: None,
        volatility: None,
        weight: None,
        limit_atr: None,
        stop_atr: None,
    }
}

impl Line<'_> {
    /// The bar of a row, and what is decided on at its close.
    fn tell(&self, row: usize, session: Date, part: &mut TickerSlice) -> Result<(), SliceError> {
        let signals = &self.signals;
        // A column that nobody asks for is empty.
        let is_true = |rule: &[bool]| rule.get(row).copied().unwrap_or(false);
        let number = |values: &[f64]| values.get(row).copied().filter(|value| !value.is_nan());
        // A range of zero is known, and too small to size by.
        let range = |values: &[f64]| number(values).map(|atr| Price::from_f64(atr).unwrap_or_default());
        let scores: &[f64] = if signals.score.is_empty() { &self.history.scores } else { &signals.score };
        part.bar = Some(self.bar(session, row)?);
        part.signal = Signal {
            score: number(scores),
            entry: is_true(&signals.entry),
            exit: is_true(&signals.exit),
            short_entry: is_true(&signals.short_entry),
            short_exit: is_true(&signals.short_exit),
            rank_by: number(&signals.rank_by),
        };
        part.atr = range(&signals.atr);
        part.limit_atr = range(&signals.limit_atr);
        part.stop_atr = range(&signals.stop_atr);
        part.average_volume =
            number(&signals.average_volume).map(|volume| volume.clamp(0.0, 9e15).floor() as i64);
        part.volatility = number(&signals.volatility).and_then(Fraction::from_f64);
        part.weight = number(&signals.weight).and_then(Fraction::nearest);
        Ok(())
    }

    fn bar(&self, session: Date, row: usize) -> Result<Bar, SliceError> {
        let bars = &self.history.bars;
        let price = self.scales.price(bars, row);
        let bar = Bar::from_f64(
            bars.open()[row] * price,
            bars.high()[row] * price,
            bars.low()[row] * price,
            bars.close()[row] * price,
            bars.volume()[row] * self.scales.volume(bars, row),
        );
        let bar =
            bar.map_err(|source| SliceError::Number { ticker: self.ticker.to_string(), session, source })?;
        Ok(Bar { halted: bar.halted && row >= self.first_volume, ..bar })
    }
}
