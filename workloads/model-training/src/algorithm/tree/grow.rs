//! Trees over columns in bins, level by level.
//!
//! A node's rows are added up bin by bin for each feature (a histogram), and every bound between two bins is a place to
//! split. Of two siblings the one with fewer rows is added up; the other is the parent less that one (Ke and others
//! 2017, LightGBM). Of splits that are equally good the first feature's first bound is taken.
//!
//! Threads share features and nodes; sums are whole numbers ([`super::sums`]), so nothing depends on who did what.

use std::ops::Range;

use rayon::prelude::*;

use super::bins::Binned;
use super::sums::{Sum, Sums, Unit};
use super::{Grown, Growth, LEAST_GAIN, Split};
use crate::random::SplitMix64;

/// Fewest rows of a node whose histograms are kept for its children: below, adding up is as quick as subtracting, and
/// memory stays a fraction of the columns'.
const KEPT_ROWS: usize = 4096;
/// Rows that a thread takes at once; of a node with fewer features are not shared, either.
const SHARED_ROWS: usize = 8192;
/// Features that are added up together: a row and its numbers are read once for all of them.
const TOGETHER: usize = 4;

/// One feature's sums, bin by bin.
type Histogram = [Sum; 256];

/// What all trees of a fit share.
#[derive(Debug, Clone, Copy)]
pub struct Grower<'a> {
    /// The columns.
    pub binned: &'a Binned,
    /// How far a tree grows.
    pub growth: Growth,
    /// So many features are drawn at each node, by a seed; none: all are looked at.
    pub drawn: Option<(usize, u64)>,
}

/// A tree, and which rows lie in which leaf.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaves {
    /// The tree.
    pub grown: Grown,
    /// The rows, leaf by leaf.
    pub rows: Vec<u32>,
    /// Places in `rows` of each leaf, and the leaf's value.
    pub leaves: Vec<(Range<usize>, f64)>,
}

/// A node that is not split yet.
struct Node {
    place: usize,
    rows: Range<usize>,
    sum: Sum,
    split: Option<Found>,
    /// By feature; empty when they are not kept.
    histograms: Vec<Histogram>,
}

/// The best split of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Found {
    feature: usize,
    bin: usize,
    left: Sum,
    /// The children's sums of squared gradients over curvatures, in units that all sums share.
    score: f64,
}

/// A node's part of the fit's lists.
struct Part<'a> {
    rows: &'a mut [u32],
    /// Room for the rows that go right.
    aside: &'a mut [u32],
    /// Room for the rows' numbers, one after the other.
    numbers: &'a mut [Sum],
}

impl Grower<'_> {
    /// Grows a tree of some rows, by their numbers.
    #[must_use]
    pub fn grow(&self, sums: &Sums, mut rows: Vec<u32>) -> Leaves {
        let unit = sums.unit;
        let mut grown = Grown::default();
        let mut leaves = Vec::new();
        let (mut aside, mut numbers) = (vec![0; rows.len()], vec![[0; 2]; rows.len()]);
        let total = rows.iter().fold([0; 2], |all, row| add(all, sums.rows[*row as usize]));
        let place = grown.add_leaf(unit.step(total));
        let mut root = Node { place, rows: 0..rows.len(), sum: total, split: None, histograms: Vec::new() };
        gather(&rows, sums, &mut numbers);
        self.search(&mut root, &rows, &numbers, unit);
        let mut level = vec![root];
        for depth in 1..=self.growth.max_depth {
            let (split, closed): (Vec<Node>, Vec<Node>) =
                level.into_iter().partition(|node| node.split.is_some());
            leaves.extend(closed);
            // A node's place decides what is drawn for it: children are placed before they are searched.
            let split: Vec<(Node, [usize; 2])> = split
                .into_iter()
                .map(|node| {
                    let children = place_children(&mut grown, &node, self.binned, unit);
                    (node, children)
                })
                .collect();
            let nodes = split.iter().map(|(node, _)| node.rows.clone()).collect::<Vec<_>>();
            let parts = parts(&nodes, &mut rows, &mut aside, &mut numbers);
            let last = depth == self.growth.max_depth;
            let children: Vec<[Node; 2]> = split
                .into_par_iter()
                .zip(parts)
                .map(|((node, places), part)| self.descend(node, places, part, sums, last))
                .collect();
            level = children.into_iter().flatten().collect();
            if level.is_empty() {
                break;
            }
        }
        leaves.extend(level);
        let leaves = leaves.into_iter().map(|leaf| (leaf.rows, unit.step(leaf.sum))).collect();
        Leaves { grown, rows, leaves }
    }

    /// Splits a node's rows between its children and looks for the children's splits.
    fn descend(&self, node: Node, places: [usize; 2], part: Part<'_>, sums: &Sums, last: bool) -> [Node; 2] {
        let Node { rows, sum, split, mut histograms, .. } = node;
        let Part { rows: ours, aside, numbers } = part;
        let (feature, bin, left) = split.map_or((0, 0, sum), |split| (split.feature, split.bin, split.left));
        let count = divide(ours, aside, &self.binned.columns[feature], bin);
        let middle = rows.start + count;
        let child = |place, rows, sum| Node { place, rows, sum, split: None, histograms: Vec::new() };
        let mut children =
            [child(places[0], rows.start..middle, left), child(places[1], middle..rows.end, less(sum, left))];
        if last {
            return children;
        }
        let (left_rows, right_rows) = ours.split_at(count);
        let (left_numbers, right_numbers) = numbers.split_at_mut(count);
        let [left, right] = &mut children;
        let mut pair = [(left, left_rows, left_numbers), (right, right_rows, right_numbers)];
        if pair[0].1.len() > pair[1].1.len() {
            pair.swap(0, 1);
        }
        let [(few, few_rows, few_numbers), (many, many_rows, many_numbers)] = pair;
        gather(few_rows, sums, few_numbers);
        if histograms.is_empty() {
            gather(many_rows, sums, many_numbers);
            self.search(few, few_rows, few_numbers, sums.unit);
            self.search(many, many_rows, many_numbers, sums.unit);
        } else {
            self.search_both(few, few_rows, few_numbers, many, &mut histograms, sums.unit);
            if many_rows.len() >= KEPT_ROWS {
                many.histograms = histograms;
            }
        }
        children
    }

    /// Looks for the best split of a node whose rows have to be added up.
    fn search(&self, node: &mut Node, rows: &[u32], numbers: &[Sum], unit: Unit) {
        if rows.len() < 2 * self.growth.min_samples_leaf as usize {
            return;
        }
        let features = self.binned.columns.len();
        if let Some((count, seed)) = self.drawn {
            node.split = self.search_drawn(node, rows, numbers, unit, count, seed);
            return;
        }
        let mut histograms = vec![[[0; 2]; 256]; features];
        let found = each(rows.len(), histograms.chunks_mut(TOGETHER).enumerate(), |(group, histograms)| {
            let first = group * TOGETHER;
            add_up(histograms, &self.columns(first, histograms.len()), rows, numbers);
            let best = histograms.iter().zip(first..);
            best.map(|(histogram, feature)| self.best(feature, histogram, node.sum, unit).0).collect()
        });
        node.split = best_of(found.into_iter().flatten(), node.sum, unit);
        if rows.len() >= KEPT_ROWS {
            node.histograms = histograms;
        }
    }

    /// Looks for the best splits of two siblings; `parent` becomes the histograms of `many`.
    fn search_both(
        &self,
        few: &mut Node,
        rows: &[u32],
        numbers: &[Sum],
        many: &mut Node,
        parent: &mut [Histogram],
        unit: Unit,
    ) {
        let least = 2 * self.growth.min_samples_leaf as usize;
        let (search_few, search_many) = (rows.len() >= least, unit.count(many.sum) >= least);
        if !search_many {
            return;
        }
        let mut histograms = vec![[[0; 2]; 256]; parent.len()];
        let groups = histograms.chunks_mut(TOGETHER).zip(parent.chunks_mut(TOGETHER)).enumerate();
        let found = each(rows.len(), groups, |(group, (histograms, parent))| {
            let first = group * TOGETHER;
            add_up(histograms, &self.columns(first, histograms.len()), rows, numbers);
            let both = histograms.iter().zip(parent).zip(first..);
            both.map(|((part, all), feature)| {
                all.iter_mut().zip(part).for_each(|(all, part)| *all = less(*all, *part));
                let few = if search_few { self.best(feature, part, few.sum, unit).0 } else { None };
                (few, self.best(feature, all, many.sum, unit).0)
            })
            .collect()
        });
        let (few_found, many_found): (Vec<_>, Vec<_>) = found.into_iter().flatten().unzip();
        few.split = best_of(few_found, few.sum, unit);
        many.split = best_of(many_found, many.sum, unit);
        if rows.len() >= KEPT_ROWS {
            few.histograms = histograms;
        }
    }

    fn columns(&self, first: usize, count: usize) -> Vec<&[u8]> {
        self.binned.columns[first..first + count].iter().map(Vec::as_slice).collect()
    }

    /// The best split among features drawn without replacement: more than asked for when none of those had two values.
    fn search_drawn(
        &self,
        node: &Node,
        rows: &[u32],
        numbers: &[Sum],
        unit: Unit,
        count: usize,
        seed: u64,
    ) -> Option<Found> {
        let mut random = SplitMix64::new(seed, node.place as u64);
        let mut order: Vec<usize> = (0..self.binned.columns.len()).collect();
        for place in 0..order.len() {
            let other = place + random.below(order.len() - place);
            order.swap(place, other);
        }
        let mut found = Vec::with_capacity(count);
        let mut varies = false;
        for features in order.chunks(count.max(1)) {
            let columns: Vec<&[u8]> =
                features.iter().map(|feature| &self.binned.columns[*feature][..]).collect();
            let mut histograms = vec![[[0; 2]; 256]; features.len()];
            add_up(&mut histograms, &columns, rows, numbers);
            for (feature, histogram) in features.iter().zip(&histograms) {
                let (best, differs) = self.best(*feature, histogram, node.sum, unit);
                varies |= differs;
                found.push(best);
            }
            if varies {
                break;
            }
        }
        best_of(found, node.sum, unit)
    }

    /// The best split on a feature, and whether the feature has two values at all.
    fn best(&self, feature: usize, histogram: &Histogram, total: Sum, unit: Unit) -> (Option<Found>, bool) {
        let least = self.growth.min_samples_leaf as usize;
        let rows = unit.count(total);
        let mut left: Sum = [0; 2];
        let mut best: Option<Found> = None;
        let mut differs = false;
        for (bin, sum) in histogram.iter().enumerate().take(self.binned.bounds[feature].len()) {
            if sum[1] == 0 {
                continue;
            }
            left = add(left, *sum);
            let count = unit.count(left);
            if count == rows {
                break;
            }
            differs = true;
            if count < least {
                continue;
            }
            if rows - count < least {
                break;
            }
            let (g, h) = unit.parts(left);
            let (rest_g, rest_h) = unit.parts(less(total, left));
            let score = g * g / h + rest_g * rest_g / rest_h;
            if best.is_none_or(|best| score > best.score) {
                best = Some(Found { feature, bin, left, score });
            }
        }
        (best, differs)
    }
}

/// The sum of all rows fits ([`super::sums`]), so nothing wraps; saying so spares a look at each row.
fn add(a: Sum, b: Sum) -> Sum {
    [a[0].wrapping_add(b[0]), a[1].wrapping_add(b[1])]
}

fn less(a: Sum, b: Sum) -> Sum {
    [a[0].wrapping_sub(b[0]), a[1].wrapping_sub(b[1])]
}

/// A row's numbers in the order of the rows, so that every feature reads them one after the other.
fn gather(rows: &[u32], sums: &Sums, numbers: &mut [Sum]) {
    for (number, row) in numbers.iter_mut().zip(rows) {
        *number = sums.rows[*row as usize];
    }
}

/// Adds rows to the histograms of some columns; threads share a node with many rows.
fn add_up(histograms: &mut [Histogram], columns: &[&[u8]], rows: &[u32], numbers: &[Sum]) {
    if rows.len() < 2 * SHARED_ROWS {
        add_rows(histograms, columns, rows, numbers);
        return;
    }
    let empty = || vec![[[0; 2]; 256]; columns.len()];
    let all = rows
        .par_chunks(SHARED_ROWS)
        .zip(numbers.par_chunks(SHARED_ROWS))
        .fold(empty, |mut sums, (rows, numbers)| {
            add_rows(&mut sums, columns, rows, numbers);
            sums
        })
        .reduce(empty, |mut sums, more| {
            let both = sums.as_flattened_mut().iter_mut().zip(more.as_flattened());
            both.for_each(|(sum, more)| *sum = add(*sum, *more));
            sums
        });
    histograms.copy_from_slice(&all);
}

/// The hot loop: a row's numbers are added to those of its bin.
fn add_rows(histograms: &mut [Histogram], columns: &[&[u8]], rows: &[u32], numbers: &[Sum]) {
    if let ([a, b, c, d], [in_a, in_b, in_c, in_d]) = (&mut *histograms, columns) {
        // One length, so that one look at a row's number is enough.
        let [in_b, in_c, in_d] = [in_b, in_c, in_d].map(|bins| &bins[..in_a.len()]);
        for (row, number) in rows.iter().zip(numbers) {
            let row = *row as usize;
            let bins = [in_a[row], in_b[row], in_c[row], in_d[row]].map(usize::from);
            a[bins[0]] = add(a[bins[0]], *number);
            b[bins[1]] = add(b[bins[1]], *number);
            c[bins[2]] = add(c[bins[2]], *number);
            d[bins[3]] = add(d[bins[3]], *number);
        }
        return;
    }
    for (histogram, bins) in histograms.iter_mut().zip(columns) {
        for (row, number) in rows.iter().zip(numbers) {
            let sum = &mut histogram[usize::from(bins[*row as usize])];
            *sum = add(*sum, *number);
        }
    }
}

/// Rows up to a bin first, the others behind; in their order. How many are first.
fn divide(rows: &mut [u32], aside: &mut [u32], bins: &[u8], bin: usize) -> usize {
    let (mut left, mut right) = (0, 0);
    for place in 0..rows.len() {
        let row = rows[place];
        let goes = usize::from(usize::from(bins[row as usize]) <= bin);
        // Both are written, one of them counts: there is nothing to guess for the processor.
        rows[left] = row;
        aside[right] = row;
        left += goes;
        right += 1 - goes;
    }
    rows[left..].copy_from_slice(&aside[..right]);
    left
}

/// The best of the features' splits, when it is worth anything.
fn best_of(found: impl IntoIterator<Item = Option<Found>>, total: Sum, unit: Unit) -> Option<Found> {
    let better = |best: Option<Found>, next: Found| match best {
        Some(best) if best.score >= next.score => Some(best),
        _ => Some(next),
    };
    let best = found.into_iter().flatten().fold(None, better)?;
    (best.score > whole(total, unit) * (1.0 + LEAST_GAIN)).then_some(best)
}

/// What a node scores without a split.
fn whole(total: Sum, unit: Unit) -> f64 {
    let (g, h) = unit.parts(total);
    g * g / h
}

/// Makes a node with a split two leaves in the tree.
fn place_children(grown: &mut Grown, node: &Node, binned: &Binned, unit: Unit) -> [usize; 2] {
    let Some(found) = node.split else { return [node.place; 2] };
    let split = Split {
        feature: found.feature,
        threshold: binned.bounds[found.feature][found.bin],
        gain: unit.gain(found.score - whole(node.sum, unit)),
    };
    let right = less(node.sum, found.left);
    grown.split(node.place, &split, [unit.step(found.left), unit.step(right)])
}

/// The lists' parts of some nodes, which ascend and do not overlap.
fn parts<'a>(
    nodes: &[Range<usize>],
    mut rows: &'a mut [u32],
    mut aside: &'a mut [u32],
    mut numbers: &'a mut [Sum],
) -> Vec<Part<'a>> {
    let mut parts = Vec::with_capacity(nodes.len());
    let mut at = 0;
    for node in nodes {
        let (skipped, length) = (node.start - at, node.len());
        let part = Part {
            rows: take(&mut rows, skipped, length),
            aside: take(&mut aside, skipped, length),
            numbers: take(&mut numbers, skipped, length),
        };
        parts.push(part);
        at = node.end;
    }
    parts
}

fn take<'a, T>(list: &mut &'a mut [T], skipped: usize, length: usize) -> &'a mut [T] {
    let (_, rest) = std::mem::take(list).split_at_mut(skipped);
    let (taken, rest) = rest.split_at_mut(length);
    *list = rest;
    taken
}

/// Maps groups of features in their order; threads share them when there are rows enough.
fn each<T: Send, R: Send>(
    rows: usize,
    groups: impl Iterator<Item = T>,
    one: impl Fn(T) -> Vec<R> + Send + Sync,
) -> Vec<Vec<R>> {
    if rows < SHARED_ROWS {
        groups.map(one).collect()
    } else {
        groups.collect::<Vec<_>>().into_par_iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes with many rows are their parent less their sibling, those with few are added up: either way a leaf holds
    /// the rows that the tree's thresholds send there, and their mean.
    #[test]
    fn a_leaf_is_the_mean_of_the_rows_that_end_in_it() {
        let count = 20_000;
        let mut random = SplitMix64::new(1, 0);
        let mut column = |values| -> Vec<f64> { (0..count).map(|_| random.below(values) as f64).collect() };
        // One feature more than are added up together; one of them has two values.
        let columns: Vec<Vec<f64>> = [1000, 10_000, 2, 50, 300].map(&mut column).to_vec();
        let label: Vec<f64> = column(1 << 20)
            .into_iter()
            .zip(&columns[0])
            .zip(&columns[1])
            .map(|((noise, a), b)| noise / f64::from(1 << 20) + if a * 7.0 > *b { 1.0 } else { 0.0 })
            .collect();
        let binned = Binned::new(&columns, 0);
        let steps: Vec<(f64, f64)> = label.iter().map(|label| (-label, 1.0)).collect();
        for drawn in [None, Some((2, 9))] {
            let growth = Growth { max_depth: 9, min_samples_leaf: 7 };
            let grower = Grower { binned: &binned, growth, drawn };
            let found = grower.grow(&Sums::new(&steps), (0..count as u32).collect());
            let mut seen = vec![false; count];
            for (places, value) in found.leaves {
                let rows = &found.rows[places];
                assert!(rows.len() >= 7);
                let mean = rows.iter().map(|row| label[*row as usize]).sum::<f64>() / rows.len() as f64;
                assert!((value - mean).abs() < 1e-9, "{value} {mean}");
                for row in rows {
                    assert_eq!(found.grown.tree.predict(&columns, *row as usize), value);
                    assert!(!std::mem::replace(&mut seen[*row as usize], true));
                }
            }
            assert!(seen.into_iter().all(|seen| seen));
            assert!(found.grown.tree.feature.iter().filter(|feature| **feature < 0).count() > 100);
        }
    }
}
