//! Algorithms against scikit-learn (and linfa-logistic), and their determinism.

use ats_model_training::TrainingError;
use ats_model_training::algorithm::{Estimator, Fitted, TrainingRows, build};
use ats_model_training::metric::{Score, mean};
use ats_pipeline::spec::AlgorithmSpec;
use linfa::traits::Fit;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::support::fixture;

#[derive(Deserialize)]
struct Linear {
    columns: Vec<Vec<f64>>,
    label: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    penalty: Decimal,
    l1_ratio: Option<Decimal>,
    intercept: f64,
    coefficients: Vec<f64>,
    #[serde(default)]
    first_probabilities: Vec<f64>,
}

fn names(columns: &[Vec<f64>]) -> Vec<String> {
    (0..columns.len()).map(|place| format!("f{place}")).collect()
}

fn fit(
    spec: &AlgorithmSpec,
    columns: &[Vec<f64>],
    label: &[f64],
    score: Score,
) -> Result<Fitted, TrainingError> {
    let names = names(columns);
    build(spec).unwrap().fit(&TrainingRows { names: &names, columns, label, weights: None, score }, 42)
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }
}

/// The penalty is scikit-learn's `alpha`, the ratio its `l1_ratio`.
#[test]
fn elastic_net_is_that_of_scikit_learn() {
    let data: Linear = fixture("elastic_net.json");
    assert_eq!(data.cases.len(), 6);
    for case in &data.cases {
        let spec = AlgorithmSpec::ElasticNet { penalty: case.penalty, l1_ratio: case.l1_ratio.unwrap() };
        let fitted = fit(&spec, &data.columns, &data.label, Score::Value).unwrap();
        assert!(fitted.converged);
        let Estimator::Linear(linear) = fitted.estimator else { panic!("not linear") };
        assert_close(&linear.coefficients, &case.coefficients, 1e-6);
        assert_close(&[linear.intercept], &[case.intercept], 1e-6);
    }
}

#[test]
fn elastic_net_finds_the_intercept_of_columns_that_are_not_centred() {
    let data: Linear = fixture("elastic_net.json");
    let shifted: Vec<Vec<f64>> =
        data.columns.iter().map(|column| column.iter().map(|value| value + 3.0).collect()).collect();
    let case = &data.cases[1];
    let spec = AlgorithmSpec::ElasticNet { penalty: case.penalty, l1_ratio: case.l1_ratio.unwrap() };
    let Estimator::Linear(linear) = fit(&spec, &shifted, &data.label, Score::Value).unwrap().estimator else {
        panic!("not linear")
    };
    assert_close(&linear.coefficients, &case.coefficients, 1e-6);
    let moved: f64 = case.coefficients.iter().map(|coefficient| 3.0 * coefficient).sum();
    assert_close(&[linear.intercept], &[case.intercept - moved], 1e-6);
}

/// `C` of scikit-learn is `1 / (rows x penalty)`.
#[test]
fn logistic_is_that_of_scikit_learn() {
    let data: Linear = fixture("logistic.json");
    assert_eq!(data.cases.len(), 4);
    for case in &data.cases {
        let spec = AlgorithmSpec::Logistic { penalty: case.penalty };
        let fitted = fit(&spec, &data.columns, &data.label, Score::ProbabilityMinusHalf).unwrap();
        assert!(fitted.converged);
        let scores = fitted.estimator.predict(&data.columns, data.label.len());
        let Estimator::Logistic(linear) = fitted.estimator else { panic!("not logistic") };
        assert_close(&linear.coefficients, &case.coefficients, 1e-6);
        assert_close(&[linear.intercept], &[case.intercept], 1e-6);
        let probabilities: Vec<f64> = scores[..5].iter().map(|score| score + 0.5).collect();
        assert_close(&probabilities, &case.first_probabilities, 1e-6);
    }
}

/// linfa sums the loss where we take its mean, so its penalty is ours times the rows.
#[test]
fn logistic_is_that_of_linfa() {
    let data: Linear = fixture("logistic.json");
    let rows = data.label.len();
    let x =
        ndarray::Array2::from_shape_fn((rows, data.columns.len()), |(row, column)| data.columns[column][row]);
    let y: ndarray::Array1<bool> = data.label.iter().map(|value| *value > 0.0).collect();
    let reference = linfa_logistic::LogisticRegression::default()
        .alpha(0.01 * rows as f64)
        .max_iterations(10_000)
        .gradient_tolerance(1e-10)
        .fit(&linfa::Dataset::new(x, y))
        .unwrap();
    let spec = AlgorithmSpec::Logistic { penalty: Decimal::new(1, 2) };
    let fitted = fit(&spec, &data.columns, &data.label, Score::ProbabilityMinusHalf).unwrap();
    let Estimator::Logistic(linear) = fitted.estimator else { panic!("not logistic") };
    // Which class linfa calls positive depends on their numbers.
    let sign = if reference.labels().pos.class { 1.0 } else { -1.0 };
    let expected: Vec<f64> = reference.params().iter().map(|coefficient| sign * coefficient).collect();
    assert_close(&linear.coefficients, &expected, 1e-6);
    assert_close(&[linear.intercept], &[sign * reference.intercept()], 1e-6);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trees {
    columns: Vec<Vec<f64>>,
    label: Vec<f64>,
    up: Vec<f64>,
    train_rows: usize,
    mean_squared_error: Noise,
    log_loss: Noise,
}

#[derive(Deserialize)]
struct Noise {
    mean: f64,
    deviation: f64,
}

fn forest(trees: u32) -> AlgorithmSpec {
    AlgorithmSpec::RandomForest { trees, max_depth: 6, min_samples_leaf: 5 }
}

/// The mean score over five seeds lies within three deviations of scikit-learn's.
#[test]
fn forests_score_as_those_of_scikit_learn() {
    let data: Trees = fixture("forest.json");
    let half = |from: usize, to: usize| -> Vec<Vec<f64>> {
        data.columns.iter().map(|column| column[from..to].to_vec()).collect()
    };
    let rows = data.label.len();
    let (train, test) = (half(0, data.train_rows), half(data.train_rows, rows));
    let names = names(&train);
    let algorithm = build(&forest(100)).unwrap();
    let scores = |label: &[f64], score: Score, loss: fn(f64, f64) -> f64| {
        let losses: Vec<f64> = (0..5)
            .map(|seed| {
                let training = TrainingRows {
                    names: &names,
                    columns: &train,
                    label: &label[..data.train_rows],
                    weights: None,
                    score,
                };
                let predictions =
                    algorithm.fit(&training, seed).unwrap().estimator.predict(&test, rows - data.train_rows);
                let losses: Vec<f64> =
                    predictions.iter().zip(&label[data.train_rows..]).map(|(p, y)| loss(*p, *y)).collect();
                mean(&losses).unwrap()
            })
            .collect();
        mean(&losses).unwrap()
    };
    let error = scores(&data.label, Score::Value, |p, y| (p - y) * (p - y));
    let noise = &data.mean_squared_error;
    assert!(
        (error - noise.mean).abs() < 3.0 * noise.deviation,
        "{error} is not {} +- {}",
        noise.mean,
        noise.deviation
    );
    let loss = scores(&data.up, Score::ProbabilityMinusHalf, |p, y| {
        let up = p + 0.5;
        -(if y > 0.0 { up } else { 1.0 - up }).ln()
    });
    let noise = &data.log_loss;
    assert!(
        (loss - noise.mean).abs() < 3.0 * noise.deviation,
        "{loss} is not {} +- {}",
        noise.mean,
        noise.deviation
    );
}

#[test]
fn a_seed_and_a_trees_place_decide_a_forest() {
    let data: Trees = fixture("forest.json");
    let names = names(&data.columns);
    let rows = TrainingRows {
        names: &names,
        columns: &data.columns,
        label: &data.label,
        weights: None,
        score: Score::Value,
    };
    let algorithm = build(&forest(20)).unwrap();
    let Estimator::Forest(first) = algorithm.fit(&rows, 1).unwrap().estimator else { panic!("not a forest") };
    let Estimator::Forest(second) = algorithm.fit(&rows, 2).unwrap().estimator else {
        panic!("not a forest")
    };
    assert_ne!(first, second);
    assert_eq!(first.trees.len(), 20);
    for place in 1..20 {
        assert_ne!(first.trees[0], first.trees[place], "tree {place} repeats the first");
    }
}

/// Rows are predicted in blocks; each falls into the leaf that its own walk ends in.
#[test]
fn blocks_of_rows_are_predicted_as_each_row_is() {
    let data: Trees = fixture("forest.json");
    let Estimator::Forest(grown) =
        fit(&forest(10), &data.columns, &data.label, Score::Value).unwrap().estimator
    else {
        panic!("not a forest")
    };
    for rows in [1, 255, 256, 257, data.label.len()] {
        let one = |row: usize| {
            let values = grown.trees.iter().map(|tree| tree.predict(&data.columns, row));
            values.fold(0.0, |sum, value| sum + value) / grown.trees.len() as f64 + grown.offset
        };
        let expected: Vec<f64> = (0..rows).map(one).collect();
        let columns: Vec<Vec<f64>> = data.columns.iter().map(|column| column[..rows].to_vec()).collect();
        assert_eq!(Estimator::Forest(grown.clone()).predict(&columns, rows), expected);
    }
}

fn trees() -> [AlgorithmSpec; 3] {
    let boosting = AlgorithmSpec::GradientBoosting {
        trees: 20,
        learning_rate: Decimal::new(1, 1),
        max_depth: 4,
        min_samples_leaf: 5,
        subsample: Decimal::new(7, 1),
    };
    [forest(25), boosting, AlgorithmSpec::DecisionTree { max_depth: 6, min_samples_leaf: 5 }]
}

/// Enough rows that threads share a node, and the sums of a linear model.
#[test]
fn no_model_depends_on_the_number_of_threads() {
    let columns: Vec<Vec<f64>> = (0..6).map(|place| noise(20_000, place)).collect();
    let label: Vec<f64> =
        (0..20_000).map(|row| columns[0][row] * columns[1][row] + columns[2][row]).collect();
    let up: Vec<f64> = label.iter().map(|value| f64::from(*value > 0.0)).collect();
    let net = AlgorithmSpec::ElasticNet { penalty: Decimal::new(1, 2), l1_ratio: Decimal::new(5, 1) };
    let logistic = AlgorithmSpec::Logistic { penalty: Decimal::new(1, 3) };
    for spec in trees().into_iter().chain([net, logistic]) {
        let (label, score) = match spec {
            AlgorithmSpec::Logistic { .. } | AlgorithmSpec::GradientBoosting { .. } => {
                (&up, Score::ProbabilityMinusHalf)
            }
            _ => (&label, Score::Value),
        };
        let fitted = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let fitted = fit(&spec, &columns, label, score).unwrap();
                (fitted.estimator.predict(&columns, label.len()), fitted)
            })
        };
        let one = fitted(1);
        assert_eq!(one, fitted(2), "{}", spec.name());
        assert_eq!(one, fitted(3), "{}", spec.name());
    }
}

/// Uniform numbers from -0.5 to 0.5.
fn noise(rows: usize, stream: u64) -> Vec<f64> {
    let mut random = ats_model_training::random::SplitMix64::new(7, stream);
    (0..rows).map(|_| random.below(1 << 53) as f64 / (1u64 << 53) as f64 - 0.5).collect()
}

/// A tree knows the order of a feature's values alone: a scale, however small, changes its thresholds and nothing else.
#[test]
fn trees_do_not_mind_the_scale_of_a_feature() {
    let data: Trees = fixture("forest.json");
    for size in [2f64.powi(-30), 1e-9, 1e9, 1e-300] {
        let scaled: Vec<Vec<f64>> =
            data.columns.iter().map(|column| column.iter().map(|value| value * size).collect()).collect();
        for spec in trees() {
            let predictions = |columns: &[Vec<f64>]| {
                let fitted = fit(&spec, columns, &data.label, Score::Value).unwrap();
                (fitted.estimator.predict(columns, data.label.len()), fitted.gain)
            };
            assert_eq!(predictions(&scaled), predictions(&data.columns), "{} at {size:e}", spec.name());
        }
    }
}

/// Labels of any magnitude, and one that never changes.
#[test]
fn trees_do_not_mind_the_scale_of_a_label() {
    let data: Trees = fixture("forest.json");
    for spec in trees() {
        let predict = |label: &[f64]| {
            fit(&spec, &data.columns, label, Score::Value)
                .unwrap()
                .estimator
                .predict(&data.columns, label.len())
        };
        let expected = predict(&data.label);
        for size in [2f64.powi(-40), 2f64.powi(40)] {
            let scaled: Vec<f64> = data.label.iter().map(|label| label * size).collect();
            for (found, expected) in predict(&scaled).iter().zip(&expected) {
                assert!((found / size - expected).abs() < 1e-9, "{}: {found} {expected}", spec.name());
            }
        }
        let constant = predict(&vec![0.1; data.label.len()]);
        assert!(constant.iter().all(|value| (value - 0.1).abs() < 1e-12), "{}: {constant:?}", spec.name());
    }
}

#[test]
fn what_cannot_be_learned_is_told_in_words() {
    let data: Linear = fixture("logistic.json");
    let spec = AlgorithmSpec::Logistic { penalty: Decimal::ZERO };
    let ones = vec![1.0; data.label.len()];
    let error = fit(&spec, &data.columns, &ones, Score::ProbabilityMinusHalf).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"logistic: all training rows have one direction; lengthen the training span");

    let error = build(&spec).unwrap().score(false).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"algorithm.logistic learns a direction; set label.forwardDirection, or choose another algorithm, such as elasticNet or randomForest, for this label");

    // One feature that separates the directions: without a penalty there is no solution.
    let separating = vec![data.label.iter().map(|label| 2.0 * label - 1.0).collect::<Vec<f64>>()];
    let error = fit(&spec, &separating, &data.label, Score::ProbabilityMinusHalf).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"logistic: the features separate the directions, so that no finite solution is best; raise penalty");

    // Two equal features: without a penalty there is no one solution.
    let equal = vec![data.columns[0].clone(), data.columns[0].clone()];
    let net = AlgorithmSpec::ElasticNet { penalty: Decimal::ZERO, l1_ratio: Decimal::ONE };
    let error = fit(&net, &equal, &data.label, Score::Value).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"elasticNet: features are collinear; set penalty above 0, or drop one of them");

    let tiny: Vec<Vec<f64>> = data.columns.iter().map(|c| c.iter().map(|v| v * 1e-9).collect()).collect();
    let spec = AlgorithmSpec::ElasticNet { penalty: Decimal::ONE, l1_ratio: Decimal::ONE };
    let error = fit(&spec, &tiny, &data.label, Score::Value).unwrap_err().to_string();
    assert!(error.contains("set preprocess.features to CrossSectionalZScore or Standardize"), "{error}");

    let error = build(&forest(0)).map(|_| ()).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"algorithm.randomForest.trees is 0; it must be a whole number from 1 to 2000");
    let spec = AlgorithmSpec::ElasticNet { penalty: Decimal::ONE, l1_ratio: Decimal::TWO };
    let error = build(&spec).map(|_| ()).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"algorithm.elasticNet.l1Ratio is 2; it must be between 0 and 1");
}
