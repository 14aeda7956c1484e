//! Why a strategy did with a ticker what it did on a session: values, rules, caps and fills behind a decision.
//!
//! The backtest is run again up to that session and on until its orders are over; nothing is read from its result, so
//! what is told is what happened.

use std::collections::BTreeMap;

use ats_calendar::Calendar;
use ats_columns::evaluate::{Column, Inputs, evaluate};
use ats_expression::{Boolean, FeatureGraph, Kind, Node, Number, Scope, Typed, check_kind, parse};
use ats_pipeline::contract::Owner;
use ats_pipeline::spec::{BacktestSpec, StrategyCore};
use ats_pipeline::{StageFile, StageInput, StageKey, StageSpec, StoreLocation};
use ats_store::{StageContext, StageError};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::backtest::{BacktestError, plan};
use crate::convert::{ConvertError, engine_config};
use crate::engine::{Bar, Control, Engine, EquityPoint, Event, Order, Position, Slice, Ticker, TickerSlice};
use crate::load::load;
use crate::market::Market;
use crate::search::Choice;
use crate::signals::{Rules, SignalError};
use crate::slices::{SliceError, Slices};

/// Sessions after the one that is explained, in which its orders may still fill: as many as an order may be good for.
const LATER_SESSIONS: usize = 1000;

/// A question that has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The ticker is not traded.
    #[error("{ticker} is not among the strategy's tickers: {known}")]
    Ticker {
        /// As asked.
        ticker: String,
        /// The first of those that are.
        known: String,
    },
    /// The date is none of the backtest's.
    #[error("{date} is not a session of the backtest, which runs from {first} to {last}")]
    Session {
        /// As asked.
        date: Date,
        /// First session.
        first: Date,
        /// Last session.
        last: Date,
    },
    /// As the backtest itself.
    #[error(transparent)]
    Backtest(#[from] BacktestError),
}

/// A value with the text of what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Value {
    /// `rsi(close, 2)`, `rsi(close, 2) < 10`.
    pub text: String,
    /// `4.21`, `true`, `null`.
    pub value: String,
}

/// A rule, a score or a weight with the values of its parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleValues {
    /// `signal.rules.entry`, `signal.scores.expression`.
    pub field: &'static str,
    /// The rule.
    pub rule: Value,
    /// Its parts, from left to right.
    pub parts: Vec<Value>,
}

/// Everything behind a decision.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The ticker.
    pub ticker: String,
    /// The session at whose close it was decided.
    pub session: Date,
    /// Its last bar of the session; none where it did not trade.
    pub bar: Option<Bar>,
    /// Whether it was among the universe's active tickers.
    pub active: bool,
    /// Whether it might be opened.
    pub focus: bool,
    /// Whether the close ended a rebalance period.
    pub rebalance: bool,
    /// Score, ranking, weight, ATR, average volume and volatility, where the strategy has them.
    pub values: Vec<Value>,
    /// The rules, and the expressions of the score and of the weight.
    pub rules: Vec<RuleValues>,
    /// The parameters in force and what they were chosen on, where parameters are searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// The position before the session.
    pub before: Option<Position>,
    /// What happened to it in the session.
    pub events: Vec<Event>,
    /// The account at the close.
    pub account: EquityPoint,
    /// The drawdown latch, when it was closed, and since when.
    pub latched: Option<Date>,
    /// What was ordered on the close, also what the caps left nothing of.
    pub orders: Vec<Order>,
    /// Why nothing was ordered, where nothing was.
    pub why_not: Option<String>,
    /// What became of the orders.
    pub later: Vec<Event>,
}

/// Explains the decision at a session's close.
///
/// # Errors
/// A ticker or a date that the backtest does not have; what the backtest itself fails with.
pub fn explain(
    spec: &BacktestSpec,
    market: &Market,
    calendar: &Calendar,
    identity: &str,
    ticker: &str,
    date: Date,
) -> Result<Explanation, ExplainError> {
    let Some(history) = market.tickers.get(ticker) else {
        let known = market.tickers.keys().take(20).cloned().collect::<Vec<_>>().join(", ");
        return Err(ExplainError::Ticker { ticker: ticker.to_owned(), known });
    };
    let (first, last) = crate::backtest::span(spec, &market.outline(), calendar)?;
    if !(first..=last).contains(&date) || !calendar.is_session(date) {
        return Err(ExplainError::Session { date, first, last });
    }
    let failed = |error: BacktestError| ExplainError::Backtest(error);
    let (_, parts) = plan(spec, market, calendar, (first, last)).map_err(failed)?;
    // With a search the account begins with the first window.
    let first = parts.first().map_or(first, |part| part.from);
    if date < first {
        return Err(ExplainError::Session { date, first, last });
    }
    let config = |core| engine_config(core, identity).map_err(|error| failed(error.into()));
    let mut engine =
        Engine::new(config(&spec.core)?).map_err(|error| failed(ConvertError::from(error).into()))?;
    let name = Ticker::new(ticker);
    let mut told: Option<Explanation> = None;
    let mut before = None;
    let mut of_session = Vec::new();
    let mut sessions_after = 0;
    'parts: for span in &parts {
        engine = Engine::resume(config(&span.core)?, engine.state().clone())
            .map_err(|error| failed(ConvertError::from(error).into()))?;
        let slices =
            Slices::new(&span.core, market, calendar, spec.prices).map_err(|error| failed(error.into()))?;
        for slice in slices.between(span.from, span.to, Control::Run) {
            let slice: Slice = slice.map_err(|error| failed(error.into()))?;
            if slice.session < date || of_session.is_empty() && told.is_none() {
                before = engine.state().account.positions.get(&name).cloned();
            }
            let events = engine.step(&slice).map_err(|error| failed(error.into()))?;
            let account = events.iter().find_map(|event| match event {
                Event::Equity(point) => Some(point.clone()),
                _ => None,
            });
            if slice.session < date {
                continue;
            }
            if let Some(told) = &mut told {
                let ids: Vec<_> = told.orders.iter().map(|order| order.id.clone()).collect();
                told.later.extend(events.into_iter().filter(|event| match event {
                    Event::Filled(fill) => ids.contains(&fill.order),
                    Event::Cancelled { order, .. }
                    | Event::Waiting { order }
                    | Event::Untouched { order, .. } => ids.contains(order),
                    _ => false,
                }));
                sessions_after += usize::from(slice.session_close);
                let pending = &engine.state().pending;
                if sessions_after >= LATER_SESSIONS || !pending.iter().any(|order| ids.contains(&order.id)) {
                    break 'parts;
                }
                continue;
            }
            of_session.extend(events.into_iter().filter(|event| concerns(event, &name)));
            if !slice.session_close {
                continue;
            }
            let Some(account) = account else { continue };
            let (orders, events): (Vec<Event>, Vec<Event>) = std::mem::take(&mut of_session)
                .into_iter()
                .partition(|event| matches!(event, Event::Ordered(order) if !order.reason.is_in_bar()));
            let orders: Vec<Order> = orders
                .into_iter()
                .filter_map(|event| if let Event::Ordered(order) = event { Some(order) } else { None })
                .collect();
            let part = slice.get(&name);
            let row = history.bars.timestamp().iter().rposition(|at| *at <= slice.timestamp.as_microsecond());
            let rules = match (part.and_then(|part| part.bar), row) {
                (Some(_), Some(row)) => rules(&span.core, market, calendar, ticker, row)
                    .map_err(|error| failed(SliceError::from(error).into()))?,
                _ => Vec::new(),
            };
            let state = engine.state();
            let why_not = if orders.is_empty() {
                Some(why_not(
                    &span.core,
                    part,
                    &slice,
                    state.account.positions.contains_key(&name),
                    state.pending.iter().any(|order| order.ticker == name && order.intent.opens()),
                    account.positions,
                ))
            } else {
                None
            };
            told = Some(Explanation {
                ticker: ticker.to_owned(),
                session: slice.session,
                bar: part.and_then(|part| part.bar),
                active: part.is_some_and(|part| part.active),
                focus: part.is_some_and(|part| part.focus),
                rebalance: slice.rebalance,
                values: part.map(values).unwrap_or_default(),
                rules,
                choice: span.choice.clone(),
                before: before.clone(),
                events,
                account,
                latched: state.latch.as_ref().map(|latch| latch.session),
                orders,
                why_not,
                later: Vec::new(),
            });
        }
    }
    told.ok_or(ExplainError::Session { date, first, last })
}

/// Whether an event is about a ticker.
fn concerns(event: &Event, ticker: &Ticker) -> bool {
    match event {
        Event::Ordered(order) => order.ticker == *ticker,
        Event::Filled(fill) => fill.ticker == *ticker,
        Event::Split { ticker: whose, .. }
        | Event::Dividend { ticker: whose, .. }
        | Event::Borrowed { ticker: whose, .. } => whose == ticker,
        Event::TradeClosed(trade) => trade.ticker == *ticker,
        // Ids hold the ticker between the session and the side.
        Event::Cancelled { order, .. } | Event::Waiting { order } | Event::Untouched { order, .. } => {
            order.as_str().contains(&format!("-{ticker}-"))
        }
        Event::Latched { .. } => true,
        Event::LotClosed(_) | Event::LatchReset | Event::Equity(_) => false,
    }
}

/// Numbers that are decided by.
fn values(part: &TickerSlice) -> Vec<Value> {
    let mut values = Vec::new();
    let mut put = |text: &str, value: Option<String>| {
        if let Some(value) = value {
            values.push(Value { text: text.to_owned(), value });
        }
    };
    put("score", part.signal.score.map(|value| value.to_string()));
    put("portfolio.rankBy", part.signal.rank_by.map(|value| value.to_string()));
    put("average true range of the limit", part.limit_atr.map(|value| value.to_string()));
    put("average true range of the entry's stop", part.stop_atr.map(|value| value.to_string()));
    put("average true range", part.atr.map(|value| value.to_string()));
    put("average volume", part.average_volume.map(|value| value.to_string()));
    put("volatility a year", part.volatility.map(|value| value.to_f64().to_string()));
    put("weight", part.weight.map(|value| value.to_f64().to_string()));
    values
}

/// Why nothing was ordered.
fn why_not(
    core: &StrategyCore,
    part: Option<&TickerSlice>,
    slice: &Slice,
    held: bool,
    waits: bool,
    positions: u32,
) -> String {
    let Some(part) = part else { return "the ticker is unknown here".to_owned() };
    let by_rules = matches!(core.signal, ats_pipeline::spec::SignalSpec::Rules { .. });
    let words = if part.bar.is_none() {
        "it has no bar at this close"
    } else if waits {
        "an entry that was ordered before still waits for its price"
    } else if held && by_rules {
        "it is held, no exit rule is true, and no weight is to be restored"
    } else if !by_rules && !slice.rebalance {
        "a ranking is read at the end of a rebalance period only"
    } else if held {
        "it is held, keeps its rank, and no weight is to be restored"
    } else if !part.active {
        "it is not among the active tickers"
    } else if !part.focus {
        "it is not in the focus"
    } else if by_rules && !part.signal.entry && !part.signal.short_entry {
        "no entry rule is true"
    } else if by_rules && (part.signal.exit || part.signal.short_exit) && positions < core.max_positions {
        "an exit rule is true too, and wins; or entries are blocked"
    } else if !by_rules && part.signal.score.is_none() {
        "it has no score"
    } else if positions >= core.max_positions {
        "all places are taken"
    } else {
        "others come first in rank, its score does not pass the minimum, or entries are blocked by the drawdown limit"
    };
    words.to_owned()
}

/// The strategy's rules, score and weight with the values of their parts on a bar.
fn rules(
    core: &StrategyCore,
    market: &Market,
    calendar: &Calendar,
    ticker: &str,
    row: usize,
) -> Result<Vec<RuleValues>, SignalError> {
    let checked = Rules::new(core)?;
    let Some(history) = market.tickers.get(ticker) else { return Ok(Vec::new()) };
    let inputs = checked.inputs(core, &checked.others(market), history, calendar)?;
    let features: Vec<(&str, &str)> =
        core.features.iter().map(|feature| (feature.name.as_str(), feature.expression.as_str())).collect();
    let graph = FeatureGraph::new(&features, None).map_err(|errors| {
        SignalError::Features(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    let scope = graph.scope();
    let mut told = Vec::new();
    for (field, rule) in checked.named().chain(checked.numbers()) {
        let mut texts = BTreeMap::new();
        match rule.node() {
            Node::Boolean(boolean) => boolean_parts(boolean, &mut texts),
            Node::Number(_) => {
                let features = rule.features().into_iter();
                texts.extend(
                    features.filter_map(|name| Some((name.to_string(), scope.get(name.as_str())?.kind))),
                );
            }
        }
        let mut parts: Vec<(usize, Value)> = Vec::new();
        let whole = rule.to_string();
        for (text, kind) in texts {
            let place = whole.find(&text).unwrap_or(usize::MAX);
            let value = value_of(field, &text, kind, scope, &inputs, row)?;
            parts.push((place, Value { text, value }));
        }
        parts.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.text.len().cmp(&a.1.text.len())));
        let value = shown(&evaluate(rule, &inputs).map_err(crate::signals::missing(field))?, row);
        told.push(RuleValues {
            field,
            rule: Value { text: whole, value },
            parts: parts.into_iter().map(|(_, part)| part).collect(),
        });
    }
    Ok(told)
}

/// The comparisons of a rule and their operands, by text.
fn boolean_parts(boolean: &Boolean, texts: &mut BTreeMap<String, Kind>) {
    match boolean {
        Boolean::Not(inner) => boolean_parts(inner, texts),
        Boolean::Logic { left, right, .. } => {
            boolean_parts(left, texts);
            boolean_parts(right, texts);
        }
        Boolean::If { condition, then, otherwise } => {
            for part in [condition, then, otherwise] {
                boolean_parts(part, texts);
            }
        }
        Boolean::Feature(_) => {
            texts.insert(boolean.to_string(), Kind::Boolean);
        }
        Boolean::Compare { left, right, .. } | Boolean::Cross { left, right, .. } => {
            texts.insert(boolean.to_string(), Kind::Boolean);
            for side in [left, right] {
                if !matches!(**side, Number::Constant(_)) {
                    texts.insert(side.to_string(), Kind::Number);
                }
            }
        }
    }
}

/// A part's value on a bar.
fn value_of(
    field: &'static str,
    text: &str,
    kind: Kind,
    scope: &Scope,
    inputs: &Inputs<'_>,
    row: usize,
) -> Result<String, SignalError> {
    let typed: Typed = parse(text)
        .and_then(|part| check_kind(&part, scope, kind))
        .map_err(|source| SignalError::Expression { field, source: Box::new(source) })?;
    Ok(shown(&evaluate(&typed, inputs).map_err(crate::signals::missing(field))?, row))
}

fn shown(column: &Column, row: usize) -> String {
    match column {
        Column::Boolean(values) => match values.get(row).copied().flatten() {
            Some(value) => value.to_string(),
            None => "null".to_owned(),
        },
        Column::Number(values) => match values.get(row).copied().filter(|value| !value.is_nan()) {
            Some(value) => value.to_string(),
            None => "null".to_owned(),
        },
    }
}

/// `backtest.json`: what a backtest was computed from.
#[derive(Debug, Serialize, Deserialize)]
pub struct Source {
    /// The stage's spec.
    pub spec: StageSpec,
    /// Outputs of earlier stages.
    pub inputs: Vec<StageInput>,
}

/// Explains a decision of a backtest in a store, from its `backtest.json`.
///
/// # Errors
/// When an input is no longer in the store, or as [`explain`].
pub async fn explain_stored(
    key: StageKey,
    source: Source,
    context: &StageContext,
    ticker: String,
    date: Date,
) -> Result<Explanation, StageError> {
    let StageSpec::Backtest(spec) = &source.spec else {
        return Err(StageError::bad_spec("this is not the source of a backtest".to_owned()));
    };
    let spec = spec.clone();
    let file = StageFile {
        version: ats_pipeline::contract::VERSION,
        owner: Owner {
            kind: "Strategy".to_owned(),
            namespace: "default".to_owned(),
            name: String::new(),
            uid: None,
        },
        key,
        spec: source.spec,
        inputs: source.inputs,
        seed: 0,
        rerun_nonce: None,
        shards: 1,
        run: String::new(),
        store: StoreLocation { uri: context.store.uri().to_owned() },
        source: None,
    };
    let loaded = load(&file, &spec.core, spec.benchmark.as_deref(), context).await?;
    let calendar = Calendar::by_name(spec.core.calendar.as_str())
        .map_err(|error| StageError::bad_spec(error.to_string()))?;
    let identity = key.short();
    tokio::task::spawn_blocking(move || explain(&spec, &loaded.market, calendar, &identity, &ticker, date))
        .await
        .map_err(|error| StageError::internal(error.to_string()))?
        .map_err(|error| match error {
            ExplainError::Backtest(error) => error.into(),
            error => StageError::bad_spec(error.to_string()),
        })
}
