//! Folds that train on later sessions too, through `select`: who trains on what, the paths, their figures
//! and the deflated Sharpe ratio, worked out again from the definitions.

use std::collections::BTreeMap;

use ats_crds::model::{FeatureScaling, SearchMetric};
use ats_model_training::dataset::Matrix;
use ats_model_training::metric::{Figures, normal};
use ats_model_training::model::Pipeline;
use ats_model_training::random::SplitMix64;
use ats_model_training::select::{Request, Selection, select};
use ats_model_training::train::Plan;
use ats_model_training::validation::{Combinatorial, PurgedKFold, Scheme};
use ats_pipeline::spec::AlgorithmSpec;

use crate::by_hand::{self, deviation, mean, probabilistic_sharpe, spreads};
use crate::selection::{nets, units};
use crate::support::{close, feature_names, market, noise, plan, same_figures, two_bars, values};

/// Bars that a label spans: dates so far apart do not overlap.
const HORIZON: usize = 2;
/// Sessions from a row to the last one that its label depends on: in at the next open, out two bars later.
const REACH: usize = 3;
/// Sessions of 140 with a row: momentum needs five before, the label three behind.
const FIRST: usize = 5;
const END: usize = 137;
const EMBARGO: usize = 2;

/// A market whose features say so little that the probabilities of its Sharpe ratios are not all but 1.
fn faint_market() -> Matrix {
    let mut random = SplitMix64::new(1, 0);
    let mut rows: Vec<_> = market(6, 140, 9).iter().map(|bars| bars.rows(&two_bars())).collect();
    for ticker in &mut rows {
        // Momentum and signal, about ten times their deviations.
        for (feature, amplitude) in ticker.features.iter_mut().zip([0.3, 8.0]) {
            feature.iter_mut().for_each(|value| *value += amplitude * noise(&mut random));
        }
    }
    Matrix::new(&feature_names(), rows, FeatureScaling::CrossSectionalZScore).unwrap()
}

/// Rows and their predictions.
type Predicted = Vec<(usize, f64)>;

/// What a trial predicts in the fold that tests some groups, of so many.
fn predicted(
    matrix: &Matrix,
    plan: &Plan,
    trial: &AlgorithmSpec,
    groups: usize,
    tested: &[usize],
) -> Predicted {
    let size = (END - FIRST) / groups;
    let start = |group: usize| FIRST + group * size;
    // The last group takes what the division leaves.
    let end = |group: usize| if group + 1 == groups { END } else { start(group + 1) };
    let session = |row: &usize| matrix.session[*row] as usize;
    let in_group = |row: &usize, group: usize| (start(group)..end(group)).contains(&session(row));
    let is_tested = |row: &usize| tested.iter().any(|group| in_group(row, *group));
    // No price of its label is one of a test label's, and the embargo lies behind those.
    let is_apart = |row: &usize| {
        tested.iter().all(|group| {
            let known = end(*group) - 1 + REACH;
            session(row) + REACH < start(*group) || session(row) > known + EMBARGO
        })
    };
    let labelled = |row: &usize| (FIRST..END).contains(&session(row));
    let rows = || 0..matrix.len();
    let train: Vec<usize> = rows().filter(|row| labelled(row) && !is_tested(row) && is_apart(row)).collect();
    // Those that test the last session predict the ones without a label as well.
    let tests_last = tested.contains(&(groups - 1));
    let test: Vec<usize> =
        rows().filter(|row| is_tested(row) || (tests_last && session(row) >= END)).collect();
    let pipeline = Pipeline::fit(matrix, &train, &plan.recipe(trial)).unwrap();
    let predictions = pipeline.predict(matrix.gather(&test), test.len());
    test.into_iter().zip(predictions).collect()
}

/// The paths of some folds' predictions: the n-th fold that predicts a row gives it to the n-th path.
fn paths(matrix: &Matrix, folds: &[&Predicted]) -> Vec<Vec<by_hand::Row>> {
    let mut by_row: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (row, prediction) in folds.iter().copied().flatten() {
        by_row.entry(*row).or_default().push(*prediction);
    }
    let count = by_row.values().map(Vec::len).max().unwrap();
    assert!(by_row.values().all(|predictions| predictions.len() == count));
    let path = |path: usize| -> Vec<by_hand::Row> {
        by_row.iter().filter_map(|(row, predictions)| by_hand::row(matrix, *row, predictions[path])).collect()
    };
    (0..count).map(path).collect()
}

fn figures(paths: &[Vec<by_hand::Row>]) -> Vec<Figures> {
    paths.iter().map(|path| by_hand::figures(path, HORIZON)).collect()
}

/// The mean over paths of every figure.
fn check_mean(found: &Figures, paths: &[Figures]) {
    for (place, (name, found)) in values(found).into_iter().enumerate() {
        let of_paths: Option<Vec<f64>> = paths.iter().map(|path| values(path)[place].1).collect();
        match (found, of_paths) {
            (Some(found), Some(of_paths)) => close(found, mean(&of_paths)),
            (found, of_paths) => assert!(found.is_none() && of_paths.is_none(), "{name}"),
        }
    }
}

/// What `select` says of three trials, and what their folds and paths say.
fn check(scheme: Scheme, groups: usize, folds: &[Vec<usize>], path_count: usize) {
    let matrix = faint_market();
    let plan = Plan { validation: scheme, ..plan(two_bars()) };
    let trials = nets(&["0.0001", "0.003", "0.01"]);
    let units = units(&matrix, &plan, &trials).unwrap();
    let request = Request {
        plan: &plan,
        trials: &trials,
        metric: Some(SearchMetric::RankIc),
        pruning: None,
        earlier: &[],
        dataset: "0123",
    };
    let Selection { predictions, card, .. } = select(&matrix, &request, units.clone()).unwrap();

    // The winner of a fold is the best inside its training span.
    let winners: Vec<usize> = card.folds.iter().map(|fold| fold.trial).collect();
    assert_eq!(winners.len(), folds.len());
    for (fold, winner) in winners.iter().enumerate() {
        let scores: Vec<f64> =
            units.iter().map(|trial| trial[fold].0.inner_figures.rank_ic.unwrap()).collect();
        assert!(scores.iter().all(|score| *score <= scores[*winner]), "fold {fold}: {winner} of {scores:?}");
    }

    // Every fold's predictions, and those of the winners by row and fold.
    let of_trials: Vec<Vec<Predicted>> = trials
        .iter()
        .map(|trial| folds.iter().map(|tested| predicted(&matrix, &plan, trial, groups, tested)).collect())
        .collect();
    for (expected, found) in of_trials.iter().flatten().zip(units.iter().flatten()) {
        let found: Predicted = found.1.row.iter().copied().zip(found.1.prediction.iter().copied()).collect();
        assert_eq!(found, *expected);
    }
    let won: Vec<&Predicted> =
        winners.iter().enumerate().map(|(fold, trial)| &of_trials[*trial][fold]).collect();
    let mut expected: Vec<(usize, u32, f64)> = (0..)
        .zip(&won)
        .flat_map(|(fold, predicted)| predicted.iter().map(move |(row, value)| (*row, fold, *value)))
        .collect();
    expected.sort_by_key(|(row, fold, _)| (*row, *fold));
    let found: Vec<(usize, u32, f64)> = (0..predictions.row.len())
        .map(|place| (predictions.row[place], predictions.fold[place], predictions.prediction[place]))
        .collect();
    assert_eq!(found, expected);

    // The figures of each path, and their means.
    let won = paths(&matrix, &won);
    let of_paths = figures(&won);
    assert_eq!(of_paths.len(), path_count);
    assert_eq!(card.paths.len(), if path_count == 1 { 0 } else { path_count });
    card.paths.iter().zip(&of_paths).for_each(|(found, expected)| same_figures(found, expected));
    check_mean(&card.figures, &of_paths);
    // Every labelled session is tested: six names each.
    assert_eq!((card.figures.rows, card.figures.dates), (6 * (END - FIRST), END - FIRST));

    // The deflated Sharpe ratio: of each path against what the best of three without skill shows; the mean.
    let ratios: Vec<f64> = of_trials
        .iter()
        .zip(&card.trials)
        .map(|(folds, trial)| {
            let of_paths = figures(&paths(&matrix, &folds.iter().collect::<Vec<_>>()));
            check_mean(&trial.figures, &of_paths);
            mean(&of_paths.iter().map(|path| path.sharpe_per_period.unwrap()).collect::<Vec<f64>>())
        })
        .collect();
    let (gamma, n) = (0.577_215_664_901_532_9, 3.0);
    let best = (1.0 - gamma) * normal::quantile(1.0 - 1.0 / n)
        + gamma * normal::quantile(1.0 - 1.0 / (n * std::f64::consts::E));
    let benchmark = deviation(&ratios) * best;
    assert!(benchmark > 1e-3, "{ratios:?}");
    close(card.expected_best_sharpe.unwrap(), benchmark);
    let deflated: Vec<f64> =
        won.iter().map(|path| probabilistic_sharpe(&spreads(path, HORIZON), benchmark)).collect();
    close(card.deflated_sharpe.unwrap(), mean(&deflated));
    assert!((0.1..0.99).contains(&card.deflated_sharpe.unwrap()));
    assert!(card.deflated_sharpe < card.figures.probabilistic_sharpe);

    // Importance: the mean of the winners' folds by their rows with an outcome.
    for feature in &card.importance {
        let place = matrix.features.iter().position(|name| *name == feature.feature).unwrap();
        let of_folds: Vec<(f64, f64)> = winners
            .iter()
            .enumerate()
            .map(|(fold, trial)| {
                let report = &units[*trial][fold].0;
                (report.importance[place].permutation.unwrap(), report.figures.rows as f64)
            })
            .collect();
        let rows: f64 = of_folds.iter().map(|(_, rows)| rows).sum();
        let weighted: f64 = of_folds.iter().map(|(value, rows)| value * rows).sum();
        close(1e6 * feature.permutation.unwrap(), 1e6 * weighted / rows);
    }
    assert!(card.notes[0].contains("train on later sessions"), "{:?}", card.notes);
}

#[test]
fn purged_k_fold_is_what_its_folds_say() {
    let folds: Vec<Vec<usize>> = (0..4).map(|group| vec![group]).collect();
    check(Scheme::PurgedKFold(PurgedKFold { folds: 4, embargo: EMBARGO }), 4, &folds, 1);
}

/// Two of five groups: ten folds, each group in four of them.
#[test]
fn combinatorial_is_what_its_paths_say() {
    let folds: Vec<Vec<usize>> =
        (0..5).flat_map(|first| (first + 1..5).map(move |second| vec![first, second])).collect();
    assert_eq!(folds.len(), 10);
    let scheme = Combinatorial { folds: 5, test_folds: 2, embargo: EMBARGO };
    check(Scheme::Combinatorial(scheme), 5, &folds, 4);
}
