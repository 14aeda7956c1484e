//! A market from the store: what `publish` made a dataset of, and a model's out-of-sample predictions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ats_columns::column::{booleans, dates, floats, strings, timestamps};
use ats_columns::evaluate::Column;
use ats_columns::{Actions, Bars, ColumnsError, DataFrame, read_parquet};
use ats_expression::{Kind, Name};
use ats_pipeline::spec::{NamedExpression, StrategyCore};
use ats_pipeline::{DatasetManifest, StageFile, StageInput, StageName, UnitManifest};
use ats_store::{StageContext, StageError, Store, UnitFolder};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use crate::market::{Market, Membership, TickerHistory};
use crate::search::{self, Searched};
use crate::signals::{Rules, SignalError};

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

/// Bytes of one ticker's files.
struct TickerFiles {
    ticker: String,
    bars: Bytes,
    actions: Bytes,
    features: Option<Bytes>,
}

/// Bytes of everything.
struct Files {
    fixed_list: bool,
    tickers: Vec<TickerFiles>,
    benchmarks: Vec<(String, Bytes)>,
    membership: Bytes,
    cross_section: Option<Bytes>,
    predictions: Option<Bytes>,
    /// Features that the strategy's expressions use, by phase.
    time_series: Vec<(Name, Kind)>,
    across: Vec<(Name, Kind)>,
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
    let store = &context.store;
    let publish = input(file, StageName::Publish)?;
    let (folder, manifest) = single(store, publish).await?;
    let lineage: Lineage =
        serde_json::from_slice(&folder.named(&manifest, "dataset.json").await?).map_err(|error| {
            StageError::data_refused(format!("dataset.json of the universe cannot be read: {error}"))
        })?;

    let (across, time_series): (Vec<_>, Vec<_>) = rules
        .features()
        .into_iter()
        .partition(|(name, _)| lineage.cross_section.iter().any(|feature| feature.name == name.as_str()));
    let acquired = store.dataset(&lineage.acquire).await?;
    let featured = store.dataset(&lineage.features).await?;
    let (acquired, featured) = (&acquired, (!time_series.is_empty()).then_some(&featured));
    let tickers = stream::iter(lineage.tickers.clone())
        .map(|ticker| async move { read_ticker(store, acquired, featured, ticker).await })
        .buffered(context.jobs.max(1))
        .try_collect()
        .await?;
    let mut benchmarks = Vec::new();
    let mut read = rules.benchmarks();
    read.extend(benchmark.map(str::to_owned));
    for ticker in read.into_iter().filter(|ticker| !lineage.tickers.contains(ticker)) {
        let (folder, manifest) = unit(store, acquired, &ticker).await?;
        benchmarks.push((ticker, folder.named(&manifest, "bars.parquet").await?));
    }
    let mut sources = vec![("backtest key".to_owned(), file.key.to_string())];
    for source in
        [Some(publish), file.input(StageName::Select), Some(&lineage.acquire), Some(&lineage.features)]
    {
        sources.extend(source.map(|source| (source.stage.to_string(), source.digest.to_string())));
    }
    let files = Files {
        fixed_list: lineage.fixed_list,
        tickers,
        benchmarks,
        membership: folder.named(&manifest, "membership.parquet").await?,
        cross_section: match across.is_empty() {
            true => None,
            false => Some(folder.named(&manifest, "cross_section.parquet").await?),
        },
        predictions: match file.input(StageName::Select) {
            Some(model) => {
                let (folder, manifest) = single(store, model).await?;
                Some(folder.named(&manifest, "predictions.parquet").await?)
            }
            None => None,
        },
        time_series,
        across,
    };
    // Parsing is work for a thread of its own.
    let market = tokio::task::spawn_blocking(move || files.parse())
        .await
        .map_err(|error| StageError::internal(error.to_string()))?
        .map_err(|error| StageError::data_refused(error.to_string()))?;
    Ok(Loaded { market, lineage: sources })
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

async fn read_ticker(
    store: &Store,
    acquired: &DatasetManifest,
    featured: Option<&DatasetManifest>,
    ticker: String,
) -> Result<TickerFiles, StageError> {
    let (folder, manifest) = unit(store, acquired, &ticker).await?;
    let features = match featured {
        Some(featured) => {
            let (folder, manifest) = unit(store, featured, &ticker).await?;
            Some(folder.named(&manifest, "features.parquet").await?)
        }
        None => None,
    };
    Ok(TickerFiles {
        bars: folder.named(&manifest, "bars.parquet").await?,
        actions: folder.named(&manifest, "actions.parquet").await?,
        features,
        ticker,
    })
}

impl Files {
    fn parse(self) -> Result<Market, ColumnsError> {
        let mut membership = membership(&self.membership)?;
        let across =
            self.cross_section.as_ref().map(|bytes| rows(bytes, "cross_section.parquet", &self.across));
        let across = across.transpose()?.unwrap_or_default();
        let predictions = self.predictions.as_ref().map(predictions).transpose()?;
        let mut market = Market { is_fixed_list: self.fixed_list, ..Market::default() };
        for files in self.tickers {
            let TickerFiles { ticker, bars, actions, features } = files;
            let bars = Bars::from_parquet(&ticker, bars)?;
            let mut columns = BTreeMap::new();
            if let Some(bytes) = features {
                let found = rows(&bytes, &format!("features of {ticker}"), &self.time_series)?;
                if let Some(table) = found.get("") {
                    columns.extend(table.align(&self.time_series, bars.timestamp()));
                }
            }
            if !self.across.is_empty() {
                let nothing = Table::default();
                let table = across.get(&ticker).unwrap_or(&nothing);
                columns.extend(table.align(&self.across, bars.timestamp()));
            }
            let scores = match &predictions {
                None => Vec::new(),
                Some(predictions) => {
                    let of_ticker = predictions.get(&ticker);
                    let score =
                        |at: &i64| of_ticker.and_then(|scores| scores.get(at)).copied().unwrap_or(f64::NAN);
                    bars.timestamp().iter().map(score).collect()
                }
            };
            let history = TickerHistory {
                actions: Actions::from_parquet(&ticker, actions)?,
                features: columns,
                membership: membership.remove(&ticker).unwrap_or_default(),
                scores,
                bars,
            };
            market.tickers.insert(ticker, history);
        }
        for (ticker, bytes) in self.benchmarks {
            market.benchmarks.insert(ticker.clone(), Bars::from_parquet(&ticker, bytes)?);
        }
        Ok(market)
    }
}

/// Intervals by ticker, in order of date.
fn membership(bytes: &Bytes) -> Result<BTreeMap<String, Vec<Membership>>, ColumnsError> {
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
