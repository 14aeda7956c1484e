//! One tree of least squares, for directions of 1 and 0: a leaf's mean is then its share of ups. Its thresholds lie
//! between any two values, as scikit-learn's.

use super::estimator::Forest;
use super::tree::{Growth, exact, shares};
use super::{Algorithm, Estimator, Fitted, TrainingRows, check_rows, weighted_mean};
use crate::error::TrainingError;
use crate::metric::Score;

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

    fn fit(&self, rows: &TrainingRows<'_>, _seed: u64) -> Result<Fitted, TrainingError> {
        check_rows(NAME, rows)?;
        let mean = weighted_mean(rows.label, rows.weights);
        let label: Vec<f64> = rows.label.iter().map(|label| label - mean).collect();
        let learned = exact::Rows { columns: rows.columns, label: &label, weights: rows.weights };
        let mut grown = exact::grow(&learned, self.growth);
        grown.tree.raise_leaves(mean);
        let mut gain = vec![0.0; rows.columns.len()];
        grown.add_gain(&mut gain);
        let forest = Forest { offset: super::offset(rows.score), trees: vec![grown.tree] };
        Ok(Fitted { estimator: Estimator::Forest(forest), converged: true, gain: Some(shares(gain)) })
    }
}
