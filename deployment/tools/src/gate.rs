//! Whether one build is slower than another: pairs of runs in turn, and an interval of the ratio of their times.
//!
//! The interval is that of the median by order statistics: of `n` independent ratios the number below the median is
//! binomial with probability one half, whatever their distribution, so that the `k`-th smallest and the `k`-th largest
//! enclose it with a known probability (H. A. David, H. N. Nagaraja, *Order Statistics*, section 7.1). A few disturbed
//! runs do not move it.

use crate::{Error, Result};

/// The least probability with which the interval holds the ratio.
const CONFIDENCE: f64 = 0.95;

/// A ratio above this, with certainty, is a slowdown.
pub const LIMIT: f64 = 1.10;

/// The ratio head to base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Lower end of the interval.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Ratio {
    /// The ratio of pairs of times (base, head), each of two runs that followed one another.
    ///
    /// # Errors
    /// When there are too few pairs for an interval (six are the fewest), or a time is not above zero.
    pub fn of_pairs(pairs: &[(f64, f64)]) -> Result<Self> {
        let mut ratios = Vec::with_capacity(pairs.len());
        for (base, head) in pairs {
            if !(base.is_finite() && head.is_finite() && *base > 0.0 && *head > 0.0) {
                return Err(Error::form("times", &format!("{base} s and {head} s are no times of runs")));
            }
            ratios.push(head / base);
        }
        ratios.sort_by(f64::total_cmp);
        let count = ratios.len();
        let rank = rank(count).ok_or_else(|| {
            Error::form("times", &format!("{count} pairs are too few for an interval: six or more"))
        })?;
        let median = f64::midpoint(ratios[(count - 1) / 2], ratios[count / 2]);
        Ok(Self { low: ratios[rank], median, high: ratios[count - 1 - rank] })
    }

    /// Whether head is slower than base by more than [`LIMIT`], with certainty: the whole interval lies above it.
    #[must_use]
    pub fn is_slowdown(&self) -> bool {
        self.low > LIMIT
    }
}

/// The largest zero-based rank `k` such that the values of rank `k` from both ends enclose the median with
/// [`CONFIDENCE`]: the probability that they do not is twice that of at most `k` successes in `count` throws of a coin.
fn rank(count: usize) -> Option<usize> {
    let throws = i32::try_from(count).ok()?;
    let mut probability = 0.5_f64.powi(throws);
    let mut below = 0.0;
    let mut found = None;
    for rank in 0..count / 2 {
        below += probability;
        if 1.0 - 2.0 * below < CONFIDENCE {
            break;
        }
        found = Some(rank);
        #[expect(clippy::cast_precision_loss, reason = "counts of runs are small")]
        let next = (count - rank) as f64 / (rank + 1) as f64;
        probability *= next;
    }
    found
}

/// Which of the two runs first in a round: they take turns, so that neither always finds a warmer machine.
#[must_use]
pub fn base_is_first(round: usize) -> bool {
    round.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table of confidence intervals for the median: W. J. Conover, Practical Nonparametric Statistics: ranks (from one)
    /// 1 of 6, 2 of 9, 3 of 12, 4 of 15, 6 of 20.
    #[test]
    fn ranks_are_those_of_the_tables() {
        let found = [5, 6, 8, 9, 11, 12, 15, 20].map(rank);
        assert_eq!(found, [None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(3), Some(5)]);
    }

    #[test]
    fn the_whole_interval_has_to_lie_above_the_limit() {
        let pairs = |ratios: [f64; 9]| Ratio::of_pairs(&ratios.map(|ratio| (2.0, 2.0 * ratio))).unwrap();
        assert!(pairs([1.12, 1.13, 1.14, 1.15, 1.15, 1.16, 1.17, 1.18, 1.19]).is_slowdown());
        // One quick run of the head moves nothing; two leave a doubt.
        assert!(pairs([0.50, 1.13, 1.14, 1.15, 1.15, 1.16, 1.17, 1.18, 1.19]).is_slowdown());
        assert!(!pairs([0.50, 1.09, 1.14, 1.15, 1.15, 1.16, 1.17, 1.18, 1.19]).is_slowdown());
        assert!(!pairs([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0]).is_slowdown());
    }

    #[test]
    fn too_little_is_refused() {
        assert!(Ratio::of_pairs(&[(1.0, 1.0); 5]).is_err());
        assert!(Ratio::of_pairs(&[(1.0, 0.0); 9]).is_err());
        assert!(Ratio::of_pairs(&[(f64::NAN, 1.0); 9]).is_err());
    }
}
