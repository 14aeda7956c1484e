//! Where backtesting.py and backtrader (`tests/reference/differences.py`) and zipline (`blotter.py` beside it) fill an order
//! elsewhere, and the setting by which they fill it where we do: each on a few bars that are made for the difference.

use std::collections::BTreeMap;

use ats_calendar::Calendar;
use ats_columns::{Actions, BarColumns, Bars};
use ats_pipeline::spec::{SizingSpec, StopSpec, StrategyCore, TakeProfitSpec};
use ats_trading_strategy::backtest::run;
use ats_trading_strategy::market::{Market, TickerHistory};
use jiff::civil::date;
use serde::Deserialize;

use crate::common::{decimal, one_position, whole};

#[derive(Deserialize)]
struct Reference {
    reference: String,
    cases: Vec<Case>,
}

/// Fills as bar, signed size, price.
#[derive(Deserialize)]
struct Case {
    name: String,
    engine: String,
    setting: String,
    bars: Vec<[f64; 5]>,
    by_itself: Vec<(usize, i64, f64)>,
    by_the_setting: Vec<(usize, i64, f64)>,
}

fn market(bars: &[[f64; 5]]) -> Market {
    let calendar = Calendar::xnys();
    let sessions = &calendar.sessions(date(2015, 1, 5), date(2015, 12, 31))[..bars.len()];
    let column = |place: usize| bars.iter().map(|bar| bar[place]).collect();
    let columns = BarColumns {
        session: sessions.to_vec(),
        timestamp: sessions.iter().map(|session| calendar.open(*session).unwrap().as_microsecond()).collect(),
        open: column(0),
        high: column(1),
        low: column(2),
        close: column(3),
        volume: column(4),
        split_factor: vec![1.0; bars.len()],
        dividend_factor: vec![1.0; bars.len()],
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

/// 90% of equity at the open after a close of 100.
fn core() -> StrategyCore {
    let mut core = one_position("raw_close > 99.9 and raw_close < 100.1", "raw_close < 1");
    core.sizing = SizingSpec::TargetWeight { weight: decimal("0.9"), cash_buffer: decimal("0") };
    core.rebalance_threshold = Some(decimal("1"));
    core
}

/// Our fills.
fn fills(core: StrategyCore, bars: &[[f64; 5]]) -> Vec<(usize, i64, f64)> {
    let market = market(bars);
    let sessions: Vec<_> = market.tickers["X"].bars.session().iter().map(|session| session.date()).collect();
    let spec = crate::common::backtest(core, sessions[0]);
    let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
    output
        .record
        .fills()
        .map(|fill| {
            let bar = sessions.iter().position(|session| *session == fill.session).unwrap();
            (bar, whole(fill.side.signed(fill.quantity)), fill.price.to_f64())
        })
        .collect()
}

fn same_by_the_setting(core: &StrategyCore, cases: &[Case]) {
    for Case { name, engine, setting, bars, by_itself, by_the_setting } in cases {
        let ours = fills(core.clone(), bars);
        assert!(!ours.is_empty(), "{name}, {engine}");
        assert_ne!(ours, *by_itself, "{name}, {engine}: no difference");
        assert_eq!(ours, *by_the_setting, "{name}, {engine}: {setting}");
    }
}

/// With stop and profit 5% of the signal's close from the fill.
#[test]
fn a_setting_makes_other_engines_fill_as_we_do() {
    let reference: Reference = serde_json::from_str(include_str!("../reference/differences.json")).unwrap();
    assert!(reference.reference.starts_with("backtesting 0."), "{}", reference.reference);
    assert_eq!(reference.cases.len(), 5);
    let mut core = core();
    core.stop = Some(StopSpec::Percent { fraction: decimal("0.05") });
    core.take_profit = Some(TakeProfitSpec::Percent { fraction: decimal("0.05") });
    same_by_the_setting(&core, &reference.cases);
}

/// A fortieth of a bar's volume.
#[test]
fn a_setting_makes_the_blotter_of_zipline_fill_as_we_do() {
    let reference: Reference = serde_json::from_str(include_str!("../reference/blotter.json")).unwrap();
    assert!(reference.reference.starts_with("zipline-reloaded 3."), "{}", reference.reference);
    assert_eq!(reference.cases.len(), 3);
    let mut core = core();
    core.costs.max_volume_share = Some(decimal("0.025"));
    same_by_the_setting(&core, &reference.cases);
}
