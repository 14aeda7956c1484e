//! What can be wrong in stages `features` and `publish`.

use ats_calendar::CalendarError;
use ats_columns::{ColumnsError, EvaluateError};
use ats_expression::ExpressionError;
use ats_store::StageError;

/// Why a ticker's features, or the dataset, cannot be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// The spec's calendar or its dates are not there.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// Expressions of the spec are refused; the checks before a stage refuse them too.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Expressions(Vec<ExpressionError>),
    /// An artifact cannot be read or written.
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    /// An expression cannot be evaluated.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// An artifact has other columns or rows than the stage that wrote it promises.
    #[error("{ticker}: {problem}")]
    Artifact {
        /// The ticker.
        ticker: String,
        /// What is wrong.
        problem: String,
    },
    /// A document cannot be written.
    #[error("{name} cannot be written: {source}")]
    Json {
        /// The document.
        name: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

impl From<FeatureError> for StageError {
    fn from(error: FeatureError) -> Self {
        match error {
            FeatureError::Calendar(_) | FeatureError::Expressions(_) => Self::bad_spec(error.to_string()),
            FeatureError::Columns(_)
            | FeatureError::Evaluate(_)
            | FeatureError::Artifact { .. }
            | FeatureError::Json { .. } => Self::internal(error.to_string()),
        }
    }
}
