//! From bars to slices: intraday sessions, adjusted prices, artifacts that stay what they are.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, Interval};
use ats_columns::{Action, ActionKind, Actions, BarColumns, Bars};
use ats_crds::Rebalance;
use ats_crds::strategy::TradedPrices;
use ats_pipeline::Digest;
use ats_pipeline::spec::{BacktestSpec, RatesSpec, SignalSpec, SizingSpec, StopSpec, StrategyCore};
use ats_trading_strategy::backtest::{BacktestOutput, run};
use ats_trading_strategy::engine::{Control, Event, Intent, Price, Slice};
use ats_trading_strategy::explain::explain;
use ats_trading_strategy::market::{Market, TickerHistory};
use ats_trading_strategy::slices::Slices;
use jiff::civil::{Date, date};

/// One ticker whose close at bar i is `price(i)`, split 2:1 with a dividend of 1 at the open of `split`.
fn market(interval: Interval, from: Date, to: Date, split: Date, price: impl Fn(usize) -> f64) -> Market {
    let calendar = Calendar::xnys();
    let mut columns = BarColumns::default();
    let mut before = f64::NAN;
    let (mut splits, mut dividends) = (1.0, 1.0);
    for session in calendar.sessions(from, to) {
        if session.date() == split {
            splits = 2.0;
            dividends = 1.0 / (1.0 - 1.0 / before);
        }
        for start in calendar.bar_starts(*session, interval).unwrap() {
            let close = price(columns.close.len()) / splits;
            columns.session.push(*session);
            columns.timestamp.push(start.as_microsecond());
            columns.open.push(close - 0.25);
            columns.high.push(close + 0.5);
            columns.low.push(close - 0.5);
            columns.close.push(close);
            columns.volume.push(10_000.0 * splits);
            columns.split_factor.push(splits);
            columns.dividend_factor.push(dividends);
            before = close;
        }
    }
    let actions = vec![
        Action { ex_date: split, kind: ActionKind::Split, value: 2.0 },
        Action { ex_date: split, kind: ActionKind::Dividend, value: 1.0 },
    ];
    let history = TickerHistory {
        bars: Bars::new("X", columns).unwrap(),
        actions: Actions::new("X", actions).unwrap(),
        features: BTreeMap::new(),
        membership: crate::common::always(),
        scores: Vec::new(),
    };
    Market { tickers: BTreeMap::from([("X".to_owned(), history)]), ..Market::default() }
}

fn core() -> StrategyCore {
    let mut core = crate::common::core("close > sma(close, 3)", "close < sma(close, 3)");
    core.rank_by = None;
    core.max_portfolio_heat = None;
    core.sizing = SizingSpec::RiskPerTrade;
    core.stop = Some(StopSpec::Atr { period: 3, multiple: crate::common::decimal("2") });
    core.costs.max_volume_share = None;
    core
}

fn slices(core: &StrategyCore, market: &Market, prices: TradedPrices, from: Date, to: Date) -> Vec<Slice> {
    let slices = Slices::new(core, market, Calendar::xnys(), prices).unwrap();
    slices.between(from, to, Control::Run).collect::<Result<_, _>>().unwrap()
}

/// Wave of 8 bars between 40 and 56.
fn wave(bar: usize) -> f64 {
    40.0 + 4.0 * (bar % 8).min(8 - bar % 8) as f64
}

/// Hours of three sessions, the last of a week among them: each session ends once, the week once, and the actions
/// come with the first bar.
#[test]
fn hours_make_sessions() {
    let (from, split, to) = (date(2021, 3, 4), date(2021, 3, 5), date(2021, 3, 8));
    let market = market(Interval::H1, from, to, split, wave);
    let core = StrategyCore { interval: Interval::H1, rebalance: Rebalance::Weekly, ..core() };
    let slices = slices(&core, &market, TradedPrices::Raw, from, to);
    // 9:00 (which holds the open at 9:30) to 15:00.
    assert_eq!(slices.len(), 3 * 7);
    let closes: Vec<_> =
        slices.iter().filter(|slice| slice.session_close).map(|slice| slice.session).collect();
    assert_eq!(closes, [from, split, to]);
    let weeks: Vec<_> = slices.iter().filter(|slice| slice.rebalance).map(|slice| slice.timestamp).collect();
    assert_eq!(weeks, [slices[13].timestamp]);
    let acted: Vec<_> =
        slices.iter().filter(|slice| !slice.actions.is_empty()).map(|slice| slice.timestamp).collect();
    assert_eq!(acted, [slices[7].timestamp]);
    assert_eq!(slices[7].actions.len(), 2);
    assert!(slices.iter().all(|slice| slice.tickers[0].bar.is_some()));

    let spec = BacktestSpec { end: Some(to), ..crate::common::backtest(core, from) };
    let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
    assert_eq!(output.record.equity.len(), 21);
    assert_eq!(output.record.closes().len(), 3, "statistics count sessions, not bars");
    assert!(output.record.fills().count() > 0);
}

/// A file without volumes does not know them, and its bars are traded on. Where there were some, 0 is a halt.
#[test]
fn a_volume_of_zero_is_a_halt_where_there_were_volumes() {
    let (from, split, to) = (date(2021, 1, 4), date(2021, 2, 16), date(2021, 3, 31));
    let fills_of = |known: std::ops::Range<usize>| {
        let mut market = market(Interval::D1, from, to, split, wave);
        for history in market.tickers.values_mut() {
            let mut columns = history.bars.clone().into_columns();
            let count = columns.volume.len();
            columns.volume[..known.start.min(count)].fill(0.0);
            columns.volume[known.end.min(count)..].fill(0.0);
            history.bars = Bars::new("X", columns).unwrap();
        }
        let spec = crate::common::backtest(core(), from);
        let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
        output.record.fills().map(|fill| (fill.session, fill.quantity)).collect::<Vec<_>>()
    };
    let all = fills_of(0..usize::MAX);
    assert!(all.len() > 3);
    assert_eq!(fills_of(0..0), all);
    // The first session's volume is known, those behind it are 0.
    assert!(fills_of(0..1).is_empty());
    // From the middle on.
    assert_eq!(fills_of(30..usize::MAX), all);
}

/// Adjusted prices end at the raw ones, hold the actions, and give them to nobody again. The stop's ATR and the
/// average volume are in the same dollars and shares as the bars.
#[test]
fn adjusted_prices_hold_the_actions() {
    let (from, split, to) = (date(2021, 1, 4), date(2021, 2, 16), date(2021, 3, 31));
    let market = market(Interval::D1, from, to, split, wave);
    let raw = slices(&core(), &market, TradedPrices::Raw, from, to);
    let adjusted = slices(&core(), &market, TradedPrices::Adjusted, from, to);
    let last = raw.len() - 1;
    assert_eq!(raw[last].tickers[0].bar, adjusted[last].tickers[0].bar);
    assert!(adjusted.iter().all(|slice| slice.actions.is_empty()));
    assert_eq!(raw.iter().map(|slice| slice.actions.len()).sum::<usize>(), 2);
    // Before the split and the dividend of 1 on the last close before it.
    let bars = &market.tickers["X"].bars;
    let before = bars.close()[bars.session().partition_point(|session| session.date() < split) - 1];
    let factor = (1.0 - 1.0 / before) / 2.0;
    let close = |slice: &Slice| slice.tickers[0].bar.unwrap().close;
    assert_eq!(close(&adjusted[0]), Price::from_f64(close(&raw[0]).to_f64() * factor).unwrap());
    for row in [10, 40] {
        let (raw, adjusted) = (&raw[row].tickers[0], &adjusted[row].tickers[0]);
        let scale = adjusted.bar.unwrap().close.to_f64() / raw.bar.unwrap().close.to_f64();
        assert!((adjusted.atr.unwrap().to_f64() / raw.atr.unwrap().to_f64() - scale).abs() < 1e-5, "{row}");
    }
    // 10,000 old shares are 20,000 new ones.
    assert_eq!(
        (raw[25].tickers[0].average_volume, adjusted[25].tickers[0].average_volume),
        (Some(10_000), Some(20_000))
    );
    assert_eq!(raw[last].tickers[0].average_volume, Some(20_000));
    assert_eq!(raw[19].tickers[0].average_volume, None, "21 bars make the average");

    let spec = BacktestSpec { prices: TradedPrices::Adjusted, ..crate::common::backtest(core(), from) };
    let output = run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap();
    let report = output.files.iter().find(|file| file.name == "report.html").unwrap();
    assert!(std::str::from_utf8(&report.bytes).unwrap().contains("Adjusted prices"));
    assert_eq!(output.record.dividends.micros(), 0);
}

/// The strategy's rates are what its numbers are measured against, and the report names them; they change no order.
#[test]
fn rates_are_those_of_the_strategy() {
    let (from, split, to) = (date(2021, 1, 4), date(2021, 2, 16), date(2021, 3, 31));
    let market = market(Interval::D1, from, to, split, wave);
    let with = |rates: RatesSpec| {
        let spec = BacktestSpec { rates, ..crate::common::backtest(core(), from) };
        run(&spec, &market, Calendar::xnys(), "x", &[]).unwrap()
    };
    let text = |output: &BacktestOutput, name: &str| {
        let file = output.files.iter().find(|file| file.name == name).unwrap();
        String::from_utf8(file.bytes.clone()).unwrap()
    };
    let plain = with(RatesSpec::default());
    let rates = RatesSpec {
        risk_free: crate::common::decimal("0.03"),
        minimum_acceptable: crate::common::decimal("0.08"),
    };
    let ours = with(rates);
    assert_eq!(ours.record, plain.record);
    for name in ["sharpe", "sortino", "probabilisticSharpe", "omega", "alpha"] {
        let (ours, plain) = (ours.statistics.value(name), plain.statistics.value(name));
        assert!(ours.is_some() && plain.is_some() && ours != plain, "{name}: {ours:?} and {plain:?}");
    }
    for name in ["cagr", "volatility", "calmar", "beta", "informationRatio"] {
        assert_eq!(ours.statistics.numbers.get(name), plain.statistics.numbers.get(name), "{name}");
    }
    assert!(text(&ours, "statistics.json").contains("rf = (1 + 0.03)^(1 / 252) - 1"));
    for row in ["Risk-free rate", "3% a year", "Least acceptable return", "8% a year"] {
        assert!(text(&ours, "report.html").contains(row), "{row}");
        assert!(!text(&plain, "report.html").contains(row), "{row}");
    }
}

/// A decision is told with what was decided by: the values of the rule's parts as the language gives them, the orders
/// that the backtest recorded, and their fills on the next bar.
#[test]
fn a_decision_is_explained() {
    let (from, split, to) = (date(2021, 1, 4), date(2021, 2, 16), date(2021, 3, 31));
    let market = market(Interval::D1, from, to, split, wave);
    let spec = crate::common::backtest(core(), from);
    let calendar = Calendar::xnys();
    let output = run(&spec, &market, calendar, "x", &[]).unwrap();
    let told = |date: Date| explain(&spec, &market, calendar, "x", "X", date).unwrap();
    let mut entries = 0;
    for session in calendar.sessions(from, to) {
        let session = session.date();
        let told = told(session);
        let decided: Vec<_> = output
            .record
            .orders
            .iter()
            .filter(|row| row.order.session == session && !row.order.reason.is_in_bar())
            .collect();
        assert_eq!(told.orders, decided.iter().map(|row| row.order.clone()).collect::<Vec<_>>(), "{session}");
        assert_eq!(told.why_not.is_some(), decided.is_empty(), "{session}");
        let fills: Vec<_> = told
            .later
            .iter()
            .filter_map(|event| if let Event::Filled(fill) = event { Some(fill.clone()) } else { None })
            .collect();
        assert_eq!(fills, decided.iter().filter_map(|row| row.fill.clone()).collect::<Vec<_>>(), "{session}");
        entries += decided.iter().filter(|row| row.order.intent == Intent::Entry).count();
    }
    assert!(entries > 3, "{entries} entries");

    // The fourth bar closes at 52, the two before at 48 and 44: above their mean of 48.
    let fourth = calendar.sessions(from, to)[3].date();
    let explained = told(fourth);
    let entry = &explained.rules[0];
    assert_eq!((entry.field, entry.rule.value.as_str()), ("signal.rules.entry", "true"));
    let parts: Vec<_> = entry.parts.iter().map(|part| (part.text.as_str(), part.value.as_str())).collect();
    assert_eq!(parts, [("close > sma(close, 3)", "true"), ("close", "52"), ("sma(close, 3)", "48")]);

    let error = explain(&spec, &market, calendar, "x", "Y", fourth).unwrap_err().to_string();
    assert_eq!(error, "Y is not among the strategy's tickers: X");
    let error = explain(&spec, &market, calendar, "x", "X", date(2021, 1, 9)).unwrap_err().to_string();
    assert!(error.contains("2021-01-09 is not a session of the backtest"), "{error}");
}

/// A score and a weight are told with their values, too.
#[test]
fn a_score_and_a_weight_are_explained() {
    let (from, split, to) = (date(2021, 1, 4), date(2021, 2, 16), date(2021, 3, 31));
    let market = market(Interval::D1, from, to, split, wave);
    let zero = crate::common::decimal("0");
    let mut core = core();
    let expression = "close / sma(close, 3) - 1".to_owned();
    core.signal = SignalSpec::Scores { expression, minimum_score: zero, exit_rank: 4 };
    core.sizing = SizingSpec::TickerWeight { expression: "0.5 * close / close".into(), cash_buffer: zero };
    (core.stop, core.rebalance) = (None, Rebalance::Daily);
    let spec = crate::common::backtest(core, from);
    let calendar = Calendar::xnys();
    // The third bar closes at 48, above its mean with 40 and 44. Half of 100,000 less the commission of $0.005 a share:
    // 1041 x 48 = 49,968 fits, and 1042 do not.
    let third = calendar.sessions(from, to)[2].date();
    let told = explain(&spec, &market, calendar, "x", "X", third).unwrap();
    let fields: Vec<_> = told.rules.iter().map(|rule| rule.field).collect();
    assert_eq!(fields, ["signal.scores.expression", "portfolio.sizing.targetWeight.expression"]);
    let score: f64 = told.rules[0].rule.value.parse().unwrap();
    assert!((score - (48.0 / 44.0 - 1.0)).abs() < 1e-12, "{score}");
    assert_eq!(told.rules[1].rule.value, "0.5");
    let told_as = |text: &str| told.values.iter().find(|value| value.text == text).unwrap().value.clone();
    assert_eq!((told_as("score"), told_as("weight")), (told.rules[0].rule.value.clone(), "0.5".to_owned()));
    assert_eq!(told.orders[0].wanted.whole(), 1041);
}

fn digests(output: &BacktestOutput) -> Vec<String> {
    output.files.iter().map(|file| format!("{} {}", file.name, Digest::of(&file.bytes))).collect()
}

/// Files that stand under a key must not change under it: when this fails, raise `REVISION` of stage `backtest`
/// in the pipeline crate, and accept the snapshot.
#[test]
fn artifacts_change_only_with_the_revision() {
    let (from, split, to) = (date(2019, 1, 2), date(2020, 2, 18), date(2021, 3, 31));
    let market = market(Interval::D1, from, to, split, |bar| wave(bar) + (bar % 31) as f64 * 0.37);
    let spec = crate::common::backtest(core(), from);
    let lineage = [("publish".to_owned(), "0".repeat(64))];
    let output = run(&spec, &market, Calendar::xnys(), "golden", &lineage).unwrap();
    assert!(output.record.trades.len() > 30);
    let revision = ats_pipeline::spec::backtest::REVISION;
    insta::assert_snapshot!(format!("revision {revision}\n{}", digests(&output).join("\n")));
}
