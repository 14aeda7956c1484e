//! What holds for every walk-forward search of parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::made_up;
use ats_calendar::Calendar;
use ats_columns::{BarColumns, Bars};
use ats_crds::strategy::HaltAction;
use ats_ledger::{Ledger, OrderFilter, StrategyIdentity};
use ats_pipeline::spec::{BacktestSpec, RatesSpec, SearchSpec, StrategyCore, TradeSpec};
use ats_trading_strategy::backtest::{BacktestError, BacktestOutput, run};
use ats_trading_strategy::engine::Shares;
use ats_trading_strategy::explain::{ExplainError, explain};
use ats_trading_strategy::market::Market;
use ats_trading_strategy::search::{Fold, Searched, words};
use ats_trading_strategy::trade::{
    LocalCoordination, PaperTrading, RunEnd, SystemClock, order_prefix, paper,
};
use jiff::civil::Date;
use proptest::prelude::*;

const FAST: [u32; 3] = [3, 10, 20];
const SLOW: [u32; 2] = [15, 40];

fn core(fast: u32, slow: u32) -> StrategyCore {
    let mut core = crate::common::core(
        &format!("sma(close, {fast}) > sma(close, {slow})"),
        &format!("sma(close, {fast}) < sma(close, {slow})"),
    );
    core.max_positions = 2;
    // The number of places is a parameter, too: what the broker knows of it must change with it.
    if fast > 5 {
        core.max_positions = 3;
    }
    core
}

fn market() -> Market {
    let mut market = Market::default();
    for ticker in 0..4 {
        market.tickers.insert(format!("T{ticker}"), made_up::history(ticker));
    }
    market
}

fn session(place: usize) -> Date {
    made_up::sessions()[place].date()
}

fn spec(windows: (u32, u32, Option<u32>)) -> BacktestSpec {
    of(crate::common::grid::pairs(&FAST, &SLOW, core, windows))
}

fn of((core, search): (StrategyCore, SearchSpec)) -> BacktestSpec {
    BacktestSpec { search: Some(search), ..crate::common::backtest(core, session(0)) }
}

fn backtest(spec: &BacktestSpec, market: &Market) -> BacktestOutput {
    run(spec, market, Calendar::xnys(), "x", &[]).unwrap()
}

fn searched(spec: &BacktestSpec, market: &Market) -> Searched {
    backtest(spec, market).searched.unwrap()
}

/// The same tickers, with other prices from a row on.
fn changed_from(market: &Market, row: usize, factors: &[f64]) -> Market {
    let mut changed = market.clone();
    for history in changed.tickers.values_mut() {
        let bars = &history.bars;
        let scaled = |values: &[f64]| -> Vec<f64> {
            values
                .iter()
                .enumerate()
                .map(|(at, value)| match at.checked_sub(row) {
                    None => *value,
                    Some(after) => (value * factors[after % factors.len()] * 100.0).round() / 100.0,
                })
                .collect()
        };
        let columns = BarColumns {
            timestamp: bars.timestamp().to_vec(),
            session: bars.session().to_vec(),
            open: scaled(bars.open()),
            high: scaled(bars.high()),
            low: scaled(bars.low()),
            close: scaled(bars.close()),
            volume: bars.volume().to_vec(),
            split_factor: bars.split_factor().to_vec(),
            dividend_factor: bars.dividend_factor().to_vec(),
        };
        history.bars = Bars::new(bars.ticker(), columns).unwrap();
    }
    changed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// What a window is traded by does not change when its own bars, and those after it, do.
    #[test]
    fn a_choice_reads_nothing_of_its_window(
        factors in prop::collection::vec(0.5..1.6_f64, 1..9),
        window in 0_usize..4,
        train in prop::option::of(100_u32..200),
    ) {
        let (market, spec) = (market(), spec((4, 100, train)));
        let before = searched(&spec, &market);
        let row = 756 - (4 - window) * 100;
        prop_assert_eq!(before.folds[window].start, session(row));
        let after = searched(&spec, &changed_from(&market, row, &factors));
        let choices = |folds: &[Fold]| folds[..=window].iter().map(|f| f.choice.clone()).collect::<Vec<_>>();
        prop_assert_eq!(choices(&before.folds), choices(&after.folds));
        prop_assert!(factors.iter().all(|factor| (factor - 1.0).abs() < 0.01) || before.last != after.last);
    }
}

/// A trial's numbers are its own: others beside it change nothing but the choices.
#[test]
fn more_trials_keep_the_numbers_of_those_before() {
    let market = market();
    let all = searched(&spec((3, 120, None)), &market);
    let few = searched(&of(crate::common::grid::pairs(&FAST[..2], &SLOW, core, (3, 120, None))), &market);
    assert_eq!((all.trials.len(), few.trials.len()), (5, 4));
    for trial in &few.trials {
        let found = all.trials.iter().find(|other| other.parameters == trial.parameters);
        assert_eq!(found, Some(trial));
    }
}

/// Trials are compared by what they earn above the risk-free rate, which lowers each one's ratio by its own deviation.
#[test]
fn a_risk_free_rate_is_taken_from_every_trial() {
    let market = market();
    let plain = spec((3, 120, None));
    let rates = RatesSpec { risk_free: crate::common::decimal("0.1"), ..RatesSpec::default() };
    let given = searched(&BacktestSpec { rates, ..plain.clone() }, &market);
    let plain = searched(&plain, &market);
    assert_eq!(given.trials.len(), plain.trials.len());
    for (given, plain) in given.trials.iter().zip(&plain.trials) {
        assert_eq!((&given.parameters, given.final_equity), (&plain.parameters, plain.final_equity));
        assert!(given.sharpe_per_session < plain.sharpe_per_session);
        // By which the windows' parameters are chosen.
        assert!(given.before < plain.before && given.tested < plain.tested);
    }
}

/// One trial is a backtest that begins with the first window, and nothing is deflated.
#[test]
fn a_single_trial_is_the_strategy_as_it_stands() {
    let market = market();
    let search = of(crate::common::grid::pairs(&[10], &[40], core, (3, 120, None)));
    let (ours, start) = (backtest(&search, &market), session(756 - 360));
    let plain = BacktestSpec { start, search: None, ..search };
    let plain = backtest(&plain, &market);
    assert!(plain.record.trades.len() > 20);
    assert_eq!(ours.record, plain.record);
    let number = |name: &str| ours.statistics.value(name);
    assert_eq!(number("numberOfTrials"), Some(1.0));
    assert_eq!(number("deflatedSharpe"), plain.statistics.value("probabilisticSharpe"));
    assert_eq!(number("expectedBestSharpe"), Some(0.0));
    for (name, statistic) in &plain.statistics.numbers {
        assert_eq!(ours.statistics.numbers.get(name), Some(statistic), "{name}");
    }
    assert!(plain.statistics.value("deflatedSharpe").is_none() && plain.searched.is_none());
    assert!(!plain.files.iter().any(|file| file.name == "search.json"));
}

/// The account goes from window to window: its books hold at every bar, each window's orders are those that its own
/// parameters decide, and what was held at a window's start is still there.
#[test]
fn one_account_goes_from_window_to_window() {
    let market = market();
    let output = backtest(&spec((6, 80, Some(100))), &market);
    let searched = output.searched.unwrap();
    let chosen: Vec<String> = searched.folds.iter().map(|fold| words(&fold.choice.parameters)).collect();
    assert!(chosen.windows(2).any(|pair| pair[0] != pair[1]), "{chosen:?}");
    let points = &output.record.equity;
    assert_eq!((points.first().unwrap().session, points.len()), (searched.folds[0].start, 480));
    let mut carried = 0;
    for (before, point) in points.iter().zip(&points[1..]) {
        let worth = point.cash.plus(point.long_value).unwrap().minus(point.short_value).unwrap();
        assert_eq!(worth, point.equity, "{}", point.session);
        if searched.folds.iter().any(|fold| fold.start == point.session) {
            carried += before.positions;
        }
    }
    assert!(carried > 0, "no position was held at a window's start");
}

/// The number of threads decides how long it takes, nothing else.
#[test]
fn threads_change_no_byte() {
    let (market, spec) = (market(), spec((3, 120, Some(250))));
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| backtest(&spec, &market).files)
    };
    let (one, two) = (on(1), on(2));
    assert_eq!(one, two);
    let search = one.iter().find(|file| file.name == "search.json").unwrap();
    let read: Searched = serde_json::from_slice(&search.bytes).unwrap();
    assert_eq!(read.trials.len(), 5);
    insta::assert_snapshot!(std::str::from_utf8(&search.bytes).unwrap());
}

#[test]
fn windows_that_do_not_fit_are_refused() {
    let error = run(&spec((8, 100, None)), &market(), Calendar::xnys(), "x", &[]).unwrap_err();
    assert!(matches!(error, BacktestError::TooFewSessions { needed: 820, there: 756 }), "{error}");
}

#[test]
fn an_explanation_names_the_parameters_in_force() {
    let (market, spec) = (market(), spec((6, 80, Some(100))));
    let told = |date| explain(&spec, &market, Calendar::xnys(), "x", "T1", date);
    let searched = searched(&spec, &market);
    for fold in &searched.folds {
        for date in [fold.start, fold.end] {
            let told = told(date).unwrap();
            assert_eq!(told.choice.as_ref(), Some(&fold.choice));
            // The rules are those of these parameters.
            let (fast, slow) = (&fold.choice.parameters["fast"], &fold.choice.parameters["slow"]);
            assert_eq!(told.rules[0].rule.text, format!("sma(close, {fast}) > sma(close, {slow})"));
        }
    }
    let before = told(session(100)).unwrap_err();
    assert!(matches!(before, ExplainError::Session { first, .. } if first == searched.folds[0].start));
}

/// Paper trading follows the same windows, and goes on with the last choice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backtest_and_the_paper_run_are_one() {
    let market = market();
    let identity = StrategyIdentity::local("cross").unwrap();
    let spec = BacktestSpec { end: Some(session(699)), ..spec((6, 80, Some(100))) };
    let output = run(&spec, &market, Calendar::xnys(), &order_prefix(&identity), &[]).unwrap();
    let searched = output.searched.as_ref().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&format!("sqlite://{}/ledger.db", folder.path().display())).await.unwrap();
    let trade = TradeSpec {
        core: spec.core.clone(),
        start: spec.start,
        halt_action: HaltAction::Hold,
        search: spec.search.clone(),
    };
    let work = |searched| PaperTrading {
        spec: &trade,
        market: &market,
        searched,
        identity: identity.clone(),
        holder: "test".to_owned(),
        dataset_digest: "d".to_owned(),
        model_digest: None,
        follow: None,
    };
    let coordination = Arc::new(LocalCoordination::default());
    let nothing =
        paper(work(None), &ledger, Arc::clone(&coordination), Arc::new(SystemClock), std::future::pending());
    assert!(nothing.await.unwrap_err().to_string().contains("names no backtest"));
    let ended =
        paper(work(Some(searched)), &ledger, coordination, Arc::new(SystemClock), std::future::pending());
    // 480 sessions of windows and the 56 after them.
    assert_eq!(ended.await.unwrap(), RunEnd::CaughtUp { decided: 536 });

    // The same without an end: the windows by their choices, then the last choice's own orders.
    let mut all: BTreeMap<String, Shares> = BTreeMap::new();
    for row in output.record.orders.iter().filter(|row| !row.order.quantity.is_zero()) {
        all.insert(row.order.id.to_string(), row.order.quantity);
    }
    let orders = ledger.orders(&identity.key(), OrderFilter::default()).await.unwrap();
    let last = session(699).to_string().replace('-', "");
    let prefix = format!("{}-", order_prefix(&identity));
    let (tested, after): (Vec<_>, Vec<_>) = orders.iter().partition(|order| {
        // Ids hold the session of the decision behind the strategy's prefix.
        let id = order.client_order_id.to_string();
        id.strip_prefix(&prefix).and_then(|rest| rest.split('-').next()).unwrap() <= last.as_str()
    });
    assert_eq!(tested.len(), all.len());
    assert!(tested.len() > 50, "{} orders", tested.len());
    for order in tested {
        let quantity = all[&order.client_order_id.to_string()];
        assert_eq!(order.quantity, quantity.into(), "{}", order.client_order_id);
    }
    assert!(!after.is_empty(), "nothing was ordered after the backtest's end");
}
