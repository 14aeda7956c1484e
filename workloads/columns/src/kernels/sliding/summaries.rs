//! What windows are summarised to: sums, extremes, powers, products, weighted sums.

use std::array::from_fn;

use super::Summary;

/// The sum.
#[derive(Debug, Clone)]
pub(crate) struct Sum;

impl Summary<1, 1> for Sum {
    const NOTHING: f64 = 0.0;

    #[inline(always)]
    fn one(row: [f64; 1], _: [f64; 1]) -> [f64; 1] {
        row
    }

    #[inline(always)]
    fn join(earlier: f64, later: f64) -> f64 {
        earlier + later
    }
}

/// The largest value.
#[derive(Debug, Clone)]
pub(crate) struct Highest;

impl Summary<1, 1> for Highest {
    const NOTHING: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn one(row: [f64; 1], _: [f64; 1]) -> [f64; 1] {
        row
    }

    #[inline(always)]
    fn join(earlier: f64, later: f64) -> f64 {
        if earlier > later { earlier } else { later }
    }
}

/// The smallest value.
#[derive(Debug, Clone)]
pub(crate) struct Lowest;

impl Summary<1, 1> for Lowest {
    const NOTHING: f64 = f64::INFINITY;

    #[inline(always)]
    fn one(row: [f64; 1], _: [f64; 1]) -> [f64; 1] {
        row
    }

    #[inline(always)]
    fn join(earlier: f64, later: f64) -> f64 {
        if earlier < later { earlier } else { later }
    }
}

/// Sums of the first to the K-th powers of deviations from the pivot.
#[derive(Debug, Clone)]
pub(crate) struct Powers;

impl<const K: usize> Summary<1, K> for Powers {
    const NOTHING: f64 = 0.0;

    #[inline(always)]
    fn one([row]: [f64; 1], [pivot]: [f64; 1]) -> [f64; K] {
        let deviation = row - pivot;
        let mut power = 1.0;
        from_fn(|_| {
            power *= deviation;
            power
        })
    }

    #[inline(always)]
    fn join(earlier: f64, later: f64) -> f64 {
        earlier + later
    }
}

/// Sums of the deviations of x and of y from the pivot, of their squares and of their products.
#[derive(Debug, Clone)]
pub(crate) struct Products;

impl Summary<2, 5> for Products {
    const NOTHING: f64 = 0.0;

    #[inline(always)]
    fn one(row: [f64; 2], pivot: [f64; 2]) -> [f64; 5] {
        let (x, y) = (row[0] - pivot[0], row[1] - pivot[1]);
        [x, y, x * x, y * y, x * y]
    }

    #[inline(always)]
    fn join(earlier: f64, later: f64) -> f64 {
        earlier + later
    }
}

/// Sums of squared deviations of x and of y from their means, and of the products of both, given 1/n.
#[inline(always)]
pub(crate) fn central([x, y, xx, yy, xy]: [f64; 5], inverse: f64) -> (f64, f64, f64) {
    (not_negative(xx - x * x * inverse), not_negative(yy - y * y * inverse), xy - x * y * inverse)
}

/// The sum of the deviations from the pivot, and their sum with weights from 1, the window's oldest row, to n.
///
/// Weights that rise or fall by 1 are sums of sums: nothing is multiplied at a row. Before the pivot they rise from 1;
/// from the pivot on they fall to 1 in what is kept, and what rises to n is n + 1 times the sum less that.
#[derive(Debug, Clone)]
pub(crate) struct Ramp;

impl Summary<1, 2> for Ramp {
    const NOTHING: f64 = 0.0;

    #[inline(always)]
    fn one([row]: [f64; 1], [pivot]: [f64; 1]) -> [f64; 2] {
        [row - pivot; 2]
    }

    #[inline(always)]
    fn join(earlier: f64, later: f64) -> f64 {
        earlier + later
    }

    #[inline(always)]
    fn after([sum, weighted]: [f64; 2], [row]: [f64; 1], [pivot]: [f64; 1]) -> [f64; 2] {
        let sum = sum + (row - pivot);
        [sum, weighted + sum]
    }

    #[inline(always)]
    fn before([row]: [f64; 1], [pivot]: [f64; 1], [sum, weighted]: [f64; 2]) -> [f64; 2] {
        let sum = (row - pivot) + sum;
        [sum, sum + weighted]
    }

    #[inline(always)]
    fn window(earlier: [f64; 2], later: [f64; 2], n: f64) -> [f64; 2] {
        [earlier[0] + later[0], earlier[1] + ((n + 1.0) * later[0] - later[1])]
    }
}

/// A sum of squares from which rounding may have left less than nothing. NaN stays: what overflowed is null.
#[inline(always)]
pub(crate) fn not_negative(squares: f64) -> f64 {
    if squares < 0.0 { 0.0 } else { squares }
}
