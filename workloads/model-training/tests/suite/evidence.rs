//! What the model card tells beside the figures: uniqueness, drift, years, learning curve.

use ats_crds::model::{FeatureScaling, LabelEntry, SampleWeights, SearchMetric};
use ats_model_training::card::Card;
use ats_model_training::dataset::Matrix;
use ats_model_training::drift::Drift;
use ats_model_training::label::{Label, LabelKind};
use ats_model_training::model::Pipeline;
use ats_model_training::train::Plan;
use ats_model_training::uniqueness::{of_spans, uniqueness, weights};
use ats_model_training::validation::{Scheme, WalkForward};
use ats_pipeline::spec::AlgorithmSpec;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::by_hand;
use crate::selection::run;
use crate::support::{close, fixture, market, matrix, plan, same_figures, two_bars};

#[derive(Deserialize)]
struct Spans {
    spans: Vec<(usize, usize)>,
    uniqueness: Vec<f64>,
}

#[derive(Deserialize)]
struct Samples {
    training: Vec<f64>,
    recent: Vec<f64>,
    psi: f64,
    ks: f64,
}

#[derive(Deserialize)]
struct Reference {
    spans: Vec<Spans>,
    drifts: Vec<Samples>,
}

fn nets(penalty: &str) -> Vec<AlgorithmSpec> {
    vec![AlgorithmSpec::ElasticNet { penalty: penalty.parse().unwrap(), l1_ratio: Decimal::new(5, 1) }]
}

fn card(matrix: &Matrix, plan: &Plan) -> Card {
    run(matrix, plan, &nets("0.001"), SearchMetric::RankIc).unwrap().card
}

#[test]
fn uniqueness_is_that_of_mlfinpy() {
    let reference: Reference = fixture("card.json");
    for case in reference.spans {
        let found = of_spans(&case.spans);
        assert_eq!(found.len(), case.uniqueness.len());
        found.into_iter().zip(case.uniqueness).for_each(|(found, expected)| close(found, expected));
    }
}

#[test]
fn drift_is_that_of_feature_engine_and_scipy() {
    let reference: Reference = fixture("card.json");
    for case in reference.drifts {
        let drift = Drift::between(case.training, case.recent).unwrap();
        close(drift.psi, case.psi);
        close(drift.ks, case.ks);
    }
    assert_eq!(Drift::between(Vec::new(), vec![1.0]), None);
    assert_eq!(Drift::between(vec![1.0], Vec::new()), None);
}

proptest! {
    #[test]
    fn samples_that_are_equal_have_not_moved(values in prop::collection::vec(-5i32..5, 1..60)) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let drift = Drift::between(values.clone(), values.into_iter().rev().collect()).unwrap();
        prop_assert_eq!((drift.psi, drift.ks), (0.0, 0.0));
    }

    #[test]
    fn a_label_that_is_alone_is_unique_and_none_is_more(
        spans in prop::collection::vec((0usize..50, 0usize..8), 1..40),
    ) {
        let spans: Vec<(usize, usize)> = spans.into_iter().map(|(first, bars)| (first, first + bars)).collect();
        for (place, value) in of_spans(&spans).into_iter().enumerate() {
            let (first, last) = spans[place];
            let alone = spans.iter().enumerate().all(|(other, (f, l))| other == place || *l < first || *f > last);
            prop_assert!(value > 0.0 && value <= 1.0 + 1e-12);
            prop_assert_eq!((value - 1.0).abs() < 1e-12, alone);
        }
    }
}

#[test]
fn the_bars_of_a_label_are_its_own_tickers() {
    let matrix = matrix(&market(6, 120, 3), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let labelled: Vec<usize> = (0..matrix.len()).filter(|row| matrix.label_end[*row].is_some()).collect();
    let all = uniqueness(&matrix, &labelled);
    // Two bars held from the next open: each label spans four bars, each bar in the middle has four labels.
    let middle = labelled.iter().position(|row| matrix.bar[*row] == 60).unwrap();
    assert_eq!(all[middle], 0.25);
    // Every fourth bar: no two labels of a ticker meet, whatever the other tickers do.
    let apart: Vec<usize> =
        labelled.iter().copied().filter(|row| matrix.bar[*row].is_multiple_of(4)).collect();
    assert!(uniqueness(&matrix, &apart).iter().all(|value| (value - 1.0).abs() < 1e-12));
    let mean = weights(&matrix, &labelled).iter().sum::<f64>() / labelled.len() as f64;
    close(mean, 1.0);
}

#[test]
fn weights_decide_the_fit_and_equal_ones_do_not() {
    let label = Label {
        kind: LabelKind::TripleBarrier { profit_taking: 1.0, stop_loss: 1.0 },
        horizon: 8,
        entry: LabelEntry::NextOpen,
    };
    let matrix = matrix(&market(6, 200, 9), &label, FeatureScaling::CrossSectionalZScore);
    let equal = plan(label);
    let unique = Plan { sample_weights: SampleWeights::Uniqueness, ..equal };
    let labelled: Vec<usize> = (0..matrix.len()).filter(|row| matrix.label_end[*row].is_some()).collect();
    let coefficients = |plan: &Plan, rows: &[usize]| {
        let pipeline = Pipeline::fit(&matrix, rows, &plan.recipe(&nets("0.001")[0])).unwrap();
        pipeline.estimator.coefficients().unwrap().to_vec()
    };
    assert_ne!(coefficients(&equal, &labelled), coefficients(&unique, &labelled));
    // Rows so far apart that every label is alone count alike.
    let apart: Vec<usize> =
        labelled.iter().copied().filter(|row| matrix.bar[*row].is_multiple_of(10)).collect();
    for (a, b) in coefficients(&equal, &apart).into_iter().zip(coefficients(&unique, &apart)) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }
    let (equal, unique) = (card(&matrix, &equal), card(&matrix, &unique));
    assert_eq!(equal.average_uniqueness, unique.average_uniqueness);
    assert!(equal.average_uniqueness.unwrap() < 0.6);
    assert_ne!(equal.figures, unique.figures);
}

#[test]
fn years_divide_the_predictions_and_more_data_ends_in_the_folds_figures() {
    let matrix = matrix(&market(8, 320, 5), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let card = card(&matrix, &plan(two_bars()));
    assert_eq!(card.years.iter().map(|year| year.figures.rows).sum::<usize>(), card.figures.rows);
    assert_eq!(card.years.iter().map(|year| year.figures.dates).sum::<usize>(), card.figures.dates);
    assert!(card.years.windows(2).all(|pair| pair[0].year < pair[1].year));
    assert_eq!(card.years.last().unwrap().year, card.folds[2].split.test.to.date().year());

    let curve = &card.learning_curve;
    assert_eq!(curve.len(), 4);
    assert!(curve.windows(2).all(|pair| pair[0].train_rows < pair[1].train_rows));
    let last = curve.last().unwrap();
    assert_eq!(last.figures.as_ref(), Some(&card.folds[2].figures));
    assert_eq!(last.train_rows, card.folds[2].split.train_rows);
    assert_eq!(curve[1].train_sessions, last.train_sessions * 2 / 4);
    // Eight names each session; the first part of a fold learns something else than the whole.
    assert_eq!(curve[0].train_rows, 8 * curve[0].train_sessions);
    assert_ne!(curve[0].figures, last.figures);
}

/// A year's ICIR, annual Sharpe ratio, turnover and the rest, worked out again from its predictions alone.
#[test]
fn figures_of_a_year_are_those_of_its_predictions() {
    let matrix = matrix(&market(8, 320, 5), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let validation = Scheme::WalkForward(WalkForward { folds: 3, test_sessions: 60, train_sessions: None });
    let plan = Plan { validation, ..plan(two_bars()) };
    let selection = run(&matrix, &plan, &nets("0.001"), SearchMetric::RankIc).unwrap();
    let rows = by_hand::rows(&matrix, &selection.predictions);
    let card = selection.card;
    same_figures(&card.figures, &by_hand::figures(&rows, 2));
    assert_eq!(card.years.iter().map(|year| year.year).collect::<Vec<_>>(), [2010, 2011]);
    for year in &card.years {
        let date = |row: &&by_hand::Row| matrix.sessions[row.session as usize].date();
        let rows: Vec<_> = rows.iter().filter(|row| date(row).year() == year.year).copied().collect();
        same_figures(&year.figures, &by_hand::figures(&rows, 2));
    }
}

#[test]
fn a_feature_that_moved_is_told_from_one_that_did_not() {
    let label = two_bars();
    let mut market = market(8, 160, 5);
    // The signal of the last bars lies elsewhere; scaled by training rows, so that it can be seen.
    for bars in &mut market {
        bars.signal[130..].iter_mut().for_each(|value| *value += 5.0);
    }
    let matrix = matrix(&market, &label, FeatureScaling::None);
    let card = card(&matrix, &Plan { features: FeatureScaling::Standardize, ..plan(label) });
    let drift = |name: &str| card.importance.iter().find(|card| card.feature == name).unwrap().drift.unwrap();
    assert!(drift("signal").psi > 1.0 && drift("signal").ks > 0.9, "{:?}", drift("signal"));
    assert!(drift("unrelated").psi < 0.25 && drift("unrelated").ks < 0.2, "{:?}", drift("unrelated"));
}
