//! Which column of a file is which of ours.

use std::collections::BTreeMap;

use ats_calendar::Interval;

use crate::problem::{Problem, ProblemKind};

/// Our columns' names in the user's files, where they differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnNames(BTreeMap<String, String>);

/// Where the columns of bars are in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BarPositions {
    pub(super) when: WhenColumn,
    /// Open, high, low, close, volume.
    pub(super) numbers: [usize; 5],
}

/// The column that says when a bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenColumn {
    Date(usize),
    Timestamp(usize),
}

/// The names of the number columns.
pub(super) const NUMBERS: [&str; 5] = ["open", "high", "low", "close", "volume"];

impl ColumnNames {
    /// Names from (ours, the file's) pairs; a name that is not ours is ignored here, the API refuses it.
    pub fn new(names: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Finds the columns of bars in a header.
    pub(super) fn bars(
        &self,
        file: &str,
        header: &[String],
        interval: Interval,
    ) -> Result<BarPositions, Problem> {
        let missing = |name: &str| {
            Problem::new(
                ProblemKind::WrongColumns,
                format!(
                    "{file}: there is no column `{}` for {name}; the columns are: {}. Name them in source.files.columns",
                    self.0.get(name).map_or(name, String::as_str),
                    header.join(", ")
                ),
            )
        };
        let date = self.find(header, "date");
        let timestamp = self.find(header, "timestamp");
        let when = match (interval, date, timestamp) {
            (Interval::D1, Some(date), _) => WhenColumn::Date(date),
            (_, _, Some(timestamp)) => WhenColumn::Timestamp(timestamp),
            (Interval::D1, None, None) => return Err(missing("date")),
            (_, _, None) => return Err(missing("timestamp")),
        };
        let mut numbers = [0; 5];
        for (position, name) in numbers.iter_mut().zip(NUMBERS) {
            *position = self.find(header, name).ok_or_else(|| missing(name))?;
        }
        Ok(BarPositions { when, numbers })
    }

    /// A name that the user gave is taken as it is, one of ours in any case of letters.
    fn find(&self, header: &[String], name: &str) -> Option<usize> {
        match self.0.get(name) {
            Some(theirs) => header.iter().position(|column| column == theirs),
            None => position(header, name),
        }
    }
}

/// Where a column is, in any case of letters.
pub(super) fn position(header: &[String], name: &str) -> Option<usize> {
    header.iter().position(|column| column.eq_ignore_ascii_case(name))
}
