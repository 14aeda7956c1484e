//! A market from the store: what `publish` made a dataset of, and a model's out-of-sample predictions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ats_calendar::{Calendar, Interval};
use ats_columns::column::{booleans, dates, floats, strings, timestamps};
use ats_columns::evaluate::Column;
use ats_columns::{Actions, Bars, ColumnsError, DataFrame, read_parquet};
use ats_expression::{Kind, Name};
use ats_pipeline::spec::{NamedExpression, StrategyCore};
use ats_pipeline::{DatasetManifest, StageFile, StageInput, StageName, UnitManifest};
use ats_store::{StageContext, StageError, Store, UnitFolder};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use crate::market::{Market, Membership, Outline, TickerHistory};
use crate::search::{self, Searched};
use crate::signals::{Rules, SignalError};

/// Name of the file of bars, which stage `acquire` writes.
const BARS: &str = "bars.parquet";

/// What is read of `dataset.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lineage {
    acquire: StageInput,
    features: StageInput,
    tickers: Vec<String>,
    cross_section: Vec<NamedExpression>,
    fixed_list: bool,
}

/// A market, and what it was read from.
#[derive(Debug)]
pub struct Loaded {
    /// The market.
    pub market: Market,
    /// Stage and digest of each input.
    pub lineage: Vec<(String, String)>,
}

/// A strategy's inputs, opened: what is of one ticker lies in the store still.
#[derive(Debug)]
pub struct Opened {
    store: Store,
    /// The tickers that may be traded.
    pub tickers: Vec<String>,
    is_fixed_list: bool,
    acquired: DatasetManifest,
    /// None where the strategy uses no feature of one ticker.
    featured: Option<DatasetManifest>,
    tables: Arc<Tables>,
    /// Stage and digest of each input.
    pub lineage: Vec<(String, String)>,
}

/// What is known of all tickers, and the features that the strategy uses, by phase.
#[derive(Debug)]
struct Tables {
    membership: BTreeMap<String, Vec<Membership>>,
    across: BTreeMap<String, Table>,
    predictions: Option<BTreeMap<String, HashMap<i64, f64>>>,
    time_series_names: Vec<(Name, Kind)>,
    across_names: Vec<(Name, Kind)>,
}

/// Bytes of one ticker's files.
struct TickerFiles {
    ticker: String,
    bars: Bytes,
    actions: Bytes,
    features: Option<Bytes>,
}

/// Reads what a strategy needs of its inputs, and the bars of a ticker that its result is compared with.
///
/// # Errors
/// When an input is missing or damaged, or when an expression is faulty.
pub async fn load(
    file: &StageFile,
    core: &StrategyCore,
    benchmark: Option<&str>,
    context: &StageContext,
) -> Result<Loaded, StageError> {
    let rules = Rules::new(core)?;
    Opened::open(file, &rules, context).await?.whole(&rules, benchmark, context.jobs).await
}

impl Opened {
    /// All of it, and the bars of a ticker that the result is compared with.
    ///
    /// # Errors
    /// When an input is missing or damaged.
    pub async fn whole(
        self,
        rules: &Rules,
        benchmark: Option<&str>,
        jobs: usize,
    ) -> Result<Loaded, StageError> {
        let mut market = Market { is_fixed_list: self.is_fixed_list, ..Market::default() };
        let mut histories = stream::iter(self.tickers.clone())
            .map(|ticker| self.history(ticker, |history| history))
            .buffered(jobs.max(1));
        while let Some(history) = histories.try_next().await? {
            market.tickers.insert(history.bars.ticker().to_owned(), history);
        }
        drop(histories);
        let read = rules.benchmarks().into_iter().chain(benchmark.map(str::to_owned));
        for ticker in read.filter(|ticker| !self.tickers.contains(ticker)) {
            let bars = self.bars(&ticker).await?;
            market.benchmarks.insert(ticker, bars);
        }
        Ok(Loaded { market, lineage: self.lineage })
    }

    /// Reads what is of no ticker alone.
    ///
    /// # Errors
    /// When an input is missing or damaged.
    pub async fn open(file: &StageFile, rules: &Rules, context: &StageContext) -> Result<Self, StageError> {
        let store = &context.store;
        let publish = input(file, StageName::Publish)?;
        let (folder, manifest) = single(store, publish).await?;
        let lineage: Lineage = serde_json::from_slice(&folder.named(&manifest, "dataset.json").await?)
            .map_err(|error| {
                StageError::data_refused(format!("dataset.json of the universe cannot be read: {error}"))
            })?;
        let (across_names, time_series_names): (Vec<_>, Vec<_>) = rules
            .features()
            .into_iter()
            .partition(|(name, _)| lineage.cross_section.iter().any(|feature| feature.name == name.as_str()));
        let membership = folder.named(&manifest, "membership.parquet").await?;
        let across = match across_names.is_empty() {
            true => None,
            false => Some(folder.named(&manifest, "cross_section.parquet").await?),
        };
        let predicted = match file.input(StageName::Select) {
            Some(model) => {
                let (folder, manifest) = single(store, model).await?;
                Some(folder.named(&manifest, "predictions.parquet").await?)
            }
            None => None,
        };
        let acquired = store.dataset(&lineage.acquire).await?;
        let featured = match time_series_names.is_empty() {
            true => None,
            false => Some(store.dataset(&lineage.features).await?),
        };
        let mut sources = vec![("backtest key".to_owned(), file.key.to_string())];
        for source in
            [Some(publish), file.input(StageName::Select), Some(&lineage.acquire), Some(&lineage.features)]
        {
            sources.extend(source.map(|source| (source.stage.to_string(), source.digest.to_string())));
        }
        let tables = blocking(move || {
            Ok(Tables {
                membership: membership_by_ticker(&membership)?,
                across: match across {
                    Some(bytes) => rows(&bytes, "cross_section.parquet", &across_names)?,
                    None => BTreeMap::new(),
                },
                predictions: predicted.as_ref().map(predictions).transpose()?,
                time_series_names,
                across_names,
            })
        });
        Ok(Self {
            store: store.clone(),
            tickers: lineage.tickers,
            is_fixed_list: lineage.fixed_list,
            acquired,
            featured,
            tables: Arc::new(tables.await?),
            lineage: sources,
        })
    }

    /// What the market is like, and how many bars it has; none where the store does not tell without reading them.
    ///
    /// # Errors
    /// When an input is missing or damaged.
    pub async fn outline(
        &self,
        calendar: &Calendar,
        interval: Interval,
    ) -> Result<Option<(Outline, u64)>, StageError> {
        let (mut bars, mut dates) = (0, Vec::new());
        for ticker in &self.tickers {
            let (_, manifest) = unit(&self.store, &self.acquired, ticker).await?;
            let Some(rows) = manifest.file(BARS).and_then(|file| file.rows) else { return Ok(None) };
            bars += rows;
            if rows > 0 {
                for name in ["firstSession", "lastSession"] {
                    let Some(Ok(date)) = manifest.notes.get(name).map(|text| text.parse::<Date>()) else {
                        return Ok(None);
                    };
                    dates.push(date);
                }
            }
        }
        let outline = Outline {
            tickers: self.tickers.len(),
            span: dates.iter().min().zip(dates.iter().max()).map(|(first, last)| *first..=*last),
            first_score: self.tables.first_score(&self.tickers, calendar, interval),
            is_fixed_list: self.is_fixed_list,
        };
        Ok(Some((outline, bars)))
    }

    /// One ticker's history, or what is made of it; parsed on a thread of its own.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub async fn history<T: Send + 'static>(
        &self,
        ticker: String,
        make: impl FnOnce(TickerHistory) -> T + Send + 'static,
    ) -> Result<T, StageError> {
        let (folder, manifest) = unit(&self.store, &self.acquired, &ticker).await?;
        let features = match &self.featured {
            Some(featured) => {
                let (folder, manifest) = unit(&self.store, featured, &ticker).await?;
                Some(folder.named(&manifest, "features.parquet").await?)
            }
            None => None,
        };
        let files = TickerFiles {
            bars: folder.named(&manifest, BARS).await?,
            actions: folder.named(&manifest, "actions.parquet").await?,
            features,
            ticker,
        };
        let tables = Arc::clone(&self.tables);
        blocking(move || tables.history(files).map(make)).await
    }

    /// A ticker's bars alone.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub async fn bars(&self, ticker: &str) -> Result<Bars, StageError> {
        let (folder, manifest) = unit(&self.store, &self.acquired, ticker).await?;
        let (bytes, ticker) = (folder.named(&manifest, BARS).await?, ticker.to_owned());
        blocking(move || Bars::from_parquet(&ticker, bytes)).await
    }
}

/// Parsing is work for a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ColumnsError> + Send + 'static,
) -> Result<T, StageError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StageError::internal(error.to_string()))?
        .map_err(|error| StageError::data_refused(error.to_string()))
}

/// What the backtest of a search chose.
///
/// # Errors
/// When the stage's file names no backtest, or its output is missing or damaged.
pub async fn searched(file: &StageFile, context: &StageContext) -> Result<Searched, StageError> {
    let (folder, manifest) = single(&context.store, input(file, StageName::Backtest)?).await?;
    let bytes = folder.named(&manifest, search::FILE).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        StageError::data_refused(format!("{} of the backtest cannot be read: {error}", search::FILE))
    })
}

fn input(file: &StageFile, stage: StageName) -> Result<&StageInput, StageError> {
    file.input(stage)
        .ok_or_else(|| StageError::bad_spec(format!("the stage's file names no input of stage {stage}")))
}

/// The only unit of a stage's output.
async fn single(store: &Store, input: &StageInput) -> Result<(UnitFolder, UnitManifest), StageError> {
    let dataset = store.dataset(input).await?;
    unit(store, &dataset, "").await
}

async fn unit(
    store: &Store,
    dataset: &DatasetManifest,
    name: &str,
) -> Result<(UnitFolder, UnitManifest), StageError> {
    match store.unit_of(dataset, name).await? {
        Some((folder, stored)) => Ok((folder, stored.manifest)),
        None => Err(StageError::data_refused(format!(
            "the output of stage {} has no unit {name:?}",
            dataset.stage
        ))),
    }
}

impl Tables {
    fn history(&self, files: TickerFiles) -> Result<TickerHistory, ColumnsError> {
        let TickerFiles { ticker, bars, actions, features } = files;
        let bars = Bars::from_parquet(&ticker, bars)?;
        let mut columns = BTreeMap::new();
        if let Some(bytes) = features {
            let found = rows(&bytes, &format!("features of {ticker}"), &self.time_series_names)?;
            if let Some(table) = found.get("") {
                columns.extend(table.align(&self.time_series_names, bars.timestamp()));
            }
        }
        if !self.across_names.is_empty() {
            let nothing = Table::default();
            let table = self.across.get(&ticker).unwrap_or(&nothing);
            columns.extend(table.align(&self.across_names, bars.timestamp()));
        }
        let scores = match &self.predictions {
            None => Vec::new(),
            Some(predictions) => {
                let of_ticker = predictions.get(&ticker);
                let score =
                    |at: &i64| of_ticker.and_then(|scores| scores.get(at)).copied().unwrap_or(f64::NAN);
                bars.timestamp().iter().map(score).collect()
            }
        };
        Ok(TickerHistory {
            actions: Actions::from_parquet(&ticker, actions)?,
            features: columns,
            membership: self.membership.get(&ticker).cloned().unwrap_or_default(),
            scores,
            bars,
        })
    }

    fn first_score(&self, tickers: &[String], calendar: &Calendar, interval: Interval) -> Option<Date> {
        let predictions = self.predictions.as_ref()?;
        let scores = tickers.iter().filter_map(|ticker| predictions.get(ticker)).flatten();
        let first = scores.filter(|(_, score)| !score.is_nan()).map(|(at, _)| *at).min()?;
        let session = calendar.session_of_bar(Timestamp::from_microsecond(first).ok()?, interval)?;
        Some(session.date())
    }
}

/// Intervals by ticker, in order of date.
fn membership_by_ticker(bytes: &Bytes) -> Result<BTreeMap<String, Vec<Membership>>, ColumnsError> {
    const TABLE: &str = "membership.parquet";
    let frame = read_parquet(TABLE, bytes, Some(&["ticker", "from", "to", "focus"]))?;
    let from = dates(TABLE, &frame, "from")?;
    let to = dates(TABLE, &frame, "to")?;
    let focus = booleans(TABLE, &frame, "focus")?;
    let mut found: BTreeMap<String, Vec<Membership>> = BTreeMap::new();
    for (row, ticker) in strings(TABLE, &frame, "ticker")?.into_iter().enumerate() {
        let interval = Membership { sessions: from[row]..=to[row], focus: focus[row] };
        found.entry(ticker).or_default().push(interval);
    }
    for intervals in found.values_mut() {
        intervals.sort_by_key(|interval| *interval.sessions.start());
    }
    Ok(found)
}

/// Scores by ticker and bar.
fn predictions(bytes: &Bytes) -> Result<BTreeMap<String, HashMap<i64, f64>>, ColumnsError> {
    const TABLE: &str = "predictions.parquet";
    let frame = read_parquet(TABLE, bytes, Some(&["ticker", "timestamp", "prediction"]))?;
    let at = timestamps(TABLE, &frame, "timestamp")?;
    let scores = floats(TABLE, &frame, "prediction")?;
    let mut found: BTreeMap<String, HashMap<i64, f64>> = BTreeMap::new();
    for (row, ticker) in strings(TABLE, &frame, "ticker")?.into_iter().enumerate() {
        found.entry(ticker).or_default().insert(at[row], scores[row]);
    }
    Ok(found)
}

/// Columns of one ticker by bar.
#[derive(Debug, Default)]
struct Table {
    rows: HashMap<i64, usize>,
    columns: Vec<Vec<f64>>,
}

impl Table {
    /// Columns in the rows of the bars; what has no row is null.
    fn align<'n>(
        &self,
        names: &'n [(Name, Kind)],
        bars: &[i64],
    ) -> impl Iterator<Item = (Name, Column)> + use<'n> {
        let columns: Vec<Vec<f64>> = (0..names.len())
            .map(|column| {
                let values = self.columns.get(column);
                let value = |at: &i64| {
                    self.rows.get(at).and_then(|row| values.and_then(|values| values.get(*row))).copied()
                };
                bars.iter().map(|at| value(at).unwrap_or(f64::NAN)).collect()
            })
            .collect();
        names.iter().zip(columns).map(|((name, kind), values)| {
            let column = match kind {
                Kind::Number => Column::Number(Arc::new(values)),
                Kind::Boolean => Column::boolean_from_floats(&values),
            };
            (name.clone(), column)
        })
    }
}

/// The named columns by ticker; a file without a ticker column is one of a single ticker, `""`.
fn rows(bytes: &Bytes, table: &str, names: &[(Name, Kind)]) -> Result<BTreeMap<String, Table>, ColumnsError> {
    let columns: Vec<&str> =
        ["timestamp", "ticker"].into_iter().chain(names.iter().map(|(name, _)| name.as_str())).collect();
    let is_one = table != "cross_section.parquet";
    let wanted: Vec<&str> = columns.into_iter().filter(|name| !is_one || *name != "ticker").collect();
    let frame: DataFrame = read_parquet(table, bytes, Some(&wanted))?;
    let at = timestamps(table, &frame, "timestamp")?;
    let tickers = if is_one { vec![String::new(); at.len()] } else { strings(table, &frame, "ticker")? };
    let values: Vec<Vec<f64>> =
        names.iter().map(|(name, _)| floats(table, &frame, name.as_str())).collect::<Result<_, _>>()?;
    let mut found: BTreeMap<String, Table> = BTreeMap::new();
    for (row, ticker) in tickers.into_iter().enumerate() {
        let table = found.entry(ticker).or_default();
        table.columns.resize(names.len(), Vec::new());
        table.rows.insert(at[row], table.rows.len());
        for (column, values) in table.columns.iter_mut().zip(&values) {
            column.push(values[row]);
        }
    }
    Ok(found)
}

impl From<SignalError> for StageError {
    fn from(error: SignalError) -> Self {
        let message = error.to_string();
        match error {
            SignalError::Expression { .. } | SignalError::Features(_) | SignalError::AcrossTickers { .. } => {
                Self::bad_spec(message)
            }
            SignalError::Calendar(_) => Self::bad_spec(message),
            SignalError::Evaluate { .. } | SignalError::Columns(_) => Self::data_refused(message),
        }
    }
}
