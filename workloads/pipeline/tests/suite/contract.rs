//! The termination message keeps its bound whatever an outcome holds.

use std::collections::BTreeMap;

use ats_crds::status::{Failure, StageName};
use ats_pipeline::{
    Category, Digest, ExitCode, Outcome, StageFile, StageFileError, contract::TERMINATION_MESSAGE_BYTES,
};
use proptest::prelude::*;

/// Texts of every width in UTF-8 and every length in JSON: quotes, control characters, emoji.
fn text(most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![any::<char>(), Just('"'), Just('\u{1}'), Just('\u{1F980}'), Just('a')],
        0..most,
    )
    .prop_map(String::from_iter)
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let category = prop_oneof![
        Just(Category::Done),
        Just(Category::CacheHit),
        Just(Category::BadSpec),
        Just(Category::Internal)
    ];
    let figure = proptest::option::of(any::<f64>());
    let failure = (text(60), text(600), proptest::option::of(text(20)), any::<i32>()).prop_map(
        |(category, message, ticker, shard)| Failure {
            stage: StageName::Acquire,
            shard: Some(shard),
            ticker,
            category,
            message,
        },
    );
    (
        category,
        text(5000),
        any::<bool>(),
        any::<(u64, u64)>(),
        proptest::collection::btree_map(text(30), figure, 0..300),
        proptest::collection::btree_map(text(30), text(100), 0..100),
        proptest::collection::vec(failure, 0..60),
    )
        .prop_map(|(category, message, digest, (computed, reused), figures, notes, failures)| Outcome {
            category,
            message,
            digest: digest.then(|| Digest::of(b"output")),
            computed,
            reused,
            figures,
            notes,
            failures,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_termination_message_fits_and_keeps_what_counts(outcome in outcome()) {
        let text = outcome.to_termination_message();
        prop_assert!(text.len() <= TERMINATION_MESSAGE_BYTES, "{} bytes", text.len());
        let read: Outcome = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.category, outcome.category);
        prop_assert_eq!(read.digest, outcome.digest);
        prop_assert_eq!((read.computed, read.reused), (outcome.computed, outcome.reused));
        // What is left is the beginning of what there was.
        let whole = outcome.message.starts_with(read.message.trim_end_matches('\u{2026}')) || read.message == outcome.message;
        prop_assert!(whole, "{:?} is not the beginning", read.message);
        prop_assert!(read.figures.keys().eq(outcome.figures.keys().take(read.figures.len())));
        prop_assert!(read.notes.keys().eq(outcome.notes.keys().take(read.notes.len())));
        prop_assert!(read.failures.len() <= outcome.failures.len());
    }
}

fn full() -> Outcome {
    let mut outcome = Outcome::failed(Category::DataRefused, "\u{20ac}".repeat(341));
    outcome.digest = Some(Digest::of(b"output"));
    outcome.figures = (0..32)
        .map(|index| (format!("probabilisticSharpe{index:02}"), Some(-0.123_456_789_012_345_67)))
        .collect();
    outcome.notes = BTreeMap::from([("firstSession".to_owned(), "2000-03-01".to_owned())]);
    outcome
}

#[test]
fn what_a_status_shows_fits() {
    let outcome = full();
    let read: Outcome = serde_json::from_str(&outcome.to_termination_message()).unwrap();
    assert_eq!(read, outcome);
}

#[test]
fn failures_give_way_first_and_short_ones_stay() {
    let mut outcome = full();
    outcome.figures.clear();
    let failure = |ticker: usize| Failure {
        stage: StageName::Acquire,
        shard: None,
        ticker: Some(format!("T{ticker}")),
        category: "NoData".to_owned(),
        message: "x".repeat(3000),
    };
    outcome.failures = (0..20).map(failure).collect();
    let read: Outcome = serde_json::from_str(&outcome.to_termination_message()).unwrap();
    assert_eq!((read.message, read.notes), (outcome.message, outcome.notes));
    assert!((5..20).contains(&read.failures.len()), "{} failures", read.failures.len());
    assert_eq!(read.failures[0].ticker.as_deref(), Some("T0"));
    assert!(
        read.failures
            .iter()
            .all(|failure| failure.message.ends_with("xx\u{2026}") && failure.message.len() == 240)
    );
}

#[test]
fn a_million_figures_are_cut_soon() {
    let mut outcome = full();
    outcome.figures = (0..1_000_000).map(|index| (format!("{index:07}"), Some(0.5))).collect();
    let begun = std::time::Instant::now();
    let read: Outcome = serde_json::from_str(&outcome.to_termination_message()).unwrap();
    assert!(read.figures.len() > 32 && read.message == outcome.message);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn exit_codes_are_the_jobs_policy() {
    for (exit, code) in [
        (ExitCode::Done, 0),
        (ExitCode::BadSpec, 2),
        (ExitCode::ShardUnreadable, 3),
        (ExitCode::TryAgain, 75),
    ] {
        assert_eq!((exit.code(), ExitCode::from_code(code.into())), (code, Some(exit)));
    }
    for code in [-1, 1, 4, 101, 137, 143] {
        assert_eq!(ExitCode::from_code(code), None);
    }
    assert_eq!(Category::Unavailable.exit_code(), ExitCode::TryAgain);
    assert_eq!(Category::NonDeterministic.exit_code(), ExitCode::BadSpec);
    assert_eq!(Category::SourceUnreadable.exit_code(), ExitCode::ShardUnreadable);
}

/// A stage file as the operator writes it.
fn stage_file() -> String {
    serde_json::json!({
        "version": 1,
        "owner": {"kind": "TradingUniverse", "namespace": "default", "name": "shares"},
        "key": "0".repeat(64),
        "spec": {"stage": "acquire", "spec": {
            "tickers": ["AAA"],
            "source": {"synthetic": {"seed": 7, "model": "GeometricBrownian"}},
            "interval": "1d", "calendar": "XNYS", "start": "2020-01-02", "end": "2020-03-31",
        }},
        "inputs": [], "seed": 0, "shards": 1, "run": "local", "store": {"uri": "file:///store"},
    })
    .to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is in the file: no panic, and an error names the file, and the place in it where it is not JSON of the
    /// right form.
    #[test]
    fn any_bytes_are_a_stage_file_or_an_error_with_its_place(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        told(&bytes)?;
    }

    /// A good file with some bytes taken out, doubled or replaced.
    #[test]
    fn a_damaged_stage_file_is_told(
        from in any::<proptest::sample::Index>(),
        length in 0usize..40,
        with in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = stage_file().into_bytes();
        let from = from.index(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, with);
        told(&bytes)?;
    }
}

fn told(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Err(error) = StageFile::read("/etc/ats/stage.json", bytes) else { return Ok(()) };
    let words = error.to_string();
    prop_assert!(words.starts_with("/etc/ats/stage.json "), "{words}");
    if matches!(error, StageFileError::Form { .. }) {
        prop_assert!(words.contains(" at line ") && words.contains(" column "), "{words}");
    }
    Ok(())
}

#[test]
fn a_stage_file_of_another_release_says_so() {
    assert_eq!(StageFile::read("stage.json", stage_file().as_bytes()).unwrap().run, "local");
    let other = stage_file().replace("\"version\":1", "\"version\":2");
    assert_eq!(
        StageFile::read("stage.json", other.as_bytes()).unwrap_err().to_string(),
        "stage.json has version 2, this image reads version 1: use images of one release"
    );
}
