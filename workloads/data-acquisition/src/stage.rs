//! The stage: every ticker of this shard, one in memory for each job at a time.

use std::sync::Arc;

use ats_pipeline::spec::acquire::REVISION;
use ats_pipeline::spec::{AcquireSpec, AcquireUnitSpec, SourceSpec};
use ats_pipeline::{Outcome, StageFile, StageKey, StageName, StageSpec};
use ats_store::{OutputFile, StageContext, StageError, UnitOutput, UnitWork, run_units};
use serde::Serialize;

use crate::source::files::{Folder, TickerFiles};
use crate::unit::{TickerOutput, UnitError, acquire};

/// Runs stage `acquire` (this shard of it).
///
/// # Errors
/// When the stage's file is of another stage, when the source as a whole cannot be read, when the store fails, or
/// when the output differs from the one that stands under its key. A bad ticker is an output.
pub async fn run(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    let StageSpec::Acquire(spec) = &file.spec else {
        let stage = file.stage();
        return Err(StageError::bad_spec(format!(
            "data-acquisition runs stage acquire; this file is of {stage}"
        )));
    };
    let folder = match &spec.common.source {
        SourceSpec::Synthetic { .. } => None,
        SourceSpec::Files { format, .. } => {
            let location = file.source.as_ref().ok_or_else(|| {
                StageError::bad_spec(
                    "the spec asks for files, and the stage's file has no `source` with their URI",
                )
            })?;
            Some(Folder::open(location, &context.source_settings, *format).await?)
        }
    };
    run_units(&Tickers { file, spec, common: Arc::new(spec.common.clone()), folder }, file, context).await
}

struct Tickers<'a> {
    file: &'a StageFile,
    spec: &'a AcquireSpec,
    common: Arc<AcquireUnitSpec>,
    folder: Option<Folder>,
}

/// What decides a ticker's output, beside the content of its files.
#[derive(Serialize)]
struct UnitKeySpec<'a> {
    ticker: &'a str,
    #[serde(flatten)]
    common: &'a AcquireUnitSpec,
}

/// The key of a ticker's unit: the digests of its files are its inputs, so a changed file computes that ticker again
/// and no other.
///
/// # Errors
/// When the spec does not serialise, which is a defect.
pub fn unit_key(
    common: &AcquireUnitSpec,
    ticker: &str,
    files: Option<&TickerFiles>,
    seed: i64,
    rerun_nonce: Option<&str>,
) -> Result<StageKey, ats_pipeline::KeyError> {
    let inputs = files.map(TickerFiles::digests).unwrap_or_default();
    StageKey::new(StageName::Acquire, REVISION, &UnitKeySpec { ticker, common }, &inputs, seed, rerun_nonce)
}

impl UnitWork for Tickers<'_> {
    type Prepared = Option<TickerFiles>;

    fn units(&self) -> Vec<String> {
        self.spec.tickers.clone()
    }

    async fn prepare(&self, ticker: &str) -> Result<(StageKey, Self::Prepared), StageError> {
        let files = match &self.folder {
            Some(folder) => Some(folder.read(ticker).await?),
            None => None,
        };
        let nonce = self.file.rerun_nonce.as_deref();
        Ok((unit_key(&self.common, ticker, files.as_ref(), self.file.seed, nonce)?, files))
    }

    async fn compute(&self, ticker: &str, files: Self::Prepared) -> Result<UnitOutput, StageError> {
        let (common, name) = (Arc::clone(&self.common), ticker.to_owned());
        // Parsing and compressing are work for a thread of their own.
        let output = tokio::task::spawn_blocking(move || acquire(&common, &name, files.as_ref()))
            .await
            .map_err(|error| StageError::internal(format!("{ticker}: {error}")))?
            .map_err(|error| stage_error(&error))?;
        if let TickerOutput::Bad(problem) = &output {
            tracing::info!(ticker, category = problem.kind.as_str(), "{}", problem.message);
        }
        Ok(unit_output(output))
    }
}

fn stage_error(error: &UnitError) -> StageError {
    match error {
        UnitError::Calendar(_) | UnitError::NoSource { .. } => StageError::bad_spec(error.to_string()),
        UnitError::Columns { .. } | UnitError::Json { .. } => StageError::internal(error.to_string()),
    }
}

fn unit_output(output: TickerOutput) -> UnitOutput {
    match output {
        TickerOutput::Bad(problem) => UnitOutput::bad(problem.kind.as_str(), problem.message),
        TickerOutput::Done { files, counts, notes } => {
            let files = files.into_iter().map(|file| OutputFile {
                name: file.name.to_owned(),
                bytes: file.bytes,
                rows: file.rows,
            });
            UnitOutput { counts, notes, ..UnitOutput::done(files.collect()) }
        }
    }
}
