//! Sequential minimal optimisation of a support vector machine's dual: `a Q a / 2 + p a` over `0 <= a <= bound` and
//! `sum of sign * a = 0`, with `Q[i][j] = sign[i] sign[j] kernel(i, j)`.
//!
//! Two variables a step, chosen by second-order information (Fan, Chen and Lin 2005); without shrinking. Sums run in
//! the order of the rows, so that the same rows give the same bits.

use std::collections::VecDeque;
use std::ops::Range;

use rayon::prelude::*;

use super::exponential::exp;

/// Violation of the optimality conditions at which the solver stops.
const TOLERANCE: f64 = 1e-4;
/// Curvature that stands in for one that is not positive.
const LEAST_CURVATURE: f64 = 1e-12;
/// Steps for each variable at which the solver gives up, and the fewest.
const STEPS_A_VARIABLE: usize = 100;
const FEWEST_STEPS: usize = 100_000;
/// Values of the kernel that are kept: 128 MiB.
const CACHED_VALUES: usize = 16 << 20;
/// Rows that a thread takes at once.
const CHUNK: usize = 2048;

/// The kernel over the training rows, one row at a time, with the latest ones kept.
#[derive(Debug)]
pub struct Rows<'a> {
    columns: &'a [Vec<f64>],
    count: usize,
    gamma: Option<f64>,
    cached: Vec<Option<Vec<f64>>>,
    order: VecDeque<usize>,
}

impl<'a> Rows<'a> {
    /// The kernel of some columns: Gaussian with a `gamma`, linear without.
    #[must_use]
    pub fn new(columns: &'a [Vec<f64>], count: usize, gamma: Option<f64>) -> Self {
        Self { columns, count, gamma, cached: vec![None; count], order: VecDeque::new() }
    }

    /// The kernel of a row and itself.
    fn own(&self, row: usize) -> f64 {
        match self.gamma {
            Some(_) => 1.0,
            None => self.columns.iter().map(|column| column[row] * column[row]).sum(),
        }
    }

    /// The kernel of a row and each of some others, feature by feature.
    fn values(&self, row: usize, others: Range<usize>, values: &mut [f64]) {
        for column in self.columns {
            let own = column[row];
            let pairs = values.iter_mut().zip(&column[others.clone()]);
            match self.gamma {
                Some(_) => pairs.for_each(|(sum, other)| *sum += (own - other) * (own - other)),
                None => pairs.for_each(|(sum, other)| *sum += own * other),
            }
        }
        if let Some(gamma) = self.gamma {
            values.iter_mut().for_each(|value| *value = exp(-gamma * *value));
        }
    }

    /// Computes a row of the kernel unless it is there.
    fn load(&mut self, row: usize, other: usize) {
        if self.cached[row].is_some() {
            return;
        }
        let most = (CACHED_VALUES / self.count.max(1)).max(2);
        while self.order.len() >= most {
            match self.order.pop_front() {
                // The other row of the step stays.
                Some(oldest) if oldest == other => self.order.push_back(oldest),
                Some(oldest) => self.cached[oldest] = None,
                None => break,
            }
        }
        let mut values = vec![0.0; self.count];
        values.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
            let first = chunk * CHUNK;
            self.values(row, first..first + values.len(), values);
        });
        self.cached[row] = Some(values);
        self.order.push_back(row);
    }

    fn loaded(&self, row: usize) -> &[f64] {
        self.cached[row].as_deref().unwrap_or_default()
    }
}

/// A dual problem; its variables are the rows of the kernel once or, one half after the other, twice.
#[derive(Debug)]
pub struct Problem<'a> {
    /// The kernel.
    pub kernel: Rows<'a>,
    /// `p`.
    pub linear: Vec<f64>,
    /// 1 or -1 for each variable.
    pub sign: Vec<f64>,
    /// The upper bound of each variable.
    pub bounds: Vec<f64>,
}

/// Where the solver stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The variables.
    pub alpha: Vec<f64>,
    /// `b` of the decision function.
    pub intercept: f64,
    /// Whether the tolerance was reached.
    pub converged: bool,
}

impl Problem<'_> {
    /// Solves, from all variables at 0.
    #[must_use]
    pub fn solve(mut self) -> Solution {
        let count = self.linear.len();
        let rows = self.kernel.count;
        let diagonal: Vec<f64> = (0..rows).map(|row| self.kernel.own(row)).collect();
        let mut alpha = vec![0.0; count];
        let mut gradient = self.linear.clone();
        let mut converged = false;
        for _ in 0..(STEPS_A_VARIABLE * count).max(FEWEST_STEPS) {
            let Some((i, j)) = self.pair(&alpha, &gradient, &diagonal) else {
                converged = true;
                break;
            };
            self.kernel.load(i % rows, j % rows);
            self.kernel.load(j % rows, i % rows);
            let (row_i, row_j) = (self.kernel.loaded(i % rows), self.kernel.loaded(j % rows));
            let (before_i, before_j) = (alpha[i], alpha[j]);
            let curvature = curvature(diagonal[i % rows], diagonal[j % rows], row_i[j % rows]);
            // Along sign[i] a[i] + sign[j] a[j] = constant: a[i] rises by sign[i] t and a[j] falls by sign[j] t.
            let t = (self.sign[j] * gradient[j] - self.sign[i] * gradient[i]) / curvature;
            let room = |place: usize, direction: f64| {
                if direction > 0.0 { self.bounds[place] - alpha[place] } else { alpha[place] }
            };
            let (room_i, room_j) = (room(i, self.sign[i]), room(j, -self.sign[j]));
            let step = t.min(room_i).min(room_j);
            // A variable that reaches a bound lies on it exactly.
            let moved = |place: usize, direction: f64, room: f64| match (step >= room, direction > 0.0) {
                (true, true) => self.bounds[place],
                (true, false) => 0.0,
                (false, _) => alpha[place] + direction * step,
            };
            let (after_i, after_j) = (moved(i, self.sign[i], room_i), moved(j, -self.sign[j], room_j));
            (alpha[i], alpha[j]) = (after_i, after_j);
            let (delta_i, delta_j) =
                (self.sign[i] * (after_i - before_i), self.sign[j] * (after_j - before_j));
            for (slopes, signs) in gradient.chunks_mut(rows).zip(self.sign.chunks(rows)) {
                for (((slope, sign), a), b) in slopes.iter_mut().zip(signs).zip(row_i).zip(row_j) {
                    *slope += sign * (a * delta_i + b * delta_j);
                }
            }
        }
        let intercept = self.intercept(&alpha, &gradient);
        Solution { alpha, intercept, converged }
    }

    /// Whether a variable may move so that its sign times itself rises, falls.
    fn may(&self, place: usize, value: f64, rise: bool) -> bool {
        if (self.sign[place] > 0.0) == rise { value < self.bounds[place] } else { value > 0.0 }
    }

    /// The pair to move: the greatest violator, and the partner that lowers the objective most; none at the optimum.
    fn pair(&mut self, alpha: &[f64], gradient: &[f64], diagonal: &[f64]) -> Option<(usize, usize)> {
        let rows = self.kernel.count;
        let (mut first, mut most) = (None, f64::NEG_INFINITY);
        for place in 0..alpha.len() {
            let value = -self.sign[place] * gradient[place];
            if value > most && self.may(place, alpha[place], true) {
                (first, most) = (Some(place), value);
            }
        }
        let i = first?;
        self.kernel.load(i % rows, i % rows);
        let row = self.kernel.loaded(i % rows);
        let (mut second, mut best, mut least) = (None, 0.0, f64::INFINITY);
        for place in 0..alpha.len() {
            if !self.may(place, alpha[place], false) {
                continue;
            }
            let value = -self.sign[place] * gradient[place];
            least = f64::min(least, value);
            let violation = most - value;
            if violation > 0.0 {
                let other = if place < rows { place } else { place - rows };
                let decrease =
                    violation * violation / curvature(diagonal[i % rows], diagonal[other], row[other]);
                if decrease > best {
                    (second, best) = (Some(place), decrease);
                }
            }
        }
        if most - least < TOLERANCE { None } else { Some((i, second?)) }
    }

    /// The mean of what the variables between their bounds ask for, or the middle of what those at them allow.
    fn intercept(&self, alpha: &[f64], gradient: &[f64]) -> f64 {
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let (mut sum, mut free) = (0.0, 0.0);
        for place in 0..alpha.len() {
            let value = -self.sign[place] * gradient[place];
            match (self.may(place, alpha[place], true), self.may(place, alpha[place], false)) {
                (true, true) => {
                    sum += value;
                    free += 1.0;
                }
                (true, false) => low = low.max(value),
                _ => high = high.min(value),
            }
        }
        if free > 0.0 { sum / free } else { 0.5 * (low + high) }
    }
}

fn curvature(first: f64, second: f64, product: f64) -> f64 {
    let curvature = first + second - 2.0 * product;
    if curvature > LEAST_CURVATURE { curvature } else { LEAST_CURVATURE }
}
