//! Folds: what they promise, and the same splits as skfolio.

use ats_model_training::validation::{Combinatorial, Fold, PurgedKFold, Scheme, WalkForward};
use proptest::prelude::*;
use serde::Deserialize;

use crate::support::fixture;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    sessions: usize,
    folds: usize,
    test_sessions: usize,
    train_sessions: Option<usize>,
    reach: u32,
    splits: Vec<Split>,
}

#[derive(Deserialize)]
struct Split {
    train: [usize; 2],
    test: [usize; 2],
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[test]
fn splits_are_those_of_skfolio() {
    let cases: Cases = fixture("walk_forward.json");
    assert_eq!(cases.cases.len(), 3);
    for case in cases.cases {
        let scheme = WalkForward {
            folds: case.folds,
            test_sessions: case.test_sessions,
            train_sessions: case.train_sessions,
        };
        // One row a session; the last sessions have labels as well, so that both count the same ones.
        let session: Vec<u32> = (0..case.sessions as u32).collect();
        let label_end: Vec<Option<u32>> = session.iter().map(|t| Some(t + case.reach)).collect();
        let folds = scheme.folds(0..case.sessions).unwrap();
        assert_eq!(folds.len(), case.splits.len());
        for (fold, expected) in folds.iter().zip(&case.splits) {
            let split = fold.split(0..case.sessions, &session, &label_end);
            assert_eq!(split.train, (expected.train[0]..expected.train[1]).collect::<Vec<_>>());
            assert_eq!(split.test, (expected.test[0]..expected.test[1]).collect::<Vec<_>>());
            assert_eq!(split.purged, case.reach as usize);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Choice {
    sessions: usize,
    folds: usize,
    test_folds: usize,
    reach: u32,
    embargo: usize,
    splits: Vec<ChosenSplit>,
    path_ids: Vec<Vec<usize>>,
}

#[derive(Deserialize)]
struct ChosenSplit {
    train: Vec<usize>,
    /// First session and end of each tested group.
    tests: Vec<[usize; 2]>,
}

#[derive(Deserialize)]
struct Choices {
    cases: Vec<Choice>,
}

impl Choice {
    fn scheme(&self) -> Scheme {
        match self.test_folds {
            1 => Scheme::PurgedKFold(PurgedKFold { folds: self.folds, embargo: self.embargo }),
            test_folds => {
                Scheme::Combinatorial(Combinatorial { folds: self.folds, test_folds, embargo: self.embargo })
            }
        }
    }
}

#[test]
fn combinatorial_splits_and_paths_are_those_of_skfolio() {
    let cases: Choices = fixture("combinatorial.json");
    assert_eq!(cases.cases.len(), 6);
    for case in cases.cases {
        let scheme = case.scheme();
        let session: Vec<u32> = (0..case.sessions as u32).collect();
        let label_end: Vec<Option<u32>> = session.iter().map(|t| Some(t + case.reach)).collect();
        let folds = scheme.folds(0..case.sessions).unwrap();
        assert_eq!(folds.len(), case.splits.len());
        for (fold, expected) in folds.iter().zip(&case.splits) {
            let split = fold.split(0..case.sessions, &session, &label_end);
            assert_eq!(split.train, expected.train, "{fold:?}");
            let tested: Vec<usize> = expected.tests.iter().flat_map(|[start, end]| *start..*end).collect();
            assert_eq!(split.test, tested);
            let left = split.train.len() + split.test.len() + split.purged + split.embargoed;
            assert_eq!(left, case.sessions);
        }
        // skfolio tells for each split which path each of its groups belongs to, we tell the reverse.
        let paths = scheme.paths(0..case.sessions).unwrap();
        for (fold, ids) in case.path_ids.iter().enumerate() {
            for (id, [start, end]) in ids.iter().zip(&case.splits[fold].tests) {
                assert!(paths[*id].parts.contains(&(fold, *start..*end)), "fold {fold}, path {id}");
            }
        }
        for path in &paths {
            let sessions: Vec<usize> = path.parts.iter().flat_map(|(_, sessions)| sessions.clone()).collect();
            assert_eq!(
                sessions,
                (0..case.sessions).collect::<Vec<_>>(),
                "a path goes through all sessions once"
            );
        }
    }
}

#[test]
fn what_cannot_be_divided_is_told_in_words() {
    let told = |scheme: Scheme, sessions: usize| scheme.folds(7..7 + sessions).unwrap_err().to_string();
    let too_many = told(Scheme::PurgedKFold(PurgedKFold { folds: 10, embargo: 5 }), 60);
    insta::assert_snapshot!(too_many, @"validation.purgedKFold: 10 folds with an embargo of 5 sessions need 70 labelled sessions, the dataset has 60; ask for fewer folds, a smaller embargoBars or a longer history");
    let all = told(Scheme::Combinatorial(Combinatorial { folds: 4, test_folds: 4, embargo: 0 }), 60);
    insta::assert_snapshot!(all, @"validation.combinatorial: 4 of 4 folds are tested; at least one is tested and one trained on");
    let huge = Scheme::PurgedKFold(PurgedKFold { folds: usize::MAX, embargo: usize::MAX });
    assert!(huge.folds(0..100).is_err());
}

#[test]
fn too_short_a_history_is_told_in_words() {
    let scheme = WalkForward { folds: 4, test_sessions: 10, train_sessions: Some(30) };
    let error = scheme.folds(3..60).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"validation.walkForward: 4 folds of 10 sessions and 30 sessions of trainBars need 70 labelled sessions, the dataset has 57; ask for fewer folds, a smaller testBars or a longer history");
    let scheme = WalkForward { folds: usize::MAX, test_sessions: usize::MAX, train_sessions: None };
    assert!(scheme.folds(0..100).is_err());
}

prop_compose! {
    /// Rows of several tickers over some sessions, with labels of any span, some missing.
    fn rows()(sessions in 20usize..120, tickers in 1usize..4)(
        sessions in Just(sessions),
        spans in proptest::collection::vec(proptest::option::weighted(0.9, 0u32..15), sessions * tickers),
        tickers in Just(tickers),
    ) -> (usize, Vec<u32>, Vec<Option<u32>>) {
        let session: Vec<u32> = (0..sessions * tickers).map(|row| (row / tickers) as u32).collect();
        let ends = session.iter().zip(spans).map(|(session, span)| span.map(|span| session + span)).collect();
        (sessions, session, ends)
    }
}

proptest! {
    #[test]
    fn folds_are_sound(
        (sessions, session, label_end) in rows(),
        folds in 1usize..5, test_sessions in 1usize..8, train_sessions in proptest::option::of(2usize..30),
        first in 0usize..5,
    ) {
        let scheme = WalkForward { folds, test_sessions, train_sessions };
        let Ok(found) = scheme.folds(first..sessions) else {
            prop_assert!(folds * test_sessions + train_sessions.unwrap_or(2) > sessions - first);
            return Ok(());
        };
        // Contiguous, disjoint, ending with the last session.
        prop_assert_eq!(found.len(), folds);
        prop_assert_eq!(found[folds - 1].test[0].end, sessions);
        for pair in found.windows(2) {
            prop_assert_eq!(pair[0].test[0].end, pair[1].test[0].start);
        }
        for fold in &found {
            let [test] = fold.test.as_slice() else { panic!("one test window") };
            let [train] = fold.train.as_slice() else { panic!("one training span") };
            prop_assert_eq!(test.len(), test_sessions);
            prop_assert_eq!(train.end, test.start);
            let outer = fold.split(0..session.len(), &session, &label_end);
            // All rows of the window's sessions are tested, and none else.
            let expected = session.iter().filter(|s| test.contains(&(**s as usize))).count();
            prop_assert_eq!(outer.test.len(), expected);
            for row in &outer.train {
                let end = label_end[*row].unwrap() as usize;
                prop_assert!(end < test.start, "a training label ends at {end} in {fold:?}");
                prop_assert!(train.contains(&(session[*row] as usize)));
            }
            let labelled = session.iter().zip(&label_end)
                .filter(|(s, end)| train.contains(&(**s as usize)) && end.is_some()).count();
            prop_assert_eq!(outer.train.len() + outer.purged, labelled);

            // The inner split sees nothing of the outer window and its training labels nothing of its own window.
            let inner = fold.inner().unwrap();
            prop_assert_eq!(inner.test[0].end, train.end);
            let split = inner.split(outer.train.iter().copied(), &session, &label_end);
            for row in split.train.iter().chain(&split.test) {
                prop_assert!((label_end[*row].unwrap() as usize) < test.start);
            }
            for row in &split.train {
                prop_assert!((label_end[*row].unwrap() as usize) < inner.test[0].start);
            }
            prop_assert_eq!(split.train.len() + split.test.len() + split.purged, outer.train.len());
        }
    }

    /// Whatever the labels' spans: no training label shares a session with a test label of any window, nothing trains
    /// in the embargo, and inner splits know nothing of what the outer fold left out.
    #[test]
    fn no_training_label_meets_a_test_label(
        (sessions, session, label_end) in rows(),
        folds in 2usize..6, tested in 1usize..4, embargo in 0usize..6,
    ) {
        let scheme = match tested {
            1 => Scheme::PurgedKFold(PurgedKFold { folds, embargo }),
            test_folds => Scheme::Combinatorial(Combinatorial { folds, test_folds, embargo }),
        };
        let Ok(found) = scheme.folds(0..sessions) else {
            prop_assert!(folds <= tested || sessions / folds < embargo + 2);
            return Ok(());
        };
        let spans = |rows: &[usize]| -> Vec<(usize, usize)> {
            let span = |row: &usize| Some((session[*row] as usize, label_end[*row]? as usize));
            rows.iter().filter_map(span).collect()
        };
        let mut times_tested = vec![0; session.len()];
        for fold in &found {
            let outer = fold.split(0..session.len(), &session, &label_end);
            outer.test.iter().for_each(|row| times_tested[*row] += 1);
            let inner = fold.inner().unwrap();
            let within = inner.split(outer.train.iter().copied(), &session, &label_end);
            prop_assert!(within.train.iter().chain(&within.test).all(|row| outer.train.contains(row)));
            let inner_sessions: usize = Fold::span(&inner.test).len();
            prop_assert!(inner_sessions > 0 && Fold::span(&inner.test).end == Fold::span(&fold.train).end);
            for split in [&outer, &within] {
                for (start, end) in spans(&split.train) {
                    for (test_start, test_end) in spans(&split.test) {
                        prop_assert!(end < test_start || start > test_end, "{start}..={end} meets {test_start}..={test_end}");
                    }
                }
            }
            for window in &fold.test {
                let in_window = |row: &&usize| window.contains(&(session[**row] as usize));
                let rows: Vec<usize> = outer.test.iter().filter(in_window).copied().collect();
                let known = spans(&rows).iter().map(|(_, end)| *end).max().unwrap_or(0).max(window.end - 1);
                for row in &outer.train {
                    let start = session[*row] as usize;
                    prop_assert!(start < window.start || start > known + embargo);
                }
            }
        }
        let paths = scheme.paths(0..sessions).unwrap().len();
        prop_assert!(times_tested.iter().all(|times| *times == paths));
    }
}
