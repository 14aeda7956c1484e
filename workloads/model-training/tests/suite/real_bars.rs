//! Algorithms against scikit-learn and LightGBM on folds of the samples' real bars (`reference/real_bars.py`).

use std::collections::BTreeMap;

use ats_model_training::algorithm::{Fitted, TrainingRows, build};
use ats_model_training::metric::{Score, deviation, mean};
use ats_pipeline::spec::AlgorithmSpec;
use serde::Deserialize;

use crate::support::{decimal, fixture};

#[derive(Deserialize)]
struct Reference {
    folds: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    train_rows: usize,
    test_rows: usize,
    cases: BTreeMap<String, Case>,
    noise: BTreeMap<String, Noise>,
    tree_gain: Vec<f64>,
    boosted_gain: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    /// Of every fortieth test row.
    predictions: Vec<f64>,
    loss: f64,
}

#[derive(Deserialize)]
struct Noise {
    mean: f64,
    deviation: f64,
}

const PAST: [usize; 3] = [5, 21, 126];
const HORIZON: usize = 5;
const TEST: usize = 252;

/// Features, z-scored features and labels of a fold's training and test rows.
struct Fold {
    columns: [Vec<Vec<f64>>; 2],
    scaled: [Vec<Vec<f64>>; 2],
    label: [Vec<f64>; 2],
    up: [Vec<f64>; 2],
    weights: Vec<f64>,
}

fn closes(ticker: &str) -> Vec<f64> {
    let folder = format!("{}/../../config/samples/data/us-large-caps/bars", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(format!("{folder}/{ticker}.csv")).unwrap();
    let rows = text.lines().skip(1).filter(|line| *line >= "2006");
    rows.map(|line| line.split(',').nth(4).unwrap().parse().unwrap()).collect()
}

/// The folds as the script makes them.
fn folds() -> Vec<Fold> {
    let series: Vec<Vec<f64>> = ["AAPL", "GOOG", "IBM", "MSFT"].map(closes).to_vec();
    let last = series[0].len() - HORIZON;
    let places: Vec<(usize, usize)> =
        (PAST[2]..last).flat_map(|t| (0..series.len()).map(move |ticker| (t, ticker))).collect();
    let fold = |fold: usize| {
        let first = last - TEST * (3 - fold);
        let train: Vec<_> = places.iter().copied().filter(|(t, _)| t + HORIZON < first).collect();
        let test: Vec<_> = places.iter().copied().filter(|(t, _)| *t >= first && *t < first + TEST).collect();
        let columns = [&train, &test].map(|rows| {
            let column = |n: &usize| -> Vec<f64> {
                let change = |(t, s): &(usize, usize)| series[*s][*t] / series[*s][t - n] - 1.0;
                rows.iter().map(|row| f64::from(change(row) as f32)).collect()
            };
            PAST.iter().map(column).collect::<Vec<_>>()
        });
        let returns = [&train, &test].map(|rows| -> Vec<f64> {
            rows.iter().map(|(t, s)| series[*s][t + HORIZON] / series[*s][*t] - 1.0).collect()
        });
        let scale = deviation(&returns[0]).unwrap();
        let scaled = [0, 1].map(|part| {
            let column = |feature: usize| -> Vec<f64> {
                let known = &columns[0][feature];
                let (mean, deviation) = (mean(known).unwrap(), deviation(known).unwrap());
                columns[part][feature].iter().map(|value| (value - mean) / deviation).collect()
            };
            (0..PAST.len()).map(column).collect::<Vec<_>>()
        });
        let mut weights: Vec<f64> = (0..train.len()).map(|row| 0.5 + 0.25 * (row % 5) as f64).collect();
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight *= train.len() as f64 / total);
        Fold {
            columns,
            scaled,
            label: [0, 1].map(|part| returns[part].iter().map(|value| value / scale).collect()),
            up: [0, 1].map(|part| returns[part].iter().map(|value| f64::from(*value > 0.0)).collect()),
            weights,
        }
    };
    (0..3).map(fold).collect()
}

impl Fold {
    fn fit(&self, spec: &AlgorithmSpec, score: Score, scaled: bool, weighted: bool, seed: u64) -> Fitted {
        let columns = if scaled { &self.scaled[0] } else { &self.columns[0] };
        let label = if score == Score::Value { &self.label[0] } else { &self.up[0] };
        let names: Vec<String> = PAST.iter().map(|n| format!("change_{n}")).collect();
        let weights = weighted.then_some(self.weights.as_slice());
        build(spec)
            .unwrap()
            .fit(&TrainingRows { names: &names, columns, label, weights, score }, seed)
            .unwrap()
    }

    /// Predictions of the test window, as probabilities where they are such.
    fn predict(&self, fitted: &Fitted, score: Score, scaled: bool) -> Vec<f64> {
        let columns = if scaled { &self.scaled[1] } else { &self.columns[1] };
        let mut predictions = fitted.estimator.predict(columns, self.label[1].len());
        if score == Score::ProbabilityMinusHalf {
            predictions.iter_mut().for_each(|prediction| *prediction += 0.5);
        }
        predictions
    }

    fn loss(&self, predictions: &[f64], score: Score) -> f64 {
        let outcomes = if score == Score::Value { &self.label[1] } else { &self.up[1] };
        let losses: Vec<f64> = predictions
            .iter()
            .zip(outcomes)
            .map(|(p, y)| match score {
                Score::Value => (p - y) * (p - y),
                Score::ProbabilityMinusHalf => -(if *y > 0.0 { *p } else { 1.0 - p }).ln(),
                Score::Margin => f64::from((*p >= 0.0) != (*y > 0.0)),
            })
            .collect();
        mean(&losses).unwrap()
    }
}

fn tree() -> AlgorithmSpec {
    AlgorithmSpec::DecisionTree { max_depth: 4, min_samples_leaf: 20 }
}

fn boosting(subsample: &str) -> AlgorithmSpec {
    AlgorithmSpec::GradientBoosting {
        trees: 50,
        learning_rate: decimal("0.1"),
        max_depth: 3,
        min_samples_leaf: 20,
        subsample: decimal(subsample),
    }
}

fn machine(cost: &str, epsilon: Option<&str>, gamma: Option<&str>) -> AlgorithmSpec {
    AlgorithmSpec::SupportVector {
        cost: decimal(cost),
        epsilon: epsilon.map(decimal),
        gamma: gamma.map(decimal),
    }
}

/// Whether predictions and losses are those of the reference, with and without weights.
///
/// `prediction` bounds the difference of predictions, of which one in twenty may lie beyond: where two splits are
/// equally good, or a value lies on a threshold, a tree may go the other way. `loss` bounds that of the loss. Each has a
/// bound without weights and one with.
fn agrees(
    name: &str,
    spec: &AlgorithmSpec,
    score: Score,
    scaled: bool,
    prediction: [f64; 2],
    loss: [f64; 2],
) {
    let reference: Reference = fixture("real_bars.json");
    for (place, (fold, expected)) in folds().iter().zip(&reference.folds).enumerate() {
        assert_eq!((fold.label[0].len(), fold.label[1].len()), (expected.train_rows, expected.test_rows));
        for (suffix, weighted) in [("", false), ("Weighted", true)] {
            let (prediction, loss) = (prediction[usize::from(weighted)], loss[usize::from(weighted)]);
            let case = &expected.cases[&format!("{name}{suffix}")];
            let fitted = fold.fit(spec, score, scaled, weighted, 42);
            assert!(fitted.converged);
            let predictions = fold.predict(&fitted, score, scaled);
            let found: Vec<f64> = predictions.iter().copied().step_by(40).collect();
            let apart = found.iter().zip(&case.predictions).filter(|(a, b)| (*a - *b).abs() > prediction);
            let apart = apart.count();
            assert!(
                20 * apart <= found.len(),
                "{name}{suffix}, fold {place}: {apart} of {} differ",
                found.len()
            );
            let found = fold.loss(&predictions, score);
            assert!(
                (found - case.loss).abs() < loss,
                "{name}{suffix}, fold {place}: loss {found} is not {}",
                case.loss
            );
        }
    }
}

#[test]
fn linear_models_are_those_of_scikit_learn() {
    let net = AlgorithmSpec::ElasticNet { penalty: decimal("0.01"), l1_ratio: decimal("0.5") };
    agrees("elasticNet", &net, Score::Value, true, [1e-6; 2], [1e-6; 2]);
    let logistic = AlgorithmSpec::Logistic { penalty: decimal("0.01") };
    agrees("logistic", &logistic, Score::ProbabilityMinusHalf, true, [1e-6; 2], [1e-6; 2]);
}

#[test]
fn a_tree_is_that_of_scikit_learn() {
    agrees("decisionTree", &tree(), Score::Value, false, [1e-9; 2], [1e-3; 2]);
    agrees("decisionTreeUp", &tree(), Score::ProbabilityMinusHalf, false, [1e-9; 2], [1e-3; 2]);
}

/// The bins are those of scikit-learn's histograms, and so are the predictions; with weights it moves its bins. LightGBM has bins of its own, and exact boosting has none: their losses lie
/// within the noise of a seed (`noise.stochasticBoosting` deviates by 0.003 to 0.004).
#[test]
fn boosting_is_that_of_scikit_learn_and_lightgbm() {
    agrees("gradientBoosting", &boosting("1"), Score::Value, false, [1e-7, 0.25], [1e-8, 1.2e-2]);
    agrees(
        "gradientBoostingUp",
        &boosting("1"),
        Score::ProbabilityMinusHalf,
        false,
        [1e-4, 0.1],
        [1e-4, 4e-3],
    );
    agrees("exactBoosting", &boosting("1"), Score::Value, false, [0.25; 2], [1.2e-2; 2]);
    // With weights its bins lie elsewhere: only the loss is held.
    agrees("lightgbm", &boosting("1"), Score::Value, false, [0.25, f64::INFINITY], [1.2e-2; 2]);
    agrees("lightgbmUp", &boosting("1"), Score::ProbabilityMinusHalf, false, [0.1; 2], [5e-3; 2]);
}

#[test]
fn support_vectors_are_those_of_libsvm() {
    agrees(
        "supportVector",
        &machine("1", Some("0.1"), Some("0.5")),
        Score::Value,
        true,
        [1e-3; 2],
        [1e-4; 2],
    );
    agrees(
        "supportVectorLinear",
        &machine("0.1", Some("0.1"), None),
        Score::Value,
        true,
        [1e-3; 2],
        [1e-4; 2],
    );
    agrees("supportVectorUp", &machine("1", None, Some("0.5")), Score::Margin, true, [1e-3; 2], [2e-3; 2]);
}

/// Where rows or features are drawn the losses of eight seeds are compared: their mean lies within two deviations of that
/// of scikit-learn's trees of the numbers of the bins, and they differ from seed to seed. (Trees of the values themselves
/// lose about half a deviation less than those.)
#[test]
fn what_draws_rows_scores_as_the_reference_does() {
    let reference: Reference = fixture("real_bars.json");
    let forest = AlgorithmSpec::RandomForest { trees: 50, max_depth: 4, min_samples_leaf: 20 };
    for (fold, expected) in folds().iter().zip(&reference.folds) {
        for (name, spec, score) in [
            ("randomForest", &forest, Score::Value),
            ("randomForestUp", &forest, Score::ProbabilityMinusHalf),
            ("stochasticBoosting", &boosting("0.5"), Score::Value),
            ("stochasticBoostingUp", &boosting("0.5"), Score::ProbabilityMinusHalf),
        ] {
            for (suffix, weighted) in [("", false), ("Weighted", true)] {
                let losses: Vec<f64> = (0..8)
                    .map(|seed| {
                        let fitted = fold.fit(spec, score, false, weighted, seed);
                        fold.loss(&fold.predict(&fitted, score, false), score)
                    })
                    .collect();
                let noise = &expected.noise[&format!("{name}{suffix}")];
                let found = mean(&losses).unwrap();
                assert!(
                    (found - noise.mean).abs() < 2.0 * noise.deviation,
                    "{name}{suffix}: {found} is not {} +- {}",
                    noise.mean,
                    noise.deviation
                );
                assert!(deviation(&losses).unwrap() > 0.0, "{name}: the seed decides nothing");
            }
        }
    }
}

/// The share of a feature in what the splits gain is scikit-learn's `feature_importances_`, of boosting that of the
/// numbers of the bins.
#[test]
fn gain_is_the_importance_of_scikit_learn() {
    let reference: Reference = fixture("real_bars.json");
    for (fold, expected) in folds().iter().zip(&reference.folds) {
        let close = |spec: &AlgorithmSpec, expected: &[f64], tolerance: f64| {
            let gain = fold.fit(spec, Score::Value, false, false, 42).gain.unwrap();
            assert!((gain.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for (found, expected) in gain.iter().zip(expected) {
                assert!((found - expected).abs() < tolerance, "{gain:?} is not {expected:?}");
            }
        };
        close(&tree(), &expected.tree_gain, 1e-9);
        close(&boosting("1"), &expected.boosted_gain, 1e-9);
    }
}
