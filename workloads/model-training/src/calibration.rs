//! From scores to probabilities: Platt's sigmoid, and how well probabilities are kept.
//!
//! A sigmoid `P(up) = 1 / (1 + exp(slope x score + intercept))` is fitted to scores and outcomes that the scoring model
//! has not learned from: those of the inner test window, which lies inside the training span. Its targets are Platt's
//! `(n + 1) / (n + 2)` and `1 / (m + 2)` of `n` ups and `m` others (Platt 1999), its solver Newton's method with
//! backtracking (Lin, Lin and Weng 2007), whose problem is convex.

use serde::{Deserialize, Serialize};

use crate::algorithm::estimator::exact;
use crate::algorithm::exponential::logistic;
use crate::error::TrainingError;
use crate::metric::mean;

/// A sigmoid over a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sigmoid {
    /// What multiplies the score: negative where a higher score means up.
    #[serde(with = "exact")]
    pub slope: f64,
    /// What is added.
    #[serde(with = "exact")]
    pub intercept: f64,
}

const MOST_STEPS: usize = 100;
const SMALLEST_STEP: f64 = 1e-10;
/// Keeps the matrix of second derivatives definite.
const RIDGE: f64 = 1e-12;
const TOLERANCE: f64 = 1e-10;

impl Sigmoid {
    /// Fits scores to whether what happened was up.
    ///
    /// # Errors
    /// Scores without both outcomes, or that are all equal.
    pub fn fit(scores: &[f64], up: &[bool]) -> Result<Self, TrainingError> {
        let ups = up.iter().filter(|up| **up).count();
        let others = up.len() - ups;
        if ups == 0 || others == 0 {
            return Err(TrainingError::Data(format!(
                "calibration: the inner test window has {ups} rows that went up and {others} that did not; it needs \
                 both: ask for a longer history or leave calibration out"
            )));
        }
        if scores.iter().all(|score| *score == scores[0]) {
            return Err(TrainingError::Data(
                "calibration: all scores of the inner test window are equal: lower the penalty or leave calibration out"
                    .to_owned(),
            ));
        }
        // Scores of any unit: a margin may be thousands, a probability hundredths.
        let largest = scores.iter().fold(0.0f64, |largest, score| largest.max(score.abs()));
        let scaled: Vec<f64> = scores.iter().map(|score| score / largest).collect();
        let high = (ups as f64 + 1.0) / (ups as f64 + 2.0);
        let low = 1.0 / (others as f64 + 2.0);
        let targets: Vec<f64> = up.iter().map(|up| if *up { high } else { low }).collect();
        let start = libm::log((others as f64 + 1.0) / (ups as f64 + 1.0));
        let found = newton(&scaled, &targets, Self { slope: 0.0, intercept: start });
        Ok(Self { slope: found.slope / largest, intercept: found.intercept })
    }

    /// The probability of up for a score.
    #[must_use]
    pub fn probability(&self, score: f64) -> f64 {
        logistic(-(self.slope * score + self.intercept))
    }

    /// The negative log likelihood of the targets.
    fn loss(&self, scores: &[f64], targets: &[f64]) -> f64 {
        scores
            .iter()
            .zip(targets)
            .map(|(score, target)| {
                let exponent = self.slope * score + self.intercept;
                if exponent >= 0.0 {
                    target * exponent + libm::log1p(libm::exp(-exponent))
                } else {
                    (target - 1.0) * exponent + libm::log1p(libm::exp(exponent))
                }
            })
            .sum()
    }
}

fn newton(scores: &[f64], targets: &[f64], start: Sigmoid) -> Sigmoid {
    let mut at = start;
    let mut loss = at.loss(scores, targets);
    for _ in 0..MOST_STEPS {
        let (mut g1, mut g2) = (0.0, 0.0);
        let (mut h11, mut h22, mut h21) = (RIDGE, RIDGE, 0.0);
        for (score, target) in scores.iter().zip(targets) {
            let p = at.probability(*score);
            let curvature = p * (1.0 - p);
            h11 += score * score * curvature;
            h22 += curvature;
            h21 += score * curvature;
            g1 += score * (target - p);
            g2 += target - p;
        }
        if g1.abs() < TOLERANCE && g2.abs() < TOLERANCE {
            break;
        }
        let determinant = h11 * h22 - h21 * h21;
        let slope = -(h22 * g1 - h21 * g2) / determinant;
        let intercept = -(h11 * g2 - h21 * g1) / determinant;
        let descent = g1 * slope + g2 * intercept;
        let mut step = 1.0;
        loop {
            let next = Sigmoid { slope: at.slope + step * slope, intercept: at.intercept + step * intercept };
            let next_loss = next.loss(scores, targets);
            if next_loss < loss + 1e-4 * step * descent {
                (at, loss) = (next, next_loss);
                break;
            }
            step /= 2.0;
            if step < SMALLEST_STEP {
                // As near as floats come.
                return at;
            }
        }
    }
    at
}

/// Bins of a reliability curve, of equal width.
pub const BINS: usize = 10;

/// The predictions of one bin beside what happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReliabilityBin {
    /// Predictions in the bin.
    pub rows: usize,
    /// Their mean probability of up.
    pub probability: f64,
    /// The share of them that went up.
    pub frequency: f64,
}

/// Probabilities in bins of a tenth beside the frequencies of what happened; bins without predictions are left out.
/// A well-calibrated model has both equal in each.
#[must_use]
pub fn reliability(probabilities: &[f64], up: &[bool]) -> Vec<ReliabilityBin> {
    let mut bins: Vec<(Vec<f64>, usize)> = vec![(Vec::new(), 0); BINS];
    for (probability, up) in probabilities.iter().zip(up) {
        // A bin holds its upper edge, as scikit-learn's; the first one both.
        let bin = (1..BINS).filter(|edge| *edge as f64 * (1.0 / BINS as f64) < *probability).count();
        bins[bin].0.push(*probability);
        bins[bin].1 += usize::from(*up);
    }
    bins.into_iter()
        .filter_map(|(values, ups)| {
            let probability = mean(&values)?;
            Some(ReliabilityBin {
                rows: values.len(),
                probability,
                frequency: ups as f64 / values.len() as f64,
            })
        })
        .collect()
}
