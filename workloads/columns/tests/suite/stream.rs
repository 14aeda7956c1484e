//! A stream gives the bits that columns have, for every function and at every bar.

use crate::support::{bits, functions, hours, places, sessions, walk_at, with_actions};
use ats_calendar::{Calendar, Interval, Session};
use ats_columns::{Adjustment, Bar, Bars, Stream, evaluate_all};
use ats_expression::testing::Generator;
use ats_expression::{Function, Name, Scope, Ticker, Typed, check, parse};
use proptest::prelude::*;

const ROWS: usize = 160;

fn names(count: usize) -> Vec<Name> {
    (0..count).map(|i| Name::new(&format!("f{i}")).unwrap()).collect()
}

/// A walk with splits and dividends, holes of both sizes and bars without volume.
fn history(interval: Interval, ticker: &str, seed: u64, dropped: &[usize]) -> Bars {
    let mut kept = match interval {
        Interval::D1 => {
            let mut kept = sessions(ROWS + 20);
            kept.drain(90..97);
            places(&kept, interval)
        }
        _ => {
            // Seven sessions of seven hours.
            let mut kept = hours();
            kept.drain(126..175);
            kept
        }
    };
    for place in dropped {
        kept.remove(*place);
    }
    kept.truncate(ROWS);
    let mut columns = with_actions(walk_at(ticker, &kept, seed)).into_columns();
    for (row, volume) in columns.volume.iter_mut().enumerate() {
        if (row as u64 + seed).is_multiple_of(41) {
            *volume = 0.0;
        }
    }
    Bars::new(ticker, columns).unwrap()
}

/// The columns of a stream that is given the bars one by one.
fn streamed(
    expressions: &[(Name, Typed)],
    interval: Interval,
    own: &Bars,
    other: &Bars,
    adjustment: Adjustment,
) -> Vec<Vec<f64>> {
    let named = expressions.iter().map(|(name, typed)| (name, typed));
    let mut stream = Stream::new(named, adjustment, interval, Calendar::xnys()).unwrap();
    let others: Vec<Bar> = (0..other.len()).map(|row| Bar::of(other, row).unwrap()).collect();
    let mut columns = vec![Vec::new(); expressions.len()];
    for row in 0..own.len() {
        let bar = Bar::of(own, row).unwrap();
        let place = others.partition_point(|other| other.timestamp < bar.timestamp);
        // What is known now: at most the bar of this instant, which may be an older one.
        let known = others[..others.len().min(place + 1)].last();
        let values = stream.push(&bar, |ticker| known.filter(|_| ticker.as_str() == other.ticker())).unwrap();
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value.to_float()));
    }
    columns
}

fn whole(
    expressions: &[(Name, Typed)],
    interval: Interval,
    own: &Bars,
    other: &Bars,
    adjustment: Adjustment,
) -> Vec<Vec<f64>> {
    let inputs = ats_columns::Inputs::new(own, adjustment, Calendar::xnys())
        .unwrap()
        .with_interval(interval, Calendar::xnys())
        .with_benchmark(Ticker::new(other.ticker()).unwrap(), other, adjustment);
    let mut columns = Vec::new();
    let named: Vec<_> = expressions.iter().map(|(name, typed)| (name, typed)).collect();
    evaluate_all(named, &inputs, |_, values| columns.push(values.to_floats().to_vec())).unwrap();
    columns
}

/// One call of every function, with periods that end inside, at and beyond a segment.
fn every_function() -> Vec<String> {
    let mut all = vec![];
    for n in [1, 2, 3, 4, 7, 30, 89, 90] {
        for function in ats_expression::Window::ALL {
            all.push(format!("{function}(raw_close / raw_volume, {n})"));
            all.push(format!("{function}(close, {n})"));
        }
        for function in ats_expression::Bars::ALL {
            all.push(format!("{function}({n})"));
        }
        for function in ats_expression::PairWindow::ALL {
            all.push(format!("{function}(returns(close, 1), returns(close@\"SPY\", 1), {n})"));
        }
        all.push(format!("quantile(raw_close, 0.3, {n})"));
        all.push(format!("count(close > open, {n})"));
        all.push(format!("macd(close, {n}, {}, 3).line", n + 2));
        all.push(format!("macd(close, {n}, {}, 3).signal", n + 2));
        all.push(format!("macd(close, {n}, {}, 3).histogram", n + 2));
        all.push(format!("bollinger(close, {n}, 2).upper"));
        all.push(format!("bollinger(close, {n}, 2).middle"));
        all.push(format!("bollinger(close, {n}, 2).lower"));
        all.push(format!("stochastic({n}, 3, 2).k - stochastic({n}, 3, 2).d"));
        all.push(format!("beta(\"SPY\", {n})"));
    }
    all.extend(["obv", "day_of_week + month", "sign(close - open)", "log(raw_volume)"].map(str::to_owned));
    for column in ats_expression::Column::ALL {
        all.extend(["1d", "1w"].map(|interval| format!("returns({column}@{interval}, 3)")));
    }
    all.extend(["exp", "abs", "sqrt"].map(|function| format!("{function}(returns(close, 1))")));
    all.push("if(close > open, min(close, open), max(close, high))".to_owned());
    all.push("clip(returns(close, 1), -0.01, 0.01)".to_owned());
    all.push("not (close > open) and (volume > 1 or close@\"SPY\" > 0)".to_owned());
    all.push("cross_above(close, sma(close, 5)) or cross_below(close, sma(close, 5))".to_owned());
    // Some periods are too short for some functions: these are left out by the checker.
    all.into_iter().filter(|source| check(&parse(source).unwrap(), &Scope::new()).is_ok()).collect()
}

#[test]
fn every_function_gives_the_bits_of_its_column() {
    let sources = every_function();
    assert!(sources.len() > 250, "{}", sources.len());
    let expressions: Vec<(Name, Typed)> = names(sources.len())
        .into_iter()
        .zip(sources.iter().map(|source| crate::support::typed(source)))
        .collect();
    for interval in [Interval::D1, Interval::H1] {
        let (own, other) = (history(interval, "IBM", 5, &[40]), history(interval, "SPY", 6, &[60, 61]));
        for adjustment in [Adjustment::SplitsAndDividends, Adjustment::Splits, Adjustment::None] {
            let found = streamed(&expressions, interval, &own, &other, adjustment);
            let expected = whole(&expressions, interval, &own, &other, adjustment);
            for ((source, found), expected) in sources.iter().zip(&found).zip(&expected) {
                assert_eq!(bits(found), bits(expected), "{source}, {interval}");
            }
        }
    }
}

/// A new function fails here until the list above calls it, and reads each of its outputs.
#[test]
fn the_list_has_every_function() {
    let sources = every_function();
    for function in Function::all() {
        // Those across tickers wait for the bars of all: a stream refuses them.
        if matches!(function, Function::CrossSection(_) | Function::Winsorize) {
            continue;
        }
        let name = function.text();
        let calls: Vec<&String> = sources.iter().filter(|source| functions(source).contains(name)).collect();
        assert!(!calls.is_empty(), "no expression calls `{name}`");
        for output in function.outputs() {
            let read = calls.iter().any(|source| source.contains(&format!(").{output}")));
            assert!(read, "`{name}(…).{output}` is not read");
        }
    }
}

/// Longer than the pieces in which columns are computed.
#[test]
fn every_function_gives_the_bits_of_its_column_over_decades() {
    let sources = every_function();
    let expressions: Vec<(Name, Typed)> = names(sources.len())
        .into_iter()
        .zip(sources.iter().map(|source| crate::support::typed(source)))
        .collect();
    let sessions = crate::support::sessions(9_000);
    let (own, other) =
        (crate::support::walk("IBM", &sessions, 7), crate::support::walk("SPY", &sessions[100..], 8));
    let (interval, adjustment) = (Interval::D1, Adjustment::None);
    let found = streamed(&expressions, interval, &own, &other, adjustment);
    let expected = whole(&expressions, interval, &own, &other, adjustment);
    for ((source, found), expected) in sources.iter().zip(&found).zip(&expected) {
        assert_eq!(bits(found), bits(expected), "{source}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any expressions together, so that they share parts.
    #[test]
    fn a_stream_gives_the_bits_of_columns(
        sources in prop::collection::vec(
            Generator { max_period: 25, depth: 3, cross_sectional: false, tickers: vec!["SPY".to_owned()] }.any(),
            1..4,
        ),
        interval in prop::sample::select(vec![Interval::D1, Interval::H1]),
        seed in 0..1000_u64,
    ) {
        let expressions: Vec<(Name, Typed)> =
            names(sources.len()).into_iter().zip(sources.iter().map(|source| crate::support::typed(source))).collect();
        let own = history(interval, "IBM", seed, &[40]);
        let other = history(interval, "SPY", seed + 1, &[60]);
        let found = streamed(&expressions, interval, &own, &other, Adjustment::SplitsAndDividends);
        let expected = whole(&expressions, interval, &own, &other, Adjustment::SplitsAndDividends);
        for ((source, found), expected) in sources.iter().zip(&found).zip(&expected) {
            prop_assert_eq!(bits(found), bits(expected), "{}, {}", source, interval);
        }
    }
}

#[test]
fn features_are_read_by_name_and_errors_told() {
    let own = history(Interval::D1, "IBM", 5, &[]);
    let mut scope = Scope::new();
    let mut add = |name: &str, source: &str| {
        let typed = check(&parse(source).unwrap(), &scope).unwrap();
        scope.insert(Name::new(name).unwrap(), typed.facts());
        (Name::new(name).unwrap(), typed)
    };
    let expressions = [
        add("up", "close > open"),
        add("ret", "returns(close, 1)"),
        add("both", "if(up, sma(ret, 3), -ret)"),
    ];
    let found = streamed(&expressions, Interval::D1, &own, &own, Adjustment::None);
    let expected = whole(&expressions, Interval::D1, &own, &own, Adjustment::None);
    assert_eq!(bits(&found[2]), bits(&expected[2]));

    let alone = |expressions: &[(Name, Typed)]| {
        let named = expressions.iter().map(|(name, typed)| (name, typed));
        Stream::new(named, Adjustment::None, Interval::D1, Calendar::xnys()).map(|_| ())
    };
    let told = |error: Result<(), ats_columns::EvaluateError>| error.unwrap_err().to_string();
    assert_eq!(told(alone(&expressions[2..])), "a stream: the feature `up` is used before it has values");
    assert_eq!(
        told(alone(&[add("ranked", "rank(ret)")])),
        "a stream: `rank` needs the values of all active tickers, which are not there"
    );
}

#[test]
fn a_bar_that_does_not_come_next_is_refused_and_changes_nothing() {
    let own = history(Interval::D1, "IBM", 5, &[]);
    let sma = [(Name::new("sma_3").unwrap(), crate::support::typed("sma(close, 3)"))];
    let named = || sma.iter().map(|(name, typed)| (name, typed));
    let mut stream = Stream::new(named(), Adjustment::None, Interval::D1, Calendar::xnys()).unwrap();
    let mut push = |bar: &Bar| stream.push(bar, |_| None).map(|values| values[0].to_float());
    let bars: Vec<Bar> = (0..3).map(|row| Bar::of(&own, row).unwrap()).collect();
    assert!(push(&bars[0]).unwrap().is_nan() && push(&bars[1]).unwrap().is_nan());
    let saturday = Bar { session: Session::assume(jiff::civil::date(2015, 1, 10)), ..bars[2] };
    let told = [push(&bars[1]).unwrap_err(), push(&bars[0]).unwrap_err(), push(&saturday).unwrap_err()];
    insta::assert_snapshot!(told.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let mean = (own.close()[0] + own.close()[1] + own.close()[2]) / 3.0;
    assert_eq!(push(&bars[2]).unwrap(), mean);
}
