//! Paper trading over the window of a backtest, on real bars.

use std::sync::Arc;

use ats_calendar::Calendar;
use ats_columns::Actions;
use ats_crds::strategy::HaltAction;
use ats_ledger::{Ledger, OrderFilter, StrategyIdentity};
use ats_pipeline::spec::{BacktestSpec, StrategyCore, TradeSpec};
use ats_trading_strategy::backtest;
use ats_trading_strategy::market::Market;
use ats_trading_strategy::search::Part;
use ats_trading_strategy::trade::{
    LocalCoordination, PaperTrading, RunEnd, SystemClock, order_prefix, paper,
};
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

fn core() -> StrategyCore {
    crate::common::core("rsi(close, 2) < 10 and close > sma(close, 200)", "rsi(close, 2) > 60")
}

fn identity() -> StrategyIdentity {
    StrategyIdentity::local("pullback").unwrap()
}

async fn trade(ledger: &Ledger, market: &Market, start: Date, digest: &str) -> RunEnd {
    let spec = TradeSpec { core: core(), start, halt_action: HaltAction::Hold, search: None };
    let work = PaperTrading {
        spec: &spec,
        market,
        searched: None,
        identity: identity(),
        holder: "test".to_owned(),
        dataset_digest: digest.to_owned(),
        model_digest: None,
        follow: None,
    };
    let coordination = Arc::new(LocalCoordination::default());
    paper(work, ledger, coordination, Arc::new(SystemClock), std::future::pending()).await.unwrap()
}

/// The market as it was known at the close of a session.
fn until(market: &Market, end: Date) -> Market {
    let mut cut = market.clone();
    for history in cut.tickers.values_mut() {
        let rows = history.bars.session().partition_point(|session| session.date() <= end);
        history.bars = history.bars.head(rows);
        let kept =
            history.actions.as_slice().iter().filter(|action| action.ex_date <= end).copied().collect();
        history.actions = Actions::new(history.bars.ticker(), kept).unwrap();
    }
    cut
}

/// The window has two splits of AAPL in it and dividends of all tickers. The paper run sees the data in three pieces,
/// as a schedule would bring it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backtest_and_the_paper_run_are_one() {
    let Some(folder) = crate::common::market_data() else { return };
    let market = crate::common::market(&folder, &["AAPL", "AIG", "BAC", "GOOGL", "IBM", "SPY"]);
    let (start, end) = (date(2014, 1, 2), date(2021, 3, 31));
    let spec = BacktestSpec { end: Some(end), ..crate::common::backtest(core(), start) };
    let lineage = [("publish".to_owned(), "0".repeat(64))];
    let tested =
        backtest::run(&spec, &market, Calendar::xnys(), &order_prefix(&identity()), &lineage).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&format!("sqlite://{}/ledger.db", folder.path().display())).await.unwrap();
    for (end, digest) in [(date(2016, 6, 1), "d1"), (date(2016, 6, 2), "d2"), (end, "d3")] {
        let ended = trade(&ledger, &until(&market, end), start, digest).await;
        assert!(matches!(ended, RunEnd::CaughtUp { decided } if decided > 0), "{ended:?}");
    }
    let again = trade(&ledger, &until(&market, end), start, "d3").await;
    assert_eq!(again, RunEnd::CaughtUp { decided: 0 });

    let key = identity().key();
    let mut orders: Vec<(String, String, Decimal, Decimal)> = ledger
        .orders(&key, OrderFilter::default())
        .await
        .unwrap()
        .into_iter()
        .map(|o| (o.client_order_id.to_string(), o.ticker, o.quantity, o.filled_quantity))
        .collect();
    let mut expected: Vec<(String, String, Decimal, Decimal)> = tested
        .record
        .orders
        .iter()
        .filter(|row| !row.order.quantity.is_zero())
        .map(|row| {
            let filled = row.fill.as_ref().map_or(Decimal::ZERO, |fill| fill.quantity.into());
            (row.order.id.to_string(), row.order.ticker.to_string(), row.order.quantity.into(), filled)
        })
        .collect();
    orders.sort();
    expected.sort();
    assert!(orders.len() > 200, "{} orders", orders.len());
    assert_eq!(orders, expected);

    let mut fills: Vec<(String, Decimal, Decimal)> = ledger
        .fills(&key)
        .await
        .unwrap()
        .into_iter()
        .map(|f| (f.client_order_id.to_string(), f.price, f.commission))
        .collect();
    let mut expected: Vec<(String, Decimal, Decimal)> =
        tested.record.fills().map(|f| (f.order.to_string(), f.price.into(), f.commission.into())).collect();
    fills.sort();
    expected.sort();
    assert_eq!(fills, expected);

    let equity: Vec<(Date, Decimal)> =
        ledger.equity(&key, None).await.unwrap().into_iter().map(|p| (p.session, p.equity)).collect();
    let expected: Vec<(Date, Decimal)> =
        tested.record.equity.iter().map(|p| (p.session, p.equity.into())).collect();
    assert_eq!(equity, expected);
    assert!(
        !ledger.splits(&key).await.unwrap().is_empty() || !ledger.movements(&key).await.unwrap().is_empty()
    );
    ledger.verify(&key).await.unwrap();

    // The ledger's trades, derived from its journal alone, are the backtest's.
    let profits: Vec<(String, Date, Decimal)> = ledger
        .trades(&key)
        .await
        .unwrap()
        .into_iter()
        .filter_map(|t| Some((t.ticker, t.closed_session?, t.profit?)))
        .collect();
    let mut ours = profits;
    let mut theirs: Vec<(String, Date, Decimal)> = tested
        .record
        .trades
        .iter()
        .filter_map(|t| Some((t.ticker.to_string(), t.exit_session?, t.profit.into())))
        .collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}

/// A market of one ticker, a bar a session or an hour.
fn small(interval: ats_calendar::Interval) -> Market {
    let calendar = Calendar::xnys();
    let mut columns = ats_columns::BarColumns::default();
    for session in calendar.sessions(date(2024, 7, 1), date(2024, 7, 5)) {
        for start in calendar.bar_starts(*session, interval).unwrap() {
            columns.session.push(*session);
            columns.timestamp.push(start.as_microsecond());
            for column in [&mut columns.open, &mut columns.high, &mut columns.low, &mut columns.close] {
                column.push(10.0);
            }
            columns.volume.push(1000.0);
            columns.split_factor.push(1.0);
            columns.dividend_factor.push(1.0);
        }
    }
    let history = ats_trading_strategy::market::TickerHistory {
        bars: ats_columns::Bars::new("AAA", columns).unwrap(),
        actions: Actions::new("AAA", Vec::new()).unwrap(),
        features: std::collections::BTreeMap::new(),
        membership: crate::common::always(),
        scores: Vec::new(),
    };
    let mut market = Market::default();
    market.tickers.insert("AAA".to_owned(), history);
    market
}

/// When each bar is complete and until when its orders are in time, by the exchange's hours: 3 July 2024 closed early,
/// at 13:00 in New York, and 4 July was no session. Bars of an hour are those of the clock.
#[tokio::test]
async fn bars_come_in_order_with_their_deadlines() {
    use ats_trading_strategy::trade::{Feed as _, MarketFeed};
    for (interval, expected) in [
        (
            ats_calendar::Interval::D1,
            vec![
                ("2024-07-02T20:00:00Z", "2024-07-03T13:30:00Z"),
                ("2024-07-03T17:00:00Z", "2024-07-05T13:30:00Z"),
                ("2024-07-05T20:00:00Z", "2024-07-08T13:30:00Z"),
            ],
        ),
        (
            ats_calendar::Interval::H1,
            vec![
                ("2024-07-02T14:00:00Z", "2024-07-02T15:00:00Z"),
                ("2024-07-02T15:00:00Z", "2024-07-02T16:00:00Z"),
                ("2024-07-02T16:00:00Z", "2024-07-02T17:00:00Z"),
                ("2024-07-02T17:00:00Z", "2024-07-02T18:00:00Z"),
                ("2024-07-02T18:00:00Z", "2024-07-02T19:00:00Z"),
                ("2024-07-02T19:00:00Z", "2024-07-02T20:00:00Z"),
                ("2024-07-02T20:00:00Z", "2024-07-03T13:30:00Z"),
                ("2024-07-03T14:00:00Z", "2024-07-03T15:00:00Z"),
                ("2024-07-03T15:00:00Z", "2024-07-03T16:00:00Z"),
                ("2024-07-03T16:00:00Z", "2024-07-03T17:00:00Z"),
                ("2024-07-03T17:00:00Z", "2024-07-05T13:30:00Z"),
            ],
        ),
    ] {
        let market = small(interval);
        let core = StrategyCore { interval, stop: None, sizing: equal(), rank_by: None, ..core() };
        let part = Part { from: date(2024, 7, 2), to: Date::MAX, core, choice: None };
        let mut feed = MarketFeed::new(vec![part], "x", &market, Calendar::xnys());
        let mut after = None;
        for (known_at, decide_by) in expected {
            let bar = feed.next(after).await.unwrap().unwrap();
            assert_eq!(bar.known_at, known_at.parse().unwrap(), "{interval:?}");
            assert_eq!(bar.decide_by, Some(decide_by.parse().unwrap()), "{interval:?} {known_at}");
            after = Some(bar.known_at);
        }
        let last = "2024-07-05T20:00:00Z".parse().unwrap();
        assert_eq!(feed.next(Some(last)).await.unwrap(), None);
    }
}

fn equal() -> ats_pipeline::spec::SizingSpec {
    ats_pipeline::spec::SizingSpec::EqualWeight
}
