//! Walk-forward folds: what they promise, and the same splits as skfolio.

use ats_model_training::validation::WalkForward;
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
        prop_assert_eq!(found[folds - 1].test.end, sessions);
        for pair in found.windows(2) {
            prop_assert_eq!(pair[0].test.end, pair[1].test.start);
        }
        for fold in &found {
            prop_assert_eq!(fold.test.len(), test_sessions);
            prop_assert_eq!(fold.train.end, fold.test.start);
            let outer = fold.split(0..session.len(), &session, &label_end);
            // All rows of the window's sessions are tested, and none else.
            let expected = session.iter().filter(|s| fold.test.contains(&(**s as usize))).count();
            prop_assert_eq!(outer.test.len(), expected);
            for row in &outer.train {
                let end = label_end[*row].unwrap() as usize;
                prop_assert!(end < fold.test.start, "a training label ends at {end} in {fold:?}");
                prop_assert!(fold.train.contains(&(session[*row] as usize)));
            }
            let labelled = session.iter().zip(&label_end)
                .filter(|(s, end)| fold.train.contains(&(**s as usize)) && end.is_some()).count();
            prop_assert_eq!(outer.train.len() + outer.purged, labelled);

            // The inner split sees nothing of the outer window and its training labels nothing of its own window.
            let inner = fold.inner().unwrap();
            prop_assert_eq!(inner.test.end, fold.train.end);
            let split = inner.split(outer.train.iter().copied(), &session, &label_end);
            for row in split.train.iter().chain(&split.test) {
                prop_assert!((label_end[*row].unwrap() as usize) < fold.test.start);
            }
            for row in &split.train {
                prop_assert!((label_end[*row].unwrap() as usize) < inner.test.start);
            }
            prop_assert_eq!(split.train.len() + split.test.len() + split.purged, outer.train.len());
        }
    }
}
