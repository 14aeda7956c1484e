//! Random forest through `smartcore`.
//!
//! Directions are learned as 1 and 0 by the regressor: a leaf's mean is its share of ups, and the mean over trees is
//! scikit-learn's `predict_proba`. `smartcore`'s own classifier counts whole votes of the trees and gives no
//! probability. Weights decide how often a row is drawn for a tree.
//!
//! Trees grow in groups of [`GROUP`], each from its own seed, so that threads share the work and their number does
//! not change the forest. At each split the square root of the number of features is drawn as candidates.

use rayon::prelude::*;
use serde_json::Value;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};

use super::estimator::Forest;
use super::tree::{Grown, Growth, LAYOUT, design, shares};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_rows};
use crate::error::TrainingError;
use crate::metric::Score;
use crate::random::SplitMix64;

const NAME: &str = "randomForest";
/// Trees that share a seed and a thread.
pub const GROUP: u32 = 10;

/// A forest of randomised trees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomForest {
    /// Number of trees.
    pub trees: u32,
    /// How far a tree grows.
    pub growth: Growth,
}

impl Algorithm for RandomForest {
    fn name(&self) -> &'static str {
        NAME
    }

    fn score(&self, label_is_direction: bool) -> Result<Score, TrainingError> {
        Ok(if label_is_direction { Score::ProbabilityMinusHalf } else { Score::Value })
    }

    fn fit(&self, rows: &TrainingRows<'_>, seed: u64) -> Result<Fitted, TrainingError> {
        check_rows(NAME, rows)?;
        let fail = |message: String| TrainingError::Fit { algorithm: NAME, message };
        let x = design(rows).map_err(fail)?;
        let y = rows.label.to_vec();
        let groups: Vec<(u64, u32)> = (0..self.trees.div_ceil(GROUP))
            .map(|g| (u64::from(g), GROUP.min(self.trees - g * GROUP)))
            .collect();
        let grown: Vec<Vec<Grown>> = groups
            .into_par_iter()
            .map(|(group, trees)| {
                let parameters = RandomForestRegressorParameters {
                    max_depth: Some(self.growth.levels()),
                    min_samples_leaf: self.growth.min_samples_leaf as usize,
                    min_samples_split: 2,
                    n_trees: trees as usize,
                    m: None,
                    keep_samples: false,
                    seed: SplitMix64::new(seed, group).next_u64(),
                };
                let forest = match rows.weights {
                    Some(weights) => RandomForestRegressor::fit_with_weights(&x, &y, weights, parameters),
                    None => RandomForestRegressor::fit(&x, &y, parameters),
                };
                let forest = forest.map_err(|error| fail(error.to_string()))?;
                let value = serde_json::to_value(&forest).map_err(|error| fail(error.to_string()))?;
                trees_of(&value).ok_or_else(|| fail(LAYOUT.to_owned()))
            })
            .collect::<Result<_, _>>()?;
        let mut gain = vec![0.0; rows.columns.len()];
        grown.iter().flatten().for_each(|grown| grown.add_gain(&mut gain));
        let trees: Vec<_> = grown.into_iter().flatten().map(|grown| grown.tree).collect();
        if trees.len() != self.trees as usize {
            return Err(fail(format!("{} trees grew, {} were asked for", trees.len(), self.trees)));
        }
        let forest = Forest { offset: super::offset(rows.score), trees };
        Ok(Fitted { estimator: Estimator::Forest(forest), converged: true, gain: Some(shares(gain)) })
    }
}

fn trees_of(forest: &Value) -> Option<Vec<Grown>> {
    forest.get("forest_regressor")?.get("trees")?.as_array()?.iter().map(Grown::read).collect()
}
