//! From a market to the engine's slices, one for each bar of the calendar.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, CalendarError, Interval, Session};
use ats_columns::ActionKind as Kind;
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

struct Line<'a> {
    ticker: Ticker,
    history: &'a TickerHistory,
    signals: Signals,
    scales: Scales<'a>,
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
        let mut lines = Vec::new();
        let mut actions: BTreeMap<Session, Vec<Action>> = BTreeMap::new();
        for (name, history) in &market.tickers {
            let Some(signals) = signals.remove(name) else { continue };
            let ticker = Ticker::new(name);
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
                        ticker: name.clone(),
                        session: session.date(),
                        source,
                    })?;
                    actions.entry(session).or_default().push(Action { ticker: ticker.clone(), kind });
                }
            }
            lines.push(Line { ticker, history, signals, scales: Scales::new(history, prices) });
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
        let mut next: Vec<usize> = self
            .lines
            .iter()
            .map(|line| line.history.bars.session().partition_point(|session| session.date() < from))
            .collect();
        self.calendar.sessions(from, to).iter().flat_map(move |session| {
            let starts = match self.calendar.bar_starts(*session, self.interval) {
                Ok(starts) => starts,
                Err(error) => return vec![Err(error.into())],
            };
            let last = starts.len().saturating_sub(1);
            starts
                .iter()
                .enumerate()
                .map(|(place, start)| {
                    let mut slice = self.slice(*session, *start, &mut next)?;
                    slice.session_close = place == last;
                    slice.rebalance = place == last && self.ends_period(*session);
                    slice.control = control;
                    if place == 0 {
                        slice.nights = self.nights(*session);
                        slice.actions = self.actions.get(session).cloned().unwrap_or_default();
                    }
                    Ok(slice)
                })
                .collect()
        })
    }

    /// Calendar days since the session before; 0 for the calendar's first.
    fn nights(&self, session: Session) -> u32 {
        let before = self.calendar.previous(session).map(|before| session.date() - before.date());
        before.map_or(0, |span| u32::try_from(span.get_days()).unwrap_or_default())
    }

    fn slice(&self, session: Session, start: Timestamp, next: &mut [usize]) -> Result<Slice, SliceError> {
        let at = start.as_microsecond();
        let mut tickers = Vec::with_capacity(self.lines.len());
        for (line, next) in self.lines.iter().zip(next) {
            let bars = &line.history.bars;
            // Bars outside the grid (extended hours) are not traded on.
            while bars.timestamp().get(*next).is_some_and(|timestamp| *timestamp < at) {
                *next += 1;
            }
            let row = (bars.timestamp().get(*next) == Some(&at)).then_some(*next);
            tickers.push(line.part(session.date(), row)?);
        }
        Ok(Slice {
            session: session.date(),
            timestamp: start,
            session_close: false,
            rebalance: false,
            nights: 0,
            actions: Vec::new(),
            tickers,
            control: Control::Run,
            reset_latch: false,
        })
    }
}

impl Line<'_> {
    fn part(&self, session: Date, row: Option<usize>) -> Result<TickerSlice, SliceError> {
        let (active, focus) = self.history.standing(session);
        let mut part = TickerSlice {
            ticker: self.ticker.clone(),
            bar: None,
            active,
            focus,
            signal: Signal::default(),
            atr: None,
            average_volume: None,
            volatility: None,
            limit_atr: None,
            stop_atr: None,
        };
        if let Some(row) = row {
            part.bar = Some(self.bar(session, row)?);
            let signals = &self.signals;
            let number = |values: &[f64]| values.get(row).copied().filter(|value| !value.is_nan());
            part.signal = Signal {
                score: number(&self.history.scores),
                entry: signals.entry[row],
                exit: signals.exit[row],
                short_entry: signals.short_entry[row],
                short_exit: signals.short_exit[row],
                rank_by: number(&signals.rank_by),
            };
            // A range of zero is known, and too small to size by.
            let range = |values: &[f64]| number(values).map(|atr| Price::from_f64(atr).unwrap_or_default());
            part.atr = range(&signals.atr);
            part.limit_atr = range(&signals.limit_atr);
            part.stop_atr = range(&signals.stop_atr);
            part.average_volume =
                number(&signals.average_volume).map(|volume| volume.clamp(0.0, 9e15).floor() as i64);
            part.volatility = number(&signals.volatility).and_then(Fraction::from_f64);
        }
        Ok(part)
    }

    fn bar(&self, session: Date, row: usize) -> Result<Bar, SliceError> {
        let bars = &self.history.bars;
        let price = self.scales.price(row);
        Bar::from_f64(
            bars.open()[row] * price,
            bars.high()[row] * price,
            bars.low()[row] * price,
            bars.close()[row] * price,
            bars.volume()[row] * self.scales.volume(row),
        )
        .map_err(|source| SliceError::Number { ticker: self.ticker.to_string(), session, source })
    }
}
