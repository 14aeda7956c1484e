//! Parquet files.

use ats_calendar::Interval;
use ats_columns::{Action, ActionKind, Column, ColumnsError, DataFrame, DataType, read_parquet};
use jiff::Timestamp;
use jiff::civil::Date;

use super::columns::{ColumnNames, NUMBERS, WhenColumn, position};
use super::folder::SourceFile;
use super::membership::{self, Row};
use super::own;
use super::value;
use crate::problem::{Problem, ProblemKind};
use crate::row::{RawBar, When};

/// The bars of a file. Dates may be dates, instants at midnight, or texts; instants without a zone are UTC.
///
/// # Errors
/// A file that is not Parquet; a column that is not there or of another type; a row without a time.
pub fn bars(file: &SourceFile, names: &ColumnNames, interval: Interval) -> Result<Vec<RawBar>, Problem> {
    let table = Table::read(file)?;
    let positions = names.bars(&file.name, &table.header, interval)?;
    let times: Vec<When> = match positions.when {
        WhenColumn::Date(index) => table.dates(index)?.into_iter().map(When::Date).collect(),
        WhenColumn::Timestamp(index) => table.instants(index)?.into_iter().map(When::Instant).collect(),
    };
    let mut columns = Vec::with_capacity(NUMBERS.len());
    for index in positions.numbers {
        columns.push(table.numbers(index)?);
    }
    let number = |column: usize, row: usize| {
        columns.get(column).and_then(|values| values.get(row)).copied().unwrap_or(f64::NAN)
    };
    let rows = times.into_iter().enumerate().map(|(row, when)| RawBar {
        line: row as u64 + 1,
        when,
        open: number(0, row),
        high: number(1, row),
        low: number(2, row),
        close: number(3, row),
        volume: number(4, row),
    });
    Ok(rows.collect())
}

/// The actions of a file with the columns `ex_date`, `kind` and `value`.
///
/// # Errors
/// As for [`bars`]; also a kind that is neither `split` nor `dividend`.
pub fn actions(file: &SourceFile) -> Result<Vec<Action>, Problem> {
    let table = Table::read(file)?;
    let find = |name| {
        position(&table.header, name).ok_or_else(|| super::no_action_column(&file.name, name, &table.header))
    };
    let dates = table.dates(find("ex_date")?)?;
    let kinds = table.texts(find("kind")?)?;
    let values = table.numbers(find("value")?)?;
    let mut actions = Vec::with_capacity(dates.len());
    for (row, ((ex_date, word), value)) in dates.into_iter().zip(kinds).zip(values).enumerate() {
        let kind = ActionKind::from_word(&word)
            .ok_or_else(|| table.at(row, &format!("kind `{word}` is neither split nor dividend")))?;
        actions.push(Action { ex_date, kind, value });
    }
    Ok(actions)
}

/// The rows of a membership table: `ticker`, `from`, `to` and, where there is one, `id`.
///
/// # Errors
/// As for [`bars`].
pub(super) fn membership(file: &SourceFile) -> Result<Vec<Row>, Problem> {
    let table = Table::read(file)?;
    let find = |name| {
        position(&table.header, name).ok_or_else(|| membership::no_column(&file.name, name, &table.header))
    };
    let tickers = table.texts(find("ticker")?)?;
    let from = table.dates(find("from")?)?;
    let to = table.dates_or_null(find("to")?)?;
    let ids = match position(&table.header, "id") {
        Some(index) => table.texts_or_null(index)?,
        None => vec![None; tickers.len()],
    };
    let rows = tickers.into_iter().zip(ids).zip(from).zip(to).enumerate();
    Ok(rows
        .map(|(row, (((ticker, id), from), to))| Row { line: row as u64 + 1, ticker, id, from, to })
        .collect())
}

/// The rows of a table of the user's own: `ticker`, `known_at` and these columns.
///
/// # Errors
/// As for [`bars`].
pub(super) fn own(file: &SourceFile, names: &[&str]) -> Result<Vec<own::Row>, Problem> {
    let table = Table::read(file)?;
    let places = own::places(&file.name, &table.header, names)?;
    let (tickers, known_at) = (table.texts(places.ticker)?, table.instants(places.known_at)?);
    let mut columns = Vec::with_capacity(names.len());
    for index in places.values {
        columns.push(table.numbers(index)?);
    }
    let rows = tickers.into_iter().zip(known_at).enumerate();
    Ok(rows
        .map(|(row, (ticker, known_at))| own::Row {
            line: row as u64 + 1,
            ticker,
            known_at: known_at.as_microsecond(),
            values: columns.iter().map(|column| column[row]).collect(),
        })
        .collect())
}

struct Table<'a> {
    file: &'a str,
    frame: DataFrame,
    header: Vec<String>,
}

impl<'a> Table<'a> {
    fn read(file: &'a SourceFile) -> Result<Self, Problem> {
        let frame = read_parquet(&file.name, file.bytes.as_ref(), None).map_err(|error| match error {
            ColumnsError::Parquet { .. } => {
                Problem::new(ProblemKind::BrokenFile, format!("{error}; is it a Parquet file?"))
            }
            other => Problem::new(ProblemKind::BrokenFile, other.to_string()),
        })?;
        let header = frame.get_column_names().into_iter().map(ToString::to_string).collect();
        Ok(Self { file: &file.name, frame, header })
    }

    fn column(&self, index: usize) -> Result<&Column, Problem> {
        self.frame.columns().get(index).ok_or_else(|| {
            Problem::new(ProblemKind::WrongColumns, format!("{}: there is no column {index}", self.file))
        })
    }

    fn at(&self, row: usize, words: &str) -> Problem {
        Problem::new(ProblemKind::BrokenFile, format!("{}, row {}: {words}", self.file, row + 1))
    }

    fn wrong(&self, column: &Column, want: &str) -> Problem {
        Problem::new(
            ProblemKind::WrongColumns,
            format!("{}: column `{}` is {}, not {want}", self.file, column.name(), column.dtype()),
        )
    }

    /// A whole number of each row, by a cast.
    fn whole<T>(
        &self,
        column: &Column,
        want: &str,
        of: impl Fn(i64) -> Option<T>,
    ) -> Result<Vec<Option<T>>, Problem> {
        let column = column.cast(&DataType::Int64).map_err(|_| self.wrong(column, want))?;
        let values = column.i64().map_err(|_| self.wrong(&column, want))?;
        let read = |(row, value): (usize, Option<i64>)| match value.map(&of) {
            Some(None) => Err(self.at(row, &format!("`{}` is not {want}", column.name()))),
            Some(found) => Ok(found),
            None => Ok(None),
        };
        values.iter().enumerate().map(read).collect()
    }

    /// The values of a column that has no nulls.
    fn complete<T>(&self, index: usize, values: Vec<Option<T>>) -> Result<Vec<T>, Problem> {
        let name = self.column(index)?.name();
        let rows = values.into_iter().enumerate();
        rows.map(|(row, value)| value.ok_or_else(|| self.at(row, &format!("`{name}` is null")))).collect()
    }

    fn dates(&self, index: usize) -> Result<Vec<Date>, Problem> {
        self.complete(index, self.dates_or_null(index)?)
    }

    fn dates_or_null(&self, index: usize) -> Result<Vec<Option<Date>>, Problem> {
        let column = self.column(index)?;
        match column.dtype() {
            DataType::Date => self.whole(column, "a date", |days| {
                ats_columns::column::date_from_days(i32::try_from(days).ok()?)
            }),
            DataType::Datetime(..) => {
                let date = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).date();
                let instants = self.instants_or_null(index)?;
                Ok(instants.into_iter().map(|at| at.map(date)).collect())
            }
            DataType::String => self.parsed(column, value::date),
            _ => Err(self.wrong(column, "a date")),
        }
    }

    fn instants(&self, index: usize) -> Result<Vec<Timestamp>, Problem> {
        self.complete(index, self.instants_or_null(index)?)
    }

    fn instants_or_null(&self, index: usize) -> Result<Vec<Option<Timestamp>>, Problem> {
        let column = self.column(index)?;
        match column.dtype() {
            DataType::Datetime(unit, _) => {
                let nanoseconds = match unit.to_ascii() {
                    "ms" => 1_000_000,
                    "us" => 1_000,
                    _ => 1,
                };
                self.whole(column, "an instant", |count| {
                    Timestamp::from_nanosecond(i128::from(count) * nanoseconds).ok()
                })
            }
            DataType::String => self.parsed(column, value::instant),
            _ => Err(self.wrong(column, "an instant")),
        }
    }

    fn numbers(&self, index: usize) -> Result<Vec<f64>, Problem> {
        let column = self.column(index)?;
        if !column.dtype().is_numeric() {
            return Err(self.wrong(column, "a number"));
        }
        let column = column.cast(&DataType::Float64).map_err(|_| self.wrong(column, "a number"))?;
        let values = column.f64().map_err(|_| self.wrong(&column, "a number"))?;
        Ok(values.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }

    fn texts(&self, index: usize) -> Result<Vec<String>, Problem> {
        self.complete(index, self.texts_or_null(index)?)
    }

    fn texts_or_null(&self, index: usize) -> Result<Vec<Option<String>>, Problem> {
        self.parsed(self.column(index)?, |text| Ok(text.to_owned()))
    }

    fn parsed<T>(
        &self,
        column: &Column,
        of: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<Option<T>>, Problem> {
        let texts = column.str().map_err(|_| self.wrong(column, "text"))?;
        let read = |(row, text): (usize, Option<&str>)| {
            text.map(|text| of(text).map_err(|words| self.at(row, &words))).transpose()
        };
        texts.iter().enumerate().map(read).collect()
    }
}
