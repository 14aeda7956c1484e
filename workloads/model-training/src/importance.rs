//! Which features a model's predictions rest on.

use serde::{Deserialize, Serialize};

use crate::dataset::{Matrix, pick};
use crate::metric::{Score, mean, mean_squared_error};
use crate::model::Pipeline;
use crate::random::SplitMix64;

/// How often each feature is shuffled.
pub const REPEATS: u64 = 5;
/// Most rows that are shuffled: of more, every second, third, … is taken.
pub const MOST_ROWS: usize = 20_000;

/// The weight of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// Mean rise of the out-of-sample mean squared error when the feature's values are shuffled over the rows
    /// (Breiman 2001): above 0 when the feature helps. Of margins, which have no squared error, the rise of the share
    /// of wrong signs. None without rows that have an outcome.
    pub permutation: Option<f64>,
}

/// Permutation importance of every feature on some rows. The seed, the fold and the feature decide the shuffles.
#[must_use]
pub fn permutation(
    matrix: &Matrix,
    pipeline: &Pipeline,
    rows: &[usize],
    seed: u64,
    fold: usize,
) -> Vec<Importance> {
    let known: Vec<usize> = rows.iter().copied().filter(|row| matrix.label_end[*row].is_some()).collect();
    let rows: Vec<usize> = known.iter().copied().step_by(known.len().div_ceil(MOST_ROWS).max(1)).collect();
    let columns = matrix.gather(&rows);
    let outcomes = pick(&matrix.label, &rows);
    let error = |columns: Vec<Vec<f64>>| {
        let predictions = pipeline.predict(columns, rows.len());
        let pairs = predictions.into_iter().zip(outcomes.iter().copied());
        match pipeline.score {
            Score::Margin => {
                mean(&pairs.map(|(p, y)| f64::from((p >= 0.0) != (y > 0.0))).collect::<Vec<f64>>())
            }
            score => mean_squared_error(score, pairs),
        }
    };
    let base = error(columns.clone());
    let importance = |feature: usize| {
        let mut total = 0.0;
        for repeat in 0..REPEATS {
            let stream = ((fold as u64) << 32) | ((feature as u64) << 8) | repeat;
            let mut shuffled = columns.clone();
            SplitMix64::new(seed, stream).shuffle(&mut shuffled[feature]);
            total += error(shuffled)?;
        }
        Some(total / REPEATS as f64 - base?)
    };
    (0..matrix.features.len())
        .map(|feature| Importance {
            feature: matrix.features[feature].clone(),
            permutation: importance(feature),
        })
        .collect()
}
