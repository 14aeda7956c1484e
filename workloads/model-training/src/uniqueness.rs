//! How much a label says that no other label of its ticker says: Lopez de Prado 2018, sections 4.3 to 4.5.
//!
//! Labels whose spans overlap are made of the same prices, so that their rows are no independent observations. On each
//! bar of a ticker the labels that span it are counted; a label's uniqueness is the mean over its bars, first and last
//! included, of one over that count: 1 for a label that is alone, one over the bars of a span where one begins on each bar.
//!
//! Only the rows that are trained on are counted, so that a weight knows nothing of what is tested.

use crate::dataset::Matrix;
use crate::metric::mean;

/// The uniqueness of the labels of some rows, in (0, 1], one each.
#[must_use]
pub fn uniqueness(matrix: &Matrix, rows: &[usize]) -> Vec<f64> {
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); matrix.tickers.len()];
    for (place, row) in rows.iter().enumerate() {
        places[matrix.ticker[*row] as usize].push(place);
    }
    let mut found = vec![1.0; rows.len()];
    for places in &places {
        let spans: Vec<(usize, usize)> = places
            .iter()
            .map(|place| (matrix.bar[rows[*place]] as usize, matrix.label_last_bar[rows[*place]] as usize))
            .collect();
        for (place, value) in places.iter().zip(of_spans(&spans)) {
            found[*place] = value;
        }
    }
    found
}

/// Uniqueness scaled to a mean of 1, so that a penalty or a cost means what it means without weights.
#[must_use]
pub fn weights(matrix: &Matrix, rows: &[usize]) -> Vec<f64> {
    let mut weights = uniqueness(matrix, rows);
    if let Some(mean) = mean(&weights) {
        weights.iter_mut().for_each(|weight| *weight /= mean);
    }
    weights
}

/// The uniqueness of each span among all of them; spans are (first, last) bars, both included.
#[must_use]
pub fn of_spans(spans: &[(usize, usize)]) -> Vec<f64> {
    let Some(bars) = spans.iter().map(|(_, last)| last + 1).max() else { return Vec::new() };
    // Where spans begin and end, then how many are on each bar, then the sum of their inverses before each bar.
    let mut change = vec![0i64; bars + 1];
    for (first, last) in spans {
        change[*first] += 1;
        change[last + 1] -= 1;
    }
    let mut before = Vec::with_capacity(bars + 1);
    let (mut spanning, mut sum) = (0i64, 0.0);
    before.push(sum);
    for change in &change[..bars] {
        spanning += change;
        if spanning > 0 {
            sum += 1.0 / spanning as f64;
        }
        before.push(sum);
    }
    spans
        .iter()
        .map(|(first, last)| (before[last + 1] - before[*first]) / (last + 1 - first) as f64)
        .collect()
}
