//! Files in a folder or bucket: `bars/TICKER.csv` (or `.csv.gz`, `.parquet`) and, where there are any,
//! `actions/TICKER.csv` (or `.csv.gz`, `.parquet`).
//!
//! Reading ([`folder`]) knows stores and no formats; parsing ([`csv`], [`parquet`]) knows formats and no stores.

pub mod columns;
pub mod csv;
pub mod folder;
pub mod membership;
pub mod own;
pub mod parquet;
mod value;

use ats_calendar::Interval;
use ats_columns::Action;
use ats_crds::universe::FileFormat;

use crate::problem::{Problem, ProblemKind};
use crate::row::RawBar;
pub use columns::ColumnNames;
pub use folder::{Folder, SourceError, SourceFile, TickerFiles};

/// The rows and actions that a ticker's files hold.
///
/// # Errors
/// When there are no bars, or a file cannot be read; the message names the file and the line.
pub fn parse(
    files: &TickerFiles,
    format: FileFormat,
    names: &ColumnNames,
    interval: Interval,
) -> Result<(Vec<RawBar>, Vec<Action>), Problem> {
    let bars = files.bars()?;
    let rows = match format {
        FileFormat::Csv => csv::bars(bars, names, interval)?,
        FileFormat::Parquet => parquet::bars(bars, names, interval)?,
    };
    let actions = match (&files.actions, format) {
        (None, _) => Vec::new(),
        (Some(file), FileFormat::Csv) => csv::actions(file)?,
        (Some(file), FileFormat::Parquet) => parquet::actions(file)?,
    };
    Ok((rows, actions))
}

fn no_action_column(file: &str, name: &str, header: &[String]) -> Problem {
    Problem::new(
        ProblemKind::WrongColumns,
        format!(
            "{file}: there is no column `{name}`; the columns are: {}; actions have ex_date, kind and value",
            header.join(", ")
        ),
    )
}
