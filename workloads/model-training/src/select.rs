//! Stage `select`: the winners, the stitched predictions, the model fitted on everything, its card.

use ats_crds::model::SearchMetric;
use ats_pipeline::spec::{AlgorithmSpec, PruningSpec, Rung};

use crate::calibration::{ReliabilityBin, reliability};
use crate::card::{self, Card, FeatureCard, FoldCard, PrunedCard, PruningCard, TrialCard};
use crate::dataset::Matrix;
use crate::drift::Drift;
use crate::error::TrainingError;
use crate::evidence::{LastFold, years};
use crate::formula;
use crate::label::{Label, LabelKind};
use crate::metric::sharpe;
use crate::metric::{Figures, Score, deviation, mean};
use crate::model::{KIND, Model, Pipeline, Training, VERSION};
use crate::search::{course, inner_scores, winners};
use crate::train::{Plan, Predictions, UnitReport};
use crate::trials::Trial;
use crate::uniqueness::uniqueness;
use crate::validation::{Fold, Path};

/// What `select` is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What all trials share.
    pub plan: &'a Plan,
    /// The trials in canonical order.
    pub trials: &'a [AlgorithmSpec],
    /// By which they are compared; none without a search.
    pub metric: Option<SearchMetric>,
    /// Which trials are left out of later folds.
    pub pruning: Option<PruningSpec>,
    /// What was tried under the model's name before, without what is tried again now.
    pub earlier: &'a [Trial],
    /// Digest of the dataset.
    pub dataset: &'a str,
}

impl Request<'_> {
    /// Distinct specifications so far: N of the deflated Sharpe ratio.
    fn number_of_trials(&self) -> usize {
        self.trials.len() + self.earlier.len()
    }
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

/// Selects from `units[trial][fold]`; a pruned trial has the units of its first folds.
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
    let folds = plan.folds(matrix)?.len();
    let rungs = Rung::all(request.pruning, reports.len(), folds);
    let last_rungs = last_rungs(&reports, &rungs, &course(&reports, &rungs, metric)?)?;
    let pruning = request.pruning.map(|pruning| PruningCard::new(pruning, reports.len(), folds));
    let scores = inner_scores(&reports, metric);
    let winners = winners(&reports, &scores, metric)?;

    let paths = plan.paths(matrix)?;
    let winning: Vec<&Predictions> =
        winners.by_fold.iter().enumerate().map(|(fold, trial)| &predictions[*trial][fold]).collect();
    let stitched = stitch(matrix, &paths, &winning);
    let pipeline = refit(matrix, plan, &request.trials[winners.overall])?;
    let scale = plan.scale(matrix, pipeline.score);
    let path_figures: Vec<Figures> = stitched.iter().map(|path| path.figures(matrix, &scale)).collect();
    let figures = Figures::mean_of(&path_figures);
    let trials: Vec<TrialCard> = (0..reports.len())
        .map(|trial| TrialCard {
            specification: request.trials[trial].clone(),
            inner_scores: request.metric.map(|_| scores[trial].clone()),
            pruned: Some(last_rungs[trial])
                .filter(|last| last + 1 < rungs.len())
                .map(|last| PrunedCard { rung: last + 1, folds: rungs[last].to }),
            figures: {
                let folds: Vec<&Predictions> = predictions[trial].iter().collect();
                let paths = stitch(matrix, &paths, &folds);
                let figures: Vec<Figures> = paths.iter().map(|path| path.figures(matrix, &scale)).collect();
                Figures::mean_of(&figures)
            },
        })
        .collect();
    let own = trials.iter().map(|trial| trial.figures.sharpe_per_period);
    let before = request.earlier.iter().map(|trial| trial.sharpe_per(scale.periods_per_year()));
    let ratios: Vec<f64> = own.chain(before).flatten().collect();
    let number_of_trials = request.number_of_trials();
    // Several trials of which fewer than two have a ratio leave the benchmark undefined.
    let ratios_deviation = if number_of_trials == 1 { Some(0.0) } else { deviation(&ratios) };
    let expected_best_sharpe =
        ratios_deviation.map(|deviation| sharpe::expected_best(deviation, number_of_trials));
    let deflated_sharpe = expected_best_sharpe.and_then(|benchmark| {
        let deflated =
            |path: &Predictions| sharpe::probabilistic(&path.spreads(matrix, plan.label.horizon), benchmark);
        mean(&stitched.iter().map(deflated).collect::<Option<Vec<f64>>>()?)
    });

    let last = LastFold::of(matrix, plan)?;
    let last_trial = winners.by_fold[last.fold];
    let learning_curve =
        last.learning_curve(matrix, plan, &request.trials[last_trial], &reports[last_trial][last.fold]);
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
        sample_weights: plan.sample_weights,
        average_uniqueness: mean(&uniqueness(matrix, &labelled(matrix))),
        calibration: plan.calibration,
        reliability: reliability_of(matrix, &stitched, pipeline.score),
        score: pipeline.score,
        rows: matrix.counts.clone(),
        seed: plan.seed,
        search_metric: request.metric,
        number_of_trials,
        earlier_trials: request.earlier.len(),
        notes: notes(&figures, request, pruning.as_ref(), converged),
        pruning,
        trials,
        folds,
        years: years(matrix, &stitched, &scale),
        learning_curve,
        figures,
        paths: if path_figures.len() > 1 { path_figures } else { Vec::new() },
        expected_best_sharpe,
        deflated_sharpe,
        importance: importance(matrix, &reports, &winners.by_fold, &pipeline, &last.drift(matrix)),
        specification: request.trials[winners.overall].clone(),
        training: training.clone(),
        converged,
        formulas: formula::all(),
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
    Ok(Selection { model, predictions: together(&winning), card })
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

/// The place of the last rung of each trial, whose units must be those of the rungs up to it.
fn last_rungs(
    reports: &[Vec<UnitReport>],
    rungs: &[Rung],
    course: &[Vec<usize>],
) -> Result<Vec<usize>, TrainingError> {
    let last = |trial: usize| course.iter().rposition(|running| running.contains(&trial)).unwrap_or(0);
    let places: Vec<usize> = (0..reports.len()).map(last).collect();
    let fit = course.len() == rungs.len()
        && places.iter().zip(reports).all(|(place, folds)| folds.len() == rungs[*place].to);
    if fit {
        return Ok(places);
    }
    Err(TrainingError::Data("the units of stage train are not those of the folds of each trial".to_owned()))
}

/// The predictions of each path, from those of each fold, as far as there are such; rows ascending by time and ticker.
fn stitch(matrix: &Matrix, paths: &[Path], folds: &[&Predictions]) -> Vec<Predictions> {
    let path = |path: &Path| {
        let mut stitched = Predictions::default();
        let last = path.parts.len().saturating_sub(1);
        for (part, (fold, sessions)) in path.parts.iter().enumerate() {
            let Some(predictions) = folds.get(*fold) else { continue };
            for (place, row) in predictions.row.iter().enumerate() {
                let session = matrix.session[*row] as usize;
                // Behind the last labelled session are the rows whose outcomes are not known yet.
                if session >= sessions.start && (session < sessions.end || part == last) {
                    stitched.row.push(*row);
                    stitched.fold.push(predictions.fold[place]);
                    stitched.prediction.push(predictions.prediction[place]);
                }
            }
        }
        stitched
    };
    paths.iter().map(path).collect()
}

/// All predictions, ascending by time, ticker and fold.
fn together(folds: &[&Predictions]) -> Predictions {
    let mut all: Vec<(usize, u32, f64)> = folds
        .iter()
        .flat_map(|fold| {
            fold.row.iter().zip(&fold.fold).zip(&fold.prediction).map(|((row, fold), p)| (*row, *fold, *p))
        })
        .collect();
    all.sort_by_key(|(row, fold, _)| (*row, *fold));
    let mut together = Predictions::default();
    for (row, fold, prediction) in all {
        together.row.push(row);
        together.fold.push(fold);
        together.prediction.push(prediction);
    }
    together
}

fn labelled(matrix: &Matrix) -> Vec<usize> {
    (0..matrix.len()).filter(|row| matrix.label_end[*row].is_some()).collect()
}

fn refit(matrix: &Matrix, plan: &Plan, trial: &AlgorithmSpec) -> Result<Pipeline, TrainingError> {
    let rows = labelled(matrix);
    let everything = Fold { index: 0, train: vec![matrix.labelled_sessions()], test: Vec::new(), embargo: 0 };
    let inner = everything.inner()?.split(rows.iter().copied(), &matrix.session, &matrix.label_end);
    Pipeline::fit_calibrated(matrix, &rows, &inner, &plan.recipe(trial))
}

/// Of probabilities: how often what they say comes true.
fn reliability_of(matrix: &Matrix, paths: &[Predictions], score: Score) -> Vec<ReliabilityBin> {
    if score != Score::ProbabilityMinusHalf {
        return Vec::new();
    }
    let pairs = || paths.iter().flat_map(|path| path.row.iter().zip(&path.prediction));
    let known = || pairs().filter(|(row, _)| matrix.label_end[**row].is_some());
    let probabilities: Vec<f64> = known().map(|(_, prediction)| prediction + 0.5).collect();
    let up: Vec<bool> = known().map(|(row, _)| matrix.label[*row] > 0.0).collect();
    reliability(&probabilities, &up)
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
    drift: &[Option<Drift>],
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
                drift: drift.get(feature).copied().flatten(),
                gain: pipeline.gain.as_ref().and_then(|gain| gain.get(feature).copied()),
            }
        })
        .collect();
    let weight = |card: &FeatureCard| card.permutation.unwrap_or(f64::NEG_INFINITY);
    cards.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.feature.cmp(&b.feature)));
    cards
}

fn notes(
    figures: &Figures,
    request: &Request<'_>,
    pruning: Option<&PruningCard>,
    converged: bool,
) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(pruning) = pruning {
        notes.push(format!(
            "{} of {} trials were pruned: their figures are of the folds that they ran on, and all count for the \
             deflated Sharpe ratio.",
            pruning.pruned_trials, pruning.rungs[0].trials
        ));
    }
    if !request.earlier.is_empty() {
        notes.push(format!(
            "{} specifications have been tried under this name, {} of them before this one and not again: all count \
             for the deflated Sharpe ratio.",
            request.number_of_trials(),
            request.earlier.len()
        ));
    }
    if !request.plan.validation.is_causal() {
        notes.push(
            "The folds train on later sessions too: these figures judge the specification, the predictions are none \
             that could have been traded."
                .to_owned(),
        );
    }
    if figures.constant_prediction {
        notes.push(
            "All predictions are equal: the penalty leaves no coefficient; every gate fails.".to_owned(),
        );
    }
    let across_names = [
        ("rankIc", figures.rank_ic),
        ("ic", figures.ic),
        ("icir", figures.icir),
        ("sharpe", figures.sharpe),
        ("turnover", figures.turnover),
    ];
    let missing: Vec<&str> =
        across_names.into_iter().filter_map(|(name, value)| value.is_none().then_some(name)).collect();
    if !missing.is_empty() {
        notes.push(format!("Not defined: {}: {}.", missing.join(", "), card::why_undefined(figures)));
    }
    if !converged {
        notes.push(
            "A fit stopped at its limit of iterations: raise the penalty, lower the cost or drop collinear features."
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
