//! Five strategies on real bars against backtesting.py, backtrader, vectorbt and nautilus_trader
//! (`tests/reference/strategies.py`): the same fills, fees and last equity, to the cent; by those that have them in parts
//! of shares, too.

use std::collections::BTreeMap;

use crate::common::{decimal, one_position, whole};
use ats_calendar::Calendar;
use ats_crds::Rebalance;
use ats_crds::strategy::{FillTiming, Shares, TradedPrices};
use ats_pipeline::spec::{BacktestSpec, SignalSpec, SizingSpec, StopSpec, StrategyCore};
use ats_trading_strategy::backtest::run;
use ats_trading_strategy::engine::Fill;
use ats_trading_strategy::market::Market;
use jiff::civil::Date;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    reference: String,
    first: Date,
    runs: Vec<Run>,
}

/// Fills as bar, ticker, signed size; in whole shares or in parts.
#[derive(Deserialize)]
struct Run {
    strategy: String,
    engine: String,
    tickers: Vec<String>,
    fill: String,
    parts: bool,
    fills: Vec<(usize, String, f64)>,
    fees: f64,
    equity: f64,
}

/// Nine tenths of equity at the entry, not restored.
fn rules(entry: &str, exit: &str) -> StrategyCore {
    let mut core = one_position(entry, exit);
    core.rebalance = Rebalance::Daily;
    core.sizing = SizingSpec::TargetWeight { weight: decimal("0.9"), cash_buffer: decimal("0") };
    core.rebalance_threshold = Some(decimal("1"));
    core.max_gross_exposure = decimal("1");
    core.costs.commission_rate = Some(decimal("0.001"));
    core
}

fn core(run: &Run) -> StrategyCore {
    let mut core = match run.strategy.as_str() {
        "hold" => rules("close > 0 * close", "close < 0 * close"),
        "cross" => {
            let averages = "(sma(close, 20), sma(close, 50))";
            rules(&format!("cross_above{averages}"), &format!("cross_below{averages}"))
        }
        "macd" => {
            let strength = "macd(close, 12, 26, 9).histogram / ema(close, 12)";
            rules(&format!("{strength} > 0.0025"), &format!("{strength} < -0.0025"))
        }
        "reversal" => {
            let mut core = rules("rsi(close, 2) < 10 and close > sma(close, 200)", "rsi(close, 2) > 60");
            core.stop = Some(StopSpec::Percent { fraction: decimal("0.03") });
            core
        }
        "rotation" => {
            let mut core = rules("close > 0 * close", "close < 0 * close");
            core.signal = SignalSpec::Model { minimum_score: decimal("0"), exit_rank: 3 };
            core.max_positions = 3;
            core.rebalance = Rebalance::Monthly;
            core.rebalance_threshold = None;
            core.sizing = SizingSpec::EqualWeight;
            core.max_gross_exposure = decimal("0.9");
            core
        }
        other => panic!("no strategy {other}"),
    };
    core.shares = if run.parts { Shares::Fractional } else { Shares::Whole };
    core.fill = if run.fill == "close" { FillTiming::SameClose } else { FillTiming::NextOpen };
    core
}

/// The bars; of a rotation with the return over 126 bars as scores.
fn market(folder: &std::path::Path, run: &Run) -> Market {
    let tickers: Vec<&str> = run.tickers.iter().map(String::as_str).collect();
    let mut market = crate::common::market(folder, &tickers);
    if run.strategy == "rotation" {
        for history in market.tickers.values_mut() {
            let bars = &history.bars;
            let worth =
                |row: usize| bars.close()[row] * bars.split_factor()[row] * bars.dividend_factor()[row];
            history.scores = (0..bars.len())
                .map(|row| if row < 126 { f64::NAN } else { worth(row) / worth(row - 126) - 1.0 })
                .collect();
        }
    }
    market
}

#[test]
fn five_strategies_on_real_bars_equal_other_engines() {
    let Some(folder) = crate::common::market_data() else { return };
    let reference: Reference = serde_json::from_str(include_str!("../reference/strategies.json")).unwrap();
    let mut compared: BTreeMap<(String, String, bool), usize> = BTreeMap::new();
    for expected in &reference.runs {
        let parts = if expected.parts { ", in parts of shares" } else { "" };
        let what = format!("{} of {} by {}{parts}", expected.strategy, expected.tickers[0], expected.engine);
        let market = market(&folder, expected);
        let spec = BacktestSpec {
            prices: TradedPrices::Adjusted,
            ..crate::common::backtest(core(expected), reference.first)
        };
        let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
        let sessions: Vec<Date> = output.record.equity.iter().map(|point| point.session).collect();
        // Session, ticker and signed size.
        fn order<T>(fills: &mut [T], key: impl Fn(&T) -> (Date, &str, f64)) {
            fills.sort_by(|a, b| {
                let (a, b) = (key(a), key(b));
                (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2))
            });
        }
        let size_of = |fill: &Fill| fill.side.signed(fill.quantity).to_f64();
        let mut ours: Vec<&Fill> = output.record.fills().collect();
        order(&mut ours, |fill| (fill.session, fill.ticker.as_str(), size_of(fill)));
        let mut theirs: Vec<(Date, &str, f64)> =
            expected.fills.iter().map(|(bar, name, size)| (sessions[*bar], name.as_str(), *size)).collect();
        order(&mut theirs, |fill| *fill);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let told = format!("{what}: {ours:?} against {theirs:?}");
            assert_eq!((ours.session, ours.ticker.as_str()), (theirs.0, theirs.1), "{told}");
            if expected.parts {
                // Equity is the same to the cent, and so is what is bought with it.
                assert!((size_of(ours) - theirs.2).abs() * ours.price.to_f64() < 0.01, "{told}");
            } else {
                assert_eq!(whole(ours.side.signed(ours.quantity)) as f64, theirs.2, "{told}");
            }
        }
        assert_eq!(ours.len(), theirs.len(), "{what}");
        if expected.parts {
            let broken = ours.iter().filter(|fill| size_of(fill).fract() != 0.0).count();
            assert!(2 * broken > ours.len(), "{what}: {broken} of {} sizes are parts", ours.len());
        }
        let fees: f64 = output.record.fills().map(|fill| fill.commission.to_f64()).sum();
        let equity = output.record.equity.last().unwrap().equity.to_f64();
        // Where their dollars are whole cents, each fill is rounded twice: its value and its fee.
        let rounded = expected.engine.ends_with("in cents");
        let near = if rounded { 0.01 * ours.len() as f64 } else { 0.01 };
        assert!((fees - expected.fees).abs() < near, "{what}: fees {fees} against {}", expected.fees);
        assert!((equity - expected.equity).abs() < near, "{what}: {equity} against {}", expected.equity);
        let run = (expected.strategy.clone(), expected.engine.clone(), expected.parts);
        *compared.entry(run).or_default() += ours.len();
    }
    assert!(reference.reference.contains("vectorbt ") && reference.reference.contains("nautilus_trader "));
    // Four strategies by four engines, one of them once more in whole cents, and a rotation by three; in parts of shares
    // four by three, and a rotation by two.
    assert_eq!(compared.len(), 34, "{compared:?}");
    for ((strategy, engine, _), fills) in &compared {
        let least = if strategy == "hold" { 3 } else { 40 };
        assert!(*fills >= least, "{strategy} by {engine}: {fills} fills");
    }
}
