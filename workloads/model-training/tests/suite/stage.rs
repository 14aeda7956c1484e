//! The two stages on a dataset in a store.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, Interval};
use ats_columns::column::{
    booleans_column, floats_column, frame, sessions_column, strings_column, timestamps_column,
};
use ats_columns::{BarColumns, Bars as StoredBars, write_parquet};
use ats_crds::model::{Calibration, FeatureScaling, LabelEntry, LabelScaling, SampleWeights, SearchMetric};
use ats_crds::universe::{Adjustment, CalendarName};
use ats_model_training::card::Card;
use ats_model_training::metric::normal;
use ats_model_training::model::Model;
use ats_model_training::stage::{StoredPredictions, read_predictions};
use ats_pipeline::contract::{Owner, VERSION};
use ats_pipeline::manifest::UnitEntry;
use ats_pipeline::spec::{
    AlgorithmSpec, CombinatorialSpec, FeaturesSpec, LabelSpec, PruningSpec, PurgedKFoldSpec, SelectSpec,
    TrainSpec, TrialSpec, ValidationSpec, WalkForwardSpec,
};
use ats_pipeline::{
    Category, DatasetManifest, Digest, Outcome, StageFile, StageInput, StageKey, StageName, StageSpec,
    StoreLocation, UnitManifest, UnitOutcome,
};
use ats_store::{Settings, StageContext, StageError, Store};
use rust_decimal::Decimal;
use serde_json::json;

use crate::by_hand::{self, deviation, mean, probabilistic_sharpe, spreads};
use crate::support::{Bars, close, market, values};

/// A store in a folder that goes away with it.
pub(crate) struct Place {
    _folder: tempfile::TempDir,
    pub(crate) store: Store,
    location: StoreLocation,
}

fn walk_forward(folds: u32, test_bars: u32) -> ValidationSpec {
    ValidationSpec::WalkForward(WalkForwardSpec { folds, test_bars, train_bars: None })
}

pub(crate) fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let location = StoreLocation { uri: format!("file://{}", folder.path().display()) };
    let store = Store::open(&location, &Settings::new()).unwrap();
    Place { _folder: folder, store, location }
}

pub(crate) async fn put_stage(
    store: &Store,
    stage: StageName,
    units: Vec<(String, Vec<(&str, Vec<u8>)>)>,
) -> StageInput {
    let key = |name: &str| StageKey::new(stage, 1, &json!({ "made": name }), &[], 0, None).unwrap();
    let mut entries = Vec::new();
    for (unit, files) in units {
        let folder = store.unit(stage, key(&unit));
        let mut manifest = UnitManifest::done(stage, key(&unit), unit.clone());
        if files.is_empty() {
            manifest.outcome =
                UnitOutcome::Bad { category: "NoData".to_owned(), message: "no bars".to_owned() };
        }
        for (name, bytes) in files {
            manifest.files.push(folder.put_file(name, bytes.into(), None).await.unwrap());
        }
        let stored = folder.finish(&manifest).await.unwrap();
        let done = stored.manifest.outcome == UnitOutcome::Done;
        entries.push(UnitEntry { unit: unit.clone(), key: key(&unit), digest: stored.digest, done });
    }
    let dataset = DatasetManifest::new(stage, key("stage"), entries);
    StageInput { stage, key: key("stage"), digest: store.put_dataset(&dataset).await.unwrap() }
}

fn timestamps(bars: &Bars) -> Vec<i64> {
    let start = |session: &ats_calendar::Session| Calendar::xnys().open(*session).unwrap().as_microsecond();
    bars.session.iter().map(start).collect()
}

fn bars_file(bars: &Bars) -> Vec<u8> {
    let rows = bars.session.len();
    let columns = BarColumns {
        session: bars.session.clone(),
        timestamp: timestamps(bars),
        open: bars.open.clone(),
        high: bars.high.clone(),
        low: bars.low.clone(),
        close: bars.close.clone(),
        volume: vec![1e6; rows],
        // A split in two halfway: raw prices jump, labels do not see it.
        split_factor: (0..rows).map(|t| if t < rows / 2 { 1.0 } else { 2.0 }).collect(),
        dividend_factor: vec![1.0; rows],
    };
    let mut columns = columns;
    for prices in [&mut columns.open, &mut columns.high, &mut columns.low, &mut columns.close] {
        prices[rows / 2..].iter_mut().for_each(|price| *price /= 2.0);
    }
    StoredBars::new(bars.ticker.clone(), columns).unwrap().to_parquet().unwrap()
}

fn features_file(bars: &Bars) -> Vec<u8> {
    let columns = vec![
        strings_column("ticker", &vec![bars.ticker.as_str(); bars.session.len()]),
        timestamps_column("timestamp", &timestamps(bars)),
        floats_column("signal", &bars.signal),
        floats_column("unused", &bars.close),
    ];
    write_parquet(&frame("features", columns).unwrap()).unwrap()
}

/// The market as a published dataset: `signal` is a time series, `rank` a cross-sectional feature.
pub(crate) async fn publish(store: &Store, market: &[Bars]) -> StageInput {
    let acquire =
        market.iter().map(|bars| (bars.ticker.clone(), vec![("bars.parquet", bars_file(bars))])).collect();
    let acquire = put_stage(store, StageName::Acquire, acquire).await;
    let features = market
        .iter()
        .map(|bars| (bars.ticker.clone(), vec![("features.parquet", features_file(bars))]))
        .collect();
    let features = put_stage(store, StageName::Features, features).await;
    let tickers: Vec<&str> = market.iter().map(|bars| bars.ticker.as_str()).collect();
    let membership = vec![
        strings_column("ticker", &tickers),
        sessions_column("from", &market.iter().map(|bars| bars.session[0]).collect::<Vec<_>>()),
        sessions_column("to", &market.iter().map(|bars| *bars.session.last().unwrap()).collect::<Vec<_>>()),
        booleans_column("focus", &vec![true; market.len()]),
    ];
    let rows: Vec<(&str, i64, f64)> = market
        .iter()
        .flat_map(|bars| {
            let values = timestamps(bars).into_iter().enumerate();
            values.map(|(t, timestamp)| (bars.ticker.as_str(), timestamp, bars.close[t] - bars.open[t]))
        })
        .collect();
    let cross_section = vec![
        strings_column("ticker", &rows.iter().map(|row| row.0).collect::<Vec<_>>()),
        timestamps_column("timestamp", &rows.iter().map(|row| row.1).collect::<Vec<_>>()),
        floats_column("rank", &rows.iter().map(|row| row.2).collect::<Vec<_>>()),
    ];
    let lineage = json!({
        "version": 1,
        "acquire": acquire,
        "features": features,
        "tickers": tickers,
        "timeSeries": [{"name": "signal", "expression": "close"}, {"name": "unused", "expression": "close"}],
        "crossSection": [{"name": "rank", "expression": "rank(signal)"}],
    });
    let files = vec![
        ("membership.parquet", write_parquet(&frame("membership", membership).unwrap()).unwrap()),
        ("cross_section.parquet", write_parquet(&frame("cross_section", cross_section).unwrap()).unwrap()),
        ("dataset.json", serde_json::to_vec(&lineage).unwrap()),
    ];
    put_stage(store, StageName::Publish, vec![(String::new(), files)]).await
}

pub(crate) fn spec(penalties: &[&str]) -> TrainSpec {
    let trial = |penalty: &&str| TrialSpec {
        algorithm: AlgorithmSpec::ElasticNet {
            penalty: penalty.parse().unwrap(),
            l1_ratio: Decimal::new(5, 1),
        },
    };
    TrainSpec {
        features: vec!["rank".to_owned(), "signal".to_owned()],
        feature_scaling: FeatureScaling::CrossSectionalZScore,
        label_scaling: LabelScaling::UnitVariance,
        sample_weights: SampleWeights::Equal,
        calibration: Calibration::None,
        label: LabelSpec::ForwardReturn { horizon_bars: 2, entry: LabelEntry::NextOpen },
        trials: penalties.iter().map(trial).collect(),
        metric: SearchMetric::MeanSquaredError,
        pruning: None,
        validation: walk_forward(3, 20),
        interval: Interval::D1,
        calendar: CalendarName::XNYS,
    }
}

fn file(spec: StageSpec, inputs: Vec<StageInput>, shards: u32, location: &StoreLocation) -> StageFile {
    let digests: Vec<Digest> = inputs.iter().map(|input| input.digest).collect();
    let key = StageKey::new(spec.stage(), spec.revision(), &spec, &digests, 42, None).unwrap();
    let owner = Owner {
        kind: "ModelTrainingJob".to_owned(),
        namespace: "default".to_owned(),
        name: "m".to_owned(),
        uid: None,
    };
    StageFile {
        version: VERSION,
        owner,
        key,
        spec,
        inputs,
        seed: 42,
        rerun_nonce: None,
        shards,
        run: "test".to_owned(),
        store: location.clone(),
        source: None,
    }
}

fn context(store: &Store, shard: u32, jobs: usize) -> StageContext {
    StageContext { shard, jobs, ..StageContext::new(store.clone()) }
}

fn output(outcome: &Outcome, file: &StageFile) -> StageInput {
    StageInput { stage: file.stage(), key: file.key, digest: outcome.digest.unwrap() }
}

/// Both stages, `train` in `shards` shards; the outcome of `select` and its output.
async fn run(
    place: &Place,
    dataset: &StageInput,
    spec: &TrainSpec,
    shards: u32,
    jobs: usize,
) -> Result<(Vec<Outcome>, Outcome, StageInput), StageError> {
    run_after(None, place, dataset, spec, shards, jobs).await
}

/// The same of a model that has had another specification, of which `select` gave `earlier`.
pub(crate) async fn run_after(
    earlier: Option<&StageInput>,
    place: &Place,
    dataset: &StageInput,
    spec: &TrainSpec,
    shards: u32,
    jobs: usize,
) -> Result<(Vec<Outcome>, Outcome, StageInput), StageError> {
    let train = file(StageSpec::Train(spec.clone()), vec![dataset.clone()], shards, &place.location);
    let mut outcomes = Vec::new();
    for shard in 0..shards {
        outcomes.push(ats_model_training::run(&train, &context(&place.store, shard, jobs)).await?);
    }
    let trained = output(outcomes.last().unwrap(), &train);
    let mut inputs = vec![dataset.clone(), trained];
    inputs.extend(earlier.cloned());
    let select = file(StageSpec::Select(SelectSpec(spec.clone())), inputs, 1, &place.location);
    let outcome = ats_model_training::run(&select, &context(&place.store, 0, jobs)).await?;
    let selected = output(&outcome, &select);
    Ok((outcomes, outcome, selected))
}

pub(crate) async fn files(store: &Store, selected: &StageInput) -> BTreeMap<String, Vec<u8>> {
    let dataset = store.dataset(selected).await.unwrap();
    let (folder, stored) = store.unit_of(&dataset, "").await.unwrap().unwrap();
    let mut files = BTreeMap::new();
    for entry in &stored.manifest.files {
        files.insert(entry.name.clone(), folder.file(entry).await.unwrap().to_vec());
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_comes_out_of_a_store_whatever_the_sharding() {
    let market = market(6, 140, 9);
    let spec = spec(&["0.001", "0.1"]);
    let (one, two) = (place(), place());
    let dataset = publish(&one.store, &market).await;
    assert_eq!(publish(&two.store, &market).await, dataset);
    let (trained, outcome, selected) = run(&one, &dataset, &spec, 1, 1).await.unwrap();
    assert_eq!((trained[0].category, trained[0].computed, trained[0].reused), (Category::Done, 6, 0));
    let (_, _, sharded) = run(&two, &dataset, &spec, 3, 2).await.unwrap();
    assert_eq!(selected.digest, sharded.digest, "shards and jobs decide no byte");

    assert!(outcome.figures["rankIc"].unwrap() > 0.1, "{:?}", outcome.figures);
    assert_eq!(outcome.notes["algorithm"], "elasticNet");
    let files = files(&one.store, &selected).await;
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        ["card.json", "model.json", "predictions.parquet", "trials.json"]
    );
    let model = Model::from_json(&files["model.json"]).unwrap();
    assert_eq!(model.features, ["rank", "signal"]);
    assert_eq!(model.training.dataset, dataset.digest.to_string());

    let predictions: StoredPredictions = read_predictions(&files["predictions.parquet"]).unwrap();
    // Sixty sessions of windows and three without a label, six tickers; labels from prices across a split.
    assert_eq!(predictions.ticker.len(), 6 * 63);
    assert_eq!(predictions.outcome.iter().filter(|outcome| outcome.is_nan()).count(), 6 * 3);
    assert!(predictions.outcome.iter().all(|outcome| outcome.is_nan() || outcome.abs() < 0.2));
    assert!(predictions.prediction.iter().all(|prediction| prediction.is_finite()));
    assert_eq!(predictions.fold.iter().filter(|fold| **fold == 0).count(), 6 * 20);

    // Again: everything is there. With one more trial: only its units are computed.
    let (trained, outcome, again) = run(&one, &dataset, &spec, 1, 2).await.unwrap();
    assert_eq!((trained[0].category, outcome.category), (Category::CacheHit, Category::CacheHit));
    assert_eq!(again, selected);
    let larger = self::spec(&["0.0001", "0.001", "0.01", "0.1"]);
    let (trained, _, grown) = run(&one, &dataset, &larger, 1, 2).await.unwrap();
    assert_eq!((trained[0].computed, trained[0].reused), (6, 6));

    // What a grid gives does not depend on the grids before it.
    let fresh = place();
    publish(&fresh.store, &market).await;
    let (scratch, _, selected) = run(&fresh, &dataset, &larger, 1, 2).await.unwrap();
    assert_eq!((scratch[0].computed, scratch[0].reused), (12, 0));
    assert_eq!((trained[0].digest, grown.digest), (scratch[0].digest, selected.digest));
}

/// The paths of a stored table: the n-th fold that predicts a ticker's bar gives it to the n-th path.
pub(crate) fn paths(table: &StoredPredictions) -> Vec<Vec<by_hand::Row>> {
    let mut by_bar: BTreeMap<(i64, &str), Vec<(f64, f64)>> = BTreeMap::new();
    let mut instants: Vec<i64> = table.timestamp.clone();
    instants.dedup();
    for place in 0..table.ticker.len() {
        let pair = (table.prediction[place], table.outcome[place]);
        by_bar.entry((table.timestamp[place], table.ticker[place].as_str())).or_default().push(pair);
    }
    let count = by_bar.values().map(Vec::len).max().unwrap();
    let path = |path: usize| -> Vec<by_hand::Row> {
        let row = |((timestamp, ticker), pairs): (&(i64, &str), &Vec<(f64, f64)>)| {
            let (prediction, outcome) = pairs[path];
            let session = instants.binary_search(timestamp).unwrap() as u32;
            // Tickers are T00, T01 and so on.
            let name = ticker[1..].parse().unwrap();
            (!outcome.is_nan()).then_some(by_hand::Row { session, name, prediction, outcome })
        };
        by_bar.iter().filter_map(row).collect()
    };
    (0..count).map(path).collect()
}

/// Their predictions lie in a file of another name, and the figures are means over paths.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folds_that_train_on_later_sessions_are_judged_by_their_paths() {
    let place = place();
    let dataset = publish(&place.store, &market(6, 140, 9)).await;
    let k_fold = ValidationSpec::PurgedKFold(PurgedKFoldSpec { folds: 4, embargo_bars: 2 });
    let combinatorial =
        ValidationSpec::Combinatorial(CombinatorialSpec { folds: 5, test_folds: 2, embargo_bars: 2 });
    for (validation, folds, path_count) in [(k_fold, 4_u64, 1), (combinatorial, 10, 4)] {
        let spec = TrainSpec { validation, ..spec(&["0.001", "0.1"]) };
        let (trained, outcome, selected) = run(&place, &dataset, &spec, 1, 2).await.unwrap();
        assert_eq!(trained[0].computed, 2 * folds);
        let files = files(&place.store, &selected).await;
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            ["card.json", "model.json", "test_predictions.parquet", "trials.json"]
        );
        let table = read_predictions(&files["test_predictions.parquet"]).unwrap();
        let paths = paths(&table);
        // All 137 labelled sessions are tested once on each path, by six tickers.
        assert_eq!(paths.iter().map(Vec::len).collect::<Vec<_>>(), vec![6 * 137_usize; path_count]);

        let of_paths: Vec<_> = paths.iter().map(|path| by_hand::figures(path, 2)).collect();
        let names: Vec<&str> = values(&of_paths[0]).into_iter().map(|(name, _)| name).collect();
        for (place, name) in names.into_iter().enumerate() {
            let of_paths: Option<Vec<f64>> = of_paths.iter().map(|path| values(path)[place].1).collect();
            // A return has neither accuracy nor log loss, and a status no ratio a period.
            if let (Some(of_paths), Some(found)) = (of_paths, outcome.figures.get(name)) {
                close(found.unwrap(), mean(&of_paths));
            }
        }
        assert!(outcome.figures["turnover"].is_some() && outcome.figures["icir"].is_some());

        let card: Card = serde_json::from_slice(&files["card.json"]).unwrap();
        assert_eq!(card.paths.len(), if path_count == 1 { 0 } else { path_count });
        // Of two trials: the quantile of 1 - 1/2 is 0.
        let ratios: Vec<f64> =
            card.trials.iter().map(|trial| trial.figures.sharpe_per_period.unwrap()).collect();
        let benchmark =
            deviation(&ratios) * 0.577_215_664_901_532_9 * normal::quantile(1.0 - 0.5 / std::f64::consts::E);
        close(card.expected_best_sharpe.unwrap(), benchmark);
        let deflated: Vec<f64> =
            paths.iter().map(|path| probabilistic_sharpe(&spreads(path, 2), benchmark)).collect();
        close(outcome.figures["deflatedSharpe"].unwrap(), mean(&deflated));
    }
}

/// Eight on one fold, four on two, two on four, one on all six: 18 units of 48.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_search_computes_the_units_of_those_that_go_on() {
    let market = market(6, 140, 9);
    let penalties = ["0.0001", "0.001", "0.01", "0.03", "0.1", "0.3", "1", "3"];
    let whole = TrainSpec { validation: walk_forward(6, 15), ..spec(&penalties) };
    let pruned = TrainSpec { pruning: Some(PruningSpec { factor: 2, minimum_folds: 1 }), ..whole.clone() };
    let counts = |outcomes: &[Outcome]| (outcomes[0].computed, outcomes[0].reused);

    let one = place();
    let dataset = publish(&one.store, &market).await;
    let (trained, outcome, selected) = run(&one, &dataset, &pruned, 1, 1).await.unwrap();
    assert_eq!((counts(&trained), trained[0].category), ((18, 0), Category::Done));
    assert_eq!((outcome.figures["trials"], outcome.figures["prunedTrials"]), (Some(8.0), Some(7.0)));
    assert!(outcome.notes["remarks"].starts_with("7 of 8 trials were pruned"), "{:?}", outcome.notes);
    let (trained, _, again) = run(&one, &dataset, &pruned, 1, 2).await.unwrap();
    assert_eq!(
        (counts(&trained), trained[0].category, again),
        ((0, 18), Category::CacheHit, selected.clone())
    );
    let (trained, _, of_all) = run(&one, &dataset, &whole, 1, 2).await.unwrap();
    assert_eq!(counts(&trained), (30, 18), "the whole search takes what the pruned one has computed");

    // The other way round, after a part of it, and with more at once: the same bytes.
    let two = place();
    publish(&two.store, &market).await;
    let part = TrainSpec { trials: whole.trials[2..4].to_vec(), ..whole.clone() };
    run(&two, &dataset, &part, 1, 2).await.unwrap();
    assert_eq!(run(&two, &dataset, &pruned, 1, 2).await.unwrap().2, selected);
    let three = place();
    publish(&three.store, &market).await;
    let (_, _, selected_of_all) = run(&three, &dataset, &whole, 3, 2).await.unwrap();
    assert_eq!(selected_of_all, of_all);
    let (trained, _, after) = run(&three, &dataset, &pruned, 1, 2).await.unwrap();
    assert_eq!((counts(&trained), after), ((0, 18), selected));

    let error = run(&one, &dataset, &pruned, 2, 1).await.unwrap_err();
    insta::assert_snapshot!(error.message, @"a pruned search runs in one shard, as all trials decide which of them go on; the stage's file says 2");
    // Four names: the rank IC is not defined, and no trial is left out by chance.
    let few = place();
    let dataset = publish(&few.store, &market[..4]).await;
    let by_rank = TrainSpec { metric: SearchMetric::RankIc, ..pruned };
    let error = run(&few, &dataset, &by_rank, 1, 1).await.unwrap_err();
    assert!(
        error.message.starts_with("search.metric RankIc is not defined for any trial"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn what_a_user_gets_wrong_is_told_in_words() {
    let market = market(6, 60, 9);
    let place = place();
    let dataset = publish(&place.store, &market).await;
    let refused = async |spec: TrainSpec| {
        let error = run(&place, &dataset, &spec, 1, 1).await.unwrap_err();
        format!("{:?}: {error}", error.category)
    };
    let unknown = TrainSpec { features: vec!["rsi_14".to_owned()], ..spec(&["0.1"]) };
    let long = TrainSpec { validation: walk_forward(9, 20), ..spec(&["0.1"]) };
    let label = LabelSpec::ForwardReturn { horizon_bars: 100, entry: LabelEntry::NextOpen };
    let unlabelled = TrainSpec { label, ..spec(&["0.1"]) };
    let logistic = vec![TrialSpec { algorithm: AlgorithmSpec::Logistic { penalty: Decimal::ONE } }];
    let classifier = TrainSpec { trials: logistic, validation: walk_forward(1, 10), ..spec(&["0.1"]) };
    let messages =
        [refused(unknown).await, refused(long).await, refused(unlabelled).await, refused(classifier).await];
    insta::assert_snapshot!(messages.join("\n"));

    let mut other = file(StageSpec::Train(spec(&["0.1"])), Vec::new(), 1, &place.location);
    let error = ats_model_training::run(&other, &context(&place.store, 0, 1)).await.unwrap_err();
    insta::assert_snapshot!(error.message, @"stage train needs the output of stage publish; its file names none");
    other.spec = StageSpec::Features(FeaturesSpec {
        features: Vec::new(),
        adjustment: Adjustment::None,
        interval: Interval::D1,
        calendar: CalendarName::XNYS,
    });
    let error = ats_model_training::run(&other, &context(&place.store, 0, 1)).await.unwrap_err();
    insta::assert_snapshot!(error.message, @"model-training runs stages train and select; this file is of features");
}

/// A ticker whose bars end long before the others' has terminal labels; one that ends with them has none.
#[tokio::test]
async fn a_delisted_ticker_trains_on_its_terminal_return() {
    let mut market = market(6, 140, 9);
    let bars = &mut market[0];
    bars.session.truncate(70);
    for column in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close, &mut bars.signal] {
        column.truncate(70);
    }
    let place = place();
    let dataset = publish(&place.store, &market).await;
    let (_, _, selected) = run(&place, &dataset, &spec(&["0.001"]), 1, 1).await.unwrap();
    let files = files(&place.store, &selected).await;
    let card: serde_json::Value = serde_json::from_slice(&files["card.json"]).unwrap();
    // The last bar has no next one to enter at; the others of the delisted ticker have labels.
    assert_eq!(card["rows"]["unlabelled"], 5 * 3 + 1);
}
