//! Columns of the user's own: numbers of a ticker with the instants at which they became known.

use ats_calendar::{Calendar, CalendarError, Interval};
use jiff::Timestamp;

use crate::bars::Bars;
use crate::column::{floats, floats_column, frame, strings, strings_column, timestamps, timestamps_column};
use crate::error::ColumnsError;
use crate::parquet::{read_parquet, write_parquet};

/// A column's rows for one ticker, by the instant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OwnColumn {
    /// The column's name.
    pub name: String,
    /// When each value became known: microseconds since 1970, UTC, rising strictly.
    pub known_at: Vec<i64>,
    /// The values; null is NaN.
    pub values: Vec<f64>,
}

/// For each bar the value of the last row that was known when the bar was complete (`known_at` at or before the bar's);
/// null before the first.
///
/// # Errors
/// A bar whose date is not a session of the calendar.
pub fn as_known(
    column: &OwnColumn,
    bars: &Bars,
    interval: Interval,
    calendar: &Calendar,
) -> Result<Vec<f64>, CalendarError> {
    let mut next = 0;
    let mut found = Vec::with_capacity(bars.len());
    for (session, start) in bars.session().iter().zip(bars.timestamp()) {
        let close = calendar.close(*session)?.as_microsecond();
        // An instant out of the calendar's reach cannot be the start of a bar that has a session.
        let known = match Timestamp::from_microsecond(*start) {
            Ok(start) => calendar.known_at(*session, start, interval)?.as_microsecond(),
            Err(_) => close,
        };
        next += column.known_at[next..].partition_point(|at| *at <= known);
        found.push(next.checked_sub(1).map_or(f64::NAN, |last| column.values[last]));
    }
    Ok(found)
}

/// A ticker's columns as a file: `column`, `known_at`, `value`, by column and instant.
///
/// # Errors
/// When it cannot be written.
pub fn to_parquet(columns: &[OwnColumn]) -> Result<Vec<u8>, ColumnsError> {
    let names: Vec<&str> = columns
        .iter()
        .flat_map(|column| std::iter::repeat_n(column.name.as_str(), column.values.len()))
        .collect();
    let known_at: Vec<i64> = columns.iter().flat_map(|column| column.known_at.iter().copied()).collect();
    let values: Vec<f64> = columns.iter().flat_map(|column| column.values.iter().copied()).collect();
    write_parquet(&frame(
        "columns",
        vec![
            strings_column("column", &names),
            timestamps_column("known_at", &known_at),
            floats_column("value", &values),
        ],
    )?)
}

/// The columns of a file that [`to_parquet`] wrote; one without rows is not there.
///
/// # Errors
/// Bytes that are no such file.
pub fn from_parquet(
    ticker: &str,
    bytes: impl AsRef<[u8]> + Send + Sync,
) -> Result<Vec<OwnColumn>, ColumnsError> {
    let table = format!("columns of {ticker}");
    let frame = read_parquet(&table, bytes, Some(&["column", "known_at", "value"]))?;
    let names = strings(&table, &frame, "column")?;
    let (known_at, values) = (timestamps(&table, &frame, "known_at")?, floats(&table, &frame, "value")?);
    let mut found: Vec<OwnColumn> = Vec::new();
    for ((name, at), value) in names.into_iter().zip(known_at).zip(values) {
        if found.last().is_none_or(|column| column.name != name) {
            found.push(OwnColumn { name, ..OwnColumn::default() });
        }
        if let Some(column) = found.last_mut() {
            column.known_at.push(at);
            column.values.push(value);
        }
    }
    Ok(found)
}
