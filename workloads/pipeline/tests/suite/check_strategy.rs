//! What is refused in a `Strategy`, in the words that a user reads.

use ats_crds::StrategySpec;
use ats_pipeline::check;
use serde_json::json;

use crate::documents::{checked_strategy, report, spec, universe, with};

#[test]
fn problems_of_a_rules_strategy() {
    let universe = universe();
    let entry = |expression: &str| json!({"signal": {"rules": {"entry": expression}}});
    let cases = [
        ("a condition that is a number", entry("close")),
        ("an unknown feature", entry("rsi_15 < 30")),
        ("a price against a constant", entry("close > 100")),
        ("a comparison of tickers", entry("rank(close / open) > 0.5")),
        ("an unknown benchmark", entry("beta(\"SPY\", 60) > 1")),
        ("an order by a condition", json!({"portfolio": {"rankBy": "close > open"}})),
        ("an order across tickers", json!({"portfolio": {"rankBy": "zscore(close / open)"}})),
        ("an order by a level of each ticker's own", json!({"portfolio": {"rankBy": "sma(close, 20)"}})),
        (
            "a store on a path that is taken",
            json!({"artifactStore": {"volumeClaim": {"claimName": "a", "mountPath": "/etc/ats"}}}),
        ),
        ("a model beside rules", json!({"signal": {"model": {"name": "us-large-caps-net"}}})),
        ("no signal", json!({"signal": {"rules": null}})),
        (
            "shorts without LongShort",
            json!({"signal": {"rules": {"shortEntry": "close < open", "shortExit": "close > open"}}}),
        ),
        ("LongShort without shorts", json!({"portfolio": {"direction": "LongShort"}})),
        ("risk without a stop", json!({"risk": {"stop": null, "maxPortfolioHeat": null}})),
        (
            "heat without a stop",
            json!({"portfolio": {"sizing": {"riskPerTrade": null, "equalWeight": {}}}, "risk": {"stop": null}}),
        ),
        ("no size", json!({"portfolio": {"sizing": {"riskPerTrade": null}}})),
        ("two sizes", json!({"portfolio": {"sizing": {"targetWeight": {"weight": "0.1"}}}})),
        (
            "two sizes, one by volatility",
            json!({"portfolio": {"sizing": {"volatilityTarget": {"annual": "0.1"}}}}),
        ),
        ("a threshold without weights", json!({"portfolio": {"rebalanceThreshold": "0.05"}})),
        (
            "a multiple of no stop",
            json!({
                "portfolio": {"sizing": {"riskPerTrade": null, "equalWeight": {}}},
                "risk": {"stop": null, "maxPortfolioHeat": null, "takeProfit": {"riskMultiple": "2"}},
            }),
        ),
        ("two profits", json!({"risk": {"takeProfit": {"riskMultiple": "2", "percent": "0.1"}}})),
        ("an impact of no share", json!({"costs": {"priceImpact": "0.1", "maxVolumeShare": null}})),
        ("borrowing for nothing", json!({"costs": {"borrowRate": "0.03"}})),
        ("a benchmark that is not acquired", json!({"backtest": {"benchmark": "SPY"}})),
        ("two stops", json!({"risk": {"stop": {"percent": "0.1"}}})),
        ("no stop in the stop", json!({"risk": {"stop": {"atr": null}}})),
        ("a start before the universe's history", json!({"backtest": {"start": "1999-03-01"}})),
        ("an end after the universe's history", json!({"backtest": {"end": "2014-03-01"}})),
        ("a start after the universe's history", json!({"backtest": {"start": "2013-03-04", "end": null}})),
        ("an end before the start", json!({"backtest": {"end": "2001-02-28"}})),
        ("dates that are none", json!({"backtest": {"start": "yesterday", "end": "2013-13-01"}})),
        ("a percentage above one", json!({"risk": {"riskPercentage": "1.5"}})),
        ("no risk", json!({"risk": {"riskPercentage": "0"}})),
        (
            "decimals that are none",
            json!({
                "risk": {"maxPositionSize": "-1", "maxPortfolioHeat": "2", "maxGrossExposure": "0", "maxDrawdown": {"limit": "25%"}, "stop": {"atr": {"multiple": "two"}}},
                "costs": {"commissionPerShare": "-1", "minimumCommission": ".5", "maximumCommissionRate": "2", "slippageBasisPoints": "1e1", "maxVolumeShare": "0"},
                "backtest": {"initialCash": "0"},
            }),
        ),
        (
            "a gate that is no decimal",
            json!({"backtest": {"gates": [{"metric": "Sharpe", "operator": "GreaterOrEqual", "value": "good"}]}}),
        ),
        ("a fill on a close that is over", json!({"mode": "Paper", "execution": {"fill": "SameClose"}})),
        ("two entries", json!({"execution": {"entry": {"limit": {"percent": "0.01"}, "marketOnClose": {}}}})),
        ("no entry in the entry", json!({"execution": {"entry": {}}})),
        (
            "a price on a close that is over",
            json!({"execution": {"fill": "SameClose", "entry": {"stop": {"percent": "0.01"}}}}),
        ),
        (
            "bars of an order that waits for none",
            json!({"execution": {"entry": {"market": {}, "goodForBars": 2}}}),
        ),
        (
            "distances that are none",
            json!({"execution": {"entry": {"stopLimit": {"stop": {}, "limit": {"percent": "2"}}, "goodForBars": 0}}}),
        ),
        (
            "a distance twice",
            json!({"execution": {"entry": {"limit": {"percent": "0.01", "atr": {"period": -14, "multiple": "1"}}}}}),
        ),
        (
            "a distance over no bars",
            json!({"execution": {"entry": {"limit": {"atr": {"period": -14, "multiple": "0"}}}}}),
        ),
        (
            "negative counts",
            json!({"portfolio": {"maxPositions": -1}, "risk": {"maxHoldingBars": -3, "stop": {"atr": {"period": -14}}}}),
        ),
        (
            "costs that are no decimals",
            json!({"costs": {"commissionRate": "0", "priceImpact": "1.5", "borrowRate": "three"}, "risk": {"takeProfit": {"percent": "-1"}}}),
        ),
        (
            "rates that are no fractions",
            json!({"backtest": {"riskFreeRate": "2%", "minimumAcceptableReturn": "-0.05"}}),
        ),
    ];
    let base = spec("strategies", "dip-buyer");
    insta::assert_snapshot!(report(&base, &cases, |spec: &StrategySpec| check::strategy(spec, &universe)));
}

#[test]
fn problems_of_a_models_strategy() {
    let universe = universe();
    let cases = [
        ("an exit rank below the positions", json!({"signal": {"model": {"exitRank": 1}}})),
        ("an order beside the model's", json!({"portfolio": {"rankBy": "rsi_14"}})),
        ("a score that is no decimal", json!({"signal": {"model": {"minimumScore": "high"}}})),
        (
            "negative counts",
            json!({"signal": {"model": {"exitRank": -3}}, "portfolio": {"maxPositions": -1}}),
        ),
        (
            "weights that are no fractions",
            json!({"portfolio": {"sizing": {"equalWeight": null, "targetWeight": {"weight": "1.1", "cashBuffer": "-0.1"}}}}),
        ),
    ];
    let base = spec("strategies", "net-weekly");
    insta::assert_snapshot!(report(&base, &cases, |spec: &StrategySpec| check::strategy(spec, &universe)));
}

#[test]
fn problems_of_scores_and_weights_by_expressions() {
    let universe = universe();
    let score = |expression: &str| json!({"signal": {"scores": {"expression": expression}}});
    let weight = |target: serde_json::Value| json!({"portfolio": {"sizing": {"targetWeight": target}}});
    let cases = [
        ("a score that is a condition", score("rsi_14 < 30")),
        ("a score of an unknown feature", score("0.5 * rsi_15")),
        ("a score of a level of each ticker's own", score("sma(close, 20)")),
        ("a score across tickers", score("rank(close / open)")),
        ("a score of a ticker that is not acquired", score("beta(\"SPY\", 60)")),
        ("an exit rank below the positions", json!({"signal": {"scores": {"exitRank": 1}}})),
        ("a score that is no decimal", json!({"signal": {"scores": {"minimumScore": "high"}}})),
        ("a ranking beside the score", json!({"portfolio": {"rankBy": "rsi_14"}})),
        ("a model beside scores", json!({"signal": {"model": {"name": "us-large-caps-net"}}})),
        ("a weight that is a condition", weight(json!({"expression": "rsi_14 < 30"}))),
        ("a weight of a level of each ticker's own", weight(json!({"expression": "close - open"}))),
        ("a weight across tickers", weight(json!({"expression": "zscore(rsi_14)"}))),
        ("two weights", weight(json!({"weight": "0.1"}))),
        ("no weight", weight(json!({"expression": null, "cashBuffer": "-0.1"}))),
        ("a parameter without a search", score("rsi_14 * $share")),
    ];
    let base = scored();
    insta::assert_snapshot!(report(&base, &cases, |spec: &StrategySpec| check::strategy(spec, &universe)));
}

/// A strategy that ranks and sizes by expressions.
fn scored() -> serde_json::Value {
    with(
        &spec("strategies", "net-weekly"),
        &json!({
            "signal": {"model": null, "scores": {"expression": "momentum_12_1"}},
            "portfolio": {"sizing": {"equalWeight": null, "targetWeight": {"expression": "0.5*rsi_14/100"}}},
        }),
    )
}

#[test]
fn scores_and_weights_are_expressions_in_canonical_form() {
    use ats_pipeline::spec::{SignalSpec, SizingSpec};
    let checked = checked_strategy(&scored());
    assert_eq!(checked.model, None, "nothing is trained for it");
    let expected = SignalSpec::Scores {
        expression: "momentum_12_1".to_owned(),
        minimum_score: "0".parse().unwrap(),
        exit_rank: 2,
    };
    assert_eq!(checked.backtest.core.signal, expected);
    let SizingSpec::TickerWeight { expression, cash_buffer } = checked.backtest.core.sizing else {
        panic!("no weight of its own")
    };
    assert_eq!((expression.as_str(), cash_buffer), ("0.5 * rsi_14 / 100", "0".parse().unwrap()));
}

#[test]
fn a_constant_weight_keeps_its_key() {
    let constant =
        json!({"portfolio": {"sizing": {"riskPerTrade": null, "targetWeight": {"weight": "0.10"}}}});
    let checked = checked_strategy(&with(&spec("strategies", "dip-buyer"), &constant));
    let written = serde_json::to_string(&checked.backtest.core.sizing).unwrap();
    assert_eq!(written, r#"{"targetWeight":{"weight":"0.1","cashBuffer":"0"}}"#, "keys of before stand");
}

#[test]
fn a_feature_that_compares_tickers_may_be_used_by_name() {
    let changed = with(
        &spec("strategies", "dip-buyer"),
        &json!({"signal": {"rules": {"entry": "momentum_rank > 0.5"}}}),
    );
    let checked = checked_strategy(&changed);
    assert!(checked.backtest.core.features.iter().any(|feature| feature.name == "momentum_rank"));
}

#[test]
fn only_paper_trades_and_the_exit_rank_defaults_to_the_positions() {
    let base = spec("strategies", "net-weekly");
    let checked = checked_strategy(&base);
    assert_eq!(checked.trade, None);
    assert_eq!(checked.model.as_deref(), Some("us-large-caps-net"));
    let ats_pipeline::spec::SignalSpec::Model { exit_rank, .. } = checked.backtest.core.signal else {
        panic!("no model")
    };
    assert_eq!(exit_rank, 2);
    let paper = checked_strategy(&with(&base, &json!({"mode": "Paper"})));
    let trade = paper.trade.unwrap();
    assert_eq!((trade.core, trade.start), (paper.backtest.core, paper.backtest.start));
}

#[test]
fn a_volatility_a_year_is_measured_over_days() {
    let changed = with(
        &spec("strategies", "dip-buyer"),
        &json!({"portfolio": {"sizing": {"riskPerTrade": null, "volatilityTarget": {"annual": "0.1"}}}}),
    );
    let changed: StrategySpec = serde_json::from_value(changed).unwrap();
    let mut universe = universe();
    assert!(check::strategy(&changed, &universe).is_ok());
    universe.interval = ats_calendar::Interval::H1;
    let problems = check::strategy(&changed, &universe).unwrap_err();
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|problem| problem.contains("the universe's interval must be 1d")), "{told:?}");
}

#[test]
fn an_entry_is_part_of_the_key_where_it_is_no_market_order() {
    use ats_pipeline::spec::{DistanceSpec, EntrySpec};
    let base = spec("strategies", "dip-buyer");
    let entry = |entry: serde_json::Value| {
        checked_strategy(&with(&base, &json!({"execution": {"entry": entry}}))).backtest.core
    };
    let plain = checked_strategy(&base).backtest.core;
    assert_eq!(entry(json!({"market": {}})), plain);
    assert!(!serde_json::to_string(&plain).unwrap().contains("\"entry\":{"), "keys of before stand");
    let percent = DistanceSpec::Percent { fraction: "0.01".parse().unwrap() };
    let limit = entry(json!({"limit": {"percent": "0.01"}}));
    assert_eq!(limit.entry, Some(EntrySpec::Limit { limit: percent.clone(), bars: 1 }));
    let stop = DistanceSpec::Atr { period: 14, multiple: "2".parse().unwrap() };
    let both = entry(
        json!({"stopLimit": {"stop": {"atr": {"multiple": "2"}}, "limit": {"percent": "0.01"}}, "goodForBars": 5}),
    );
    assert_eq!(both.entry, Some(EntrySpec::StopLimit { stop: stop.clone(), limit: percent, bars: 5 }));
    assert_eq!(
        entry(json!({"stop": {"atr": {"multiple": "2"}}})).entry,
        Some(EntrySpec::Stop { stop, bars: 1 })
    );
    assert_eq!(entry(json!({"marketOnClose": {}})).entry, Some(EntrySpec::MarketOnClose));
}

#[test]
fn parts_of_shares_are_part_of_the_key_and_whole_ones_are_not() {
    use ats_crds::strategy::Shares;
    let base = spec("strategies", "dip-buyer");
    let core = |shares: &str| {
        checked_strategy(&with(&base, &json!({"portfolio": {"shares": shares}}))).backtest.core
    };
    let plain = checked_strategy(&base).backtest.core;
    assert_eq!(core("Whole"), plain);
    assert!(!serde_json::to_string(&plain).unwrap().contains("\"shares\""), "keys of before stand");
    assert_eq!(core("Fractional").shares, Shares::Fractional);
    assert!(serde_json::to_string(&core("Fractional")).unwrap().contains("\"shares\":\"Fractional\""));
}

#[test]
fn rates_are_part_of_the_key_where_they_are_not_0() {
    use ats_pipeline::spec::RatesSpec;
    let base = spec("strategies", "dip-buyer");
    let backtest =
        |rates: serde_json::Value| checked_strategy(&with(&base, &json!({"backtest": rates}))).backtest;
    let plain = checked_strategy(&base).backtest;
    assert_eq!(plain.rates, RatesSpec::default());
    assert_eq!(backtest(json!({"riskFreeRate": "0", "minimumAcceptableReturn": "0.00"})), plain);
    assert!(!serde_json::to_string(&plain).unwrap().contains("\"rates\""), "keys of before stand");
    let given = backtest(json!({"riskFreeRate": "0.020", "minimumAcceptableReturn": "0.05"}));
    let rates = RatesSpec { risk_free: "0.02".parse().unwrap(), minimum_acceptable: "0.05".parse().unwrap() };
    assert_eq!(given.rates, rates);
    let written = serde_json::to_string(&given).unwrap();
    assert!(written.contains(r#""rates":{"riskFree":"0.02","minimumAcceptable":"0.05"}"#), "{written}");
    let one = serde_json::to_string(&backtest(json!({"riskFreeRate": "0.02"}))).unwrap();
    assert!(one.contains(r#""rates":{"riskFree":"0.02"}"#), "{one}");
}
