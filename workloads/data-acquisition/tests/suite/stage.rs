//! The stage through a store: bad tickers beside good ones, the cache, shards, and sources that cannot be read.

use std::fs;
use std::path::Path;

use crate::common::{daily_files, location};
use ats_crds::universe::{FileFormat, SyntheticModel};
use ats_data_acquisition::source::files::SourceError;
use ats_data_acquisition::stage::run;
use ats_data_acquisition::unit::BARS;
use ats_pipeline::contract::Owner;
use ats_pipeline::spec::acquire::REVISION;
use ats_pipeline::spec::{AcquireSpec, AcquireUnitSpec, SourceSpec};
use ats_pipeline::{
    Category, ExitCode, Outcome, StageFile, StageInput, StageKey, StageName, StageSpec, UnitOutcome,
};
use ats_store::{Settings, StageContext, StageError, Store, StoreError};
use jiff::civil::date;
use tempfile::TempDir;

const GOOD: &str = "date,open,high,low,close,volume
2024-01-02,10,11,9.5,10.5,1000
2024-01-03,10.5,11.25,10,11,1200
";

fn stage(tickers: &[&str], common: AcquireUnitSpec, source: &Path, store: &Path, shards: u32) -> StageFile {
    let tickers = tickers.iter().map(|ticker| (*ticker).to_owned()).collect();
    let spec = AcquireSpec { tickers, membership: None, columns: Vec::new(), common };
    StageFile {
        version: 1,
        owner: Owner {
            kind: "TradingUniverse".to_owned(),
            namespace: "default".to_owned(),
            name: "test".to_owned(),
            uid: None,
        },
        key: StageKey::new(StageName::Acquire, REVISION, &spec, &[], 0, None).unwrap(),
        spec: StageSpec::Acquire(spec),
        inputs: Vec::new(),
        seed: 0,
        rerun_nonce: None,
        shards,
        run: "run-1".to_owned(),
        store: location(store),
        source: Some(location(source)),
    }
}

fn january() -> AcquireUnitSpec {
    daily_files(date(2024, 1, 1), date(2024, 1, 31))
}

fn source() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("bars")).unwrap();
    fs::create_dir_all(folder.path().join("actions")).unwrap();
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).unwrap();
}

async fn run_here(file: &StageFile, shard: u32) -> Result<Outcome, StageError> {
    let store = Store::open(&file.store, &Settings::new()).unwrap();
    run(file, &StageContext { shard, jobs: 2, ..StageContext::new(store) }).await
}

#[tokio::test]
async fn a_bad_ticker_harms_no_other_and_a_changed_file_computes_that_ticker_alone() {
    let (source, store) = (source(), tempfile::tempdir().unwrap());
    write(&source, "bars/AAA.csv", GOOD);
    write(&source, "bars/BBB.csv", GOOD);
    write(&source, "bars/BROKEN.csv", &format!("{GOOD}2024-01-04,1,2\n"));
    let tickers = ["AAA", "BBB", "BROKEN", "MISSING"];
    let file = stage(&tickers, january(), source.path(), store.path(), 1);

    let first = run_here(&file, 0).await.unwrap();
    assert_eq!((first.category, first.computed, first.reused), (Category::Done, 4, 0));
    let failures: Vec<(&str, &str, &str)> = first
        .failures
        .iter()
        .map(|f| (f.ticker.as_deref().unwrap(), f.category.as_str(), f.message.as_str()))
        .collect();
    assert_eq!(
        failures,
        [
            ("BROKEN", "BrokenFile", "bars/BROKEN.csv, line 4: 3 fields where the header has 6"),
            ("MISSING", "NoData", "the source has no file bars/MISSING.csv"),
        ]
    );
    assert_eq!(first.notes["firstSession"], "2024-01-02");

    let again = run_here(&file, 0).await.unwrap();
    assert_eq!((again.category, again.computed, again.reused), (Category::CacheHit, 0, 4));
    assert_eq!(again.digest, first.digest);

    write(&source, "actions/BBB.csv", "ex_date,kind,value\n2024-01-03,split,2\n");
    let changed = run_here(&file, 0).await.unwrap();
    assert_eq!((changed.computed, changed.reused), (1, 3));
    assert_ne!(changed.digest, first.digest);

    // The new dataset holds the new bars.
    let opened = Store::open(&file.store, &Settings::new()).unwrap();
    let input = StageInput { stage: StageName::Acquire, key: file.key, digest: changed.digest.unwrap() };
    let dataset = opened.dataset(&input).await.unwrap();
    let (folder, stored) = opened.unit_of(&dataset, "BBB").await.unwrap().unwrap();
    assert_eq!(stored.manifest.outcome, UnitOutcome::Done);
    let bytes = folder.named(&stored.manifest, BARS).await.unwrap();
    let bars = ats_columns::Bars::from_parquet("BBB", bytes).unwrap();
    assert_eq!(bars.split_factor(), [1.0, 2.0]);
}

#[tokio::test]
async fn shards_give_what_one_pod_gives() {
    let source = source();
    let names: Vec<String> = (0..9).map(|i| format!("T{i}")).collect();
    for name in &names {
        write(&source, &format!("bars/{name}.csv"), GOOD);
    }
    let tickers: Vec<&str> = names.iter().map(String::as_str).collect();
    let (one, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let whole = run_here(&stage(&tickers, january(), source.path(), one.path(), 1), 0).await.unwrap();
    let file = stage(&tickers, january(), source.path(), many.path(), 3);
    let mut last = None;
    for shard in [2, 0, 1] {
        last = Some(run_here(&file, shard).await.unwrap());
    }
    assert_eq!(last.unwrap().digest, whole.digest);
}

#[tokio::test]
async fn synthetic_tickers_need_no_source() {
    let store = tempfile::tempdir().unwrap();
    let source = SourceSpec::Synthetic { seed: 1, model: SyntheticModel::RegimeSwitching };
    let spec = AcquireUnitSpec { source, ..january() };
    let mut file = stage(&["AAA", "BBB"], spec, store.path(), store.path(), 1);
    file.source = None;
    let outcome = run_here(&file, 0).await.unwrap();
    assert_eq!((outcome.computed, outcome.failures.len()), (2, 0));
}

#[tokio::test]
async fn a_source_that_cannot_be_read_fails_the_shard() {
    let (empty, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let nowhere = empty.path().join("nowhere");
    let error = run_here(&stage(&["A"], january(), &nowhere, store.path(), 1), 0).await.unwrap_err();
    assert_eq!(error.category.exit_code(), ExitCode::ShardUnreadable);
    assert!(error.message.contains("nowhere does not exist"), "{}", error.message);
    assert!(!nowhere.exists(), "a source's folder is not made");

    let error = run_here(&stage(&["A"], january(), empty.path(), store.path(), 1), 0).await.unwrap_err();
    assert_eq!(error.category.exit_code(), ExitCode::ShardUnreadable);
    assert!(error.message.contains("it must hold bars/TICKER.csv"), "{}", error.message);
}

#[tokio::test]
async fn a_spec_that_does_not_fit_is_refused() {
    let store = tempfile::tempdir().unwrap();
    let mut file = stage(&["A"], january(), store.path(), store.path(), 1);
    file.source = None;
    assert_eq!(run_here(&file, 0).await.unwrap_err().category, Category::BadSpec);
    let spec = AcquireUnitSpec {
        source: SourceSpec::Files { format: FileFormat::Csv, columns: Default::default() },
        ..january()
    };
    let mut file = stage(&["A"], spec, store.path(), store.path(), 1);
    file.source = Some(ats_pipeline::StoreLocation { uri: "ftp://somewhere/data".to_owned() });
    let error = run_here(&file, 0).await.unwrap_err();
    assert_eq!((error.category, error.category.exit_code()), (Category::BadSpec, ExitCode::BadSpec));
}

const TABLE: &str = "ticker,from,to
AAA,2023-05-01,2024-01-02
BBB,2023-05-01,
AAA,2024-01-03,2024-12-31
";

fn with_table(tickers: &[&str], table: &str, source: &Path, store: &Path) -> StageFile {
    let mut file = stage(tickers, january(), source, store, 1);
    if let StageSpec::Acquire(spec) = &mut file.spec {
        spec.membership = Some(table.to_owned());
        file.key = StageKey::new(StageName::Acquire, REVISION, spec, &[], 0, None).unwrap();
    }
    file
}

#[tokio::test]
async fn a_membership_table_is_a_unit_of_its_own() {
    let (source, store) = (source(), tempfile::tempdir().unwrap());
    write(&source, "bars/AAA.csv", GOOD);
    write(&source, "bars/BBB.csv", GOOD);
    write(&source, "members.csv", TABLE);
    let file = with_table(&["AAA", "BBB"], "members.csv", source.path(), store.path());
    let first = run_here(&file, 0).await.unwrap();
    assert_eq!((first.computed, first.failures.len()), (3, 0));
    let opened = Store::open(&file.store, &Settings::new()).unwrap();
    let input = StageInput { stage: StageName::Acquire, key: file.key, digest: first.digest.unwrap() };
    let dataset = opened.dataset(&input).await.unwrap();
    let (folder, stored) = opened.unit_of(&dataset, "membership").await.unwrap().unwrap();
    let bytes = folder.named(&stored.manifest, "membership.parquet").await.unwrap();
    let frame = ats_columns::read_parquet("members", bytes, None).unwrap();
    let tickers = ats_columns::column::strings("members", &frame, "ticker").unwrap();
    assert_eq!(tickers, ["AAA", "AAA", "BBB"]);
    let to = ats_columns::column::dates("members", &frame, "to").unwrap();
    assert_eq!(to, [date(2024, 1, 2), date(2024, 12, 31), date(9999, 12, 31)]);

    // Another table computes that unit alone, and another digest of the whole.
    write(&source, "members.csv", &TABLE.replace("2024-12-31", "2024-11-29"));
    let changed = run_here(&file, 0).await.unwrap();
    assert_eq!((changed.computed, changed.reused), (1, 2));
    assert_ne!(changed.digest, first.digest);
}

#[tokio::test]
async fn a_faulty_membership_table_is_told() {
    let (source, store) = (source(), tempfile::tempdir().unwrap());
    write(&source, "bars/AAA.csv", GOOD);
    let cases = [
        ("empty", "ticker,from,to\n"),
        ("no text at all", ""),
        ("another column", "symbol,from,to\nAAA,2024-01-02,\n"),
        ("reversed", "ticker,from,to\nAAA,2024-01-02,2023-12-29\n"),
        ("overlapping", "ticker,from,to\nBBB,2020-01-01,\nAAA,2024-01-02,\nAAA,2023-12-29,2024-01-31\n"),
        ("twice", "ticker,from,to\nAAA,2024-01-02,2024-01-02\nAAA,2024-01-02,2024-01-02\n"),
        ("no date", "ticker,from,to\nAAA,2024-01-02,soon\n"),
        ("no first date", "ticker,from,to\nAAA,,2024-01-02\n"),
        ("no ticker", "ticker,from,to\naaa,2024-01-02,\n"),
        (
            "two companies",
            "id,ticker,from,to\n17,AAA,2020-01-01,2021-01-01\n,BBB,2020-01-01,\n18,AAA,2022-01-03,\n",
        ),
    ];
    let mut told = String::new();
    for (name, text) in cases {
        write(&source, "members.csv", text);
        let file = with_table(&["AAA"], "members.csv", source.path(), store.path());
        let error = run_here(&file, 0).await.unwrap_err();
        assert_eq!(error.category, Category::DataRefused, "{name}");
        told.push_str(&format!("{name}\n  {}\n", error.message));
    }
    insta::assert_snapshot!(told);
    let file = with_table(&["AAA"], "tables/nowhere.csv", source.path(), store.path());
    let error = run_here(&file, 0).await.unwrap_err();
    assert_eq!(error.category, Category::SourceUnreadable);
    let words =
        "has no file tables/nowhere.csv, which spec.membership.file names; put it there, or correct the path";
    assert!(error.message.contains(words), "{}", error.message);
}

/// With these columns of a table, whose names there begin with a capital.
fn with_columns(tickers: &[&str], table: &str, names: &[&str], source: &Path, store: &Path) -> StageFile {
    let mut file = stage(tickers, january(), source, store, 1);
    if let StageSpec::Acquire(spec) = &mut file.spec {
        let column = |name: &&str| ats_pipeline::spec::OwnColumnSpec {
            name: name.to_lowercase(),
            file: table.to_owned(),
            column: (*name).to_owned(),
        };
        spec.columns = names.iter().map(column).collect();
        file.key = StageKey::new(StageName::Acquire, REVISION, spec, &[], 0, None).unwrap();
    }
    file
}

#[tokio::test]
async fn a_changed_row_of_an_own_column_computes_its_ticker_alone() {
    let (source, store) = (source(), tempfile::tempdir().unwrap());
    write(&source, "bars/AAA.csv", GOOD);
    write(&source, "bars/BBB.csv", GOOD);
    let table = "ticker,known_at,Mood
BBB,2024-01-03T21:00:00Z,0.5
AAA,2024-01-02T21:00:00Z,0.25
AAA,2024-01-01T12:00:00Z,
ZZZ,2024-01-01T12:00:00Z,9
";
    write(&source, "news.csv", table);
    let file = with_columns(&["AAA", "BBB"], "news.csv", &["Mood"], source.path(), store.path());
    let first = run_here(&file, 0).await.unwrap();
    assert_eq!((first.computed, first.failures.len()), (2, 0));
    // A row that no bar of the history can see, and one of another ticker, change nothing.
    write(&source, "news.csv", &format!("{table}AAA,2024-02-01T00:00:00Z,1\nYYY,2024-01-01T12:00:00Z,9\n"));
    let same = run_here(&file, 0).await.unwrap();
    assert_eq!((same.computed, same.reused, same.digest), (0, 2, first.digest));
    write(&source, "news.csv", &table.replace("0.25", "0.75"));
    let changed = run_here(&file, 0).await.unwrap();
    assert_eq!((changed.computed, changed.reused), (1, 1));

    let opened = Store::open(&file.store, &Settings::new()).unwrap();
    let input = StageInput { stage: StageName::Acquire, key: file.key, digest: changed.digest.unwrap() };
    let dataset = opened.dataset(&input).await.unwrap();
    let (folder, stored) = opened.unit_of(&dataset, "AAA").await.unwrap().unwrap();
    let bytes = folder.named(&stored.manifest, "columns.parquet").await.unwrap();
    let found = ats_columns::own::from_parquet("AAA", bytes).unwrap();
    assert_eq!((found.len(), found[0].name.as_str()), (1, "mood"));
    assert!(found[0].values[0].is_nan() && found[0].values[1] == 0.75, "{found:?}");

    for (text, words) in [
        ("ticker,known_at,mood\n", "there is no column `Mood`; the columns are: ticker, known_at, mood"),
        ("ticker,Mood\n", "there is no column `known_at`"),
        ("ticker,known_at,Mood\nAAA,2024-01-02,1\n", "line 2: `2024-01-02` is not an instant"),
        ("ticker,known_at,Mood\nAAA,2024-01-02T00:00:00Z,good\n", "line 2: Mood `good` is not a number"),
        (
            "ticker,known_at,Mood\nAAA,2024-01-02T00:00:00Z,1\nAAA,2024-01-02T00:00:00Z,2\n",
            "lines 2 and 3: AAA has two rows that became known at 2024-01-02T00:00:00Z",
        ),
    ] {
        write(&source, "news.csv", text);
        let error = run_here(&file, 0).await.unwrap_err();
        assert_eq!(error.category, Category::DataRefused);
        assert!(error.message.contains(words), "{}", error.message);
    }
}

/// A ticker's columns as the stage kept them.
async fn columns_of(file: &StageFile, digest: ats_pipeline::Digest, ticker: &str) -> Vec<u8> {
    let opened = Store::open(&file.store, &Settings::new()).unwrap();
    let input = StageInput { stage: StageName::Acquire, key: file.key, digest };
    let dataset = opened.dataset(&input).await.unwrap();
    let (folder, stored) = opened.unit_of(&dataset, ticker).await.unwrap().unwrap();
    folder.named(&stored.manifest, "columns.parquet").await.unwrap().to_vec()
}

/// A table of the user's own is the same output as CSV and as Parquet, whether the instants in it are instants or
/// texts, and its numbers whole or not.
#[tokio::test]
async fn a_table_of_own_columns_may_be_parquet() {
    use ats_columns::Column;
    use ats_columns::column::{
        dates_column, floats_column, frame, integers_column, strings_column, timestamps_column,
    };
    let (source, store) = (source(), tempfile::tempdir().unwrap());
    write(&source, "bars/AAA.csv", GOOD);
    // In no order; with a value that is missing, a ticker that is not acquired and a row after the history.
    let table = "known_at,Count,ticker,Mood
2024-01-02T21:00:00Z,3,AAA,0.25
2024-01-01T12:00:00Z,9,ZZZ,9.5
2024-01-01T12:00:00Z,2,AAA,
2024-02-01T00:00:00Z,7,AAA,1.5
";
    write(&source, "news.csv", table);
    let instants =
        ["2024-01-02T21:00:00Z", "2024-01-01T12:00:00Z", "2024-01-01T12:00:00Z", "2024-02-01T00:00:00Z"];
    let micros = instants.map(|text| text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let tickers = || strings_column("ticker", &["AAA", "ZZZ", "AAA", "AAA"]);
    let mood = || floats_column("Mood", &[0.25, 9.5, f64::NAN, 1.5]);
    let known_at = || timestamps_column("known_at", &micros);
    let parquet = |name: &str, columns: Vec<Column>| {
        let table = frame("news", columns).unwrap();
        fs::write(source.path().join(name), ats_columns::write_parquet(&table).unwrap()).unwrap();
    };
    let counts = || integers_column("Count", &[3, 9, 2, 7]);
    parquet("instants.parquet", vec![tickers(), known_at(), mood(), counts()]);
    let texts = strings_column("known_at", &instants);
    let fractions = floats_column("Count", &[3.0, 9.0, 2.0, 7.0]);
    // A column that nothing asks for may be of any type.
    let more = strings_column("Headline", &["up", "down", "up", "down"]);
    parquet("texts.parquet", vec![fractions, more, mood(), texts, tickers()]);

    let mut kept = Vec::new();
    for name in ["news.csv", "instants.parquet", "texts.parquet"] {
        let file = with_columns(&["AAA"], name, &["Mood", "Count"], source.path(), store.path());
        let outcome = run_here(&file, 0).await.unwrap();
        kept.push(columns_of(&file, outcome.digest.unwrap(), "AAA").await);
    }
    assert_eq!(kept[0], kept[1]);
    assert_eq!(kept[0], kept[2]);
    let found = ats_columns::own::from_parquet("AAA", &kept[1]).unwrap();
    let names: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["count", "mood"]);
    assert_eq!(
        (&found[0].known_at[..], &found[0].values[..]),
        (&[micros[2], micros[0]][..], &[2.0, 3.0][..])
    );
    assert!(found[1].values[0].is_nan() && found[1].values[1] == 0.25, "{found:?}");

    let once = |text: &str| strings_column("known_at", &[text]);
    let aaa = || strings_column("ticker", &["AAA"]);
    let one = || floats_column("Mood", &[1.0]);
    let twice = vec![
        strings_column("ticker", &["AAA", "AAA"]),
        timestamps_column("known_at", &micros[1..3]),
        floats_column("Mood", &[1.0, 2.0]),
    ];
    for (columns, words) in [
        (
            vec![aaa(), once("2024-01-02T21:00:00Z")],
            "there is no column `Mood`; the columns are: ticker, known_at",
        ),
        (vec![aaa(), one()], "there is no column `known_at`"),
        (vec![aaa(), once("2024-01-02"), one()], "row 1: `2024-01-02` is not an instant"),
        (
            vec![aaa(), dates_column("known_at", &[date(2024, 1, 2)]), one()],
            "column `known_at` is date, not an instant",
        ),
        (
            vec![aaa(), once("2024-01-02T21:00:00Z"), strings_column("Mood", &["good"])],
            "column `Mood` is str, not a number",
        ),
        (
            vec![Column::new("ticker".into(), [None::<&str>]), once("2024-01-02T21:00:00Z"), one()],
            "row 1: `ticker` is null",
        ),
        (twice, "lines 1 and 2: AAA has two rows that became known at 2024-01-01T12:00:00Z"),
    ] {
        parquet("news.parquet", columns);
        let file = with_columns(&["AAA"], "news.parquet", &["Mood"], source.path(), store.path());
        let error = run_here(&file, 0).await.unwrap_err();
        assert_eq!(error.category, Category::DataRefused);
        assert!(error.message.contains(words), "{words}: {}", error.message);
    }
    write(&source, "news.parquet", table);
    let file = with_columns(&["AAA"], "news.parquet", &["Mood"], source.path(), store.path());
    let error = run_here(&file, 0).await.unwrap_err();
    assert!(error.message.contains("is it a Parquet file?"), "{}", error.message);
}

/// The same table in three forms is the same output.
#[tokio::test]
async fn a_membership_table_may_be_parquet() {
    use ats_columns::column::{dates_column, frame, strings_column};
    use ats_columns::{Column, DataType};
    let (source, store) = (source(), tempfile::tempdir().unwrap());
    write(&source, "bars/AAA.csv", GOOD);
    write(&source, "members.csv", TABLE);
    // Texts with a null, dates, and a column of ids.
    let to = [Some("2024-01-02"), None, Some("2024-12-31")];
    let to = Column::new("to".into(), to);
    let from = [date(2023, 5, 1), date(2023, 5, 1), date(2024, 1, 3)];
    let columns = vec![
        strings_column("id", &["1", "2", "1"]),
        strings_column("ticker", &["AAA", "BBB", "AAA"]),
        dates_column("from", &from),
        to,
    ];
    let table = frame("members", columns).unwrap();
    assert_eq!(table.dtypes()[3], DataType::String);
    fs::write(source.path().join("members.parquet"), ats_columns::write_parquet(&table).unwrap()).unwrap();
    let mut digests = Vec::new();
    for name in ["members.csv", "members.parquet"] {
        let file = with_table(&["AAA"], name, source.path(), store.path());
        let outcome = run_here(&file, 0).await.unwrap();
        let opened = Store::open(&file.store, &Settings::new()).unwrap();
        let input = StageInput { stage: StageName::Acquire, key: file.key, digest: outcome.digest.unwrap() };
        let dataset = opened.dataset(&input).await.unwrap();
        let (_, stored) = opened.unit_of(&dataset, "membership").await.unwrap().unwrap();
        digests.push(stored.manifest.files[0].digest);
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn what_a_store_says_decides_whether_to_try_again() {
    let access = |source| StoreError::Access { uri: "s3://b".to_owned(), path: "bars".to_owned(), source };
    let says = |text: &str| -> Box<dyn std::error::Error + Send + Sync> { text.to_owned().into() };
    let exit = |error| StageError::from(SourceError::from(error)).category.exit_code();
    let timeout = object_store::Error::Generic { store: "S3", source: says("timed out") };
    assert_eq!(exit(access(timeout)), ExitCode::TryAgain);
    let denied = object_store::Error::PermissionDenied { path: "bars".to_owned(), source: says("403") };
    assert_eq!(exit(access(denied)), ExitCode::ShardUnreadable);
    let bucket = object_store::Error::NotFound { path: "bars".to_owned(), source: says("no such bucket") };
    assert_eq!(exit(access(bucket)), ExitCode::ShardUnreadable);
    let uri = StoreError::Location { uri: "x".to_owned(), message: "no".to_owned() };
    assert_eq!(exit(uri), ExitCode::BadSpec);
}

#[cfg(feature = "pod")]
mod pod {
    use std::process::Command;

    use super::*;

    /// Runs the pod's binary: its exit code and its last words.
    fn run_pod(file: &StageFile) -> (Option<i32>, Outcome) {
        let folder = tempfile::tempdir().unwrap();
        let (stage, words) = (folder.path().join("stage.json"), folder.path().join("words.json"));
        fs::write(&stage, serde_json::to_vec(file).unwrap()).unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_data-acquisition"))
            .args(["--metrics-port", "0", "--log-level", "off", "--stage-file"])
            .arg(&stage)
            .arg("--termination-message")
            .arg(&words)
            .status()
            .unwrap();
        (status.code(), serde_json::from_slice(&fs::read(&words).unwrap()).unwrap())
    }

    #[tokio::test]
    async fn the_pod_gives_what_the_library_gives_and_its_exit_codes() {
        let (source, one, two) = (source(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(&source, "bars/AAA.csv", GOOD);
        let file = stage(&["AAA", "BBB"], january(), source.path(), one.path(), 1);
        let (code, words) = run_pod(&file);
        assert_eq!((code, words.category, words.computed), (Some(0), Category::Done, 2));
        let here =
            run_here(&stage(&["AAA", "BBB"], january(), source.path(), two.path(), 1), 0).await.unwrap();
        assert_eq!(words.digest, here.digest);
        assert_eq!(run_pod(&file).1.category, Category::CacheHit);

        let nowhere = source.path().join("nowhere");
        let (code, words) = run_pod(&stage(&["A"], january(), &nowhere, one.path(), 1));
        assert_eq!((code, words.category), (Some(3), Category::SourceUnreadable));
        let mut bad = file;
        bad.source = None;
        let (code, words) = run_pod(&bad);
        assert_eq!((code, words.category), (Some(2), Category::BadSpec));
    }
}
