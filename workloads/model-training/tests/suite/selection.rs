//! Trials, winners, stitched predictions, the model and its card, on made-up markets.

use ats_crds::model::{FeatureScaling, LabelEntry, LabelScaling, SearchMetric};
use ats_model_training::dataset::Matrix;
use ats_model_training::label::{Label, LabelKind};
use ats_model_training::model::Model;
use ats_model_training::select::{Request, Selection, select};
use ats_model_training::train::{Plan, Predictions, UnitReport, run_unit};
use ats_model_training::validation::{Scheme, WalkForward};
use ats_model_training::{TrainingError, search};
use ats_pipeline::spec::AlgorithmSpec;
use rust_decimal::Decimal;

use crate::support::{market, matrix, plan, two_bars};

pub(crate) fn nets(penalties: &[&str]) -> Vec<AlgorithmSpec> {
    let net = |penalty: &&str| AlgorithmSpec::ElasticNet {
        penalty: penalty.parse().unwrap(),
        l1_ratio: Decimal::new(5, 1),
    };
    penalties.iter().map(net).collect()
}

pub(crate) fn forests() -> Vec<AlgorithmSpec> {
    [3, 5].map(|max_depth| AlgorithmSpec::RandomForest { trees: 20, max_depth, min_samples_leaf: 5 }).to_vec()
}

pub(crate) type Units = Vec<Vec<(UnitReport, Predictions)>>;

pub(crate) fn units(matrix: &Matrix, plan: &Plan, trials: &[AlgorithmSpec]) -> Result<Units, TrainingError> {
    let folds = plan.folds(matrix)?;
    trials
        .iter()
        .map(|trial| (0..folds.len()).map(|fold| run_unit(matrix, plan, trial, &folds, fold)).collect())
        .collect()
}

pub(crate) fn run(
    matrix: &Matrix,
    plan: &Plan,
    trials: &[AlgorithmSpec],
    metric: SearchMetric,
) -> Result<Selection, TrainingError> {
    let metric = (trials.len() > 1).then_some(metric);
    let request = Request { plan, trials, metric, pruning: None, earlier: &[], dataset: "0123" };
    select(matrix, &request, units(matrix, plan, trials)?)
}

#[test]
fn a_signal_is_found() {
    let matrix = matrix(&market(8, 160, 5), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let plan = plan(two_bars());
    for trials in [nets(&["0.001", "0.1", "10"]), forests()] {
        let Selection { model, predictions, card } =
            run(&matrix, &plan, &trials, SearchMetric::RankIc).unwrap();
        assert!(card.figures.rank_ic.unwrap() > 0.1, "{:?}", card.figures);
        assert!(card.figures.sharpe.unwrap() > 0.0);
        assert_eq!(card.importance[0].feature, "signal");
        assert!(card.importance[0].permutation.unwrap() > 0.0);
        assert_eq!((card.number_of_trials, card.folds.len()), (trials.len(), 3));
        assert!(card.deflated_sharpe.unwrap() < card.figures.probabilistic_sharpe.unwrap());
        // The test windows and the tail, one prediction for each row.
        let first = card.folds[0].split.test.from;
        let expected: Vec<usize> =
            (0..matrix.len()).filter(|row| matrix.sessions[matrix.session[*row] as usize] >= first).collect();
        assert_eq!(predictions.row, expected);
        assert_eq!(card.folds[2].split.test.to, model.training.last_session);
        assert!(model.training.last_label_end > model.training.last_session);
        // Ten times the label's deviation leaves no coefficient, so it never wins.
        assert!(card.folds.iter().all(|fold| fold.trial < 2));
    }
}

#[test]
fn a_classifier_predicts_a_probability_less_one_half() {
    let label = Label { kind: LabelKind::ForwardDirection, horizon: 2, entry: LabelEntry::NextOpen };
    let matrix = matrix(&market(8, 160, 5), &label, FeatureScaling::CrossSectionalZScore);
    let logistic = vec![AlgorithmSpec::Logistic { penalty: Decimal::new(1, 2) }];
    for trials in [logistic, forests()] {
        let Selection { predictions, card, .. } =
            run(&matrix, &plan(label), &trials, SearchMetric::HitRate).unwrap();
        assert!(predictions.prediction.iter().all(|score| (-0.5..=0.5).contains(score)));
        assert!(predictions.prediction.iter().any(|score| *score < 0.0));
        assert!(card.figures.accuracy.unwrap() > 0.5 && card.figures.log_loss.is_some());
        assert!(card.metrics().contains_key("logLoss"));
    }
}

fn bytes(selection: &Selection) -> (Vec<u8>, Vec<u8>, Vec<u64>) {
    let bits = selection.predictions.prediction.iter().map(|value| value.to_bits()).collect();
    (selection.model.to_json().unwrap(), selection.card.to_json().unwrap(), bits)
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let matrix = matrix(&market(6, 140, 9), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let plan = plan(two_bars());
    for trials in [nets(&["0.001", "0.1"]), forests()] {
        let of = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            bytes(&pool.install(|| run(&matrix, &plan, &trials, SearchMetric::MeanSquaredError)).unwrap())
        };
        let one = of(1);
        assert_eq!(one, of(2));
        assert_eq!(one, of(1));
    }
    let other = Plan { seed: 43, ..plan };
    let seeds: Vec<_> = [&plan, &other]
        .map(|plan| bytes(&run(&matrix, plan, &forests(), SearchMetric::MeanSquaredError).unwrap()))
        .into();
    assert_ne!(seeds[0].2, seeds[1].2, "the seed decides a forest");
}

/// Changing every bar after a fold's test window changes no prediction up to its end.
#[test]
fn no_prediction_knows_a_later_bar() {
    let market = market(6, 140, 9);
    let plan = plan(two_bars());
    for trials in [nets(&["0.001", "0.1"]), forests()] {
        let whole = matrix(&market, &two_bars(), FeatureScaling::CrossSectionalZScore);
        let folds = plan.folds(&whole).unwrap();
        let before = run(&whole, &plan, &trials, SearchMetric::RankIc).unwrap();
        for fold in [0, 1] {
            let end = folds[fold].test[0].end;
            let mut changed = market.clone();
            for bars in &mut changed {
                for t in end..bars.close.len() {
                    bars.close[t] *= 1.1 + 0.01 * (t % 7) as f64;
                    bars.open[t] *= 0.9;
                    bars.signal[t] = -bars.signal[t];
                }
            }
            let other = matrix(&changed, &two_bars(), FeatureScaling::CrossSectionalZScore);
            let after = run(&other, &plan, &trials, SearchMetric::RankIc).unwrap();
            let upto = |selection: &Selection, matrix: &Matrix| -> Vec<(usize, u64)> {
                let predictions = &selection.predictions;
                (0..predictions.row.len())
                    .filter(|place| (matrix.session[predictions.row[*place]] as usize) < end)
                    .map(|place| (predictions.row[place], predictions.prediction[place].to_bits()))
                    .collect()
            };
            let (first, second) = (upto(&before, &whole), upto(&after, &other));
            assert_eq!(first.len(), 6 * 20 * (fold + 1));
            assert_eq!(first, second, "fold {fold}");
            assert_ne!(before.predictions.prediction, after.predictions.prediction);
        }
    }
}

/// One of each algorithm, small.
fn one_of_each() -> Vec<AlgorithmSpec> {
    let boosting = |subsample: i64| AlgorithmSpec::GradientBoosting {
        trees: 20,
        learning_rate: Decimal::new(1, 1),
        max_depth: 3,
        min_samples_leaf: 5,
        subsample: Decimal::new(subsample, 1),
    };
    let machine = |gamma| AlgorithmSpec::SupportVector {
        cost: Decimal::new(1, 1),
        epsilon: Some(Decimal::new(1, 1)),
        gamma,
    };
    let mut all = nets(&["0.01"]);
    all.extend(forests()[..1].iter().cloned());
    all.push(AlgorithmSpec::DecisionTree { max_depth: 3, min_samples_leaf: 5 });
    all.extend([boosting(10), boosting(5), machine(Some(Decimal::ONE)), machine(None)]);
    all
}

#[test]
fn every_algorithm_finds_the_signal_whatever_the_number_of_threads() {
    let matrix = matrix(&market(8, 160, 5), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let plan = plan(two_bars());
    for trial in one_of_each() {
        let of = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&matrix, &plan, std::slice::from_ref(&trial), SearchMetric::RankIc)).unwrap()
        };
        let one = of(1);
        assert!(one.card.figures.rank_ic.unwrap() > 0.1, "{trial:?}: {:?}", one.card.figures);
        assert!(one.card.converged, "{trial:?}");
        assert_eq!(one.card.importance[0].feature, "signal", "{trial:?}");
        assert_eq!(bytes(&one), bytes(&of(2)), "{trial:?}");
        let json = one.model.to_json().unwrap();
        assert_eq!(Model::from_json(&json).unwrap(), one.model, "{trial:?}");
    }
}

/// A machine's score of a direction is no probability: it has a sign, and neither squared error nor log loss.
#[test]
fn a_margin_is_no_probability() {
    let label = Label { kind: LabelKind::ForwardDirection, horizon: 2, entry: LabelEntry::NextOpen };
    let matrix = matrix(&market(8, 160, 5), &label, FeatureScaling::CrossSectionalZScore);
    let machine =
        AlgorithmSpec::SupportVector { cost: Decimal::ONE, epsilon: None, gamma: Some(Decimal::ONE) };
    let card = run(&matrix, &plan(label), &[machine], SearchMetric::HitRate).unwrap().card;
    let metrics = card.metrics();
    assert!(metrics["accuracy"].unwrap() > 0.5 && metrics["hitRate"].unwrap() > 0.5, "{metrics:?}");
    assert!(metrics["meanSquaredError"].is_none() && !metrics.contains_key("logLoss"), "{metrics:?}");
    assert_eq!(card.importance[0].feature, "signal");
}

fn is_of_trees(trial: &AlgorithmSpec) -> bool {
    matches!(
        trial,
        AlgorithmSpec::DecisionTree { .. }
            | AlgorithmSpec::RandomForest { .. }
            | AlgorithmSpec::GradientBoosting { .. }
    )
}

/// One of each algorithm that learns a direction as such, small.
fn one_of_each_of_directions() -> Vec<AlgorithmSpec> {
    let machine = |gamma| AlgorithmSpec::SupportVector { cost: Decimal::new(1, 1), epsilon: None, gamma };
    let mut all = vec![AlgorithmSpec::Logistic { penalty: Decimal::new(1, 2) }];
    all.extend(one_of_each().into_iter().filter(is_of_trees));
    all.extend([machine(Some(Decimal::ONE)), machine(None)]);
    all
}

#[test]
fn features_scaled_by_a_billionth_give_the_same_model() {
    let direction = Label { kind: LabelKind::ForwardDirection, ..two_bars() };
    for (label, trials) in [(two_bars(), one_of_each()), (direction, one_of_each_of_directions())] {
        let rows = |scale: f64| {
            let mut rows: Vec<_> = market(6, 140, 9).iter().map(|bars| bars.rows(&label)).collect();
            for ticker in &mut rows {
                ticker.features.iter_mut().flatten().for_each(|value| *value *= scale);
            }
            rows
        };
        for scaling in
            [FeatureScaling::CrossSectionalZScore, FeatureScaling::Standardize, FeatureScaling::None]
        {
            let plan = Plan { features: scaling, ..plan(label) };
            // What has a penalty or a distance refuses such features unscaled; trees know their order alone.
            let learns = |trial: &&AlgorithmSpec| scaling != FeatureScaling::None || is_of_trees(trial);
            for trial in trials.iter().filter(learns) {
                let predictions = |scale| {
                    let matrix = Matrix::new(&crate::support::feature_names(), rows(scale), scaling).unwrap();
                    let trials = std::slice::from_ref(trial);
                    run(&matrix, &plan, trials, SearchMetric::RankIc).unwrap().predictions.prediction
                };
                // The dual's solver stops where the conditions are violated by 1e-4.
                let near = if matches!(trial, AlgorithmSpec::SupportVector { .. }) { 1e-3 } else { 1e-5 };
                let (one, tiny) = (predictions(1.0), predictions(1e-9));
                assert!(one.iter().any(|value| *value != one[0]));
                for (found, expected) in tiny.iter().zip(&one) {
                    assert!(
                        (found - expected).abs() < near,
                        "{trial:?} of {:?}, {scaling:?}: {found} is not {expected}",
                        label.kind
                    );
                }
            }
        }
    }
}

#[test]
fn an_undefined_search_metric_is_an_error_that_says_so() {
    // Four names: no date has the five that a rank IC needs.
    let matrix = matrix(&market(4, 140, 9), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let trials = nets(&["0.001", "0.1"]);
    let error = run(&matrix, &plan(two_bars()), &trials, SearchMetric::RankIc).unwrap_err().to_string();
    insta::assert_snapshot!(error);
    // Metrics that few names define work, and the card says what is missing.
    for metric in [SearchMetric::MeanSquaredError, SearchMetric::HitRate] {
        let card = run(&matrix, &plan(two_bars()), &trials, metric).unwrap().card;
        assert_eq!(card.metrics()["rankIc"], None);
        assert!(card.metrics()["meanSquaredError"].is_some());
        insta::assert_snapshot!("notes_of_four_names", card.notes.join("\n"));
    }
    // A single trial needs no metric.
    assert!(run(&matrix, &plan(two_bars()), &trials[..1], SearchMetric::RankIc).is_ok());
}

#[test]
fn a_constant_prediction_has_no_figures() {
    let matrix = matrix(&market(6, 140, 9), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let plan = Plan {
        validation: Scheme::WalkForward(WalkForward { folds: 1, test_sessions: 20, train_sessions: None }),
        ..plan(two_bars())
    };
    let card = run(&matrix, &plan, &nets(&["100"]), SearchMetric::MeanSquaredError).unwrap().card;
    assert!(card.figures.constant_prediction);
    let metrics = card.metrics();
    assert!(metrics.iter().all(|(name, value)| name == "trials" || value.is_none()), "{metrics:?}");
    assert!(card.notes[0].contains("All predictions are equal"));
}

#[test]
fn winners_are_picked_by_inner_scores_alone() {
    let matrix = matrix(&market(6, 140, 9), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let plan = plan(two_bars());
    let units = units(&matrix, &plan, &nets(&["0.001", "0.1", "0.3"])).unwrap();
    let mut reports: Vec<Vec<UnitReport>> =
        units.into_iter().map(|folds| folds.into_iter().map(|(report, _)| report).collect()).collect();
    let metric = SearchMetric::MeanSquaredError;
    let scores = search::inner_scores(&reports, metric);
    let winners = search::winners(&reports, &scores, metric).unwrap();
    for (fold, winner) in winners.by_fold.iter().enumerate() {
        let best = reports
            .iter()
            .map(|t| t[fold].inner_figures.mean_squared_error.unwrap())
            .fold(f64::MAX, f64::min);
        assert_eq!(reports[*winner][fold].inner_figures.mean_squared_error, Some(best));
    }
    // Whatever happens in the test windows, the winners stay.
    for (place, folds) in reports.iter_mut().enumerate() {
        for unit in folds {
            unit.figures.mean_squared_error = Some(place as f64);
        }
    }
    assert_eq!(search::winners(&reports, &search::inner_scores(&reports, metric), metric).unwrap(), winners);
}

#[test]
fn a_model_predicts_from_its_file() {
    let market = market(6, 140, 9);
    let matrix = matrix(&market, &two_bars(), FeatureScaling::CrossSectionalZScore);
    let standardized =
        Plan { features: FeatureScaling::Standardize, label_scaling: LabelScaling::None, ..plan(two_bars()) };
    for (plan, trials) in [
        (plan(two_bars()), nets(&["0.001"])),
        (plan(two_bars()), forests()[..1].to_vec()),
        (standardized, nets(&["0.001"])),
    ] {
        let model = run(&matrix, &plan, &trials, SearchMetric::RankIc).unwrap().model;
        let json = model.to_json().unwrap();
        let loaded = Model::from_json(&json).unwrap();
        assert_eq!(loaded, model);
        assert_eq!(loaded.to_json().unwrap(), json);

        // The last session lies after the last training label's end when a session is added.
        let features: Vec<Vec<f64>> =
            (0..3).map(|f| (0..6).map(|t| f64::from(t * (f + 1)) - 2.0).collect()).collect();
        let after = crate::support::sessions(141)[140];
        let scores = loaded.predict(after, features.clone()).unwrap();
        assert!(scores.iter().all(|score| score.is_finite()));
        assert_eq!(scores, model.predict(after, features.clone()).unwrap());
        let error = loaded.predict(model.training.last_label_end, features.clone()).unwrap_err().to_string();
        assert!(error.contains("cannot predict session"), "{error}");
        // A null feature gives a null score, and only there.
        let mut holes = features;
        holes[1][2] = f64::NAN;
        let scores = loaded.predict(after, holes).unwrap();
        assert!(scores[2].is_nan() && scores.iter().filter(|score| score.is_nan()).count() == 1);
    }
}

/// The cross-section of a date is scaled as in training: the model's own rows give the fit's predictions.
#[test]
fn a_model_scales_a_date_as_training_did() {
    let market = market(6, 140, 9);
    let matrix = matrix(&market, &two_bars(), FeatureScaling::CrossSectionalZScore);
    let selection = run(&matrix, &plan(two_bars()), &nets(&["0.001"]), SearchMetric::RankIc).unwrap();
    let rows: Vec<_> = market.iter().map(|bars| bars.rows(&two_bars())).collect();
    let raw: Vec<Vec<f64>> =
        (0..3).map(|f| rows.iter().map(|ticker| ticker.features[f][139]).collect()).collect();
    let last: Vec<usize> = (matrix.len() - 6..matrix.len()).collect();
    let expected = selection.model.pipeline.predict(matrix.gather(&last), 6);
    let mut model = selection.model;
    model.training.last_label_end = market[0].session[100];
    assert_eq!(model.predict(market[0].session[139], raw).unwrap(), expected);
}

#[test]
fn a_damaged_model_file_is_refused_in_words() {
    let matrix = matrix(&market(6, 140, 9), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let model = run(&matrix, &plan(two_bars()), &forests()[..1], SearchMetric::RankIc).unwrap().model;
    let text = String::from_utf8(model.to_json().unwrap()).unwrap();
    let refused = |text: &str| Model::from_json(text.as_bytes()).unwrap_err().to_string();
    let messages = [
        refused("what"),
        refused("{}"),
        refused(&text.replacen("\"version\":1", "\"version\":2", 1)),
        refused(&text.replacen("\"left\":[1,", "\"left\":[0,", 1)),
        refused(&text.replacen("\"left\":[1,", "\"left\":[9999,", 1)),
        refused(&text.replacen("\"momentum\",", "", 1).replacen("\"signal\",", "", 1)),
        refused(&text.replacen("\"labelScale\":\"", "\"labelScale\":\"x", 1)),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_card_reads_as_it_should() {
    let matrix = matrix(&market(6, 140, 9), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let card = run(&matrix, &plan(two_bars()), &nets(&["0.001", "0.1"]), SearchMetric::RankIc).unwrap().card;
    insta::assert_snapshot!(String::from_utf8(card.to_json().unwrap()).unwrap());
}
