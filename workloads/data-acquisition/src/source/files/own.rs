//! Tables of the user's own: numbers of tickers with the instants at which they became known.

use std::collections::BTreeMap;

use ats_columns::own::OwnColumn;
use ats_pipeline::Digest;
use ats_pipeline::spec::OwnColumnSpec;

use super::columns::position;
use super::folder::SourceFile;
use super::{csv, parquet};
use crate::problem::{Problem, ProblemKind};

/// One row of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Line of the text file (the header is line 1), or row of the Parquet file (from 1).
    pub(super) line: u64,
    /// The ticker.
    pub(super) ticker: String,
    /// When it became known: microseconds since 1970, UTC.
    pub(super) known_at: i64,
    /// The values; NaN where the file has none.
    pub(super) values: Vec<f64>,
}

/// Where the columns are in a table.
pub(super) struct Places {
    pub(super) ticker: usize,
    pub(super) known_at: usize,
    pub(super) values: Vec<usize>,
}

/// The user's columns by ticker, each in the order of the spec.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OwnColumns(BTreeMap<String, Vec<OwnColumn>>);

/// Finds the columns in a header; the user's own names are taken as they are.
pub(super) fn places(file: &str, header: &[String], names: &[&str]) -> Result<Places, Problem> {
    let missing = |name: &str, hint: &str| {
        let columns = header.join(", ");
        let text = format!("{file}: there is no column `{name}`; the columns are: {columns}; {hint}");
        Problem::new(ProblemKind::WrongColumns, text)
    };
    let ours = |name| {
        position(header, name)
            .ok_or_else(|| missing(name, "such a table has ticker, known_at and the numbers"))
    };
    let theirs = |name: &&str| {
        let place = header.iter().position(|column| column == name);
        place.ok_or_else(|| missing(name, "its name in the table is spec.columns[].column"))
    };
    Ok(Places {
        ticker: ours("ticker")?,
        known_at: ours("known_at")?,
        values: names.iter().map(theirs).collect::<Result<_, _>>()?,
    })
}

impl OwnColumns {
    /// Reads the tables, of which `files` has each once. Rows of tickers that are not among `tickers` (sorted) are left
    /// out: a table may hold more. So are rows that became known after `end` (microseconds since 1970, UTC), which no
    /// bar can see.
    ///
    /// # Errors
    /// A table that cannot be read; two rows of a ticker that became known at one instant.
    pub fn read(
        columns: &[OwnColumnSpec],
        files: &BTreeMap<String, SourceFile>,
        tickers: &[String],
        end: i64,
    ) -> Result<Self, Problem> {
        let mut found = Self::default();
        for (name, file) in files {
            let mine: Vec<&OwnColumnSpec> = columns.iter().filter(|column| column.file == *name).collect();
            let names: Vec<&str> = mine.iter().map(|column| column.column.as_str()).collect();
            let mut rows =
                if file.form() == "parquet" { parquet::own(file, &names)? } else { csv::own(file, &names)? };
            rows.retain(|row| row.known_at <= end && tickers.binary_search(&row.ticker).is_ok());
            rows.sort_by(|a, b| (&a.ticker, a.known_at).cmp(&(&b.ticker, b.known_at)));
            check(&file.name, &rows)?;
            for rows in rows.chunk_by(|a, b| a.ticker == b.ticker) {
                let Some(Row { ticker, .. }) = rows.first() else { continue };
                let of_ticker = found.0.entry(ticker.clone()).or_default();
                of_ticker.extend(mine.iter().enumerate().map(|(place, column)| OwnColumn {
                    name: column.name.clone(),
                    known_at: rows.iter().map(|row| row.known_at).collect(),
                    values: rows.iter().map(|row| finite(row.values[place])).collect(),
                }));
            }
        }
        for of_ticker in found.0.values_mut() {
            of_ticker.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(found)
    }

    /// A ticker's columns, by name; those without a row are not there.
    #[must_use]
    pub fn of(&self, ticker: &str) -> &[OwnColumn] {
        self.0.get(ticker).map_or(&[], Vec::as_slice)
    }
}

/// What decides a ticker's part: names, instants and the bits of the values.
#[must_use]
pub fn digest(columns: &[OwnColumn]) -> Digest {
    let mut bytes: Vec<u8> = Vec::new();
    for column in columns {
        // No name has a line's end in it.
        bytes.extend(format!("{} {}\n", column.name, column.values.len()).into_bytes());
        for (at, value) in column.known_at.iter().zip(&column.values) {
            bytes.extend(at.to_le_bytes());
            bytes.extend(if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }.to_le_bytes());
        }
    }
    Digest::of(&bytes)
}

fn check(file: &str, rows: &[Row]) -> Result<(), Problem> {
    let same = |pair: &&[Row]| matches!(pair, [a, b] if a.ticker == b.ticker && a.known_at == b.known_at);
    match rows.windows(2).find(same) {
        Some([first, second]) => {
            let at = jiff::Timestamp::from_microsecond(first.known_at).map(|at| at.to_string());
            let text = format!(
                "{file}, lines {} and {}: {} has two rows that became known at {}: which of them counts? Take one out",
                first.line.min(second.line),
                first.line.max(second.line),
                first.ticker,
                at.unwrap_or_default()
            );
            Err(Problem::new(ProblemKind::BrokenFile, text))
        }
        _ => Ok(()),
    }
}

/// A number that is not finite is not known.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}
