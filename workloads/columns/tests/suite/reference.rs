//! Every function of the language against TA-Lib, pandas, numpy and scipy, on real bars (tests/reference). What is
//! compared with what, and how exactly, stands in the guide, which this test reads.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::process::Command;

use crate::market_folder::market_data;
use crate::support::{bars, closes, functions, numbers, with_benchmark};
use ats_calendar::Session;
use ats_columns::Inputs;
use ats_expression::{Function, Ticker};

const GUIDE: &str = include_str!("../../../../docs/guide/expressions.md");

/// A cell of the file: empty is null.
fn cell(text: &str) -> f64 {
    if text.is_empty() { f64::NAN } else { text.parse().unwrap() }
}

/// A table of references: its first column, and the others by name.
struct Table {
    dates: Vec<String>,
    columns: Vec<(String, Vec<String>)>,
}

impl Table {
    fn read(zipped: &[u8]) -> Self {
        let mut text = String::new();
        flate2::read::GzDecoder::new(zipped).read_to_string(&mut text).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let column = |i: usize| -> Vec<String> { rows.iter().map(|row| row[i].to_owned()).collect() };
        let columns = names.into_iter().enumerate().skip(1).map(|(i, name)| (name, column(i))).collect();
        Self { dates: column(0), columns }
    }

    fn text(&self, name: &str) -> &[String] {
        &self.columns.iter().find(|(column, _)| column == name).unwrap().1
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.text(name).iter().map(|text| cell(text)).collect()
    }
}

/// The allowed relative difference of each function, from the table of the guide.
fn allowed() -> BTreeMap<String, f64> {
    let section = GUIDE.split("## References").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut allowed = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{line}");
        for name in cells[0].split('`').map(str::trim).filter(|name| !name.is_empty()) {
            let before = allowed.insert(name.to_owned(), cells[2].trim().parse().unwrap());
            assert_eq!(before, None, "`{name}` has two rows");
        }
    }
    allowed
}

/// Compares a column: nulls at the same rows, values as near as the guide says.
fn compare(expression: &str, found: &[f64], expected: &[f64], allowed: f64) -> usize {
    assert_eq!(found.len(), expected.len(), "{expression}");
    let known = || expected.iter().filter(|value| !value.is_nan());
    // What sums cancel to cannot be more exact than the summands' rounding.
    let least =
        if allowed == 0.0 { 0.0 } else { 1e-12 * known().map(|value| value.abs()).fold(0.0, f64::max) };
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.is_nan(), expected.is_nan(), "{expression}, row {row}: {found} for {expected}");
        let error = (found - expected).abs();
        assert!(
            expected.is_nan() || error <= allowed * expected.abs() || error <= least,
            "{expression}, row {row}: {found} for {expected}"
        );
    }
    known().count()
}

/// Compares every expression of a table of bars; the number of expressions and of values.
fn compare_table(table: &Table) -> (usize, usize) {
    let sessions: Vec<Session> = table.dates.iter().map(|date| date.parse().unwrap()).collect();
    let own =
        bars("IBM", &sessions, ["open", "high", "low", "close", "volume"].map(|name| table.numbers(name)));
    // The other ticker has no bar where the reference has none.
    let other = table.numbers("benchmark");
    let there: Vec<usize> = (0..other.len()).filter(|row| !other[*row].is_nan()).collect();
    let days: Vec<Session> = there.iter().map(|row| sessions[*row]).collect();
    let other = closes("MSFT", &days, &there.iter().map(|row| other[*row]).collect::<Vec<f64>>());
    let inputs: Inputs<'_> = with_benchmark(&own, &other);
    assert_eq!(other.ticker(), Ticker::new("MSFT").unwrap().as_str());
    let allowed = allowed();
    let mut values = 0;
    for (expression, expected) in &table.columns[6..] {
        let typed = crate::support::typed(expression);
        let found = ats_columns::evaluate(&typed, &inputs).unwrap().to_floats();
        let expected: Vec<f64> = expected.iter().map(|text| cell(text)).collect();
        let most = functions(expression).iter().map(|name| allowed[name]).fold(0.0, f64::max);
        // Operators round: the order in which a reference applies them is its own.
        let operators = [" + ", " - ", " * ", " / "].iter().any(|operator| expression.contains(operator));
        values += compare(expression, &found, &expected, if operators { most.max(1e-9) } else { most });
    }
    (table.columns.len() - 6, values)
}

fn sample() -> Table {
    Table::read(include_bytes!("../reference/values.csv.gz"))
}

fn across() -> Table {
    Table::read(include_bytes!("../reference/cross_section.csv.gz"))
}

#[test]
fn functions_equal_the_references() {
    let (expressions, values) = compare_table(&sample());
    assert!(expressions >= 75 && values > 20_000, "{expressions} expressions, {values} values");
}

#[test]
fn functions_across_tickers_equal_pandas() {
    use ats_columns::cross_section::{demean, rank, winsorize, zscore};
    let table = across();
    let x = table.numbers("x");
    let allowed = allowed();
    let dates: Vec<&[String]> = table.dates.chunk_by(|a, b| a == b).collect();
    assert!(dates.iter().any(|date| date.len() < 5) && dates.len() > 290);
    type Across = fn(&[f64]) -> Vec<f64>;
    let functions: [(&str, Across); 4] = [
        ("rank", |x| rank(x)),
        ("zscore", |x| zscore(x)),
        ("demean", |x| demean(x)),
        ("winsorize", |x| winsorize(x, 0.1)),
    ];
    for (name, function) in functions {
        let mut start = 0;
        let mut found = Vec::new();
        for date in &dates {
            found.extend(function(&x[start..start + date.len()]));
            start += date.len();
        }
        let values = compare(name, &found, &table.numbers(name), allowed[name]);
        assert!(values > 1_000, "{name}: {values}");
    }
}

/// A new function fails here until the guide says what it is compared with, and a table compares it.
#[test]
fn every_function_has_a_reference() {
    let allowed = allowed();
    let compared: BTreeSet<String> = sample()
        .columns
        .iter()
        .flat_map(|(expression, _)| functions(expression))
        .chain(across().columns.iter().flat_map(|(name, _)| functions(name)))
        .collect();
    for function in Function::all() {
        let name = function.text();
        assert!(
            allowed.contains_key(name),
            "`{name}` has no row under References in docs/guide/expressions.md"
        );
        assert!(compared.contains(name), "no expression of tests/reference/generate.py uses `{name}`");
        for output in function.outputs() {
            let read = sample().columns.iter().any(|(expression, _)| {
                expression.starts_with(name) && expression.ends_with(&format!(").{output}"))
            });
            assert!(read, "`{name}(…).{output}` is not compared");
        }
    }
    for name in allowed.keys() {
        assert!(Function::from_text(name).is_some(), "`{name}` of the guide is no function");
    }
}

/// The same expressions over twenty years of bars, where there are bars; the packages are installed, if need be.
#[test]
fn functions_equal_the_references_over_decades() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(data) = market_data() else { return };
    let data = data.join("us-equities-daily/bars");
    let installed = Command::new(here.join("../../tests/python-packages.sh"))
        .arg("columns")
        .arg(here.join("tests/reference/requirements.txt"))
        .output()
        .unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let packages = String::from_utf8(installed.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = ("IBM", "SPY");
    let file = folder.path().join("values.csv.gz");
    let done = Command::new("python3")
        .env("PYTHONPATH", packages.trim())
        .args([&here.join("tests/reference/generate.py"), &data])
        .args([own, other])
        .arg(&file)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let table = Table::read(&std::fs::read(&file).unwrap());
    let (expressions, values) = compare_table(&table);
    println!(
        "{own} with {other}: {expressions} expressions over {} bars, {values} values",
        table.dates.len()
    );
    assert!(values > 300_000, "{values}");
}

/// The rows at which values begin, as the definitions state them.
#[test]
fn first_values_are_where_the_definitions_say() {
    let sessions = crate::support::sessions(60);
    let own = crate::support::walk("IBM", &sessions, 7);
    let inputs = crate::support::inputs(&own);
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
    let sessions = crate::support::sessions(40);
    let own = closes("FLAT", &sessions, &[50.0; 40]);
    let benchmark = closes("SPY", &sessions, &[10.0; 40]);
    let inputs = with_benchmark(&own, &benchmark);
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

/// Ties, nulls and groups of one: pandas 3.1 on the same values, `pd.Series([...]).rank(pct=True)`, `.quantile`, and
/// numpy's sample deviation.
#[test]
fn ties_and_nulls_across_tickers() {
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
