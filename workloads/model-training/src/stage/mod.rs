//! The two stages in the store: what they read, compute and leave.

mod dataset;
mod select;
mod tables;
mod train;

use std::sync::Arc;

use ats_pipeline::spec::TrainSpec;
use ats_pipeline::{Outcome, StageFile, StageInput, StageName, StageSpec};
use ats_store::{OutputFile, StageContext, StageError};
use tokio::sync::OnceCell;

use crate::dataset::Matrix;
use crate::error::TrainingError;

pub use tables::{StoredPredictions, read_predictions};

/// The predictions of a unit, or the stitched ones.
pub const PREDICTIONS: &str = "predictions.parquet";
/// The test predictions of all folds of a scheme whose folds train on later sessions: under a name of their own, so
/// that no backtest takes them for ones that could have been made at their time.
pub const TEST_PREDICTIONS: &str = "test_predictions.parquet";
/// What a unit found.
pub const FIGURES: &str = "figures.json";
/// The model.
pub const MODEL: &str = "model.json";
/// Its card.
pub const CARD: &str = "card.json";
/// All that was tried under the model's name.
pub const TRIALS: &str = "trials.json";

/// Runs stage `train` (this shard of it) or stage `select`.
///
/// # Errors
/// When the stage's file is of another stage, when the spec or the data is refused, when the store fails, or when
/// the output differs from the one that stands under its key.
pub async fn run(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    match &file.spec {
        StageSpec::Train(spec) => train::run(file, spec, context).await,
        StageSpec::Select(spec) => select::run(file, &spec.0, context).await,
        _ => {
            let stage = file.stage();
            Err(StageError::bad_spec(format!(
                "model-training runs stages train and select; this file is of {stage}"
            )))
        }
    }
}

/// The design matrix, read when the first unit needs it, and not at all when everything is in the store.
struct LazyMatrix<'a> {
    context: &'a StageContext,
    spec: &'a TrainSpec,
    dataset: &'a StageInput,
    cell: OnceCell<Arc<Matrix>>,
}

impl<'a> LazyMatrix<'a> {
    fn new(file: &'a StageFile, spec: &'a TrainSpec, context: &'a StageContext) -> Result<Self, StageError> {
        Ok(Self { context, spec, dataset: input(file, StageName::Publish)?, cell: OnceCell::new() })
    }

    async fn get(&self) -> Result<Arc<Matrix>, StageError> {
        let read = || async { Ok(Arc::new(dataset::read(self.spec, self.dataset, self.context).await?)) };
        self.cell.get_or_try_init(read).await.cloned()
    }
}

impl From<TrainingError> for StageError {
    fn from(error: TrainingError) -> Self {
        match error {
            TrainingError::Specification(message) => Self::bad_spec(message),
            other => Self::data_refused(other.to_string()),
        }
    }
}

/// The output of an earlier stage, which the stage's file must name.
fn input(file: &StageFile, stage: StageName) -> Result<&StageInput, StageError> {
    file.input(stage).ok_or_else(|| {
        let this = file.stage();
        StageError::bad_spec(format!("stage {this} needs the output of stage {stage}; its file names none"))
    })
}

/// Runs work that keeps a processor busy on a thread of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TrainingError> + Send + 'static,
) -> Result<T, StageError> {
    let finished = tokio::task::spawn_blocking(work).await;
    Ok(finished.map_err(|error| StageError::internal(format!("a computation did not finish: {error}")))??)
}

fn output(name: &str, bytes: Vec<u8>, rows: Option<usize>) -> OutputFile {
    OutputFile { name: name.to_owned(), bytes: bytes.into(), rows: rows.map(|rows| rows as u64) }
}
