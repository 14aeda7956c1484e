//! Stage `features`: the time-series features of each ticker.

use std::collections::BTreeMap;
use std::sync::Arc;

use ats_calendar::{Calendar, Interval};
use ats_columns::column::{floats_column, frame, strings_column, timestamps_column};
use ats_columns::own::{OwnColumn, as_known};
use ats_columns::{Adjustment, Bars, Inputs, evaluate_all, write_parquet};
use ats_expression::{FeatureGraph, Node, Number, Phase};
use ats_pipeline::spec::FeaturesSpec;
use ats_pipeline::spec::acquire::OWN_COLUMNS;
use ats_pipeline::spec::features::REVISION;
use ats_pipeline::{Digest, Outcome, StageFile, StageKey, StageName};
use ats_store::{OutputFile, StageContext, StageError, UnitOutput, UnitWork, run_units};
use serde::Serialize;
use tokio::sync::OnceCell;

use crate::error::FeatureError;
use crate::scope;
use crate::tickers::{BARS, Benchmarks, FEATURES, Unit, Units, benchmarks};

/// Runs this shard of the stage.
pub(crate) async fn run(
    file: &StageFile,
    spec: &FeaturesSpec,
    context: &StageContext,
) -> Result<Outcome, StageError> {
    let acquired = Units::open(&context.store, scope::input(file, StageName::Acquire)?).await?;
    let graph = Arc::new(scope::graph(&spec.features, None)?);
    let calendar = scope::calendar(spec.calendar).map_err(FeatureError::from)?;
    let mut digests = BTreeMap::new();
    for benchmark in graph.tickers() {
        digests.insert(benchmark.to_string(), digest(&acquired.unit(benchmark.as_str()).await?)?);
    }
    let names = acquired.names();
    let work = Tickers { file, spec, calendar, graph, acquired, names, digests, benchmarks: OnceCell::new() };
    run_units(&work, file, context).await
}

struct Tickers<'a> {
    file: &'a StageFile,
    spec: &'a FeaturesSpec,
    calendar: &'static Calendar,
    graph: Arc<FeatureGraph>,
    acquired: Units,
    names: Vec<String>,
    /// What decides the benchmarks' part in every ticker's features.
    digests: BTreeMap<String, Digest>,
    /// Read when the first ticker is computed, and not at all when everything is in the store.
    benchmarks: OnceCell<Arc<Benchmarks>>,
}

/// What decides a ticker's features.
#[derive(Serialize)]
struct UnitKeySpec<'a> {
    ticker: &'a str,
    #[serde(flatten)]
    spec: &'a FeaturesSpec,
    bars: Digest,
    benchmarks: &'a BTreeMap<String, Digest>,
    /// The user's own columns, where the universe has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Digest>,
}

/// The digest of a ticker's bars, or of the reason why it has none.
fn digest(unit: &Unit) -> Result<Digest, StageError> {
    match unit {
        Unit::Bad { digest, .. } => Ok(*digest),
        Unit::Done { manifest, .. } => match manifest.file(BARS) {
            Some(entry) => Ok(entry.digest),
            None => Err(StageError::internal(format!("the unit of {} has no {BARS}", manifest.unit))),
        },
    }
}

impl UnitWork for Tickers<'_> {
    type Prepared = Unit;

    fn units(&self) -> Vec<String> {
        self.names.clone()
    }

    async fn prepare(&self, ticker: &str) -> Result<(StageKey, Unit), StageError> {
        let unit = self.acquired.unit(ticker).await?;
        let bars = digest(&unit)?;
        let columns = match &unit {
            Unit::Done { manifest, .. } => manifest.file(OWN_COLUMNS).map(|file| file.digest),
            Unit::Bad { .. } => None,
        };
        let benchmarks = self.digests.values().copied();
        let inputs: Vec<Digest> = std::iter::once(bars).chain(benchmarks).chain(columns).collect();
        let spec = UnitKeySpec { ticker, spec: self.spec, bars, benchmarks: &self.digests, columns };
        let nonce = self.file.rerun_nonce.as_deref();
        let key = StageKey::new(StageName::Features, REVISION, &spec, &inputs, self.file.seed, nonce)?;
        Ok((key, unit))
    }

    async fn compute(&self, ticker: &str, unit: Unit) -> Result<UnitOutput, StageError> {
        let (folder, manifest) = match unit {
            Unit::Bad { category, message, .. } => return Ok(UnitOutput::bad(category, message)),
            Unit::Done { folder, manifest } => (folder, manifest),
        };
        let read = || async {
            let tickers = self.graph.tickers();
            Ok::<_, StageError>(Arc::new(benchmarks(&self.acquired, &tickers).await?))
        };
        let benchmarks = Arc::clone(self.benchmarks.get_or_try_init(read).await?);
        let bytes = folder.named(&manifest, BARS).await?;
        let (graph, calendar, name) = (Arc::clone(&self.graph), self.calendar, ticker.to_owned());
        let own = match manifest.file(OWN_COLUMNS) {
            Some(_) => Some(folder.named(&manifest, OWN_COLUMNS).await?),
            None => None,
        };
        let (adjustment, interval) = (scope::adjustment(self.spec.adjustment), self.spec.interval);
        scope::blocking(move || {
            let bars = Bars::from_parquet(&name, bytes)?;
            let own = own.map(|bytes| ats_columns::own::from_parquet(&name, bytes)).transpose()?;
            let own = own.unwrap_or_default();
            features(&bars, &own, &graph, &benchmarks, adjustment, interval, calendar)
        })
        .await
    }
}

/// The features of one ticker: a file with a column for each and a row for each bar. `own` are the user's own columns;
/// one that is not there is null at every bar. Pure.
///
/// # Errors
/// When a benchmark is missing, or a bar's date is not a session of the calendar.
pub fn features(
    bars: &Bars,
    own: &[OwnColumn],
    graph: &FeatureGraph,
    benchmarks: &Benchmarks,
    adjustment: Adjustment,
    interval: Interval,
    calendar: &Calendar,
) -> Result<UnitOutput, FeatureError> {
    let mut inputs = Inputs::new(bars, adjustment, calendar)?.with_interval(interval, calendar);
    for feature in graph.features() {
        if let Node::Number(Number::Own(name)) = feature.typed.node() {
            let values = match own.iter().find(|column| column.name == name.as_str()) {
                Some(column) => as_known(column, bars, interval, calendar)?,
                None => vec![f64::NAN; bars.len()],
            };
            inputs = inputs.with_own(name.clone(), values)?;
        }
    }
    for (ticker, benchmark) in benchmarks {
        inputs = inputs.with_benchmark(ticker.clone(), benchmark, adjustment);
    }
    let mut columns = vec![
        strings_column("ticker", &vec![bars.ticker(); bars.len()]),
        timestamps_column("timestamp", bars.timestamp()),
    ];
    let wanted = graph.phase(Phase::TimeSeries).map(|feature| (&feature.name, &feature.typed));
    let wanted: Vec<_> = wanted.collect();
    evaluate_all(wanted, &inputs, |name, values| {
        columns.push(floats_column(name.as_str(), &values.to_floats()));
    })?;
    let bytes = write_parquet(&frame(FEATURES, columns)?)?;
    let rows = bars.len() as u64;
    let mut output = UnitOutput::done(vec![OutputFile {
        name: FEATURES.to_owned(),
        bytes: bytes.into(),
        rows: Some(rows),
    }]);
    output.counts.insert("rows".to_owned(), rows);
    output.counts.insert("segments".to_owned(), inputs.segments().len() as u64);
    for (note, session) in [("firstSession", bars.session().first()), ("lastSession", bars.session().last())]
    {
        output.notes.extend(session.map(|session| (note.to_owned(), session.to_string())));
    }
    Ok(output)
}
