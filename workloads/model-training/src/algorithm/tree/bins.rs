//! Columns in bins: a byte for each value, so that a tree looks at 255 places to split a feature and not at every row.
//!
//! A feature with at most [`MOST_BINS`] values has a bin for each; otherwise bins hold equally many rows. The bounds are
//! those of scikit-learn's `HistGradientBoosting`. They follow the order of the values alone: a feature's scale does
//! not matter.

use rayon::prelude::*;

use super::between;
use crate::random::SplitMix64;

/// Most bins of a feature.
pub const MOST_BINS: usize = 255;
/// Most rows that decide the bounds; of more, so many are drawn.
pub const MOST_ROWS: usize = 200_000;

/// The columns in bins.
#[derive(Debug, Clone, PartialEq)]
pub struct Binned {
    /// Each feature's bin of each row.
    pub columns: Vec<Vec<u8>>,
    /// Each feature's bounds, ascending: a value lies in the first bin whose bound it does not exceed, or behind all.
    pub bounds: Vec<Vec<f64>>,
}

impl Binned {
    /// Puts finite columns of one length in bins. Above [`MOST_ROWS`] rows the seed decides which of them set the
    /// bounds.
    #[must_use]
    pub fn new(columns: &[Vec<f64>], seed: u64) -> Self {
        let rows = columns.first().map_or(0, Vec::len);
        let sample: Option<Vec<u32>> = (rows > MOST_ROWS).then(|| {
            let mut random = SplitMix64::new(seed, u64::MAX);
            (0..MOST_ROWS).map(|_| random.below(rows) as u32).collect()
        });
        let (columns, bounds) = columns
            .par_iter()
            .map(|column| {
                let bounds = bounds(match &sample {
                    None => column.clone(),
                    Some(sample) => sample.iter().map(|row| column[*row as usize]).collect(),
                });
                (places(column, &bounds), bounds)
            })
            .unzip();
        Self { columns, bounds }
    }
}

fn bounds(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let mut distinct = Vec::with_capacity(MOST_BINS);
    for value in &values {
        if distinct.last() != Some(value) {
            if distinct.len() == MOST_BINS {
                distinct.clear();
                break;
            }
            distinct.push(*value);
        }
    }
    if !distinct.is_empty() {
        return distinct.windows(2).map(|pair| between(pair[0], pair[1])).collect();
    }
    // The quantiles' averaged inverted distribution function, as scikit-learn's.
    let quantile = |part: usize| {
        let (place, rest) = (part * values.len() / MOST_BINS, part * values.len() % MOST_BINS);
        if rest > 0 { values[place] } else { f64::midpoint(values[place - 1], values[place]) }
    };
    let mut bounds: Vec<f64> = (1..MOST_BINS).map(quantile).collect();
    bounds.dedup();
    bounds
}

fn places(column: &[f64], bounds: &[f64]) -> Vec<u8> {
    let mut padded = [f64::INFINITY; 256];
    padded[..bounds.len()].copy_from_slice(bounds);
    let place = |value: &f64| {
        let mut low = 0;
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            low += step * usize::from(padded[(low + step - 1) & 255] < *value);
        }
        low as u8
    };
    column.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_values_have_a_bin_each() {
        let binned = Binned::new(&[vec![3e-9, 1e-9, 3e-9, -2e-9]], 0);
        assert_eq!(binned.columns, [[2, 1, 2, 0]]);
        assert_eq!(binned.bounds, [[-0.5e-9, 2e-9]]);
    }

    #[test]
    fn neighbours_are_told_apart() {
        let low = 1.0f64;
        assert_eq!(Binned::new(&[vec![low, low.next_up()]], 0).columns, [[0, 1]]);
    }

    proptest! {
        /// A bin is what a tree's threshold says of the value itself, and the order of the values.
        #[test]
        fn bins_are_what_bounds_say(values in prop::collection::vec(-1e3..1e3f64, 2..2000), round in any::<bool>()) {
            let values: Vec<f64> = values.into_iter().map(|v| if round { v.round() } else { v }).collect();
            let binned = Binned::new(std::slice::from_ref(&values), 0);
            let bounds = &binned.bounds[0];
            prop_assert!(bounds.len() < MOST_BINS && bounds.is_sorted());
            for (value, bin) in values.iter().zip(&binned.columns[0]) {
                for (place, bound) in bounds.iter().enumerate() {
                    prop_assert_eq!(*value <= *bound, usize::from(*bin) <= place);
                }
            }
        }

        /// Quantiles hold equally many rows each where no value repeats.
        #[test]
        fn bins_hold_equally_many(rows in 256..3000usize) {
            let values: Vec<f64> = (0..rows).map(|row| row as f64).collect();
            let binned = Binned::new(&[values], 0);
            let mut counts = [0usize; 256];
            binned.columns[0].iter().for_each(|bin| counts[usize::from(*bin)] += 1);
            let even = rows / MOST_BINS;
            prop_assert!(counts[..MOST_BINS].iter().all(|count| (even..=even + 2).contains(count)), "{counts:?}");
        }
    }
}
