//! Runs of a stage: shards, reuse, bad units, death, stopping.

use std::sync::Arc;

use ats_pipeline::{Category, Outcome, StageInput, StageName, UnitOutcome};
use ats_store::{StageContext, UnitOutput, run_single};
use bytes::Bytes;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use crate::{
    objects::on_a_folder_and_in_a_bucket,
    place::Place,
    work::{Letters, file, key},
};

const UNITS: [&str; 9] = ["A", "BB", "CCC", "D", "EE", "FFF", "G", "HH", "III"];

on_a_folder_and_in_a_bucket!(
    shards_agree_with_one,
    shards_one_after_the_other_agree_with_one,
    a_shard_that_is_tried_again_changes_nothing,
    what_is_there_is_not_computed_again,
    a_bad_unit_is_an_output,
    another_output_is_reported,
    a_death_before_the_manifest_loses_one_unit,
    stopping_keeps_what_is_finished,
    a_failed_unit_keeps_the_others,
);

/// The one digest that all who report one report.
fn agreed(outcomes: &[Outcome]) -> ats_pipeline::Digest {
    let told: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.digest).collect();
    assert!(!told.is_empty(), "no shard put the dataset together: {outcomes:?}");
    assert!(told.iter().all(|digest| *digest == told[0]), "{outcomes:?}");
    told[0]
}

async fn shards_agree_with_one(place: Place) {
    let single = Letters::new(&UNITS).bad("EE").root(Place::folder().await.open()).await;
    for round in 0..5 {
        let work = Letters::new(&UNITS).bad("EE");
        let file = file(&format!("run-{round}"), 4);
        let shards = (0..4).map(|shard| work.run(place.open(), &file, shard, 2));
        let outcomes: Vec<Outcome> =
            futures::future::join_all(shards).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(agreed(&outcomes), single, "round {round}");
        let sum = |count: fn(&Outcome) -> u64| outcomes.iter().map(count).sum::<u64>();
        let expected = if round == 0 { (9, 0) } else { (0, 9) };
        assert_eq!(
            (sum(|outcome| outcome.computed), sum(|outcome| outcome.reused)),
            expected,
            "round {round}"
        );
    }
}

async fn shards_one_after_the_other_agree_with_one(place: Place) {
    let work = Letters::new(&UNITS);
    let single = work.root(Place::folder().await.open()).await;
    let file = file("run", 4);
    let mut outcomes = Vec::new();
    for shard in [2, 0, 3, 1] {
        outcomes.push(work.run(place.open(), &file, shard, 1).await.unwrap());
    }
    assert!(
        outcomes[..3].iter().all(|outcome| outcome.digest.is_none()),
        "a dataset before all shards were done"
    );
    assert_eq!(outcomes[3].digest, Some(single));
    let input = StageInput { stage: StageName::Features, key: file.key, digest: single };
    let dataset = place.open().dataset(&input).await.unwrap();
    assert_eq!(dataset.units.iter().map(|unit| unit.unit.as_str()).collect::<Vec<_>>(), UNITS);
}

async fn a_shard_that_is_tried_again_changes_nothing(place: Place) {
    let work = Letters::new(&UNITS);
    let file = file("run", 3);
    assert_eq!(work.run(place.open(), &file, 0, 1).await.unwrap().digest, None);
    assert_eq!(work.run(place.open(), &file, 0, 1).await.unwrap().digest, None);
    // What is no shard's index does not count as one.
    for stray in ["00007.json", "notes.txt"] {
        let name = format!("features/{}/runs/run/{stray}", file.key);
        place.open().put(&name, Bytes::from_static(b"{\"units\":[]}")).await.unwrap();
    }
    assert_eq!(work.run(place.open(), &file, 1, 1).await.unwrap().digest, None);
    let last = work.run(place.open(), &file, 2, 1).await.unwrap().digest.unwrap();
    assert_eq!(work.run(place.open(), &file, 1, 1).await.unwrap().digest, Some(last));
    assert_eq!(last, work.root(Place::folder().await.open()).await);
}

async fn what_is_there_is_not_computed_again(place: Place) {
    let work = Letters::new(&UNITS);
    let first = work.run(place.open(), &file("first", 1), 0, 3).await.unwrap();
    assert_eq!((first.category, first.computed, first.reused), (Category::Done, 9, 0));
    assert_eq!(first.notes["firstSession"], "2000-01-01");
    assert_eq!(first.notes["lastSession"], "2001-01-03");
    let again = work.run(place.open(), &file("again", 1), 0, 3).await.unwrap();
    assert_eq!((again.category, again.computed, again.reused), (Category::CacheHit, 0, 9));
    assert_eq!((again.digest, again.notes), (first.digest, first.notes));
    assert_eq!(work.computed(), 9);

    let more = Letters::new(&[&UNITS[..], &["NEW"]].concat());
    let added = more.run(place.open(), &file("added", 1), 0, 3).await.unwrap();
    assert_eq!((added.category, added.computed, added.reused), (Category::Done, 1, 9));
    assert_eq!(more.computed(), 1, "adding a unit computed another one");
    assert_ne!(added.digest, first.digest);
}

async fn a_bad_unit_is_an_output(place: Place) {
    let work = Letters::new(&["A", "B", "C"]).bad("B");
    let outcome = work.run(place.open(), &file("run", 1), 0, 1).await.unwrap();
    assert!(outcome.is_done());
    let failures: Vec<_> = outcome
        .failures
        .iter()
        .map(|row| (row.ticker.as_deref(), row.category.as_str(), row.message.as_str()))
        .collect();
    assert_eq!(failures, [(Some("B"), "NoData", "B has no bars")]);
    let input =
        StageInput { stage: StageName::Features, key: file("run", 1).key, digest: outcome.digest.unwrap() };
    let dataset = place.open().dataset(&input).await.unwrap();
    assert_eq!(dataset.units.iter().map(|unit| unit.done).collect::<Vec<_>>(), [true, false, true]);
    let (_, stored) = place.open().unit_of(&dataset, "B").await.unwrap().unwrap();
    assert!(matches!(stored.manifest.outcome, UnitOutcome::Bad { .. }));
    let again = work.run(place.open(), &file("again", 1), 0, 1).await.unwrap();
    assert_eq!((again.category, again.failures), (Category::CacheHit, outcome.failures));

    let units: Vec<String> = (0..30).map(|unit| format!("T{unit:02}")).collect();
    let mut many = Letters { units: units.clone(), ..Letters::default() };
    many.bad = units.into_iter().collect();
    assert_eq!(many.run(place.open(), &file("many", 1), 0, 4).await.unwrap().failures.len(), 20);
}

async fn another_output_is_reported(place: Place) {
    // Two pods are at work on the same unit, one with a defect; neither saw a manifest.
    let meet = Some(Arc::new(Barrier::new(2)));
    let sound = Letters { meet: meet.clone(), ..Letters::new(&["A"]) };
    let broken = Letters { meet, other: true, ..Letters::new(&["A"]) };
    let (one, two) = (file("one", 1), file("two", 1));
    let both = tokio::join!(sound.run(place.open(), &one, 0, 1), broken.run(place.open(), &two, 0, 1));
    let (winner, error) = match both {
        (Ok(outcome), Err(error)) | (Err(error), Ok(outcome)) => (outcome, error),
        both => panic!("not one winner: {both:?}"),
    };
    assert_eq!(error.category, Category::NonDeterministic);
    assert_eq!(error.category.exit_code().code(), 2);
    assert!(error.message.contains(&key("A").to_string()), "{error}");
    let again = Letters::new(&["A"]).run(place.open(), &file("again", 1), 0, 1).await.unwrap();
    assert_eq!(
        (again.category, again.digest),
        (Category::CacheHit, winner.digest),
        "the first did not stand"
    );

    // Equal bytes from both are no difference.
    let meet = Some(Arc::new(Barrier::new(2)));
    let (left, right) =
        (Letters { meet: meet.clone(), ..Letters::new(&["B"]) }, Letters { meet, ..Letters::new(&["B"]) });
    let both = tokio::join!(left.run(place.open(), &one, 0, 1), right.run(place.open(), &two, 0, 1));
    assert_eq!(both.0.unwrap().digest, both.1.unwrap().digest);
}

async fn a_death_before_the_manifest_loses_one_unit(place: Place) {
    let whole = Letters::new(&UNITS).root(Place::folder().await.open()).await;
    Letters::new(&UNITS[..4]).run(place.open(), &file("dead", 1), 0, 1).await.unwrap();
    // The unit's files are there, whole and half, and its manifest is not.
    let folder = place.open().unit(StageName::Features, key("EE"));
    folder.put_file("second.txt", Bytes::from_static(b"EE"), Some(2)).await.unwrap();
    let half = folder.put_file("first.json", Bytes::from_static(b"{\"EE\":1}"), None).await.unwrap();
    let path = place.folder.join(format!("features/{}/{}", key("EE"), half.object_name()));
    std::fs::write(&path, b"{\"E").unwrap();

    let work = Letters::new(&UNITS);
    let outcome = work.run(place.open(), &file("next", 1), 0, 2).await.unwrap();
    assert_eq!((outcome.computed, outcome.reused, work.computed()), (5, 4, 5));
    assert_eq!(outcome.digest, Some(whole));
    assert_eq!(folder.file(&half).await.unwrap(), "{\"EE\":1}", "the half file was not mended");
}

async fn stopping_keeps_what_is_finished(place: Place) {
    for jobs in [1, 3] {
        let place = if jobs == 1 { &place } else { &Place::folder().await };
        let mut work = Letters::new(&UNITS);
        work.stop_at = Some(("CCC".to_owned(), CancellationToken::new()));
        let error = work.run(place.open(), &file("stopped", 1), 0, jobs).await.unwrap_err();
        assert_eq!(error.category, Category::Unavailable);
        assert_eq!(error.category.exit_code().code(), 75);
        let begun = work.computed() as u64;
        assert!((3..3 + jobs as u64).contains(&begun), "{begun} units began with {jobs} jobs");
        let work = Letters::new(&UNITS);
        let outcome = work.run(place.open(), &file("next", 1), 0, jobs).await.unwrap();
        assert_eq!((outcome.computed, outcome.reused), (9 - begun, begun), "a unit that had begun was lost");
    }
    // Asked to stop while the last unit is at work: there is nothing left to stop.
    let mut work = Letters::new(&["X", "Y"]);
    work.stop_at = Some(("Y".to_owned(), CancellationToken::new()));
    assert!(work.run(place.open(), &file("late", 1), 0, 1).await.unwrap().digest.is_some());
}

async fn a_failed_unit_keeps_the_others(place: Place) {
    let work = Letters { broken: Some("D".to_owned()), ..Letters::new(&UNITS) };
    let error = work.run(place.open(), &file("broken", 1), 0, 1).await.unwrap_err();
    assert_eq!((error.category, error.message.as_str()), (Category::SourceUnreadable, "D is unreadable"));
    let outcome = Letters::new(&UNITS).run(place.open(), &file("next", 1), 0, 1).await.unwrap();
    assert_eq!((outcome.computed, outcome.reused), (6, 3));
}

/// Rounds of units one after the other give what all of them at once give; a stop between them keeps what is finished.
#[tokio::test]
async fn units_that_follow_from_others_are_run_after_them() {
    let place = Place::folder().await;
    let whole = Letters::new(&UNITS).root(Place::folder().await.open()).await;
    let rounds = || {
        let names = |units: &[&str]| units.iter().map(|unit| (*unit).to_owned()).collect::<Vec<_>>();
        Letters { rounds: vec![names(&UNITS[4..7]), names(&UNITS[7..])], ..Letters::new(&UNITS[..4]) }
    };
    let stopped = Letters { stop_at: Some((UNITS[6].to_owned(), CancellationToken::new())), ..rounds() };
    let error = stopped.run(place.open(), &file("stopped", 1), 0, 1).await.unwrap_err();
    assert_eq!((error.category, stopped.computed()), (Category::Unavailable, 7));
    let work = rounds();
    let outcome = work.run(place.open(), &file("next", 1), 0, 2).await.unwrap();
    assert_eq!((outcome.computed, outcome.reused, work.computed()), (2, 7, 2));
    assert_eq!(outcome.digest, Some(whole));
}

#[tokio::test]
async fn a_stage_of_one_unit_has_the_stages_key_and_tells_its_figures() {
    let place = Place::folder().await;
    let file = file("run", 1);
    let compute = || async {
        let mut output = UnitOutput::done(vec![]);
        output.figures.insert("sharpe".to_owned(), Some(0.5));
        output.figures.insert("sortino".to_owned(), None);
        Ok(output)
    };
    let outcome = run_single(&file, &StageContext::new(place.open()), compute).await.unwrap();
    assert_eq!(outcome.figures, [("sharpe".to_owned(), Some(0.5)), ("sortino".to_owned(), None)].into());
    let stored = place.open().unit(StageName::Features, file.key).manifest().await.unwrap().unwrap();
    assert_eq!((stored.manifest.unit.as_str(), stored.manifest.key), ("", file.key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_and_a_bucket_give_equal_bytes() {
    let (folder, bucket) = (Place::folder().await, Place::s3().await);
    let work = Letters::new(&UNITS).bad("G");
    assert_eq!(work.root(folder.open()).await, work.root(bucket.open()).await);
    let names = folder.open().list("features").await.unwrap();
    assert_eq!(names, bucket.open().list("features").await.unwrap());
    assert_eq!(names.len(), 8 * 3 + 1 + 1);
    for name in names {
        let name = format!("features/{name}");
        assert_eq!(
            folder.open().get(&name).await.unwrap(),
            bucket.open().get(&name).await.unwrap(),
            "{name}"
        );
    }
}
