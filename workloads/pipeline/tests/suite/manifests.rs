//! Manifests, shards and `stage.json`: what lies in a store and in a pod.

use std::collections::BTreeSet;

use ats_pipeline::{
    DatasetManifest, Digest, FileEntry, StageFile, StageKey, StageName, StoreLocation, UnitManifest,
    UnitOutcome,
    contract::Owner,
    manifest::UnitEntry,
    plan::{self, StagePlan},
    shard,
};
use proptest::prelude::*;
use serde_json::json;

use crate::{
    documents::{checked_model, checked_strategy, spec, universe, with},
    planner::{all_known, as_of, dataset},
};

fn key(name: &str) -> StageKey {
    StageKey::new(StageName::Features, 1, &json!({"unit": name}), &[], 0, None).unwrap()
}

#[test]
fn a_file_lies_under_its_digest_with_its_extension() {
    let name = |name: &str| {
        let digest = Digest::of(b"bytes");
        FileEntry { name: name.to_owned(), digest, bytes: 5, rows: None }
            .object_name()
            .replace(&digest.to_string(), "*")
    };
    assert_eq!([name("bars.parquet"), name("bars.csv.gz"), name("report")], ["*.parquet", "*.gz", "*"]);
}

#[test]
fn a_unit_manifest_is_canonical() {
    let mut manifest = UnitManifest::done(StageName::Features, key("AAPL"), "AAPL");
    manifest.figures.insert("sharpe".to_owned(), Some(0.5));
    manifest.figures.insert("calmar".to_owned(), None);
    manifest.outcome = UnitOutcome::Bad { category: "NoData".to_owned(), message: "no bars".to_owned() };
    let text =
        String::from_utf8(manifest.to_json().unwrap()).unwrap().replace(&key("AAPL").to_string(), "[key]");
    insta::assert_snapshot!(text, @r#"{"counts":{},"figures":{"calmar":null,"sharpe":0.5},"files":[],"key":"[key]","notes":{},"outcome":{"category":"NoData","message":"no bars","state":"bad"},"stage":"features","unit":"AAPL","version":1}"#);
    assert_eq!(serde_json::from_slice::<UnitManifest>(&manifest.to_json().unwrap()).unwrap(), manifest);
}

proptest! {
    #[test]
    fn a_dataset_is_the_same_in_any_order(names in proptest::collection::btree_set("[A-Z]{1,5}", 0..20)) {
        let entry = |name: &String| UnitEntry { unit: name.clone(), key: key(name), digest: Digest::of(name.as_bytes()), done: true };
        let there: Vec<UnitEntry> = names.iter().map(entry).collect();
        let back = there.iter().rev().cloned().collect();
        let manifest = DatasetManifest::new(StageName::Features, key("stage"), there);
        prop_assert_eq!(&manifest, &DatasetManifest::new(StageName::Features, key("stage"), back));
        for name in &names {
            prop_assert_eq!(manifest.unit(name), Some(&entry(name)));
        }
        prop_assert_eq!(manifest.unit("none"), None);
        prop_assert_eq!(serde_json::from_slice::<DatasetManifest>(&manifest.to_json().unwrap()).unwrap(), manifest);
    }

    #[test]
    fn every_unit_has_one_shard(names in proptest::collection::btree_set("[A-Z]{1,5}", 0..50), per_shard in 0u32..20) {
        let shards = shard::count(names.len(), per_shard);
        prop_assert!(shards >= 1 && shards as usize <= names.len().max(1));
        prop_assert!(shards as usize * per_shard.max(1) as usize >= names.len());
        let used: BTreeSet<u32> = names.iter().map(|name| shard::of_unit(name, shards)).collect();
        prop_assert!(used.iter().all(|shard| *shard < shards));
        prop_assert!(names.iter().all(|name| shard::of_unit(name, 0) == 0));
    }
}

#[test]
fn units_are_spread_over_shards() {
    let mut counts = [0usize; 10];
    for unit in 0..5000 {
        counts[shard::of_unit(&format!("T{unit:04}"), 10) as usize] += 1;
    }
    // 500 each, of a binomial distribution with deviation 21: five deviations.
    assert!(counts.iter().all(|count| (395..=605).contains(count)), "{counts:?}");
}

fn files(plan: &[StagePlan]) -> Vec<StageFile> {
    let owner = |stage: StageName| Owner {
        kind: "TradingUniverse".to_owned(),
        namespace: "default".to_owned(),
        name: format!("sample-{stage}"),
        uid: None,
    };
    let store = StoreLocation { uri: "s3://bucket/artifacts".to_owned() };
    plan.iter()
        .map(|entry| entry.stage.as_ref().unwrap().to_file(owner(entry.name), "run-0", store.clone()))
        .collect()
}

#[test]
fn what_a_pod_is_told_reads_back() {
    let mut all = files(&plan::universe(&universe(), as_of(), &all_known).unwrap());
    for name in ["us-large-caps-net", "us-large-caps-forest"] {
        all.extend(files(
            &plan::model(&checked_model(&spec("models", name)), &dataset(), None, &all_known).unwrap(),
        ));
    }
    for name in ["dip-buyer", "net-weekly"] {
        let strategy = checked_strategy(&with(&spec("strategies", name), &json!({"mode": "Paper"})));
        all.extend(files(&plan::strategy(&strategy, &dataset(), None, &all_known).unwrap()));
    }
    assert_eq!(
        all.iter().map(StageFile::stage).collect::<BTreeSet<_>>().len(),
        7,
        "a stage is not among the samples"
    );
    for file in &all {
        let text = serde_json::to_string(file).unwrap();
        assert_eq!(&serde_json::from_str::<StageFile>(&text).unwrap(), file);
    }
    assert_eq!(all[2].input(StageName::Acquire), Some(&all[2].inputs[0]));
    assert_eq!(all[2].input(StageName::Train), None);
    // Its form is a contract with images of the same release; a change raises its version.
    insta::with_settings!({filters => [("[0-9a-f]{64}", "[digest]")]}, {
        insta::assert_json_snapshot!("stage-json", [&all[0], &all[2]]);
    });
}
