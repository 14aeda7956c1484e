//! The unit of stage `train`: one trial on one fold.
//!
//! The trial is fitted on the fold's inner training span and scored on its inner test window, then fitted on the
//! whole training span to predict the test window. A unit depends on no other trial, so that adding values to a grid
//! computes only what is new.

use std::ops::Range;

use ats_calendar::Session;
use ats_crds::model::{Calibration, FeatureScaling, LabelScaling, SampleWeights};
use ats_pipeline::spec::{AlgorithmSpec, is_default};
use serde::{Deserialize, Serialize};

use crate::dataset::{Matrix, pick};
use crate::error::TrainingError;
use crate::importance::{Importance, permutation};
use crate::label::Label;
use crate::metric::{self, Figures, Scale, Score, Scored};
use crate::model::{Pipeline, Recipe};
use crate::validation::{Fold, Path, Scheme, Split};

/// What all trials of an object share.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is predicted.
    pub label: Label,
    /// Scaling of the features.
    pub features: FeatureScaling,
    /// Scaling of the label.
    pub label_scaling: LabelScaling,
    /// How much each training row counts.
    pub sample_weights: SampleWeights,
    /// How scores become probabilities.
    pub calibration: Calibration,
    /// The folds.
    pub validation: Scheme,
    /// Decides every random choice.
    pub seed: u64,
}

impl Plan {
    /// How a trial is fitted.
    #[must_use]
    pub fn recipe(&self, trial: &AlgorithmSpec) -> Recipe {
        Recipe {
            trial: trial.clone(),
            features: self.features,
            label: self.label_scaling,
            weights: self.sample_weights,
            calibration: self.calibration,
            label_is_direction: self.label.is_direction(),
            seed: self.seed,
        }
    }

    /// How figures are computed.
    #[must_use]
    pub fn scale(&self, matrix: &Matrix, score: Score) -> Scale {
        Scale { score, horizon: self.label.horizon, bars_a_session: matrix.bars_a_session() }
    }

    /// The folds over the matrix's labelled sessions.
    ///
    /// # Errors
    /// See [`Scheme::folds`].
    pub fn folds(&self, matrix: &Matrix) -> Result<Vec<Fold>, TrainingError> {
        self.validation.folds(matrix.labelled_sessions())
    }

    /// How the folds' predictions are put together.
    ///
    /// # Errors
    /// See [`Scheme::paths`].
    pub fn paths(&self, matrix: &Matrix) -> Result<Vec<Path>, TrainingError> {
        self.validation.paths(matrix.labelled_sessions())
    }
}

/// Sessions from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first session.
    pub from: Session,
    /// The last session.
    pub to: Session,
}

/// A split in figures: the sessions that it spans and how many rows fell where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitReport {
    /// Sessions of the training rows, before purging.
    pub train: Span,
    /// Rows trained on.
    pub train_rows: usize,
    /// Rows left out of training because their label's span meets the test window.
    pub purged: usize,
    /// Training rows left out by the embargo.
    #[serde(default, skip_serializing_if = "is_default")]
    pub embargoed: usize,
    /// The test window, or from the first of several to the last.
    pub test: Span,
    /// The test windows, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_windows: Vec<Span>,
    /// Rows predicted.
    pub test_rows: usize,
}

/// What a unit found, beside its predictions: `figures.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitReport {
    /// The specification.
    pub trial: AlgorithmSpec,
    /// The fold, from 0.
    pub fold: usize,
    /// The fold's split.
    pub outer: SplitReport,
    /// The split inside its training span.
    pub inner: SplitReport,
    /// Scores inside the training span: what trials are compared by.
    pub inner_figures: Figures,
    /// Scores on the test window.
    pub figures: Figures,
    /// How much worse the test window's predictions get without each feature.
    pub importance: Vec<Importance>,
    /// Whether both fits reached their tolerance.
    pub converged: bool,
}

/// Out-of-sample predictions of one unit, or of all folds stitched; rows ascending by time and ticker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predictions {
    /// Row of the matrix.
    pub row: Vec<usize>,
    /// The fold that predicted it, from 0.
    pub fold: Vec<u32>,
    /// The prediction.
    pub prediction: Vec<f64>,
}

impl Predictions {
    /// Figures of these predictions.
    #[must_use]
    pub fn figures(&self, matrix: &Matrix, scale: &Scale) -> Figures {
        self.with_outcomes(matrix, |scored| Figures::new(scored, scale))
    }

    /// The returns whose Sharpe ratio is theirs: of the top less the bottom fifth, every `horizon` dates.
    #[must_use]
    pub fn spreads(&self, matrix: &Matrix, horizon: usize) -> Vec<f64> {
        self.with_outcomes(matrix, |scored| metric::spreads(scored, horizon))
    }

    fn with_outcomes<T>(&self, matrix: &Matrix, measure: impl FnOnce(&Scored<'_>) -> T) -> T {
        let (instant, outcome) = (pick(&matrix.instant, &self.row), pick(&matrix.label, &self.row));
        let (name, forward_return) =
            (pick(&matrix.ticker, &self.row), pick(&matrix.forward_return, &self.row));
        let scored = Scored {
            instant: &instant,
            name: &name,
            prediction: &self.prediction,
            outcome: &outcome,
            forward_return: &forward_return,
        };
        measure(&scored)
    }
}

/// Runs one trial on one fold of `folds`.
///
/// # Errors
/// Too few rows in a span, and whatever the algorithm refuses; the message names the fold.
pub fn run_unit(
    matrix: &Matrix,
    plan: &Plan,
    trial: &AlgorithmSpec,
    folds: &[Fold],
    fold: usize,
) -> Result<(UnitReport, Predictions), TrainingError> {
    let Some(outer_fold) = folds.get(fold) else {
        let message = format!("fold {fold} does not exist; there are {}", folds.len());
        return Err(TrainingError::Specification(message));
    };
    let inner_fold = outer_fold.inner()?;
    let outer = outer_split(matrix, folds, fold);
    let inner = inner_fold.split(outer.train.iter().copied(), &matrix.session, &matrix.label_end);
    require_rows(&outer, outer_fold, "test window", matrix)?;
    require_rows(&inner, &inner_fold, "inner test window", matrix)?;
    let recipe = plan.recipe(trial);
    let named = |error| in_fold(error, fold);

    let inner_pipeline = Pipeline::fit(matrix, &inner.train, &recipe).map_err(named)?;
    let inner_predictions = predict(&inner_pipeline, matrix, &inner.test, fold);
    let inner_figures = inner_predictions.figures(matrix, &plan.scale(matrix, inner_pipeline.score));

    let mut pipeline = Pipeline::fit(matrix, &outer.train, &recipe).map_err(named)?;
    if plan.calibration == Calibration::Sigmoid {
        pipeline = pipeline.calibrate(matrix, &inner_pipeline, &inner.test).map_err(named)?;
    }
    let scale = plan.scale(matrix, pipeline.score);
    let predictions = predict(&pipeline, matrix, &outer.test, fold);
    let report = UnitReport {
        trial: trial.clone(),
        fold,
        outer: report(matrix, outer_fold, &outer),
        inner: report(matrix, &inner_fold, &inner),
        inner_figures,
        figures: predictions.figures(matrix, &scale),
        importance: permutation(matrix, &pipeline, &outer.test, plan.seed, fold),
        converged: inner_pipeline.converged && pipeline.converged,
    };
    Ok((report, predictions))
}

/// The rows of a fold. Those that test the last labelled session also predict the sessions after it, whose outcomes
/// are not known yet: their models were trained before them.
#[must_use]
pub fn outer_split(matrix: &Matrix, folds: &[Fold], fold: usize) -> Split {
    let mut split = folds[fold].split(0..matrix.len(), &matrix.session, &matrix.label_end);
    let end_of = |fold: &Fold| Fold::span(&fold.test).end;
    let end = end_of(&folds[fold]);
    if folds.iter().all(|other| end_of(other) <= end) {
        split.test.extend((0..matrix.len()).filter(|row| matrix.session[*row] as usize >= end));
    }
    split
}

pub(crate) fn predict(pipeline: &Pipeline, matrix: &Matrix, rows: &[usize], fold: usize) -> Predictions {
    Predictions {
        row: rows.to_vec(),
        fold: vec![u32::try_from(fold).unwrap_or(u32::MAX); rows.len()],
        prediction: pipeline.predict(matrix.gather(rows), rows.len()),
    }
}

fn report(matrix: &Matrix, fold: &Fold, split: &Split) -> SplitReport {
    SplitReport {
        train: span(matrix, &Fold::span(&fold.train)),
        train_rows: split.train.len(),
        purged: split.purged,
        embargoed: split.embargoed,
        test: span(matrix, &Fold::span(&fold.test)),
        test_windows: match fold.test.as_slice() {
            [_] => Vec::new(),
            windows => windows.iter().map(|window| span(matrix, window)).collect(),
        },
        test_rows: split.test.len(),
    }
}

fn span(matrix: &Matrix, sessions: &Range<usize>) -> Span {
    Span { from: matrix.sessions[sessions.start], to: matrix.sessions[sessions.end - 1] }
}

fn require_rows(split: &Split, fold: &Fold, window: &str, matrix: &Matrix) -> Result<(), TrainingError> {
    let span = span(matrix, &Fold::span(&fold.test));
    if split.train.len() < 2 || split.test.is_empty() {
        return Err(TrainingError::Data(format!(
            "fold {}: {} rows to train on and {} to test in the {window} {} to {} ({} purged); ask for fewer folds, \
             a longer history or features with shorter windows",
            fold.index + 1,
            split.train.len(),
            split.test.len(),
            span.from,
            span.to,
            split.purged
        )));
    }
    Ok(())
}

fn in_fold(error: TrainingError, fold: usize) -> TrainingError {
    match error {
        TrainingError::Fit { algorithm, message } => {
            TrainingError::Fit { algorithm, message: format!("fold {}: {message}", fold + 1) }
        }
        TrainingError::Data(message) => TrainingError::Data(format!("fold {}: {message}", fold + 1)),
        other => other,
    }
}
