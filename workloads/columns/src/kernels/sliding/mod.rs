//! Windows without subtraction of what left them.
//!
//! Rows are divided into blocks of the window's length n. Every window is then a suffix of one block joined with
//! a prefix of the next, so that it needs the suffix summaries of the last complete block and one running prefix:
//! three joins a row whatever n is (the scheme of van Herk 1992 and of Gil and Werman 1993 for extremes, used here
//! for any summary). Unlike running sums, nothing is ever taken off again: rounding errors do not accumulate, and a
//! value that left the window leaves no trace. Windows of a few rows are joined outright.
//!
//! Every window contains the first row of the block in which it ends: its *pivot*. Sums of powers are taken of
//! deviations from it, which makes a join an addition and costs no accuracy: no member of n values lies further from
//! their mean than sqrt(n - 1) deviations (Samuelson 1968), so what cancels in the end is bounded by n roundings,
//! whatever the level of the values is.

use std::array::from_fn;
use std::fmt::Debug;
use std::marker::PhantomData;

mod summaries;
#[cfg(test)]
mod tests;

pub(crate) use summaries::{Highest, Lowest, Powers, Products, Ramp, Sum, central, not_negative};

/// Windows of at most so many rows are joined outright, oldest row first and the pivot: as many joins as rows, but
/// those of many windows at once.
const SHORT: usize = 4;

/// How many short windows are computed at a time, so that their sums stay in the first cache.
const SHORT_PIECE: usize = 512;

/// What rows of C numbers are summarised to: K numbers.
pub(crate) trait Summary<const C: usize, const K: usize>: Send + Debug {
    /// The summary of no row.
    const NOTHING: f64;
    /// The summary of one row, given the window's pivot.
    fn one(row: [f64; C], pivot: [f64; C]) -> [f64; K];
    /// A number of earlier rows joined with that of the rows behind them.
    fn join(earlier: f64, later: f64) -> f64;

    /// Rows joined with the one behind them.
    #[inline(always)]
    fn after(earlier: [f64; K], row: [f64; C], pivot: [f64; C]) -> [f64; K] {
        joined(Self::join, earlier, Self::one(row, pivot))
    }

    /// Rows joined with the one before them.
    #[inline(always)]
    fn before(row: [f64; C], pivot: [f64; C], later: [f64; K]) -> [f64; K] {
        joined(Self::join, Self::one(row, pivot), later)
    }

    /// The rows of a window of `n` before its pivot joined with those from there on.
    #[inline(always)]
    fn window(earlier: [f64; K], later: [f64; K], _n: f64) -> [f64; K] {
        joined(Self::join, earlier, later)
    }
}

#[inline(always)]
fn joined<const K: usize>(join: impl Fn(f64, f64) -> f64, earlier: [f64; K], later: [f64; K]) -> [f64; K] {
    from_fn(|k| join(earlier[k], later[k]))
}

/// A complete window: its summary and its pivot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<const C: usize, const K: usize> {
    pub(crate) sums: [f64; K],
    pub(crate) pivot: [f64; C],
}

/// The summaries of the last n rows, one row at a time or many.
#[derive(Debug, Clone)]
pub(crate) struct Slide<S, const C: usize, const K: usize> {
    n: usize,
    /// Columns of the block that is not complete yet, the pivot first, or of that just completed. Of a short window its
    /// rows but the last one.
    block: [Vec<f64>; C],
    /// Summaries of the ends of the block before, by the pivot of `block`: at place p that of its last n - 1 - p rows.
    /// Nothing when there is no block before.
    suffixes: [Vec<f64>; K],
    /// Summary of `block`.
    prefix: [f64; K],
    /// Summaries of the beginnings of a block, while many rows are computed.
    prefixes: [Vec<f64>; K],
    summary: PhantomData<S>,
}

impl<S: Summary<C, K>, const C: usize, const K: usize> Slide<S, C, K> {
    /// Windows of `n` rows; none when it is 0.
    pub(crate) fn new(n: usize) -> Self {
        Self {
            n,
            block: from_fn(|_| Vec::new()),
            suffixes: from_fn(|_| Vec::new()),
            prefix: [S::NOTHING; K],
            prefixes: from_fn(|_| Vec::new()),
            summary: PhantomData,
        }
    }

    /// Rows of the block that is not complete yet.
    fn begun(&self) -> usize {
        let rows = self.block[0].len();
        if rows == self.n { 0 } else { rows }
    }

    /// The last n rows up to this one, once there are as many.
    #[inline]
    pub(crate) fn push(&mut self, row: [f64; C]) -> Option<Window<C, K>> {
        if self.n <= SHORT {
            return self.push_short(row);
        }
        let begun = self.begun();
        if begun == 0 {
            let before = self.block.each_ref().map(Vec::as_slice);
            begin::<S, C, K>(self.n, before, row, &mut self.suffixes);
            self.block.iter_mut().for_each(Vec::clear);
            self.prefix = [S::NOTHING; K];
        }
        for (column, value) in self.block.iter_mut().zip(row) {
            column.push(value);
        }
        let pivot = self.block.each_ref().map(|column| column[0]);
        self.prefix = S::after(self.prefix, row, pivot);
        if self.suffixes[0].is_empty() && begun + 1 < self.n {
            return None;
        }
        let suffix = from_fn(|k| self.suffixes[k].get(begun).copied().unwrap_or(S::NOTHING));
        Some(Window { sums: S::window(suffix, self.prefix, self.n as f64), pivot })
    }

    /// What [`push`](Self::push) gives for each row of `columns`, by the same joins in plain loops: `outputs` have as
    /// many rows, and `value` makes M numbers of a window; rows at which there is none are left as they are.
    #[inline(always)]
    pub(crate) fn fill<const M: usize>(
        &mut self,
        columns: [&[f64]; C],
        mut outputs: [&mut [f64]; M],
        value: impl Fn(Window<C, K>) -> [f64; M],
    ) {
        if self.n <= SHORT {
            return self.fill_short(columns, outputs, value);
        }
        let (n, rows) = (self.n, columns[0].len());
        let mut begun = self.begun();
        // Where in `columns` the block begins, once one does.
        let mut first = None;
        let mut at = 0;
        while at < rows {
            if begun == 0 {
                let pivot = columns.map(|column| column[at]);
                let before = match first {
                    Some(first) => columns.map(|column| &column[first..at]),
                    None => self.block.each_ref().map(Vec::as_slice),
                };
                begin::<S, C, K>(n, before, pivot, &mut self.suffixes);
                self.prefix = [S::NOTHING; K];
                first = Some(at);
            }
            let pivot = match first {
                Some(first) => columns.map(|column| column[first]),
                None => self.block.each_ref().map(|column| column[0]),
            };
            let length = (n - begun).min(rows - at);
            let outputs = outputs.each_mut().map(|output| &mut output[at..at + length]);
            self.stretch(columns.map(|column| &column[at..at + length]), begun, pivot, outputs, &value);
            if first.is_none() {
                for (block, column) in self.block.iter_mut().zip(columns) {
                    block.extend_from_slice(&column[at..at + length]);
                }
            }
            at += length;
            begun = (begun + length) % n;
        }
        if let Some(first) = first {
            for (block, column) in self.block.iter_mut().zip(columns) {
                block.clear();
                block.extend_from_slice(&column[first..]);
            }
        }
    }

    /// [`push`](Self::push) of a short window.
    #[inline]
    fn push_short(&mut self, row: [f64; C]) -> Option<Window<C, K>> {
        if self.n == 0 {
            return None;
        }
        for (column, value) in self.block.iter_mut().zip(row) {
            column.push(value);
        }
        if self.block[0].len() < self.n {
            return None;
        }
        let pivot = self.block.each_ref().map(|column| column[0]);
        let mut sums = [S::NOTHING; K];
        for place in 0..self.n {
            let row = self.block.each_ref().map(|column| column[place]);
            sums = S::after(sums, row, pivot);
        }
        for column in &mut self.block {
            column.remove(0);
        }
        Some(Window { sums: S::window([S::NOTHING; K], sums, self.n as f64), pivot })
    }

    /// [`fill`](Self::fill) of a short window.
    #[inline(always)]
    fn fill_short<const M: usize>(
        &mut self,
        columns: [&[f64]; C],
        mut outputs: [&mut [f64]; M],
        value: impl Fn(Window<C, K>) -> [f64; M],
    ) {
        let (n, rows) = (self.n, columns[0].len());
        // These windows began in what came before.
        for row in 0..rows.min(n.saturating_sub(1)) {
            if let Some(window) = self.push_short(columns.map(|column| column[row])) {
                for (output, value) in outputs.iter_mut().zip(value(window)) {
                    output[row] = value;
                }
            }
        }
        if n == 0 || rows < n {
            return;
        }
        for sums in &mut self.prefixes {
            sums.resize(SHORT_PIECE, S::NOTHING);
        }
        let mut oldest = 0;
        while oldest + n <= rows {
            let windows = SHORT_PIECE.min(rows + 1 - n - oldest);
            let sums = self.prefixes.each_mut().map(|sums| &mut sums[..windows]);
            let pivots = columns.map(|column| &column[oldest..oldest + windows]);
            for place in 0..n {
                let here = columns.map(|column| &column[oldest + place..oldest + place + windows]);
                for row in 0..windows {
                    let before = if place == 0 { [S::NOTHING; K] } else { from_fn(|k| sums[k][row]) };
                    let after = S::after(before, here.map(|c| c[row]), pivots.map(|c| c[row]));
                    for k in 0..K {
                        sums[k][row] = after[k];
                    }
                }
            }
            let first = oldest + n - 1;
            let outputs = outputs.each_mut().map(|output| &mut output[first..first + windows]);
            for row in 0..windows {
                let sums = S::window([S::NOTHING; K], from_fn(|k| sums[k][row]), n as f64);
                let values = value(Window { sums, pivot: pivots.map(|c| c[row]) });
                for m in 0..M {
                    outputs[m][row] = values[m];
                }
            }
            oldest += windows;
        }
        for (block, column) in self.block.iter_mut().zip(columns) {
            block.clear();
            block.extend_from_slice(&column[rows + 1 - n..]);
        }
    }

    /// Rows of one block, which stand from place `begun` on.
    #[inline(always)]
    fn stretch<const M: usize>(
        &mut self,
        columns: [&[f64]; C],
        begun: usize,
        pivot: [f64; C],
        mut outputs: [&mut [f64]; M],
        value: &impl Fn(Window<C, K>) -> [f64; M],
    ) {
        let rows = outputs[0].len();
        for prefixes in &mut self.prefixes {
            if prefixes.len() < rows {
                prefixes.resize(self.n.min(rows.next_power_of_two()), S::NOTHING);
            }
        }
        let columns = columns.map(|column| &column[..rows]);
        let prefixes = self.prefixes.each_mut().map(|prefixes| &mut prefixes[..rows]);
        let mut prefix = self.prefix;
        for row in 0..rows {
            prefix = S::after(prefix, columns.map(|column| column[row]), pivot);
            for k in 0..K {
                prefixes[k][row] = prefix[k];
            }
        }
        self.prefix = prefix;
        if self.suffixes[0].is_empty() {
            if begun + rows == self.n {
                let values = value(Window { sums: S::window([S::NOTHING; K], prefix, self.n as f64), pivot });
                for (output, value) in outputs.iter_mut().zip(values) {
                    output[rows - 1] = value;
                }
            }
            return;
        }
        let suffixes = self.suffixes.each_ref().map(|suffixes| &suffixes[begun..begun + rows]);
        let outputs = outputs.each_mut().map(|output| &mut output[..rows]);
        let prefixes = prefixes.each_ref().map(|prefixes| &prefixes[..rows]);
        let n = self.n as f64;
        for row in 0..rows {
            let (suffix, prefix) = (from_fn(|k| suffixes[k][row]), from_fn(|k| prefixes[k][row]));
            let values = value(Window { sums: S::window(suffix, prefix, n), pivot });
            for m in 0..M {
                outputs[m][row] = values[m];
            }
        }
    }

    /// Forgets every row.
    pub(crate) fn restart(&mut self) {
        for column in self.block.iter_mut().chain(&mut self.suffixes) {
            column.clear();
        }
    }
}

/// Summarises the ends of the block `before`, if it is complete, by the pivot of the one that begins.
#[inline(always)]
fn begin<S: Summary<C, K>, const C: usize, const K: usize>(
    n: usize,
    before: [&[f64]; C],
    pivot: [f64; C],
    suffixes: &mut [Vec<f64>; K],
) {
    if before[0].len() != n {
        suffixes.iter_mut().for_each(Vec::clear);
        return;
    }
    for suffixes in suffixes.iter_mut() {
        // The window of the block's last row is the block: nothing is joined with it.
        suffixes.resize(n, S::NOTHING);
    }
    // The oldest row is in no window from here.
    let columns = before.map(|column| &column[1..n]);
    let suffixes = suffixes.each_mut().map(|suffixes| &mut suffixes[..n - 1]);
    let mut suffix = [S::NOTHING; K];
    for row in (0..n - 1).rev() {
        suffix = S::before(columns.map(|column| column[row]), pivot, suffix);
        for k in 0..K {
            suffixes[k][row] = suffix[k];
        }
    }
}
