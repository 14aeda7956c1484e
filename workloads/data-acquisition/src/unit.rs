//! One ticker: from its files, or its random process, to the files of its unit. Pure.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, CalendarError};
use ats_columns::ColumnsError;
use ats_columns::own::OwnColumn;
use ats_pipeline::spec::acquire::OWN_COLUMNS;
use ats_pipeline::spec::{AcquireUnitSpec, SourceSpec};
use bytes::Bytes;

use crate::check::{Checked, check};
use crate::problem::Problem;
use crate::row::Request;
use crate::source::files::{ColumnNames, TickerFiles, parse};
use crate::source::synthetic;

/// Name of the file of bars.
pub const BARS: &str = "bars.parquet";
/// Name of the file of actions.
pub const ACTIONS: &str = "actions.parquet";
/// Name of the quality record.
pub const QUALITY: &str = "quality.json";

/// What a ticker's unit holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TickerOutput {
    /// Usable bars.
    Done {
        /// The files, by name.
        files: Vec<OutputFile>,
        /// The counts of the quality record.
        counts: BTreeMap<String, u64>,
        /// `firstSession` and `lastSession`.
        notes: BTreeMap<String, String>,
    },
    /// None.
    Bad(Problem),
}

/// A file of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Its logical name.
    pub name: &'static str,
    /// Its content.
    pub bytes: Bytes,
    /// Its rows, if it is a table.
    pub rows: Option<u64>,
}

/// A failure that is not the ticker's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// The spec's calendar or its dates are not there.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// The output cannot be written.
    #[error("{ticker}: the output cannot be written: {source}")]
    Columns {
        /// The ticker.
        ticker: String,
        /// Why.
        source: ColumnsError,
    },
    /// The quality record cannot be written.
    #[error("{ticker}: the quality record cannot be written: {source}")]
    Json {
        /// The ticker.
        ticker: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The spec's source and what was read do not agree.
    #[error("{ticker}: the spec asks for files and none were read; give the stage the source's location")]
    NoSource {
        /// The ticker.
        ticker: String,
    },
}

/// The output of a ticker. `files` is what the source has of it, where the source is files; `own` the user's own columns
/// of it, where the universe has any.
///
/// # Errors
/// Only what is not the ticker's fault: its own problems are an output.
pub fn acquire(
    spec: &AcquireUnitSpec,
    ticker: &str,
    files: Option<&TickerFiles>,
    own: Option<&[OwnColumn]>,
) -> Result<TickerOutput, UnitError> {
    let request = Request {
        calendar: Calendar::by_name(spec.calendar.as_str())?,
        interval: spec.interval,
        start: spec.start,
        end: spec.end,
    };
    let read = match (&spec.source, files) {
        (SourceSpec::Files { format, columns }, Some(files)) => {
            parse(files, *format, &ColumnNames::new(columns.clone()), spec.interval)
        }
        (SourceSpec::Files { .. }, None) => return Err(UnitError::NoSource { ticker: ticker.to_owned() }),
        (SourceSpec::Synthetic { seed, model }, _) => {
            Ok((synthetic::bars(*seed, *model, ticker, &request)?, Vec::new()))
        }
    };
    let file = files.and_then(|files| files.bars.as_ref()).map(|file| file.name.as_str());
    let checked = read.and_then(|(rows, actions)| {
        check(ticker, &rows, actions, &request).map_err(|problem| match file {
            Some(name) => Problem::new(problem.kind, format!("{name}: {}", problem.message)),
            None => problem,
        })
    });
    match checked {
        Ok(checked) => done(ticker, &checked, own),
        Err(problem) => Ok(TickerOutput::Bad(problem)),
    }
}

fn done(ticker: &str, checked: &Checked, own: Option<&[OwnColumn]>) -> Result<TickerOutput, UnitError> {
    let columns = |source| UnitError::Columns { ticker: ticker.to_owned(), source };
    let bars = checked.bars.to_parquet().map_err(columns)?;
    let actions = checked.actions.to_parquet().map_err(columns)?;
    let quality = serde_json::to_vec(&checked.quality)
        .map_err(|source| UnitError::Json { ticker: ticker.to_owned(), source })?;
    let sessions =
        [("firstSession", checked.quality.first_session), ("lastSession", checked.quality.last_session)];
    let own = match own {
        Some(own) => Some(OutputFile {
            name: OWN_COLUMNS,
            bytes: ats_columns::own::to_parquet(own).map_err(columns)?.into(),
            rows: Some(own.iter().map(|column| column.values.len() as u64).sum()),
        }),
        None => None,
    };
    let mut output = TickerOutput::Done {
        files: vec![
            OutputFile {
                name: ACTIONS,
                bytes: actions.into(),
                rows: Some(checked.actions.as_slice().len() as u64),
            },
            OutputFile { name: BARS, bytes: bars.into(), rows: Some(checked.bars.len() as u64) },
            OutputFile { name: QUALITY, bytes: quality.into(), rows: None },
        ],
        counts: checked.quality.counts(),
        notes: sessions
            .into_iter()
            .filter_map(|(name, session)| Some((name.to_owned(), session?.to_string())))
            .collect(),
    };
    if let TickerOutput::Done { files, .. } = &mut output {
        files.extend(own);
    }
    Ok(output)
}
