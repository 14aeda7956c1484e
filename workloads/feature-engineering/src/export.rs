//! A dataset's features as one table, ticker by ticker, so that no more than one ticker is in memory.

use std::collections::BTreeMap;

use ats_calendar::Session;
use ats_columns::column::{
    booleans_column, floats, floats_column, frame, sessions, sessions_column, strings, strings_column,
    timestamps, timestamps_column,
};
use ats_columns::{Bars, DataFrame, read_parquet};
use ats_pipeline::{StageInput, UnitManifest};
use ats_store::{StageError, Store, UnitFolder};
use bytes::Bytes;

use crate::error::FeatureError;
use crate::publish::DATASET;
use crate::publish::report::Lineage;
use crate::publish::tables::{CROSS_SECTION, MEMBERSHIP};
use crate::scope::blocking;
use crate::tickers::{BARS, FEATURES, Unit, Units};

/// A published dataset, opened to read its features.
#[derive(Debug, Clone)]
pub struct Export {
    lineage: Lineage,
    acquired: Units,
    featured: Units,
    membership: Membership,
    /// Rows of the table across tickers, by ticker.
    across: BTreeMap<String, Across>,
}

/// A ticker's spans of activity, ends included, and whether it is in focus in each.
type Membership = BTreeMap<String, Vec<(Session, Session, bool)>>;

/// A ticker's rows of the table across tickers: timestamps, and a column for each feature.
#[derive(Debug, Clone, Default)]
struct Across {
    timestamp: Vec<i64>,
    columns: Vec<Vec<f64>>,
}

impl Export {
    /// Opens a dataset: the output of stage `publish`.
    ///
    /// # Errors
    /// When it is not in the store, or not what that stage writes.
    pub async fn open(store: &Store, dataset: &StageInput) -> Result<Self, StageError> {
        let published = store.dataset(dataset).await?;
        let Some((folder, stored)) = store.unit_of(&published, "").await? else {
            return Err(StageError::data_refused(format!(
                "dataset {} has no published unit",
                dataset.digest
            )));
        };
        let lineage: Lineage = serde_json::from_slice(&folder.named(&stored.manifest, DATASET).await?)
            .map_err(|error| StageError::data_refused(format!("{DATASET} of {}: {error}", dataset.digest)))?;
        let membership = folder.named(&stored.manifest, MEMBERSHIP).await?;
        let membership = blocking(move || read_membership(&membership)).await?;
        let across = match lineage.cross_section.is_empty() {
            true => BTreeMap::new(),
            false => across(&folder, &stored.manifest, &lineage).await?,
        };
        let acquired = Units::open(store, &lineage.acquire).await?;
        let featured = Units::open(store, &lineage.features).await?;
        Ok(Self { lineage, acquired, featured, membership, across })
    }

    /// The dataset's tickers, sorted.
    #[must_use]
    pub fn tickers(&self) -> &[String] {
        &self.lineage.tickers
    }

    /// Names of the features, in the order of their columns.
    #[must_use]
    pub fn features(&self) -> Vec<String> {
        let all = self.lineage.time_series.iter().chain(&self.lineage.cross_section);
        all.map(|feature| feature.name.clone()).collect()
    }

    /// What the dataset is made of.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// A ticker's bars.
    ///
    /// # Errors
    /// When the ticker is not in the dataset, or its file cannot be read.
    pub async fn bars(&self, ticker: &str) -> Result<Bars, StageError> {
        let (bytes, name) = (self.file(&self.acquired, ticker, BARS).await?, ticker.to_owned());
        blocking(move || Ok(Bars::from_parquet(&name, bytes)?)).await
    }

    /// `ticker`, `session`, `timestamp`, `active`, `focus`, a column for each feature: a row for each of the ticker's
    /// bars, null where a feature is undefined, and across tickers where the ticker is not active.
    ///
    /// # Errors
    /// When the ticker is not in the dataset, or its files cannot be read.
    pub async fn ticker(&self, ticker: &str) -> Result<DataFrame, StageError> {
        let bars = self.bars(ticker).await?;
        let stored = self.file(&self.featured, ticker, FEATURES).await?;
        let series: Vec<String> =
            self.lineage.time_series.iter().map(|feature| feature.name.clone()).collect();
        let names: Vec<String> =
            self.lineage.cross_section.iter().map(|feature| feature.name.clone()).collect();
        let spans = self.membership.get(ticker).cloned().unwrap_or_default();
        let across = self.across.get(ticker).cloned().unwrap_or_default();
        blocking(move || {
            let at = |session: &Session| spans.iter().find(|(from, to, _)| from <= session && session <= to);
            let active: Vec<bool> = bars.session().iter().map(|session| at(session).is_some()).collect();
            let focus: Vec<bool> =
                bars.session().iter().map(|session| at(session).is_some_and(|(.., focus)| *focus)).collect();
            let mut columns = vec![
                strings_column("ticker", &vec![bars.ticker(); bars.len()]),
                sessions_column("session", bars.session()),
                timestamps_column("timestamp", bars.timestamp()),
                booleans_column("active", &active),
                booleans_column("focus", &focus),
            ];
            let wanted: Vec<&str> =
                std::iter::once("timestamp").chain(series.iter().map(String::as_str)).collect();
            let table = read_parquet(FEATURES, &stored, Some(&wanted))?;
            if timestamps(FEATURES, &table, "timestamp")? != bars.timestamp() {
                let problem = format!("{FEATURES} and {BARS} have other timestamps");
                return Err(FeatureError::Artifact { ticker: bars.ticker().to_owned(), problem });
            }
            for name in &series {
                columns.push(floats_column(name, &floats(FEATURES, &table, name)?));
            }
            for (place, name) in names.iter().enumerate() {
                columns.push(floats_column(name, &across.aligned(place, bars.timestamp())));
            }
            Ok(frame("features", columns)?)
        })
        .await
    }

    async fn file(&self, units: &Units, ticker: &str, name: &str) -> Result<Bytes, StageError> {
        match units.unit(ticker).await? {
            Unit::Done { folder, manifest } => Ok(folder.named(&manifest, name).await?),
            Unit::Bad { category, message, .. } => {
                Err(StageError::data_refused(format!("{ticker} has no usable data: {category}: {message}")))
            }
        }
    }
}

impl Across {
    /// A column at these instants, null where the table has no row.
    fn aligned(&self, place: usize, timestamps: &[i64]) -> Vec<f64> {
        let Some(column) = self.columns.get(place) else { return vec![f64::NAN; timestamps.len()] };
        let at = |timestamp: &i64| self.timestamp.binary_search(timestamp).ok().map(|row| column[row]);
        timestamps.iter().map(|timestamp| at(timestamp).unwrap_or(f64::NAN)).collect()
    }
}

fn read_membership(bytes: &Bytes) -> Result<Membership, FeatureError> {
    let table = read_parquet(MEMBERSHIP, bytes, None)?;
    let (from, to) = (sessions(MEMBERSHIP, &table, "from")?, sessions(MEMBERSHIP, &table, "to")?);
    let focus = ats_columns::column::booleans(MEMBERSHIP, &table, "focus")?;
    let mut membership = Membership::new();
    for (row, ticker) in strings(MEMBERSHIP, &table, "ticker")?.into_iter().enumerate() {
        membership.entry(ticker).or_default().push((from[row], to[row], focus[row]));
    }
    Ok(membership)
}

async fn across(
    folder: &UnitFolder,
    manifest: &UnitManifest,
    lineage: &Lineage,
) -> Result<BTreeMap<String, Across>, StageError> {
    let bytes = folder.named(manifest, CROSS_SECTION).await?;
    let names: Vec<String> = lineage.cross_section.iter().map(|feature| feature.name.clone()).collect();
    blocking(move || {
        let table = read_parquet(CROSS_SECTION, &bytes, None)?;
        let at = timestamps(CROSS_SECTION, &table, "timestamp")?;
        let columns =
            names.iter().map(|name| floats(CROSS_SECTION, &table, name)).collect::<Result<Vec<_>, _>>()?;
        let mut found: BTreeMap<String, Across> = BTreeMap::new();
        for (row, ticker) in strings(CROSS_SECTION, &table, "ticker")?.into_iter().enumerate() {
            let rows = found.entry(ticker).or_default();
            rows.columns.resize(columns.len(), Vec::new());
            rows.timestamp.push(at[row]);
            for (column, values) in rows.columns.iter_mut().zip(&columns) {
                column.push(values[row]);
            }
        }
        Ok(found)
    })
    .await
}
