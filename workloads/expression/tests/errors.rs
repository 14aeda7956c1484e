//! What a user reads when an expression is wrong.

use ats_expression::{
    Facts, FeatureGraph, History, Kind, MAX_LENGTH, Name, Scope, Unit, check, check_kind, parse,
};

fn scope() -> Scope {
    let mut scope = Scope::new();
    for name in ["momentum_12_1", "rsi_14"] {
        let facts = Facts {
            kind: Kind::Number,
            unit: Unit::PLAIN,
            cross_sectional: false,
            history: History::default(),
        };
        scope.insert(Name::new(name).unwrap_or_else(|error| panic!("{error}")), facts);
    }
    scope
}

fn caret(source: &str) -> String {
    match parse(source).and_then(|expression| check(&expression, &scope())) {
        Ok(typed) => panic!("`{source}` is accepted as {typed}"),
        Err(error) => format!("{:?}\n{}", error.category, error.caret()),
    }
}

fn table(sources: &[&str]) -> String {
    sources.iter().map(|source| caret(source)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn columns_of_other_tickers() {
    insta::assert_snapshot!(table(&[
        "close@SPY",
        "close@",
        "close@5",
        "close@\"spy\"",
        "close@\"\"",
        "sma@\"SPY\"",
        "rsi_14@\"SPY\"",
        "sma(close, 20)@\"SPY\"",
        "close > close@\"SPY\"",
        "close / close@\"SPY\"",
        "log(close) - log(close@\"SPY\")",
        "if(close > open, close, close@\"SPY\")",
        "close@\"SPY\" / close@\"QQQ\"",
        "close@\"SPY\" > 100",
        "close@\"SPY\" * volume@\"SPY\"",
        "covariance(close, close@\"SPY\", 20)",
        "rank(close@\"SPY\")",
    ]));
}

#[test]
fn syntax() {
    insta::assert_snapshot!(table(&[
        "",
        "  ",
        "rsi(close, 14",
        "(close + 1",
        "close +",
        "close close",
        "close andd open",
        "rsi(close,, 14)",
        "rsi(close, 14))",
        "close = open",
        "close > open && open > low",
        "close > open || open > low",
        "!close",
        "close ^ 2",
        "close ** 2",
        "close[1]",
        "close ? 1 : 2",
        "close % 2",
        ".5 * close",
        "5. * close",
        "5x",
        "1e",
        "1e999",
        "+close",
        "1 < raw_close < 5",
        "close > open AND open > low",
        "beta(\"SPY, 60)",
        "macd(close, 12, 26, 9).",
        "macd(close, 12, 26, 9).line.line",
        "close > open and",
        "and close",
        "prix € 5",
    ]));
}

#[test]
fn names() {
    insta::assert_snapshot!(table(&[
        "momentum_12_2",
        "rsi14 + 1",
        "Close",
        "RSI(close, 14)",
        "smaa(close, 5)",
        "utterly_unknown",
        "unknown_function(1)",
        "close(5)",
        "rsi_14(5)",
        "true",
        "sma",
        "macd(close, 12, 26, 9).histogramm",
        "macd(close, 12, 26, 9).upper",
    ]));
}

#[test]
fn types() {
    insta::assert_snapshot!(table(&[
        "rsi(close, 14) and close > open",
        "close > open and 1",
        "not close",
        "(close > open) + 1",
        "(close > open) > (open > low)",
        "sma(close > open, 5)",
        "count(close, 5)",
        "if(close, 1, 2)",
        "if(close > open, 1, close > open)",
        "if(close > open, close > low, 1)",
        "rsi(close)",
        "rsi(close, 14, 3)",
        "returns()",
        "obv(5)",
        "macd(close, 12, 26, 9)",
        "rsi(close, 14).line",
        "close.upper",
        "\"SPY\"",
        "sma(\"SPY\", 5)",
        "-(close > open)",
    ]));
}

#[test]
fn ranges() {
    insta::assert_snapshot!(table(&[
        "sma(close, 0)",
        "sma(close, 1.5)",
        "delay(close, -1)",
        "sma(close, 10001)",
        "sma(close, 1e300)",
        "sma(close, rsi_14)",
        "sma(close, 2 + 3)",
        "rsi(close, 1)",
        "kurtosis(close, 3)",
        "macd(close, 26, 12, 9).line",
        "macd(close, 12, 12, 9).line",
        "bollinger(close, 20, 0).upper",
        "bollinger(close, 20, -2).upper",
        "bollinger(close, 20, close).upper",
        "quantile(close, 1.5, 20)",
        "winsorize(rsi_14, 0.5)",
        "beta(SPY, 60)",
        "beta(\"spy\", 60)",
        "beta(60, 60)",
        "clip(rsi_14, 5, -5)",
        "returns(0)",
    ]));
}

#[test]
fn units() {
    insta::assert_snapshot!(table(&[
        "close * volume",
        "close / volume",
        "close > 5",
        "5 < close",
        "close + 1",
        "1 - close",
        "volume > 1000000",
        "sma(close, 5) > raw_close",
        "close - raw_close",
        "close * raw_volume",
        "close / raw_close",
        "close + volume",
        "close == volume",
        "if(close > open, close, 1)",
        "max(close, 1)",
        "clip(close, 1, 5)",
        "cross_above(close, 100)",
        "exp(close)",
        "log(close) > 3",
        "log(close) * 2",
        "log(close) > 0",
        "sum(log(close), 5)",
        "sqrt(sqrt(sqrt(close)))",
        "close * close * close * close * close * close * close * close * close",
        "rank(close)",
        "zscore(log(close))",
        "winsorize(volume, 0.01)",
        "covariance(close, volume, 20)",
    ]));
}

#[test]
fn a_kind_that_is_wanted() {
    let rule = check_kind(&parse("rsi(close, 2)").unwrap(), &scope(), Kind::Boolean).unwrap_err();
    let feature = check_kind(&parse("rsi(close, 2) < 10").unwrap(), &scope(), Kind::Number).unwrap_err();
    insta::assert_snapshot!(format!("{rule}\n{feature}"));
}

#[test]
fn features_and_ranking() {
    let features = [
        ("open", "rsi(close, 14)"),
        ("rsi", "rsi(close, 14)"),
        ("Upper", "rsi(close, 14)"),
        ("twice", "rsi(close, 14)"),
        ("twice", "rsi(close, 28)"),
        ("itself", "itself + 1"),
        ("a", "b + 1"),
        ("b", "c + 1"),
        ("c", "a + 1"),
        ("needs_a_cycle", "a + 1"),
        ("broken", "rsi(close, "),
        ("needs_a_broken_one", "broken + 1"),
        ("dollars", "close * volume"),
    ];
    let errors = FeatureGraph::new(&features, Some("mean(close, 5)")).unwrap_err();
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn rankings() {
    let features = [("momentum", "returns(close, 252)"), ("momentum_rank", "rank(momentum)")];
    let line = |ranking: &str| FeatureGraph::new(&features, Some(ranking)).unwrap_err()[0].to_string();
    let rankings = ["momentum_rank", "rank(momentum)", "close", "momentum > 0", "momentun", "mean(raw_close"];
    insta::assert_snapshot!(rankings.map(line).join("\n"));
}

#[test]
fn a_long_line_is_cut_around_the_place() {
    let source =
        format!("{} + rsi(close, 0) + {}", vec!["rsi_14"; 20].join(" + "), vec!["rsi_14"; 20].join(" + "));
    insta::assert_snapshot!(caret(&source));
    insta::assert_snapshot!(caret("rsi_14 > 5 and\nrsi(close, 0) < 5 and\nrsi_14 < 9"));
}

#[test]
fn size_is_bounded() {
    let megabyte = "(".repeat(1 << 20);
    insta::assert_snapshot!(parse(&megabyte).unwrap_err());
    for source in [
        "(".repeat(MAX_LENGTH),
        "-".repeat(MAX_LENGTH),
        "not ".repeat(MAX_LENGTH / 4),
        "abs(".repeat(MAX_LENGTH / 4),
        "1+".repeat(MAX_LENGTH / 2 - 1) + "1",
        "if(".repeat(MAX_LENGTH / 3),
        "macd(".repeat(MAX_LENGTH / 5),
        "a.".repeat(MAX_LENGTH / 2),
    ] {
        assert!(parse(&source).is_err());
    }
    // The canonical form can be longer than the source, and is bounded too.
    let short_forms = format!("max(obv,{})", vec!["returns(5)"; 360].join(","));
    assert!(parse(&short_forms).is_ok());
    let wide = (0..7).fold("returns(5)".to_owned(), |inside, _| format!("max({inside},{inside})"));
    assert!(wide.len() < MAX_LENGTH);
    let deep = format!("({wide})+({wide})");
    assert!(deep.len() < MAX_LENGTH);
    let error = check(&parse(&deep).unwrap(), &Scope::new()).unwrap_err();
    insta::assert_snapshot!(error);
}
