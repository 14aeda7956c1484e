//! Importance of features against scikit-learn (`reference/importance.py`), and permutation importance on models whose
//! coefficients are known: what scikit-learn's `permutation_importance` means.
//!
//! There the importance of a feature is the score of the columns as they are less the mean score over
//! `n_repeats` shuffles of that column (Breiman 2001). With the squared error for a score, negated, that is
//! the mean rise of the error.

use std::collections::BTreeMap;

use ats_crds::model::{Calibration, FeatureScaling, LabelScaling, SampleWeights};
use ats_model_training::algorithm::estimator::Linear;
use ats_model_training::algorithm::{Estimator, TrainingRows, build};
use ats_model_training::dataset::Matrix;
use ats_model_training::importance::{Importance, REPEATS, permutation};
use ats_model_training::metric::Score;
use ats_model_training::model::{Pipeline, Recipe};
use ats_model_training::random::SplitMix64;
use ats_pipeline::spec::AlgorithmSpec;
use serde::Deserialize;

use crate::by_hand::mean;
use crate::support::{close, decimal, feature_names, fixture, noise};

const SEED: u64 = 42;
const FOLD: usize = 3;
const COEFFICIENTS: [f64; 3] = [2.0, -0.5, 0.0];
const INTERCEPT: f64 = 1.0;

/// Rows of three features; every tenth has no label. A label is what the known model says and some noise.
fn panel(rows: usize, label: impl Fn(f64, f64) -> f64) -> Matrix {
    let mut random = SplitMix64::new(SEED, 0);
    let columns: Vec<Vec<f64>> = (0..3).map(|_| (0..rows).map(|_| noise(&mut random)).collect()).collect();
    let is_known = |row: usize| row % 10 != 9;
    let labels = (0..rows)
        .map(|row| {
            let value = label(linear(&columns, row), noise(&mut random));
            if is_known(row) { value } else { f64::NAN }
        })
        .collect();
    Matrix {
        features: feature_names(),
        label: labels,
        label_end: (0..rows).map(|row| is_known(row).then_some(0)).collect(),
        columns,
        ..Matrix::default()
    }
}

fn linear(columns: &[Vec<f64>], row: usize) -> f64 {
    INTERCEPT + columns.iter().zip(COEFFICIENTS).map(|(column, c)| c * column[row]).sum::<f64>()
}

fn pipeline(score: Score, label_scale: f64) -> Pipeline {
    let linear = Linear { intercept: INTERCEPT, coefficients: COEFFICIENTS.to_vec() };
    let estimator = match score {
        Score::ProbabilityMinusHalf => Estimator::Logistic(linear),
        Score::Value | Score::Margin => Estimator::Linear(linear),
    };
    Pipeline {
        standardization: None,
        label_scale,
        score,
        calibration: None,
        estimator,
        converged: true,
        gain: None,
    }
}

fn values(found: Vec<Importance>) -> Vec<f64> {
    assert!(found.iter().map(|importance| &importance.feature).eq(&feature_names()));
    found.into_iter().map(|importance| importance.permutation.unwrap()).collect()
}

/// What a shuffle is expected to do to a linear model's squared error: with `e` what it leaves and `b` the
/// feature's coefficient, `(e - b (x' - x))^2 - e^2` is `2 b^2 var(x) + 2 b cov(e, x)` on average over all
/// permutations.
#[test]
fn a_linear_model_rests_on_its_coefficients() {
    let matrix = panel(8000, |value, noise| value + 0.3 * noise);
    let rows: Vec<usize> = (0..8000).collect();
    let found = values(permutation(&matrix, &pipeline(Score::Value, 1.0), &rows, SEED, FOLD));
    let known: Vec<usize> = rows.into_iter().filter(|row| matrix.label_end[*row].is_some()).collect();
    let left: Vec<f64> = known.iter().map(|row| matrix.label[*row] - linear(&matrix.columns, *row)).collect();
    for ((column, b), found) in matrix.columns.iter().zip(COEFFICIENTS).zip(found) {
        let x: Vec<f64> = known.iter().map(|row| column[*row]).collect();
        let products = |a: &[f64], b: &[f64]| -> f64 {
            let (mean_a, mean_b) = (mean(a), mean(b));
            mean(&a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).collect::<Vec<f64>>())
        };
        let expected = 2.0 * b * b * products(&x, &x) + 2.0 * b * products(&left, &x);
        // Five shuffles of 7200 rows are within a hundredth of that, in nine of ten cases.
        assert!((found - expected).abs() <= 0.04 * expected.abs() + 1e-12, "{found} is not {expected}");
    }
}

/// Shuffle by shuffle: the error with one column shuffled, the mean of five, less the error with none.
#[test]
fn an_importance_is_a_mean_rise_of_the_error() {
    let rows: Vec<usize> = (0..200).collect();
    let square = |error: f64| error * error;
    let up = |label: f64| f64::from(u8::from(label > 0.0));
    let probability = |z: f64| 1.0 / (1.0 + (-z).exp());
    let value = |value: f64, noise: f64| 0.25 * value + 0.3 * noise;
    let direction = |value: f64, noise: f64| (value - INTERCEPT + noise).signum();
    let (of_value, of_direction) = (panel(200, value), panel(200, direction));
    // The error of a linear value beside a label.
    type Error<'a> = &'a dyn Fn(f64, f64) -> f64;
    let errors: [(&Matrix, Score, Error<'_>); 3] = [
        (&of_value, Score::Value, &|z, label| square(0.25 * z - label)),
        (&of_direction, Score::ProbabilityMinusHalf, &|z, label| square(probability(z) - up(label))),
        (&of_direction, Score::Margin, &|z, label| f64::from(u8::from((z >= 0.0) != (label > 0.0)))),
    ];
    for (matrix, score, error) in errors {
        let found = values(permutation(matrix, &pipeline(score, 0.25), &rows, SEED, FOLD));
        // Rows without a label take no part in a shuffle.
        let known: Vec<usize> = rows.iter().copied().filter(|row| matrix.label_end[*row].is_some()).collect();
        let columns = matrix.gather(&known);
        let mean_error = |columns: &[Vec<f64>]| {
            let errors = known.iter().enumerate();
            let errors = errors.map(|(place, row)| error(linear(columns, place), matrix.label[*row]));
            mean(&errors.collect::<Vec<f64>>())
        };
        for (feature, found) in found.into_iter().enumerate() {
            let rises: Vec<f64> = (0..REPEATS)
                .map(|repeat| {
                    let stream = ((FOLD as u64) << 32) | ((feature as u64) << 8) | repeat;
                    let mut shuffled = columns.clone();
                    SplitMix64::new(SEED, stream).shuffle(&mut shuffled[feature]);
                    assert_ne!(shuffled, columns);
                    mean_error(&shuffled) - mean_error(&columns)
                })
                .collect();
            close(found, mean(&rises));
            // Only what the model does not look at costs nothing.
            assert_eq!(COEFFICIENTS[feature] != 0.0, found.abs() > 1e-9, "{score:?}: {found}");
        }
    }
}

#[test]
fn without_a_label_there_is_no_importance() {
    let matrix = panel(30, |value, _| value);
    let unlabelled = permutation(&matrix, &pipeline(Score::Value, 1.0), &[9, 19, 29], SEED, FOLD);
    assert!(unlabelled.iter().all(|importance| importance.permutation.is_none()));
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    train_rows: usize,
    repeats: u64,
    columns: Vec<Vec<f64>>,
    label: Vec<f64>,
    up: Vec<f64>,
    weight: Vec<f64>,
    permutation: BTreeMap<String, Shuffled>,
    gain: BTreeMap<String, Vec<f64>>,
}

/// Of each feature over the repeats.
#[derive(Deserialize)]
struct Shuffled {
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Reference {
    fn matrix(&self, is_direction: bool) -> Matrix {
        let label = if is_direction { &self.up } else { &self.label };
        Matrix {
            features: (0..self.columns.len()).map(|place| format!("x{place}")).collect(),
            label: label.clone(),
            label_end: vec![Some(0); label.len()],
            columns: self.columns.clone(),
            ..Matrix::default()
        }
    }

    /// What the splits of an algorithm's fit of the training rows gain, by feature.
    fn gain(&self, trial: &AlgorithmSpec, score: Score, weights: Option<&[f64]>, seed: u64) -> Vec<f64> {
        let train = |column: &Vec<f64>| column[..self.train_rows].to_vec();
        let label = train(if score == Score::Value { &self.label } else { &self.up });
        let columns: Vec<Vec<f64>> = self.columns.iter().map(train).collect();
        let names: Vec<String> = (0..columns.len()).map(|place| format!("x{place}")).collect();
        let rows = TrainingRows { names: &names, columns: &columns, label: &label, weights, score };
        build(trial).unwrap().fit(&rows, seed).unwrap().gain.unwrap()
    }
}

const TREE: AlgorithmSpec = AlgorithmSpec::DecisionTree { max_depth: 4, min_samples_leaf: 20 };

/// The mean over as many shuffles as scikit-learn's mean is of; two such means lie as far apart as chance allows.
#[test]
fn permutation_is_the_importance_of_scikit_learn() {
    let reference: Reference = fixture("importance.json");
    let net = AlgorithmSpec::ElasticNet { penalty: decimal("0.01"), l1_ratio: decimal("0.5") };
    let logistic = AlgorithmSpec::Logistic { penalty: decimal("0.01") };
    let machine =
        AlgorithmSpec::SupportVector { cost: decimal("1"), epsilon: None, gamma: Some(decimal("0.5")) };
    let boosting = AlgorithmSpec::GradientBoosting {
        trees: 50,
        learning_rate: decimal("0.1"),
        max_depth: 3,
        min_samples_leaf: 20,
        subsample: decimal("1"),
    };
    let (scaled, as_is) = (FeatureScaling::Standardize, FeatureScaling::None);
    let cases = [
        ("elasticNet", net, scaled, false),
        ("logistic", logistic, scaled, true),
        ("supportVectorUp", machine, scaled, true),
        ("decisionTree", TREE, as_is, false),
        ("decisionTreeUp", TREE, as_is, true),
        ("gradientBoosting", boosting, as_is, false),
    ];
    assert!(cases.iter().map(|case| case.0).all(|name| reference.permutation.contains_key(name)));
    assert_eq!(cases.len(), reference.permutation.len());
    let seeds = reference.repeats / REPEATS;
    // So many standard errors of the difference of two means.
    let chance = 4.5 * (2.0 / reference.repeats as f64).sqrt();
    for (name, trial, features, label_is_direction) in cases {
        let matrix = reference.matrix(label_is_direction);
        let train: Vec<usize> = (0..reference.train_rows).collect();
        let test: Vec<usize> = (reference.train_rows..matrix.len()).collect();
        let recipe = Recipe {
            trial,
            features,
            label: LabelScaling::None,
            weights: SampleWeights::Equal,
            calibration: Calibration::None,
            label_is_direction,
            seed: SEED,
        };
        let pipeline = Pipeline::fit(&matrix, &train, &recipe).unwrap();
        let mut total = vec![0.0; matrix.features.len()];
        for seed in 0..seeds {
            let found = permutation(&matrix, &pipeline, &test, seed, FOLD);
            total.iter_mut().zip(found).for_each(|(total, found)| *total += found.permutation.unwrap());
        }
        let expected = &reference.permutation[name];
        let bounds: Vec<f64> = expected.deviation.iter().map(|deviation| chance * deviation + 1e-9).collect();
        for (feature, total) in total.iter().enumerate() {
            let (found, mean) = (total / seeds as f64, expected.mean[feature]);
            let bound = bounds[feature] + 1e-4 * mean.abs();
            assert!((found - mean).abs() <= bound, "{name}, feature {feature}: {found} is not {mean}");
        }
        // Chance is small beside what the model rests on.
        assert!(expected.mean[0] > 8.0 * bounds[0], "{name}: {} within {}", expected.mean[0], bounds[0]);
    }
}

/// The trees of a forest count by what they gain here, and all alike there; of equally good splits of directions, which
/// have two values only, either may be taken.
#[test]
fn gain_is_what_scikit_learn_says_that_features_are_worth() {
    let reference: Reference = fixture("importance.json");
    let near = |name: &str, found: &[f64], tolerance: f64| {
        let expected = &reference.gain[name];
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < tolerance, "{name}: {found} is not {expected}");
        }
    };
    near("decisionTree", &reference.gain(&TREE, Score::Value, None, SEED), 1e-9);
    let weighted = reference.gain(&TREE, Score::Value, Some(&reference.weight), SEED);
    near("decisionTreeWeighted", &weighted, 1e-9);
    near("decisionTreeUp", &reference.gain(&TREE, Score::ProbabilityMinusHalf, None, SEED), 0.02);
    let forest = AlgorithmSpec::RandomForest { trees: 50, max_depth: 4, min_samples_leaf: 20 };
    let mut of_forests = vec![0.0; reference.columns.len()];
    for seed in 0..24 {
        let gain = reference.gain(&forest, Score::Value, None, seed);
        of_forests.iter_mut().zip(gain).for_each(|(sum, gain)| *sum += gain / 24.0);
    }
    near("randomForest", &of_forests, 0.01);
}
