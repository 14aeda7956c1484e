//! Which trial wins.

use ats_crds::model::SearchMetric;
use serde::{Deserialize, Serialize};

use crate::error::TrainingError;
use crate::metric::Figures;
use crate::train::UnitReport;

/// The score by which trials are compared inside a fold's training span: greater is better, so an error counts
/// negative. None where the metric is not defined, and for constant predictions.
#[must_use]
pub fn score(metric: SearchMetric, figures: &Figures) -> Option<f64> {
    if figures.constant_prediction {
        return None;
    }
    match metric {
        SearchMetric::RankIc => figures.rank_ic,
        SearchMetric::Ic => figures.ic,
        SearchMetric::MeanSquaredError => figures.mean_squared_error.map(|error| -error),
        SearchMetric::HitRate => figures.hit_rate,
    }
}

/// A trial's inner scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InnerScores {
    /// The search metric on the inner test window of each fold, greater is better; none where it is not defined.
    pub by_fold: Vec<Option<f64>>,
    /// Their mean over the folds where it is defined.
    pub mean: Option<f64>,
}

/// Which trials win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Winners {
    /// For each fold the place of its best trial.
    pub by_fold: Vec<usize>,
    /// The place of the specification that is fitted on everything.
    pub overall: usize,
}

/// The inner scores of each trial; `units[trial][fold]`.
#[must_use]
pub fn inner_scores(units: &[Vec<UnitReport>], metric: SearchMetric) -> Vec<InnerScores> {
    let scores = |folds: &Vec<UnitReport>| {
        let by_fold: Vec<Option<f64>> = folds.iter().map(|unit| score(metric, &unit.inner_figures)).collect();
        let defined: Vec<f64> = by_fold.iter().flatten().copied().collect();
        InnerScores { mean: crate::metric::mean(&defined), by_fold }
    };
    units.iter().map(scores).collect()
}

/// Picks for each fold the trial with the best inner score, and the one with the best mean of them. A single trial
/// wins without a score; ties go to the first in canonical order.
///
/// # Errors
/// When the metric is not defined for any trial of a fold: nothing tells the trials apart there.
pub fn winners(
    units: &[Vec<UnitReport>],
    scores: &[InnerScores],
    metric: SearchMetric,
) -> Result<Winners, TrainingError> {
    let folds = units.first().map_or(0, Vec::len);
    if units.is_empty() || folds == 0 || units.iter().any(|trial| trial.len() != folds) {
        return Err(TrainingError::Data("the trials have different numbers of folds".to_owned()));
    }
    if units.len() == 1 {
        return Ok(Winners { by_fold: vec![0; folds], overall: 0 });
    }
    let by_fold = (0..folds)
        .map(|fold| {
            let candidates = scores.iter().map(|score| score.by_fold[fold]);
            best(candidates).ok_or_else(|| undefined(&units[0][fold], metric))
        })
        .collect::<Result<_, _>>()?;
    // A trial that is defined on more folds comes before one that shines on few.
    let most = scores.iter().map(|score| score.by_fold.iter().flatten().count()).max().unwrap_or(0);
    let candidates = scores
        .iter()
        .map(|score| if score.by_fold.iter().flatten().count() == most { score.mean } else { None });
    let overall = best(candidates).ok_or_else(|| undefined(&units[0][0], metric))?;
    Ok(Winners { by_fold, overall })
}

fn best(scores: impl Iterator<Item = Option<f64>>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (place, score) in scores.enumerate() {
        if let Some(score) = score
            && best.is_none_or(|(_, most)| score > most)
        {
            best = Some((place, score));
        }
    }
    best.map(|(place, _)| place)
}

fn undefined(unit: &UnitReport, metric: SearchMetric) -> TrainingError {
    let figures = &unit.inner_figures;
    TrainingError::Specification(format!(
        "search.metric {metric:?} is not defined for any trial on the inner test window {} to {} of fold {}: {} of its \
         {} dates have fewer than five names; choose MeanSquaredError or HitRate, add tickers, or leave search out",
        unit.inner.test.from,
        unit.inner.test.to,
        unit.fold + 1,
        figures.dates_with_few_names,
        figures.dates
    ))
}
