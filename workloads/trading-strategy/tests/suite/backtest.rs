//! Backtests over real bars.

use ats_calendar::Calendar;
use ats_crds::Rebalance;
use ats_pipeline::spec::{BacktestSpec, SignalSpec, SizingSpec, StopSpec, StrategyCore};
use ats_trading_strategy::backtest::{BacktestError, BacktestOutput, run};
use ats_trading_strategy::market::Market;
use ats_trading_strategy::record::OrderStatus;
use jiff::civil::{Date, date};

use crate::common::{costless, decimal};

fn spec(core: StrategyCore, start: Date) -> BacktestSpec {
    BacktestSpec { end: Some(date(2021, 3, 31)), ..crate::common::backtest(core, start) }
}

fn backtest(spec: &BacktestSpec, market: &Market) -> Result<BacktestOutput, BacktestError> {
    let lineage = [("publish".to_owned(), "0".repeat(64))];
    run(spec, market, Calendar::xnys(), "test", &lineage)
}

fn pullback() -> StrategyCore {
    crate::common::core("rsi(close, 2) < 10 and close > sma(close, 200)", "rsi(close, 2) > 60")
}

fn sample() -> Option<Market> {
    crate::common::market_data()
        .map(|folder| crate::common::market(&folder, &["AAPL", "AIG", "BAC", "GOOGL", "IBM", "SPY"]))
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let Some(market) = sample() else { return };
    let spec = spec(pullback(), date(2007, 1, 3));
    let (first, second) = (backtest(&spec, &market).unwrap(), backtest(&spec, &market).unwrap());
    assert_eq!(first.files, second.files);
    assert_eq!(first.figures, second.figures);
    let names: Vec<_> = first.files.iter().map(|file| file.name).collect();
    assert_eq!(
        names,
        [
            "orders.parquet",
            "trades.parquet",
            "lots.parquet",
            "equity.parquet",
            "rolling.parquet",
            "statistics.json",
            "report.html"
        ]
    );
    let report = first.files.iter().find(|file| file.name == "report.html").unwrap();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(folder.join("backtest-report.html"), &report.bytes).unwrap();
    let statistics = first.files.iter().find(|file| file.name == "statistics.json").unwrap();
    std::fs::write(folder.join("backtest-statistics.json"), &statistics.bytes).unwrap();

    // Something happened, and of every kind.
    let record = &first.record;
    assert!(record.trades.len() > 100, "{} trades", record.trades.len());
    for status in [OrderStatus::Filled, OrderStatus::PartiallyFilled] {
        assert!(record.orders.iter().any(|row| row.status() == status), "{status:?}");
    }
    // Every session has its close, idle ones too.
    let sessions = Calendar::xnys().sessions(date(2007, 1, 3), date(2021, 3, 31)).len();
    assert_eq!(record.equity.len(), sessions);
    // Trades and lots tell one profit: lots are before commission and dividends.
    let trades: f64 = record.trades.iter().map(|trade| trade.profit.to_f64()).sum();
    let open: f64 = record.equity.last().unwrap().equity.to_f64() - 100_000.0 - trades;
    assert!(record.equity.last().unwrap().positions > 0 || open.abs() < 0.01, "{open}");
}

/// Decisions do not change when later bars are cut away: orders of a shorter backtest begin the longer one's.
#[test]
fn nothing_is_known_before_its_time() {
    let Some(market) = sample() else { return };
    let long = backtest(&spec(pullback(), date(2010, 1, 4)), &market).unwrap();
    let mut cut = market;
    let end = date(2015, 6, 30);
    for history in cut.tickers.values_mut() {
        let rows = history.bars.session().partition_point(|session| session.date() <= end);
        history.bars = history.bars.head(rows);
        let kept =
            history.actions.as_slice().iter().filter(|action| action.ex_date <= end).copied().collect();
        history.actions = ats_columns::Actions::new(history.bars.ticker(), kept).unwrap();
    }
    let short = backtest(&spec(pullback(), date(2010, 1, 4)), &cut).unwrap();
    let orders = |output: &BacktestOutput| {
        output
            .record
            .orders
            .iter()
            .map(|row| row.order.clone())
            .filter(|order| order.session <= end)
            .collect::<Vec<_>>()
    };
    assert_eq!(orders(&short), orders(&long));
    let closes = short.record.equity.len();
    assert_eq!(short.record.equity, long.record.equity[..closes]);
}

/// Buying once and holding is what the actions say it is: cash, shares times the raw close, dividends of the
/// shares held. AAPL was split 7:1 in 2014 and 4:1 in 2020.
#[test]
fn buy_and_hold_over_splits_and_dividends() {
    let Some(folder) = crate::common::market_data() else { return };
    let market = crate::common::market(&folder, &["AAPL"]);
    let mut core = crate::common::core("close > 0 * close", "close < 0 * close");
    core.max_drawdown = None;
    core.max_portfolio_heat = None;
    core.max_position_size = None;
    core.rebalance = Rebalance::Monthly;
    core.rank_by = None;
    core.costs = costless();
    core.sizing = SizingSpec::RiskPerTrade;
    core.stop = Some(StopSpec::Percent { fraction: decimal("1") });
    core.risk_percentage = decimal("0.9");
    let output = backtest(&spec(core, date(2013, 1, 2)), &market).unwrap();
    let fills: Vec<_> = output.record.fills().collect();
    assert_eq!(fills.len(), 1, "bought once");
    let bought = fills[0];
    let history = &market.tickers["AAPL"];
    let mut shares = bought.quantity.to_f64();
    let mut cash = 100_000.0 - shares * bought.price.to_f64();
    for action in history.actions.as_slice().iter().filter(|action| action.ex_date > bought.session) {
        match action.kind {
            ats_columns::ActionKind::Split => shares *= action.value,
            ats_columns::ActionKind::Dividend => cash += shares * action.value,
        }
    }
    assert_eq!(shares, bought.quantity.to_f64() * 28.0);
    let end = cash + shares * history.bars.close().last().unwrap();
    let equity = output.record.equity.last().unwrap().equity.to_f64();
    assert!((equity - end).abs() < 0.01, "{equity} against {end}");
}

#[test]
fn a_model_backtest_begins_with_the_first_prediction() {
    let Some(mut market) = sample() else { return };
    for history in market.tickers.values_mut() {
        let from = history.bars.session().partition_point(|session| session.date() < date(2012, 3, 1));
        history.scores = (0..history.bars.len())
            .map(|row| if row < from { f64::NAN } else { (row % 7) as f64 / 10.0 - 0.2 })
            .collect();
    }
    let mut core = pullback();
    core.signal = SignalSpec::Model { minimum_score: decimal("0"), exit_rank: 5 };
    core.sizing = SizingSpec::EqualWeight;
    core.rank_by = None;
    let error = backtest(&spec(core.clone(), date(2012, 2, 1)), &market).unwrap_err().to_string();
    assert!(
        error.contains("2012-02-01") && error.contains("first out-of-sample prediction, of 2012-03-01"),
        "{error}"
    );
    let output = backtest(&spec(core.clone(), date(2012, 3, 1)), &market).unwrap();
    assert!(output.record.trades.len() > 50);
    for row in &output.record.orders {
        let session = Calendar::xnys().session(row.order.session).unwrap();
        assert!(
            row.order.reason == ats_trading_strategy::engine::OrderReason::Stop
                || row.order.reason == ats_trading_strategy::engine::OrderReason::Drawdown
                || Calendar::xnys().is_last_session_of_week(session),
            "{row:?}"
        );
    }
    core.initial_cash = decimal("0.0000001");
    assert!(matches!(backtest(&spec(core, date(2012, 3, 1)), &market), Err(BacktestError::Convert(_))));
}

#[test]
fn spans_and_rules_that_cannot_be_are_told_in_words() {
    let Some(market) = sample() else { return };
    let message = |spec: &BacktestSpec| backtest(spec, &market).unwrap_err().to_string();
    let error = message(&spec(pullback(), date(2022, 1, 3)));
    assert!(error.contains("meets no session of the dataset"), "{error}");
    let error = message(&spec(crate::common::core("rank(close) > 0.5", "close < open"), date(2012, 1, 3)));
    assert!(error.contains("signal.rules.entry"), "{error}");
    let error = message(&spec(
        crate::common::core("rank(returns(close, 5)) > 0.5", "close < open"),
        date(2012, 1, 3),
    ));
    assert!(error.contains("compares tickers, which only a feature can"), "{error}");
}
