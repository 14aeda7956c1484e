//! The whole path from rules to trades against an independent engine, backtesting.py
//! (`tests/reference/engine.py`), on made-up bars.

use std::collections::BTreeMap;

use ats_calendar::Calendar;
use ats_columns::{Actions, BarColumns, Bars};
use ats_crds::strategy::FillTiming;
use ats_pipeline::spec::{SizingSpec, StopSpec};
use ats_trading_strategy::backtest::run;
use ats_trading_strategy::market::{Market, TickerHistory};
use jiff::civil::date;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    reference: String,
    bars: BTreeMap<String, Vec<f64>>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    name: String,
    weight: String,
    next_open: bool,
    stop: Option<String>,
    trades: Vec<Trade>,
    equity: Vec<f64>,
}

#[derive(Deserialize)]
struct Trade {
    entry: usize,
    exit: usize,
    size: f64,
    entry_price: f64,
    exit_price: f64,
    profit: f64,
}

fn market(bars: &BTreeMap<String, Vec<f64>>) -> Market {
    let calendar = Calendar::xnys();
    let rows = bars["close"].len();
    let sessions = &calendar.sessions(date(2015, 1, 5), date(2020, 1, 1))[..rows];
    let columns = BarColumns {
        session: sessions.to_vec(),
        timestamp: sessions.iter().map(|session| calendar.open(*session).unwrap().as_microsecond()).collect(),
        open: bars["open"].clone(),
        high: bars["high"].clone(),
        low: bars["low"].clone(),
        close: bars["close"].clone(),
        volume: vec![1e6; rows],
        split_factor: vec![1.0; rows],
        dividend_factor: vec![1.0; rows],
    };
    let history = TickerHistory {
        bars: Bars::new("X", columns).unwrap(),
        actions: Actions::new("X", Vec::new()).unwrap(),
        features: BTreeMap::new(),
        membership: crate::common::always(),
        scores: Vec::new(),
    };
    Market { tickers: BTreeMap::from([("X".to_owned(), history)]), ..Market::default() }
}

#[test]
fn equals_backtesting_py() {
    let reference: Reference = serde_json::from_str(include_str!("../reference/engine.json")).unwrap();
    assert!(reference.reference.starts_with("backtesting "));
    let market = market(&reference.bars);
    let sessions: Vec<_> = market.tickers["X"].bars.session().iter().map(|session| session.date()).collect();
    for expected in &reference.runs {
        let mut core = crate::common::core(
            "cross_above(sma(close, 10), sma(close, 30))",
            "cross_below(sma(close, 10), sma(close, 30))",
        );
        // Sized once and not restored: risking weight x stop at a stop that far away is the weight.
        let stop = crate::common::decimal(expected.stop.as_deref().unwrap_or("1"));
        core.sizing = SizingSpec::RiskPerTrade;
        core.risk_percentage = crate::common::decimal(&expected.weight) * stop;
        core.stop = Some(StopSpec::Percent { fraction: stop });
        core.rank_by = None;
        core.max_positions = 1;
        core.max_position_size = None;
        core.max_portfolio_heat = None;
        core.max_drawdown = None;
        core.costs = crate::common::costless();
        core.fill = if expected.next_open { FillTiming::NextOpen } else { FillTiming::SameClose };
        let spec = crate::common::backtest(core, sessions[0]);
        let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
        let name = &expected.name;

        assert_eq!(output.record.trades.len(), expected.trades.len(), "{name}");
        for (ours, theirs) in output.record.trades.iter().zip(&expected.trades) {
            assert_eq!(ours.entry_session, sessions[theirs.entry], "{name}");
            assert_eq!(ours.exit_session, Some(sessions[theirs.exit]), "{name}");
            assert_eq!(ours.quantity, theirs.size, "{name} {}", ours.entry_session);
            for (ours, theirs) in [
                (ours.entry_price, theirs.entry_price),
                (ours.exit_price, theirs.exit_price),
                (ours.profit.to_f64(), theirs.profit),
            ] {
                assert!((ours - theirs).abs() < 1e-6, "{name}: {ours} against {theirs}");
            }
        }
        for (ours, theirs) in output.record.equity.iter().zip(&expected.equity) {
            let equity = ours.equity.to_f64();
            assert!((equity - theirs).abs() < 1e-6, "{name} {}: {equity} against {theirs}", ours.session);
        }
    }
}
