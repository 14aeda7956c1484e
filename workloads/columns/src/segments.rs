//! Where a ticker's history breaks: time-series functions are evaluated for each segment on its own, so that no
//! window spans a gap and recursive functions start anew behind it.

use std::ops::Range;

use ats_calendar::{Calendar, Session};

use crate::error::ColumnsError;

/// How many sessions may be missing between two bars of one segment.
pub const MAX_GAP_SESSIONS: usize = 5;

/// Divides rows into segments: a new one starts where more than `max_gap` sessions of the calendar are missing
/// between the sessions of two consecutive rows. `sessions` never fall; `ticker` is for errors.
///
/// # Errors
/// A date that is not a session of the calendar.
pub fn segments(
    ticker: &str,
    calendar: &Calendar,
    sessions: &[Session],
    max_gap: usize,
) -> Result<Vec<Range<usize>>, ColumnsError> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut before: Option<usize> = None;
    for (row, session) in sessions.iter().enumerate() {
        let index = calendar.index_of(*session).ok_or_else(|| ColumnsError::Row {
            table: format!("bars of {ticker}"),
            row,
            problem: format!("{session} is not a session of {}", calendar.name()),
        })?;
        if before.is_some_and(|before| index > before + 1 + max_gap) {
            found.push(start..row);
            start = row;
        }
        before = Some(index);
    }
    if !sessions.is_empty() {
        found.push(start..sessions.len());
    }
    Ok(found)
}
