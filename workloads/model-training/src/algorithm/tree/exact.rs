//! One tree whose thresholds lie halfway between any two neighbouring values, as scikit-learn's.
//!
//! Each feature's rows are sorted once; a split divides every feature's list and keeps its order, so that no node is
//! sorted again. Of splits that are equally good the first feature's lowest threshold is taken. Sums run in the order
//! of a feature's values, then of the rows, whatever the number of threads.

use rayon::prelude::*;

use super::{Grown, Growth, LEAST_GAIN, Split, between};
use std::ops::Range;

/// The rows that a tree learns from.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// A column for each feature.
    pub columns: &'a [Vec<f64>],
    /// What is learned.
    pub label: &'a [f64],
    /// How much a row counts; none: all alike.
    pub weights: Option<&'a [f64]>,
}

/// Sums over rows: of weights, and of weighted labels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sum {
    weight: f64,
    label: f64,
}

/// A node that is not split yet.
struct Node {
    place: usize,
    /// Its part of every feature's list.
    rows: Range<usize>,
    sum: Sum,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    split: Split,
    /// The first place, in the feature's list, of the rows that go right.
    middle: usize,
    left: Sum,
}

impl Sum {
    fn add(&mut self, rows: &Rows<'_>, row: u32) {
        let row = row as usize;
        let weight = rows.weights.map_or(1.0, |weights| weights[row]);
        self.weight += weight;
        self.label += weight * rows.label[row];
    }

    fn less(self, part: Self) -> Self {
        Self { weight: self.weight - part.weight, label: self.label - part.label }
    }

    /// What a leaf explains of the sum of squares.
    fn score(self) -> f64 {
        self.label * self.label / self.weight
    }

    fn mean(self) -> f64 {
        self.label / self.weight
    }
}

/// Grows a tree; labels should lie around 0, so that their squares leave room for what splits gain.
#[must_use]
pub fn grow(rows: &Rows<'_>, growth: Growth) -> Grown {
    let count = rows.label.len();
    let mut lists: Vec<Vec<u32>> = rows.columns.par_iter().map(|column| sorted(column)).collect();
    let mut grown = Grown::default();
    let sum = (0..count).fold(Sum::default(), |mut sum, row| {
        sum.add(rows, row as u32);
        sum
    });
    let mut level = vec![Node { place: grown.add_leaf(sum.mean()), rows: 0..count, sum }];
    let mut goes_left = vec![false; count];
    for _ in 0..growth.max_depth {
        let by_feature: Vec<Vec<Option<Found>>> = lists
            .par_iter()
            .enumerate()
            .map(|(feature, list)| level.iter().map(|node| best(rows, growth, node, feature, list)).collect())
            .collect();
        let mut divided = Vec::new();
        let mut next = Vec::new();
        for (place, node) in level.into_iter().enumerate() {
            let Some(found) = best_of(by_feature.iter().filter_map(|found| found[place]), &node) else {
                continue;
            };
            let list = &lists[found.split.feature];
            for (at, row) in list[node.rows.clone()].iter().enumerate() {
                goes_left[*row as usize] = node.rows.start + at < found.middle;
            }
            let right = node.sum.less(found.left);
            let children = grown.split(node.place, &found.split, [found.left.mean(), right.mean()]);
            divided.push(node.rows.clone());
            next.push(Node { place: children[0], rows: node.rows.start..found.middle, sum: found.left });
            next.push(Node { place: children[1], rows: found.middle..node.rows.end, sum: right });
        }
        if next.is_empty() {
            break;
        }
        level = next;
        lists.par_iter_mut().for_each(|list| {
            let mut aside = vec![0; divided.iter().map(Range::len).max().unwrap_or(0)];
            divided.iter().for_each(|node| divide(&mut list[node.clone()], &mut aside, &goes_left));
        });
    }
    grown
}

/// The rows by their values.
fn sorted(column: &[f64]) -> Vec<u32> {
    let mut pairs: Vec<(f64, u32)> = column.iter().copied().zip(0..).collect();
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    pairs.into_iter().map(|(_, row)| row).collect()
}

/// The best split of a node on a feature.
fn best(rows: &Rows<'_>, growth: Growth, node: &Node, feature: usize, list: &[u32]) -> Option<Found> {
    let least = growth.min_samples_leaf as usize;
    let list = &list[node.rows.clone()];
    if list.len() < 2 * least {
        return None;
    }
    let column = &rows.columns[feature];
    let mut left = Sum::default();
    let mut best: Option<Found> = None;
    for count in 1..=list.len() - least {
        left.add(rows, list[count - 1]);
        if count < least {
            continue;
        }
        let (low, high) = (column[list[count - 1] as usize], column[list[count] as usize]);
        if low == high {
            continue;
        }
        let score = left.score() + node.sum.less(left).score();
        if best.is_none_or(|best| score > best.split.gain) {
            let split = Split { feature, threshold: between(low, high), gain: score };
            best = Some(Found { split, middle: node.rows.start + count, left });
        }
    }
    best
}

/// The best of the features' splits, when it is worth anything; its gain is then what the split adds.
fn best_of(found: impl Iterator<Item = Found>, node: &Node) -> Option<Found> {
    let better = |best: Option<Found>, next: Found| match best {
        Some(best) if best.split.gain >= next.split.gain => Some(best),
        _ => Some(next),
    };
    let mut best = found.fold(None, better)?;
    let whole = node.sum.score();
    if best.split.gain <= whole * (1.0 + LEAST_GAIN) {
        return None;
    }
    best.split.gain -= whole;
    Some(best)
}

/// Rows that go left first, the others behind; in their order.
fn divide(list: &mut [u32], aside: &mut [u32], goes_left: &[bool]) {
    let (mut left, mut right) = (0, 0);
    for place in 0..list.len() {
        let row = list[place];
        let goes = usize::from(goes_left[row as usize]);
        list[left] = row;
        aside[right] = row;
        left += goes;
        right += 1 - goes;
    }
    list[left..].copy_from_slice(&aside[..right]);
}
