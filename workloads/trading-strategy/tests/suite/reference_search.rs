//! A walk-forward search against backtesting.py's optimiser, numpy and scipy (`tests/reference/search.py`): the same
//! choice for each window, the same ratios, the same fills of the account that goes from window to window.

use crate::common::{decimal, one_position, whole};
use ats_calendar::Calendar;
use ats_crds::Rebalance;
use ats_crds::strategy::TradedPrices;
use ats_pipeline::spec::{BacktestSpec, SizingSpec, StrategyCore};
use ats_trading_strategy::backtest::run;
use ats_trading_strategy::search::Parameters;
use jiff::civil::Date;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    reference: String,
    first: Date,
    fast: Vec<u32>,
    slow: Vec<u32>,
    folds: u32,
    test: u32,
    cases: Vec<Case>,
}

/// Fills as bar from the first window on and signed size; ratios of folds a year, `tested` a session.
#[derive(Deserialize)]
struct Case {
    ticker: String,
    train: Option<u32>,
    folds: Vec<Chosen>,
    last: Last,
    trials: Vec<Trial>,
    fills: Vec<(usize, i64)>,
    equity: f64,
    sharpe: f64,
    chance: f64,
    deflated: f64,
}

#[derive(Deserialize)]
struct Chosen {
    start: usize,
    chosen: [u32; 2],
    value: f64,
}

#[derive(Deserialize)]
struct Last {
    chosen: [u32; 2],
    value: f64,
}

#[derive(Deserialize)]
struct Trial {
    parameters: [u32; 2],
    equity: f64,
    closed: u64,
    before: f64,
    tested: f64,
}

fn core(fast: u32, slow: u32) -> StrategyCore {
    let averages = |sign: &str| format!("sma(close, {fast}) {sign} sma(close, {slow})");
    let mut core = one_position(&averages(">"), &averages("<"));
    core.rebalance = Rebalance::Daily;
    core.sizing = SizingSpec::TargetWeight { weight: decimal("0.9"), cash_buffer: decimal("0") };
    core.rebalance_threshold = Some(decimal("1"));
    core.max_gross_exposure = decimal("1");
    core.costs.commission_rate = Some(decimal("0.001"));
    core
}

fn values(parameters: &Parameters) -> [u32; 2] {
    ["fast", "slow"].map(|name| parameters[name].to_u32().unwrap())
}

/// Their money is in floats and ours in millionths of a dollar: returns differ by some 1e-11.
#[track_caller]
fn near(ours: Option<f64>, theirs: f64, what: &str) {
    let ours = ours.unwrap();
    assert!((ours - theirs).abs() <= 1e-7 * theirs.abs().max(1.0), "{what}: {ours} against {theirs}");
}

#[test]
fn a_search_equals_another_optimiser() {
    let Some(folder) = crate::common::market_data() else { return };
    let reference: Reference = serde_json::from_str(include_str!("../reference/search.json")).unwrap();
    assert!(reference.reference.contains("backtesting ") && reference.reference.contains("scipy "));
    let mut different = 0;
    for case in &reference.cases {
        let windows = (reference.folds, reference.test, case.train);
        let (base, search) = crate::common::grid::pairs(&reference.fast, &reference.slow, core, windows);
        let market = crate::common::market(&folder, &[case.ticker.as_str()]);
        let spec = BacktestSpec {
            prices: TradedPrices::Adjusted,
            search: Some(search),
            ..crate::common::backtest(base, reference.first)
        };
        let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
        let searched = output.searched.as_ref().unwrap();

        assert_eq!(searched.trials.len(), case.trials.len());
        for (ours, theirs) in searched.trials.iter().zip(&case.trials) {
            let what = format!("{} {:?}", case.ticker, theirs.parameters);
            assert_eq!(values(&ours.parameters), theirs.parameters);
            assert!((ours.final_equity - theirs.equity).abs() < 0.01, "{what}: {}", ours.final_equity);
            assert_eq!(ours.trades, theirs.closed, "{what}");
            near(ours.before, theirs.before, &format!("{what} before the first window"));
            near(ours.sharpe_per_session, theirs.tested, &format!("{what} in the windows"));
        }

        let sessions = market.tickers[&case.ticker].bars.session();
        let from = sessions.partition_point(|session| session.date() < reference.first);
        assert_eq!(searched.folds.len(), case.folds.len());
        for (ours, theirs) in searched.folds.iter().zip(&case.folds) {
            let what = format!("{}, window from {}", case.ticker, ours.start);
            assert_eq!(ours.start, sessions[from + theirs.start].date(), "{what}");
            assert_eq!(ours.choice.to, sessions[from + theirs.start - 1].date(), "{what}");
            assert_eq!(values(&ours.choice.parameters), theirs.chosen, "{what}");
            near(ours.choice.in_sample, theirs.value, &what);
        }
        assert_eq!(values(&searched.last.parameters), case.last.chosen);
        near(searched.last.in_sample, case.last.value, &case.ticker);
        different += case.folds.windows(2).filter(|pair| pair[0].chosen != pair[1].chosen).count();

        let first = from + case.folds[0].start;
        let mut fills: Vec<(usize, i64)> = output
            .record
            .fills()
            .map(|fill| {
                let bar = sessions.iter().position(|session| session.date() == fill.session).unwrap();
                (bar - first, whole(fill.side.signed(fill.quantity)))
            })
            .collect();
        fills.sort_unstable();
        assert_eq!(fills, case.fills, "{}", case.ticker);
        assert!(fills.len() > 10, "{}: {} fills", case.ticker, fills.len());
        let number = |name: &str| output.statistics.value(name);
        assert!((number("finalEquity").unwrap() - case.equity).abs() < 0.01, "{}", case.ticker);
        near(number("sharpe"), case.sharpe, "sharpe");
        near(number("expectedBestSharpe"), case.chance, "expectedBestSharpe");
        near(number("deflatedSharpe"), case.deflated, "deflatedSharpe");
        assert_eq!(number("numberOfTrials"), Some(case.trials.len() as f64));
        assert_eq!(output.figures["deflatedSharpe"], number("deflatedSharpe"));
    }
    assert!(different > 1, "windows that all choose alike show nothing of the switch");
}
