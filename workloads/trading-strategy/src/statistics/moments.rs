//! Means, moments and quantiles, summed in the order of the values.

/// Mean in the order of the values.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Central moment of an order, over n.
pub(super) fn moment(values: &[f64], order: i32) -> f64 {
    let center = mean(values);
    let mut sum = 0.0;
    for value in values {
        let mut power = 1.0;
        for _ in 0..order {
            power *= value - center;
        }
        sum += power;
    }
    sum / values.len() as f64
}

/// Sample standard deviation; not a number for fewer than two values.
pub(super) fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let n = values.len() as f64;
    (moment(values, 2) * n / (n - 1.0)).sqrt()
}

/// Linear quantile between order statistics; not a number without values or with one that is none.
pub(super) fn quantile(values: &[f64], share: f64) -> f64 {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Mean of the lowest `floor(share (n - 1)) + 1` values.
pub(super) fn lowest_mean(values: &[f64], share: f64) -> f64 {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = (share * (sorted.len() - 1) as f64).floor() as usize + 1;
    mean(&sorted[..count])
}

/// Bias-corrected skewness G1; not a number for fewer than three values or without a deviation.
pub(super) fn skewness(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let variance = moment(values, 2);
    if values.len() < 3 || variance.sqrt() <= super::NO_DEVIATION {
        return f64::NAN;
    }
    moment(values, 3) / (variance * variance.sqrt()) * (n * (n - 1.0)).sqrt() / (n - 2.0)
}

/// Bias-corrected excess kurtosis G2; not a number for fewer than four values or without a deviation.
pub(super) fn kurtosis(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let variance = moment(values, 2);
    if values.len() < 4 || variance.sqrt() <= super::NO_DEVIATION {
        return f64::NAN;
    }
    let excess = moment(values, 4) / (variance * variance) - 3.0;
    (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * excess + 6.0)
}

/// Mean product of the deviations of two series of one length.
pub(super) fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / a.len() as f64
}

/// Pearson's correlation; not a number where one does not vary.
pub(super) fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (spread_a, spread_b) = (moment(a, 2).sqrt(), moment(b, 2).sqrt());
    if a.len() < 2 || spread_a <= super::NO_DEVIATION || spread_b <= super::NO_DEVIATION {
        return f64::NAN;
    }
    covariance(a, b) / (spread_a * spread_b)
}
