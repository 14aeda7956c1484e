//! One ticker's bars and features, from the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ats_columns::column::{floats, timestamps};
use ats_columns::evaluate::Column;
use ats_columns::{Bars, read_parquet};
use ats_expression::{Kind, Name, Ticker, Typed};
use ats_pipeline::spec::acquire::MEMBERSHIP;
use ats_pipeline::{DatasetManifest, Digest, StageInput, UnitManifest, UnitOutcome};
use ats_store::{StageError, Store, UnitFolder};
use bytes::Bytes;

use crate::error::FeatureError;
use crate::scope::blocking;

/// Name of the file of bars, which stage `acquire` writes.
pub const BARS: &str = "bars.parquet";
/// Name of the file of time-series features.
pub const FEATURES: &str = "features.parquet";

/// A ticker's unit of a stage.
#[derive(Debug, Clone)]
pub enum Unit {
    /// It has files.
    Done {
        /// Where they lie.
        folder: UnitFolder,
        /// What they are.
        manifest: Box<UnitManifest>,
    },
    /// It has no usable data.
    Bad {
        /// What sort of problem.
        category: String,
        /// In words.
        message: String,
        /// Digest of its manifest.
        digest: Digest,
    },
}

/// The units of one stage.
#[derive(Debug, Clone)]
pub struct Units {
    store: Store,
    dataset: DatasetManifest,
}

impl Units {
    /// The units of a stage's output.
    ///
    /// # Errors
    /// When the output is not in the store.
    pub async fn open(store: &Store, input: &StageInput) -> Result<Self, StageError> {
        Ok(Self { store: store.clone(), dataset: store.dataset(input).await? })
    }

    /// The tickers, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let units = self.dataset.units.iter().map(|unit| unit.unit.clone());
        units.filter(|unit| unit != MEMBERSHIP).collect()
    }

    /// A ticker's unit.
    ///
    /// # Errors
    /// When the stage has no such unit, or the store fails.
    pub async fn unit(&self, ticker: &str) -> Result<Unit, StageError> {
        let Some((folder, stored)) = self.store.unit_of(&self.dataset, ticker).await? else {
            let stage = self.dataset.stage;
            return Err(StageError::internal(format!("{ticker} is not in the output of stage {stage}")));
        };
        Ok(match stored.manifest.outcome {
            UnitOutcome::Done => Unit::Done { folder, manifest: Box::new(stored.manifest) },
            UnitOutcome::Bad { category, message } => Unit::Bad { category, message, digest: stored.digest },
        })
    }
}

/// The bars that expressions read beside a ticker's own, by ticker.
pub type Benchmarks = BTreeMap<Ticker, Arc<Bars>>;

/// Reads the bars of the benchmarks.
///
/// # Errors
/// When one has no usable bars: what is computed from it would be null everywhere.
pub async fn benchmarks(acquired: &Units, tickers: &BTreeSet<Ticker>) -> Result<Benchmarks, StageError> {
    let mut found = Benchmarks::new();
    for ticker in tickers {
        match acquired.unit(ticker.as_str()).await? {
            Unit::Done { folder, manifest } => {
                let (bytes, name) = (folder.named(&manifest, BARS).await?, ticker.to_string());
                let bars = blocking(move || Ok(Bars::from_parquet(&name, bytes)?)).await?;
                found.insert(ticker.clone(), Arc::new(bars));
            }
            Unit::Bad { category, message, .. } => {
                return Err(StageError::data_refused(format!(
                    "the benchmark {ticker} has no usable bars ({category}: {message}); \
                     mend its data, or take the functions that read it out of the expressions"
                )));
            }
        }
    }
    Ok(found)
}

/// The columns of a ticker's features file that belong to these features, which are stored in `bytes`.
///
/// # Errors
/// When the file has other rows than the bars.
pub fn stored_features<'f>(
    bars: &Bars,
    bytes: &Bytes,
    wanted: impl IntoIterator<Item = (&'f Name, &'f Typed)>,
) -> Result<Vec<(Name, Column)>, FeatureError> {
    let wanted: Vec<_> = wanted.into_iter().collect();
    let table = format!("features of {}", bars.ticker());
    let names: Vec<&str> =
        std::iter::once("timestamp").chain(wanted.iter().map(|(name, _)| name.as_str())).collect();
    let frame = read_parquet(&table, bytes, Some(&names))?;
    if timestamps(&table, &frame, "timestamp")? != bars.timestamp() {
        let problem = format!("{FEATURES} and {BARS} have other timestamps");
        return Err(FeatureError::Artifact { ticker: bars.ticker().to_owned(), problem });
    }
    wanted
        .into_iter()
        .map(|(name, typed)| {
            let values = floats(&table, &frame, name.as_str())?;
            let column = match typed.kind() {
                Kind::Number => Column::Number(Arc::new(values)),
                Kind::Boolean => Column::boolean_from_floats(&values),
            };
            Ok((name.clone(), column))
        })
        .collect()
}
