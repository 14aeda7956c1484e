//! The table of who belonged to the universe when.
//!
//! A list of tickers that is made today holds those that are still there. A table of spans, each from a first to a last
//! date, is what cures that: it names the ones that failed, for as long as they belonged.

use std::collections::BTreeMap;

use ats_columns::column::{dates_column, frame, strings_column};
use ats_columns::{ColumnsError, write_parquet};
use ats_expression::Ticker;
use ats_pipeline::spec::acquire::MEMBERSHIP_OPEN;
use jiff::civil::Date;

use super::folder::SourceFile;
use super::{csv, parquet};
use crate::problem::{Problem, ProblemKind};

/// One row of the table as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Line of the text file (the header is line 1), or row of the Parquet file (from 1).
    pub line: u64,
    /// The ticker.
    pub ticker: String,
    /// What the ticker stood for, where the table says it.
    pub id: Option<String>,
    /// First date.
    pub from: Date,
    /// Last date, included; none: still a member.
    pub to: Option<Date>,
}

/// A span of dates in which a ticker belongs to the universe, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The ticker.
    pub ticker: String,
    /// First date.
    pub from: Date,
    /// Last date; [`MEMBERSHIP_OPEN`] for one that is still a member.
    pub to: Date,
}

/// The spans of a file, checked, by ticker and date.
///
/// # Errors
/// A file that cannot be read, or has no row; a ticker that is none; a span that ends before it begins, or overlaps
/// another one of its ticker; a ticker that stands for two ids.
pub fn membership(file: &SourceFile) -> Result<Vec<Span>, Problem> {
    let rows = if file.form() == "parquet" { parquet::membership(file)? } else { csv::membership(file)? };
    check(&file.name, &rows)
}

/// The spans as a file: `ticker`, `from`, `to`.
///
/// # Errors
/// When it cannot be written.
pub fn to_parquet(spans: &[Span]) -> Result<Vec<u8>, ColumnsError> {
    let tickers: Vec<&str> = spans.iter().map(|span| span.ticker.as_str()).collect();
    let from: Vec<Date> = spans.iter().map(|span| span.from).collect();
    let to: Vec<Date> = spans.iter().map(|span| span.to).collect();
    let columns =
        vec![strings_column("ticker", &tickers), dates_column("from", &from), dates_column("to", &to)];
    write_parquet(&frame("membership", columns)?)
}

/// There is no such column.
pub(super) fn no_column(file: &str, name: &str, header: &[String]) -> Problem {
    Problem::new(
        ProblemKind::WrongColumns,
        format!(
            "{file}: there is no column `{name}`; the columns are: {}; a membership table has ticker, from, to and \
             perhaps id",
            header.join(", ")
        ),
    )
}

fn check(file: &str, rows: &[Row]) -> Result<Vec<Span>, Problem> {
    let broken = |text: String| Err(Problem::new(ProblemKind::BrokenFile, format!("{file}{text}")));
    let mut spans: Vec<(Span, u64)> = Vec::with_capacity(rows.len());
    let mut ids: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    for row in rows {
        let Row { line, ticker, from, .. } = row;
        let to = row.to.unwrap_or(MEMBERSHIP_OPEN);
        if Ticker::new(ticker).is_none() {
            return broken(format!(
                ", line {line}: {ticker:?} is not a ticker: write upper-case letters, digits, `.` and `-`"
            ));
        }
        if *from > to {
            return broken(format!(
                ", line {line}: {ticker} is a member from {from} to {to}: `from` must not lie after `to`"
            ));
        }
        if let Some(id) = &row.id {
            let (first, at) = ids.entry(ticker).or_insert((id, *line));
            if first != id {
                return broken(format!(
                    ", line {line}: {ticker} is the id {id} here and {first} on line {at}: the bars of two \
                     companies cannot lie under one ticker; give one of them another name, in its files too"
                ));
            }
        }
        spans.push((Span { ticker: ticker.clone(), from: *from, to }, *line));
    }
    spans.sort();
    if let Some([(first, one), (second, other)]) = spans
        .windows(2)
        .find(|pair| matches!(pair, [(a, _), (b, _)] if a.ticker == b.ticker && b.from <= a.to))
    {
        let to = first.to.min(second.to);
        let (one, other) = (one.min(other), one.max(other));
        return broken(format!(
            ", lines {one} and {other}: {} is a member twice from {} to {to}: make one span of both",
            first.ticker, second.from
        ));
    }
    if spans.is_empty() {
        let text =
            format!("{file}: the table has no row: write one (ticker, from, to) for each span of a member");
        return Err(Problem::new(ProblemKind::NoData, text));
    }
    Ok(spans.into_iter().map(|(span, _)| span).collect())
}
