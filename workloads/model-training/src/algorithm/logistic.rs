//! Logistic regression with an L2 penalty: Newton's method on
//! `mean of ln(1 + e^(-s z)) + penalty/2 |w|^2`, `z = b + Xw`, `s` 1 for up and -1 otherwise. In scikit-learn's terms
//! `C = 1 / (rows x penalty)`; the intercept is not penalised.
//!
//! `linfa-logistic` minimises the same function by way of the platform's `exp` and `ln`, whose last bits differ
//! between C libraries, so that a model trained on a laptop would not equal the one trained in a container. The maths
//! here is our own ([`super::exponential`]), the reductions have a fixed order; the tests compare with `linfa-logistic`
//! and scikit-learn.

use std::ops::Range;

use linfa_linalg::cholesky::SolveC;
use ndarray::Array2;
use rayon::prelude::*;

use super::estimator::Linear;
use super::exponential::exp;
use super::moments::{CHUNK, dot, over_chunks, second};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_directions, check_rows, check_scales};
use crate::error::TrainingError;
use crate::metric::{Score, mean};

const NAME: &str = "logistic";
/// Largest slope of the objective at which the solver stops.
const TOLERANCE: f64 = 1e-10;
/// Least mean loss of a solution: below it every row is predicted with certainty.
const SEPARATED: f64 = 1e-8;
const MAX_ITERATIONS: usize = 100;
const MAX_HALVINGS: usize = 40;
/// A curvature is used again as long as each step leaves less than this of the slope: it costs more than the slope.
const QUICK: f64 = 0.1;
/// Factors between 1 and 2 whose product a float holds.
const FACTORS: usize = 512;

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
        let problem = Problem { rows, means: &means, penalty: self.penalty };
        let (linear, value, converged) = problem.solve()?;
        if value < SEPARATED {
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
    rows: &'a TrainingRows<'a>,
    means: &'a [f64],
    penalty: f64,
}

/// The objective at a point, and its slope; entry 0 is the intercept's.
struct Slope {
    value: f64,
    gradient: Vec<f64>,
}

impl Slope {
    fn largest(&self) -> f64 {
        self.gradient.iter().fold(0.0, |largest, slope| f64::max(largest, slope.abs()))
    }
}

impl Problem<'_> {
    /// The solution, the objective there, and whether the tolerance was reached.
    fn solve(&self) -> Result<(Linear, f64, bool), TrainingError> {
        let features = self.means.len();
        let mut point = Linear { intercept: 0.0, coefficients: vec![0.0; features] };
        let mut slope = self.slope(&point);
        let mut hessian = self.curvature(&point);
        let mut fresh = true;
        for _ in 0..MAX_ITERATIONS {
            if slope.largest() <= TOLERANCE {
                return Ok((point, slope.value, true));
            }
            let gradient = Array2::from_shape_fn((features + 1, 1), |(i, _)| slope.gradient[i]);
            let step = hessian.clone().solvec(&gradient).map_err(|_| TrainingError::Fit {
                algorithm: NAME,
                message: "features are collinear or separate the directions; set penalty above 0".to_owned(),
            })?;
            let mut size = 1.0;
            let mut halvings = 0;
            let before = slope.largest();
            loop {
                let next = Linear {
                    intercept: point.intercept - size * step[(0, 0)],
                    coefficients: (0..features)
                        .map(|j| point.coefficients[j] - size * step[(j + 1, 0)])
                        .collect(),
                };
                let next_slope = self.slope(&next);
                if next_slope.value < slope.value {
                    (point, slope) = (next, next_slope);
                    break;
                }
                if halvings == MAX_HALVINGS {
                    if !fresh {
                        break;
                    }
                    // The objective falls no further in this precision: this is its least value if the slope is
                    // small as well.
                    return Ok((point, slope.value, before <= 1e-7));
                }
                size *= 0.5;
                halvings += 1;
            }
            fresh = slope.largest() > QUICK * before;
            if fresh {
                hessian = self.curvature(&point);
            }
        }
        Ok((point, slope.value, false))
    }

    fn weigh(&self, row: usize, value: f64) -> f64 {
        self.rows.weights.map_or(value, |weights| weights[row] * value)
    }

    /// The linear predictor of some rows.
    fn predictors(&self, point: &Linear, rows: Range<usize>) -> Vec<f64> {
        let shift = dot(&point.coefficients, self.means);
        let mut predictors = vec![point.intercept - shift; rows.len()];
        for (coefficient, column) in point.coefficients.iter().zip(self.rows.columns) {
            for (predictor, value) in predictors.iter_mut().zip(&column[rows.clone()]) {
                *predictor += coefficient * value;
            }
        }
        predictors
    }

    fn slope(&self, point: &Linear) -> Slope {
        let (size, count) = (self.means.len() + 1, self.rows.label.len());
        // The loss, then the slopes.
        let sums = over_chunks(count, size + 1, |rows| {
            let predictors = self.predictors(point, rows.clone());
            let labels = &self.rows.label[rows.clone()];
            // e^-|z|: the rarer direction's odds.
            let odds: Vec<f64> = predictors.iter().map(|z| exp(-z.abs())).collect();
            let residuals: Vec<f64> = predictors
                .iter()
                .zip(&odds)
                .zip(labels)
                .zip(rows.clone())
                .map(|(((z, odds), label), row)| {
                    let up = (if *z >= 0.0 { 1.0 } else { *odds }) / (1.0 + odds);
                    self.weigh(row, up - if *label > 0.0 { 1.0 } else { 0.0 })
                })
                .collect();
            let mut sums = Vec::with_capacity(size + 1);
            sums.push(self.loss(&predictors, &odds, rows.clone()));
            sums.push(residuals.iter().sum());
            for (column, mean) in self.rows.columns.iter().zip(self.means) {
                sums.push(dot(&column[rows.clone()], &residuals) - mean * sums[1]);
            }
            sums
        });
        let mut gradient: Vec<f64> = sums[1..].iter().map(|sum| sum / count as f64).collect();
        for (slope, coefficient) in gradient[1..].iter_mut().zip(&point.coefficients) {
            *slope += self.penalty * coefficient;
        }
        let squares = dot(&point.coefficients, &point.coefficients);
        Slope { value: sums[0] / count as f64 + 0.5 * self.penalty * squares, gradient }
    }

    /// The sum of `ln(1 + e^-m)` over some rows, with margins `m` of the predictors' signs.
    fn loss(&self, predictors: &[f64], odds: &[f64], rows: Range<usize>) -> f64 {
        // ln(1 + e^-m) is ln(1 + e^-|m|) and, where the margin is below 0, -m.
        let wrong: f64 = predictors
            .iter()
            .zip(rows.clone())
            .map(|(z, row)| {
                let margin = if self.rows.label[row] > 0.0 { *z } else { -z };
                self.weigh(row, (-margin).max(0.0))
            })
            .sum();
        let rest: f64 = match self.rows.weights {
            // The logarithm of a product in place of a sum of logarithms.
            None => odds
                .chunks(FACTORS)
                .map(|odds| libm::log(odds.iter().fold(1.0, |product, odds| product * (1.0 + odds))))
                .sum(),
            Some(weights) => {
                odds.iter().zip(&weights[rows]).map(|(odds, weight)| weight * libm::log1p(*odds)).sum()
            }
        };
        wrong + rest
    }

    fn curvature(&self, point: &Linear) -> Array2<f64> {
        let count = self.rows.label.len();
        let mut weights = vec![0.0; count];
        weights.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, weights)| {
            let first = chunk * CHUNK;
            let predictors = self.predictors(point, first..first + weights.len());
            for ((weight, z), row) in weights.iter_mut().zip(predictors).zip(first..) {
                let odds = exp(-z.abs());
                *weight = self.weigh(row, odds / ((1.0 + odds) * (1.0 + odds)));
            }
        });
        let ones = vec![1.0; count];
        let columns: Vec<&[f64]> =
            std::iter::once(&ones[..]).chain(self.rows.columns.iter().map(Vec::as_slice)).collect();
        let means: Vec<f64> = std::iter::once(0.0).chain(self.means.iter().copied()).collect();
        let mut curvature = second(&columns, &means, Some(&weights));
        (1..columns.len()).for_each(|j| curvature[(j, j)] += self.penalty);
        curvature
    }
}
