//! Sums of products over rows, in an order that no number of threads changes.
//!
//! Rows are taken in chunks; within a chunk eight running sums take turns, so that the processor adds several at once.
//! The chunks' sums are added in their order.

use ndarray::Array2;
use rayon::prelude::*;

/// Rows of a chunk: a few columns of it fit the first cache.
pub const CHUNK: usize = 1024;

/// The sum of products.
#[must_use]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_eights, a_rest) = a.as_chunks::<8>();
    let (b_eights, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a_eights.iter().zip(b_eights) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

/// Adds what `one` gives for each chunk of so many rows: `size` numbers.
pub fn over_chunks(
    rows: usize,
    size: usize,
    one: impl Fn(std::ops::Range<usize>) -> Vec<f64> + Sync + Send,
) -> Vec<f64> {
    let parts: Vec<Vec<f64>> = (0..rows.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| one(chunk * CHUNK..rows.min((chunk + 1) * CHUNK)))
        .collect();
    let mut sums = vec![0.0; size];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    sums
}

/// The mean of the products of every two columns, less their means and times the root of each row's weight; the
/// columns are those of the features, and the label behind them when there is one. `weights` may be any numbers of at
/// least 0.
#[must_use]
pub fn second(columns: &[&[f64]], means: &[f64], weights: Option<&[f64]>) -> Array2<f64> {
    let (count, rows) = (columns.len(), columns.first().map_or(0, |column| column.len()));
    let sums = over_chunks(rows, count * (count + 1) / 2, |rows| {
        let centred: Vec<Vec<f64>> = columns
            .iter()
            .zip(means)
            .map(|(column, mean)| column[rows.clone()].iter().map(|value| value - mean).collect())
            .collect();
        let weights = weights.map(|weights| &weights[rows]);
        let mut products = Vec::with_capacity(count * (count + 1) / 2);
        for (place, column) in centred.iter().enumerate() {
            let weighted: Option<Vec<f64>> = weights
                .map(|weights| column.iter().zip(weights).map(|(value, weight)| value * weight).collect());
            let column = weighted.as_ref().unwrap_or(column);
            products.extend(centred[..=place].iter().map(|other| dot(column, other)));
        }
        products
    });
    Array2::from_shape_fn((count, count), |(i, j)| {
        let (high, low) = (i.max(j), i.min(j));
        sums[high * (high + 1) / 2 + low] / rows as f64
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn moments_are_those_of_plain_sums(rows in 1..3000usize, weighted in any::<bool>(), seed in any::<u64>()) {
            let mut random = crate::random::SplitMix64::new(seed, 0);
            let mut column = || -> Vec<f64> { (0..rows).map(|_| random.below(1000) as f64 / 500.0).collect() };
            let (a, b, weights) = (column(), column(), column());
            let weights = weighted.then_some(weights.as_slice());
            let found = second(&[&a, &b], &[0.5, 1.5], weights);
            let plain = |a: &[f64], b: &[f64], shift: (f64, f64)| {
                let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
                (0..rows).map(|row| weight(row) * (a[row] - shift.0) * (b[row] - shift.1)).sum::<f64>() / rows as f64
            };
            for (place, expected) in
                [((0, 0), plain(&a, &a, (0.5, 0.5))), ((1, 0), plain(&b, &a, (1.5, 0.5))), ((1, 1), plain(&b, &b, (1.5, 1.5)))]
            {
                prop_assert!((found[place] - expected).abs() < 1e-12, "{} {expected}", found[place]);
            }
            prop_assert_eq!(found[(0, 1)], found[(1, 0)]);
        }
    }
}
