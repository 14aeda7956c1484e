//! Random forest through `smartcore`.
//!
//! Directions are learned as 1 and 0 by the regressor: halving the variance is halving the Gini impurity of two
//! classes, a leaf's mean is its share of ups, and the mean over trees is scikit-learn's `predict_proba`.
//! `smartcore`'s own classifier counts whole votes of the trees and gives no probability.
//!
//! Trees grow in groups of [`GROUP`], each from its own seed, so that threads share the work and their number does
//! not change the forest. At each split the square root of the number of features is drawn as candidates.

use rayon::prelude::*;
use serde_json::Value;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::estimator::{Forest, Tree};
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
    /// Greatest depth of a tree.
    pub max_depth: u32,
    /// Fewest rows in a leaf.
    pub min_samples_leaf: u32,
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
        let values = rows.columns.concat();
        let x = DenseMatrix::new(rows.label.len(), rows.columns.len(), values, true)
            .map_err(|error| fail(error.to_string()))?;
        let y = rows.label.to_vec();
        let groups: Vec<(u64, u32)> = (0..self.trees.div_ceil(GROUP))
            .map(|g| (u64::from(g), GROUP.min(self.trees - g * GROUP)))
            .collect();
        let trees: Vec<Vec<Tree>> = groups
            .into_par_iter()
            .map(|(group, trees)| {
                let parameters = RandomForestRegressorParameters {
                    max_depth: Some(u16::try_from(self.max_depth).unwrap_or(u16::MAX)),
                    min_samples_leaf: self.min_samples_leaf as usize,
                    min_samples_split: 2,
                    n_trees: trees as usize,
                    m: None,
                    keep_samples: false,
                    seed: SplitMix64::new(seed, group).next_u64(),
                };
                let forest = RandomForestRegressor::fit(&x, &y, parameters)
                    .map_err(|error| fail(error.to_string()))?;
                let value = serde_json::to_value(&forest).map_err(|error| fail(error.to_string()))?;
                trees_of(&value)
                    .ok_or_else(|| fail("smartcore's forest has another layout than 0.7's".to_owned()))
            })
            .collect::<Result<_, _>>()?;
        let trees: Vec<Tree> = trees.into_iter().flatten().collect();
        if trees.len() != self.trees as usize {
            return Err(fail(format!("{} trees grew, {} were asked for", trees.len(), self.trees)));
        }
        let offset = match rows.score {
            Score::Value => 0.0,
            Score::ProbabilityMinusHalf => -0.5,
        };
        Ok(Fitted { estimator: Estimator::Forest(Forest { offset, trees }), converged: true })
    }
}

/// The trees of a serialised forest: the library keeps its nodes private, its serialised form is public.
fn trees_of(forest: &Value) -> Option<Vec<Tree>> {
    let trees = forest.get("forest_regressor")?.get("trees")?.as_array()?;
    trees.iter().map(|tree| tree_of(tree.get("nodes")?.as_array()?)).collect()
}

fn tree_of(nodes: &[Value]) -> Option<Tree> {
    let mut tree = Tree::default();
    for node in nodes {
        let child = |name| u32::try_from(node.get(name)?.as_u64()?).ok();
        match (child("true_child"), child("false_child")) {
            (Some(left), Some(right)) => {
                tree.feature.push(i32::try_from(node.get("split_feature")?.as_u64()?).ok()?);
                tree.threshold.push(node.get("split_value")?.as_f64()?);
                tree.left.push(left);
                tree.right.push(right);
                tree.value.push(0.0);
            }
            _ => {
                tree.feature.push(-1);
                tree.threshold.push(0.0);
                tree.left.push(0);
                tree.right.push(0);
                tree.value.push(node.get("output")?.as_f64()?);
            }
        }
    }
    Some(tree)
}
