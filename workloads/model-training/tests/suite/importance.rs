//! Permutation importance on models whose coefficients are known: what scikit-learn's
//! `permutation_importance` means.
//!
//! There the importance of a feature is the score of the columns as they are less the mean score over
//! `n_repeats` shuffles of that column (Breiman 2001). With the squared error for a score, negated, that is
//! the mean rise of the error.

use ats_model_training::algorithm::Estimator;
use ats_model_training::algorithm::estimator::Linear;
use ats_model_training::dataset::Matrix;
use ats_model_training::importance::{Importance, REPEATS, permutation};
use ats_model_training::metric::Score;
use ats_model_training::model::Pipeline;
use ats_model_training::random::SplitMix64;

use crate::by_hand::mean;
use crate::support::{close, feature_names, noise};

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
