//! Trees of least squares through `smartcore`, as plain nodes.
//!
//! The library's trees take weights, and a tree of least squares is all that classification and boosting need:
//! halving the variance of 0 and 1 is halving the Gini impurity of two classes, and the weighted mean of Newton steps
//! is the Newton step of a leaf. The library counts the depth of a tree in levels of nodes; here, as in scikit-learn,
//! it counts splits.

use serde_json::Value;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::tree::decision_tree_regressor::{DecisionTreeRegressor, DecisionTreeRegressorParameters};

use super::TrainingRows;
use super::estimator::Tree;

/// How far a tree grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Most splits from the root to a leaf.
    pub max_depth: u32,
    /// Fewest rows in a leaf.
    pub min_samples_leaf: u32,
}

impl Growth {
    /// The depth as the library counts it: a tree that is only a root has one level.
    #[must_use]
    pub fn levels(&self) -> u16 {
        u16::try_from(self.max_depth + 1).unwrap_or(u16::MAX)
    }

    /// Grows a tree. The seed decides between splits that are equally good.
    ///
    /// # Errors
    /// The library's, in words.
    pub fn grow(
        &self,
        x: &DenseMatrix<f64>,
        y: &Vec<f64>,
        weights: Option<&[f64]>,
        seed: u64,
    ) -> Result<Grown, String> {
        let parameters = DecisionTreeRegressorParameters {
            max_depth: Some(self.levels()),
            min_samples_leaf: self.min_samples_leaf as usize,
            min_samples_split: 2,
            seed: Some(seed),
        };
        let tree = match weights {
            Some(weights) => DecisionTreeRegressor::fit_with_weights(x, y, weights, parameters),
            None => DecisionTreeRegressor::fit(x, y, parameters),
        };
        let tree = tree.map_err(|error| error.to_string())?;
        let value = serde_json::to_value(&tree).map_err(|error| error.to_string())?;
        value.get("tree_regressor").and_then(Grown::read).ok_or_else(|| LAYOUT.to_owned())
    }
}

/// What a serialised form that cannot be read means.
pub const LAYOUT: &str = "smartcore's trees have another layout than 0.7's";

/// A tree, and by how much each split lowered the weighted sum of squared errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Grown {
    /// The nodes.
    pub tree: Tree,
    /// One for each node; 0 for a leaf.
    pub gain: Vec<f64>,
}

impl Grown {
    /// Reads a serialised tree: the library keeps its nodes private, its serialised form is public.
    #[must_use]
    pub fn read(tree: &Value) -> Option<Self> {
        let mut grown = Self { tree: Tree::default(), gain: Vec::new() };
        for node in tree.get("nodes")?.as_array()? {
            let child = |name| u32::try_from(node.get(name)?.as_u64()?).ok();
            let tree = &mut grown.tree;
            match (child("true_child"), child("false_child")) {
                (Some(left), Some(right)) => {
                    tree.feature.push(i32::try_from(node.get("split_feature")?.as_u64()?).ok()?);
                    tree.threshold.push(node.get("split_value")?.as_f64()?);
                    tree.left.push(left);
                    tree.right.push(right);
                    tree.value.push(0.0);
                    grown.gain.push(node.get("split_score")?.as_f64()?);
                }
                _ => {
                    tree.feature.push(-1);
                    tree.threshold.push(0.0);
                    tree.left.push(0);
                    tree.right.push(0);
                    tree.value.push(node.get("output")?.as_f64()?);
                    grown.gain.push(0.0);
                }
            }
        }
        Some(grown)
    }

    /// Adds each split's gain to its feature's.
    pub fn add_gain(&self, total: &mut [f64]) {
        for (feature, gain) in self.tree.feature.iter().zip(&self.gain) {
            if let Some(sum) = usize::try_from(*feature).ok().and_then(|feature| total.get_mut(feature)) {
                *sum += gain;
            }
        }
    }
}

/// Each feature's share of the whole gain; all 0 when no tree has a split.
#[must_use]
pub fn shares(mut gain: Vec<f64>) -> Vec<f64> {
    let total: f64 = gain.iter().sum();
    if total > 0.0 {
        gain.iter_mut().for_each(|value| *value /= total);
    }
    gain
}

/// The features as the library wants them.
///
/// # Errors
/// The library's, in words.
pub fn design(rows: &TrainingRows<'_>) -> Result<DenseMatrix<f64>, String> {
    DenseMatrix::new(rows.label.len(), rows.columns.len(), rows.columns.concat(), true)
        .map_err(|error| error.to_string())
}
