//! Entries by limit, stop and stop-limit against backtrader (`tests/reference/entries.py`), on made-up bars and, where
//! they are present, on real ones: the same fills, fees and end equity.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::{decimal, reversal, trend, whole};
use ats_calendar::Calendar;
use ats_columns::{Actions, BarColumns, Bars};
use ats_pipeline::spec::{DistanceSpec, EntrySpec, SignalSpec, StrategyCore};
use ats_trading_strategy::backtest::run;
use ats_trading_strategy::engine::CutReason;
use ats_trading_strategy::market::{Market, TickerHistory};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    reference: String,
    /// By kind of order, then by source of bars.
    runs: Vec<Vec<Run>>,
}

/// Fills as bar, signed size, price, commission.
#[derive(Deserialize)]
struct Run {
    name: String,
    source: String,
    first: String,
    expired: usize,
    fills: Vec<(usize, i64, f64, f64)>,
    equity: f64,
}

/// The bars of a run; none where they are real ones and there is no folder of them.
fn history(run: &Run, folder: Option<&Path>) -> Option<TickerHistory> {
    if let Some(number) = run.source.strip_prefix('T') {
        return Some(crate::common::made_up::history(number.parse().unwrap()));
    }
    let market = crate::common::market(folder?, &[run.source.as_str()]);
    let bars = &market.tickers[run.source.as_str()].bars;
    let first = bars.session().iter().position(|session| session.to_string() == run.first).unwrap();
    // Averages begin with the script's first bar.
    let columns = BarColumns {
        timestamp: bars.timestamp()[first..].to_vec(),
        session: bars.session()[first..].to_vec(),
        open: bars.open()[first..].to_vec(),
        high: bars.high()[first..].to_vec(),
        low: bars.low()[first..].to_vec(),
        close: bars.close()[first..].to_vec(),
        volume: bars.volume()[first..].to_vec(),
        split_factor: bars.split_factor()[first..].to_vec(),
        dividend_factor: bars.dividend_factor()[first..].to_vec(),
    };
    assert!(columns.split_factor.iter().chain(&columns.dividend_factor).all(|factor| *factor == 1.0));
    Some(TickerHistory {
        bars: Bars::new(run.source.as_str(), columns).unwrap(),
        actions: Actions::new(run.source.as_str(), Vec::new()).unwrap(),
        features: BTreeMap::new(),
        membership: crate::common::always(),
        scores: Vec::new(),
    })
}

/// The strategy with entries by an order.
fn by_order(mut core: StrategyCore, order: EntrySpec) -> StrategyCore {
    // Nothing is said before the average true range is known.
    let known = |rule: &str| format!("({rule}) and atr(14) > 0 * close");
    if let SignalSpec::Rules { entry, short_entry: Some(short_entry), .. } = &mut core.signal {
        (*entry, *short_entry) = (known(entry.as_str()), known(short_entry.as_str()));
    }
    core.entry = Some(order);
    core
}

fn percent(fraction: &str) -> DistanceSpec {
    DistanceSpec::Percent { fraction: decimal(fraction) }
}

fn atr(multiple: &str) -> DistanceSpec {
    DistanceSpec::Atr { period: 14, multiple: decimal(multiple) }
}

fn same(core: &StrategyCore, runs: &[Run]) {
    let mut expired = 0;
    let folder = crate::common::market_data();
    for expected in runs {
        let Some(history) = history(expected, folder.as_deref()) else { continue };
        let what = format!("{} of {}", expected.name, expected.source);
        let sessions: Vec<_> = history.bars.session().iter().map(|session| session.date()).collect();
        let market =
            Market { tickers: BTreeMap::from([(expected.source.clone(), history)]), ..Market::default() };
        let spec = crate::common::backtest(core.clone(), sessions[0]);
        let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
        let ours: Vec<_> = output.record.fills().collect();
        for (ours, (bar, size, price, commission)) in ours.iter().zip(&expected.fills) {
            let what = format!("{what}, fill on {}", ours.session);
            assert_eq!(
                (ours.session, whole(ours.side.signed(ours.quantity))),
                (sessions[*bar], *size),
                "{what}"
            );
            assert!((ours.price.to_f64() - price).abs() < 2e-6, "{what}: {} {price}", ours.price);
            assert!((ours.commission.to_f64() - commission).abs() < 0.001, "{what}: {}", ours.commission);
        }
        assert_eq!(ours.len(), expected.fills.len(), "{what}");
        let equity = output.record.equity.last().unwrap().equity.to_f64();
        // A micro-dollar a share and fill at most.
        assert!((equity - expected.equity).abs() < 0.05, "{what}: {equity} against {}", expected.equity);
        let over = output
            .record
            .orders
            .iter()
            .filter(|row| row.cancelled.iter().any(|(_, reason)| *reason == CutReason::Expired));
        assert_eq!(over.count(), expected.expired, "{what}");
        expired += expected.expired;
    }
    assert!(expired > 5);
}

fn reference() -> Reference {
    let reference: Reference = serde_json::from_str(include_str!("../reference/entries.json")).unwrap();
    assert!(reference.reference.starts_with("backtrader 1."), "{}", reference.reference);
    reference
}

#[test]
fn limits_equal_backtrader() {
    let runs = &reference().runs;
    same(&by_order(reversal(), EntrySpec::Limit { limit: percent("0.005"), bars: 1 }), &runs[0]);
    same(&by_order(reversal(), EntrySpec::Limit { limit: atr("0.5"), bars: 3 }), &runs[1]);
}

#[test]
fn stops_with_slippage_and_commission_equal_backtrader() {
    let mut core = by_order(trend(), EntrySpec::Stop { stop: atr("0.75"), bars: 2 });
    core.costs.commission_rate = Some(decimal("0.001"));
    core.costs.slippage_basis_points = decimal("5");
    same(&core, &reference().runs[2]);
}

#[test]
fn stop_limits_equal_backtrader() {
    same(
        &by_order(trend(), EntrySpec::StopLimit { stop: percent("0.005"), limit: percent("0.01"), bars: 3 }),
        &reference().runs[3],
    );
}
