//! Objects, files, manifests: the same on a folder and in a bucket.

use std::collections::BTreeSet;

use ats_pipeline::{
    Category, DatasetManifest, Digest, StageInput, StageName, UnitManifest, manifest::UnitEntry,
};
use ats_store::{Put, StageError, StoreError};
use bytes::Bytes;

use crate::{place::Place, work::key};

macro_rules! on_a_folder_and_in_a_bucket {
    ($($name:ident),+ $(,)?) => {
        mod folder {
            use crate::place::Place;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() { super::$name(Place::folder().await).await })+
        }
        mod bucket {
            use crate::place::Place;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() { super::$name(Place::s3().await).await })+
        }
    };
}
pub(crate) use on_a_folder_and_in_a_bucket;

on_a_folder_and_in_a_bucket!(
    objects_come_back,
    one_of_many_writers_wins,
    folders_are_listed,
    damage_is_seen,
    the_first_manifest_stands,
    a_dataset_is_verified,
);

async fn objects_come_back(place: Place) {
    let store = place.open();
    assert_eq!(store.find("a/b.txt").await.unwrap(), None);
    assert!(!store.contains("a/b.txt").await.unwrap());
    assert!(matches!(store.get("a/b.txt").await, Err(StoreError::Missing { .. })));
    store.put("a/b.txt", Bytes::from_static(b"one")).await.unwrap();
    store.put("a/b.txt", Bytes::from_static(b"two")).await.unwrap();
    store.put("empty", Bytes::new()).await.unwrap();
    assert!(place.open().contains("a/b.txt").await.unwrap());
    assert_eq!(place.open().get("a/b.txt").await.unwrap(), "two");
    assert_eq!(place.open().get("empty").await.unwrap(), "");
    assert_eq!(
        std::fs::read(place.folder.join("a/b.txt")).unwrap(),
        b"two",
        "the object does not lie under the URI's folder"
    );
}

async fn one_of_many_writers_wins(place: Place) {
    const WRITERS: usize = 24;
    for round in 0..3 {
        let name = format!("race/{round}.json");
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (store, name) = (place.open(), name.clone());
                tokio::spawn(async move {
                    let bytes = Bytes::from(format!("writer {writer} {}", "x".repeat(writer * 1000)));
                    (bytes.clone(), store.put_if_absent(&name, bytes).await.unwrap())
                })
            })
            .collect();
        let (mut winners, mut seen) = (Vec::new(), BTreeSet::new());
        for writer in writers {
            match writer.await.unwrap() {
                (bytes, Put::Written) => winners.push(bytes),
                (_, Put::Exists(standing)) => drop(seen.insert(standing)),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}: not one winner but {}", winners.len());
        assert_eq!(seen, BTreeSet::from([winners[0].clone()]), "round {round}: a loser saw other bytes");
        assert_eq!(place.open().get(&name).await.unwrap(), winners[0]);
    }
}

async fn folders_are_listed(place: Place) {
    let store = place.open();
    assert_eq!(store.list("runs").await.unwrap(), Vec::<String>::new());
    for name in [
        "runs/one/00001.json",
        "runs/one/00000.json",
        "runs/one/deep/er.json",
        "runs/one-more/00000.json",
        "runs-2",
    ] {
        store.put(name, Bytes::from_static(b"{}")).await.unwrap();
    }
    assert_eq!(store.list("runs/one").await.unwrap(), ["00000.json", "00001.json", "deep/er.json"]);
    assert_eq!(store.list("runs").await.unwrap().len(), 4);
    // More than the 1000 that S3 lists on one page.
    let many = store.clone();
    let puts = (0..1005).map(|index| {
        let store = many.clone();
        async move { store.put(&format!("many/{index:05}"), Bytes::from_static(b"x")).await.unwrap() }
    });
    futures::StreamExt::for_each_concurrent(futures::stream::iter(puts), 32, |put| put).await;
    assert_eq!(store.list("many").await.unwrap().len(), 1005);
}

async fn damage_is_seen(place: Place) {
    let store = place.open();
    let folder = store.unit(StageName::Features, key("damage"));
    let entry = folder.put_file("features.parquet", Bytes::from_static(b"columns"), Some(1)).await.unwrap();
    assert_eq!(folder.file(&entry).await.unwrap(), "columns");
    let path = place.folder.join("features").join(key("damage").to_string()).join(entry.object_name());
    for damaged in [&b"colunms"[..], b"column", b""] {
        std::fs::write(&path, damaged).unwrap();
        let error = folder.file(&entry).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        let error = StageError::from(error);
        assert_eq!(error.category, Category::DataRefused);
        assert!(
            error.message.contains(&entry.object_name()) && error.message.contains(&place.uri),
            "{error}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(folder.file(&entry).await, Err(StoreError::Missing { .. })));

    let mut manifest = UnitManifest::done(StageName::Features, key("damage"), "AAPL");
    manifest.files.push(entry);
    folder.finish(&manifest).await.unwrap();
    assert!(matches!(folder.named(&manifest, "other.parquet").await, Err(StoreError::Missing { .. })));
    std::fs::write(path.with_file_name("manifest.json"), b"{\"version\":1").unwrap();
    assert!(matches!(folder.manifest().await, Err(StoreError::Damaged { .. })));
}

async fn the_first_manifest_stands(place: Place) {
    let folder = |place: &Place| place.open().unit(StageName::Train, key("twice"));
    assert_eq!(folder(&place).manifest().await.unwrap(), None);
    let manifest = UnitManifest::done(StageName::Train, key("twice"), "logistic-penalty-1-fold-000");
    let first = folder(&place).finish(&manifest).await.unwrap();
    assert_eq!(folder(&place).finish(&manifest).await.unwrap(), first);
    let mut other = manifest.clone();
    other.counts.insert("rows".to_owned(), 1);
    let error = folder(&place).finish(&other).await.unwrap_err();
    assert!(matches!(error, StoreError::NonDeterministic { stage: StageName::Train, .. }), "{error}");
    assert_eq!(StageError::from(error).category, Category::NonDeterministic);
    assert_eq!(folder(&place).manifest().await.unwrap(), Some(first));
}

async fn a_dataset_is_verified(place: Place) {
    let store = place.open();
    let unit = UnitManifest::done(StageName::Acquire, key("AAPL"), "AAPL");
    let stored = store.unit(StageName::Acquire, key("AAPL")).finish(&unit).await.unwrap();
    let entry = |digest| UnitEntry { unit: "AAPL".to_owned(), key: key("AAPL"), digest, done: true };
    let dataset = DatasetManifest::new(StageName::Acquire, key("stage"), vec![entry(stored.digest)]);
    let digest = store.put_dataset(&dataset).await.unwrap();
    assert_eq!(store.put_dataset(&dataset).await.unwrap(), digest);
    let input = StageInput { stage: StageName::Acquire, key: key("stage"), digest };
    let read = place.open().dataset(&input).await.unwrap();
    assert_eq!(read, dataset);
    assert_eq!(store.unit_of(&read, "AAPL").await.unwrap().unwrap().1, stored);
    assert!(store.unit_of(&read, "MSFT").await.unwrap().is_none());

    let elsewhere = StageInput { digest: Digest::of(b"other"), ..input.clone() };
    assert!(matches!(store.dataset(&elsewhere).await, Err(StoreError::Missing { .. })));
    let name = format!("acquire/{}/dataset-{digest}.json", key("stage"));
    let forged = DatasetManifest::new(StageName::Acquire, key("stage"), vec![entry(Digest::of(b"forged"))]);
    std::fs::write(place.folder.join(&name), forged.to_json().unwrap()).unwrap();
    assert!(matches!(store.dataset(&input).await, Err(StoreError::Damaged { .. })));
    assert!(matches!(store.unit_of(&forged, "AAPL").await, Err(StoreError::Damaged { .. })));
}
