//! Which trial wins, and which goes on.
//!
//! Pruning looks at inner scores alone, of the folds before the one that it decides on. In a walk-forward those lie
//! before that fold's test window, and so do all labels that they are made of. A fold's winner is the best of the
//! trials that ran on it, also of those that were left out later: to take it from the survivors would choose by
//! scores of later folds, whose inner windows hold this fold's test window.

use ats_crds::model::SearchMetric;
use ats_pipeline::spec::Rung;
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
    /// The search metric on the inner test window of each fold that the trial ran on, greater is better; none where it
    /// is not defined.
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
        InnerScores::new(folds.iter().map(|unit| score(metric, &unit.inner_figures)).collect())
    };
    units.iter().map(scores).collect()
}

impl InnerScores {
    /// These scores, with their mean.
    #[must_use]
    pub fn new(by_fold: Vec<Option<f64>>) -> Self {
        let defined: Vec<f64> = by_fold.iter().flatten().copied().collect();
        Self { mean: crate::metric::mean(&defined), by_fold }
    }
}

/// The trials that run on each rung, as [`running`] says. `units[trial][fold]`, from the first fold on.
///
/// # Errors
/// When the metric is not defined for any trial of a fold of a finished rung.
pub fn course(
    units: &[Vec<UnitReport>],
    rungs: &[Rung],
    metric: SearchMetric,
) -> Result<Vec<Vec<usize>>, TrainingError> {
    let scores: Vec<Vec<Option<f64>>> = units
        .iter()
        .map(|folds| folds.iter().map(|unit| score(metric, &unit.inner_figures)).collect())
        .collect();
    running(&scores, rungs).map_err(|fold| match units.iter().find_map(|folds| folds.get(fold)) {
        Some(unit) => undefined(unit, metric),
        None => TrainingError::Data(format!("no trial has run on fold {}", fold + 1)),
    })
}

/// The trials that run on each rung, ascending, so far as `scores[trial][fold]` tell: the first rung has all of them, a
/// later one the best of the rung before it, once those have run on all of its folds. No score of a fold decides who
/// runs on it, or on one before it.
///
/// # Errors
/// The first fold of a finished rung on which no trial has a score.
pub fn running(scores: &[Vec<Option<f64>>], rungs: &[Rung]) -> Result<Vec<Vec<usize>>, usize> {
    let mut running: Vec<usize> = (0..scores.len()).collect();
    let mut course = vec![running.clone()];
    for (rung, next) in rungs.iter().zip(rungs.iter().skip(1)) {
        if running.iter().any(|trial| scores[*trial].len() < rung.to) {
            break;
        }
        let none = |fold: &usize| running.iter().all(|trial| scores[*trial][*fold].is_none());
        if let Some(fold) = (rung.from..rung.to).find(none) {
            return Err(fold);
        }
        let so_far: Vec<InnerScores> =
            running.iter().map(|trial| InnerScores::new(scores[*trial][..rung.to].to_vec())).collect();
        running = survivors(&so_far, next.trials).into_iter().map(|place| running[place]).collect();
        course.push(running.clone());
    }
    Ok(course)
}

/// The places of the `count` best scores, ascending. A trial that is defined on more folds comes before one that shines
/// on few; ties go to the first.
fn survivors(scores: &[InnerScores], count: usize) -> Vec<usize> {
    let defined = |place: &usize| scores[*place].by_fold.iter().flatten().count();
    // A zero has no sign here.
    let mean = |place: &usize| scores[*place].mean.map_or(f64::NEG_INFINITY, |mean| mean + 0.0);
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|a, b| defined(b).cmp(&defined(a)).then(mean(b).total_cmp(&mean(a))).then(a.cmp(b)));
    places.truncate(count);
    places.sort_unstable();
    places
}

/// Picks for each fold the best inner score of the trials that ran on it, and of the trials that ran on all folds the one
/// with the best mean of them. A single trial wins without a score; ties go to the first in canonical order.
///
/// # Errors
/// When the metric is not defined for any trial of a fold: nothing tells the trials apart there.
pub fn winners(
    units: &[Vec<UnitReport>],
    scores: &[InnerScores],
    metric: SearchMetric,
) -> Result<Winners, TrainingError> {
    let folds = units.iter().map(Vec::len).max().unwrap_or(0);
    if folds == 0 {
        return Err(TrainingError::Data("no trial has run on any fold".to_owned()));
    }
    if units.len() == 1 {
        return Ok(Winners { by_fold: vec![0; folds], overall: 0 });
    }
    let by_fold = (0..folds)
        .map(|fold| {
            let candidates = scores.iter().map(|score| score.by_fold.get(fold).copied().flatten());
            let ran = units.iter().find_map(|trial| trial.get(fold));
            best(candidates).ok_or_else(|| undefined(ran.unwrap_or(&units[0][0]), metric))
        })
        .collect::<Result<_, _>>()?;
    // A trial that is defined on more folds comes before one that shines on few.
    let finished = |score: &&InnerScores| score.by_fold.len() == folds;
    let defined = |score: &InnerScores| score.by_fold.iter().flatten().count();
    let most = scores.iter().filter(finished).map(defined).max().unwrap_or(0);
    let candidates =
        scores.iter().map(|score| score.mean.filter(|_| finished(&score) && defined(score) == most));
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
