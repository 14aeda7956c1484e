//! Parquet files with pinned settings: equal frames give equal bytes, whatever the run, the number of threads,
//! or how the frame's memory is divided.

use std::io::{Cursor, Write};

use polars_core::prelude::{DataFrame, DataType, PolarsError};
use polars_io::SerReader;
use polars_io::parquet::read::{ParallelStrategy, ParquetReader};
use polars_io::parquet::write::{BatchedWriter, ParquetCompression, ParquetWriter};
use polars_parquet::write::{StatisticsOptions, ZstdLevel};

use crate::error::ColumnsError;

/// Rows of a row group. Part of the file's bytes: a change changes every digest.
const ROW_GROUP_ROWS: usize = 131_072;
/// Bytes of a data page. Part of the file's bytes.
const DATA_PAGE_BYTES: usize = 1024 * 1024;
/// The Zstandard level. Part of the file's bytes.
const ZSTD_LEVEL: i32 = 3;

/// Writes `frame` as a Parquet file.
///
/// Columns are written one after the other in the calling thread: callers that write many files do so in
/// parallel themselves. The file names the format's writer without its version, and holds no time and no path.
pub fn write_parquet(frame: &DataFrame) -> Result<Vec<u8>, ColumnsError> {
    // Memory divided in another way must not divide the file in another way.
    let mut frame = frame.clone();
    frame.rechunk_mut();

    let mut bytes = Vec::new();
    let mut sink = ParquetSink::new(&mut bytes, &frame)?;
    for start in (0..frame.height()).step_by(ROW_GROUP_ROWS) {
        sink.append(&frame.slice(start as i64, ROW_GROUP_ROWS))?;
    }
    sink.finish()?;
    Ok(bytes)
}

/// A Parquet file that is written part by part, each part its own row groups, with the settings of [`write_parquet`].
pub struct ParquetSink<W: Write> {
    writer: BatchedWriter<W>,
}

impl<W: Write> ParquetSink<W> {
    /// Begins a file for frames of the columns of `like`.
    ///
    /// # Errors
    /// When the columns have no form in the file.
    pub fn new(file: W, like: &DataFrame) -> Result<Self, ColumnsError> {
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(writing())?;
        let statistics = StatisticsOptions {
            min_value: true,
            max_value: true,
            distinct_count: false,
            null_count: true,
            // Left to the library, an environment variable would decide.
            binary_statistics_truncate_length: Some(64),
        };
        let writer = ParquetWriter::new(file)
            .with_compression(ParquetCompression::Zstd(Some(level)))
            .with_statistics(statistics)
            .with_row_group_size(Some(ROW_GROUP_ROWS))
            .with_data_page_size(Some(DATA_PAGE_BYTES))
            .set_parallel(false)
            .batched(like.schema())
            .map_err(writing())?;
        Ok(Self { writer })
    }

    /// Writes a part.
    ///
    /// # Errors
    /// When it has other columns than the file, or the file cannot be written.
    pub fn append(&mut self, part: &DataFrame) -> Result<(), ColumnsError> {
        self.writer.write_batch(part).map_err(writing())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> Result<(), ColumnsError> {
        self.writer.finish().map(drop).map_err(writing())
    }
}

fn writing() -> impl FnOnce(PolarsError) -> ColumnsError {
    ColumnsError::while_doing("cannot write the Parquet file")
}

/// Reads a Parquet file, or only the columns of `projection` in that order. `table` names the file in errors.
///
/// # Errors
/// Bytes that are no Parquet file; a projected column that is not there (the error lists what is).
pub fn read_parquet(
    table: &str,
    bytes: impl AsRef<[u8]> + Send + Sync,
    projection: Option<&[&str]>,
) -> Result<DataFrame, ColumnsError> {
    let doing = || ColumnsError::while_doing(format!("{table}: cannot read the Parquet file"));
    let mut reader = ParquetReader::new(Cursor::new(bytes)).read_parallel(ParallelStrategy::None);
    if let Some(names) = projection {
        let schema = reader.schema().map_err(doing())?;
        let mut indices = Vec::with_capacity(names.len());
        for name in names {
            let index = schema.index_of(name).ok_or_else(|| ColumnsError::Schema {
                table: table.to_owned(),
                expected: names.join(", "),
                found: schema.iter_names().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
            })?;
            indices.push(index);
        }
        reader = reader.with_projection(Some(indices));
    }
    let frame = reader.set_rechunk(true).finish().map_err(doing())?;
    match projection {
        // The reader keeps the file's order of columns.
        Some(names) => frame.select(names.iter().copied()).map_err(doing()),
        None => Ok(frame),
    }
}

/// Checks that `frame` has exactly these columns, in this order, with these types.
pub fn expect_columns(
    table: &str,
    frame: &DataFrame,
    expected: &[(&str, DataType)],
) -> Result<(), ColumnsError> {
    let schema = frame.schema();
    let equal = schema.len() == expected.len()
        && schema
            .iter()
            .zip(expected)
            .all(|((name, dtype), (want, want_dtype))| name.as_str() == *want && dtype == want_dtype);
    if equal {
        return Ok(());
    }
    Err(ColumnsError::Schema {
        table: table.to_owned(),
        expected: list(expected.iter().map(|(name, dtype)| (*name, dtype))),
        found: list(schema.iter().map(|(name, dtype)| (name.as_str(), dtype))),
    })
}

fn list<'a>(columns: impl Iterator<Item = (&'a str, &'a DataType)>) -> String {
    columns.map(|(name, dtype)| format!("{name}: {dtype}")).collect::<Vec<_>>().join(", ")
}
