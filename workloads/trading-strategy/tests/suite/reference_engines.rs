//! Whole strategies against other engines (`tests/reference/engines.py`): backtesting.py for stops, profits and holding
//! times, backtrader for portfolios, zipline for price impact and commissions. The same fills, fees and equity, to the
//! cent.

use crate::common::made_up::{history, sessions};
use crate::common::{decimal, one_position as core, whole};
use ats_calendar::Calendar;
use ats_crds::Rebalance;
use ats_crds::strategy::{Direction, Trail};
use ats_pipeline::spec::{SignalSpec, SizingSpec, StopSpec, StrategyCore, TakeProfitSpec};
use ats_trading_strategy::backtest::{BacktestOutput, run};
use ats_trading_strategy::engine::{Costs, Fraction, Money, Price, Shares, Side, Unit};
use ats_trading_strategy::market::Market;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    reference: String,
    backtesting: Vec<TradesRun>,
    backtrader: Vec<FillsRun>,
    zipline: Vec<[f64; 9]>,
}

/// Trades as entry bar, exit bar, size, entry price, exit price, profit, commission.
#[derive(Deserialize)]
struct TradesRun {
    name: String,
    ticker: usize,
    trades: Vec<[f64; 7]>,
    equity: Vec<f64>,
    sqn: f64,
    win_rate: f64,
}

/// Fills as bar, ticker, signed size, price, commission.
#[derive(Deserialize)]
struct FillsRun {
    name: String,
    fills: Vec<(usize, String, i64, f64, f64)>,
    equity: Vec<f64>,
}

fn reference() -> Reference {
    let reference: Reference = serde_json::from_str(include_str!("../reference/engines.json")).unwrap();
    assert!(reference.reference.starts_with("backtesting 0."), "{}", reference.reference);
    reference
}

fn market(tickers: impl Iterator<Item = usize>) -> Market {
    let tickers = tickers.map(|ticker| (format!("T{ticker}"), history(ticker))).collect();
    Market { tickers, ..Market::default() }
}

fn backtest(core: StrategyCore, market: &Market) -> BacktestOutput {
    let start = sessions()[0].date();
    let spec = crate::common::backtest(core, start);
    run(&spec, market, Calendar::xnys(), "x", &[]).unwrap()
}

fn cents(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() < 0.01, "{what}: {ours} against {theirs}");
}

fn same_equity(output: &BacktestOutput, theirs: &[f64], name: &str) {
    assert_eq!(output.record.equity.len(), theirs.len(), "{name}");
    for (ours, theirs) in output.record.equity.iter().zip(theirs) {
        cents(ours.equity.to_f64(), *theirs, &format!("{name}, equity of {}", ours.session));
    }
}

fn same_trades(core: StrategyCore, expected: &TradesRun) -> BacktestOutput {
    let output = backtest(core, &market([expected.ticker].into_iter()));
    let (name, sessions) = (&expected.name, sessions());
    assert_eq!(output.record.trades.len(), expected.trades.len(), "{name}");
    for (ours, theirs) in output.record.trades.iter().zip(&expected.trades) {
        let [entry, exit, size, entry_price, exit_price, profit, commission] = *theirs;
        let sign = if ours.side == Side::Buy { 1.0 } else { -1.0 };
        let what = format!("{name}, trade of {}", ours.entry_session);
        assert_eq!(ours.entry_session, sessions[entry as usize].date(), "{what}");
        assert_eq!(ours.exit_session, Some(sessions[exit as usize].date()), "{what}");
        assert_eq!(ours.quantity * sign, size, "{what}");
        assert!((ours.entry_price - entry_price).abs() < 1e-6, "{what}: {} {entry_price}", ours.entry_price);
        assert!((ours.exit_price - exit_price).abs() < 2e-6, "{what}: {} {exit_price}", ours.exit_price);
        cents(ours.profit.to_f64(), profit, &what);
        cents(ours.commission.to_f64(), commission, &what);
    }
    same_equity(&output, &expected.equity, name);
    let statistic = |name: &str| output.statistics.value(name).unwrap();
    assert!((statistic("winRate") - expected.win_rate).abs() < 1e-9, "{name}");
    // Their profits are not rounded to micro-dollars.
    assert!((statistic("systemQuality") - expected.sqn).abs() < 1e-5, "{name}");
    output
}

/// How many trades ended so.
fn ended(output: &BacktestOutput, reason: &str) -> usize {
    output.statistics.exits.iter().find(|group| group.name == reason).map_or(0, |group| group.trades as usize)
}

#[test]
fn a_reversal_with_stop_profit_and_time_equals_backtesting_py() {
    let expected = &reference().backtesting[0];
    let mut core = core("rsi(close, 2) < 15 and close > sma(close, 50)", "rsi(close, 2) > 60");
    core.sizing = SizingSpec::RiskPerTrade;
    core.risk_percentage = decimal("0.02");
    core.stop = Some(StopSpec::Percent { fraction: decimal("0.02") });
    core.take_profit = Some(TakeProfitSpec::Percent { fraction: decimal("0.03") });
    core.max_holding_bars = Some(6);
    core.costs.commission_rate = Some(decimal("0.001"));
    let output = same_trades(core, expected);
    for reason in ["Signal", "Stop", "TakeProfit", "TimeStop"] {
        assert!(ended(&output, reason) > 0, "{reason}");
    }
}

#[test]
fn a_cross_with_a_trailing_stop_equals_backtesting_py() {
    let expected = &reference().backtesting[1];
    let (up, down) =
        ("cross_above(sma(close, 10), sma(close, 30))", "cross_below(sma(close, 10), sma(close, 30))");
    let mut core = core(up, down);
    core.signal = SignalSpec::Rules {
        entry: up.into(),
        exit: down.into(),
        short_entry: Some(down.into()),
        short_exit: Some(up.into()),
    };
    core.direction = Direction::LongShort;
    core.sizing = SizingSpec::RiskPerTrade;
    core.risk_percentage = decimal("0.01");
    core.stop = Some(StopSpec::Atr { period: 14, multiple: decimal("2.5") });
    core.trail = Some(Trail::Extreme);
    let output = same_trades(core, expected);
    assert!(ended(&output, "Stop") > 0);
    assert!(output.record.trades.iter().any(|trade| trade.side == Side::Sell));
}

fn same_fills(core: StrategyCore, market: &Market, expected: &FillsRun) {
    let output = backtest(core, market);
    let (name, sessions) = (&expected.name, sessions());
    let mut theirs = expected.fills.clone();
    theirs.sort_by(|a, b| (a.0, &a.1, -a.2).partial_cmp(&(b.0, &b.1, -b.2)).unwrap());
    let mut ours: Vec<_> = output.record.fills().collect();
    ours.sort_by_key(|fill| (fill.session, fill.ticker.clone(), fill.side.opposite().signed(fill.quantity)));
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (ours, (bar, ticker, size, price, commission)) in ours.iter().zip(theirs) {
        let what = format!("{name}, {ticker} on {}", ours.session);
        assert_eq!((ours.session, ours.ticker.as_str()), (sessions[bar].date(), ticker.as_str()), "{what}");
        assert_eq!(whole(ours.side.signed(ours.quantity)), size, "{what}");
        assert!((ours.price.to_f64() - price).abs() < 1e-6, "{what}: {} {price}", ours.price);
        cents(ours.commission.to_f64(), commission, &what);
    }
    same_equity(&output, &expected.equity, name);
}

#[test]
fn a_percentage_target_restored_monthly_equals_backtrader() {
    let mut core = core("close > 0 * close", "close < 0 * close");
    core.rebalance = Rebalance::Monthly;
    core.sizing = SizingSpec::TargetWeight { weight: decimal("0.6"), cash_buffer: decimal("0") };
    core.costs.commission_rate = Some(decimal("0.001"));
    core.costs.slippage_basis_points = decimal("5");
    // The script begins at the first month's end; a rule that is true before would buy earlier.
    core.signal = SignalSpec::Rules {
        entry: "count(close > 0 * close, 19) > 0".into(),
        exit: "close < 0 * close".into(),
        short_entry: None,
        short_exit: None,
    };
    same_fills(core, &market([2].into_iter()), &reference().backtrader[0]);
}

fn rotation(direction: Direction, max_positions: u32, expected: &FillsRun) {
    let mut market = market(0..10);
    for history in market.tickers.values_mut() {
        let close = history.bars.close();
        history.scores = (0..close.len())
            .map(|row| if row < 63 { f64::NAN } else { close[row] / close[row - 63] - 1.0 })
            .collect();
    }
    let mut core = core("close > open", "close < open");
    core.signal = SignalSpec::Model { minimum_score: decimal("0"), exit_rank: 3 };
    core.direction = direction;
    core.max_positions = max_positions;
    core.rebalance = Rebalance::Monthly;
    core.sizing = SizingSpec::EqualWeight;
    core.costs.commission_per_share = decimal("0.005");
    // A model's backtest begins with its first score, theirs with the first bar: both are flat until then.
    let start = sessions()[63].date();
    let spec = crate::common::backtest(core, start);
    let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
    let mut theirs = expected.fills.clone();
    theirs.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let mut ours: Vec<_> = output.record.fills().collect();
    ours.sort_by(|a, b| (a.session, &a.ticker).cmp(&(b.session, &b.ticker)));
    let (name, sessions) = (&expected.name, sessions());
    for (ours, (bar, ticker, size, price, commission)) in ours.iter().zip(&theirs) {
        let what = format!("{name}, {ticker} on {}", ours.session);
        assert_eq!((ours.session, ours.ticker.as_str()), (sessions[*bar].date(), ticker.as_str()), "{what}");
        assert_eq!(whole(ours.side.signed(ours.quantity)), *size, "{what}");
        assert!((ours.price.to_f64() - price).abs() < 1e-6, "{what}");
        cents(ours.commission.to_f64(), *commission, &what);
    }
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (ours, theirs) in output.record.equity.iter().zip(&expected.equity[63..]) {
        cents(ours.equity.to_f64(), *theirs, &format!("{name}, equity of {}", ours.session));
    }
}

#[test]
fn a_momentum_rotation_equals_backtrader() {
    rotation(Direction::LongOnly, 3, &reference().backtrader[1]);
}

#[test]
fn a_long_short_rotation_equals_backtrader() {
    rotation(Direction::LongShort, 6, &reference().backtrader[2]);
}

/// Fills of single orders: price, volume, amount, limit, impact; then price paid, amount filled, commission a share
/// (at least $1) and by value.
#[test]
fn volume_share_slippage_and_commissions_equal_zipline() {
    let fraction = |value: f64| Fraction::from_f64(value).unwrap();
    let cases = reference().zipline;
    assert!(cases.len() > 100);
    for [price, volume, amount, limit, impact, paid, filled, per_share, per_dollar] in cases {
        let costs = Costs {
            commission_per_share: Price::from_f64(0.005).unwrap(),
            minimum_commission: Money::from_micros(1_000_000),
            price_impact: fraction(impact),
            max_volume_share: Some(fraction(limit)),
            ..Costs::default()
        };
        let by_value = Costs { commission_rate: fraction(0.0015), ..Costs::default() };
        let side = if amount > 0.0 { Side::Buy } else { Side::Sell };
        let most = costs.max_volume_share.unwrap().of_volume(volume as i64, Unit::Whole);
        let quantity = Shares::from_whole(amount.abs() as i64).unwrap().min(most);
        assert_eq!(whole(side.signed(quantity)), filled as i64);
        let ours =
            costs.slipped(side, Price::from_f64(price).unwrap(), quantity, Some(volume as i64)).unwrap();
        // Against the trader: the impact to the next billionth, the price to the next micro-dollar.
        assert!((ours.to_f64() - paid).abs() < 1e-6 + 2e-9 * price, "{ours} against {paid}");
        assert!((costs.commission(quantity, ours).unwrap().to_f64() - per_share).abs() < 1e-6);
        let value = by_value.commission(quantity, ours).unwrap().to_f64();
        assert!((value - per_dollar).abs() < 1e-6 * quantity.to_f64(), "{value} against {per_dollar}");
    }
}
