//! Gradient boosting with Newton steps (Friedman 2001; Chen and Guestrin 2016, without their penalties on leaves): each
//! tree is one of weighted least squares on `-g/h` with weights `h`, whose splits and leaves are those of the loss's
//! second-order expansion.
//!
//! | label | loss | g | h | start |
//! | --- | --- | --- | --- | --- |
//! | value | `(y - f)^2 / 2` | `f - y` | 1 | the mean |
//! | direction | `ln(1 + e^f) - y f` | `p - y` | `p (1 - p)` | `ln(p / (1 - p))` of the share of ups |
//!
//! Trees grow over columns in bins, as LightGBM's and `HistGradientBoosting`'s do; the tests compare with both.

use rayon::prelude::*;

use super::estimator::{Boosted, Tree};
use super::exponential::logistic;
use super::tree::bins::Binned;
use super::tree::grow::{Grower, Leaves};
use super::tree::sums::{CHUNK, Sums};
use super::tree::{Growth, shares};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_directions, check_rows, weighted_mean};
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
        let count = rows.label.len();
        let mean = weighted_mean(rows.label, rows.weights);
        let start = if direction { libm::log(mean / (1.0 - mean)) } else { mean };
        let binned = Binned::new(rows.columns, seed);
        let grower = Grower { binned: &binned, growth: self.growth, drawn: None };

        let mut trees = Vec::with_capacity(self.trees as usize);
        let mut margin = vec![start; count];
        let mut gain = vec![0.0; rows.columns.len()];
        let mut steps = vec![(0.0, 0.0); count];
        for tree in 0..self.trees {
            derive(rows, direction, &margin, &mut steps);
            let (kept, left_out) = self.draw(count, &mut SplitMix64::new(seed, u64::from(tree)));
            let Leaves { mut grown, rows: order, leaves } = grower.grow(&Sums::new(&steps), kept);
            grown.add_gain(&mut gain);
            grown.tree.multiply_leaves(self.learning_rate);
            for (places, value) in leaves {
                let value = value * self.learning_rate;
                order[places].iter().for_each(|row| margin[*row as usize] += value);
            }
            catch_up(&grown.tree, rows.columns, &left_out, &mut margin);
            trees.push(grown.tree);
        }
        let boosted = Boosted { start, offset: super::offset(rows.score), trees };
        Ok(Fitted { estimator: Estimator::Boosted(boosted), converged: true, gain: Some(shares(gain)) })
    }
}

impl GradientBoosting {
    /// The rows that a tree learns from, a share of all drawn without replacement, and the others; both ascend.
    fn draw(&self, count: usize, random: &mut SplitMix64) -> (Vec<u32>, Vec<u32>) {
        let all = (0..count as u32).collect::<Vec<_>>();
        let kept = ((count as f64 * self.subsample) as usize).max(2);
        if kept >= count {
            return (all, Vec::new());
        }
        let mut places = all;
        for place in 0..kept {
            let other = place + random.below(count - place);
            places.swap(place, other);
        }
        let mut left_out = places.split_off(kept);
        places.sort_unstable();
        left_out.sort_unstable();
        (places, left_out)
    }
}

/// The loss's first and second derivative at each row.
fn derive(rows: &TrainingRows<'_>, direction: bool, margin: &[f64], steps: &mut [(f64, f64)]) {
    steps.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, steps)| {
        let first = chunk * CHUNK;
        let places = first..first + steps.len();
        let (margin, labels) = (&margin[places.clone()], &rows.label[places.clone()]);
        let known = steps.iter_mut().zip(margin.iter().zip(labels));
        if direction {
            known.for_each(|(step, (margin, label))| {
                let up = logistic(*margin);
                let curvature = up * (1.0 - up);
                *step = (up - label, if curvature > LEAST_CURVATURE { curvature } else { LEAST_CURVATURE });
            });
        } else {
            known.for_each(|(step, (margin, label))| *step = (margin - label, 1.0));
        }
        if let Some(weights) = rows.weights {
            for ((g, h), weight) in steps.iter_mut().zip(&weights[places]) {
                *g *= weight;
                *h *= weight;
            }
        }
    });
}

/// Adds a tree to the margins of rows that it has not learned from.
fn catch_up(tree: &Tree, columns: &[Vec<f64>], rows: &[u32], margin: &mut [f64]) {
    let added: Vec<f64> = rows.par_iter().map(|row| tree.predict(columns, *row as usize)).collect();
    for (row, added) in rows.iter().zip(added) {
        margin[*row as usize] += added;
    }
}
