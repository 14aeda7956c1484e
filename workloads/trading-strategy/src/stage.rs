//! Stage `backtest` with the store around it.

use std::sync::Arc;

use ats_calendar::Calendar;
use ats_pipeline::spec::BacktestSpec;
use ats_pipeline::{Outcome, StageFile, StageSpec};
use ats_store::{OutputFile, StageContext, StageError, UnitOutput, run_single};

use crate::backtest::{self, BacktestError, BacktestOutput};
use crate::explain::Source;
use crate::load::Opened;
use crate::parts::{self, PART_BARS};
use crate::signals::Rules;
use crate::slices::SliceError;

/// Runs stage `backtest`.
///
/// # Errors
/// When the stage's file is of another stage, when an input is missing, when the strategy cannot be traded by, or
/// when the output differs from the one that stands under its key.
pub async fn run(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    let StageSpec::Backtest(spec) = &file.spec else {
        return Err(StageError::bad_spec(format!("this is stage backtest; the file is of {}", file.stage())));
    };
    let spec = Arc::new(spec.clone());
    run_single(file, context, || compute(file, Arc::clone(&spec), context)).await
}

async fn compute(
    file: &StageFile,
    spec: Arc<BacktestSpec>,
    context: &StageContext,
) -> Result<UnitOutput, StageError> {
    let calendar = Calendar::by_name(spec.core.calendar.as_str())
        .map_err(|error| StageError::bad_spec(error.to_string()))?;
    // Two strategies of one spec share the output, so the ids in it come from the key, not from a name.
    let identity = file.key.short();
    // What it was computed from, so that any decision can be worked through again.
    let source = Source { spec: file.spec.clone(), inputs: file.inputs.clone() };
    let source =
        serde_json::to_vec_pretty(&source).map_err(|error| StageError::internal(error.to_string()))?;
    let output = traded(file, spec, calendar, identity, context).await?;
    let files = output.files.into_iter().map(|file| OutputFile {
        name: file.name.to_owned(),
        bytes: file.bytes.into(),
        rows: file.rows,
    });
    let source = OutputFile { name: "backtest.json".to_owned(), bytes: source.into(), rows: None };
    let mut unit = UnitOutput::done(files.chain([source]).collect());
    unit.counts.insert("orders".to_owned(), output.record.orders.len() as u64);
    unit.counts.insert("trades".to_owned(), output.record.trades.len() as u64);
    unit.counts.insert("sessions".to_owned(), output.record.closes().len() as u64);
    unit.figures = output.figures;
    unit.notes = output.notes;
    Ok(unit)
}

/// Trades in memory, or part by part where there are too many bars for that; a search needs all of them many times.
async fn traded(
    file: &StageFile,
    spec: Arc<BacktestSpec>,
    calendar: &'static Calendar,
    identity: String,
    context: &StageContext,
) -> Result<BacktestOutput, StageError> {
    let rules = Rules::new(&spec.core)?;
    let opened = Opened::open(file, &rules, context).await?;
    if spec.search.is_none()
        && let Some((outline, bars)) = opened.outline(calendar, spec.core.interval).await?
        && bars > PART_BARS
    {
        let size = (&outline, bars, PART_BARS);
        return parts::run(&spec, &opened, size, calendar, &identity, context).await;
    }
    let loaded = opened.whole(&rules, spec.benchmark.as_deref(), context.jobs).await?;
    let run = move || backtest::run(&spec, &loaded.market, calendar, &identity, &loaded.lineage);
    let ended = tokio::task::spawn_blocking(run).await;
    Ok(ended.map_err(|error| StageError::internal(error.to_string()))??)
}

impl From<BacktestError> for StageError {
    fn from(error: BacktestError) -> Self {
        let message = error.to_string();
        match error {
            BacktestError::Slice(SliceError::Signal(error)) => error.into(),
            BacktestError::Convert(_)
            | BacktestError::Calendar(_)
            | BacktestError::NoSessions { .. }
            | BacktestError::TooFewSessions { .. }
            | BacktestError::Trial { .. }
            | BacktestError::BeforeFirstPrediction { .. }
            | BacktestError::Slice(SliceError::Calendar(_)) => Self::bad_spec(message),
            BacktestError::NoBars
            | BacktestError::NoPredictions
            | BacktestError::Number(_)
            | BacktestError::Engine(_)
            | BacktestError::Slice(SliceError::Number { .. }) => Self::data_refused(message),
            BacktestError::Columns(_) | BacktestError::Json(_) => Self::internal(message),
        }
    }
}
