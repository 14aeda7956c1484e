//! Entries at the close, shorts that are borrowed, a commission with a least and a most, and bars of an hour against
//! backtrader (`tests/reference/execution.py`): the same fills and fees, and the same equity at every bar, to the cent.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, Interval};
use ats_crds::strategy::FillTiming;
use ats_pipeline::spec::{EntrySpec, StopSpec, StrategyCore};
use ats_trading_strategy::backtest::{BacktestOutput, run};
use ats_trading_strategy::market::{Market, TickerHistory};
use serde::Deserialize;

use crate::common::made_up::{history, hourly};
use crate::common::{decimal, long_short, reversal, trend, whole};

#[derive(Deserialize)]
struct Reference {
    reference: String,
    at_close: Vec<Run>,
    on_close: Vec<Run>,
    borrowed: Vec<Run>,
    capped: Vec<Run>,
    hourly: Vec<Run>,
}

/// Fills as bar, signed size, price, commission; equity of each bar.
#[derive(Deserialize)]
struct Run {
    name: String,
    ticker: usize,
    cash: u32,
    fills: Vec<(usize, i64, f64, f64)>,
    equity: Vec<f64>,
    borrowed: f64,
}

fn reference() -> Reference {
    let reference: Reference = serde_json::from_str(include_str!("../reference/execution.json")).unwrap();
    assert!(reference.reference.starts_with("backtrader 1."), "{}", reference.reference);
    reference
}

fn cross() -> StrategyCore {
    let (up, down) =
        ("cross_above(sma(close, 10), sma(close, 30))", "cross_below(sma(close, 10), sma(close, 30))");
    long_short([up, down, down, up])
}

fn cents(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() < 0.01, "{what}: {ours} against {theirs}");
}

/// The bar of each fill beside it, and what the backtest gave.
struct Ran {
    output: BacktestOutput,
    bars: Vec<usize>,
}

fn backtest(mut core: StrategyCore, history: TickerHistory, expected: &Run) -> Ran {
    core.initial_cash = expected.cash.into();
    let (start, times) = (history.bars.session()[0].date(), history.bars.timestamp().to_vec());
    let market = Market { tickers: BTreeMap::from([("T".to_owned(), history)]), ..Market::default() };
    let spec = crate::common::backtest(core, start);
    let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
    let bars = output
        .record
        .fills()
        .map(|fill| times.binary_search(&fill.timestamp.as_microsecond()).unwrap())
        .collect();
    Ran { output, bars }
}

fn same_fills(ran: &Ran, expected: &Run) {
    let what = format!("{}, T{}", expected.name, expected.ticker);
    let ours = ran.output.record.fills().zip(&ran.bars);
    for ((ours, at), (bar, size, price, commission)) in ours.zip(&expected.fills) {
        let what = format!("{what}, fill on {}", ours.timestamp);
        assert_eq!((*at, whole(ours.side.signed(ours.quantity))), (*bar, *size), "{what}");
        assert!((ours.price.to_f64() - price).abs() < 1e-6, "{what}: {} {price}", ours.price);
        assert!((ours.commission.to_f64() - commission).abs() < 1e-6, "{what}: {}", ours.commission);
    }
    assert!(expected.fills.len() > 100, "{what}: {} fills", expected.fills.len());
}

fn same(core: StrategyCore, history: TickerHistory, expected: &Run) -> Ran {
    let ran = backtest(core, history, expected);
    let what = format!("{}, T{}", expected.name, expected.ticker);
    same_fills(&ran, expected);
    assert_eq!(ran.bars.len(), expected.fills.len(), "{what}");
    assert_eq!(ran.output.record.equity.len(), expected.equity.len(), "{what}");
    for (ours, theirs) in ran.output.record.equity.iter().zip(&expected.equity) {
        cents(ours.equity.to_f64(), *theirs, &format!("{what}, equity of {}", ours.timestamp));
    }
    // A night's cost is rounded to the micro-dollar here, twice.
    let borrowing = ran.output.record.borrowing.to_f64();
    let near = 1e-6 * expected.equity.len() as f64;
    assert!((borrowing - expected.borrowed).abs() < near, "{what}: {borrowing} {}", expected.borrowed);
    ran
}

#[test]
fn entries_at_the_next_close_equal_backtrader() {
    let mut core = reversal();
    core.entry = Some(EntrySpec::MarketOnClose);
    core.costs.commission_rate = Some(decimal("0.001"));
    for expected in &reference().at_close {
        same(core.clone(), history(expected.ticker), expected);
    }
}

/// What is decided on a close is filled there; backtrader books it a bar later, so the last close fills nothing there, and
/// equity is the same where nothing fills.
#[test]
fn fills_at_the_same_close_equal_backtrader() {
    let mut core = reversal();
    core.fill = FillTiming::SameClose;
    core.costs.commission_rate = Some(decimal("0.001"));
    for expected in &reference().on_close {
        let ran = backtest(core.clone(), history(expected.ticker), expected);
        same_fills(&ran, expected);
        let last = expected.equity.len() - 1;
        let before_last = ran.bars.iter().filter(|bar| **bar < last).count();
        assert_eq!(before_last, expected.fills.len(), "{}, T{}", expected.name, expected.ticker);
        assert_eq!(ran.output.record.equity.len(), expected.equity.len());
        let points = ran.output.record.equity.iter().zip(&expected.equity).enumerate();
        let mut compared = 0;
        for (_, (ours, theirs)) in points.filter(|(bar, _)| !ran.bars.contains(bar)) {
            let what = format!("{}, T{}, equity of {}", expected.name, expected.ticker, ours.session);
            cents(ours.equity.to_f64(), *theirs, &what);
            compared += 1;
        }
        assert!(compared > 500, "{compared} bars");
    }
}

/// By itself backtrader charges a year of 365 days on the price of the entry.
#[test]
fn shorts_that_are_borrowed_equal_backtrader_by_a_setting() {
    let mut core = trend();
    core.costs.borrow_rate = Some(decimal("0.05"));
    for pair in reference().borrowed.chunks(2) {
        let [by_the_setting, by_itself] = pair else { panic!("two runs of each ticker") };
        let ran = same(core.clone(), history(by_the_setting.ticker), by_the_setting);
        assert_eq!(by_itself.ticker, by_the_setting.ticker);
        let borrowing = ran.output.record.borrowing.to_f64();
        assert!(borrowing > 1000.0, "{borrowing}");
        assert!((borrowing - by_itself.borrowed).abs() > 1.0, "{borrowing} {}", by_itself.borrowed);
    }
}

/// $0.005 a share, at least $1 an order, at most half a per cent of its value: by how much there is to trade with, each
/// of the three is what is charged.
#[test]
fn a_commission_with_a_least_and_a_most_equals_backtrader() {
    let mut core = trend();
    core.costs.commission_per_share = decimal("0.005");
    core.costs.minimum_commission = decimal("1");
    core.costs.maximum_commission_rate = Some(decimal("0.005"));
    for expected in &reference().capped {
        let ran = same(core.clone(), history(expected.ticker), expected);
        let fees: Vec<i64> = ran.output.record.fills().map(|fill| fill.commission.micros()).collect();
        let is_charged = match expected.cash {
            100_000 => fees.iter().all(|fee| *fee > 1_000_000),
            10_000 => fees.iter().all(|fee| *fee == 1_000_000),
            _ => fees.iter().all(|fee| *fee < 1_000_000),
        };
        assert!(is_charged, "{} with {}: {fees:?}", expected.name, expected.cash);
    }
}

/// Long and short, with a stop, a fee, and shorts that are borrowed overnight and not by the hour.
#[test]
fn bars_of_an_hour_equal_backtrader() {
    let mut core = cross();
    core.interval = Interval::H1;
    core.stop = Some(StopSpec::Percent { fraction: decimal("0.01") });
    core.costs.commission_rate = Some(decimal("0.001"));
    core.costs.borrow_rate = Some(decimal("0.05"));
    for expected in &reference().hourly {
        let ran = same(core.clone(), hourly(expected.ticker), expected);
        let exits = &ran.output.statistics.exits;
        for reason in ["Signal", "Stop"] {
            assert!(exits.iter().any(|group| group.name == reason && group.trades > 5), "{reason}");
        }
    }
}
