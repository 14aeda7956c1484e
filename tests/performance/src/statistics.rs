//! Measured values of one thing, and what is said of them.

use serde::Serialize;

/// Values in order of size.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample(Vec<f64>);

/// What is said of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// How many values there are.
    pub count: usize,
    /// The smallest.
    pub min: f64,
    /// The middle one; of an even number the mean of the two in the middle.
    pub median: f64,
    /// The value below which 95 of 100 lie (nearest rank).
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl Sample {
    /// A sample of finite values; others are left out.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// What is said of it; nothing of an empty one.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let count = self.0.len();
        let at = |index: usize| self.0.get(index).copied();
        let median = f64::midpoint(at(count.checked_sub(1)? / 2)?, at(count / 2)?);
        let rank = (count * 95).div_ceil(100).saturating_sub(1);
        Some(Summary { count, min: at(0)?, median, p95: at(rank)?, max: at(count - 1)? })
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self::new(values)
    }
}

/// `median (min to max)` of a sample, in a format for one number.
#[must_use]
pub fn spread(summary: Option<Summary>, format: impl Fn(f64) -> String) -> String {
    match summary {
        None => "-".to_owned(),
        Some(one) if one.count == 1 => format(one.median),
        Some(all) => format!("{} ({} to {})", format(all.median), format(all.min), format(all.max)),
    }
}

/// The medians' ratio, first to second.
#[must_use]
pub fn ratio(first: Option<Summary>, second: Option<Summary>) -> Option<f64> {
    let (first, second) = (first?.median, second?.median);
    (second > 0.0).then(|| first / second)
}

/// The ratio of two series, round by round.
#[must_use]
pub fn by_round(
    first: impl IntoIterator<Item = f64>,
    second: impl IntoIterator<Item = f64>,
) -> Option<Summary> {
    first.into_iter().zip(second).map(|(first, second)| first / second).collect::<Sample>().summary()
}

/// The orders of `count` rounds over `parts` things: there and back, so that none is always first and a drift of the
/// machine falls on all alike.
#[must_use]
pub fn interleaved(parts: usize, count: usize) -> Vec<Vec<usize>> {
    let there: Vec<usize> = (0..parts).collect();
    let back: Vec<usize> = (0..parts).rev().collect();
    (0..count).map(|round| if round % 2 == 0 { there.clone() } else { back.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let odd = Sample::new([5.0, 1.0, 3.0]).summary().unwrap();
        assert_eq!((odd.min, odd.median, odd.max), (1.0, 3.0, 5.0));
        let even = Sample::new([4.0, 1.0, 3.0, 2.0, f64::NAN]).summary().unwrap();
        assert_eq!((even.count, even.median), (4, 2.5));
        assert_eq!(Sample::new([]).summary(), None);
    }

    #[test]
    fn the_nearest_rank_of_95_in_100() {
        let hundred = Sample::new((1..=100).map(f64::from)).summary().unwrap();
        assert_eq!(hundred.p95, 95.0);
        assert_eq!(Sample::new([7.0]).summary().unwrap().p95, 7.0);
    }

    #[test]
    fn a_spread_says_how_far_values_lie_apart() {
        let text = |value: f64| format!("{value:.1}");
        assert_eq!(spread(Sample::new([1.0, 2.0, 4.0]).summary(), text), "2.0 (1.0 to 4.0)");
        assert_eq!(spread(Sample::new([1.0]).summary(), text), "1.0");
        assert_eq!(spread(None, text), "-");
    }

    #[test]
    fn a_ratio_by_round_is_that_of_its_round() {
        let ratios = by_round([1.0, 8.0, 9.0], [2.0, 4.0, 3.0]).unwrap();
        assert_eq!((ratios.min, ratios.median, ratios.max), (0.5, 2.0, 3.0));
        assert_eq!(by_round([], [1.0]), None);
    }

    #[test]
    fn rounds_go_there_and_back() {
        assert_eq!(interleaved(2, 3), [vec![0, 1], vec![1, 0], vec![0, 1]]);
    }

    proptest! {
        #[test]
        fn every_figure_is_one_of_the_values_or_between_two(values in prop::collection::vec(-1e9..1e9f64, 1..50)) {
            let all = Sample::new(values.clone()).summary().unwrap();
            prop_assert!(all.min <= all.median && all.median <= all.max);
            prop_assert!(values.contains(&all.min) && values.contains(&all.max) && values.contains(&all.p95));
            prop_assert!(values.iter().filter(|value| **value <= all.p95).count() * 100 >= values.len() * 95);
        }
    }
}
