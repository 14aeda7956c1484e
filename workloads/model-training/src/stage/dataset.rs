//! From a published dataset to the design matrix.

use std::collections::BTreeMap;
use std::sync::Arc;

use ats_calendar::{Calendar, Session};
use ats_columns::column::{floats, sessions, strings, timestamps};
use ats_columns::segments::{MAX_GAP_SESSIONS, segments};
use ats_columns::{Adjustment, Bars, Prices, read_parquet};
use ats_pipeline::spec::{NamedExpression, TrainSpec};
use ats_pipeline::{DatasetManifest, StageInput, UnitOutcome};
use ats_store::{StageContext, StageError, Store};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::blocking;
use crate::dataset::{Matrix, TickerRows};
use crate::error::TrainingError;
use crate::label::{Label, LabelBars};
use crate::spec;

const BARS: &str = "bars.parquet";
const FEATURES: &str = "features.parquet";
const MEMBERSHIP: &str = "membership.parquet";
const CROSS_SECTION: &str = "cross_section.parquet";
const DATASET: &str = "dataset.json";

/// What of `dataset.json` training needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lineage {
    acquire: StageInput,
    features: StageInput,
    tickers: Vec<String>,
    time_series: Vec<NamedExpression>,
    cross_section: Vec<NamedExpression>,
}

/// Which of the model's features lie in which file, as places in the model's list.
struct Places {
    time_series: Vec<(usize, String)>,
    cross_section: Vec<(usize, String)>,
}

impl Places {
    fn new(features: &[String], lineage: &Lineage) -> Result<Self, TrainingError> {
        let mut places = Self { time_series: Vec::new(), cross_section: Vec::new() };
        let holds = |list: &[NamedExpression], name: &str| list.iter().any(|feature| feature.name == name);
        for (place, name) in features.iter().enumerate() {
            if holds(&lineage.time_series, name) {
                places.time_series.push((place, name.clone()));
            } else if holds(&lineage.cross_section, name) {
                places.cross_section.push((place, name.clone()));
            } else {
                return Err(TrainingError::Specification(format!(
                    "features: the dataset has no feature {name}; it was published before the feature was added, or \
                     the name is wrong"
                )));
            }
        }
        Ok(places)
    }
}

/// A cross-sectional table by ticker: timestamps, and a column for each feature.
type CrossSection = BTreeMap<String, (Vec<i64>, Vec<Vec<f64>>)>;

/// A ticker's sessions of activity, ends included.
type Membership = BTreeMap<String, Vec<(Session, Session)>>;

/// Reads the matrix of a dataset.
pub(super) async fn read(
    spec: &TrainSpec,
    dataset: &StageInput,
    context: &StageContext,
) -> Result<Matrix, StageError> {
    let store = &context.store;
    let published = store.dataset(dataset).await?;
    let Some((folder, stored)) = store.unit_of(&published, "").await? else {
        return Err(StageError::data_refused(format!("dataset {} has no published unit", dataset.digest)));
    };
    let manifest = &stored.manifest;
    let lineage = folder.named(manifest, DATASET).await?;
    let lineage: Lineage = serde_json::from_slice(&lineage).map_err(|error| {
        StageError::data_refused(format!("{DATASET} of dataset {}: {error}", dataset.digest))
    })?;
    let places = Arc::new(Places::new(&spec.features, &lineage)?);
    let membership = folder.named(manifest, MEMBERSHIP).await?;
    let membership = blocking(move || read_membership(&membership)).await?;
    let cross_section = match places.cross_section.is_empty() {
        true => CrossSection::new(),
        false => {
            let (bytes, places) = (folder.named(manifest, CROSS_SECTION).await?, Arc::clone(&places));
            blocking(move || read_cross_section(&bytes, &places)).await?
        }
    };
    let calendar =
        Calendar::by_name(spec.calendar.as_str()).map_err(|error| StageError::bad_spec(error.to_string()))?;
    let acquired = store.dataset(&lineage.acquire).await?;
    let featured = store.dataset(&lineage.features).await?;
    // A ticker that is never active trains nothing, but its last bar tells how far the data goes.
    let tickers: Vec<Ticker> = stream::iter(lineage.tickers)
        .map(|ticker| read_ticker(store, &acquired, &featured, ticker, &places))
        .buffered(context.jobs.max(1))
        .try_collect()
        .await?;
    let (label, features, scaling) = (spec::label(&spec.label)?, spec.features.clone(), spec.feature_scaling);
    blocking(move || {
        let last = tickers.iter().filter_map(|ticker| ticker.bars.session().last().copied()).max();
        let rows = tickers
            .into_iter()
            .filter_map(|ticker| {
                let active = membership.get(ticker.bars.ticker())?;
                Some(ticker.rows(&label, calendar, last, active, &places, &cross_section))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Matrix::new(&features, rows, scaling)
    })
    .await
}

/// A ticker's bars and the features of [`Places::time_series`].
struct Ticker {
    bars: Bars,
    time_series: Vec<Vec<f64>>,
}

async fn read_ticker(
    store: &Store,
    acquired: &DatasetManifest,
    featured: &DatasetManifest,
    ticker: String,
    places: &Arc<Places>,
) -> Result<Ticker, StageError> {
    let bars = file_of(store, acquired, &ticker, BARS).await?;
    let features = match places.time_series.is_empty() {
        true => None,
        false => Some(file_of(store, featured, &ticker, FEATURES).await?),
    };
    let places = Arc::clone(places);
    blocking(move || {
        let bars = Bars::from_parquet(&ticker, bars)?;
        let time_series = match features {
            Some(features) => read_features(&bars, &features, &places)?,
            None => Vec::new(),
        };
        Ok(Ticker { bars, time_series })
    })
    .await
}

async fn file_of(
    store: &Store,
    dataset: &DatasetManifest,
    ticker: &str,
    name: &str,
) -> Result<Bytes, StageError> {
    let stage = dataset.stage;
    match store.unit_of(dataset, ticker).await? {
        None => Err(StageError::data_refused(format!("{ticker} is not in the output of stage {stage}"))),
        Some((folder, stored)) => match stored.manifest.outcome {
            UnitOutcome::Done => Ok(folder.named(&stored.manifest, name).await?),
            UnitOutcome::Bad { category, message } => {
                Err(StageError::data_refused(format!("{ticker} has no usable data: {category}: {message}")))
            }
        },
    }
}

fn read_features(bars: &Bars, bytes: &Bytes, places: &Places) -> Result<Vec<Vec<f64>>, TrainingError> {
    let table = format!("features of {}", bars.ticker());
    let names: Vec<&str> = std::iter::once("timestamp")
        .chain(places.time_series.iter().map(|(_, name)| name.as_str()))
        .collect();
    let frame = read_parquet(&table, bytes, Some(&names))?;
    if timestamps(&table, &frame, "timestamp")? != bars.timestamp() {
        return Err(TrainingError::Data(format!("{table}: its rows are not those of the bars")));
    }
    names[1..].iter().map(|name| Ok(floats(&table, &frame, name)?)).collect()
}

fn read_membership(bytes: &Bytes) -> Result<Membership, TrainingError> {
    let frame = read_parquet(MEMBERSHIP, bytes, Some(&["ticker", "from", "to"]))?;
    let (from, to) = (sessions(MEMBERSHIP, &frame, "from")?, sessions(MEMBERSHIP, &frame, "to")?);
    let mut membership = Membership::new();
    for (row, ticker) in strings(MEMBERSHIP, &frame, "ticker")?.into_iter().enumerate() {
        membership.entry(ticker).or_default().push((from[row], to[row]));
    }
    Ok(membership)
}

fn read_cross_section(bytes: &Bytes, places: &Places) -> Result<CrossSection, TrainingError> {
    let mut names = vec!["ticker", "timestamp"];
    names.extend(places.cross_section.iter().map(|(_, name)| name.as_str()));
    let frame = read_parquet(CROSS_SECTION, bytes, Some(&names))?;
    let tickers = strings(CROSS_SECTION, &frame, "ticker")?;
    let instants = timestamps(CROSS_SECTION, &frame, "timestamp")?;
    let columns: Vec<Vec<f64>> =
        names[2..].iter().map(|name| floats(CROSS_SECTION, &frame, name)).collect::<Result<_, _>>()?;
    let mut table = CrossSection::new();
    for (row, ticker) in tickers.iter().enumerate() {
        if !table.contains_key(ticker) {
            table.insert(ticker.clone(), (Vec::new(), vec![Vec::new(); columns.len()]));
        }
        if let Some((found, values)) = table.get_mut(ticker) {
            if found.last().is_some_and(|last| *last >= instants[row]) {
                let message = format!("{CROSS_SECTION}: row {row} of {ticker} is not after the row before");
                return Err(TrainingError::Data(message));
            }
            found.push(instants[row]);
            values.iter_mut().zip(&columns).for_each(|(values, column)| values.push(column[row]));
        }
    }
    Ok(table)
}

impl Ticker {
    fn rows(
        self,
        label: &Label,
        calendar: &Calendar,
        last: Option<Session>,
        active: &[(Session, Session)],
        places: &Places,
        cross_section: &CrossSection,
    ) -> Result<TickerRows, TrainingError> {
        let Self { bars, time_series } = self;
        let mut features = vec![Vec::new(); places.time_series.len() + places.cross_section.len()];
        for ((place, _), values) in places.time_series.iter().zip(time_series) {
            features[*place] = values;
        }
        let crossed = cross_section.get(bars.ticker());
        for (column, (place, _)) in places.cross_section.iter().enumerate() {
            let value = |timestamp: &i64| {
                let (instants, columns) = crossed?;
                Some(columns[column][instants.binary_search(timestamp).ok()?])
            };
            features[*place] = bars.timestamp().iter().map(|t| value(t).unwrap_or(f64::NAN)).collect();
        }
        let prices = Prices::new(&bars, Adjustment::SplitsAndDividends);
        let segments = segments(bars.ticker(), calendar, bars.session(), MAX_GAP_SESSIONS)?;
        let labels = label.compute(&LabelBars {
            session: bars.session(),
            segments: &segments,
            open: &prices.open,
            high: &prices.high,
            low: &prices.low,
            close: &prices.close,
            delisting_known: delisting_known(calendar, bars.session().last().copied(), last),
        })?;
        let is_active = |session: &Session| active.iter().any(|(from, to)| from <= session && session <= to);
        Ok(TickerRows {
            ticker: bars.ticker().to_owned(),
            session: bars.session().to_vec(),
            timestamp: bars.timestamp().to_vec(),
            active: bars.session().iter().map(is_active).collect(),
            features,
            labels,
        })
    }
}

/// The session in which a ticker that stopped trading is known to have done so: its bars are missing for longer than
/// a gap may be. None while it trades, as far as the data, which ends at `data_end`, can tell.
fn delisting_known(
    calendar: &Calendar,
    last_bar: Option<Session>,
    data_end: Option<Session>,
) -> Option<Session> {
    let known = calendar.index_of(last_bar?)? + MAX_GAP_SESSIONS + 1;
    let session = calendar.at(known)?;
    (session <= data_end?).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delisting_is_known_when_a_gap_is_too_long() {
        let calendar = Calendar::xnys();
        let sessions = calendar.sessions(jiff::civil::date(2020, 1, 2), jiff::civil::date(2020, 3, 2));
        let known = |data_end: usize| delisting_known(calendar, Some(sessions[10]), Some(sessions[data_end]));
        assert_eq!(known(10), None);
        // Five sessions may be missing; the sixth tells.
        assert_eq!(known(15), None);
        assert_eq!(known(16), Some(sessions[16]));
        assert_eq!(known(30), Some(sessions[16]));
    }
}
