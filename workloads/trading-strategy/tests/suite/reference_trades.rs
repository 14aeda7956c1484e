//! Trades and what is said of them against vectorbt's trade records (`tests/reference/trades.py`): the same trades, and of
//! them the same rates, averages, streaks and durations.

use std::collections::BTreeMap;

use ats_calendar::Calendar;
use ats_crds::strategy::FillTiming;
use ats_trading_strategy::backtest::run;
use ats_trading_strategy::engine::Side;
use ats_trading_strategy::market::Market;
use serde::Deserialize;

use crate::common::made_up::{history, sessions};
use crate::common::{decimal, reversal, trend};

#[derive(Deserialize)]
struct Reference {
    reference: String,
    runs: Vec<Run>,
}

/// Trades as entry bar, exit bar, signed size, entry price, exit price, fees, profit, profit over value opened.
#[derive(Deserialize)]
struct Run {
    name: String,
    ticker: usize,
    trades: Vec<[f64; 8]>,
    statistics: BTreeMap<String, f64>,
    equity: f64,
}

/// Each of a trade's two fees is rounded to the micro-dollar here.
const A_TRADE: f64 = 1.1e-6;

#[test]
fn trades_and_their_statistics_equal_vectorbt() {
    let reference: Reference = serde_json::from_str(include_str!("../reference/trades.json")).unwrap();
    assert!(reference.reference.starts_with("vectorbt "), "{}", reference.reference);
    let sessions: Vec<_> = sessions().iter().map(|session| session.date()).collect();
    let (mut long, mut short) = (0, 0);
    for expected in &reference.runs {
        let what = format!("{} of T{}", expected.name, expected.ticker);
        let mut core = match expected.name.as_str() {
            "reversal" => reversal(),
            "trend" => trend(),
            other => panic!("no strategy {other}"),
        };
        core.fill = FillTiming::SameClose;
        core.costs.commission_rate = Some(decimal("0.001"));
        let tickers = BTreeMap::from([("T".to_owned(), history(expected.ticker))]);
        let market = Market { tickers, ..Market::default() };
        let spec = crate::common::backtest(core, sessions[0]);
        let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();

        assert_eq!(output.record.trades.len(), expected.trades.len(), "{what}");
        for (ours, theirs) in output.record.trades.iter().zip(&expected.trades) {
            let [entry, exit, size, entry_price, exit_price, fees, profit, gain] = *theirs;
            let what = format!("{what}, trade of {}", ours.entry_session);
            assert_eq!(ours.entry_session, sessions[entry as usize], "{what}");
            assert_eq!(ours.exit_session, Some(sessions[exit as usize]), "{what}");
            let sign = if ours.side == Side::Buy { 1.0 } else { -1.0 };
            assert_eq!(ours.quantity * sign, size, "{what}");
            let count = if ours.side == Side::Buy { &mut long } else { &mut short };
            *count += 1;
            for (ours, theirs, near) in [
                (ours.entry_price, entry_price, 1e-9),
                (ours.exit_price, exit_price, 1e-9),
                (ours.commission.to_f64(), fees, A_TRADE),
                (ours.profit.to_f64(), profit, A_TRADE),
                (ours.profit.to_f64() / ours.entry_value.to_f64(), gain, 1e-9),
            ] {
                assert!((ours - theirs).abs() < near, "{what}: {ours} against {theirs}");
            }
        }

        // Sums are off by all trades together; means by one, and what is over a sum or a deviation by less.
        let all = A_TRADE * expected.trades.len() as f64;
        assert_eq!(expected.statistics.len(), 20);
        for (name, theirs) in &expected.statistics {
            let ours = output.statistics.value(name).unwrap_or_else(|| panic!("{what}: no {name}"));
            let near = if name.ends_with("Profit") { all } else { A_TRADE };
            assert!((ours - theirs).abs() < near, "{what}, {name}: {ours} against {theirs}");
        }
        let equity = output.record.equity.last().unwrap().equity.to_f64();
        assert!((equity - expected.equity).abs() < all + A_TRADE, "{what}: {equity} {}", expected.equity);
    }
    assert!(long > 100 && short > 100, "{long} long and {short} short trades");
}
