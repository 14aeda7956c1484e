//! Splits and cash dividends on what is held, long and short, against zipline's own account
//! (`tests/reference/actions.py`): the same shares, cash and equity at every bar of raw prices.

use std::collections::BTreeMap;

use ats_calendar::Calendar;
use ats_columns::evaluate::Column;
use ats_columns::{Action, ActionKind, Actions, BarColumns, Bars};
use ats_expression::Name;
use ats_pipeline::spec::{NamedExpression, SizingSpec, StrategyCore};
use ats_trading_strategy::backtest::{BacktestOutput, run};
use ats_trading_strategy::market::{Market, TickerHistory};
use serde::Deserialize;

use crate::common::{decimal, long_short, made_up, whole};

#[derive(Deserialize)]
struct Reference {
    reference: String,
    cases: Vec<Case>,
    real: Vec<Real>,
}

/// Sides from a bar on; splits as bar, new shares, old shares; dividends as bar, dollars a share; of each bar the
/// shares that are held, cash and equity.
#[derive(Deserialize)]
struct Case {
    name: String,
    setting: Option<String>,
    ticker: usize,
    sides: Vec<(usize, f64)>,
    splits: Vec<(usize, i64, i64)>,
    dividends: Vec<(usize, f64)>,
    by_itself: Vec<(i64, f64, f64)>,
    by_the_setting: Vec<(i64, f64, f64)>,
}

/// Sides in turns, bar by bar; fills as bar and signed size.
#[derive(Deserialize)]
struct Real {
    ticker: String,
    setting: Option<String>,
    turns: Vec<f64>,
    fills: Vec<(usize, i64)>,
    equity: f64,
}

fn reference() -> Reference {
    let reference: Reference = serde_json::from_str(include_str!("../reference/actions.json")).unwrap();
    assert!(reference.reference.starts_with("zipline-reloaded 3."), "{}", reference.reference);
    reference
}

/// Two fifths of equity on the side that the column says, not restored: a short may double before that would be. No costs.
fn core() -> StrategyCore {
    let mut core = long_short(["wanted > 0", "wanted <= 0", "wanted < 0", "wanted >= 0"]);
    core.sizing = SizingSpec::TargetWeight { weight: decimal("0.4"), cash_buffer: decimal("0") };
    core.features = vec![NamedExpression { name: "wanted".into(), expression: "own(\"wanted\")".into() }];
    core
}

fn backtest(mut history: TickerHistory, sides: Vec<f64>) -> BacktestOutput {
    let start = history.bars.session()[0].date();
    history.features.insert(Name::new("wanted").unwrap(), Column::Number(sides.into()));
    let name = history.bars.ticker().to_owned();
    let market = Market { tickers: BTreeMap::from([(name, history)]), ..Market::default() };
    run(&crate::common::backtest(core(), start), &market, Calendar::xnys(), "x", &[]).unwrap()
}

/// The made-up bars as they would have been traded: divided by the splits up to them, in whole cents.
fn history(case: &Case) -> TickerHistory {
    let made_up = made_up::history(case.ticker);
    let bars = &made_up.bars;
    let mut columns = BarColumns {
        timestamp: bars.timestamp().to_vec(),
        session: bars.session().to_vec(),
        volume: bars.volume().to_vec(),
        ..BarColumns::default()
    };
    let mut actions = Vec::new();
    let (mut old, mut new, mut split, mut dividend) = (1_i64, 1_i64, 1.0, 1.0);
    for (row, session) in bars.session().iter().enumerate() {
        let ex_date = session.date();
        for (_, numerator, denominator) in case.splits.iter().filter(|split| split.0 == row) {
            (old, new) = (old * denominator, new * numerator);
            let value = *numerator as f64 / *denominator as f64;
            split *= value;
            actions.push(Action { ex_date, kind: ActionKind::Split, value });
        }
        for (_, value) in case.dividends.iter().filter(|dividend| dividend.0 == row) {
            dividend /= 1.0 - value / columns.close[row - 1];
            actions.push(Action { ex_date, kind: ActionKind::Dividend, value: *value });
        }
        let dollars = |price: f64| ((price * 100.0).round() as i64 * old / new) as f64 / 100.0;
        columns.open.push(dollars(bars.open()[row]));
        columns.high.push(dollars(bars.high()[row]));
        columns.low.push(dollars(bars.low()[row]));
        columns.close.push(dollars(bars.close()[row]));
        columns.split_factor.push(split);
        columns.dividend_factor.push(dividend);
    }
    let name = bars.ticker();
    TickerHistory {
        bars: Bars::new(name, columns).unwrap(),
        actions: Actions::new(name, actions).unwrap(),
        features: BTreeMap::new(),
        membership: crate::common::always(),
        scores: Vec::new(),
    }
}

/// The side at each bar from the bars at which it changes.
fn sides(case: &Case) -> Vec<f64> {
    let at =
        |bar: usize| case.sides.iter().rev().find(|change| change.0 <= bar).map_or(0.0, |change| change.1);
    (0..case.by_itself.len()).map(at).collect()
}

/// Their numbers are written in millionths of a dollar, of floats that are off by some 1e-10.
const NEAR: f64 = 1e-5;

/// What a split may put between the accounts: here the part of a share is paid in micro-dollars. They round its price to
/// the cent, which is half a cent of less than one share, and what it comes to.
const A_PART_OF_A_SHARE: f64 = 0.01;

/// The first bar at which the accounts are not the same.
fn difference(ours: &BacktestOutput, theirs: &[(i64, f64, f64)], case: &Case) -> Option<String> {
    assert_eq!(ours.record.equity.len(), theirs.len(), "{}", case.name);
    for (bar, (point, (held, cash, equity))) in ours.record.equity.iter().zip(theirs).enumerate() {
        let splits = case.splits.iter().filter(|split| split.0 <= bar).count();
        let near = if case.setting.is_some() { NEAR + A_PART_OF_A_SHARE * splits as f64 } else { NEAR };
        let value = point.long_value.to_f64() - point.short_value.to_f64();
        let is_same = (value - (equity - cash)).abs() < NEAR
            && (value == 0.0) == (*held == 0)
            && (value < 0.0) == (*held < 0)
            && (point.cash.to_f64() - cash).abs() < near
            && (point.equity.to_f64() - equity).abs() < near;
        if !is_same {
            return Some(format!("bar {bar}: {point:?} against {held} shares, cash {cash}, equity {equity}"));
        }
    }
    None
}

#[test]
fn splits_and_dividends_of_what_is_held_equal_zipline() {
    let mut by_a_setting = 0;
    for case in &reference().cases {
        let name = &case.name;
        let output = backtest(history(case), sides(case));
        assert_eq!(difference(&output, &case.by_the_setting, case), None, "{name}: {:?}", case.setting);
        let by_itself = difference(&output, &case.by_itself, case);
        assert_eq!(by_itself.is_some(), case.setting.is_some(), "{name}: {by_itself:?}");
        by_a_setting += usize::from(case.setting.is_some());

        // Nothing of it is lost between the account and its trades: it ends flat.
        let last = output.record.equity.last().unwrap();
        assert_eq!(last.positions, 0, "{name}");
        let profits: i64 = output.record.trades.iter().map(|trade| trade.profit.micros()).sum();
        assert_eq!(profits, last.equity.micros() - 100_000_000_000, "{name}");
        let dividends: i64 = output.record.trades.iter().map(|trade| trade.dividends.micros()).sum();
        assert_eq!(dividends, output.record.dividends.micros(), "{name}");
        assert_ne!(dividends, 0, "{name}");
    }
    assert_eq!(by_a_setting, 3);
}

/// Long, short and flat in turns: AAPL from 1998 to 2021, with 2:1, 7:1 and 4:1, and AIG with 3:2, 5:4 and 1:20.
#[test]
fn splits_and_dividends_on_real_bars_equal_zipline() {
    let Some(folder) = crate::common::market_data() else { return };
    for expected in &reference().real {
        let ticker = expected.ticker.as_str();
        let mut market = crate::common::market(&folder, &[ticker]);
        let history = market.tickers.remove(ticker).unwrap();
        let sessions: Vec<_> = history.bars.session().iter().map(|session| session.date()).collect();
        let splits =
            history.actions.as_slice().iter().filter(|action| action.kind == ActionKind::Split).count();
        let turns = (0..sessions.len()).map(|bar| expected.turns[bar % expected.turns.len()]).collect();
        let output = backtest(history, turns);
        let fills: Vec<_> = output
            .record
            .fills()
            .map(|fill| (fill.session, whole(fill.side.signed(fill.quantity))))
            .collect();
        let theirs: Vec<_> = expected.fills.iter().map(|(bar, size)| (sessions[*bar], *size)).collect();
        assert_eq!(fills, theirs, "{ticker}");
        assert!(fills.len() > 80, "{ticker}: {} fills", fills.len());
        let near = if expected.setting.is_some() { NEAR + A_PART_OF_A_SHARE * splits as f64 } else { NEAR };
        let equity = output.record.equity.last().unwrap().equity.to_f64();
        assert!((equity - expected.equity).abs() < near, "{ticker}: {equity} against {}", expected.equity);
        assert_ne!(output.record.dividends.micros(), 0, "{ticker}");
    }
}
