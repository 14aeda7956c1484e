//! Logistic regression with an L2 penalty: Newton's method on
//! `mean of ln(1 + e^(-s z)) + penalty/2 |w|^2`, `z = b + Xw`, `s` 1 for up and -1 otherwise. In scikit-learn's terms
//! `C = 1 / (rows x penalty)`; the intercept is not penalised.
//!
//! `linfa-logistic` minimises the same function by way of the platform's `exp` and `ln`, whose last bits differ
//! between C libraries, so that a model trained on a laptop would not equal the one trained in a container. The maths
//! here is `libm`'s, the reductions have a fixed order; the tests compare with `linfa-logistic` and scikit-learn.

use linfa_linalg::cholesky::SolveC;
use ndarray::Array2;

use super::estimator::{Linear, logistic};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_directions, check_rows, check_scales};
use crate::error::TrainingError;
use crate::metric::{Score, mean};

const NAME: &str = "logistic";
/// Largest slope of the objective at which the solver stops.
const TOLERANCE: f64 = 1e-11;
/// Least mean loss of a solution: below it every row is predicted with certainty.
const SEPARATED: f64 = 1e-8;
const MAX_ITERATIONS: usize = 100;
const MAX_HALVINGS: usize = 40;

/// Logistic regression with an L2 penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logistic {
    /// Strength of the penalty beside the mean loss of a row.
    pub penalty: f64,
}

impl Algorithm for Logistic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn score(&self, label_is_direction: bool) -> Result<Score, TrainingError> {
        if label_is_direction {
            return Ok(Score::ProbabilityMinusHalf);
        }
        Err(TrainingError::Specification(
            "algorithm.logistic learns a direction; set label.forwardDirection, or choose another algorithm, such as \
             elasticNet or randomForest, for this label"
                .to_owned(),
        ))
    }

    fn fit(&self, rows: &TrainingRows<'_>, _seed: u64) -> Result<Fitted, TrainingError> {
        check_rows(NAME, rows)?;
        check_scales(NAME, rows)?;
        check_directions(NAME, rows)?;
        // Centred columns make the intercept nearly independent of the coefficients.
        let means: Vec<f64> = rows.columns.iter().map(|column| mean(column).unwrap_or(0.0)).collect();
        let columns: Vec<Vec<f64>> = rows
            .columns
            .iter()
            .zip(&means)
            .map(|(column, mean)| column.iter().map(|value| value - mean).collect())
            .collect();
        let problem =
            Problem { columns: &columns, label: rows.label, weights: rows.weights, penalty: self.penalty };
        let (linear, converged) = problem.solve()?;
        if problem.value(&linear) < SEPARATED {
            let message =
                "the features separate the directions, so that no finite solution is best; raise penalty";
            return Err(TrainingError::Fit { algorithm: NAME, message: message.to_owned() });
        }
        let shift: f64 =
            linear.coefficients.iter().zip(&means).map(|(coefficient, mean)| coefficient * mean).sum();
        let linear = Linear { intercept: linear.intercept - shift, coefficients: linear.coefficients };
        Ok(Fitted { estimator: Estimator::Logistic(linear), converged, gain: None })
    }
}

struct Problem<'a> {
    columns: &'a [Vec<f64>],
    label: &'a [f64],
    weights: Option<&'a [f64]>,
    penalty: f64,
}

impl Problem<'_> {
    fn solve(&self) -> Result<(Linear, bool), TrainingError> {
        let features = self.columns.len();
        let mut point = Linear { intercept: 0.0, coefficients: vec![0.0; features] };
        let mut value = self.value(&point);
        for _ in 0..MAX_ITERATIONS {
            let (gradient, mut hessian) = self.derivatives(&point);
            if gradient.iter().all(|slope| slope.abs() <= TOLERANCE) {
                return Ok((point, true));
            }
            let step = hessian.solvec(&gradient).map_err(|_| TrainingError::Fit {
                algorithm: NAME,
                message: "features are collinear or separate the directions; set penalty above 0".to_owned(),
            })?;
            let mut size = 1.0;
            let mut halvings = 0;
            loop {
                let next = Linear {
                    intercept: point.intercept - size * step[(0, 0)],
                    coefficients: (0..features)
                        .map(|j| point.coefficients[j] - size * step[(j + 1, 0)])
                        .collect(),
                };
                let next_value = self.value(&next);
                if next_value < value {
                    (point, value) = (next, next_value);
                    break;
                }
                if halvings == MAX_HALVINGS {
                    // The objective falls no further in this precision: this is its least value if the slope is
                    // small as well.
                    let small = gradient.iter().all(|slope| slope.abs() <= 1e-7);
                    return Ok((point, small));
                }
                size *= 0.5;
                halvings += 1;
            }
        }
        Ok((point, false))
    }

    /// The objective.
    fn value(&self, point: &Linear) -> f64 {
        let predictors = point.predict(self.columns, self.label.len());
        let loss: f64 = predictors
            .iter()
            .zip(self.label)
            .enumerate()
            .map(|(row, (z, label))| {
                let margin = if *label > 0.0 { *z } else { -*z };
                // ln(1 + e^-m) without overflow.
                let loss = if margin >= 0.0 {
                    libm::log1p(libm::exp(-margin))
                } else {
                    libm::log1p(libm::exp(margin)) - margin
                };
                self.weigh(row, loss)
            })
            .sum();
        let squares: f64 = point.coefficients.iter().map(|w| w * w).sum();
        loss / self.label.len() as f64 + 0.5 * self.penalty * squares
    }

    fn weigh(&self, row: usize, value: f64) -> f64 {
        self.weights.map_or(value, |weights| weights[row] * value)
    }

    /// Its slope, as one column, and curvature; entry 0 is the intercept's.
    fn derivatives(&self, point: &Linear) -> (Array2<f64>, Array2<f64>) {
        let rows = self.label.len();
        let size = self.columns.len() + 1;
        let ups: Vec<f64> = point.predict(self.columns, rows).into_iter().map(logistic).collect();
        let ones = vec![1.0; rows];
        let column = |j: usize| if j == 0 { &ones } else { &self.columns[j - 1] };
        let mut gradient = Array2::zeros((size, 1));
        let mut hessian = Array2::zeros((size, size));
        let residual: Vec<f64> = ups
            .iter()
            .zip(self.label)
            .enumerate()
            .map(|(row, (up, label))| self.weigh(row, up - if *label > 0.0 { 1.0 } else { 0.0 }))
            .collect();
        let weight: Vec<f64> =
            ups.iter().enumerate().map(|(row, up)| self.weigh(row, up * (1.0 - up))).collect();
        for i in 0..size {
            let a = column(i);
            gradient[(i, 0)] = a.iter().zip(&residual).map(|(a, r)| a * r).sum::<f64>() / rows as f64;
            for j in 0..=i {
                let b = column(j);
                let entry: f64 = a.iter().zip(b).zip(&weight).map(|((a, b), w)| a * b * w).sum();
                hessian[(i, j)] = entry / rows as f64;
                hessian[(j, i)] = hessian[(i, j)];
            }
            if i > 0 {
                gradient[(i, 0)] += self.penalty * point.coefficients[i - 1];
                hessian[(i, i)] += self.penalty;
            }
        }
        (gradient, hessian)
    }
}
