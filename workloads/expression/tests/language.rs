//! What each part of the language means: trees, types, histories, and that every function can be called.

use std::collections::BTreeSet;

use ats_expression::{
    Column, Facts, Function, History, Kind, Name, Node, Number, Scope, Typed, Unit, Window, check, parse,
};

fn typed(source: &str) -> Typed {
    let expression = parse(source).unwrap_or_else(|error| panic!("{}", error.caret()));
    check(&expression, &Scope::new()).unwrap_or_else(|error| panic!("{}", error.caret()))
}

fn canonical(source: &str) -> String {
    typed(source).to_string()
}

/// Every expression of the published examples.
const EXAMPLES: [&str; 10] = [
    "mean(raw_close * raw_volume, 21)",
    "rsi(close, 14)",
    "delay(close, 21) / delay(close, 252) - 1",
    "macd(close, 12, 26, 9).histogram",
    "rank(delay(close, 21) / delay(close, 252) - 1)",
    "rsi(close, 2) < 10 and close > sma(close, 200)",
    "rsi(close, 2) > 60",
    "-(close / delay(close, 21) - 1)",
    "beta(\"SPY\", 60)",
    "returns(close, 21) - returns(close@\"SPY\", 21)",
];

#[test]
fn published_examples_are_accepted() {
    for source in EXAMPLES {
        assert_eq!(canonical(source), source);
    }
}

/// One call of each function, its first value's index (None: none of its own) and whether it is recursive.
const CALLS: &[(&str, u32, bool)] = &[
    ("if(close > open, 1, 2)", 0, false),
    ("clip(close, low, high)", 0, false),
    ("quantile(close, 0.5, 10)", 9, false),
    ("count(close > open, 10)", 9, false),
    ("macd(close, 12, 26, 9).line", 33, true),
    ("macd(close, 12, 26, 9).signal", 33, true),
    ("macd(close, 12, 26, 9).histogram", 33, true),
    ("bollinger(close, 20, 2.5).upper", 19, false),
    ("bollinger(close, 20, 2).middle", 19, false),
    ("bollinger(close, 20, 2).lower", 19, false),
    ("stochastic(14, 3, 3).k", 17, false),
    ("stochastic(14, 3, 3).d", 17, false),
    ("obv()", 0, true),
    ("beta(\"SPY\", 60)", 60, false),
    ("winsorize(raw_close, 0.01)", 0, false),
    ("log(raw_close)", 0, false),
    ("exp(raw_close)", 0, false),
    ("abs(close)", 0, false),
    ("sign(close)", 0, false),
    ("sqrt(close)", 0, false),
    ("min(open, close)", 0, false),
    ("max(open, close)", 0, false),
    ("delay(close, 5)", 5, false),
    ("delta(close, 5)", 5, false),
    ("returns(close, 5)", 5, false),
    ("roc(close, 5)", 5, false),
    ("mean(close, 5)", 4, false),
    ("sum(close, 5)", 4, false),
    ("std(close, 5)", 4, false),
    ("var(close, 5)", 4, false),
    ("median(close, 5)", 4, false),
    ("lowest(close, 5)", 4, false),
    ("highest(close, 5)", 4, false),
    ("skew(close, 5)", 4, false),
    ("kurtosis(close, 5)", 4, false),
    ("autocorrelation(close, 5)", 4, false),
    ("slope(close, 5)", 4, false),
    ("sma(close, 5)", 4, false),
    ("ema(close, 5)", 4, true),
    ("wma(close, 5)", 4, false),
    ("rsi(close, 14)", 14, true),
    ("correlation(close, volume, 5)", 4, false),
    ("covariance(close, high, 5)", 4, false),
    ("atr(14)", 14, true),
    ("adx(14)", 27, true),
    ("vwap(5)", 4, false),
    ("parkinson(5)", 4, false),
    ("garman_klass(5)", 4, false),
    ("yang_zhang(5)", 5, false),
    ("roll_spread(5)", 6, false),
    ("amihud(5)", 5, false),
    ("realized_volatility(5)", 5, false),
    ("dollar_volume(5)", 4, false),
    ("day_of_week()", 0, false),
    ("month()", 0, false),
    ("rank(raw_close)", 0, false),
    ("zscore(raw_close)", 0, false),
    ("demean(raw_close)", 0, false),
    ("cross_above(close, open)", 1, false),
    ("cross_below(close, open)", 1, false),
];

#[test]
fn every_function_has_a_form_and_a_history() {
    let mut called = BTreeSet::new();
    for (source, first, recursive) in CALLS {
        let typed = typed(source);
        assert_eq!(typed.to_string(), *source);
        assert_eq!(typed.first_value(), *first, "{source}");
        assert_eq!(typed.lookback(), (!recursive).then_some(*first), "{source}");
        called.insert(source.split('(').next().unwrap());
    }
    let all: BTreeSet<&str> = Function::all().map(Function::text).collect();
    assert_eq!(called, all);
}

#[test]
fn histories_add_up() {
    assert_eq!(typed("sma(delay(close, 10), 5)").lookback(), Some(14));
    assert_eq!(typed("sma(close, 200) > sma(close, 50)").lookback(), Some(199));
    assert_eq!(typed("ema(close, 10) - sma(close, 20)").lookback(), None);
    assert_eq!(typed("ema(close, 10) - sma(close, 20)").first_value(), 19);
    assert_eq!(typed("cross_above(sma(close, 5), sma(close, 20))").lookback(), Some(20));
    // A value of a cross section needs the history of what it compares.
    assert_eq!(typed("mean(rank(returns(close, 5)), 3)").lookback(), Some(7));
}

#[test]
fn features_bring_their_history_phase_and_unit() {
    let mut scope = Scope::new();
    let facts = Facts {
        kind: Kind::Number,
        unit: Unit::ADJUSTED_PRICE,
        cross_sectional: true,
        history: History { first: 30, recursive: true },
    };
    scope.insert(Name::new("level").unwrap(), facts);
    let typed = check(&parse("sma(level, 5) / close").unwrap(), &scope).unwrap();
    assert_eq!((typed.first_value(), typed.lookback()), (34, None));
    assert!(typed.is_cross_sectional());
    assert_eq!(typed.unit(), Unit::PLAIN);
    assert_eq!(typed.features(), BTreeSet::from([Name::new("level").unwrap()]));
    assert!(check(&parse("level > 5").unwrap(), &scope).is_err());
}

#[test]
fn operators_bind_as_documented() {
    for (source, expected) in [
        ("1 + 2 * 3", "1 + 2 * 3"),
        ("(1 + 2) * 3", "(1 + 2) * 3"),
        ("1 - (2 - 3)", "1 - (2 - 3)"),
        ("(1 - 2) - 3", "1 - 2 - 3"),
        ("1 / (2 / 3)", "1 / (2 / 3)"),
        ("-1 * 2", "-1 * 2"),
        ("-(1 * 2)", "-(1 * 2)"),
        ("--1", "--1"),
        ("1 - -1", "1 - -1"),
        ("not 1 < 2 and 3 < 4 or 5 < 6", "not 1 < 2 and 3 < 4 or 5 < 6"),
        ("not (1 < 2 and 3 < 4)", "not (1 < 2 and 3 < 4)"),
        ("1 < 2 and (3 < 4 or 5 < 6)", "1 < 2 and (3 < 4 or 5 < 6)"),
        ("((close))", "close"),
        ("not not close > open", "not not close > open"),
    ] {
        assert_eq!(canonical(source), expected);
    }
    assert_ne!(typed("1 - (2 - 3)"), typed("1 - 2 - 3"));
    assert_eq!(typed("-1 * 2"), typed("(-1) * 2"));
    assert_ne!(typed("-1 * 2"), typed("-(1 * 2)"));
}

#[test]
fn one_meaning_has_one_canonical_form() {
    for (source, expected) in [
        ("returns(5)", "returns(close, 5)"),
        ("obv", "obv()"),
        ("day_of_week==1.0", "day_of_week() == 1"),
        ("beta('SPY',060)", "beta(\"SPY\", 60)"),
        ("sma( close ,\n 5 )", "sma(close, 5)"),
        ("raw_close > 1.50", "raw_close > 1.5"),
        ("raw_close > 1e3", "raw_close > 1000"),
        ("raw_close > 1E+20", "raw_close > 1e20"),
        ("raw_close > 0.000001", "raw_close > 1e-6"),
        ("0.0", "0"),
    ] {
        assert_eq!(canonical(source), expected);
    }
}

#[test]
fn a_call_is_one_node_for_an_evaluator() {
    let Node::Number(Number::Window { function: Window::Sma, input, n }) =
        typed("sma(close, 200)").node().clone()
    else {
        panic!("not a window")
    };
    assert_eq!((*input, n.get()), (Number::Column(Column::Close), 200));
}

#[test]
fn names_of_an_expression() {
    let typed = typed("beta(\"SPY\", 60) + beta(\"QQQ\", 20) + atr(14) / close + amihud(5)");
    let columns: Vec<&str> = typed.columns().into_iter().map(Column::text).collect();
    assert_eq!(columns, ["high", "low", "close", "raw_close", "raw_volume"]);
    let tickers: Vec<String> = typed.tickers().into_iter().map(|ticker| ticker.to_string()).collect();
    assert_eq!(tickers, ["QQQ", "SPY"]);
    assert!(!typed.is_cross_sectional());
}

/// Expressions whose units go together, with the unit that they have.
#[test]
fn units_that_go_together() {
    for (source, unit) in [
        ("close / open", Unit::PLAIN),
        ("close * 2", Unit::ADJUSTED_PRICE),
        ("2 * close / 3", Unit::ADJUSTED_PRICE),
        ("close + atr(14)", Unit::ADJUSTED_PRICE),
        ("sqrt(var(close, 20))", Unit::ADJUSTED_PRICE),
        ("covariance(close, open, 20) / var(close, 20)", Unit::PLAIN),
        ("sqrt(close) * sqrt(open)", Unit::ADJUSTED_PRICE),
        ("volume / mean(volume, 20)", Unit::PLAIN),
        ("sign(delta(close, 1)) * volume", Unit::ADJUSTED_VOLUME),
        ("obv / mean(volume, 5)", Unit::PLAIN),
        ("slope(log(close), 90)", Unit::PLAIN),
        ("std(delta(log(close), 1), 21)", Unit::PLAIN),
        ("log(close) - log(open)", Unit::PLAIN),
        ("exp(mean(log(close), 5))", Unit::ADJUSTED_PRICE),
        ("log(close) + log(1 / open)", Unit::PLAIN),
        ("-log(close) + log(open)", Unit::PLAIN),
        ("raw_close * 2 + 1", Unit::RAW_PRICE),
        ("raw_close / raw_open", Unit::PLAIN),
        ("close / open * raw_close", Unit::RAW_PRICE),
        ("if(close > open, close, 0)", Unit::ADJUSTED_PRICE),
        ("max(delta(close, 1), 0)", Unit::ADJUSTED_PRICE),
        ("correlation(close, volume, 20)", Unit::PLAIN),
        ("0", Unit::PLAIN),
    ] {
        assert_eq!(typed(source).unit(), unit, "{source}");
    }
    for source in [
        "macd(close, 12, 26, 9).histogram > 0",
        "cross_above(macd(close, 12, 26, 9).histogram, 0)",
        "raw_close > 5",
        "raw_close * raw_volume > 1000000",
        "log(close) > log(open)",
    ] {
        assert_eq!(typed(source).kind(), Kind::Boolean, "{source}");
    }
}
