//! The namespace as Prometheus reads it.

use std::collections::BTreeMap;

use ats_crds::status::StageState;
use ats_ledger::OrderState;
use jiff::{Timestamp, civil::Date};
use prometheus::{CounterVec, Encoder, GaugeVec, Opts, Registry, TextEncoder};

use crate::{
    Summary, View,
    book::{Book, LedgerName},
    format::float,
    objects::{midnight, progress, seconds},
};

/// Whether a metric may fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// It may.
    Gauge,
    /// It only grows.
    Counter,
}

/// A metric that may be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricType,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

const OBJECT: &[&str] = &["kind", "name"];
const STAGE: &[&str] = &["kind", "name", "stage"];
const NAME: &[&str] = &["name"];

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricType::Gauge, labels, help }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: MetricType::Counter, labels, help }
}

/// Every metric, in the order of their documentation. Instants are Unix seconds, sessions those of their midnight in
/// UTC, ratios are fractions of 1.
pub const METRICS: &[Metric] = &[
    gauge("ats_object_ready", OBJECT, "1 when the object is Ready, 0 when it is not."),
    gauge(
        "ats_object_state",
        &["kind", "name", "state"],
        "1 for the word that the page shows for the object.",
    ),
    gauge("ats_object_published_timestamp_seconds", OBJECT, "When the last stage of the object was done."),
    gauge("ats_object_failures", OBJECT, "Failures in the object's status."),
    gauge("ats_object_figure", &["kind", "name", "figure"], "A figure of status.metrics, in its own unit."),
    gauge("ats_universe_fresh", NAME, "1 when the latest refresh that is due has succeeded."),
    gauge("ats_universe_session_timestamp_seconds", NAME, "The last session acquired."),
    gauge("ats_universe_tickers", &["name", "set"], "Tickers listed, active, in focus at the last session."),
    gauge("ats_stage_duration_seconds", STAGE, "How long the last run of the stage took."),
    gauge("ats_stage_progress_ratio", STAGE, "Shards of the stage that are done, of all its shards."),
    gauge("ats_stage_attempts", STAGE, "Jobs that the stage has had for its key."),
    gauge("ats_stage_failed", STAGE, "1 when the stage has failed."),
    gauge("ats_strategy_halted", NAME, "1 while trading is halted."),
    gauge("ats_strategy_equity_dollars", NAME, "Equity at the last session in the ledger."),
    gauge("ats_strategy_cash_dollars", NAME, "Cash in the ledger."),
    gauge(
        "ats_strategy_drawdown_ratio",
        NAME,
        "Equity over its peak less 1 at the last session, 0 or below.",
    ),
    gauge("ats_strategy_gross_exposure_ratio", NAME, "Gross exposure over equity at the last session."),
    gauge("ats_strategy_net_exposure_ratio", NAME, "Net exposure over equity at the last session."),
    gauge("ats_strategy_session_timestamp_seconds", NAME, "The last session in the ledger."),
    gauge("ats_strategy_positions", NAME, "Open positions in the ledger."),
    gauge("ats_strategy_open_orders", NAME, "Orders that something can still happen to."),
    counter("ats_strategy_orders_total", &["name", "side"], "Orders ever decided."),
    counter("ats_strategy_orders_ended_total", &["name", "state"], "Orders ever ended."),
    counter("ats_strategy_decisions_total", &["name", "outcome"], "Bars ever decided."),
    counter("ats_strategy_halts_total", &["name", "cause"], "Halts ever begun."),
    gauge("ats_ledger_up", &["ledger"], "1 when the ledger could be read at the last try."),
    gauge("ats_ledger_read_timestamp_seconds", &["ledger"], "When the ledger was last read."),
    gauge("ats_watch_up", &["kind"], "0 while the API server does not answer the watch of the kind."),
    gauge("ats_monitoring_build_info", &["version"], "Always 1; the version of this process."),
];

/// What is to be exported: (name, labels) and value, gathered before the library sees it.
#[derive(Default)]
struct Values(BTreeMap<(&'static str, Vec<String>), f64>);

impl Values {
    fn put(&mut self, name: &'static str, labels: &[&str], value: f64) {
        // Something that is not known is left out: a gap says so, NaN hides in sums.
        if value.is_finite() {
            self.0.insert((name, labels.iter().map(|&label| label.to_owned()).collect()), value);
        }
    }

    fn add(&mut self, name: &'static str, labels: &[&str], value: f64) {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        *self.0.entry((name, labels)).or_default() += value;
    }
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// Unix seconds, to the microsecond.
fn unix(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

fn session(session: Date) -> f64 {
    midnight(session).map_or(f64::NAN, unix)
}

/// The text of `/metrics`. It is made anew for each scrape, so an object that is gone leaves nothing behind.
///
/// # Errors
/// When a metric does not encode, which is a defect.
pub fn text(view: &View) -> Result<String, prometheus::Error> {
    let values = values(view);
    let registry = Registry::new();
    for metric in METRICS {
        let options = Opts::new(metric.name, metric.help);
        let mine = values.0.iter().filter(|((name, _), _)| *name == metric.name);
        match metric.kind {
            MetricType::Gauge => {
                let vector = GaugeVec::new(options, metric.labels)?;
                registry.register(Box::new(vector.clone()))?;
                for ((_, labels), value) in mine {
                    vector.get_metric_with_label_values(labels)?.set(*value);
                }
            }
            MetricType::Counter => {
                let vector = CounterVec::new(options, metric.labels)?;
                registry.register(Box::new(vector.clone()))?;
                for ((_, labels), value) in mine {
                    vector.get_metric_with_label_values(labels)?.inc_by(*value);
                }
            }
        }
    }
    let mut buffer = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}

fn values(view: &View) -> Values {
    let mut values = Values::default();
    values.put("ats_monitoring_build_info", &[env!("CARGO_PKG_VERSION")], 1.0);
    for summary in view.objects.summaries() {
        object(&mut values, &summary);
    }
    for universe in &view.objects.universes {
        let name = universe.metadata.name.as_deref().unwrap_or_default();
        let status = universe.status.as_ref();
        let sets = [
            ("listed", Some(universe.spec.tickers.len() as f64)),
            ("active", status.and_then(|status| status.active_tickers).map(|count| count as f64)),
            ("focus", status.and_then(|status| status.focus_tickers).map(|count| count as f64)),
        ];
        for (set, count) in sets {
            values.put("ats_universe_tickers", &[name, set], count.unwrap_or(f64::NAN));
        }
        let date = status.and_then(|status| status.as_of_session.as_deref()?.parse().ok());
        values.put("ats_universe_session_timestamp_seconds", &[name], date.map_or(f64::NAN, session));
    }
    for strategy in &view.objects.strategies {
        let name = strategy.metadata.name.as_deref().unwrap_or_default();
        // What a ledger said before it went away is left out: `ats_ledger_up` tells.
        let books = view.books.of(strategy);
        let book = books
            .filter(|books| books.ledger.is_some_and(|ledger| ledger.problem.is_none()))
            .and_then(|books| books.book);
        let told = strategy.status.as_ref().is_some_and(|status| status.halt.is_some());
        let halted = told || book.is_some_and(|book| book.open_halts().next().is_some());
        values.put("ats_strategy_halted", &[name], flag(halted));
        if let Some(book) = book {
            trading(&mut values, name, book);
        }
    }
    for (name, state) in &view.books.ledgers {
        ledger(&mut values, name, state.problem.is_none(), state.read_at);
    }
    for (kind, interruption) in &view.interruptions {
        values.put("ats_watch_up", &[kind], flag(interruption.is_none()));
    }
    values
}

fn object(values: &mut Values, summary: &Summary<'_>) {
    let (kind, name) = (summary.kind, summary.name);
    let is = |kind: &str| flag(summary.condition(kind).is_some_and(|condition| condition.status == "True"));
    values.put("ats_object_ready", &[kind, name], is("Ready"));
    values.put("ats_object_state", &[kind, name, summary.state().as_str()], 1.0);
    if kind == "TradingUniverse" {
        values.put("ats_universe_fresh", &[name], is("Fresh"));
    }
    if let Some(at) = summary.published_at() {
        values.put("ats_object_published_timestamp_seconds", &[kind, name], unix(at));
    }
    let Some(status) = summary.status else { return };
    values.put("ats_object_failures", &[kind, name], status.failures.len() as f64);
    for stage in &status.stages {
        let labels = [kind, name, stage.name.as_str()];
        values.put("ats_stage_attempts", &labels, f64::from(stage.attempt));
        values.put("ats_stage_failed", &labels, flag(stage.state == StageState::Failed));
        values.put("ats_stage_duration_seconds", &labels, seconds(stage).unwrap_or(f64::NAN));
        if let Some((done, total)) = progress(stage) {
            values.put("ats_stage_progress_ratio", &labels, done as f64 / total as f64);
        }
    }
    for (figure, value) in &status.metrics {
        values.put("ats_object_figure", &[kind, name, figure], value.parse().unwrap_or(f64::NAN));
    }
}

fn trading(values: &mut Values, name: &str, book: &Book) {
    values.put("ats_strategy_cash_dollars", &[name], float(book.cash));
    values.put("ats_strategy_positions", &[name], book.positions.len() as f64);
    values.put("ats_strategy_open_orders", &[name], book.open_orders() as f64);
    if let Some(last) = book.points.last() {
        let share = |amount: rust_decimal::Decimal| amount.checked_div(last.equity).map_or(f64::NAN, float);
        values.put("ats_strategy_equity_dollars", &[name], float(last.equity));
        values.put("ats_strategy_drawdown_ratio", &[name], float(last.drawdown));
        values.put("ats_strategy_gross_exposure_ratio", &[name], share(last.gross_exposure));
        values.put("ats_strategy_net_exposure_ratio", &[name], share(last.net_exposure));
        values.put("ats_strategy_session_timestamp_seconds", &[name], session(last.session));
    }
    // Counters begin at 0, so that a first rejection is a rise.
    for state in [OrderState::Filled, OrderState::Cancelled, OrderState::Rejected] {
        values.add("ats_strategy_orders_ended_total", &[name, state.as_str()], 0.0);
    }
    for cause in ats_ledger::HaltCause::ALL {
        values.add("ats_strategy_halts_total", &[name, cause.as_str()], 0.0);
    }
    for side in ats_ledger::Side::ALL {
        values.add("ats_strategy_orders_total", &[name, side.as_str()], 0.0);
    }
    for outcome in ats_ledger::DecisionOutcome::ALL {
        values.add("ats_strategy_decisions_total", &[name, outcome.as_str()], 0.0);
    }
    for (side, state, count) in &book.order_counts {
        values.add("ats_strategy_orders_total", &[name, side.as_str()], *count as f64);
        if state.is_final() {
            values.add("ats_strategy_orders_ended_total", &[name, state.as_str()], *count as f64);
        }
    }
    for (outcome, count) in &book.decision_counts {
        values.add("ats_strategy_decisions_total", &[name, outcome.as_str()], *count as f64);
    }
    for halt in &book.halts {
        values.add("ats_strategy_halts_total", &[name, halt.cause.as_str()], 1.0);
    }
}

fn ledger(values: &mut Values, name: &LedgerName, up: bool, read_at: Option<Timestamp>) {
    let name = name.to_string();
    values.put("ats_ledger_up", &[&name], flag(up));
    values.put("ats_ledger_read_timestamp_seconds", &[&name], read_at.map_or(f64::NAN, unix));
}
