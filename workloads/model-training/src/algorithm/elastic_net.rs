//! Elastic net through `linfa-elasticnet`: coordinate descent on
//! `1/(2n) |y - Xw - b|^2 + penalty (l1Ratio |w|_1 + (1 - l1Ratio)/2 |w|^2)`, scikit-learn's objective.
//!
//! Columns are centred here, because the library takes the mean of the label alone for the intercept, which is the
//! solution only for centred columns.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_elasticnet::ElasticNet as Solver;
use linfa_linalg::cholesky::{Cholesky, SolveC};
use ndarray::{Array1, Array2, ShapeBuilder};

use super::estimator::Linear;
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
        // A weight of a squared error is the square of what multiplies the row.
        let centred = |column: &[f64], mean: f64| -> Vec<f64> {
            match rows.weights {
                None => column.iter().map(|value| value - mean).collect(),
                Some(weights) => {
                    column.iter().zip(weights).map(|(value, w)| (value - mean) * w.sqrt()).collect()
                }
            }
        };
        let mut values = Vec::with_capacity(rows.label.len() * rows.columns.len());
        for (column, mean) in rows.columns.iter().zip(&means) {
            values.extend(centred(column, *mean));
        }
        let x = Array2::from_shape_vec((rows.label.len(), rows.columns.len()).f(), values)
            .map_err(|error| fail(error.to_string()))?;
        let y = Array1::from(centred(rows.label, label_mean));
        let (coefficients, converged) =
            if self.penalty * self.l1_ratio > 0.0 { self.descend(x, y)? } else { self.solve(&x, &y)? };
        if coefficients.iter().any(|value| !value.is_finite()) {
            return Err(fail("no finite solution; raise the penalty".to_owned()));
        }
        let shift: f64 = coefficients.iter().zip(&means).map(|(coefficient, mean)| coefficient * mean).sum();
        let linear = Linear { intercept: label_mean - shift, coefficients };
        Ok(Fitted { estimator: Estimator::Linear(linear), converged, gain: None })
    }
}

impl ElasticNet {
    /// Coordinate descent on centred columns.
    fn descend(&self, x: Array2<f64>, y: Array1<f64>) -> Result<(Vec<f64>, bool), TrainingError> {
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
    fn solve(&self, x: &Array2<f64>, y: &Array1<f64>) -> Result<(Vec<f64>, bool), TrainingError> {
        let (rows, features) = x.dim();
        let product = |i: usize, j: usize| x.column(i).dot(&x.column(j)) / rows as f64;
        let mut gram = Array2::from_shape_fn((features, features), |(i, j)| product(i.min(j), i.max(j)));
        // What rounding leaves of a collinear column is no information.
        let least = (0..features).map(|i| gram[(i, i)]).fold(0.0, f64::max) * COLLINEAR;
        (0..features).for_each(|i| gram[(i, i)] += self.penalty);
        let moments = Array2::from_shape_fn((features, 1), |(i, _)| x.column(i).dot(y) / rows as f64);
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
