//! One tree of least squares, for directions of 1 and 0: a leaf's mean is then its share of ups.

use super::estimator::Forest;
use super::tree::{Growth, design, shares};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_rows};
use crate::error::TrainingError;
use crate::metric::Score;
use crate::random::SplitMix64;

const NAME: &str = "decisionTree";

/// One tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecisionTree {
    /// How far it grows.
    pub growth: Growth,
}

impl Algorithm for DecisionTree {
    fn name(&self) -> &'static str {
        NAME
    }

    fn score(&self, label_is_direction: bool) -> Result<Score, TrainingError> {
        Ok(if label_is_direction { Score::ProbabilityMinusHalf } else { Score::Value })
    }

    fn fit(&self, rows: &TrainingRows<'_>, seed: u64) -> Result<Fitted, TrainingError> {
        check_rows(NAME, rows)?;
        let fail = |message: String| TrainingError::Fit { algorithm: NAME, message };
        let seed = SplitMix64::new(seed, 0).next_u64();
        let grown = self
            .growth
            .grow(&design(rows).map_err(fail)?, &rows.label.to_vec(), rows.weights, seed)
            .map_err(fail)?;
        let mut gain = vec![0.0; rows.columns.len()];
        grown.add_gain(&mut gain);
        let forest = Forest { offset: super::offset(rows.score), trees: vec![grown.tree] };
        Ok(Fitted { estimator: Estimator::Forest(forest), converged: true, gain: Some(shares(gain)) })
    }
}
