//! A pruned search: who goes on, what is saved, and that nothing else changes.

use std::collections::BTreeSet;

use ats_crds::model::{FeatureScaling, SearchMetric};
use ats_model_training::TrainingError;
use ats_model_training::dataset::Matrix;
use ats_model_training::search::running;
use ats_model_training::select::{Request, Selection, select};
use ats_model_training::train::{Plan, Predictions, UnitReport, run_unit};
use ats_model_training::validation::{Scheme, WalkForward};
use ats_pipeline::spec::{AlgorithmSpec, PruningSpec, Rung};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::support::{fixture, market, matrix, plan, two_bars};

fn pruning(factor: u32, minimum_folds: u32) -> PruningSpec {
    PruningSpec { factor, minimum_folds }
}

type Scores = Vec<Vec<Option<f64>>>;

fn rungs(pruning: PruningSpec, scores: &Scores) -> Vec<Rung> {
    Rung::all(Some(pruning), scores.len(), scores[0].len())
}

#[derive(Deserialize)]
struct Halving {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    factor: u32,
    minimum_folds: u32,
    scores: Scores,
    rungs: Vec<TheirRung>,
    best: usize,
}

#[derive(Deserialize)]
struct TheirRung {
    folds: usize,
    trials: Vec<usize>,
}

/// scikit-learn stops when no rung of `factor` times the folds is left, or so few trials that the next rung would have
/// one, and names the best; ours goes on with what is left to the last fold.
#[test]
fn who_goes_on_is_who_goes_on_in_scikit_learn() {
    let cases = fixture::<Halving>("halving.json").cases;
    let mut compared = 0;
    for case in &cases {
        let rungs = rungs(pruning(case.factor, case.minimum_folds), &case.scores);
        let ours = running(&case.scores, &rungs).unwrap();
        assert_eq!(ours.len(), rungs.len());
        for (place, theirs) in case.rungs.iter().enumerate() {
            assert_eq!(ours[place], theirs.trials);
            let last = place + 1 == rungs.len();
            assert!(last || rungs[place].to == theirs.folds, "{:?}", rungs[place]);
            compared += usize::from(place > 0);
        }
        // Their best is the best by the folds that they have seen by then: where we cut there too, it goes on.
        if let Some(next) = ours.get(case.rungs.len()) {
            assert!(next.contains(&case.best));
        }
    }
    assert!(compared > 15, "{compared}");
}

#[test]
fn ties_go_to_the_first_and_an_undefined_fold_goes_behind() {
    let of = |scores: &[[Option<f64>; 2]]| -> Vec<usize> {
        let scores: Scores = scores.iter().map(|trial| trial.to_vec()).collect();
        running(&scores, &rungs(pruning(2, 1), &scores)).unwrap().pop().unwrap()
    };
    let (half, none) = (Some(0.5), None);
    assert_eq!(of(&[[half, none]; 5]), [0, 1, 2]);
    assert_eq!(of(&[[Some(0.1), none], [half, none], [half, none], [half, none]]), [1, 2]);
    assert_eq!(
        of(&[[Some(0.0), none], [Some(-0.0), none], [Some(-0.0), none]]),
        [0, 1],
        "a zero has no sign"
    );
    assert_eq!(of(&[[none, none], [Some(-9.0), none], [none, none]]), [0, 1]);
    // Fewer trials than the factor: one goes on.
    let scores = vec![vec![Some(1.0); 6], vec![Some(2.0); 6]];
    assert_eq!(running(&scores, &rungs(pruning(3, 1), &scores)).unwrap(), [vec![0, 1], vec![1]]);
    // A trial alone, and folds that are all in the first rung: nothing is pruned.
    assert_eq!(Rung::all(Some(pruning(3, 1)), 1, 6), [Rung { from: 0, to: 6, trials: 1 }]);
    assert_eq!(Rung::all(Some(pruning(3, 1)), 9, 1), [Rung { from: 0, to: 1, trials: 9 }]);
    assert_eq!(Rung::all(Some(pruning(3, 9)), 9, 6), Rung::all(None, 9, 6));
    // Where nothing tells the trials apart nobody is left out by chance.
    let scores = vec![vec![Some(1.0), None, Some(1.0)], vec![Some(2.0), None, Some(2.0)]];
    assert_eq!(running(&scores, &rungs(pruning(2, 2), &scores)), Err(1));
}

proptest! {
    #[test]
    fn survivors_know_neither_order_nor_later_folds(
        trials in 1usize..40, folds in 1usize..20, factor in 2u32..6, minimum in 1u32..8, seed in any::<u64>(),
    ) {
        // Distinct, so that the order of trials decides nothing; eighths, so that sums are exact.
        let mut random = ats_model_training::random::SplitMix64::new(seed, 0);
        let scores: Scores = (0..trials)
            .map(|trial| {
                let noise = (0..folds).map(|_| (random.next_u64() % 1000 * 1024) as f64);
                noise.map(|noise| Some((noise + trial as f64) / 8.0)).collect()
            })
            .collect();
        let rungs = rungs(pruning(factor, minimum), &scores);
        let course = running(&scores, &rungs).unwrap();
        prop_assert_eq!(course.len(), rungs.len());
        for (running, rung) in course.iter().zip(&rungs) {
            prop_assert_eq!(running.len(), rung.trials);
        }
        for (later, earlier) in course.iter().skip(1).zip(&course) {
            prop_assert!(later.iter().all(|trial| earlier.contains(trial)));
        }

        let mut order: Vec<usize> = (0..trials).collect();
        random.shuffle(&mut order);
        let shuffled: Scores = order.iter().map(|trial| scores[*trial].clone()).collect();
        for (running, expected) in running(&shuffled, &rungs).unwrap().iter().zip(&course) {
            let found: BTreeSet<usize> = running.iter().map(|place| order[*place]).collect();
            prop_assert_eq!(&found, &expected.iter().copied().collect::<BTreeSet<_>>());
        }

        // What comes from a rung's first fold on may be anything, or not be known yet.
        for (place, rung) in rungs.iter().enumerate() {
            let mut other = scores.clone();
            other.iter_mut().for_each(|trial| trial[rung.from..].iter_mut().for_each(|score| *score = Some(7.0)));
            prop_assert_eq!(&running(&other, &rungs).unwrap()[place], &course[place]);
            let cut: Scores = scores.iter().map(|trial| trial[..rung.from].to_vec()).collect();
            prop_assert_eq!(&running(&cut, &rungs).unwrap()[..], &course[..=place]);
        }
    }
}

fn nets(penalties: &[&str]) -> Vec<AlgorithmSpec> {
    let net = |penalty: &&str| AlgorithmSpec::ElasticNet {
        penalty: penalty.parse().unwrap(),
        l1_ratio: Decimal::new(5, 1),
    };
    penalties.iter().map(net).collect()
}

/// Six folds of fifteen sessions.
fn six_folds() -> Plan {
    Plan {
        validation: Scheme::WalkForward(WalkForward { folds: 6, test_sessions: 15, train_sessions: None }),
        ..plan(two_bars())
    }
}

type Units = Vec<Vec<(UnitReport, Predictions)>>;

fn all_units(matrix: &Matrix, plan: &Plan, trials: &[AlgorithmSpec]) -> Units {
    let folds = plan.folds(matrix).unwrap();
    let of =
        |trial| (0..folds.len()).map(|fold| run_unit(matrix, plan, trial, &folds, fold).unwrap()).collect();
    trials.iter().map(of).collect()
}

/// What stage `train` computes of a pruned search: of each trial the units of the folds up to its last rung.
fn pruned_units(units: &Units, pruning: PruningSpec, metric: SearchMetric) -> Units {
    let rungs = Rung::all(Some(pruning), units.len(), units[0].len());
    let reports: Vec<Vec<UnitReport>> =
        units.iter().map(|folds| folds.iter().map(|(report, _)| report.clone()).collect()).collect();
    let course = ats_model_training::search::course(&reports, &rungs, metric).unwrap();
    let folds = |trial: usize| rungs[course.iter().rposition(|running| running.contains(&trial)).unwrap()].to;
    units.iter().enumerate().map(|(trial, units)| units[..folds(trial)].to_vec()).collect()
}

fn selection(
    matrix: &Matrix,
    plan: &Plan,
    trials: &[AlgorithmSpec],
    pruning: Option<PruningSpec>,
    units: Units,
) -> Result<Selection, TrainingError> {
    let metric = Some(SearchMetric::MeanSquaredError);
    select(matrix, &Request { plan, trials, metric, pruning, earlier: &[], dataset: "0123" }, units)
}

const PENALTIES: [&str; 8] = ["0.0001", "0.001", "0.01", "0.03", "0.1", "0.3", "1", "3"];

#[test]
fn the_winner_is_that_of_the_whole_search_when_it_goes_on() {
    let matrix = matrix(&market(6, 140, 9), &two_bars(), FeatureScaling::CrossSectionalZScore);
    let (plan, trials) = (six_folds(), nets(&PENALTIES));
    let units = all_units(&matrix, &plan, &trials);
    let whole = selection(&matrix, &plan, &trials, None, units.clone()).unwrap();
    let some = pruned_units(&units, pruning(2, 1), SearchMetric::MeanSquaredError);
    let half = selection(&matrix, &plan, &trials, Some(pruning(2, 1)), some.clone()).unwrap();
    assert_eq!(half.model.to_json().unwrap(), whole.model.to_json().unwrap());

    // Eight on one fold, four on two, two on four, one on all six: 8 + 4 + 4 + 2 of 48.
    let card = half.card.pruning.clone().unwrap();
    assert_eq!((card.units, card.units_without, card.pruned_trials), (18, 48, 7));
    assert_eq!(some.iter().map(Vec::len).sum::<usize>(), 18);
    assert_eq!(half.card.number_of_trials, 8, "every trial counts");
    assert_eq!(half.card.metrics()["trials"], Some(8.0));
    assert_eq!(half.card.metrics()["prunedTrials"], Some(7.0));
    assert!(!whole.card.metrics().contains_key("prunedTrials"));
    let mut left: Vec<_> =
        half.card.trials.iter().map(|trial| trial.pruned.map(|p| (p.rung, p.folds))).collect();
    left.sort_unstable();
    let expected = [
        None,
        Some((1, 1)),
        Some((1, 1)),
        Some((1, 1)),
        Some((1, 1)),
        Some((2, 2)),
        Some((2, 2)),
        Some((3, 4)),
    ];
    assert_eq!(left, expected);

    for (trial, unpruned) in half.card.trials.iter().zip(&whole.card.trials) {
        let (scores, all) = (trial.inner_scores.as_ref().unwrap(), unpruned.inner_scores.as_ref().unwrap());
        let folds = trial.pruned.map_or(6, |pruned| pruned.folds);
        assert_eq!(scores.by_fold, all.by_fold[..folds]);
        if trial.pruned.is_none() {
            assert_eq!(
                (&trial.figures, &trial.specification),
                (&unpruned.figures, &whole.card.specification)
            );
        } else {
            assert!(trial.figures.rows < unpruned.figures.rows);
        }
    }
    // A fold's winner is the best of those that ran on it: on the first fold that of the whole search.
    assert_eq!(half.card.folds[0], whole.card.folds[0]);
    assert_eq!(half.predictions.row, whole.predictions.row, "every session is predicted");
    assert!(half.card.notes[0].starts_with("7 of 8 trials were pruned"), "{:?}", half.card.notes);

    // Every unit has its place: with more or fewer of them the stage says so.
    for (pruning, units) in [(Some(pruning(2, 1)), units), (None, some)] {
        let error = selection(&matrix, &plan, &trials, pruning, units).unwrap_err().to_string();
        assert!(error.contains("not those of the folds of each trial"), "{error}");
    }
}

/// Changing every bar after a fold's test window changes no prediction up to its end: who runs on a fold is decided
/// before it.
#[test]
fn no_pruning_knows_a_later_bar() {
    let (market, plan, trials) = (market(6, 140, 9), six_folds(), nets(&PENALTIES));
    let run = |matrix: &Matrix| {
        let units = all_units(matrix, &plan, &trials);
        let units = pruned_units(&units, pruning(2, 1), SearchMetric::MeanSquaredError);
        selection(matrix, &plan, &trials, Some(pruning(2, 1)), units).unwrap()
    };
    let whole = matrix(&market, &two_bars(), FeatureScaling::CrossSectionalZScore);
    let folds = plan.folds(&whole).unwrap();
    let before = run(&whole);
    let mut moved = false;
    for (fold, split) in folds.iter().enumerate().take(5) {
        let end = split.test[0].end;
        let mut changed = market.clone();
        for bars in &mut changed {
            for t in end..bars.close.len() {
                bars.close[t] *= 1.1 + 0.01 * (t % 7) as f64;
                bars.open[t] *= 0.9;
                bars.signal[t] = -bars.signal[t];
            }
        }
        let after = run(&matrix(&changed, &two_bars(), FeatureScaling::CrossSectionalZScore));
        let upto = |selection: &Selection| -> Vec<(usize, u64)> {
            let predictions = &selection.predictions;
            (0..predictions.row.len())
                .filter(|place| (whole.session[predictions.row[*place]] as usize) < end)
                .map(|place| (predictions.row[place], predictions.prediction[place].to_bits()))
                .collect()
        };
        assert_eq!(upto(&before).len(), 6 * 15 * (fold + 1));
        assert_eq!(upto(&before), upto(&after), "fold {fold}");
        let left = |selection: &Selection| -> Vec<_> {
            selection.card.trials.iter().map(|trial| trial.pruned).collect()
        };
        moved |= left(&before) != left(&after);
    }
    assert!(moved, "later bars decide who goes on later: else this test shows nothing");
}
