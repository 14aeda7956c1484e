//! What the model card tells beside the figures of all predictions: years, what more data brings, drift.

use std::collections::BTreeMap;

use ats_pipeline::spec::AlgorithmSpec;

use crate::card::{LearningPoint, YearCard};
use crate::dataset::{Matrix, pick};
use crate::drift::Drift;
use crate::error::TrainingError;
use crate::metric::{Figures, Scale};
use crate::model::Pipeline;
use crate::train::{Plan, Predictions, UnitReport, outer_split, predict};
use crate::validation::{Fold, Split};

/// Into how many parts the training sessions of a learning curve are divided.
const PARTS: usize = 4;

/// The fold whose test window ends last, and its rows.
pub(crate) struct LastFold {
    /// Its place among the folds.
    pub(crate) fold: usize,
    split: Split,
}

impl LastFold {
    /// Finds it.
    ///
    /// # Errors
    /// As [`crate::validation::Scheme::folds`].
    pub(crate) fn of(matrix: &Matrix, plan: &Plan) -> Result<Self, TrainingError> {
        let folds = plan.folds(matrix)?;
        let last = folds.iter().enumerate().max_by_key(|(_, fold)| Fold::span(&fold.test).end);
        let fold = last.map_or(0, |(fold, _)| fold);
        Ok(Self { fold, split: outer_split(matrix, &folds, fold) })
    }

    /// The drift of each feature from the rows trained on to those tested.
    pub(crate) fn drift(&self, matrix: &Matrix) -> Vec<Option<Drift>> {
        let column = |column: &Vec<f64>| {
            Drift::between(pick(column, &self.split.train), pick(column, &self.split.test))
        };
        matrix.columns.iter().map(column).collect()
    }

    /// Figures of the test window by how many of the latest training sessions are learned from; the last point is the
    /// unit's own.
    pub(crate) fn learning_curve(
        &self,
        matrix: &Matrix,
        plan: &Plan,
        trial: &AlgorithmSpec,
        unit: &UnitReport,
    ) -> Vec<LearningPoint> {
        let train = &self.split.train;
        let mut sessions = pick(&matrix.session, train);
        sessions.dedup();
        let mut points: Vec<LearningPoint> = (1..PARTS)
            .filter_map(|part| {
                let kept = sessions.len() * part / PARTS;
                let first = *sessions.get(sessions.len() - kept)?;
                let rows: Vec<usize> =
                    train.iter().copied().filter(|row| matrix.session[*row] >= first).collect();
                (rows.len() > 1).then(|| self.point(matrix, plan, trial, kept, &rows))
            })
            .collect();
        points.push(LearningPoint {
            train_sessions: sessions.len(),
            train_rows: train.len(),
            figures: Some(unit.figures.clone()),
            problem: None,
        });
        points
    }

    /// The inner split of a part of the training rows.
    fn inner(&self, matrix: &Matrix, rows: &[usize]) -> Result<Split, TrainingError> {
        let mut sessions = pick(&matrix.session, rows);
        sessions.dedup();
        // Consecutive places become ranges: a scheme may train on both sides of its test windows.
        let train = sessions
            .chunk_by(|a, b| a + 1 == *b)
            .filter_map(|run| Some(*run.first()? as usize..*run.last()? as usize + 1))
            .collect();
        let fold = Fold { index: self.fold, train, test: Vec::new(), embargo: 0 };
        Ok(fold.inner()?.split(rows.iter().copied(), &matrix.session, &matrix.label_end))
    }

    fn point(
        &self,
        matrix: &Matrix,
        plan: &Plan,
        trial: &AlgorithmSpec,
        train_sessions: usize,
        rows: &[usize],
    ) -> LearningPoint {
        let fitted = self
            .inner(matrix, rows)
            .and_then(|inner| Pipeline::fit_calibrated(matrix, rows, &inner, &plan.recipe(trial)));
        let figures = fitted.as_ref().ok().map(|pipeline| {
            predict(pipeline, matrix, &self.split.test, self.fold)
                .figures(matrix, &plan.scale(matrix, pipeline.score))
        });
        // Few rows may not carry a fit; that is part of the answer.
        let problem = fitted.err().map(|error| error.to_string());
        LearningPoint { train_sessions, train_rows: rows.len(), figures, problem }
    }
}

/// Figures by the calendar year of the session; with several paths their means.
pub(crate) fn years(matrix: &Matrix, paths: &[Predictions], scale: &Scale) -> Vec<YearCard> {
    let mut by_year: BTreeMap<i16, Vec<Figures>> = BTreeMap::new();
    for path in paths {
        let year = |row: usize| matrix.sessions[matrix.session[row] as usize].date().year();
        let places: Vec<usize> = (0..path.row.len()).collect();
        for places in places.chunk_by(|a, b| year(path.row[*a]) == year(path.row[*b])) {
            let part = Predictions {
                row: pick(&path.row, places),
                fold: pick(&path.fold, places),
                prediction: pick(&path.prediction, places),
            };
            let figures = part.figures(matrix, scale);
            by_year.entry(year(part.row[0])).or_default().push(figures);
        }
    }
    by_year
        .into_iter()
        .map(|(year, figures)| YearCard { year, figures: Figures::mean_of(&figures) })
        .filter(|card| card.figures.rows > 0)
        .collect()
}
