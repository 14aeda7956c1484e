//! How far a feature's values have moved from those that a model learned from.

use serde::{Deserialize, Serialize};

/// Bins of the population stability index: deciles of the training values.
pub const BINS: usize = 10;

/// The share that an empty bin is given, so that its logarithm exists.
pub const EMPTY_BIN: f64 = 1e-4;

/// Distances between two samples of a feature, as the model sees it (scaled across the date where the model's features
/// are).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Population stability index: the sum over deciles of the training values of `(p - q) ln(p / q)`, of the shares
    /// `p` of recent and `q` of training values. By custom below 0.1 is little, above 0.25 is much.
    pub psi: f64,
    /// Two-sample Kolmogorov-Smirnov statistic: the greatest distance between the two distribution functions, 0 to 1.
    pub ks: f64,
}

impl Drift {
    /// Of two samples; none when one has no value. Neither holds NaN.
    #[must_use]
    pub fn between(mut training: Vec<f64>, mut recent: Vec<f64>) -> Option<Self> {
        if training.is_empty() || recent.is_empty() {
            return None;
        }
        training.sort_unstable_by(f64::total_cmp);
        recent.sort_unstable_by(f64::total_cmp);
        Some(Self { psi: psi(&training, &recent), ks: ks(&training, &recent) })
    }
}

/// Both ascending.
fn psi(training: &[f64], recent: &[f64]) -> f64 {
    let mut edges: Vec<f64> = (0..=BINS).map(|bin| quantile(training, bin as f64 / BINS as f64)).collect();
    edges.dedup();
    // The outer edges are open: what is below the first inner edge falls into the first bin.
    let inner = edges.get(1..edges.len().saturating_sub(1)).unwrap_or(&[]);
    let shares = |values: &[f64]| {
        let mut shares = Vec::with_capacity(inner.len() + 1);
        let mut below = 0;
        for edge in inner {
            let up_to = values.partition_point(|value| value <= edge);
            shares.push((up_to - below) as f64 / values.len() as f64);
            below = up_to;
        }
        shares.push((values.len() - below) as f64 / values.len() as f64);
        shares
    };
    let filled = |share: f64| if share > 0.0 { share } else { EMPTY_BIN };
    shares(training)
        .into_iter()
        .zip(shares(recent))
        .map(|(q, p)| (filled(q), filled(p)))
        .map(|(q, p)| (p - q) * libm::log(p / q))
        .sum()
}

/// Both ascending.
fn ks(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut greatest) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        while a.get(i).is_some_and(|x| *x <= value) {
            i += 1;
        }
        while b.get(j).is_some_and(|x| *x <= value) {
            j += 1;
        }
        greatest = greatest.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    greatest
}

/// The quantile by linear interpolation between the two nearest of ascending values, which are not empty.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = (place as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    let (low, high, part) = (sorted[below], sorted[above], place - below as f64);
    // From the nearer end, so that a quantile that is a value is exactly it.
    if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) }
}
