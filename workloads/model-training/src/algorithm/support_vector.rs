//! Support vector machines: classification with the hinge loss and epsilon-insensitive regression, in the dual.
//!
//! | | minimises over `f(x) = w phi(x) + b` |
//! | --- | --- |
//! | direction | `|w|^2 / 2 + cost * sum of weight * max(0, 1 - s f(x))`, `s` 1 for up and -1 otherwise |
//! | value | `|w|^2 / 2 + cost * sum of weight * max(0, |y - f(x)| - epsilon)` |
//!
//! The kernel is the scalar product or `exp(-gamma |x - z|^2 / number of features)`; scikit-learn's `gamma` is ours
//! over the number of features. `linfa-svm` takes the platform's exponential, whose last bits differ between C
//! libraries, holds the kernel of all pairs of rows in memory and takes no weights; so the solver is here
//! ([`super::dual`]), and the tests compare with scikit-learn's libsvm.

use ats_pipeline::spec::algorithm::MOST_SUPPORT_VECTOR_ROWS;

use super::dual::{Problem, Rows, Solution};
use super::estimator::{Linear, SupportVectors};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_directions, check_rows, check_scales};
use crate::error::TrainingError;
use crate::metric::Score;

const NAME: &str = "supportVector";

/// A support vector machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupportVector {
    /// Cost of a row on the wrong side of its margin.
    pub cost: f64,
    /// Half the width of a regression's tube.
    pub epsilon: f64,
    /// Narrowness of the Gaussian kernel; none for the linear one.
    pub gamma: Option<f64>,
}

impl Algorithm for SupportVector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn score(&self, label_is_direction: bool) -> Result<Score, TrainingError> {
        Ok(if label_is_direction { Score::Margin } else { Score::Value })
    }

    fn fit(&self, rows: &TrainingRows<'_>, _seed: u64) -> Result<Fitted, TrainingError> {
        check_rows(NAME, rows)?;
        check_scales(NAME, rows)?;
        let count = rows.label.len();
        if count > MOST_SUPPORT_VECTOR_ROWS {
            return Err(TrainingError::Fit {
                algorithm: NAME,
                message: format!(
                    "{count} training rows, at most {MOST_SUPPORT_VECTOR_ROWS} are allowed: shorten the universe's \
                     history, lower selection.maxActiveTickers, or use gradientBoosting"
                ),
            });
        }
        let gamma = self.gamma.map(|gamma| gamma / rows.columns.len() as f64);
        let bound = |row: usize| self.cost * rows.weights.map_or(1.0, |weights| weights[row]);
        let kernel = Rows::new(rows.columns, count, gamma);
        let (coefficients, solution) = match rows.score {
            Score::Margin => {
                check_directions(NAME, rows)?;
                let sign: Vec<f64> = rows.label.iter().map(|up| if *up > 0.0 { 1.0 } else { -1.0 }).collect();
                let bounds = (0..count).map(bound).collect();
                let solution = Problem { kernel, linear: vec![-1.0; count], sign, bounds }.solve();
                let Solution { alpha, .. } = &solution;
                let signed = alpha.iter().zip(rows.label).map(|(a, up)| if *up > 0.0 { *a } else { -a });
                (signed.collect::<Vec<f64>>(), solution)
            }
            _ => {
                // Two variables a row: how far the prediction may be pulled up, and down.
                let up = rows.label.iter().map(|y| self.epsilon - y);
                let linear = up.chain(rows.label.iter().map(|y| self.epsilon + y)).collect();
                let sign = (0..2 * count).map(|place| if place < count { 1.0 } else { -1.0 }).collect();
                let bounds = (0..2 * count).map(|place| bound(place % count)).collect();
                let solution = Problem { kernel, linear, sign, bounds }.solve();
                let (up, down) = solution.alpha.split_at(count);
                (up.iter().zip(down).map(|(up, down)| up - down).collect(), solution)
            }
        };
        let estimator = match gamma {
            None => {
                let weight = |column: &Vec<f64>| column.iter().zip(&coefficients).map(|(x, c)| x * c).sum();
                let coefficients = rows.columns.iter().map(weight).collect();
                Estimator::Linear(Linear { intercept: solution.intercept, coefficients })
            }
            Some(gamma) => {
                let kept: Vec<usize> = (0..count).filter(|row| coefficients[*row] != 0.0).collect();
                let pick = |column: &Vec<f64>| kept.iter().map(|row| column[*row]).collect();
                Estimator::SupportVectors(SupportVectors {
                    gamma,
                    intercept: solution.intercept,
                    coefficients: pick(&coefficients),
                    vectors: rows.columns.iter().map(pick).collect(),
                })
            }
        };
        Ok(Fitted { estimator, converged: solution.converged, gain: None })
    }
}
