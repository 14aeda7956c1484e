//! Columns of Parquet files as plain vectors, and back.
//!
//! In vectors of `f64` a null is NaN: the language knows no NaN (`x/0`, the logarithm of a non-positive number
//! and the like are null), so one bit pattern is free to mean it. In files a null is a null.

use ats_calendar::Session;
use jiff::civil::Date;
use polars_core::prelude::{
    Column, DataFrame, DataType, Float64Chunked, Int32Chunked, Int64Chunked, IntoColumn, IntoSeries,
    NamedFrom, NewChunkedArray, PlSmallStr, Series, StringChunked, TimeUnit, TimeZone,
};

use crate::error::ColumnsError;

/// The type of columns that hold an instant: microseconds since 1970, UTC.
#[must_use]
pub fn timestamp_type() -> DataType {
    DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
}

/// A `Float64` column; NaN becomes null.
#[must_use]
pub fn floats_column(name: &str, values: &[f64]) -> Column {
    let options = values.iter().map(|value| if value.is_nan() { None } else { Some(*value) });
    Float64Chunked::from_iter_options(PlSmallStr::from_str(name), options).into_column()
}

/// A `Date` column.
#[must_use]
pub fn dates_column(name: &str, values: &[Date]) -> Column {
    let days = values.iter().map(|date| days_since_epoch(*date));
    Int32Chunked::from_iter_values(PlSmallStr::from_str(name), days).into_date().into_series().into_column()
}

/// A column of instants from microseconds since 1970, UTC.
#[must_use]
pub fn timestamps_column(name: &str, values: &[i64]) -> Column {
    Int64Chunked::from_slice(PlSmallStr::from_str(name), values)
        .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
        .into_series()
        .into_column()
}

/// A `String` column.
#[must_use]
pub fn strings_column<S: AsRef<str>>(name: &str, values: &[S]) -> Column {
    StringChunked::from_iter_values(PlSmallStr::from_str(name), values.iter().map(AsRef::as_ref))
        .into_column()
}

/// A `Boolean` column.
#[must_use]
pub fn booleans_column(name: &str, values: &[bool]) -> Column {
    Series::new(PlSmallStr::from_str(name), values).into_column()
}

/// An `Int64` column.
#[must_use]
pub fn integers_column(name: &str, values: &[i64]) -> Column {
    Int64Chunked::from_slice(PlSmallStr::from_str(name), values).into_column()
}

/// A frame of `columns`, which have one length and distinct names.
pub fn frame(table: &str, columns: Vec<Column>) -> Result<DataFrame, ColumnsError> {
    DataFrame::new_infer_height(columns).map_err(ColumnsError::while_doing(table))
}

/// The values of a `Float64` column; null becomes NaN.
pub fn floats(table: &str, frame: &DataFrame, name: &str) -> Result<Vec<f64>, ColumnsError> {
    let column = typed(table, frame, name)?;
    let values = column.f64().map_err(ColumnsError::while_doing(table))?;
    let mut result = Vec::with_capacity(values.len());
    for chunk in values.downcast_iter() {
        if chunk.validity().is_none() {
            result.extend_from_slice(chunk.values());
        } else {
            result.extend(chunk.iter().map(|value| value.copied().unwrap_or(f64::NAN)));
        }
    }
    Ok(result)
}

/// A `Date` column of sessions.
#[must_use]
pub fn sessions_column(name: &str, values: &[Session]) -> Column {
    let days = values.iter().map(|session| session.epoch_days());
    Int32Chunked::from_iter_values(PlSmallStr::from_str(name), days).into_date().into_series().into_column()
}

/// The values of a `Date` column of sessions, which has no nulls. That they are sessions is not checked: the
/// calendar's methods do.
pub fn sessions(table: &str, frame: &DataFrame, name: &str) -> Result<Vec<Session>, ColumnsError> {
    Ok(dates(table, frame, name)?.into_iter().map(Session::assume).collect())
}

/// The values of a `Date` column, which has no nulls.
pub fn dates(table: &str, frame: &DataFrame, name: &str) -> Result<Vec<Date>, ColumnsError> {
    let column = complete(table, frame, name)?;
    let days = column.date().map_err(ColumnsError::while_doing(table))?;
    days.physical()
        .into_no_null_iter()
        .enumerate()
        .map(|(row, days)| {
            date_from_days(days).ok_or_else(|| ColumnsError::Row {
                table: table.to_owned(),
                row,
                problem: format!("column `{name}`: {days} days after 1970-01-01 is no date of the calendar"),
            })
        })
        .collect()
}

/// The values of a column of instants, in microseconds since 1970, UTC. It has no nulls.
pub fn timestamps(table: &str, frame: &DataFrame, name: &str) -> Result<Vec<i64>, ColumnsError> {
    let column = complete(table, frame, name)?;
    if column.dtype() != &timestamp_type() {
        return Err(ColumnsError::Schema {
            table: table.to_owned(),
            expected: format!("{name}: {}", timestamp_type()),
            found: format!("{name}: {}", column.dtype()),
        });
    }
    let values = column.datetime().map_err(ColumnsError::while_doing(table))?;
    Ok(values.physical().into_no_null_iter().collect())
}

/// The values of a `String` column, which has no nulls.
pub fn strings(table: &str, frame: &DataFrame, name: &str) -> Result<Vec<String>, ColumnsError> {
    let column = complete(table, frame, name)?;
    let values = column.str().map_err(ColumnsError::while_doing(table))?;
    Ok(values.iter().flatten().map(str::to_owned).collect())
}

/// The first value of a `String` column, which has no nulls, that is not `value`.
pub fn other_than(
    table: &str,
    frame: &DataFrame,
    name: &str,
    value: &str,
) -> Result<Option<String>, ColumnsError> {
    let column = complete(table, frame, name)?;
    let values = column.str().map_err(ColumnsError::while_doing(table))?;
    Ok(values.iter().flatten().find(|other| *other != value).map(str::to_owned))
}

/// The values of a `Boolean` column, which has no nulls.
pub fn booleans(table: &str, frame: &DataFrame, name: &str) -> Result<Vec<bool>, ColumnsError> {
    let column = complete(table, frame, name)?;
    let values = column.bool().map_err(ColumnsError::while_doing(table))?;
    Ok(values.iter().flatten().collect())
}

/// The values of an `Int64` column, which has no nulls.
pub fn integers(table: &str, frame: &DataFrame, name: &str) -> Result<Vec<i64>, ColumnsError> {
    let column = complete(table, frame, name)?;
    let values = column.i64().map_err(ColumnsError::while_doing(table))?;
    Ok(values.into_no_null_iter().collect())
}

fn typed<'a>(table: &str, frame: &'a DataFrame, name: &str) -> Result<&'a Column, ColumnsError> {
    frame.column(name).map_err(ColumnsError::while_doing(table))
}

fn complete<'a>(table: &str, frame: &'a DataFrame, name: &str) -> Result<&'a Column, ColumnsError> {
    let column = typed(table, frame, name)?;
    match column.null_count() {
        0 => Ok(column),
        nulls => Err(ColumnsError::Nulls { table: table.to_owned(), column: name.to_owned(), nulls }),
    }
}

/// Days from 1970-01-01 to `date`, as Parquet stores dates.
#[must_use]
pub fn days_since_epoch(date: Date) -> i32 {
    Session::assume(date).epoch_days()
}

/// The date `days` after 1970-01-01, when there is one.
#[must_use]
pub fn date_from_days(days: i32) -> Option<Date> {
    Session::from_epoch_days(days).map(Session::date)
}
