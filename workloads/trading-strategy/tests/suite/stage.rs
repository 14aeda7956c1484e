//! Stage `backtest` over a store that holds what the stages before it write.

use std::sync::Arc;

use ats_calendar::{Calendar, Session};
use ats_columns::column::{
    booleans_column, dates_column, floats_column, frame, strings_column, timestamps_column,
};
use ats_columns::{Action, ActionKind, Actions, BarColumns, Bars, Column, write_parquet};
use ats_crds::strategy::TradedPrices;
use ats_pipeline::contract::{Owner, StageInput, VERSION};
use ats_pipeline::manifest::UnitEntry;
use ats_pipeline::spec::{NamedExpression, SignalSpec, SizingSpec, StrategyCore};
use ats_pipeline::{
    Category, DatasetManifest, StageFile, StageKey, StageName, StageSpec, StoreLocation, UnitManifest,
};
use ats_store::{Settings, StageContext, Store};
use ats_trading_strategy::backtest::BacktestOutput;
use ats_trading_strategy::engine::{CutReason, Intent, Order, OrderReason};
use ats_trading_strategy::load::{Opened, load};
use ats_trading_strategy::signals::Rules;
use ats_trading_strategy::{backtest, parts};
use jiff::civil::date;
use serde_json::json;

const TICKERS: [&str; 3] = ["A", "B", "C"];
const ROWS: usize = 300;

struct World {
    _folder: tempfile::TempDir,
    context: StageContext,
    location: StoreLocation,
}

fn key(stage: StageName, unit: &str) -> StageKey {
    StageKey::new(stage, 1, &json!({ "unit": unit }), &[], 0, None).unwrap()
}

fn parquet(columns: Vec<Column>) -> Vec<u8> {
    write_parquet(&frame("a test", columns).unwrap()).unwrap()
}

fn plain_rows() -> impl Iterator<Item = Session> {
    Calendar::xnys().sessions(date(2019, 1, 2), date(2021, 1, 1))[..ROWS].iter().copied()
}

/// The first row with a prediction.
const FIRST: usize = 100;

/// A score of A and B from the hundredth row on.
fn prediction(ticker: &str, row: usize) -> f64 {
    let place = match ticker {
        "A" if row >= FIRST => row - FIRST,
        "B" if row >= FIRST => row + ROWS - 2 * FIRST,
        _ => return f64::NAN,
    };
    ((place * 13) % 17) as f64 - 8.0
}

/// A share of equity: of A nothing, 0.3 and 0.5 in turn, of B none at first, then 0.4, then one of a short.
fn weight(ticker: &str, row: usize) -> f64 {
    match (ticker, row) {
        ("A", _) => [0.0, 0.3, 0.5][row / 10 % 3],
        ("B", 150..250) => 0.4,
        ("B", 250..) => -0.2,
        _ => f64::NAN,
    }
}

/// Bars that swing, each ticker at its own pace.
fn bars(ticker: &str, pace: usize) -> Bars {
    let calendar = Calendar::xnys();
    let sessions: Vec<Session> = plain_rows().collect();
    let close: Vec<f64> = (0..ROWS).map(|row| 50.0 + ((row * pace) % 23) as f64 - (row % 7) as f64).collect();
    let shifted = |by: f64| close.iter().map(|price| price + by).collect::<Vec<f64>>();
    let columns = BarColumns {
        timestamp: sessions.iter().map(|session| calendar.open(*session).unwrap().as_microsecond()).collect(),
        session: sessions,
        open: shifted(0.25),
        high: shifted(1.0),
        low: shifted(-1.0),
        close,
        volume: vec![1e6; ROWS],
        split_factor: vec![1.0; ROWS],
        dividend_factor: vec![1.0; ROWS],
    };
    Bars::new(ticker, columns).unwrap()
}

/// A split and a dividend of B; C comes later and is delisted.
fn eventful() -> Vec<(Bars, Vec<Action>)> {
    let mut split = bars("B", 7).into_columns();
    let ex_dates = [split.session[150].date(), split.session[200].date()];
    for row in 150..ROWS {
        for prices in [&mut split.open, &mut split.high, &mut split.low, &mut split.close] {
            prices[row] /= 2.0;
        }
        split.volume[row] *= 2.0;
        split.split_factor[row] = 2.0;
    }
    let factor = 1.0 / (1.0 - 0.5 / split.close[199]);
    split.dividend_factor[200..].fill(factor);
    let actions = [(ActionKind::Split, 2.0), (ActionKind::Dividend, 0.5)];
    let actions = actions.into_iter().zip(ex_dates);
    vec![
        (bars("A", 5), Vec::new()),
        (
            Bars::new("B", split).unwrap(),
            actions.map(|((kind, value), ex_date)| Action { ex_date, kind, value }).collect(),
        ),
        (bars("C", 11).rows(80..220), Vec::new()),
    ]
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = StoreLocation { uri: format!("file://{}", folder.path().display()) };
        let context = StageContext::new(Store::open(&location, &Settings::new()).unwrap());
        Self { _folder: folder, context, location }
    }

    /// Writes a unit as its stage would.
    async fn unit(&self, stage: StageName, unit: &str, files: Vec<(&str, Vec<u8>)>) -> UnitEntry {
        let key = key(stage, unit);
        let folder = self.context.store.unit(stage, key);
        let mut manifest = UnitManifest::done(stage, key, unit);
        for (name, bytes) in files {
            manifest.files.push(folder.put_file(name, bytes.into(), None).await.unwrap());
        }
        self.finish(manifest).await
    }

    async fn finish(&self, manifest: UnitManifest) -> UnitEntry {
        let UnitManifest { stage, key, unit, .. } = &manifest;
        let (folder, key, unit) = (self.context.store.unit(*stage, *key), *key, unit.clone());
        let stored = folder.finish(&manifest).await.unwrap();
        UnitEntry { unit, key, digest: stored.digest, done: true }
    }

    async fn dataset(&self, stage: StageName, units: Vec<UnitEntry>) -> StageInput {
        let key = key(stage, "stage");
        let manifest = DatasetManifest::new(stage, key, units);
        StageInput { stage, key, digest: self.context.store.put_dataset(&manifest).await.unwrap() }
    }

    /// Bars, one time-series feature, one feature across tickers, a membership in which C has no focus.
    async fn universe(&self) -> StageInput {
        let plain = TICKERS.iter().zip([5, 7, 11]).map(|(ticker, pace)| (bars(ticker, pace), Vec::new()));
        self.universe_of(plain.collect()).await
    }

    async fn universe_of(&self, histories: Vec<(Bars, Vec<Action>)>) -> StageInput {
        let (mut acquired, mut featured) = (Vec::new(), Vec::new());
        for (bars, actions) in histories {
            let (ticker, rows) = (bars.ticker(), bars.len());
            let actions = Actions::new(ticker, actions).unwrap().to_parquet().unwrap();
            let key = key(StageName::Acquire, ticker);
            let folder = self.context.store.unit(StageName::Acquire, key);
            let mut manifest = UnitManifest::done(StageName::Acquire, key, ticker);
            let bytes = bars.to_parquet().unwrap().into();
            manifest.files.push(folder.put_file("bars.parquet", bytes, Some(rows as u64)).await.unwrap());
            manifest.files.push(folder.put_file("actions.parquet", actions.into(), None).await.unwrap());
            let (first, last) = (bars.session()[0], bars.session()[rows - 1]);
            manifest.notes.insert("firstSession".into(), first.to_string());
            manifest.notes.insert("lastSession".into(), last.to_string());
            acquired.push(self.finish(manifest).await);
            let swing: Vec<f64> = bars.close().iter().map(|price| price - 55.0).collect();
            let first = plain_rows().position(|session| session == bars.session()[0]).unwrap();
            let own = |value: fn(&str, usize) -> f64| -> Vec<f64> {
                (first..first + rows).map(|row| value(ticker, row)).collect()
            };
            let features = parquet(vec![
                strings_column("ticker", &vec![ticker; rows]),
                timestamps_column("timestamp", bars.timestamp()),
                floats_column("swing", &swing),
                floats_column("prediction", &own(prediction)),
                floats_column("weight", &own(weight)),
            ]);
            featured.push(self.unit(StageName::Features, ticker, vec![("features.parquet", features)]).await);
        }
        let acquire = self.dataset(StageName::Acquire, acquired).await;
        let features = self.dataset(StageName::Features, featured).await;
        let lineage = json!({
            "version": 1, "acquire": acquire, "features": features, "tickers": TICKERS, "fixedList": true,
            "crossSection": [{"name": "standing", "expression": "rank(swing)"}],
        });
        let at = bars("A", 5).timestamp().to_vec();
        let across = parquet(vec![
            strings_column(
                "ticker",
                &TICKERS.iter().flat_map(|ticker| vec![*ticker; ROWS]).collect::<Vec<_>>(),
            ),
            timestamps_column("timestamp", &at.repeat(3)),
            floats_column("standing", &(0..3 * ROWS).map(|row| (row % 3) as f64 / 2.0).collect::<Vec<_>>()),
        ]);
        let membership = parquet(vec![
            strings_column("ticker", &TICKERS),
            dates_column("from", &[date(2019, 1, 2); 3]),
            dates_column("to", &[date(2021, 1, 1); 3]),
            booleans_column("focus", &[true, true, false]),
        ]);
        let files = vec![
            ("dataset.json", serde_json::to_vec(&lineage).unwrap()),
            ("membership.parquet", membership),
            ("cross_section.parquet", across),
        ];
        let unit = self.unit(StageName::Publish, "", files).await;
        self.dataset(StageName::Publish, vec![unit]).await
    }

    /// Scores of A and B from the hundredth bar on.
    async fn model(&self) -> StageInput {
        let all = bars("A", 5);
        let (at, sessions) = (&all.timestamp()[FIRST..], &all.session()[FIRST..]);
        let count = at.len();
        let predictions = parquet(vec![
            strings_column(
                "ticker",
                &["A", "B"].iter().flat_map(|ticker| vec![*ticker; count]).collect::<Vec<_>>(),
            ),
            timestamps_column("timestamp", &at.repeat(2)),
            dates_column(
                "session",
                &sessions.iter().map(|session| session.date()).collect::<Vec<_>>().repeat(2),
            ),
            floats_column(
                "prediction",
                &["A", "B"]
                    .iter()
                    .flat_map(|ticker| (FIRST..ROWS).map(move |row| prediction(ticker, row)))
                    .collect::<Vec<_>>(),
            ),
        ]);
        let unit = self.unit(StageName::Select, "", vec![("predictions.parquet", predictions)]).await;
        self.dataset(StageName::Select, vec![unit]).await
    }

    fn file(&self, core: StrategyCore, inputs: Vec<StageInput>) -> StageFile {
        let spec = crate::common::backtest(core, date(2019, 7, 1));
        let digests: Vec<_> = inputs.iter().map(|input| input.digest).collect();
        StageFile {
            version: VERSION,
            owner: Owner {
                kind: "Strategy".into(),
                namespace: "default".into(),
                name: "test".into(),
                uid: None,
            },
            key: StageKey::new(StageName::Backtest, 1, &spec, &digests, 0, None).unwrap(),
            spec: StageSpec::Backtest(spec),
            inputs,
            seed: 0,
            rerun_nonce: None,
            shards: 1,
            run: "test".into(),
            store: self.location.clone(),
            source: None,
        }
    }
}

fn rules() -> StrategyCore {
    let mut core = crate::common::core("swing < 0 and standing >= 0", "swing > 5");
    core.rank_by = Some("standing".into());
    let feature =
        |name: &str, expression: &str| NamedExpression { name: name.into(), expression: expression.into() };
    core.features = vec![
        feature("swing", "close / sma(close, 5) - 1"),
        feature("standing", "rank(swing)"),
        feature("prediction", "own(\"prediction\")"),
        feature("weight", "own(\"weight\")"),
    ];
    core
}

#[tokio::test]
async fn rules_over_features_of_the_store() {
    let world = World::new();
    let file = world.file(rules(), vec![world.universe().await]);
    let outcome = ats_trading_strategy::run(&file, &world.context).await.unwrap();
    assert_eq!(outcome.category, Category::Done, "{}", outcome.message);
    assert!(outcome.figures["trades"].unwrap() > 5.0, "{:?}", outcome.figures);
    assert!(outcome.figures.len() <= 32);
    assert_eq!(outcome.notes["firstSession"], "2019-07-01");

    // The second time it is there.
    let again = ats_trading_strategy::run(&file, &world.context).await.unwrap();
    assert_eq!((again.category, again.digest), (Category::CacheHit, outcome.digest));
    assert_eq!(again.figures, outcome.figures);

    let input = StageInput { stage: StageName::Backtest, key: file.key, digest: outcome.digest.unwrap() };
    let dataset = world.context.store.dataset(&input).await.unwrap();
    let (folder, stored) = world.context.store.unit_of(&dataset, "").await.unwrap().unwrap();
    let names: Vec<_> = stored.manifest.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "backtest.json",
            "equity.parquet",
            "lots.parquet",
            "orders.parquet",
            "report.html",
            "rolling.parquet",
            "statistics.json",
            "trades.parquet"
        ]
    );
    let report = folder.named(&stored.manifest, "report.html").await.unwrap();
    let report = std::str::from_utf8(&report).unwrap();
    for digest in file.inputs.iter().map(|input| input.digest.to_string()) {
        assert!(report.contains(&digest), "the report names its inputs");
    }
    assert!(report.contains("Survivorship"));
    let orders = folder.named(&stored.manifest, "orders.parquet").await.unwrap();
    let orders = ats_columns::read_parquet("orders", orders, Some(&["ticker", "order_id"])).unwrap();
    let tickers = ats_columns::column::strings("orders", &orders, "ticker").unwrap();
    assert!(tickers.iter().all(|ticker| ticker != "C"), "C is never in the focus");
    let ids = ats_columns::column::strings("orders", &orders, "order_id").unwrap();
    assert!(ids.iter().all(|id| id.starts_with(&file.key.short())));
}

#[tokio::test]
async fn a_model_trades_on_its_predictions() {
    let world = World::new();
    let mut core = rules();
    core.signal = SignalSpec::Model { minimum_score: crate::common::decimal("0"), exit_rank: 4 };
    core.sizing = SizingSpec::EqualWeight;
    core.rank_by = None;
    let (universe, model) = (world.universe().await, world.model().await);
    let file = world.file(core.clone(), vec![universe.clone(), model]);
    let outcome = ats_trading_strategy::run(&file, &world.context).await.unwrap();
    assert!(outcome.figures["trades"].unwrap() > 3.0, "{:?}", outcome.figures);

    let missing = world.file(core, vec![universe]);
    let error = ats_trading_strategy::run(&missing, &world.context).await.unwrap_err();
    assert_eq!(error.category, Category::DataRefused);
}

/// Ranked and sized by columns of the user's own, no cap and no cost.
fn own() -> StrategyCore {
    let mut core = crate::common::one_position("close > open", "close < open");
    core.max_positions = 4;
    core.max_gross_exposure = crate::common::decimal("1");
    core.signal = scores("prediction + 100");
    core.sizing =
        SizingSpec::TickerWeight { expression: "weight".into(), cash_buffer: crate::common::decimal("0") };
    core.features = rules().features;
    core
}

fn scores(expression: &str) -> SignalSpec {
    let minimum_score = crate::common::decimal("0");
    SignalSpec::Scores { expression: expression.into(), minimum_score, exit_rank: 4 }
}

/// What a backtest of a stage's file comes to, in memory.
async fn output_of(world: &World, file: &StageFile) -> BacktestOutput {
    let StageSpec::Backtest(spec) = &file.spec else { panic!("no backtest") };
    let loaded = load(file, &spec.core, None, &world.context).await.unwrap();
    backtest::run(spec, &loaded.market, Calendar::xnys(), "test", &loaded.lineage).unwrap()
}

/// The same predictions, once as a model's and once as a column of the user's own: the same orders, fills and equity,
/// without a model among the inputs.
#[tokio::test]
async fn predictions_of_ones_own_rank_as_a_models_do() {
    let world = World::new();
    let (universe, model) = (world.universe().await, world.model().await);
    let by = |signal: SignalSpec| {
        let mut core = own();
        core.signal = signal;
        core.sizing = SizingSpec::EqualWeight;
        core
    };
    let of_model = SignalSpec::Model { minimum_score: crate::common::decimal("0"), exit_rank: 4 };
    let of_model = world.file(by(of_model), vec![universe.clone(), model]);
    let of_own = world.file(by(scores("prediction")), vec![universe]);
    let (theirs, ours) = (output_of(&world, &of_model).await, output_of(&world, &of_own).await);
    assert!(ours.record.trades.len() > 5, "{}", ours.record.trades.len());
    assert_eq!(ours.record, theirs.record);
    let report = ours.files.iter().find(|file| file.name == "report.html").unwrap();
    let report = std::str::from_utf8(&report.bytes).unwrap();
    assert!(report.contains("Scores over 3 tickers") && report.contains("prediction"));
    let outcome = ats_trading_strategy::run(&of_own, &world.context).await.unwrap();
    assert_eq!(outcome.category, Category::Done, "{}", outcome.message);
}

/// Each entry is of the weight that the table has at its close, in shares of that close; what has no weight is not
/// opened, and what comes to 0 is closed.
#[tokio::test]
async fn weights_of_ones_own_are_held() {
    let world = World::new();
    let file = world.file(own(), vec![world.universe().await]);
    let record = output_of(&world, &file).await.record;
    let (mut entries, mut unknown) = (0, 0);
    for Order { ticker, session, intent, cuts, wanted, reference, .. } in
        record.orders.iter().map(|row| &row.order)
    {
        if *intent != Intent::Entry {
            continue;
        }
        let row = plain_rows().position(|other| other.date() == *session).unwrap();
        let weight = weight(ticker.as_str(), row);
        if weight.is_nan() {
            assert_eq!(cuts.iter().map(|cut| cut.reason).collect::<Vec<_>>(), [CutReason::NoWeight]);
            unknown += 1;
            continue;
        }
        let equity = record.equity.iter().find(|point| point.session == *session).unwrap().equity.to_f64();
        let expected = (weight.max(0.0) * equity / reference.to_f64()).floor();
        assert_eq!(wanted.to_f64(), expected, "{ticker} on {session}");
        entries += usize::from(expected > 0.0);
    }
    assert!(entries > 2 && unknown > 2, "{entries} with a weight and {unknown} without");
    let closed: Vec<_> =
        record.trades.iter().map(|trade| (trade.ticker.as_str(), trade.exit_reason)).collect();
    let by_weight = Some(OrderReason::Rebalance);
    assert!(closed.contains(&("A", by_weight)) && closed.contains(&("B", by_weight)), "{closed:?}");
}

#[tokio::test]
async fn a_spec_that_cannot_be_is_refused_for_good() {
    let world = World::new();
    let universe = world.universe().await;
    let refused = |change: fn(&mut StrategyCore)| {
        let mut core = rules();
        change(&mut core);
        let file = world.file(core, vec![universe.clone()]);
        let context = world.context.clone();
        async move { ats_trading_strategy::run(&file, &context).await.unwrap_err() }
    };
    let error = refused(|core| {
        core.signal = SignalSpec::Rules {
            entry: "nonsense > 1".into(),
            exit: "swing > 5".into(),
            short_entry: None,
            short_exit: None,
        }
    })
    .await;
    assert_eq!(error.category, Category::BadSpec);
    assert!(error.message.contains("signal.rules.entry") && error.message.contains("nonsense"), "{error}");
    let error = refused(|core| core.signal = scores("nonsense")).await;
    assert_eq!(error.category, Category::BadSpec);
    assert!(error.message.contains("signal.scores.expression"), "{error}");
    let error = refused(|core| {
        core.sizing = SizingSpec::TickerWeight {
            expression: "rank(weight)".into(),
            cash_buffer: crate::common::decimal("0"),
        }
    })
    .await;
    assert!(
        error.message.contains("portfolio.sizing.targetWeight.expression")
            && error.message.contains("only a feature can"),
        "{error}"
    );
    let error = refused(|core| core.stop = None).await;
    assert_eq!(error.category, Category::BadSpec);
    let none = world.file(rules(), Vec::new());
    let error = ats_trading_strategy::run(&none, &world.context).await.unwrap_err();
    assert!(error.message.contains("publish"), "{error}");
}

#[tokio::test]
async fn part_by_part_is_traded_what_is_traded_in_memory() {
    let world = World::new();
    let (universe, model) = (world.universe_of(eventful()).await, world.model().await);
    let calendar = Calendar::xnys();
    let mut of_model = rules();
    of_model.signal = SignalSpec::Model { minimum_score: crate::common::decimal("0"), exit_rank: 4 };
    (of_model.sizing, of_model.rank_by) = (SizingSpec::EqualWeight, None);
    let mut other =
        crate::common::core("returns(close, 3) < returns(close@\"B\", 3) and swing < 1", "swing > 5");
    other.features = rules().features;
    let cases = [
        (rules(), TradedPrices::Raw, None),
        (rules(), TradedPrices::Adjusted, Some("C")),
        (other, TradedPrices::Raw, Some("A")),
        (of_model, TradedPrices::Raw, None),
        (own(), TradedPrices::Raw, None),
    ];
    for (core, prices, benchmark) in cases {
        let inputs = vec![universe.clone(), model.clone()];
        let mut file = world.file(core, inputs);
        let StageSpec::Backtest(spec) = &mut file.spec else { panic!() };
        (spec.prices, spec.benchmark) = (prices, benchmark.map(str::to_owned));
        spec.start = date(2019, 7, 5);
        let spec = Arc::new(spec.clone());
        let rules = Rules::new(&spec.core).unwrap();
        let loaded = load(&file, &spec.core, spec.benchmark.as_deref(), &world.context).await.unwrap();
        let whole = backtest::run(&spec, &loaded.market, calendar, "test", &loaded.lineage).unwrap();
        assert!(whole.record.trades.len() > 3, "{}", whole.record.trades.len());

        let opened = Opened::open(&file, &rules, &world.context).await.unwrap();
        let (outline, bars) = opened.outline(calendar, spec.core.interval).await.unwrap().unwrap();
        assert_eq!((&outline, bars), (&loaded.market.outline(), 740));
        for most in [1, 50, 333, 10_000] {
            let size = (&outline, bars, most);
            let parted = parts::run(&spec, &opened, size, calendar, "test", &world.context).await.unwrap();
            assert_eq!(parted.record, whole.record, "{most}");
            assert_eq!(parted.files, whole.files, "{most}");
            assert_eq!(
                (parted.figures, parted.notes),
                (whole.figures.clone(), whole.notes.clone()),
                "{most}"
            );
        }
    }
}
