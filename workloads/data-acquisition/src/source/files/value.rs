//! The texts of a cell.

use jiff::Timestamp;
use jiff::civil::Date;

/// A number; NaN for the words that stand for a missing one. None for any other text.
pub(super) fn number(text: &str) -> Option<f64> {
    match text {
        "" | "-" | "NA" | "N/A" | "n/a" | "null" | "NULL" | "None" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

/// A date, or why it is none.
pub(super) fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{text}` is not a date; write 2024-01-31"))
}

/// An instant, or why it is none.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is not an instant with its offset from UTC; write 2024-01-31T14:30:00Z")
    })
}
