//! Kleene's three-valued logic over `Option<bool>` (one byte a value; `None` is null).
//!
//! Nothing is branched on: what is true at one row says little of the next, and several rows are computed at once.

/// False if either is false, else null if either is null.
#[inline]
#[must_use]
pub fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    let both = if a.is_none() | b.is_none() { None } else { Some(true) };
    if (a == Some(false)) | (b == Some(false)) { Some(false) } else { both }
}

/// True if either is true, else null if either is null.
#[inline]
#[must_use]
pub fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    let neither = if a.is_none() | b.is_none() { None } else { Some(false) };
    if (a == Some(true)) | (b == Some(true)) { Some(true) } else { neither }
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
    if a.is_nan() | b.is_nan() { None } else { Some(test(a, b)) }
}
