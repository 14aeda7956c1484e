//! Stage `backtest`: a strategy over history. Pure: a spec and a market in, files and figures out.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, CalendarError};
use ats_columns::{Bars, ColumnsError};
use ats_crds::strategy::TradedPrices;
use ats_pipeline::spec::{BacktestSpec, SignalSpec, StrategyCore};
use jiff::civil::Date;

use crate::convert::{ConvertError, engine_config};
use crate::describe;
use crate::engine::{Control, Engine, EngineError, NumberError, OrderReason, Trade, Unit};
use crate::market::{Market, Outline};
use crate::record::Record;
use crate::report::{self, ReportInput};
use crate::search::{self, Part, Searched};
use crate::slices::{SliceError, Slices};
use crate::statistics::{self, Statistics};
use crate::tables::{self, OutputFile};

/// A backtest that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The strategy's settings.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The signals or bars.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// The engine refused a bar.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A sum left its range.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// The calendar does not know a date.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A file cannot be written.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// JSON that cannot be written, or trials that do not fit the strategy.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The universe has no bar at all.
    #[error("the universe's dataset has no bar: there is nothing to trade on")]
    NoBars,
    /// No session lies in the span.
    #[error(
        "the backtest from {start} to {end} meets no session of the dataset, which has {first} to {last}: change backtest.start or backtest.end"
    )]
    NoSessions {
        /// `backtest.start`.
        start: Date,
        /// `backtest.end`.
        end: Date,
        /// First session with a bar.
        first: Date,
        /// Last session with a bar.
        last: Date,
    },
    /// A search that the span is too short for.
    #[error(
        "the search's windows and what lies before them need {needed} sessions, the backtest has {there}: take fewer or shorter windows in search.walkForward, or an earlier backtest.start"
    )]
    TooFewSessions {
        /// Sessions needed.
        needed: usize,
        /// Sessions there.
        there: usize,
    },
    /// A choice that the spec does not hold.
    #[error("the search has no trial {trial}: search.json is of another spec")]
    Trial {
        /// The trial, from 0.
        trial: usize,
    },
    /// A model without predictions.
    #[error(
        "the model has no out-of-sample prediction for any ticker of the universe: there is nothing to trade on"
    )]
    NoPredictions,
    /// The span begins in what the model was trained on.
    #[error(
        "backtest.start {start} lies before the model's first out-of-sample prediction, of {first}: a backtest there would trade on what the model was trained with. Begin on {first} or later"
    )]
    BeforeFirstPrediction {
        /// `backtest.start`.
        start: Date,
        /// Session of the first prediction.
        first: Date,
    },
}

/// What a backtest gives.
#[derive(Debug, Clone)]
pub struct BacktestOutput {
    /// `orders.parquet`, `trades.parquet`, `lots.parquet`, `equity.parquet`, `rolling.parquet`, `statistics.json`,
    /// `report.html`, and where parameters are searched `search.json`.
    pub files: Vec<OutputFile>,
    /// Figures for gates and the status; one that is not defined is none.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Texts for the status.
    pub notes: BTreeMap<String, String>,
    /// All rows.
    pub record: Record,
    /// All numbers.
    pub statistics: Statistics,
    /// What was tried and chosen, where parameters are searched.
    pub searched: Option<Searched>,
}

/// Figures that gates and the status know, by their names in `statistics.json`.
const FIGURES: [&str; 17] = [
    "alpha",
    "beta",
    "calmar",
    "cagr",
    "exposure",
    "informationRatio",
    "maxDrawdown",
    "probabilisticSharpe",
    "profitFactor",
    "sessions",
    "sharpe",
    "sortino",
    "totalReturn",
    "trades",
    "turnover",
    "volatility",
    "winRate",
];

/// A strategy's run over a span.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// All rows.
    pub record: Record,
    /// The engine as the last bar left it.
    pub engine: Engine,
    /// What was tried and chosen, where parameters are searched.
    pub searched: Option<Searched>,
    /// The last session of the span.
    pub to: Date,
}

/// A strategy's run that goes on from one part of its span to the next.
#[derive(Debug, Clone)]
pub struct Running {
    identity: String,
    engine: Engine,
    record: Record,
}

impl Running {
    /// Before the first session. `identity` begins the client order ids.
    ///
    /// # Errors
    /// When the settings contradict each other.
    pub fn new(spec: &BacktestSpec, identity: &str) -> Result<Self, BacktestError> {
        let engine = Engine::new(engine_config(&spec.core, identity)?).map_err(ConvertError::from)?;
        Ok(Self { identity: identity.to_owned(), engine, record: Record::default() })
    }

    /// Trades from `from` to `to` by these settings. It is one account: what is held and what waits goes on.
    ///
    /// # Errors
    /// When a number leaves its range.
    pub fn trade(
        &mut self,
        core: &StrategyCore,
        slices: &Slices<'_>,
        (from, to): (Date, Date),
    ) -> Result<(), BacktestError> {
        let config = engine_config(core, &self.identity)?;
        self.engine = Engine::resume(config, self.engine.state().clone()).map_err(ConvertError::from)?;
        let mut events = Vec::new();
        let mut walk = slices.walk(from, to, Control::Run);
        while let Some(slice) = walk.advance() {
            self.engine.advance(slice?, &mut events)?;
            self.record.extend(events.drain(..))?;
        }
        Ok(())
    }

    /// After the last session of the span, which is `to`.
    #[must_use]
    pub fn end(self, to: Date, searched: Option<Searched>) -> Simulation {
        Simulation { record: self.record, engine: self.engine, searched, to }
    }
}

/// Trades a strategy over its span: signals, slices, engine, rows; no statistics and no files.
///
/// # Errors
/// When the settings contradict each other, the span holds no session, or a number leaves its range.
pub fn simulate(
    spec: &BacktestSpec,
    market: &Market,
    calendar: &Calendar,
    identity: &str,
) -> Result<Simulation, BacktestError> {
    let (from, to) = span(spec, &market.outline(), calendar)?;
    let (searched, parts) = plan(spec, market, calendar, (from, to))?;
    let mut running = Running::new(spec, identity)?;
    for part in &parts {
        let slices = Slices::new(&part.core, market, calendar, spec.prices)?;
        running.trade(&part.core, &slices, (part.from, part.to))?;
    }
    Ok(running.end(to, searched))
}

/// Runs a backtest. `identity` begins the client order ids; `lineage` names what it is computed from.
pub fn run(
    spec: &BacktestSpec,
    market: &Market,
    calendar: &Calendar,
    identity: &str,
    lineage: &[(String, String)],
) -> Result<BacktestOutput, BacktestError> {
    let simulation = simulate(spec, market, calendar, identity)?;
    let sessions: Vec<Date> = simulation.record.closes().iter().map(|close| close.session).collect();
    let mut held = BuyAndHold::default();
    match &spec.benchmark {
        None => held.extend(market.tickers.values().map(|history| &history.bars), &sessions),
        Some(ticker) => held.extend(market.bars(ticker).into_iter(), &sessions),
    }
    finish(spec, &market.outline(), simulation, &held, lineage)
}

/// The figures and files of what was traded, and of what was held instead.
pub(crate) fn finish(
    spec: &BacktestSpec,
    outline: &Outline,
    simulation: Simulation,
    held: &BuyAndHold,
    lineage: &[(String, String)],
) -> Result<BacktestOutput, BacktestError> {
    let Simulation { record, engine, searched, to } = simulation;
    let closes = record.closes();
    let open = engine.state().account.open_trades()?;
    let initial_cash = engine.config().initial_cash.to_f64();
    let benchmark = held.worth(initial_cash);
    let mut statistics = statistics::compute(&statistics::Record {
        initial_cash,
        closes: &closes,
        trades: &record.results(),
        benchmark: &benchmark,
        rates: spec.rates.into(),
        traded_value: record
            .fills()
            .map(|fill| fill.price.value_of(fill.quantity).map(crate::engine::Money::to_f64))
            .sum::<Result<f64, NumberError>>()?,
        commission: record.fills().map(|fill| fill.commission.to_f64()).sum(),
        slippage: record.fills().map(|fill| fill.slippage.to_f64()).sum(),
        borrowing: record.borrowing.to_f64(),
        dividends: record.dividends.to_f64(),
    });
    if let Some(searched) = &searched {
        let ratios: Vec<_> = searched.trials.iter().map(|trial| trial.sharpe_per_session).collect();
        statistics.deflate(&statistics::returns(initial_cash, &closes), &ratios, spec.rates.into());
    }
    let mut warnings = warnings(spec, outline, &record, &engine, to);
    if let Some(ticker) = spec.benchmark.as_ref().filter(|_| benchmark.is_empty()) {
        warnings.push(format!("{ticker} has no bar on the first session: nothing is compared with it."));
    }
    let last = match (&spec.search, &searched) {
        (Some(search), Some(searched)) => {
            Some((&searched.last, search::core_of(search, &spec.core, searched.last.trial)?))
        }
        _ => None,
    };
    let page = report::render(&ReportInput {
        lead: describe::lead(spec, outline),
        initial_cash,
        closes: &closes,
        benchmark: &benchmark,
        benchmark_name: spec.benchmark.as_deref(),
        statistics: &statistics,
        trades: &record.trades,
        open: &open,
        orders: &record.order_counts(),
        warnings: &warnings,
        settings: &describe::settings(spec, last.as_ref().map(|(choice, core)| (*choice, core))),
        lineage,
        search: searched.as_ref(),
        unit: engine.config().unit,
    });
    let files = files(&record, engine.config().unit, &open, &statistics, searched.as_ref(), page)?;
    let mut figures: BTreeMap<String, Option<f64>> =
        FIGURES.iter().map(|name| ((*name).to_owned(), statistics.value(name))).collect();
    figures.insert("equity".to_owned(), statistics.value("finalEquity"));
    if searched.is_some() {
        let of_search = ["deflatedSharpe", "numberOfTrials"];
        figures.extend(of_search.map(|name| (name.to_owned(), statistics.value(name))));
    }
    let mut notes = BTreeMap::new();
    if let (Some(first), Some(last)) = (closes.first(), closes.last()) {
        notes.insert("firstSession".to_owned(), first.session.to_string());
        notes.insert("lastSession".to_owned(), last.session.to_string());
    }
    if let Some(latch) = record.latched.first() {
        notes.insert("drawdownLatched".to_owned(), latch.session.to_string());
    }
    if let Some(searched) = &searched {
        notes.insert("parameters".to_owned(), search::words(&searched.last.parameters));
    }
    Ok(BacktestOutput { files, figures, notes, record, statistics, searched })
}

/// What is traded by, and the search that it follows from.
pub(crate) fn plan(
    spec: &BacktestSpec,
    market: &Market,
    calendar: &Calendar,
    (from, to): (Date, Date),
) -> Result<(Option<Searched>, Vec<Part>), BacktestError> {
    let Some(search) = &spec.search else {
        return Ok((None, vec![Part { from, to, core: spec.core.clone(), choice: None }]));
    };
    let searched = search::run(spec, search, market, calendar, (from, to))?;
    let parts = searched.parts(search, &spec.core)?;
    Ok((Some(searched), parts))
}

/// First and last session to trade, checked against what there is.
pub(crate) fn span(
    spec: &BacktestSpec,
    outline: &Outline,
    calendar: &Calendar,
) -> Result<(Date, Date), BacktestError> {
    let data = outline.span.as_ref().ok_or(BacktestError::NoBars)?;
    let (first, last) = (*data.start(), *data.end());
    let end = spec.end.unwrap_or(last);
    let (from, to) = (spec.start.max(first), end.min(last));
    if from > to || calendar.sessions(from, to).is_empty() {
        return Err(BacktestError::NoSessions { start: spec.start, end, first, last });
    }
    if matches!(spec.core.signal, SignalSpec::Model { .. }) {
        let predicted = outline.first_score.ok_or(BacktestError::NoPredictions)?;
        if calendar.session_on_or_after(spec.start)?.date() < predicted {
            return Err(BacktestError::BeforeFirstPrediction { start: spec.start, first: predicted });
        }
    }
    Ok((from, to))
}

/// Equal parts of the cash in each of the tickers that has a bar on the first session, at its close, dividends
/// reinvested, costless.
#[derive(Debug, Clone, Default)]
pub(crate) struct BuyAndHold {
    /// Worth of a share of each ticker at the start and now; none of a ticker that had no bar then.
    shares: Vec<Option<(f64, f64)>>,
    /// Worth at each session's close, in shares' worth at the start, summed over the tickers.
    sums: Vec<f64>,
}

impl BuyAndHold {
    /// Goes on over the next sessions with the bars of the tickers, in the same order each time.
    pub(crate) fn extend<'a>(&mut self, tickers: impl Iterator<Item = &'a Bars>, sessions: &[Date]) {
        let Some(first) = sessions.first() else { return };
        let (is_start, before) = (self.sums.is_empty(), self.sums.len());
        self.sums.resize(before + sessions.len(), 0.0);
        for (place, bars) in tickers.enumerate() {
            // The close of the session's last bar, with everything that was paid reinvested.
            let worth =
                |row: usize| bars.close()[row] * bars.split_factor()[row] * bars.dividend_factor()[row];
            let until =
                |date: Date| bars.session().partition_point(|session| session.date() <= date).checked_sub(1);
            if is_start {
                let start = until(*first).filter(|row| bars.session()[*row].date() == *first).map(worth);
                self.shares.push(start.map(|start| (start, start)));
            }
            let Some(Some((start, last))) = self.shares.get_mut(place) else { continue };
            let mut next = 0;
            for (total, date) in self.sums[before..].iter_mut().zip(sessions) {
                while bars.session().get(next).is_some_and(|session| session.date() <= *date) {
                    next += 1;
                }
                if let Some(row) = next.checked_sub(1) {
                    *last = worth(row);
                }
                *total += *last / *start;
            }
        }
    }

    /// Its worth at each session's close; empty when no ticker had a bar on the first one.
    fn worth(&self, cash: f64) -> Vec<f64> {
        let count = self.shares.iter().flatten().count();
        if count == 0 {
            return Vec::new();
        }
        self.sums.iter().map(|total| cash * total / count as f64).collect()
    }
}

fn warnings(
    spec: &BacktestSpec,
    outline: &Outline,
    record: &Record,
    engine: &Engine,
    to: Date,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if outline.is_fixed_list {
        warnings.push(
            "Survivorship: the tickers are a fixed list, chosen knowing which companies would still be there. Results are better than they could have been."
                .to_owned(),
        );
    }
    if let Some(search) = &spec.search {
        let count = search.trials.len();
        warnings.push(format!(
            "Searched: the parameters of each window are the best of {count} trials on what lies before it. Trials of other objects, and those you made before you wrote the grid, are not counted."
        ));
    }
    if spec.prices == TradedPrices::Adjusted {
        warnings.push(
            "Adjusted prices: trades are at prices adjusted back from the end of the history, which nobody could trade at. Quantities, commissions and stops differ from real ones."
                .to_owned(),
        );
    }
    if spec.core.fill == ats_crds::strategy::FillTiming::SameClose {
        warnings.push(
            "Same-close fills: orders fill at the close on which they were decided, as if it were known just before."
                .to_owned(),
        );
    }
    let costs = &spec.core.costs;
    if costs.slippage_basis_points.is_zero()
        && costs.price_impact.is_none()
        && costs.commission_per_share.is_zero()
        && costs.commission_rate.is_none()
        && costs.minimum_commission.is_zero()
    {
        warnings.push("Costless: neither commission nor slippage is reckoned with.".to_owned());
    }
    for latch in &record.latched {
        warnings.push(format!(
            "The drawdown limit was reached at the close of {}: from then on nothing was opened, and the flat sessions count.",
            latch.session
        ));
    }
    for trade in record.trades.iter().filter(|trade| trade.exit_reason == Some(OrderReason::Delisted)) {
        warnings.push(format!(
            "{} had no price any more and was settled at its last one, {:.2}, on {}: what its holders really got may differ.",
            trade.ticker,
            trade.exit_price,
            trade.exit_session.unwrap_or(to)
        ));
    }
    for (ticker, position) in &engine.state().account.positions {
        if position.marked < to {
            warnings.push(format!(
                "{ticker} is still held and has had no bar since {}: it is counted at its last close.",
                position.marked
            ));
        }
    }
    if record.trades.len() < 30 {
        warnings.push(format!(
            "Only {} closed trades: figures of so few say little about the next ones.",
            record.trades.len()
        ));
    }
    warnings
}

fn files(
    record: &Record,
    unit: Unit,
    open: &[Trade],
    statistics: &Statistics,
    searched: Option<&Searched>,
    page: String,
) -> Result<Vec<OutputFile>, BacktestError> {
    let mut json = serde_json::to_vec_pretty(statistics)?;
    json.push(b'\n');
    let mut files = vec![
        tables::orders(&record.orders, unit)?,
        tables::trades(&record.trades, open)?,
        tables::lots(&record.lots, unit)?,
        tables::equity(&record.equity)?,
        tables::rolling(&statistics.rolling)?,
        OutputFile { name: "statistics.json", bytes: json, rows: None },
        OutputFile { name: "report.html", bytes: page.into_bytes(), rows: None },
    ];
    if let Some(searched) = searched {
        let mut json = serde_json::to_vec_pretty(searched)?;
        json.push(b'\n');
        files.push(OutputFile { name: search::FILE, bytes: json, rows: None });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use ats_calendar::Session;
    use ats_columns::BarColumns;
    use jiff::civil::date;

    use super::*;

    /// Five sessions: 2, 3, 4, 5 and 8 January 2024.
    fn sessions() -> &'static [Session] {
        Calendar::xnys().sessions(date(2024, 1, 2), date(2024, 1, 8))
    }

    /// Bars of which each is a session's place, a close, and the products of splits and of dividends up to it.
    fn bars(ticker: &str, rows: &[(usize, f64, f64, f64)]) -> Bars {
        let mut columns = BarColumns::default();
        for (row, (place, close, splits, dividends)) in rows.iter().enumerate() {
            columns.session.push(sessions()[*place]);
            columns.timestamp.push(row as i64);
            for prices in [&mut columns.open, &mut columns.high, &mut columns.low, &mut columns.close] {
                prices.push(*close);
            }
            columns.volume.push(1000.0);
            columns.split_factor.push(*splits);
            columns.dividend_factor.push(*dividends);
        }
        Bars::new(ticker, columns).unwrap()
    }

    /// A dividend of 6 where the close before was 54: what is bought for it at 48 makes 9/8 of the shares.
    const PAID: f64 = 54.0 / 48.0;

    /// One is split 2:1 and pays a dividend, one misses a session and ends early, one begins after the first session.
    fn three() -> [Bars; 3] {
        [
            // A share for 100, at the close of the first session's last bar: 110, then 2 x 54, then 2.25 x 48 and 56.
            bars(
                "A",
                &[
                    (0, 90.0, 1.0, 1.0),
                    (0, 100.0, 1.0, 1.0),
                    (1, 110.0, 1.0, 1.0),
                    (2, 54.0, 2.0, 1.0),
                    (3, 48.0, 2.0, PAID),
                    (4, 56.0, 2.0, PAID),
                ],
            ),
            bars("B", &[(0, 50.0, 1.0, 1.0), (2, 40.0, 1.0, 1.0), (3, 60.0, 1.0, 1.0)]),
            bars("C", &[(1, 10.0, 1.0, 1.0), (2, 90.0, 1.0, 1.0), (4, 70.0, 1.0, 1.0)]),
        ]
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        }
    }

    fn dates() -> Vec<Date> {
        sessions().iter().map(|session| session.date()).collect()
    }

    /// 500 in each of the two tickers that are there: 500, 550, 540, 540, 630 and 500, 500, 400, 600, 600.
    #[test]
    fn buying_and_holding_by_hand() {
        let mut held = BuyAndHold::default();
        held.extend(three().iter(), &dates());
        near(&held.worth(1000.0), &[1000.0, 1050.0, 940.0, 1140.0, 1230.0]);
        // All of it in one ticker.
        let mut held = BuyAndHold::default();
        held.extend(three()[..1].iter(), &dates());
        near(&held.worth(1000.0), &[1000.0, 1100.0, 1080.0, 1080.0, 1260.0]);
        // In one that was not there.
        let mut held = BuyAndHold::default();
        held.extend(three()[2..].iter(), &dates());
        near(&held.worth(1000.0), &[]);
    }

    /// Part by part of the sessions, each with its own bars or with all of them, it is the same to the last bit.
    #[test]
    fn buying_and_holding_goes_on_from_part_to_part() {
        let (three, dates) = (three(), dates());
        let mut whole = BuyAndHold::default();
        whole.extend(three.iter(), &dates);
        for cut in 1..dates.len() {
            let (mut of_parts, mut of_all) = (BuyAndHold::default(), BuyAndHold::default());
            for dates in [&dates[..cut], &dates[cut..]] {
                let (first, last) = (dates[0], dates[dates.len() - 1]);
                let part = three.each_ref().map(|bars| {
                    let until = |date: Date| bars.session().partition_point(|session| session.date() < date);
                    bars.rows(until(first)..until(last.tomorrow().unwrap()))
                });
                of_parts.extend(part.iter(), dates);
                of_all.extend(three.iter(), dates);
            }
            assert_eq!(of_parts.worth(1000.0), whole.worth(1000.0), "cut at {cut}");
            assert_eq!(of_all.worth(1000.0), whole.worth(1000.0), "cut at {cut}");
        }
    }
}
