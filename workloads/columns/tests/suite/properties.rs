//! Properties of every expression: no look-ahead to the bit, gaps and nulls start anew, sharing changes nothing.

use crate::support::{
    Place, bits, inputs, numbers, places, sessions, walk, walk_at, with_actions, with_benchmark_of,
};
use ats_calendar::{Interval, Session};
use ats_columns::evaluate::Column;
use ats_columns::{Adjustment, Bars, evaluate, evaluate_all};
use ats_expression::testing::Generator;
use ats_expression::{Name, Scope, Ticker, Typed, check, parse};
use jiff::civil::{Date, date};
use proptest::prelude::*;

const ROWS: usize = 160;

fn generator() -> Generator {
    Generator { max_period: 25, depth: 3, cross_sectional: false, tickers: vec!["SPY".to_owned()] }
}

/// How long the bars of a history are: a session, or an hour, of which a session has several.
fn intervals() -> impl Strategy<Value = Interval> {
    prop::sample::select(vec![Interval::D1, Interval::H1])
}

/// Bars with holes: short ones inside a segment, and one that divides them.
fn holes(interval: Interval) -> Vec<Place> {
    if interval == Interval::D1 {
        let mut kept = sessions(ROWS + 20);
        kept.drain(90..97);
        kept.remove(40);
        kept.truncate(ROWS);
        return places(&kept, interval);
    }
    let mut kept = crate::support::hours();
    // Behind the gap the first hours of a session; the gap, of seven sessions.
    kept.drain(189..191);
    kept.drain(126..175);
    // Before it a whole session, the last hour of a Friday, and one inside a session.
    kept.drain(77..84);
    kept.remove(34);
    kept.remove(17);
    kept
}

/// Where the second segment of such a history begins.
fn divided_at(interval: Interval) -> usize {
    if interval == Interval::D1 { 89 } else { 117 }
}

/// Both with splits and dividends, before the division and behind it.
fn history(interval: Interval, seed: u64) -> (Bars, Bars) {
    let mut benchmark = match interval {
        Interval::D1 => places(&sessions(ROWS + 20), interval),
        _ => crate::support::hours(),
    };
    benchmark.remove(60);
    let own = walk_at("IBM", &holes(interval), seed);
    (with_actions(own), with_actions(walk_at("SPY", &benchmark, seed + 1)))
}

fn column(typed: &Typed, interval: Interval, bars: &Bars, benchmark: &Bars) -> Vec<Option<u64>> {
    bits(&evaluate(typed, &with_benchmark_of(interval, bars, benchmark)).unwrap().to_floats())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_depends_on_nothing_after_it(
        source in generator().any(),
        interval in intervals(),
        seed in 0..1000_u64,
        cut in any::<prop::sample::Index>(),
    ) {
        let typed = crate::support::typed(&source);
        let (bars, benchmark) = history(interval, seed);
        // Hours may be cut inside a session.
        let cut = cut.index(bars.len() + 1);
        let whole = column(&typed, interval, &bars, &benchmark);
        let part = column(&typed, interval, &bars.head(cut), &benchmark);
        prop_assert_eq!(&whole[..cut], &part[..], "{} cut at {}", source, cut);
        // The benchmark's later bars must not matter either.
        let last = bars.timestamp()[..cut].last().copied().unwrap_or(0);
        let known = benchmark.timestamp().partition_point(|timestamp| *timestamp <= last);
        prop_assert_eq!(&part, &column(&typed, interval, &bars.head(cut), &benchmark.head(known)));
    }

    #[test]
    fn a_segment_does_not_know_what_lies_before_its_gap(
        source in generator().any(),
        interval in intervals(),
        seed in 0..1000_u64,
    ) {
        let typed = crate::support::typed(&source);
        let (bars, benchmark) = history(interval, seed);
        let inputs = with_benchmark_of(interval, &bars, &benchmark);
        let [first, second] = inputs.segments() else { panic!("two segments") };
        prop_assert_eq!(first.end, divided_at(interval));
        let mut columns = bars.clone().into_columns();
        columns.session.drain(..second.start);
        columns.timestamp.drain(..second.start);
        for values in [
            &mut columns.open, &mut columns.high, &mut columns.low, &mut columns.close, &mut columns.volume,
            &mut columns.split_factor, &mut columns.dividend_factor,
        ] {
            values.drain(..second.start);
        }
        let alone = Bars::new("IBM", columns).unwrap();
        let whole = column(&typed, interval, &bars, &benchmark);
        prop_assert_eq!(&whole[second.clone()], &column(&typed, interval, &alone, &benchmark)[..]);
    }

    #[test]
    fn every_value_is_finite_or_null(
        source in generator().any(),
        interval in intervals(),
        seed in 0..1000_u64,
    ) {
        let (bars, benchmark) = history(interval, seed);
        let inputs = with_benchmark_of(interval, &bars, &benchmark);
        let values = evaluate(&crate::support::typed(&source), &inputs).unwrap();
        prop_assert_eq!(values.len(), bars.len());
        prop_assert!(values.to_floats().iter().all(|value| value.is_finite() || value.is_nan()));
    }

    /// Values never begin before the bar that the checker derived (which takes alternatives at their latest).
    #[test]
    fn values_begin_where_the_checker_says(
        source in generator().any(),
        interval in intervals(),
        seed in 0..1000_u64,
    ) {
        prop_assume!(!["if(", " and ", " or ", "cross_"].iter().any(|alternative| source.contains(alternative)));
        let typed = crate::support::typed(&source);
        let mut places = places(&sessions(ROWS), interval);
        places.truncate(ROWS);
        let (bars, benchmark) = (walk_at("IBM", &places, seed), walk_at("SPY", &places, seed + 1));
        let values = evaluate(&typed, &with_benchmark_of(interval, &bars, &benchmark)).unwrap();
        let first = values.to_floats().iter().position(|value| !value.is_nan());
        if let (Column::Number(_), Some(first)) = (&values, first) {
            prop_assert!(first >= typed.first_value() as usize, "{}: {} before {}", source, first, typed.first_value());
        }
    }

    /// Evaluated together, with shared parts computed once, expressions give what each gives alone.
    #[test]
    fn sharing_changes_nothing(
        sources in prop::collection::vec(generator().any(), 1..4),
        interval in intervals(),
        seed in 0..1000_u64,
    ) {
        let (bars, benchmark) = history(interval, seed);
        let inputs = with_benchmark_of(interval, &bars, &benchmark);
        // Each one twice, so that all of it is shared.
        let typed: Vec<Typed> = sources.iter().chain(&sources).map(|source| crate::support::typed(source)).collect();
        let names: Vec<Name> = (0..typed.len()).map(|i| Name::new(&format!("f{i}")).unwrap()).collect();
        let mut together = Vec::new();
        evaluate_all(names.iter().zip(&typed), &inputs, |_, values| together.push(values)).unwrap();
        for (typed, shared) in typed.iter().zip(&together) {
            prop_assert_eq!(bits(&evaluate(typed, &inputs).unwrap().to_floats()), bits(&shared.to_floats()));
        }
    }

    /// A function of the last n bars gives what those bars alone give, wherever the window lies.
    #[test]
    fn a_window_sees_only_itself(
        (function, n) in prop::sample::select(vec![
            ("mean", 1), ("sum", 1), ("std", 2), ("var", 2), ("median", 1), ("lowest", 1), ("highest", 1), ("skew", 3),
            ("kurtosis", 4), ("autocorrelation", 3), ("slope", 2), ("wma", 1),
        ]).prop_flat_map(|(function, least)| (Just(function), least..40_usize)),
        at in 40..200_usize,
        seed in 0..1000_u64,
    ) {
        let sessions = sessions(200);
        let close = walk("IBM", &sessions, seed).close().to_vec();
        let whole = crate::support::closes("IBM", &sessions, &close);
        let window = crate::support::closes("IBM", &sessions[at - n..at], &close[at - n..at]);
        let source = format!("{function}(raw_close, {n})");
        let (found, expected) = (numbers(&source, &inputs(&whole))[at - 1], numbers(&source, &inputs(&window))[n - 1]);
        // Moments of nearly equal prices cancel: their error is that of the prices, not of the result.
        let scale = if matches!(function, "skew" | "kurtosis" | "autocorrelation") { 1.0 } else { expected.abs() };
        prop_assert!(
            (found - expected).abs() <= 1e-8 * scale.max(1e-3) || (found.is_nan() && expected.is_nan()),
            "{}: {} for {}", source, found, expected
        );
    }

    /// After a spike has left a window, nothing of it is left, whatever its size.
    #[test]
    fn a_spike_is_forgotten(
        function in prop::sample::select(vec![
            "mean", "sum", "std", "var", "median", "lowest", "highest", "slope", "sma", "wma", "delta",
        ]),
        n in 2..20_usize,
        at in 0..40_usize,
        exponent in 3..150,
    ) {
        let sessions = sessions(100);
        let calm = walk("IBM", &sessions, 3);
        let mut columns = calm.clone().into_columns();
        columns.close[at] *= 10f64.powi(exponent);
        let spiked = Bars::new("IBM", columns).unwrap();
        let source = format!("{function}(raw_close, {n})");
        let (calm, spiked) = (numbers(&source, &inputs(&calm)), numbers(&source, &inputs(&spiked)));
        prop_assert_eq!(bits(&calm[at + n + 1..]), bits(&spiked[at + n + 1..]), "{}", source);
    }

    #[test]
    fn a_null_makes_its_windows_null_and_restarts_recursions(
        function in prop::sample::select(vec!["mean", "std", "median", "slope", "ema", "wma", "rsi", "lowest"]),
        n in 2..12_usize,
        at in 0..80_usize,
    ) {
        let sessions = sessions(120);
        let own = walk("IBM", &sessions, 11);
        let mut columns = own.into_columns();
        // x/0 is null on one bar.
        columns.volume = vec![1.0; 120];
        columns.volume[at] = 0.0;
        let own = Bars::new("IBM", columns).unwrap();
        let found = numbers(&format!("{function}(raw_close / raw_volume, {n})"), &inputs(&own));
        let behind: Vec<f64> = own.close()[at + 1..].to_vec();
        let alone = crate::support::closes("IBM", &sessions[at + 1..], &behind);
        let fresh = numbers(&format!("{function}(raw_close / raw_volume * 1000, {n})"), &inputs(&alone));
        prop_assert!(found[at].is_nan());
        for (found, fresh) in found[at + 1..].iter().zip(&fresh) {
            prop_assert!((found.is_nan() && fresh.is_nan()) || (found - fresh).abs() <= 1e-9 * fresh.abs().max(1e-3));
        }
    }
}

/// What random histories are made of: both segments have actions, and a cut may lie on either side of each.
#[test]
fn histories_have_splits_and_dividends() {
    let changes = |factors: &[f64]| -> Vec<usize> {
        (1..factors.len()).filter(|row| factors[*row] != factors[row - 1]).collect()
    };
    for interval in [Interval::D1, Interval::H1] {
        let (bars, benchmark) = history(interval, 3);
        let (splits, dividends) = (changes(bars.split_factor()), changes(bars.dividend_factor()));
        if interval == Interval::D1 {
            assert_eq!((&splits[..], &dividends[..]), (&[53, 120][..], &[32, 106][..]));
        }
        let behind =
            |rows: &[usize]| -> Vec<bool> { rows.iter().map(|row| *row > divided_at(interval)).collect() };
        assert_eq!(
            (behind(&splits), behind(&dividends)),
            (vec![false, true], vec![false, true]),
            "{interval}"
        );
        // A factor holds for whole sessions.
        for row in splits.iter().chain(&dividends) {
            assert_ne!(bars.session()[*row], bars.session()[row - 1], "{interval}, row {row}");
        }
        let of_benchmark =
            (changes(benchmark.split_factor()).len(), changes(benchmark.dividend_factor()).len());
        assert_eq!(of_benchmark, (2, 2));
        // What they are adjusted to is the walk that they were made of.
        let plain = walk_at("IBM", &holes(interval), 3);
        for (column, values) in [("close", plain.close()), ("volume", plain.volume())] {
            let found = numbers(column, &crate::support::inputs_of(interval, &bars));
            for (found, expected) in found.iter().zip(values) {
                assert!(
                    (found - expected).abs() <= 1e-12 * expected.abs(),
                    "{column}: {found} for {expected}"
                );
            }
        }
    }
}

/// What random hours are made of: sessions of seven and of four bars, with holes at their beginning, inside and at
/// their end, on both sides of the day on which clocks are set back.
#[test]
fn hours_have_short_sessions_and_holes() {
    let kept = holes(Interval::H1);
    let gap = date(2015, 11, 12)..date(2015, 11, 23);
    assert_eq!(kept[divided_at(Interval::H1)].0.date(), gap.end);
    assert!(!kept.iter().any(|(session, _)| gap.contains(&session.date())));
    let missing: Vec<String> = crate::support::hours()
        .iter()
        .filter(|place| !kept.contains(place) && !gap.contains(&place.0.date()))
        .map(|(_, start)| jiff::Timestamp::from_microsecond(*start).unwrap().to_string())
        .collect();
    let session = (14..21).map(|hour| format!("2015-11-03T{hour}:00:00Z"));
    let inside = ["2015-10-21T16:00:00Z", "2015-10-23T19:00:00Z"].map(str::to_owned);
    let first = ["2015-11-25T14:00:00Z", "2015-11-25T15:00:00Z"].map(str::to_owned);
    assert_eq!(missing, inside.into_iter().chain(session).chain(first).collect::<Vec<String>>());
    let bars_of = |day: Date| kept.iter().filter(|(session, _)| session.date() == day).count();
    assert_eq!((bars_of(date(2015, 11, 24)), bars_of(date(2015, 11, 27))), (7, 4));
}

#[test]
fn features_are_read_by_name_and_kind() {
    let bars = walk("IBM", &sessions(30), 5);
    let mut scope = Scope::new();
    let mut add = |name: &str, source: &str| {
        let typed = check(&parse(source).unwrap(), &scope).unwrap();
        scope.insert(Name::new(name).unwrap(), typed.facts());
        (Name::new(name).unwrap(), typed)
    };
    let features =
        [add("up", "close > open"), add("ret", "returns(close, 1)"), add("both", "if(up, ret, -ret)")];
    let mut found = Vec::new();
    evaluate_all(features.iter().map(|(name, typed)| (name, typed)), &inputs(&bars), |_, c| found.push(c))
        .unwrap();
    let expected = numbers("if(close > open, returns(close, 1), -returns(close, 1))", &inputs(&bars));
    assert_eq!(bits(&found[2].to_floats()), bits(&expected));

    // From their stored form, as a later stage does.
    let stored = inputs(&bars)
        .with_feature(Name::new("up").unwrap(), Column::boolean_from_floats(&found[0].to_floats()))
        .unwrap()
        .with_feature(Name::new("ret").unwrap(), found[1].clone())
        .unwrap();
    assert_eq!(bits(&evaluate(&features[2].1, &stored).unwrap().to_floats()), bits(&expected));
}

#[test]
fn what_is_missing_is_named() {
    let bars = walk("IBM", &sessions(5), 5);
    let mut scope = Scope::new();
    let other = check(&parse("close > open").unwrap(), &Scope::new()).unwrap();
    scope.insert(Name::new("rising").unwrap(), other.facts());
    let over = |source: &str| check(&parse(source).unwrap(), &scope).unwrap();
    let short = inputs(&bars).with_feature(Name::new("rising").unwrap(), Column::boolean_from_floats(&[1.0]));
    let number = inputs(&bars)
        .with_feature(Name::new("rising").unwrap(), evaluate(&over("close"), &inputs(&bars)).unwrap());
    let errors = [
        evaluate(&over("not rising"), &inputs(&bars)).unwrap_err(),
        evaluate(&over(r#"beta("SPY", 3)"#), &inputs(&bars)).unwrap_err(),
        evaluate(&over("rank(returns(close, 1))"), &inputs(&bars)).unwrap_err(),
        short.unwrap_err(),
        evaluate(&over("not rising"), &number.unwrap()).unwrap_err(),
    ];
    insta::assert_snapshot!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_benchmark_counts_only_where_it_has_bars() {
    let all = sessions(12);
    let own = walk("IBM", &all, 1);
    let whole = walk("SPY", &all, 2);
    let mut columns = whole.clone().into_columns();
    columns.session.remove(5);
    columns.timestamp.remove(5);
    for values in [
        &mut columns.open,
        &mut columns.high,
        &mut columns.low,
        &mut columns.close,
        &mut columns.volume,
        &mut columns.split_factor,
        &mut columns.dividend_factor,
    ] {
        values.remove(5);
    }
    let holed = Bars::new("SPY", columns).unwrap();
    let beta = |benchmark: &Bars| {
        let inputs = inputs(&own).with_benchmark(
            Ticker::new("SPY").unwrap(),
            benchmark,
            Adjustment::SplitsAndDividends,
        );
        numbers(r#"beta("SPY", 3)"#, &inputs)
    };
    let (whole, holed) = (beta(&whole), beta(&holed));
    for t in 3..12 {
        // The returns of bars 5 and 6 are unknown; windows of three returns see them from 5 to 8.
        let unknown = (5..=8).contains(&t);
        assert_eq!(holed[t].is_nan(), unknown, "bar {t}");
        assert!(unknown || holed[t].to_bits() == whole[t].to_bits());
    }
}

#[test]
fn logic_is_kleenes() {
    // Bars 0 and 1 have volume 0 and 1: x below is null, then true, and so on.
    let sessions = sessions(3);
    let mut columns = walk("IBM", &sessions, 1).into_columns();
    columns.volume = vec![0.0, 1.0, 2.0];
    let own = Bars::new("IBM", columns).unwrap();
    let inputs = inputs(&own);
    let x = "1 / raw_volume > 0.7";
    let of = |source: &str| crate::support::booleans(&source.replace('x', x), &inputs);
    assert_eq!(of("x"), [None, Some(true), Some(false)]);
    assert_eq!(of("not (x)"), [None, Some(false), Some(true)]);
    assert_eq!(of("(x) and 1 > 2"), [Some(false); 3]);
    assert_eq!(of("(x) and 2 > 1"), [None, Some(true), Some(false)]);
    assert_eq!(of("(x) or 2 > 1"), [Some(true); 3]);
    assert_eq!(of("1 > 2 or (x)"), [None, Some(true), Some(false)]);
    assert_eq!(of("if(x, 1 > 2, 2 > 1)"), [None, Some(false), Some(true)]);
    assert_eq!(of("1 / raw_volume != 1"), [None, Some(false), Some(true)]);
    let numbers = |source: &str| bits(&crate::support::numbers(source, &inputs));
    assert_eq!(numbers("count(1 / raw_volume > 0.7, 2)"), bits(&[f64::NAN, f64::NAN, 1.0]));
    assert_eq!(numbers("sign(1 - raw_volume)"), bits(&[1.0, 0.0, -1.0]));
    assert_eq!(numbers("log(raw_volume) * 0"), bits(&[f64::NAN, 0.0, 0.0]));
    assert_eq!(numbers("min(1 / raw_volume, 3)"), bits(&[f64::NAN, 1.0, 0.5]));
    assert_eq!(numbers("max(3, 1 / raw_volume)"), bits(&[f64::NAN, 3.0, 3.0]));
    assert_eq!(numbers("clip(raw_volume, 0.5, 1.5)"), bits(&[0.5, 1.0, 1.5]));
    assert_eq!(numbers("exp(1000 * raw_volume)"), bits(&[1.0, f64::NAN, f64::NAN]));
}

#[test]
fn crossings_need_both_bars() {
    let sessions = sessions(6);
    let own = crate::support::closes("IBM", &sessions, &[1.0, 2.0, 3.0, 2.0, 2.0, 1.0]);
    let above = crate::support::booleans("cross_above(raw_close, 2)", &inputs(&own));
    assert_eq!(above, [Some(false), Some(false), Some(true), Some(false), Some(false), Some(false)]);
    let below = crate::support::booleans("cross_below(raw_close, 2)", &inputs(&own));
    assert_eq!(below, [None, Some(false), Some(false), Some(false), Some(false), Some(true)]);
}

#[test]
fn a_gap_of_more_than_five_sessions_divides() {
    let all = sessions(30);
    let segments = |missing: std::ops::Range<usize>| {
        let mut kept = all.clone();
        kept.drain(missing);
        let bars = walk("IBM", &kept, 1);
        inputs(&bars).segments().to_vec()
    };
    assert_eq!(segments(10..15).len(), 1);
    assert_eq!(segments(10..16), [0..10, 10..24]);
    let saturday = [Session::assume(date(2021, 1, 2))];
    let bars = crate::support::closes("IBM", &all[..1], &[1.0]);
    let mut columns = bars.into_columns();
    columns.session = saturday.to_vec();
    let bars = Bars::new("IBM", columns).unwrap();
    let error =
        ats_columns::Inputs::new(&bars, Adjustment::None, ats_calendar::Calendar::xnys()).unwrap_err();
    assert_eq!(error.to_string(), "bars of IBM, row 0: 2021-01-02 is not a session of XNYS");
}
