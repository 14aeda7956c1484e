//! What can be wrong with a frame or a file.

use polars_core::prelude::PolarsError;

/// An error of this crate. Each says what is wrong, where, and (when there is something to do) what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnsError {
    /// The columns of one table differ in length.
    #[error("{table}: column `{column}` has {found} rows, the others have {expected}")]
    Length {
        /// The table and its ticker.
        table: String,
        /// The column that differs.
        column: &'static str,
        /// Its length.
        found: usize,
        /// The length of the first column.
        expected: usize,
    },
    /// A row breaks a rule of its table.
    #[error("{table}, row {row}: {problem}")]
    Row {
        /// The table and its ticker.
        table: String,
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A file or frame has other columns than its reader expects.
    #[error("{table}: expected the columns [{expected}], found [{found}]")]
    Schema {
        /// The table.
        table: String,
        /// Name and type of each expected column.
        expected: String,
        /// Name and type of each column that is there.
        found: String,
    },
    /// A column that must be complete has nulls.
    #[error("{table}: column `{column}` has {nulls} null values; it must have none")]
    Nulls {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// How many values are null.
        nulls: usize,
    },
    /// A file that should hold one ticker holds another or several.
    #[error("{table}: expected one ticker, found {found}")]
    Tickers {
        /// The table.
        table: String,
        /// What was found.
        found: String,
    },
    /// The bytes are not a Parquet file that can be read, or the frame cannot be written as one.
    #[error("{doing}: {source}")]
    Parquet {
        /// What was being done.
        doing: String,
        /// The library's error.
        source: PolarsError,
    },
}

impl ColumnsError {
    /// A mapper for `map_err`: an error of the Parquet or frame library met while `doing` something.
    pub(crate) fn while_doing(doing: impl Into<String>) -> impl FnOnce(PolarsError) -> Self {
        let doing = doing.into();
        move |source| Self::Parquet { doing, source }
    }
}
