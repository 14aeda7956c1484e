//! The stage: every ticker of this shard, one in memory for each job at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use ats_calendar::Calendar;
use ats_pipeline::spec::acquire::{MEMBERSHIP, MEMBERSHIP_TABLE, REVISION};
use ats_pipeline::spec::{AcquireSpec, AcquireUnitSpec, SourceSpec};
use ats_pipeline::{Digest, Outcome, StageFile, StageKey, StageName, StageSpec};
use ats_store::{OutputFile, StageContext, StageError, UnitOutput, UnitWork, run_units};
use serde::Serialize;

use crate::problem::Problem;
use crate::source::files::membership::{self, membership};
use crate::source::files::own::{self, OwnColumns};
use crate::source::files::{Folder, SourceFile, TickerFiles};
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
    let own = own_columns(spec, folder.as_ref()).await?;
    run_units(&Tickers { file, spec, common: Arc::new(spec.common.clone()), folder, own }, file, context)
        .await
}

/// The user's own columns of all tickers: a table is one file, so a shard reads it once.
async fn own_columns(
    spec: &AcquireSpec,
    folder: Option<&Folder>,
) -> Result<Option<Arc<OwnColumns>>, StageError> {
    if spec.columns.is_empty() {
        return Ok(None);
    }
    let Some(folder) = folder else {
        return Err(StageError::bad_spec("columns lie in a source of files; this one has none"));
    };
    let mut files = BTreeMap::new();
    for column in &spec.columns {
        if !files.contains_key(&column.file) {
            files.insert(column.file.clone(), folder.table(&column.file, "columns[].file").await?);
        }
    }
    let (spec, calendar) = (spec.clone(), spec.common.calendar);
    let read = move || {
        let refused = |text: String| StageError::data_refused(format!("spec.columns: {text}"));
        let calendar = Calendar::by_name(calendar.as_str()).map_err(|error| refused(error.to_string()))?;
        let last = calendar.session_on_or_before(spec.common.end).and_then(|session| calendar.close(session));
        let end = last.map_err(|error| refused(error.to_string()))?.as_microsecond();
        OwnColumns::read(&spec.columns, &files, &spec.tickers, end)
            .map_err(|problem| refused(problem.message))
    };
    let read = tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| StageError::internal(format!("spec.columns: {error}")))?;
    Ok(Some(Arc::new(read?)))
}

struct Tickers<'a> {
    file: &'a StageFile,
    spec: &'a AcquireSpec,
    common: Arc<AcquireUnitSpec>,
    folder: Option<Folder>,
    /// The user's own columns, where there are any.
    own: Option<Arc<OwnColumns>>,
}

/// What decides a ticker's output, beside the content of its files.
#[derive(Serialize)]
struct UnitKeySpec<'a> {
    ticker: &'a str,
    #[serde(flatten)]
    common: &'a AcquireUnitSpec,
    /// The user's own columns of this ticker, where the universe has any. Left out where not, so that such keys stay as
    /// they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Digest>,
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
    columns: Option<Digest>,
    seed: i64,
    rerun_nonce: Option<&str>,
) -> Result<StageKey, ats_pipeline::KeyError> {
    let mut inputs = files.map(TickerFiles::digests).unwrap_or_default();
    inputs.extend(columns);
    let spec = UnitKeySpec { ticker, common, columns };
    StageKey::new(StageName::Acquire, REVISION, &spec, &inputs, seed, rerun_nonce)
}

/// What decides the membership table's unit, beside the content of its file.
#[derive(Serialize)]
struct MembershipKeySpec<'a> {
    unit: &'a str,
    /// How the file is read.
    form: &'a str,
}

/// What was read of a unit.
enum Prepared {
    /// The files of a ticker, where the source is files.
    Ticker(Option<TickerFiles>),
    /// The membership table.
    Membership(SourceFile),
}

impl Tickers<'_> {
    async fn prepare_membership(&self) -> Result<(StageKey, Prepared), StageError> {
        let (Some(name), Some(folder)) = (&self.spec.membership, &self.folder) else {
            return Err(StageError::bad_spec(
                "a membership table lies in a source of files; this one has none",
            ));
        };
        let file = folder.table(name, "membership.file").await?;
        let spec = MembershipKeySpec { unit: MEMBERSHIP, form: file.form() };
        let (inputs, nonce) = ([file.digest()], self.file.rerun_nonce.as_deref());
        let key = StageKey::new(StageName::Acquire, REVISION, &spec, &inputs, self.file.seed, nonce)?;
        Ok((key, Prepared::Membership(file)))
    }
}

/// The unit of the membership table. A faulty one is nobody's alone: no ticker's standing can be told without it.
fn membership_output(file: &SourceFile) -> Result<UnitOutput, StageError> {
    let told = |Problem { message, .. }| StageError::data_refused(format!("spec.membership: {message}"));
    let spans = membership(file).map_err(told)?;
    let bytes = membership::to_parquet(&spans).map_err(|error| StageError::internal(error.to_string()))?;
    let rows = spans.len() as u64;
    let mut output = UnitOutput::done(vec![OutputFile {
        name: MEMBERSHIP_TABLE.to_owned(),
        bytes: bytes.into(),
        rows: Some(rows),
    }]);
    output.counts.insert("spans".to_owned(), rows);
    Ok(output)
}

impl UnitWork for Tickers<'_> {
    type Prepared = Prepared;

    fn units(&self) -> Vec<String> {
        let membership = self.spec.membership.is_some().then(|| MEMBERSHIP.to_owned());
        self.spec.tickers.iter().cloned().chain(membership).collect()
    }

    async fn prepare(&self, ticker: &str) -> Result<(StageKey, Self::Prepared), StageError> {
        if ticker == MEMBERSHIP {
            return self.prepare_membership().await;
        }
        let files = match &self.folder {
            Some(folder) => Some(folder.read(ticker).await?),
            None => None,
        };
        let nonce = self.file.rerun_nonce.as_deref();
        let columns = self.own.as_ref().map(|own| own::digest(own.of(ticker)));
        let key = unit_key(&self.common, ticker, files.as_ref(), columns, self.file.seed, nonce)?;
        Ok((key, Prepared::Ticker(files)))
    }

    async fn compute(&self, ticker: &str, prepared: Self::Prepared) -> Result<UnitOutput, StageError> {
        let files = match prepared {
            Prepared::Membership(file) => return membership_output(&file),
            Prepared::Ticker(files) => files,
        };
        let (common, name, own) = (Arc::clone(&self.common), ticker.to_owned(), self.own.clone());
        let work = move || {
            let own = own.as_ref().map(|own| own.of(&name));
            acquire(&common, &name, files.as_ref(), own)
        };
        // Parsing and compressing are work for a thread of their own.
        let output = tokio::task::spawn_blocking(work)
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
