//! Kleene's three-valued logic over `Option<bool>` (one byte a value; `None` is null).

/// False if either is false, else null if either is null.
#[inline]
#[must_use]
pub fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// True if either is true, else null if either is null.
#[inline]
#[must_use]
pub fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// The opposite; null stays null.
#[inline]
#[must_use]
pub fn not(a: Option<bool>) -> Option<bool> {
    a.map(|a| !a)
}

/// A comparison of two numbers, null when either is null (NaN).
#[inline]
#[must_use]
pub fn compare(a: f64, b: f64, test: impl Fn(f64, f64) -> bool) -> Option<bool> {
    if a.is_nan() || b.is_nan() { None } else { Some(test(a, b)) }
}
