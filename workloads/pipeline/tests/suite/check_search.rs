//! A strategy's search: which trials it makes, and what is refused, in the words that a user reads.

use ats_crds::StrategySpec;
use ats_pipeline::{
    check,
    spec::{SignalSpec, SizingSpec, StopSpec, StrategyTrial},
};
use serde_json::{Value, json};

use crate::documents::{checked_strategy, report, spec, universe, with};

/// A cross of averages whose periods and stop are searched.
fn cross() -> Value {
    let search = json!({
        "grid": {"fast": ["20", "5", "10"], "slow": ["50", "10.0"], "risk.stop.atr.multiple": ["2", "2.5"]},
        "where": "$fast < $slow",
        "walkForward": {"folds": 3, "testSessions": 252},
    });
    let rules = json!({
        "entry": "sma(close, $fast) > sma(close, $slow)",
        "exit": "sma(close,$fast)<sma(close,$slow)",
    });
    with(
        &spec("strategies", "dip-buyer"),
        &json!({"search": search, "signal": {"rules": rules}, "risk": {"stop": {"atr": {"multiple": "2"}}}}),
    )
}

#[test]
fn each_trial_is_the_strategy_with_its_values() {
    let checked = checked_strategy(&cross());
    let search = checked.backtest.search.clone().unwrap();
    let shown: Vec<String> = search
        .trials
        .iter()
        .map(|StrategyTrial { parameters, changes }| {
            let values: Vec<String> =
                parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {}", values.join(" "), changes.keys().cloned().collect::<Vec<_>>().join(","))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    for trial in &search.trials {
        let (fast, slow) = (trial.parameters["fast"], trial.parameters["slow"]);
        let multiple = trial.parameters["risk.stop.atr.multiple"];
        // The same as the spec without a search, with the values written into it.
        let alone = json!({
            "search": null,
            "signal": {"rules": {
                "entry": format!("sma(close, {fast}) > sma(close, {slow})"),
                "exit": format!("sma(close, {fast}) < sma(close, {slow})"),
            }},
            "risk": {"stop": {"atr": {"multiple": multiple.to_string()}}},
        });
        let alone = checked_strategy(&with(&cross(), &alone)).backtest.core;
        assert_eq!(trial.core(&checked.backtest.core).unwrap(), alone);
    }
    assert_eq!(search.trials[0].core(&checked.backtest.core).unwrap(), checked.backtest.core);
    assert!(search.trials[0].changes.is_empty());
}

/// A member that the first trial has and another has not does not come back.
#[test]
fn a_trial_may_leave_out_what_the_first_one_has() {
    let with_stop = checked_strategy(&with(&cross(), &json!({"search": null, "signal": {"rules": {"entry": "close > sma(close, 20)", "exit": "close < sma(close, 20)"}}}))).backtest.core;
    let mut without = with_stop.clone();
    without.max_holding_bars = None;
    let mut first = with_stop;
    first.max_holding_bars = Some(3);
    let trial = StrategyTrial::new(Default::default(), &first, &without).unwrap();
    assert_eq!(trial.core(&first).unwrap(), without);
    let StopSpec::Atr { .. } = first.stop.clone().unwrap() else { panic!("no ATR") };
    assert!(matches!(first.signal, SignalSpec::Rules { .. }));
}

#[test]
fn values_that_make_no_other_strategy_are_no_other_trial() {
    let changes = json!({
        "search": {"grid": {"slow": ["50"], "risk.stop.atr.multiple": null, "fast": ["1", "5", "10"]}},
        "signal": {"rules": {"entry": "sma(close, 20) > sma(close, $slow) * min($fast, 4) / 4"}},
    });
    let changes = with(&changes, &json!({"signal": {"rules": {"exit": "close < sma(close, $slow)"}}}));
    // 5 and 10 are written into the rule, so they are two strategies although they trade alike.
    let search = checked_strategy(&with(&cross(), &changes)).backtest.search.unwrap();
    assert_eq!(search.trials.len(), 3);
    let whole = json!({"search": {"grid": {"fast": ["5", "5.0", "5.00"]}}});
    let search = checked_strategy(&with(&with(&cross(), &changes), &whole)).backtest.search.unwrap();
    assert_eq!(search.trials.len(), 1);
}

#[test]
fn a_search_is_part_of_the_key_only_where_there_is_one() {
    let plain = checked_strategy(&spec("strategies", "dip-buyer")).backtest;
    assert!(!serde_json::to_string(&plain).unwrap().contains("search"), "keys of before stand");
    let paper = checked_strategy(&with(&cross(), &json!({"mode": "Paper"})));
    assert_eq!(paper.trade.unwrap().search, paper.backtest.search);
}

#[test]
fn parameters_stand_in_scores_and_weights() {
    let document = with(
        &spec("strategies", "net-weekly"),
        &json!({
            "signal": {"model": null, "scores": {"expression": "rsi_14 - $middle"}},
            "portfolio": {"sizing": {"equalWeight": null, "targetWeight": {"expression": "$share * rsi_14"}}},
            "search": {
                "grid": {"middle": ["40", "50"], "share": ["0.005"], "signal.scores.minimumScore": ["1"]},
                "walkForward": {"folds": 2, "testSessions": 252},
            },
        }),
    );
    let checked = checked_strategy(&document);
    let search = checked.backtest.search.unwrap();
    let cores: Vec<_> =
        search.trials.iter().map(|trial| trial.core(&checked.backtest.core).unwrap()).collect();
    let expected = ["rsi_14 - 40", "rsi_14 - 50"].map(|expression| SignalSpec::Scores {
        expression: expression.to_owned(),
        minimum_score: "1".parse().unwrap(),
        exit_rank: 2,
    });
    assert_eq!(cores.iter().map(|core| core.signal.clone()).collect::<Vec<_>>(), expected);
    let sizing = SizingSpec::TickerWeight {
        expression: "0.005 * rsi_14".to_owned(),
        cash_buffer: "0".parse().unwrap(),
    };
    assert!(cores.iter().all(|core| core.sizing == sizing), "{cores:?}");
}

#[test]
fn problems_of_a_search() {
    let universe = universe();
    let search = |search: Value| json!({ "search": search });
    let grid = |grid: Value| search(json!({ "grid": grid }));
    let cases = [
        ("a name that nothing has", json!({"signal": {"rules": {"entry": "sma(close, $fasst) > close"}}})),
        ("a parameter that no rule uses", grid(json!({"width": ["2"]}))),
        ("a name in capitals", grid(json!({"Fast": ["2"]}))),
        ("a field that cannot be searched", grid(json!({"costs.slippageBasisPoints": ["2"]}))),
        ("a field that is mistyped", grid(json!({"risk.stop.atr.multiples": ["2"]}))),
        ("a field of a member that is not set", grid(json!({"risk.takeProfit.percent": ["0.1"]}))),
        ("two members of one union", grid(json!({"risk.stop.percent": ["0.1"]}))),
        ("a fraction out of its bounds", grid(json!({"risk.riskPercentage": ["0.01", "1.5"]}))),
        ("a count that is no whole number", grid(json!({"risk.stop.atr.period": ["14", "14.5", "0"]}))),
        ("a period that is no whole number", grid(json!({"fast": ["2.5"]}))),
        ("a period below 1", grid(json!({"fast": ["-5", "5"]}))),
        ("no decimal", grid(json!({"fast": ["five"]}))),
        ("a condition that is a number", search(json!({"where": "$fast + $slow"}))),
        ("a condition about bars", search(json!({"where": "close > $fast * close"}))),
        ("a condition over time", search(json!({"where": "sma($fast, 3) > 2"}))),
        ("a condition with an unknown name", search(json!({"where": "$fast < $slwo"}))),
        ("a condition without a sense", search(json!({"where": "$fast <"}))),
        ("a condition that is null", search(json!({"where": "1 / ($fast - $fast) > 0 or $fast > 100"}))),
        ("too many trials", search(json!({"maxTrials": 7}))),
        (
            "more combinations than are looked at",
            grid(json!({
                "fast": (1..=100).map(|n| n.to_string()).collect::<Vec<_>>(),
                "slow": (1..=100).map(|n| n.to_string()).collect::<Vec<_>>(),
            })),
        ),
        ("windows that do not fit", search(json!({"walkForward": {"folds": 20, "testSessions": 252}}))),
        ("training that does not fit", search(json!({"walkForward": {"trainSessions": 5000}}))),
        (
            "a gate on trials that are not there",
            json!({
                "search": null,
                "signal": {"rules": {"entry": "close > sma(close, 20)", "exit": "close < sma(close, 20)"}},
                "backtest": {"gates": [{"metric": "DeflatedSharpe", "operator": "GreaterOrEqual", "value": "0.9"}]},
            }),
        ),
        ("a parameter without a search", json!({"search": null})),
    ];
    insta::assert_snapshot!(report(&cross(), &cases, |spec: &StrategySpec| check::strategy(spec, &universe)));
}

#[test]
fn conditions_are_kleenes() {
    let trials = |condition: &str| {
        let changed = with(&cross(), &json!({"search": {"where": condition}}));
        check::strategy(&serde_json::from_value(changed).unwrap(), &universe())
            .map(|checked| checked.backtest.search.map_or(0, |search| search.trials.len()))
            .unwrap_or(0)
    };
    // Three values by two by two.
    assert_eq!(trials("$fast > 0"), 12);
    assert_eq!(trials("not ($fast >= 10)"), 4);
    assert_eq!(trials("$fast == 5 or $fast * 2 == 40"), 8);
    assert_eq!(trials("if($slow > 20, $fast > 5, $fast < 10)"), 6);
    assert_eq!(trials("max($fast, 6) <= min($slow, 15)"), 8);
    // Unknown or true is true, unknown and true is unknown.
    assert_eq!(trials("1 / ($fast - $fast) > 0 or $fast == 5"), 4);
    assert_eq!(trials("1 / ($fast - $fast) > 0 and $fast == 5"), 0);
    assert_eq!(trials("-$fast != -5"), 8);
}
