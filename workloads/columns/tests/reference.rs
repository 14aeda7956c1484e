//! Every function of the language against TA-Lib, pandas, numpy and scipy, on real bars (tests/reference).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::io::Read;

use ats_calendar::Session;
use support::{bars, closes, numbers, with_benchmark};

/// A cell of the file: empty is null.
fn cell(text: &str) -> f64 {
    if text.is_empty() { f64::NAN } else { text.parse().unwrap() }
}

fn table() -> (Vec<Session>, Vec<(String, Vec<f64>)>) {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("reference/values.csv.gz")[..])
        .read_to_string(&mut text)
        .unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let sessions = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    let column = |i: usize| rows.iter().map(|row| cell(&row[i])).collect();
    let columns = names.into_iter().enumerate().skip(1).map(|(i, name)| (name, column(i))).collect();
    (sessions, columns)
}

#[test]
fn functions_equal_the_references() {
    let (sessions, columns) = table();
    let by_name: BTreeMap<&str, &Vec<f64>> =
        columns.iter().map(|(name, values)| (name.as_str(), values)).collect();
    let own = ["open", "high", "low", "close", "volume"].map(|name| by_name[name].clone());
    let own = bars("IBM", &sessions, own);
    let benchmark = closes("MSFT", &sessions, by_name["benchmark"]);
    let inputs = with_benchmark(&own, &benchmark);

    let mut compared = 0;
    for (expression, expected) in &columns[6..] {
        let found = numbers(expression, &inputs);
        let first = expected.iter().position(|value| !value.is_nan()).unwrap();
        // What sums cancel to cannot be more exact than the summands' rounding.
        let scale =
            expected.iter().filter(|value| !value.is_nan()).map(|value| value.abs()).fold(0.0, f64::max);
        for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert_eq!(found.is_nan(), expected.is_nan(), "{expression}, row {row}: {found} for {expected}");
            let error = (found - expected).abs();
            assert!(
                expected.is_nan() || error <= 1e-9 * expected.abs() || error <= 1e-12 * scale,
                "{expression}, row {row} (first value {first}): {found} for {expected}"
            );
            compared += usize::from(!expected.is_nan());
        }
    }
    assert!(columns.len() - 6 >= 50 && compared > 10_000, "{} columns, {compared} values", columns.len() - 6);
}

/// The rows at which values begin, as the definitions state them.
#[test]
fn first_values_are_where_the_definitions_say() {
    let sessions = support::sessions(60);
    let own = support::walk("IBM", &sessions, 7);
    let inputs = support::inputs(&own);
    for (expression, first) in [
        ("sma(close, 5)", 4),
        ("ema(close, 5)", 4),
        ("rsi(close, 14)", 14),
        ("macd(close, 12, 26, 9).line", 33),
        ("macd(close, 12, 26, 9).signal", 33),
        ("macd(close, 12, 26, 9).histogram", 33),
        ("bollinger(close, 20, 2).upper", 19),
        ("atr(14)", 14),
        ("adx(14)", 27),
        ("stochastic(14, 3, 3).k", 17),
        ("stochastic(14, 3, 3).d", 17),
        ("obv()", 0),
        ("yang_zhang(10)", 10),
        ("roll_spread(10)", 11),
    ] {
        let found = numbers(expression, &inputs);
        assert_eq!(found.iter().position(|value| !value.is_nan()), Some(first), "{expression}");
        assert!(found[first..].iter().all(|value| !value.is_nan()), "{expression} has holes");
    }
}

#[test]
fn flat_windows_are_as_defined() {
    let sessions = support::sessions(40);
    let own = closes("FLAT", &sessions, &[50.0; 40]);
    let inputs = with_benchmark(&own, &closes("SPY", &sessions, &[10.0; 40]));
    for (expression, last) in [
        ("rsi(close, 14)", 0.0),
        ("stochastic(14, 3, 3).k", 0.0),
        ("stochastic(14, 3, 3).d", 0.0),
        ("adx(5)", 0.0),
        ("std(close, 10)", 0.0),
        ("bollinger(close, 10, 2).upper", 50.0),
        ("roll_spread(10)", 0.0),
        ("slope(close, 10)", 0.0),
        ("yang_zhang(10)", 0.0),
        // Nothing varies: x/0 is null.
        ("skew(close, 10)", f64::NAN),
        ("kurtosis(close, 10)", f64::NAN),
        ("correlation(close, raw_volume, 10)", f64::NAN),
        ("autocorrelation(close, 10)", f64::NAN),
        (r#"beta("SPY", 10)"#, f64::NAN),
    ] {
        let found = *numbers(expression, &inputs).last().unwrap();
        assert!(found == last || (found.is_nan() && last.is_nan()), "{expression}: {found} for {last}");
    }
}

/// pandas 3.1 on the same values: `pd.Series([...]).rank(pct=True)`, `.quantile`, and numpy's sample deviation.
#[test]
fn cross_sections_equal_pandas() {
    use ats_columns::cross_section::{demean, rank, winsorize, zscore};
    let nan = f64::NAN;
    let values = [3.0, 1.0, nan, 3.0, 10.0, -2.0];
    let check = |found: Vec<f64>, expected: [f64; 6]| {
        for (found, expected) in found.iter().zip(expected) {
            let equal = (found - expected).abs() <= 1e-12 || (found.is_nan() && expected.is_nan());
            assert!(equal, "{found} for {expected}");
        }
    };
    check(rank(&values), [0.7, 0.4, nan, 0.7, 1.0, 0.2]);
    check(demean(&values), [0.0, -2.0, nan, 0.0, 7.0, -5.0]);
    let deviation = 4.415880433163924;
    check(zscore(&values), [0.0, -2.0 / deviation, nan, 0.0, 7.0 / deviation, -5.0 / deviation]);
    check(winsorize(&values, 0.1), [3.0, 1.0, nan, 3.0, 7.2, -0.8]);
    check(winsorize(&values, 0.0), values);
    assert!(
        rank(&[nan]).iter().chain(&zscore(&[4.0])).chain(&zscore(&[2.0, 2.0])).all(|value| value.is_nan())
    );
    assert_eq!(rank(&[4.0]), [1.0]);
    assert!(rank(&[]).is_empty() && winsorize(&[], 0.1).is_empty());
}
