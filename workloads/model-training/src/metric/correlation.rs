//! Correlations of two columns.

/// Pearson's correlation; none with fewer than two pairs or when one side is constant.
#[must_use]
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (centred(x)?, centred(y)?);
    let product: f64 = x.iter().zip(&y).map(|(a, b)| a * b).sum();
    let squares = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>();
    let correlation = product / (squares(&x).sqrt() * squares(&y).sqrt());
    correlation.is_finite().then(|| correlation.clamp(-1.0, 1.0))
}

/// Spearman's correlation: Pearson's of the average ranks.
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&average_ranks(x), &average_ranks(y))
}

/// Ranks from 1; ties get the mean of the ranks they share.
#[must_use]
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for ties in order.chunk_by(|a, b| values[*a] == values[*b]) {
        // The mean of before + 1 ..= before + ties.
        let rank = before as f64 + (ties.len() + 1) as f64 / 2.0;
        for place in ties {
            ranks[*place] = rank;
        }
        before += ties.len();
    }
    ranks
}

/// The deviations from the mean over the largest of them; none of fewer than two values or of equal ones.
fn centred(values: &[f64]) -> Option<Vec<f64>> {
    let first = *values.first()?;
    if values.len() < 2 || values.iter().all(|value| *value == first) {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let largest = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
    Some(values.iter().map(|value| (value - mean) / largest).collect())
}
