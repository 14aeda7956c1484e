//! A store with acquired bars, and the stages over it.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use ats_calendar::{Calendar, Interval, Session};
use ats_columns::column::{dates_column, frame, strings_column};
use ats_columns::{BarColumns, Bars, read_parquet, write_parquet};
use ats_crds::universe::{Adjustment, CalendarName, OnBreach};
use ats_pipeline::contract::{Owner, VERSION};
use ats_pipeline::manifest::UnitEntry;
use ats_pipeline::spec::acquire::{MEMBERSHIP, MEMBERSHIP_TABLE};
use ats_pipeline::spec::{FeaturesSpec, NamedExpression, PublishSpec, QualitySpec, SelectionSpec};
use ats_pipeline::{
    DatasetManifest, Digest, Outcome, StageFile, StageInput, StageKey, StageName, StageSpec, StoreLocation,
    UnitManifest, UnitOutcome,
};
use ats_store::{Settings, StageContext, StageError, Store};
use jiff::civil::Date;
use tempfile::TempDir;

/// What acquisition found of a ticker.
#[allow(clippy::large_enum_variant, reason = "a handful of them")]
pub enum Found {
    Bars(Bars),
    Bad(&'static str, &'static str),
}

pub struct World {
    pub context: StageContext,
    pub location: StoreLocation,
    _folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = StoreLocation { uri: format!("file://{}", folder.path().display()) };
        let store = Store::open(&location, &Settings::new()).unwrap();
        let mut context = StageContext::new(store);
        context.jobs = 2;
        Self { context, location, _folder: folder }
    }

    /// Stores tickers as stage `acquire` does.
    pub async fn acquire(&self, tickers: &BTreeMap<&str, Found>) -> StageInput {
        self.acquire_with(tickers, &[]).await
    }

    /// Stores tickers and a membership table (ticker, from, to) as stage `acquire` does.
    pub async fn acquire_with(
        &self,
        tickers: &BTreeMap<&str, Found>,
        members: &[(&str, Date, Date)],
    ) -> StageInput {
        let store = &self.context.store;
        let mut units = Vec::new();
        if !members.is_empty() {
            let table = frame(
                "members",
                vec![
                    strings_column("ticker", &members.iter().map(|row| row.0).collect::<Vec<_>>()),
                    dates_column("from", &members.iter().map(|row| row.1).collect::<Vec<_>>()),
                    dates_column("to", &members.iter().map(|row| row.2).collect::<Vec<_>>()),
                ],
            );
            let bytes = write_parquet(&table.unwrap()).unwrap();
            let digest = Digest::of(&bytes);
            let key = StageKey::new(StageName::Acquire, 1, &MEMBERSHIP, &[digest], 0, None).unwrap();
            let folder = store.unit(StageName::Acquire, key);
            let mut manifest = UnitManifest::done(StageName::Acquire, key, MEMBERSHIP);
            let rows = Some(members.len() as u64);
            manifest.files.push(folder.put_file(MEMBERSHIP_TABLE, bytes.into(), rows).await.unwrap());
            let digest = folder.finish(&manifest).await.unwrap().digest;
            units.push(UnitEntry { unit: MEMBERSHIP.to_owned(), key, digest, done: true });
        }
        for (ticker, found) in tickers {
            let bytes = match found {
                Found::Bars(bars) => bars.to_parquet().unwrap(),
                Found::Bad(..) => Vec::new(),
            };
            let key = StageKey::new(StageName::Acquire, 1, ticker, &[Digest::of(&bytes)], 0, None).unwrap();
            let folder = store.unit(StageName::Acquire, key);
            let mut manifest = UnitManifest::done(StageName::Acquire, key, *ticker);
            match found {
                Found::Bars(bars) => {
                    let rows = Some(bars.len() as u64);
                    manifest.files.push(folder.put_file("bars.parquet", bytes.into(), rows).await.unwrap());
                    manifest.counts.insert("rowsKept".to_owned(), bars.len() as u64);
                }
                Found::Bad(category, message) => {
                    let (category, message) = ((*category).to_owned(), (*message).to_owned());
                    manifest.outcome = UnitOutcome::Bad { category, message };
                }
            }
            let stored = folder.finish(&manifest).await.unwrap();
            let done = matches!(found, Found::Bars(_));
            units.push(UnitEntry { unit: (*ticker).to_owned(), key, digest: stored.digest, done });
        }
        let names: Vec<&str> = tickers.keys().copied().collect();
        let key = StageKey::new(StageName::Acquire, 1, &names, &[], 0, None).unwrap();
        let digest = store.put_dataset(&DatasetManifest::new(StageName::Acquire, key, units)).await.unwrap();
        StageInput { stage: StageName::Acquire, key, digest }
    }

    pub fn file(&self, spec: StageSpec, inputs: &[&StageInput], shards: u32) -> StageFile {
        let digests: Vec<Digest> = inputs.iter().map(|input| input.digest).collect();
        let key = StageKey::new(spec.stage(), spec.revision(), &spec, &digests, 0, None).unwrap();
        StageFile {
            version: VERSION,
            owner: Owner {
                kind: "TradingUniverse".to_owned(),
                namespace: "default".to_owned(),
                name: "test".to_owned(),
                uid: None,
            },
            key,
            spec,
            inputs: inputs.iter().map(|input| (*input).clone()).collect(),
            seed: 0,
            rerun_nonce: None,
            shards,
            run: "run".to_owned(),
            store: self.location.clone(),
            source: None,
        }
    }

    pub async fn run(&self, file: &StageFile) -> Result<(Outcome, StageInput), StageError> {
        let mut last = None;
        for shard in 0..file.shards {
            let mut context = self.context.clone();
            context.shard = shard;
            last = Some(ats_feature_engineering::run(file, &context).await?);
        }
        let outcome = last.unwrap();
        let input = StageInput { stage: file.stage(), key: file.key, digest: outcome.digest.unwrap() };
        Ok((outcome, input))
    }

    /// Both stages over acquired tickers.
    pub async fn publish(
        &self,
        universe: &Universe,
        acquired: &StageInput,
    ) -> Result<Published<'_>, StageError> {
        let features = StageSpec::Features(universe.features_spec());
        let (_, features) = self.run(&self.file(features, &[acquired], 1)).await?;
        let publish = StageSpec::Publish(universe.publish_spec());
        let file = self.file(publish, &[acquired, &features], 1);
        let (outcome, dataset) = self.run(&file).await?;
        Ok(Published { world: self, outcome, features, dataset })
    }

    pub async fn bytes(&self, stage: &StageInput, unit: &str, name: &str) -> Vec<u8> {
        let dataset = self.context.store.dataset(stage).await.unwrap();
        let (folder, stored) = self.context.store.unit_of(&dataset, unit).await.unwrap().unwrap();
        folder.named(&stored.manifest, name).await.unwrap().to_vec()
    }
}

pub struct Published<'w> {
    world: &'w World,
    pub outcome: Outcome,
    pub features: StageInput,
    pub dataset: StageInput,
}

impl Published<'_> {
    pub async fn bytes(&self, name: &str) -> Vec<u8> {
        self.world.bytes(&self.dataset, "", name).await
    }

    pub async fn frame(&self, name: &str) -> ats_columns::DataFrame {
        read_parquet(name, self.bytes(name).await, None).unwrap()
    }

    pub async fn report(&self) -> ats_feature_engineering::publish::report::Report {
        serde_json::from_slice(&self.bytes("quality.json").await).unwrap()
    }

    /// `ticker from..to focus` lines.
    pub async fn membership(&self) -> Vec<String> {
        use ats_columns::column::{booleans, sessions, strings};
        let frame = self.frame("membership.parquet").await;
        let (from, to) = (sessions("m", &frame, "from").unwrap(), sessions("m", &frame, "to").unwrap());
        let focus = booleans("m", &frame, "focus").unwrap();
        let tickers = strings("m", &frame, "ticker").unwrap();
        let line = |i: usize| {
            format!("{} {}..{} {}", tickers[i], from[i], to[i], if focus[i] { "focus" } else { "active" })
        };
        (0..tickers.len()).map(line).collect()
    }
}

#[derive(Clone)]
pub struct Universe {
    pub tickers: Vec<&'static str>,
    pub interval: Interval,
    pub start: Date,
    pub end: Date,
    pub time_series: Vec<(&'static str, &'static str)>,
    pub cross_section: Vec<(&'static str, &'static str)>,
    pub membership: bool,
    pub selection: Option<SelectionSpec>,
    pub max_missing: &'static str,
    pub on_breach: OnBreach,
}

fn named(features: &[(&str, &str)]) -> Vec<NamedExpression> {
    let named = |(name, expression): &(&str, &str)| NamedExpression {
        name: (*name).into(),
        expression: (*expression).into(),
    };
    features.iter().map(named).collect()
}

impl Universe {
    pub fn features_spec(&self) -> FeaturesSpec {
        FeaturesSpec {
            features: named(&self.time_series),
            adjustment: Adjustment::SplitsAndDividends,
            interval: self.interval,
            calendar: CalendarName::XNYS,
        }
    }

    pub fn publish_spec(&self) -> PublishSpec {
        PublishSpec {
            tickers: self.tickers.iter().map(|ticker| (*ticker).to_owned()).collect(),
            start: self.start,
            end: self.end,
            interval: self.interval,
            calendar: CalendarName::XNYS,
            adjustment: Adjustment::SplitsAndDividends,
            quality: QualitySpec {
                max_missing_sessions: self.max_missing.parse().unwrap(),
                on_breach: self.on_breach,
            },
            membership: self.membership,
            selection: self.selection.clone(),
            time_series: named(&self.time_series),
            cross_section: named(&self.cross_section),
        }
    }
}

/// Daily bars at these sessions, without actions.
pub fn bars(ticker: &str, rows: &[(Session, [f64; 5])]) -> Bars {
    let opens = |session: &Session| Calendar::xnys().open(*session).unwrap().as_microsecond();
    let rows: Vec<_> = rows.iter().map(|(session, row)| (*session, opens(session), *row)).collect();
    bars_at(ticker, &rows)
}

/// Bars with these starts (microseconds since 1970, UTC), without actions.
fn bars_at(ticker: &str, rows: &[(Session, i64, [f64; 5])]) -> Bars {
    let column = |i: usize| rows.iter().map(|(_, _, row)| row[i]).collect::<Vec<f64>>();
    let columns = BarColumns {
        session: rows.iter().map(|(session, ..)| *session).collect(),
        timestamp: rows.iter().map(|(_, start, _)| *start).collect(),
        open: column(0),
        high: column(1),
        low: column(2),
        close: column(3),
        volume: column(4),
        split_factor: vec![1.0; rows.len()],
        dividend_factor: vec![1.0; rows.len()],
    };
    Bars::new(ticker, columns).unwrap()
}

/// Bars whose prices are a walk of its own for each ticker.
pub fn walk(ticker: &str, sessions: &[Session], seed: u64) -> Bars {
    walk_of(ticker, sessions, Interval::D1, seed)
}

/// The same walk over all bars of some length in these sessions.
pub fn walk_of(ticker: &str, sessions: &[Session], interval: Interval, seed: u64) -> Bars {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut price = 50.0 + 100.0 * uniform();
    let mut rows = Vec::new();
    for session in sessions {
        for start in Calendar::xnys().bar_starts(*session, interval).unwrap() {
            let open = price;
            price = (price * (1.0 + 0.04 * (uniform() - 0.495))).max(1.0);
            let (high, low) = (open.max(price) * 1.01, open.min(price) * 0.99);
            let row = [open, high, low, price, (1e6 * uniform()).round() + 1.0];
            rows.push((*session, start.as_microsecond(), row));
        }
    }
    bars_at(ticker, &rows)
}
