//! Probabilities: the sigmoid and the reliability curve beside scikit-learn's, and what a calibrated model promises.

use ats_crds::model::{Calibration, FeatureScaling, LabelEntry, SampleWeights, SearchMetric};
use ats_model_training::calibration::{Sigmoid, reliability};
use ats_model_training::label::{Label, LabelKind};
use ats_model_training::metric::Score;
use ats_model_training::model::Model;
use ats_model_training::train::{Plan, run_unit};
use ats_pipeline::spec::AlgorithmSpec;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::selection::run;
use crate::support::{fixture, market, matrix, plan};

#[derive(Deserialize)]
struct Case {
    scores: Vec<f64>,
    up: Vec<bool>,
    probabilities: Vec<f64>,
}

#[derive(Deserialize)]
struct Reference {
    sigmoids: Vec<Case>,
    probabilities: Vec<f64>,
    up: Vec<bool>,
    frequency: Vec<f64>,
    mean: Vec<f64>,
}

#[test]
fn the_sigmoid_is_that_of_scikit_learn() {
    let reference: Reference = fixture("calibration.json");
    for case in reference.sigmoids {
        let sigmoid = Sigmoid::fit(&case.scores, &case.up).unwrap();
        for (score, expected) in case.scores.iter().zip(case.probabilities) {
            let found = sigmoid.probability(*score);
            // Its solver stops at a gradient of 1e-5 or so.
            assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
        }
    }
}

#[test]
fn reliability_is_that_of_scikit_learn() {
    let reference: Reference = fixture("calibration.json");
    let bins = reliability(&reference.probabilities, &reference.up);
    assert_eq!(bins.iter().map(|bin| bin.rows).sum::<usize>(), reference.probabilities.len());
    assert_eq!(bins.len(), reference.mean.len());
    for ((bin, frequency), mean) in bins.iter().zip(reference.frequency).zip(reference.mean) {
        assert!((bin.frequency - frequency).abs() < 1e-12, "{bin:?} is not {frequency}");
        assert!((bin.probability - mean).abs() < 1e-12, "{bin:?} is not {mean}");
    }
}

proptest! {
    /// At the best sigmoid the probabilities add up to the targets: the gradient by the intercept is 0.
    #[test]
    fn probabilities_add_up_to_the_targets(
        rows in prop::collection::vec((-30i32..30, any::<bool>()), 6..60),
        unit in prop::sample::select(vec![1e-6, 1.0, 1e6]),
    ) {
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.0) * unit).collect();
        let up: Vec<bool> = rows.iter().map(|row| row.1).collect();
        let (ups, equal) = (up.iter().filter(|up| **up).count(), scores.iter().all(|score| *score == scores[0]));
        let fitted = Sigmoid::fit(&scores, &up);
        if ups == 0 || ups == up.len() || equal {
            prop_assert!(fitted.is_err());
            return Ok(());
        }
        let sigmoid = fitted.unwrap();
        let (n, m) = (ups as f64, (up.len() - ups) as f64);
        let targets = n * (n + 1.0) / (n + 2.0) + m / (m + 2.0);
        let sum: f64 = scores.iter().map(|score| sigmoid.probability(*score)).sum();
        prop_assert!((sum - targets).abs() < 1e-6, "{} is not {}", sum, targets);
    }
}

fn direction() -> Label {
    Label { kind: LabelKind::ForwardDirection, horizon: 2, entry: LabelEntry::NextOpen }
}

#[test]
fn a_calibrated_forest_loses_less_and_a_margin_becomes_a_probability() {
    let matrix = matrix(&market(8, 200, 5), &direction(), FeatureScaling::CrossSectionalZScore);
    let raw = plan(direction());
    let calibrated = Plan { calibration: Calibration::Sigmoid, ..raw };
    // Deep trees with leaves of a row are far too sure of themselves.
    let forest = vec![AlgorithmSpec::RandomForest { trees: 12, max_depth: 20, min_samples_leaf: 1 }];
    let before = run(&matrix, &raw, &forest, SearchMetric::HitRate).unwrap().card;
    let after = run(&matrix, &calibrated, &forest, SearchMetric::HitRate).unwrap();
    assert!(after.card.figures.log_loss.unwrap() < before.figures.log_loss.unwrap());
    assert!(before.calibration == Calibration::None && after.card.calibration == Calibration::Sigmoid);
    assert_eq!(after.card.reliability.iter().map(|bin| bin.rows).sum::<usize>(), after.card.figures.rows);
    assert!(after.predictions.prediction.iter().all(|score| (-0.5..=0.5).contains(score)));
    assert!(after.model.pipeline.calibration.is_some());
    let file = after.model.to_json().unwrap();
    assert_eq!(Model::from_json(&file).unwrap(), after.model);

    let machine =
        vec![AlgorithmSpec::SupportVector { cost: Decimal::ONE, epsilon: None, gamma: Some(Decimal::ONE) }];
    let margin = run(&matrix, &raw, &machine, SearchMetric::HitRate).unwrap().card;
    let probability = run(&matrix, &calibrated, &machine, SearchMetric::HitRate).unwrap().card;
    assert_eq!((margin.score, probability.score), (Score::Margin, Score::ProbabilityMinusHalf));
    assert!(margin.figures.log_loss.is_none() && margin.reliability.is_empty());
    // Better than the coin, whose loss is ln 2.
    assert!(probability.figures.log_loss.unwrap() < 2f64.ln());
    assert_eq!(
        probability.learning_curve.last().unwrap().figures.as_ref(),
        Some(&probability.folds[2].figures)
    );
}

/// Neither the weights nor the sigmoid know a bar after the test window, and the sigmoid none of the window's labels.
#[test]
fn no_probability_knows_a_later_bar() {
    let market = market(6, 160, 9);
    let plan = Plan {
        calibration: Calibration::Sigmoid,
        sample_weights: SampleWeights::Uniqueness,
        ..plan(direction())
    };
    let trial = AlgorithmSpec::Logistic { penalty: Decimal::new(1, 2) };
    let whole = matrix(&market, &direction(), FeatureScaling::CrossSectionalZScore);
    let folds = plan.folds(&whole).unwrap();
    let (_, before) = run_unit(&whole, &plan, &trial, &folds, 1).unwrap();
    let mut changed = market;
    let end = folds[1].test[0].end;
    for bars in &mut changed {
        for t in end..bars.close.len() {
            bars.close[t] *= 1.1 + 0.01 * (t % 7) as f64;
            bars.open[t] *= 0.9;
            bars.signal[t] = -bars.signal[t];
        }
    }
    let changed = matrix(&changed, &direction(), FeatureScaling::CrossSectionalZScore);
    let (_, after) = run_unit(&changed, &plan, &trial, &folds, 1).unwrap();
    assert_eq!(before, after);
    // The other way round: what is learned from decides them.
    let (_, other) = run_unit(&changed, &plan, &trial, &folds, 2).unwrap();
    let (_, first) = run_unit(&whole, &plan, &trial, &folds, 2).unwrap();
    assert_ne!(first.prediction, other.prediction);
}
