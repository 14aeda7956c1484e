//! Comma-separated values with a header, plain or gzip.

use std::borrow::Cow;
use std::io::Read;

use ats_calendar::Interval;
use ats_columns::{Action, ActionKind};
use csv::{ErrorKind, Position, Reader, ReaderBuilder, StringRecord, Trim};
use flate2::read::MultiGzDecoder;

use super::columns::{ColumnNames, NUMBERS, WhenColumn, position};
use super::folder::SourceFile;
use super::membership::{self, Row};
use super::own;
use super::value;
use crate::problem::{Problem, ProblemKind};
use crate::row::{RawBar, When};

/// The bars of a file.
///
/// # Errors
/// A column that is not there; a line with another number of fields, or with a field that is no date, instant or
/// number.
pub fn bars(file: &SourceFile, names: &ColumnNames, interval: Interval) -> Result<Vec<RawBar>, Problem> {
    let text = unpacked(file)?;
    let text = without_mark(&text);
    let mut reader = reader(text);
    let positions = names.bars(&file.name, &header(file, text, &mut reader)?, interval)?;
    let mut rows = Vec::new();
    each_line(file, text, &mut reader, |line, record| {
        let field = |index: usize| record.get(index).unwrap_or_default();
        let when = match positions.when {
            WhenColumn::Date(index) => When::Date(value::date(field(index))?),
            WhenColumn::Timestamp(index) => When::Instant(value::instant(field(index))?),
        };
        let mut numbers = [0.0; 5];
        for ((number, name), index) in numbers.iter_mut().zip(NUMBERS).zip(positions.numbers) {
            let text = field(index);
            *number = value::number(text).ok_or_else(|| format!("{name} `{text}` is not a number"))?;
        }
        let [open, high, low, close, volume] = numbers;
        rows.push(RawBar { line, when, open, high, low, close, volume });
        Ok(())
    })?;
    Ok(rows)
}

/// The actions of a file with the columns `ex_date`, `kind` (`split` or `dividend`) and `value`.
///
/// # Errors
/// As for [`bars`]; also a kind that is neither.
pub fn actions(file: &SourceFile) -> Result<Vec<Action>, Problem> {
    let text = unpacked(file)?;
    let text = without_mark(&text);
    let mut reader = reader(text);
    let header = header(file, text, &mut reader)?;
    let find =
        |name| position(&header, name).ok_or_else(|| super::no_action_column(&file.name, name, &header));
    let (ex_date, kind, amount) = (find("ex_date")?, find("kind")?, find("value")?);
    let mut actions = Vec::new();
    each_line(file, text, &mut reader, |_, record| {
        let field = |index: usize| record.get(index).unwrap_or_default();
        let word = field(kind);
        actions.push(Action {
            ex_date: value::date(field(ex_date))?,
            kind: ActionKind::from_word(word)
                .ok_or_else(|| format!("kind `{word}` is neither split nor dividend"))?,
            value: field(amount).parse().map_err(|_| format!("value `{}` is not a number", field(amount)))?,
        });
        Ok(())
    })?;
    Ok(actions)
}

/// The rows of a membership table: `ticker`, `from`, `to` and, where there is one, `id`.
///
/// # Errors
/// As for [`bars`].
pub(super) fn membership(file: &SourceFile) -> Result<Vec<Row>, Problem> {
    let text = unpacked(file)?;
    let text = without_mark(&text);
    let mut reader = reader(text);
    let header = header(file, text, &mut reader)?;
    let find = |name| position(&header, name).ok_or_else(|| membership::no_column(&file.name, name, &header));
    let (ticker, from, to) = (find("ticker")?, find("from")?, find("to")?);
    let id = position(&header, "id");
    let mut rows = Vec::new();
    each_line(file, text, &mut reader, |line, record| {
        let field = |index: usize| record.get(index).unwrap_or_default();
        let until = field(to);
        rows.push(Row {
            line,
            ticker: field(ticker).to_owned(),
            id: id.map(field).filter(|id| !id.is_empty()).map(str::to_owned),
            from: value::date(field(from))?,
            to: if until.is_empty() { None } else { Some(value::date(until)?) },
        });
        Ok(())
    })?;
    Ok(rows)
}

/// The rows of a table of the user's own: `ticker`, `known_at` and these columns.
///
/// # Errors
/// As for [`bars`].
pub(super) fn own(file: &SourceFile, names: &[&str]) -> Result<Vec<own::Row>, Problem> {
    let text = unpacked(file)?;
    let text = without_mark(&text);
    let mut reader = reader(text);
    let header = header(file, text, &mut reader)?;
    let places = own::places(&file.name, &header, names)?;
    let mut rows = Vec::new();
    each_line(file, text, &mut reader, |line, record| {
        let field = |index: usize| record.get(index).unwrap_or_default();
        let mut values = Vec::with_capacity(names.len());
        for (name, index) in names.iter().zip(&places.values) {
            let text = field(*index);
            values.push(value::number(text).ok_or_else(|| format!("{name} `{text}` is not a number"))?);
        }
        rows.push(own::Row {
            line,
            ticker: field(places.ticker).to_owned(),
            known_at: value::instant(field(places.known_at))?.as_microsecond(),
            values,
        });
        Ok(())
    })?;
    Ok(rows)
}

fn unpacked(file: &SourceFile) -> Result<Cow<'_, [u8]>, Problem> {
    if !file.name.ends_with(".gz") {
        return Ok(Cow::Borrowed(&file.bytes));
    }
    let mut text = Vec::new();
    MultiGzDecoder::new(file.bytes.as_ref())
        .read_to_end(&mut text)
        .map_err(|error| broken(format!("{}: not a whole gzip file: {error}", file.name)))?;
    Ok(Cow::Owned(text))
}

/// Some spreadsheets put a byte order mark first.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

fn reader(text: &[u8]) -> Reader<&[u8]> {
    ReaderBuilder::new().trim(Trim::All).from_reader(text)
}

fn header(file: &SourceFile, text: &[u8], reader: &mut Reader<&[u8]>) -> Result<Vec<String>, Problem> {
    let header = reader.headers().map_err(|error| line_error(file, text, &error))?;
    if header.iter().all(str::is_empty) {
        return Err(Problem::new(ProblemKind::NoData, format!("{}: the file is empty", file.name)));
    }
    Ok(header.iter().map(str::to_owned).collect())
}

fn each_line(
    file: &SourceFile,
    text: &[u8],
    reader: &mut Reader<&[u8]>,
    mut take: impl FnMut(u64, &StringRecord) -> Result<(), String>,
) -> Result<(), Problem> {
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| line_error(file, text, &error))? {
        let line = record.position().map_or(0, |position| line_of(text, position));
        take(line, &record).map_err(|problem| broken(format!("{}, line {line}: {problem}", file.name)))?;
    }
    Ok(())
}

/// The line of a record: the reader's position is where it began to look, before empty lines.
fn line_of(text: &[u8], position: &Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = text.get(start..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n');
    position.line() + empty.count() as u64
}

fn line_error(file: &SourceFile, text: &[u8], error: &csv::Error) -> Problem {
    let line = error.position().map_or(1, |position| line_of(text, position));
    let words = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        ErrorKind::Utf8 { .. } => "not text in UTF-8".to_owned(),
        other => format!("{other:?}"),
    };
    broken(format!("{}, line {line}: {words}", file.name))
}

fn broken(message: String) -> Problem {
    Problem::new(ProblemKind::BrokenFile, message)
}
