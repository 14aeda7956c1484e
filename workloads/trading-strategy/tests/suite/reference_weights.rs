//! Tables of target weights against vectorbt, bt and backtrader (`tests/reference/weights.py`): the same change of every
//! position at every bar, to the cent, and the same equity.

use std::collections::BTreeMap;

use crate::common::made_up::{history, sessions};
use crate::common::{decimal, one_position};
use ats_calendar::{Calendar, Interval};
use ats_columns::evaluate::Column;
use ats_columns::own::{OwnColumn, as_known};
use ats_crds::Rebalance;
use ats_crds::strategy::{Direction, FillTiming, Shares};
use ats_expression::Name;
use ats_pipeline::spec::{NamedExpression, SignalSpec, SizingSpec, StrategyCore};
use ats_trading_strategy::backtest::run;
use ats_trading_strategy::market::Market;
use jiff::civil::Date;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    reference: String,
    runs: Vec<Run>,
}

/// Rows as ticker, bar, whether it became known after the bar's close, weight; fills as bar, ticker, signed size.
#[derive(Deserialize)]
struct Run {
    name: String,
    engine: String,
    rows: Vec<(String, usize, bool, Option<f64>)>,
    tickers: Vec<usize>,
    rebalance: Rebalance,
    selection: String,
    fills: Vec<(usize, String, f64)>,
    equity: Vec<f64>,
}

/// The table's rows of a ticker with the instants at which they became known.
fn column(run: &Run, ticker: usize) -> OwnColumn {
    let sessions = sessions();
    let mut column = OwnColumn { name: "weight".to_owned(), ..OwnColumn::default() };
    let name = format!("T{ticker}");
    for (_, bar, late, weight) in run.rows.iter().filter(|row| row.0 == name) {
        let close = Calendar::xnys().close(sessions[*bar]).unwrap().as_microsecond();
        column.known_at.push(close + i64::from(*late));
        column.values.push(weight.unwrap_or(f64::NAN));
    }
    column
}

/// The bars with the weights as a column of the user's own.
fn market(run: &Run) -> Market {
    let of = |ticker: &usize| {
        let mut history = history(*ticker);
        let weights = as_known(&column(run, *ticker), &history.bars, Interval::D1, Calendar::xnys()).unwrap();
        history.features.insert(Name::new("weight").unwrap(), Column::Number(weights.into()));
        (format!("T{ticker}"), history)
    };
    Market { tickers: run.tickers.iter().map(of).collect(), ..Market::default() }
}

fn core(run: &Run) -> StrategyCore {
    let mut core = one_position("weight > 0", "weight <= 0");
    if run.selection == "scores" {
        let minimum_score = decimal("0");
        core.signal = SignalSpec::Scores { expression: "weight".into(), minimum_score, exit_rank: 10 };
    } else {
        core.signal = SignalSpec::Rules {
            entry: "weight > 0".into(),
            exit: "weight <= 0".into(),
            short_entry: Some("weight < 0".into()),
            short_exit: Some("weight >= 0".into()),
        };
    }
    let has_shorts = run.rows.iter().any(|row| row.3.is_some_and(|weight| weight < 0.0));
    core.direction = if has_shorts { Direction::LongShort } else { Direction::LongOnly };
    core.rebalance = run.rebalance;
    // As many on each side as there are tickers.
    core.max_positions = 10;
    core.max_gross_exposure = decimal("1");
    core.sizing = SizingSpec::TickerWeight { expression: "weight".into(), cash_buffer: decimal("0") };
    core.features = vec![NamedExpression { name: "weight".into(), expression: "own(\"weight\")".into() }];
    if run.engine == "backtrader" {
        core.costs.commission_rate = Some(decimal("0.001"));
    } else {
        (core.shares, core.fill) = (Shares::Fractional, FillTiming::SameClose);
    }
    core
}

#[test]
fn tables_of_target_weights_equal_other_engines() {
    let reference: Reference = serde_json::from_str(include_str!("../reference/weights.json")).unwrap();
    assert!(reference.reference.starts_with("vectorbt "), "{}", reference.reference);
    let sessions: Vec<Date> = sessions().iter().map(|session| session.date()).collect();
    for expected in &reference.runs {
        let what = format!("{} by {}", expected.name, expected.engine);
        let market = market(expected);
        let spec = crate::common::backtest(core(expected), sessions[0]);
        let record = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap().record;
        // What turns from long to short is one order there, and here one that closes and one that opens.
        let mut changes: BTreeMap<(Date, String), (f64, f64)> = BTreeMap::new();
        for fill in record.fills() {
            let change = changes.entry((fill.session, fill.ticker.to_string())).or_default();
            change.0 += fill.side.signed(fill.quantity).to_f64();
        }
        for (bar, ticker, size) in &expected.fills {
            changes.entry((sessions[*bar], ticker.clone())).or_default().1 += size;
        }
        assert!(changes.len() > 60, "{what}: {} changes", changes.len());
        for ((session, ticker), (ours, theirs)) in &changes {
            let told = format!("{what}, {ticker} on {session}: {ours} against {theirs}");
            if expected.engine == "backtrader" {
                assert_eq!(ours, theirs, "{told}");
            } else {
                let bars = &market.tickers[ticker].bars;
                let row = bars.session().partition_point(|other| other.date() < *session);
                assert!((ours - theirs).abs() * bars.close()[row] < 0.01, "{told}");
            }
        }
        assert_eq!(record.equity.len(), expected.equity.len(), "{what}");
        for (ours, theirs) in record.equity.iter().zip(&expected.equity) {
            let (session, ours) = (ours.session, ours.equity.to_f64());
            assert!((ours - theirs).abs() < 0.01, "{what}, equity of {session}: {ours} against {theirs}");
        }
    }
    let engines: Vec<&str> = reference.runs.iter().map(|run| run.engine.as_str()).collect();
    for engine in ["vectorbt", "bt", "backtrader"] {
        assert!(engines.contains(&engine), "{engine}");
    }
}
