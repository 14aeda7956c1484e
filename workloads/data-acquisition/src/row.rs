//! Bars as a source gives them, before anything is checked.

use ats_calendar::{Calendar, Interval};
use jiff::Timestamp;
use jiff::civil::Date;

/// When a raw bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// The session, for daily bars.
    Date(Date),
    /// The bar's start.
    Instant(Timestamp),
}

/// One row of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawBar {
    /// Line of the text file (the header is line 1), or row of the Parquet file (from 1).
    pub line: u64,
    /// When it is.
    pub when: When,
    /// Raw opening price; NaN where the file has none (as in the other columns).
    pub open: f64,
    /// Raw highest price.
    pub high: f64,
    /// Raw lowest price.
    pub low: f64,
    /// Raw closing price.
    pub close: f64,
    /// Volume in shares.
    pub volume: f64,
}

/// Which bars are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// The exchange.
    pub calendar: &'static Calendar,
    /// The length of a bar.
    pub interval: Interval,
    /// First date of the history.
    pub start: Date,
    /// Last date of the history, included.
    pub end: Date,
}
