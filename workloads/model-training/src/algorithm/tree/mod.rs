//! Trees of weighted least squares, which is all that classification and boosting need: halving the variance of 0 and
//! 1 is halving the Gini impurity of two classes, and the weighted mean of Newton steps is the Newton step of a leaf.
//!
//! | module | |
//! | --- | --- |
//! | [`exact`] | one tree whose thresholds may lie between any two values: `decisionTree` |
//! | [`bins`], [`sums`], [`grow`] | many trees over columns in bins: `randomForest`, `gradientBoosting` |
//!
//! Both grow level by level, as far as [`Growth`] allows, and give [`Grown`].

pub mod bins;
pub mod exact;
pub mod grow;
pub mod sums;

use super::estimator::Tree;

/// How far a tree grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Most splits from the root to a leaf.
    pub max_depth: u32,
    /// Fewest rows in a leaf.
    pub min_samples_leaf: u32,
}

/// A tree, and by how much each split lowered the weighted sum of squared errors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grown {
    /// The nodes.
    pub tree: Tree,
    /// One for each node; 0 for a leaf.
    pub gain: Vec<f64>,
}

impl Grown {
    /// Adds a leaf and returns its place.
    pub fn add_leaf(&mut self, value: f64) -> usize {
        self.tree.feature.push(-1);
        self.tree.threshold.push(0.0);
        self.tree.left.push(0);
        self.tree.right.push(0);
        self.tree.value.push(value);
        self.gain.push(0.0);
        self.gain.len() - 1
    }

    /// Makes a leaf a split with two new leaves, and returns their places.
    pub fn split(&mut self, leaf: usize, split: &Split, values: [f64; 2]) -> [usize; 2] {
        let children = values.map(|value| self.add_leaf(value));
        // There are fewer nodes than rows twice over, and rows are counted in 32 bits.
        self.tree.feature[leaf] = split.feature as i32;
        self.tree.threshold[leaf] = split.threshold;
        self.tree.left[leaf] = children[0] as u32;
        self.tree.right[leaf] = children[1] as u32;
        self.tree.value[leaf] = 0.0;
        self.gain[leaf] = split.gain;
        children
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

/// Where a node is split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The feature.
    pub feature: usize,
    /// Rows go left when the feature is at most this.
    pub threshold: f64,
    /// By how much the weighted sum of squared errors falls.
    pub gain: f64,
}

/// Least share by which a split has to lower a node's sum of squares about 0: what is below is rounding.
const LEAST_GAIN: f64 = 1e-13;

/// A threshold between two neighbouring values: their middle, or the lower one where the middle rounds to the upper.
fn between(low: f64, high: f64) -> f64 {
    let middle = f64::midpoint(low, high);
    if middle < high { middle } else { low }
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
