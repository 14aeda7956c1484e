//! From a stage's spec to checked expressions, a calendar and inputs.

use ats_calendar::{Calendar, CalendarError};
use ats_columns::Adjustment;
use ats_crds::universe::{self, CalendarName};
use ats_expression::FeatureGraph;
use ats_pipeline::spec::NamedExpression;
use ats_pipeline::{StageFile, StageInput, StageName};
use ats_store::StageError;

use crate::error::FeatureError;

/// The spec's features and its ranking, checked.
pub(crate) fn graph<'a>(
    features: impl IntoIterator<Item = &'a NamedExpression>,
    ranking: Option<&str>,
) -> Result<FeatureGraph, FeatureError> {
    let pairs: Vec<(&str, &str)> =
        features.into_iter().map(|feature| (feature.name.as_str(), feature.expression.as_str())).collect();
    FeatureGraph::new(&pairs, ranking).map_err(FeatureError::Expressions)
}

pub(crate) fn calendar(name: CalendarName) -> Result<&'static Calendar, CalendarError> {
    Calendar::by_name(name.as_str())
}

pub(crate) fn adjustment(adjustment: universe::Adjustment) -> Adjustment {
    match adjustment {
        universe::Adjustment::SplitsAndDividends => Adjustment::SplitsAndDividends,
        universe::Adjustment::Splits => Adjustment::Splits,
        universe::Adjustment::None => Adjustment::None,
    }
}

/// The output of an earlier stage, which the stage's file must name.
pub(crate) fn input(file: &StageFile, stage: StageName) -> Result<&StageInput, StageError> {
    file.input(stage).ok_or_else(|| {
        StageError::bad_spec(format!(
            "stage {} needs the output of stage {stage}; its file names none",
            file.stage()
        ))
    })
}

/// Runs work that keeps a processor busy on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FeatureError> + Send + 'static,
) -> Result<T, StageError> {
    let finished = tokio::task::spawn_blocking(work).await;
    Ok(finished.map_err(|error| StageError::internal(format!("a computation did not finish: {error}")))??)
}
