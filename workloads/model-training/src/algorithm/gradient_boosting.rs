//! Gradient boosting with Newton steps (Friedman 2001; Chen and Guestrin 2016, without their penalties on leaves): each
//! tree is one of weighted least squares on `-g/h` with weights `h`, whose splits and leaves are those of the loss's
//! second-order expansion.
//!
//! | label | loss | g | h | start |
//! | --- | --- | --- | --- | --- |
//! | value | `(y - f)^2 / 2` | `f - y` | 1 | the mean |
//! | direction | `ln(1 + e^f) - y f` | `p - y` | `p (1 - p)` | `ln(p / (1 - p))` of the share of ups |
//!
//! The trees come from `smartcore`, whose own booster knows only the squared error and no weights. The loop around them
//! is here, with `libm`'s exponential: the boosting crates take the platform's, whose last bits differ between C
//! libraries. The tests compare with LightGBM and scikit-learn.

use super::estimator::{Boosted, logistic};
use super::tree::{Growth, design, shares};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_directions, check_rows};
use crate::error::TrainingError;
use crate::metric::Score;
use crate::random::SplitMix64;

const NAME: &str = "gradientBoosting";
/// Least curvature of a row: a row that is predicted with certainty, and wrongly, must not outweigh all others.
const LEAST_CURVATURE: f64 = 1e-6;

/// Trees that each mend what those before them leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradientBoosting {
    /// Number of trees.
    pub trees: u32,
    /// Share of each tree that is added.
    pub learning_rate: f64,
    /// How far a tree grows.
    pub growth: Growth,
    /// Share of the rows that each tree learns from.
    pub subsample: f64,
}

impl Algorithm for GradientBoosting {
    fn name(&self) -> &'static str {
        NAME
    }

    fn score(&self, label_is_direction: bool) -> Result<Score, TrainingError> {
        Ok(if label_is_direction { Score::ProbabilityMinusHalf } else { Score::Value })
    }

    fn fit(&self, rows: &TrainingRows<'_>, seed: u64) -> Result<Fitted, TrainingError> {
        check_rows(NAME, rows)?;
        let direction = rows.score == Score::ProbabilityMinusHalf;
        if direction {
            check_directions(NAME, rows)?;
        }
        let fail = |message: String| TrainingError::Fit { algorithm: NAME, message };
        let x = design(rows).map_err(fail)?;
        let count = rows.label.len();
        let weight = |row: usize| rows.weights.map_or(1.0, |weights| weights[row]);
        let (total, sum) = (0..count)
            .fold((0.0, 0.0), |(total, sum), row| (total + weight(row), sum + weight(row) * rows.label[row]));
        let mean = sum / total;
        let start = if direction { libm::log(mean / (1.0 - mean)) } else { mean };

        let mut boosted = Boosted { start, offset: super::offset(rows.score), trees: Vec::new() };
        let mut margin = vec![start; count];
        let mut gain = vec![0.0; rows.columns.len()];
        let (mut steps, mut curvature) = (vec![0.0; count], vec![1.0; count]);
        for tree in 0..self.trees {
            for row in 0..count {
                (steps[row], curvature[row]) = if direction {
                    let up = logistic(margin[row]);
                    let h = (up * (1.0 - up)).max(LEAST_CURVATURE);
                    ((rows.label[row] - up) / h, h)
                } else {
                    (rows.label[row] - margin[row], 1.0)
                };
                curvature[row] *= weight(row);
            }
            let mut random = SplitMix64::new(seed, u64::from(tree));
            let tie = random.next_u64();
            self.leave_out(&mut curvature, &mut random);
            let grown = self.growth.grow(&x, &steps, Some(&curvature), tie).map_err(fail)?;
            grown.add_gain(&mut gain);
            let mut tree = grown.tree;
            tree.value.iter_mut().for_each(|value| *value *= self.learning_rate);
            for (row, margin) in margin.iter_mut().enumerate() {
                *margin += tree.predict(rows.columns, row);
            }
            boosted.trees.push(tree);
        }
        Ok(Fitted { estimator: Estimator::Boosted(boosted), converged: true, gain: Some(shares(gain)) })
    }
}

impl GradientBoosting {
    /// Takes the weight from all rows but a share of them, drawn without replacement.
    fn leave_out(&self, weights: &mut [f64], random: &mut SplitMix64) {
        let kept = ((weights.len() as f64 * self.subsample) as usize).max(2);
        if self.subsample >= 1.0 || kept >= weights.len() {
            return;
        }
        let mut places: Vec<usize> = (0..weights.len()).collect();
        for place in 0..kept {
            let other = place + random.below(places.len() - place);
            places.swap(place, other);
        }
        places[kept..].iter().for_each(|place| weights[*place] = 0.0);
    }
}
