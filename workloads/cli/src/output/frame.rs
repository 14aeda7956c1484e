//! Parquet tables as text.

use ats_columns::{ColumnsError, DataFrame, read_parquet};

/// Column names and rows of a Parquet file, every value as text, nulls empty.
pub(crate) fn text_table(bytes: &[u8]) -> Result<(Vec<String>, Vec<Vec<String>>), ColumnsError> {
    Ok(table(&read_parquet("table", bytes, None)?, text))
}

/// Column names and rows of a frame, numbers with the shortest digits that read back to the same bits, nulls empty.
pub(crate) fn exact_table(frame: &DataFrame) -> (Vec<String>, Vec<Vec<String>>) {
    table(frame, exact)
}

type Rows = Vec<Vec<String>>;

fn table(frame: &DataFrame, text: fn(&polars_core::prelude::AnyValue<'_>) -> String) -> (Vec<String>, Rows) {
    let names = frame.get_column_names().into_iter().map(|name| name.to_string()).collect();
    let columns = frame.columns();
    let rows = (0..frame.height())
        .map(|row| {
            columns
                .iter()
                .map(|column| column.get(row).map_or_else(|_| String::new(), |value| text(&value)))
                .collect()
        })
        .collect();
    (names, rows)
}

fn text(value: &polars_core::prelude::AnyValue<'_>) -> String {
    use polars_core::prelude::AnyValue;
    match value {
        AnyValue::Null => String::new(),
        AnyValue::String(text) => (*text).to_owned(),
        // Every instant in our tables is in microseconds, UTC.
        AnyValue::Datetime(micros, _, _) => instant(*micros),
        AnyValue::DatetimeOwned(micros, _, _) => instant(*micros),
        other => other.to_string(),
    }
}

fn exact(value: &polars_core::prelude::AnyValue<'_>) -> String {
    match value {
        polars_core::prelude::AnyValue::Float64(number) => number.to_string(),
        other => text(other),
    }
}

fn instant(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |at| at.to_string())
}
