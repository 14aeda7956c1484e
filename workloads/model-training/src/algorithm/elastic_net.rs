//! Elastic net through `linfa-elasticnet`: coordinate descent on
//! `1/(2n) |y - Xw - b|^2 + penalty (l1Ratio |w|_1 + (1 - l1Ratio)/2 |w|^2)`, scikit-learn's objective.
//!
//! The objective knows the rows by their second moments alone, so the library is given as many rows as there are
//! features, which have the same: a sweep over the coefficients then costs nothing beside the one pass over the rows that
//! the moments take. They are of centred columns, because the library takes the mean of the label alone for the
//! intercept.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_elasticnet::ElasticNet as Solver;
use linfa_linalg::cholesky::{Cholesky, SolveC};
use ndarray::{Array1, Array2, s};

use super::estimator::Linear;
use super::moments::second;
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_rows, check_scales, weighted_mean};
use crate::error::TrainingError;
use crate::metric::Score;

const NAME: &str = "elasticNet";
/// Relative change of the coefficients, and duality gap over the label's sum of squares, at which the solver stops.
const TOLERANCE: f64 = 1e-10;
const MAX_ITERATIONS: u32 = 10_000;
/// Share of a column's variance that must not be explained by the others.
const COLLINEAR: f64 = 1e-12;

/// Linear regression with L1 and L2 penalties.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ElasticNet {
    /// Overall strength.
    pub penalty: f64,
    /// Share of the L1 part, 0 to 1.
    pub l1_ratio: f64,
}

impl Algorithm for ElasticNet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn score(&self, _label_is_direction: bool) -> Result<Score, TrainingError> {
        Ok(Score::Value)
    }

    fn fit(&self, rows: &TrainingRows<'_>, _seed: u64) -> Result<Fitted, TrainingError> {
        check_rows(NAME, rows)?;
        check_scales(NAME, rows)?;
        let fail = |message: String| TrainingError::Fit { algorithm: NAME, message };
        let means: Vec<f64> = rows.columns.iter().map(|column| weighted_mean(column, rows.weights)).collect();
        let label_mean = weighted_mean(rows.label, rows.weights);
        let features = rows.columns.len();
        let columns: Vec<&[f64]> = rows.columns.iter().map(Vec::as_slice).chain([rows.label]).collect();
        let centres: Vec<f64> = means.iter().copied().chain([label_mean]).collect();
        let moments = second(&columns, &centres, rows.weights);
        let gram = moments.slice(s![..features, ..features]).to_owned();
        let with_label = moments.column(features).slice(s![..features]).to_owned();
        let (coefficients, converged) = if self.penalty * self.l1_ratio > 0.0 {
            self.descend(&gram, &with_label)?
        } else {
            self.solve(gram, &with_label)?
        };
        if coefficients.iter().any(|value| !value.is_finite()) {
            return Err(fail("no finite solution; raise the penalty".to_owned()));
        }
        let shift: f64 = coefficients.iter().zip(&means).map(|(coefficient, mean)| coefficient * mean).sum();
        let linear = Linear { intercept: label_mean - shift, coefficients };
        Ok(Fitted { estimator: Estimator::Linear(linear), converged, gain: None })
    }
}

impl ElasticNet {
    /// Coordinate descent on rows that have these moments: with `R'R` the features' and `R'z` those with the label.
    fn descend(
        &self,
        gram: &Array2<f64>,
        with_label: &Array1<f64>,
    ) -> Result<(Vec<f64>, bool), TrainingError> {
        let (mut x, mut y) = triangle(gram, with_label);
        // The library divides by the number of rows, the moments are divided already.
        let scale = (y.len() as f64).sqrt();
        x *= scale;
        y *= scale;
        let label_squares: f64 = y.iter().map(|value| value * value).sum();
        let fitted = Solver::params()
            .penalty(self.penalty)
            .l1_ratio(self.l1_ratio)
            .with_intercept(false)
            .tolerance(TOLERANCE)
            .max_iterations(MAX_ITERATIONS)
            .fit(&Dataset::new(x, y))
            .map_err(|error| TrainingError::Fit { algorithm: NAME, message: error.to_string() })?;
        let converged = fitted.n_steps() < MAX_ITERATIONS || fitted.duality_gap() < TOLERANCE * label_squares;
        Ok((fitted.hyperplane().to_vec(), converged))
    }

    /// Without an L1 part the solution is that of `(X'X/n + penalty) w = X'y/n`; the descent's duality gap does not
    /// close there, so that it would always run to its limit.
    fn solve(
        &self,
        mut gram: Array2<f64>,
        with_label: &Array1<f64>,
    ) -> Result<(Vec<f64>, bool), TrainingError> {
        let features = with_label.len();
        // What rounding leaves of a collinear column is no information.
        let least = (0..features).map(|i| gram[(i, i)]).fold(0.0, f64::max) * COLLINEAR;
        (0..features).for_each(|i| gram[(i, i)] += self.penalty);
        let moments = with_label
            .to_shape((features, 1))
            .map_err(|error| TrainingError::Fit { algorithm: NAME, message: error.to_string() })?;
        let collinear = || TrainingError::Fit {
            algorithm: NAME,
            message: "features are collinear; set penalty above 0, or drop one of them".to_owned(),
        };
        let factor = gram.cholesky().map_err(|_| collinear())?;
        if factor.diag().iter().any(|value| value * value < least) {
            return Err(collinear());
        }
        let solution = gram.solvec(&moments).map_err(|_| collinear())?;
        Ok((solution.column(0).to_vec(), true))
    }
}

/// A triangle `R` and a column `z` with `R'R` and `R'z` as given (Cholesky). A feature that is a sum of those before
/// it has a row of zeros.
fn triangle(gram: &Array2<f64>, with_label: &Array1<f64>) -> (Array2<f64>, Array1<f64>) {
    let features = with_label.len();
    let mut r = Array2::<f64>::zeros((features, features));
    let mut z = Array1::<f64>::zeros(features);
    for i in 0..features {
        let rest = |j: usize| gram[(i, j)] - (0..i).map(|k| r[(k, i)] * r[(k, j)]).sum::<f64>();
        let square = rest(i);
        if square <= gram[(i, i)] * COLLINEAR {
            continue;
        }
        let root = square.sqrt();
        let row: Vec<f64> = (i..features).map(|j| if j == i { root } else { rest(j) / root }).collect();
        z[i] = (with_label[i] - (0..i).map(|k| r[(k, i)] * z[k]).sum::<f64>()) / root;
        for (j, value) in (i..features).zip(row) {
            r[(i, j)] = value;
        }
    }
    (r, z)
}
