//! What is refused in a `ModelTrainingJob`, in the words that a user reads.

use ats_crds::ModelTrainingJobSpec;
use ats_pipeline::{check, spec::AlgorithmSpec};
use serde_json::json;

use crate::documents::{checked_model, checked_universe, read, report, spec, universe, universe_spec, with};

#[test]
fn problems_of_a_model() {
    let universe = universe();
    let forest = |forest: serde_json::Value| json!({"algorithm": {"elasticNet": null, "randomForest": forest}, "search": null});
    let cases = [
        ("a feature that the universe has not", json!({"features": ["rsi_14", "rsi_15"]})),
        ("a feature that is there twice", json!({"features": ["rsi_14", "rsi_14"]})),
        (
            "logistic regression of a return",
            json!({"algorithm": {"elasticNet": null, "logistic": {}}, "search": null}),
        ),
        (
            "two labels",
            json!({"label": {"tripleBarrier": {"horizonBars": 5, "profitTaking": "1", "stopLoss": "1"}}}),
        ),
        ("no label", json!({"label": {"forwardReturn": null}})),
        ("two algorithms", json!({"algorithm": {"logistic": {}}})),
        ("no algorithm", json!({"algorithm": {"elasticNet": null}})),
        ("a parameter that is none of the algorithm's", json!({"search": {"grid": {"depth": ["3"]}}})),
        (
            "a grid with too many combinations",
            json!({"search": {"grid": {"penalty": ["1", "2", "3"], "l1Ratio": ["0", "0.5", "1"]}, "maxTrials": 8}}),
        ),
        (
            "a grid that would not fit into memory",
            json!({"search": {"grid": {
                "penalty": (1..=5000).map(|value| value.to_string()).collect::<Vec<_>>(),
                "l1Ratio": (1..=5000).map(|value| format!("0.{value:04}")).collect::<Vec<_>>(),
            }}}),
        ),
        ("a share above one in the grid", json!({"search": {"grid": {"l1Ratio": ["0.5", "1.5"]}}})),
        ("a value that is no decimal in the grid", json!({"search": {"grid": {"penalty": ["1e-3"]}}})),
        (
            "half a tree in the grid",
            json!({
                "algorithm": {"elasticNet": null, "randomForest": {"trees": 10}},
                "search": {"grid": {"penalty": null, "trees": ["10", "10.5"]}},
            }),
        ),
        ("pruning before all folds are run", json!({"search": {"pruning": {"minimumFolds": 6}}})),
        (
            "pruning where there is one fold",
            json!({"search": {"pruning": {}}, "validation": {"walkForward": {"folds": 1}}}),
        ),
        (
            "pruning by folds that have seen what others test",
            json!({
                "search": {"pruning": {}},
                "validation": {"walkForward": null, "purgedKFold": {"folds": 5}},
            }),
        ),
        ("negative pruning", json!({"search": {"pruning": {"factor": -3, "minimumFolds": -1}}})),
        ("probabilities of a return", json!({"calibration": "Sigmoid"})),
        ("a grid and ranges", json!({"search": {"random": {"l1Ratio": {"min": "0", "max": "1"}}}})),
        ("neither a grid nor ranges", json!({"search": {"grid": null}})),
        (
            "a range of another algorithm",
            json!({"search": {"grid": null, "random": {"trees": {"min": "1", "max": "9"}}}}),
        ),
        (
            "a range that ends before it begins",
            json!({"search": {"grid": null, "random": {"penalty": {"min": "1", "max": "0.1"}}}}),
        ),
        (
            "logarithms from zero",
            json!({"search": {"grid": null, "random": {"penalty": {"min": "0", "max": "1", "scale": "Log"}}}}),
        ),
        (
            "a range above one",
            json!({"search": {"grid": null, "random": {"l1Ratio": {"min": "2", "max": "3"}}, "maxTrials": 1}}),
        ),
        (
            "a range of half trees",
            json!({
                "algorithm": {"elasticNet": null, "randomForest": {"trees": 10}},
                "search": {"grid": null, "random": {"trees": {"min": "10", "max": "20.5"}}},
            }),
        ),
        ("no tree", forest(json!({"trees": 0}))),
        (
            "a parameter of another algorithm in the grid",
            json!({"algorithm": {"elasticNet": null, "gradientBoosting": {}}, "search": {"grid": {"penalty": ["1"]}}}),
        ),
        (
            "nothing of a tree is added, and no row is drawn",
            json!({"algorithm": {"elasticNet": null, "gradientBoosting": {"learningRate": "0", "subsample": "2"}}, "search": null}),
        ),
        (
            "nothing of a tree is added in the grid",
            json!({"algorithm": {"elasticNet": null, "gradientBoosting": {}}, "search": {"grid": {"penalty": null, "learningRate": ["0", "0.1"]}}}),
        ),
        (
            "no split",
            json!({"algorithm": {"elasticNet": null, "decisionTree": {"maxDepth": 0}}, "search": null}),
        ),
        (
            "a machine that costs nothing",
            json!({
                "algorithm": {"elasticNet": null, "supportVector": {"cost": "0", "gamma": "0", "epsilon": "-1"}},
                "search": null,
            }),
        ),
        (
            "a tube and a squared error of a direction, and a width of a plane",
            json!({
                "label": {"forwardReturn": null, "forwardDirection": {"horizonBars": 5}},
                "algorithm": {"elasticNet": null, "supportVector": {"kernel": "Linear", "epsilon": "0.1", "gamma": "1"}},
                "search": {"grid": {"penalty": null, "epsilon": ["0.1", "0.2"]}, "metric": "MeanSquaredError"},
            }),
        ),
        (
            "a negative penalty and too great a share",
            json!({"algorithm": {"elasticNet": {"penalty": "-1", "l1Ratio": "2"}}}),
        ),
        (
            "a barrier of nothing",
            json!({"label": {"forwardReturn": null, "tripleBarrier": {"horizonBars": 5, "profitTaking": "0", "stopLoss": "-1"}}}),
        ),
        (
            "negative counts",
            json!({"label": {"forwardReturn": {"horizonBars": -1}}, "validation": {"walkForward": {"folds": -1, "testBars": -1, "trainBars": -1}}}),
        ),
        ("a digest that is none", json!({"dataset": {"policy": "Pinned", "digest": "ABCDEF"}})),
        (
            "a gate that is no decimal",
            json!({"gates": [{"metric": "RankIc", "operator": "GreaterOrEqual", "value": "a bit"}]}),
        ),
    ];
    let base = spec("models", "us-large-caps-net");
    insta::assert_snapshot!(report(&base, &cases, |spec: &ModelTrainingJobSpec| check::model(
        spec, &universe
    )));
}

#[test]
fn without_features_there_is_nothing_to_learn_from() {
    let bare = checked_universe(&with(&universe_spec(), &json!({"features": null})));
    let spec = with(&spec("models", "us-large-caps-net"), &json!({"features": null}));
    let problems = check::model(&read::<ModelTrainingJobSpec>(&spec), &bare).unwrap_err();
    insta::assert_snapshot!(check::summary(&problems), @"spec.features: the universe has no numeric feature to learn from: add features to it");
}

#[test]
fn left_out_features_are_all_numeric_ones() {
    let model = checked_model(&with(&spec("models", "us-large-caps-net"), &json!({"features": null})));
    assert_eq!(
        model.train.features,
        ["macd_share", "momentum_12_1", "momentum_rank", "reversal_21", "rsi_14", "volatility_21"]
    );
}

#[test]
fn a_grid_is_every_combination_once_in_order() {
    let base = spec("models", "us-large-caps-net");
    let changed = with(
        &base,
        &json!({"search": {"grid": {"penalty": ["0.1", "0.01", "0.10"], "l1Ratio": ["1", "0"]}}}),
    );
    let trials: Vec<String> = checked_model(&changed)
        .train
        .trials
        .iter()
        .map(|trial| match &trial.algorithm {
            AlgorithmSpec::ElasticNet { penalty, l1_ratio } => format!("{penalty} {l1_ratio}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(trials, ["0.01 0", "0.1 0", "0.01 1", "0.1 1"]);
    assert_eq!(checked_model(&with(&base, &json!({"search": null}))).train.trials.len(), 1);
    let names = checked_model(&base).train.unit_names();
    assert_eq!(names.len(), 3 * 6);
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
    assert_eq!(names[7], "elasticNet-l1Ratio-0.5-penalty-0.001-fold-001");
}

fn drawn(
    random: &serde_json::Value,
    algorithm: &serde_json::Value,
    trials: usize,
    seed: i64,
) -> Vec<AlgorithmSpec> {
    let change = json!({
        "algorithm": algorithm,
        "search": {"grid": null, "random": random, "maxTrials": trials},
        "seed": seed,
    });
    let spec = with(&spec("models", "us-large-caps-net"), &change);
    let model = check::model(&read::<ModelTrainingJobSpec>(&spec), &universe()).unwrap();
    model.train.trials.into_iter().map(|trial| trial.algorithm).collect()
}

#[test]
fn random_search_draws_from_its_ranges_and_keeps_what_it_drew() {
    let ranges = json!({"penalty": {"min": "0.0001", "max": "1", "scale": "Log"}, "l1Ratio": {"min": "0.2", "max": "0.8"}});
    let net = json!({"elasticNet": {}});
    let all = drawn(&ranges, &net, 200, 42);
    assert_eq!(all.len(), 200);
    let mut small = 0;
    for trial in &all {
        let AlgorithmSpec::ElasticNet { penalty, l1_ratio } = trial else { panic!("{trial:?}") };
        let (least, greatest) = ("0.0001".parse().unwrap(), "1".parse().unwrap());
        assert!((least..=greatest).contains(penalty), "{penalty}");
        assert!(("0.2".parse().unwrap()..="0.8".parse().unwrap()).contains(l1_ratio), "{l1_ratio}");
        small += usize::from(*penalty < "0.01".parse().unwrap());
    }
    // Half of the logarithms lie below the middle of them: 200 draws leave it by 40 about once in a hundred million.
    assert!((60..=140).contains(&small), "{small}");
    let few = drawn(&ranges, &net, 20, 42);
    assert_eq!(few.len(), 20);
    assert!(few.iter().all(|trial| all.contains(trial)));
    assert!(drawn(&ranges, &net, 20, 43).iter().all(|trial| !all.contains(trial)));
}

#[test]
fn counts_are_drawn_whole_and_each_once() {
    let forest = json!({"elasticNet": null, "randomForest": {"trees": 10}});
    for scale in ["Linear", "Log"] {
        let depths = json!({"maxDepth": {"min": "2", "max": "4", "scale": scale}});
        let found: Vec<u32> = drawn(&depths, &forest, 100, 1)
            .iter()
            .map(|trial| match trial {
                AlgorithmSpec::RandomForest { trees: 10, max_depth, .. } => *max_depth,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(found, [2, 3, 4]);
    }
}
