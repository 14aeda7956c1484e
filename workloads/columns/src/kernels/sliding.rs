//! Windows without subtraction.
//!
//! Rows are divided into blocks of the window's length n. Every window is then a suffix of one block joined with
//! a prefix of the next, so a summary of it needs the suffix summaries of the last complete block and one running
//! prefix: three joins a row whatever n is (the scheme of van Herk 1992 and of Gil and Werman 1993 for extremes,
//! used here for any associative summary). Unlike running sums, nothing is ever subtracted: rounding errors do
//! not accumulate, and a value that left the window leaves no trace.

use std::fmt::Debug;

/// A summary of consecutive rows that can be joined with that of the rows behind them.
pub(crate) trait Summary: Copy + Send + Debug {
    /// What one row contributes.
    type Row: Copy + Send + Debug;
    /// The summary of one row.
    fn one(row: Self::Row) -> Self;
    /// The summary of the rows of `self` followed by those of `later`.
    fn join(self, later: Self) -> Self;
}

/// The summaries of the last n rows, one row at a time.
#[derive(Debug, Clone)]
pub(crate) struct Slide<S: Summary> {
    n: usize,
    /// Rows of the block that is not complete yet.
    block: Vec<S::Row>,
    /// `suffixes[k]` summarises the last k + 1 rows of the block before.
    suffixes: Vec<S>,
    /// Summary of `block`.
    prefix: Option<S>,
}

impl<S: Summary> Slide<S> {
    /// Windows of `n` rows; none when it is 0.
    pub(crate) fn new(n: usize) -> Self {
        Self { n, block: Vec::with_capacity(n), suffixes: Vec::with_capacity(n), prefix: None }
    }

    /// The summary of the last n rows up to this one, once there are as many.
    #[inline(always)]
    pub(crate) fn push(&mut self, row: S::Row) -> Option<S> {
        let one = S::one(row);
        let grown = match self.prefix {
            Some(prefix) => prefix.join(one),
            None => one,
        };
        self.block.push(row);
        if self.block.len() < self.n {
            self.prefix = Some(grown);
            let suffix = self.suffixes.get(self.n - 1 - self.block.len())?;
            return Some(suffix.join(grown));
        }
        self.turn();
        (self.n > 0).then_some(grown)
    }

    /// What [`push`](Self::push) gives at each of `count` rows, by the same joins: block by block, which leaves the
    /// compiler plain loops.
    #[inline(always)]
    pub(crate) fn fill(
        &mut self,
        count: usize,
        row: impl Fn(usize) -> S::Row,
        mut emit: impl FnMut(usize, Option<S>),
    ) {
        let n = self.n;
        let mut at = 0;
        // A block that was begun before is completed row by row; without a window every row is.
        while at < count && (n == 0 || !self.block.is_empty()) {
            emit(at, self.push(row(at)));
            at += 1;
        }
        while n > 0 && count - at >= n {
            let mut prefix = S::one(row(at));
            if self.suffixes.len() == n {
                for (place, suffix) in (at..).zip(self.suffixes[..n - 1].iter().rev()) {
                    emit(place, Some(suffix.join(prefix)));
                    prefix = prefix.join(S::one(row(place + 1)));
                }
            } else {
                for place in at..at + n - 1 {
                    emit(place, None);
                    prefix = prefix.join(S::one(row(place + 1)));
                }
            }
            at += n;
            emit(at - 1, Some(prefix));
            let mut suffix = S::one(row(at - 1));
            self.suffixes.clear();
            self.suffixes.push(suffix);
            self.suffixes.extend((at - n..at - 1).rev().map(|place| {
                suffix = S::one(row(place)).join(suffix);
                suffix
            }));
        }
        for place in at..count {
            emit(place, self.push(row(place)));
        }
    }

    /// The block is complete: once in n rows.
    #[inline(never)]
    fn turn(&mut self) {
        self.suffixes.clear();
        for row in self.block.drain(..).rev() {
            let one = S::one(row);
            self.suffixes.push(match self.suffixes.last() {
                Some(suffix) => one.join(*suffix),
                None => one,
            });
        }
        self.prefix = None;
    }

    /// Forgets every row.
    pub(crate) fn restart(&mut self) {
        self.block.clear();
        self.suffixes.clear();
        self.prefix = None;
    }
}

/// The number of rows and their sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sum(pub(crate) f64);

impl Summary for Sum {
    type Row = f64;

    fn one(row: f64) -> Self {
        Self(row)
    }

    fn join(self, later: Self) -> Self {
        Self(self.0 + later.0)
    }
}

/// The largest value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Highest(pub(crate) f64);

impl Summary for Highest {
    type Row = f64;

    fn one(row: f64) -> Self {
        Self(row)
    }

    fn join(self, later: Self) -> Self {
        if later.0 >= self.0 { later } else { self }
    }
}

/// The smallest value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lowest(pub(crate) f64);

impl Summary for Lowest {
    type Row = f64;

    fn one(row: f64) -> Self {
        Self(row)
    }

    fn join(self, later: Self) -> Self {
        if later.0 <= self.0 { later } else { self }
    }
}

/// Sum and linearly weighted sum (the oldest row has weight 1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weighted {
    count: f64,
    sum: f64,
    /// Sum of weight times value.
    pub(crate) weighted: f64,
}

impl Summary for Weighted {
    type Row = f64;

    fn one(row: f64) -> Self {
        Self { count: 1.0, sum: row, weighted: row }
    }

    fn join(self, later: Self) -> Self {
        Self {
            count: self.count + later.count,
            sum: self.sum + later.sum,
            weighted: self.weighted + (later.weighted + self.count * later.sum),
        }
    }
}

/// Mean and sum of squared deviations from it (Chan, Golub and LeVeque 1983).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    count: f64,
    /// The mean.
    pub(crate) mean: f64,
    /// Sum of squared deviations.
    pub(crate) squares: f64,
}

impl Summary for Spread {
    type Row = f64;

    fn one(row: f64) -> Self {
        Self { count: 1.0, mean: row, squares: 0.0 }
    }

    fn join(self, later: Self) -> Self {
        let count = self.count + later.count;
        let delta = later.mean - self.mean;
        Self {
            count,
            mean: self.mean + delta * (later.count / count),
            squares: self.squares + later.squares + delta * delta * (self.count * later.count / count),
        }
    }
}

/// Mean and sums of the second to fourth powers of deviations from it (Pébay 2008, equations 2.1 to 2.3).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    count: f64,
    mean: f64,
    /// Sum of squared deviations.
    pub(crate) m2: f64,
    /// Sum of cubed deviations.
    pub(crate) m3: f64,
    /// Sum of the fourth powers of deviations.
    pub(crate) m4: f64,
}

impl Summary for Moments {
    type Row = f64;

    fn one(row: f64) -> Self {
        Self { count: 1.0, mean: row, m2: 0.0, m3: 0.0, m4: 0.0 }
    }

    fn join(self, later: Self) -> Self {
        let (a, b) = (self.count, later.count);
        let n = a + b;
        let d = later.mean - self.mean;
        let (d2, ab) = (d * d, a * b);
        Self {
            count: n,
            mean: self.mean + d * (b / n),
            m2: self.m2 + later.m2 + d2 * (ab / n),
            m3: self.m3
                + later.m3
                + d2 * d * (ab * (a - b) / (n * n))
                + 3.0 * d * ((a * later.m2 - b * self.m2) / n),
            m4: self.m4
                + later.m4
                + d2 * d2 * (ab * (a * a - ab + b * b) / (n * n * n))
                + 6.0 * d2 * ((a * a * later.m2 + b * b * self.m2) / (n * n))
                + 4.0 * d * ((a * later.m3 - b * self.m3) / n),
        }
    }
}

/// Means of pairs, sums of squared deviations and of their products.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Products {
    count: f64,
    x: f64,
    y: f64,
    /// Sum of squared deviations of x.
    pub(crate) xx: f64,
    /// Sum of squared deviations of y.
    pub(crate) yy: f64,
    /// Sum of products of deviations.
    pub(crate) xy: f64,
}

impl Summary for Products {
    type Row = [f64; 2];

    fn one([x, y]: [f64; 2]) -> Self {
        Self { count: 1.0, x, y, xx: 0.0, yy: 0.0, xy: 0.0 }
    }

    fn join(self, later: Self) -> Self {
        let count = self.count + later.count;
        let (dx, dy) = (later.x - self.x, later.y - self.y);
        let share = later.count / count;
        let weight = self.count * share;
        Self {
            count,
            x: self.x + dx * share,
            y: self.y + dy * share,
            xx: self.xx + later.xx + dx * dx * weight,
            yy: self.yy + later.yy + dy * dy * weight,
            xy: self.xy + later.xy + dx * dy * weight,
        }
    }
}

/// Mean and the sum of products of deviations of value and row number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trend {
    count: f64,
    mean: f64,
    /// Sum of products of the deviations of value and row number.
    pub(crate) products: f64,
}

impl Summary for Trend {
    type Row = f64;

    fn one(row: f64) -> Self {
        Self { count: 1.0, mean: row, products: 0.0 }
    }

    fn join(self, later: Self) -> Self {
        let count = self.count + later.count;
        let delta = later.mean - self.mean;
        // Half of `count` lies between the mean row numbers of two adjacent parts.
        let rows = count / 2.0;
        Self {
            count,
            mean: self.mean + delta * (later.count / count),
            products: self.products + later.products + delta * rows * (self.count * later.count / count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Highest, Slide, Sum, Weighted};

    fn collect<S: super::Summary<Row = f64>>(x: &[f64], n: usize, value: fn(S) -> f64) -> Vec<(usize, f64)> {
        let mut window = Slide::<S>::new(n);
        let push = |(t, row): (usize, &f64)| window.push(*row).map(|summary| (t, value(summary)));
        x.iter().enumerate().filter_map(push).collect()
    }

    #[test]
    fn every_window_is_seen_once() {
        let x: Vec<f64> = (1..=9).map(f64::from).collect();
        for n in 1..=10 {
            let expected: Vec<_> =
                x.windows(n).enumerate().map(|(i, w)| (i + n - 1, w.iter().sum::<f64>())).collect();
            assert_eq!(collect::<Sum>(&x, n, |s| s.0), expected, "n = {n}");
            let highest: Vec<_> = x.windows(n).enumerate().map(|(i, w)| (i + n - 1, w[n - 1])).collect();
            assert_eq!(collect::<Highest>(&x, n, |s| s.0), highest, "n = {n}");
        }
        assert_eq!(collect::<Sum>(&x, 0, |s| s.0), []);
    }

    /// The length of a window; joins are counted.
    #[derive(Debug, Clone, Copy)]
    struct Counted(usize);

    thread_local! {
        static JOINS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    impl super::Summary for Counted {
        type Row = f64;

        fn one(_: f64) -> Self {
            Self(1)
        }

        fn join(self, later: Self) -> Self {
            JOINS.set(JOINS.get() + 1);
            Self(self.0 + later.0)
        }
    }

    #[test]
    fn a_row_costs_three_joins_whatever_the_period() {
        for n in [1, 2, 21, 252, 5000] {
            JOINS.set(0);
            let mut window = Slide::<Counted>::new(n);
            for row in 0..20_000 {
                let found = window.push(0.0);
                assert_eq!(found.map(|window| window.0), (row + 1 >= n).then_some(n));
            }
            assert!(JOINS.get() <= 3 * 20_000, "n = {n}: {} joins", JOINS.get());
        }
    }

    /// Rows in one piece, in several, and one by one.
    #[test]
    fn blocks_give_what_rows_do() {
        let x: Vec<f64> = (0..200).map(|row| f64::from(row * row % 37) + 0.1).collect();
        for n in [0, 1, 2, 3, 7, 50, 250] {
            let mut rows = Slide::<Weighted>::new(n);
            let expected: Vec<_> = x.iter().map(|x| rows.push(*x).map(|s| s.weighted.to_bits())).collect();
            for cuts in [vec![0, 200], vec![0, 1, 2, 60, 61, 130, 200], vec![0, 14, 28, 200]] {
                let mut blocks = Slide::<Weighted>::new(n);
                let mut found = vec![None; x.len()];
                for cut in cuts.windows(2) {
                    let piece = &x[cut[0]..cut[1]];
                    blocks.fill(
                        piece.len(),
                        |row| piece[row],
                        |row, window| {
                            found[cut[0] + row] = window.map(|s| s.weighted.to_bits());
                        },
                    );
                }
                assert_eq!(found, expected, "n = {n}, {cuts:?}");
            }
        }
    }

    #[test]
    fn weights_rise_from_one() {
        let expected = [(2, 14.0), (3, 20.0), (4, 26.0), (5, 32.0)];
        assert_eq!(collect::<Weighted>(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, |s| s.weighted), expected);
    }

    #[test]
    fn a_spike_that_left_the_window_leaves_no_trace() {
        let mut x = vec![0.1; 12];
        x[3] = 1e300;
        let sums = collect::<Sum>(&x, 4, |s| s.0);
        assert_eq!(sums.last(), Some(&(11, 0.4)));
        assert_eq!(sums.iter().find(|(t, _)| *t == 7), Some(&(7, 0.4)));
    }
}
