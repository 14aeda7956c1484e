//! Stage `select`: the winners, the stitched predictions, the model fitted on everything, its card.

use ats_crds::model::SearchMetric;
use ats_pipeline::spec::AlgorithmSpec;

use crate::card::{self, Card, FeatureCard, FoldCard, TrialCard};
use crate::dataset::{Matrix, pick};
use crate::error::TrainingError;
use crate::label::{Label, LabelKind};
use crate::metric::sharpe;
use crate::metric::{Figures, Scored, deviation};
use crate::model::{KIND, Model, Pipeline, Training, VERSION};
use crate::search::{inner_scores, winners};
use crate::train::{Plan, Predictions, UnitReport};

/// What `select` is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What all trials share.
    pub plan: &'a Plan,
    /// The trials in canonical order.
    pub trials: &'a [AlgorithmSpec],
    /// By which they are compared; none without a search.
    pub metric: Option<SearchMetric>,
    /// Digest of the dataset.
    pub dataset: &'a str,
}

/// What `select` gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The model fitted on everything.
    pub model: Model,
    /// The stitched out-of-sample predictions, each from its fold's winner.
    pub predictions: Predictions,
    /// The model card.
    pub card: Card,
}

/// Selects from `units[trial][fold]`.
///
/// # Errors
/// Units that do not fit the trials, a search metric that is not defined, and whatever the last fit refuses.
pub fn select(
    matrix: &Matrix,
    request: &Request<'_>,
    units: Vec<Vec<(UnitReport, Predictions)>>,
) -> Result<Selection, TrainingError> {
    let plan = request.plan;
    let (reports, predictions): (Vec<Vec<UnitReport>>, Vec<Vec<Predictions>>) =
        units.into_iter().map(|folds| folds.into_iter().unzip()).unzip();
    check_units(request.trials, &reports)?;
    // With one trial there is nothing to compare, and the metric decides nothing.
    let metric = request.metric.unwrap_or_default();
    let scores = inner_scores(&reports, metric);
    let winners = winners(&reports, &scores, metric)?;

    let stitched = stitch(winners.by_fold.iter().enumerate().map(|(fold, trial)| &predictions[*trial][fold]));
    let pipeline = refit(matrix, plan, &request.trials[winners.overall])?;
    let scale = plan.scale(matrix, pipeline.score);
    let figures = stitched.figures(matrix, &scale);
    let trials: Vec<TrialCard> = (0..reports.len())
        .map(|trial| TrialCard {
            specification: request.trials[trial].clone(),
            inner_scores: request.metric.map(|_| scores[trial].clone()),
            figures: stitch(predictions[trial].iter()).figures(matrix, &scale),
        })
        .collect();
    let ratios: Vec<f64> = trials.iter().filter_map(|trial| trial.figures.sharpe_per_period).collect();
    // Several trials of which fewer than two have a ratio leave the benchmark undefined.
    let ratios_deviation = if trials.len() == 1 { Some(0.0) } else { deviation(&ratios) };
    let expected_best_sharpe =
        ratios_deviation.map(|deviation| sharpe::expected_best(deviation, trials.len()));
    let deflated_sharpe = expected_best_sharpe
        .and_then(|benchmark| sharpe::probabilistic(&spreads(matrix, plan, &stitched), benchmark));

    let training = training(matrix, request);
    let folds: Vec<FoldCard> = winners
        .by_fold
        .iter()
        .enumerate()
        .map(|(fold, trial)| fold_card(*trial, &reports[*trial][fold]))
        .collect();
    let converged = pipeline.converged && folds.iter().all(|fold| fold.converged);
    let card = Card {
        version: card::VERSION,
        dataset: request.dataset.to_owned(),
        features: matrix.features.clone(),
        feature_scaling: plan.features,
        label_scaling: plan.label_scaling,
        label: describe(&plan.label),
        score: pipeline.score,
        rows: matrix.counts.clone(),
        seed: plan.seed,
        search_metric: request.metric,
        number_of_trials: trials.len(),
        trials,
        folds,
        notes: notes(&figures, converged),
        figures,
        expected_best_sharpe,
        deflated_sharpe,
        importance: importance(matrix, &reports, &winners.by_fold, &pipeline),
        specification: request.trials[winners.overall].clone(),
        training: training.clone(),
        converged,
    };
    let model = Model {
        kind: KIND.to_owned(),
        version: VERSION,
        features: matrix.features.clone(),
        feature_scaling: plan.features,
        specification: request.trials[winners.overall].clone(),
        training,
        pipeline,
    };
    Ok(Selection { model, predictions: stitched, card })
}

fn check_units(trials: &[AlgorithmSpec], reports: &[Vec<UnitReport>]) -> Result<(), TrainingError> {
    let fit = trials.len() == reports.len()
        && trials.iter().zip(reports).all(|(trial, folds)| {
            folds.iter().enumerate().all(|(fold, unit)| unit.fold == fold && unit.trial == *trial)
        });
    if fit {
        return Ok(());
    }
    Err(TrainingError::Data("the units of stage train are not those of the trials".to_owned()))
}

fn stitch<'a>(folds: impl Iterator<Item = &'a Predictions>) -> Predictions {
    let mut stitched = Predictions::default();
    folds.for_each(|fold| stitched.extend(fold));
    stitched
}

fn labelled(matrix: &Matrix) -> Vec<usize> {
    (0..matrix.len()).filter(|row| matrix.label_end[*row].is_some()).collect()
}

fn refit(matrix: &Matrix, plan: &Plan, trial: &AlgorithmSpec) -> Result<Pipeline, TrainingError> {
    Pipeline::fit(matrix, &labelled(matrix), &plan.recipe(trial))
}

fn training(matrix: &Matrix, request: &Request<'_>) -> Training {
    let rows = labelled(matrix);
    let sessions = matrix.labelled_sessions();
    let last_end = rows.iter().filter_map(|row| matrix.label_end[*row]).max().unwrap_or(0);
    Training {
        dataset: request.dataset.to_owned(),
        rows: rows.len(),
        first_session: matrix.sessions[sessions.start],
        last_session: matrix.sessions[sessions.end - 1],
        last_label_end: matrix.sessions[last_end as usize],
        seed: request.plan.seed,
    }
}

fn spreads(matrix: &Matrix, plan: &Plan, predictions: &Predictions) -> Vec<f64> {
    let rows: Vec<usize> = (0..predictions.row.len())
        .filter(|place| matrix.label_end[predictions.row[*place]].is_some())
        .collect();
    let row = pick(&predictions.row, &rows);
    let (instant, outcome) = (pick(&matrix.instant, &row), pick(&matrix.label, &row));
    let (prediction, forward_return) =
        (pick(&predictions.prediction, &rows), pick(&matrix.forward_return, &row));
    let scored = Scored {
        instant: &instant,
        prediction: &prediction,
        outcome: &outcome,
        forward_return: &forward_return,
    };
    let places: Vec<usize> = (0..row.len()).collect();
    let dates: Vec<&[usize]> =
        places.chunk_by(|a, b| instant[*a] == instant[*b]).step_by(plan.label.horizon).collect();
    sharpe::quintile_spreads(&scored, &dates)
}

fn fold_card(trial: usize, unit: &UnitReport) -> FoldCard {
    FoldCard {
        fold: unit.fold + 1,
        trial,
        split: unit.outer.clone(),
        inner_split: unit.inner.clone(),
        figures: unit.figures.clone(),
        converged: unit.converged,
    }
}

/// Permutation importance of the winners' folds, weighted by their rows; most important first.
fn importance(
    matrix: &Matrix,
    reports: &[Vec<UnitReport>],
    by_fold: &[usize],
    pipeline: &Pipeline,
) -> Vec<FeatureCard> {
    let mut cards: Vec<FeatureCard> = (0..matrix.features.len())
        .map(|feature| {
            let (mut total, mut rows) = (0.0, 0.0);
            for (fold, trial) in by_fold.iter().enumerate() {
                let unit = &reports[*trial][fold];
                if let Some(value) =
                    unit.importance.get(feature).and_then(|importance| importance.permutation)
                {
                    total += value * unit.figures.rows as f64;
                    rows += unit.figures.rows as f64;
                }
            }
            FeatureCard {
                feature: matrix.features[feature].clone(),
                permutation: (rows > 0.0).then(|| total / rows),
                coefficient: pipeline.estimator.coefficients().map(|coefficients| coefficients[feature]),
            }
        })
        .collect();
    let weight = |card: &FeatureCard| card.permutation.unwrap_or(f64::NEG_INFINITY);
    cards.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.feature.cmp(&b.feature)));
    cards
}

fn notes(figures: &Figures, converged: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if figures.constant_prediction {
        notes.push(
            "All predictions are equal: the penalty leaves no coefficient; every gate fails.".to_owned(),
        );
    }
    let missing: Vec<&str> =
        [("rankIc", figures.rank_ic), ("ic", figures.ic), ("icir", figures.icir), ("sharpe", figures.sharpe)]
            .into_iter()
            .filter_map(|(name, value)| value.is_none().then_some(name))
            .collect();
    if !missing.is_empty() {
        notes.push(format!("Not defined: {}: {}.", missing.join(", "), card::why_undefined(figures)));
    }
    if !converged {
        notes.push(
            "A fit stopped at its limit of iterations: raise the penalty or drop collinear features."
                .to_owned(),
        );
    }
    notes
}

fn describe(label: &Label) -> String {
    let entry = format!("{:?}", label.entry);
    let bars = label.horizon;
    match label.kind {
        LabelKind::ForwardReturn => format!("forward return over {bars} bars, entry {entry}"),
        LabelKind::ForwardDirection => format!("sign of the forward return over {bars} bars, entry {entry}"),
        LabelKind::TripleBarrier { profit_taking, stop_loss } => format!(
            "triple barrier over {bars} bars, entry {entry}, {profit_taking} up and {stop_loss} down in trailing \
             21-bar volatilities"
        ),
    }
}
