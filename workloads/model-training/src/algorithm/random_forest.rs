//! Random forest (Breiman 2001) over columns in bins.
//!
//! Each tree learns from as many rows as there are, drawn with replacement; at each split the square root of the number
//! of features is drawn as candidates. Directions are learned as 1 and 0: a leaf's mean is its share of ups, and the
//! mean over trees is scikit-learn's `predict_proba`. A row's weight multiplies how often it was drawn; `minSamplesLeaf`
//! counts a row once, as scikit-learn does.
//!
//! A tree has a seed of its own, so that threads share the trees and their number does not change the forest.

use rayon::prelude::*;

use super::estimator::Forest;
use super::tree::bins::Binned;
use super::tree::grow::Grower;
use super::tree::sums::Sums;
use super::tree::{Grown, Growth, shares};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_rows, weighted_mean};
use crate::error::TrainingError;
use crate::metric::Score;
use crate::random::SplitMix64;

const NAME: &str = "randomForest";

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
        let count = rows.label.len();
        let mean = weighted_mean(rows.label, rows.weights);
        let weight = |row: usize| rows.weights.map_or(1.0, |weights| weights[row]);
        let steps: Vec<(f64, f64)> =
            (0..count).map(|row| (weight(row) * (mean - rows.label[row]), weight(row))).collect();
        let sums = Sums::new(&steps);
        drop(steps);
        let binned = Binned::new(rows.columns, seed);
        let candidates = rows.columns.len().isqrt();
        let grow = |tree: u32| {
            let mut random = SplitMix64::new(seed, u64::from(tree));
            let drawn = Some((candidates, random.next_u64()));
            let mut times = vec![0; count];
            (0..count).for_each(|_| times[random.below(count)] += 1);
            let chosen = (0..count as u32).filter(|row| times[*row as usize] > 0).collect();
            let sums = sums.times(&times);
            drop(times);
            let mut grown = Grower { binned: &binned, growth: self.growth, drawn }.grow(&sums, chosen).grown;
            grown.tree.raise_leaves(mean);
            grown
        };
        let grown: Vec<Grown> = (0..self.trees).into_par_iter().map(grow).collect();
        let mut gain = vec![0.0; rows.columns.len()];
        grown.iter().for_each(|grown| grown.add_gain(&mut gain));
        let trees = grown.into_iter().map(|grown| grown.tree).collect();
        let forest = Forest { offset: super::offset(rows.score), trees };
        Ok(Fitted { estimator: Estimator::Forest(forest), converged: true, gain: Some(shares(gain)) })
    }
}
