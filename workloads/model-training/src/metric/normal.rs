//! The normal distribution, from `libm` so that its bits do not depend on the platform.

/// The probability that a standard normal variable is at most `x`.
#[must_use]
pub fn cumulative(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// The value that a standard normal variable stays at or below with probability `p`: not a number outside `(0, 1)`.
///
/// Bisection of [`cumulative`] to the last bit: the tails lie within 39 deviations for every positive `f64`.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    // The lower tail keeps its digits; the upper one is its mirror image.
    if p > 0.5 {
        return -quantile(1.0 - p);
    }
    let (mut low, mut high) = (-39.0, 0.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if cumulative(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
}
