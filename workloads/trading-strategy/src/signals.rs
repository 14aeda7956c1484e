//! What a strategy decides on, at every bar of a ticker: rules, scores, the stop's ATR, the average volume.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ats_calendar::{Calendar, CalendarError};
use ats_columns::evaluate::{Column, EvaluateError, Inputs, evaluate, evaluate_all};
use ats_columns::{Adjustment, Bars, ColumnsError};
use ats_crds::strategy::TradedPrices;
use ats_expression::{
    ExpressionError, FeatureGraph, Kind, Name, Scope, Ticker as Benchmark, Typed, check_kind, parse,
};
use ats_pipeline::spec::{DistanceSpec, EntrySpec, SignalSpec, SizingSpec, StopSpec, StrategyCore};

use crate::market::{Market, TickerHistory};

/// Bars of the average volume that caps an order (definitions: ADV(21)).
const VOLUME_BARS: u32 = 21;
/// Field of the expression that ranks.
const SCORE: &str = "signal.scores.expression";
/// Field of the expression that sizes.
const WEIGHT: &str = "portfolio.sizing.targetWeight.expression";

/// Signals that cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// A faulty expression.
    #[error("{field}: {source}")]
    Expression {
        /// The field, as in the object.
        field: &'static str,
        /// What is wrong with it.
        source: Box<ExpressionError>,
    },
    /// Faulty features.
    #[error("the universe's features: {0}")]
    Features(String),
    /// A value is missing.
    #[error("{field}: {source}")]
    Evaluate {
        /// The field, as in the object.
        field: &'static str,
        /// What is missing.
        source: Box<EvaluateError>,
    },
    /// Bars that do not fit the calendar.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// The calendar does not reach that far.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A rule that compares tickers itself.
    #[error(
        "{field}: `{function}` compares tickers, which only a feature can: give it a name in the universe's features and use the name here"
    )]
    AcrossTickers {
        /// The field, as in the object.
        field: &'static str,
        /// The function.
        function: &'static str,
    },
}

/// The strategy's expressions, checked.
#[derive(Debug, Clone)]
pub struct Rules {
    entry: Option<Typed>,
    exit: Option<Typed>,
    short_entry: Option<Typed>,
    short_exit: Option<Typed>,
    rank_by: Option<Typed>,
    atr: Option<Typed>,
    volume: Typed,
    volatility: Option<Typed>,
    score: Option<Typed>,
    weight: Option<Typed>,
    limit_atr: Option<Typed>,
    stop_atr: Option<Typed>,
    /// What the universe's features are.
    kinds: BTreeMap<Name, Kind>,
}

/// One ticker's signals, aligned to its bars; a column that the strategy does not ask for is empty. Prices and volumes
/// are in traded dollars and shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Signals {
    /// Results of the rules; an undefined one is false.
    pub entry: Vec<bool>,
    /// Leave a long position.
    pub exit: Vec<bool>,
    /// Open a short position.
    pub short_entry: Vec<bool>,
    /// Leave a short position.
    pub short_exit: Vec<bool>,
    /// Orders rule entries; not a number where undefined.
    pub rank_by: Vec<f64>,
    /// Average true range of the stop; not a number where undefined.
    pub atr: Vec<f64>,
    /// Average volume; not a number where undefined.
    pub average_volume: Vec<f64>,
    /// Annual volatility that sizes a position; not a number where undefined.
    pub volatility: Vec<f64>,
    /// What the ticker is ranked by, where that is no model's; not a number where undefined.
    pub score: Vec<f64>,
    /// Its own share of equity, below 0 for a short; not a number where undefined.
    pub weight: Vec<f64>,
    /// Average true range of an entry's limit; not a number where undefined.
    pub limit_atr: Vec<f64>,
    /// Average true range of an entry's stop; as above.
    pub stop_atr: Vec<f64>,
}

/// Bars of other tickers, by name.
pub(crate) type Others<'a> = BTreeMap<Benchmark, &'a Bars>;

impl Signals {
    /// Those of some rows.
    pub(crate) fn rows(&self, rows: &Range<usize>) -> Self {
        // A column that the strategy does not ask for is empty.
        fn of<T: Copy>(column: &[T], rows: &Range<usize>) -> Vec<T> {
            column.get(rows.clone()).unwrap_or_default().to_vec()
        }
        Self {
            entry: of(&self.entry, rows),
            exit: of(&self.exit, rows),
            short_entry: of(&self.short_entry, rows),
            short_exit: of(&self.short_exit, rows),
            rank_by: of(&self.rank_by, rows),
            atr: of(&self.atr, rows),
            average_volume: of(&self.average_volume, rows),
            volatility: of(&self.volatility, rows),
            score: of(&self.score, rows),
            weight: of(&self.weight, rows),
            limit_atr: of(&self.limit_atr, rows),
            stop_atr: of(&self.stop_atr, rows),
        }
    }
}

impl Rules {
    /// Checks the strategy's expressions against the universe's features.
    pub fn new(core: &StrategyCore) -> Result<Self, SignalError> {
        let features: Vec<(&str, &str)> = core
            .features
            .iter()
            .map(|feature| (feature.name.as_str(), feature.expression.as_str()))
            .collect();
        let graph = FeatureGraph::new(&features, None).map_err(|errors| {
            SignalError::Features(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let scope = graph.scope();
        let checked = |field, source: &str, scope: &Scope, kind| {
            parse(source)
                .and_then(|expression| check_kind(&expression, scope, kind))
                .map_err(|source| SignalError::Expression { field, source: Box::new(source) })
        };
        let rule = |field, source: Option<&String>| {
            source.map(|source| checked(field, source, scope, Kind::Boolean)).transpose()
        };
        let (entry, exit, short_entry, short_exit) = match &core.signal {
            SignalSpec::Model { .. } | SignalSpec::Scores { .. } => (None, None, None, None),
            SignalSpec::Rules { entry, exit, short_entry, short_exit } => (
                rule("signal.rules.entry", Some(entry))?,
                rule("signal.rules.exit", Some(exit))?,
                rule("signal.rules.shortEntry", short_entry.as_ref())?,
                rule("signal.rules.shortExit", short_exit.as_ref())?,
            ),
        };
        let number = |field, source: Option<&String>| {
            source.map(|source| checked(field, source, scope, Kind::Number)).transpose()
        };
        let score = match &core.signal {
            SignalSpec::Scores { expression, .. } => Some(expression),
            SignalSpec::Model { .. } | SignalSpec::Rules { .. } => None,
        };
        let weight = match &core.sizing {
            SizingSpec::TickerWeight { expression, .. } => Some(expression),
            SizingSpec::RiskPerTrade
            | SizingSpec::TargetWeight { .. }
            | SizingSpec::EqualWeight
            | SizingSpec::VolatilityTarget { .. } => None,
        };
        let nothing = Scope::new();
        let atr = |field, distance: Option<&DistanceSpec>| match distance {
            Some(DistanceSpec::Atr { period, .. }) => {
                checked(field, &format!("atr({period})"), &nothing, Kind::Number).map(Some)
            }
            _ => Ok(None),
        };
        let (limit, stop) = match &core.entry {
            Some(EntrySpec::Limit { limit, .. }) => (Some(limit), None),
            Some(EntrySpec::Stop { stop, .. }) => (None, Some(stop)),
            Some(EntrySpec::StopLimit { stop, limit, .. }) => (Some(limit), Some(stop)),
            Some(EntrySpec::MarketOnClose) | None => (None, None),
        };
        Ok(Self {
            entry,
            exit,
            short_entry,
            short_exit,
            rank_by: number("portfolio.rankBy", core.rank_by.as_ref())?,
            atr: match core.stop {
                Some(StopSpec::Atr { period, .. }) => {
                    Some(checked("risk.stop.atr", &format!("atr({period})"), &nothing, Kind::Number)?)
                }
                _ => None,
            },
            volume: checked(
                "costs.maxVolumeShare",
                &format!("mean(volume, {VOLUME_BARS})"),
                &nothing,
                Kind::Number,
            )?,
            volatility: match core.sizing {
                SizingSpec::VolatilityTarget { window, .. } => Some(checked(
                    "portfolio.sizing.volatilityTarget",
                    &format!("realized_volatility({window})"),
                    &nothing,
                    Kind::Number,
                )?),
                _ => None,
            },
            score: number(SCORE, score)?,
            weight: number(WEIGHT, weight)?,
            limit_atr: atr("execution.entry", limit)?,
            stop_atr: atr("execution.entry", stop)?,
            kinds: scope.iter().map(|(name, facts)| (name.clone(), facts.kind)).collect(),
        })
    }

    /// Features that the strategy's expressions use by name.
    #[must_use]
    pub fn features(&self) -> BTreeMap<Name, Kind> {
        let names = self.expressions().flat_map(Typed::features);
        names.filter_map(|name| Some((name.clone(), self.kinds.get(&name).copied()?))).collect()
    }

    /// Tickers whose bars the strategy's expressions read beside a ticker's own.
    #[must_use]
    pub fn benchmarks(&self) -> BTreeSet<String> {
        self.expressions().flat_map(Typed::tickers).map(|ticker| ticker.as_str().to_owned()).collect()
    }

    /// The rules, by their fields.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &Typed)> {
        [
            ("signal.rules.entry", &self.entry),
            ("signal.rules.exit", &self.exit),
            ("signal.rules.shortEntry", &self.short_entry),
            ("signal.rules.shortExit", &self.short_exit),
        ]
        .into_iter()
        .filter_map(|(field, rule)| Some((field, rule.as_ref()?)))
    }

    /// The expressions of the score and of the weight, by their fields.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&'static str, &Typed)> {
        [(SCORE, &self.score), (WEIGHT, &self.weight)]
            .into_iter()
            .filter_map(|(field, number)| Some((field, number.as_ref()?)))
    }

    /// All that the strategy says itself.
    fn expressions(&self) -> impl Iterator<Item = &Typed> {
        let others = self.rank_by.iter().chain(self.numbers().map(|(_, number)| number));
        self.named().map(|(_, rule)| rule).chain(others)
    }

    /// Every ticker's signals.
    pub fn evaluate(
        &self,
        core: &StrategyCore,
        market: &Market,
        calendar: &Calendar,
        prices: TradedPrices,
    ) -> Result<BTreeMap<String, Signals>, SignalError> {
        let others = self.others(market);
        market
            .tickers
            .iter()
            .map(|(ticker, history)| {
                Ok((ticker.clone(), self.of_ticker(core, &others, history, calendar, prices)?))
            })
            .collect()
    }

    /// The bars that the strategy's expressions read beside a ticker's own.
    pub(crate) fn others<'a>(&self, market: &'a Market) -> Others<'a> {
        let named = self.benchmarks().into_iter();
        named.filter_map(|ticker| Some((Benchmark::new(&ticker)?, market.bars(&ticker)?))).collect()
    }

    pub(crate) fn inputs<'a>(
        &self,
        core: &StrategyCore,
        others: &Others<'a>,
        history: &'a TickerHistory,
        calendar: &'a Calendar,
    ) -> Result<Inputs<'a>, SignalError> {
        let adjustment = adjustment(core);
        let mut inputs =
            Inputs::new(&history.bars, adjustment, calendar)?.with_interval(core.interval, calendar);
        for (name, values) in &history.features {
            inputs =
                inputs.with_feature(name.clone(), values.clone()).map_err(missing("universe features"))?;
        }
        for (ticker, bars) in others {
            inputs = inputs.with_benchmark(ticker.clone(), bars, adjustment);
        }
        Ok(inputs)
    }

    /// One ticker's signals.
    pub(crate) fn of_ticker(
        &self,
        core: &StrategyCore,
        others: &Others<'_>,
        history: &TickerHistory,
        calendar: &Calendar,
        prices: TradedPrices,
    ) -> Result<Signals, SignalError> {
        let inputs = &self.inputs(core, others, history, calendar)?;
        let number = |field, value: Option<&Typed>, inputs: &Inputs<'_>| -> Result<Vec<f64>, SignalError> {
            match value {
                None => Ok(Vec::new()),
                Some(value) => Ok(evaluate(value, inputs).map_err(missing(field))?.to_floats().to_vec()),
            }
        };
        // The stop's ATR and the volume are taken over fully adjusted bars, in which no action makes a gap, and
        // brought back to what is traded.
        let made;
        let adjusted = match adjustment(core) {
            Adjustment::SplitsAndDividends => inputs,
            Adjustment::Splits | Adjustment::None => {
                made = Inputs::new(&history.bars, Adjustment::SplitsAndDividends, calendar)?;
                &made
            }
        };
        let (bars, scales) = (&history.bars, Scales::new(&history.bars, prices));
        let range = |field, atr: Option<&Typed>| -> Result<Vec<f64>, SignalError> {
            let atr = number(field, atr, adjusted)?;
            Ok(atr.iter().enumerate().map(|(row, atr)| atr * scales.of_adjusted_price(bars, row)).collect())
        };
        let mut average_volume = number("costs.maxVolumeShare", Some(&self.volume), adjusted)?;
        for (row, volume) in average_volume.iter_mut().enumerate() {
            *volume *= scales.of_adjusted_volume(bars, row);
        }
        let mut rules = self.rules(inputs)?;
        let mut rule = |field| rules.remove(field).unwrap_or_default();
        Ok(Signals {
            entry: rule("signal.rules.entry"),
            exit: rule("signal.rules.exit"),
            short_entry: rule("signal.rules.shortEntry"),
            short_exit: rule("signal.rules.shortExit"),
            rank_by: number("portfolio.rankBy", self.rank_by.as_ref(), inputs)?,
            atr: range("risk.stop.atr", self.atr.as_ref())?,
            average_volume,
            volatility: number("portfolio.sizing.volatilityTarget", self.volatility.as_ref(), adjusted)?,
            score: number(SCORE, self.score.as_ref(), inputs)?,
            weight: number(WEIGHT, self.weight.as_ref(), inputs)?,
            limit_atr: range("execution.entry", self.limit_atr.as_ref())?,
            stop_atr: range("execution.entry", self.stop_atr.as_ref())?,
        })
    }

    /// The rules' results by field; what they have in common is computed once.
    fn rules(&self, inputs: &Inputs<'_>) -> Result<BTreeMap<&'static str, Vec<bool>>, SignalError> {
        // Each needs a name, which is no feature's.
        let names = (0..).filter_map(|number| Name::new(&format!("rule_{number}")).ok());
        let rules: Vec<(Name, (&'static str, &Typed))> =
            names.filter(|name| !self.kinds.contains_key(name)).zip(self.named()).collect();
        let mut results = Vec::with_capacity(rules.len());
        let expressions = rules.iter().map(|(name, (_, rule))| (name, *rule));
        let ended = evaluate_all(expressions, inputs, |_, column| results.push(truth(&column)));
        let fields = || rules.iter().map(|(_, (field, _))| *field);
        match ended {
            Ok(()) => Ok(fields().zip(results).collect()),
            // As many as have results came before the one that failed.
            Err(source) => Err(missing(fields().nth(results.len()).unwrap_or("signal.rules"))(source)),
        }
    }
}

/// Puts the field before what is missing.
pub(crate) fn missing(field: &'static str) -> impl Fn(EvaluateError) -> SignalError {
    move |source| match source {
        EvaluateError::CrossSection { function, .. } => SignalError::AcrossTickers { field, function },
        source => SignalError::Evaluate { field, source: Box::new(source) },
    }
}

fn truth(column: &Column) -> Vec<bool> {
    match column {
        Column::Boolean(values) => values.iter().map(|value| *value == Some(true)).collect(),
        Column::Number(values) => values.iter().map(|value| *value != 0.0 && !value.is_nan()).collect(),
    }
}

fn adjustment(core: &StrategyCore) -> Adjustment {
    use ats_crds::universe::Adjustment as Api;
    match core.adjustment {
        Api::SplitsAndDividends => Adjustment::SplitsAndDividends,
        Api::Splits => Adjustment::Splits,
        Api::None => Adjustment::None,
    }
}

/// From forward-adjusted to traded units: raw ones, or those adjusted back from the end of the history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scales {
    /// The factors at the end of the whole history: of splits, and of splits and dividends; none for raw prices.
    end: Option<(f64, f64)>,
}

impl Scales {
    /// Of a whole history.
    pub(crate) fn new(bars: &Bars, prices: TradedPrices) -> Self {
        let end = || Some((*bars.split_factor().last()?, factor(bars, bars.len() - 1)));
        Self { end: if prices == TradedPrices::Adjusted { end() } else { None } }
    }

    /// Times a forward-adjusted price: the traded one.
    fn of_adjusted_price(self, bars: &Bars, row: usize) -> f64 {
        1.0 / self.end.map_or_else(|| factor(bars, row), |(_, end)| end)
    }

    /// Times a forward-adjusted volume: the traded one.
    fn of_adjusted_volume(self, bars: &Bars, row: usize) -> f64 {
        self.end.map_or_else(|| bars.split_factor()[row], |(split, _)| split)
    }

    /// Times a raw price: the traded one.
    pub(crate) fn price(self, bars: &Bars, row: usize) -> f64 {
        self.end.map_or(1.0, |(_, end)| factor(bars, row) / end)
    }

    /// Times a raw volume: the traded one.
    pub(crate) fn volume(self, bars: &Bars, row: usize) -> f64 {
        self.end.map_or(1.0, |(split, _)| split / bars.split_factor()[row])
    }
}

fn factor(bars: &Bars, row: usize) -> f64 {
    bars.split_factor()[row] * bars.dividend_factor()[row]
}
