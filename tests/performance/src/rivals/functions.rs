//! TA-Lib, pandas and Polars: functions of a ticker's columns, and functions across tickers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Process, file, read_column};
use crate::Result;

/// What a library has.
#[derive(Debug, Deserialize)]
pub struct Hello {
    /// Version of each library.
    pub versions: BTreeMap<String, String>,
    /// Libraries that have an expression.
    pub offered: BTreeMap<String, Vec<String>>,
}

#[derive(Serialize)]
struct Request<'a> {
    library: &'a str,
    expressions: &'a [&'a str],
    rows: Option<usize>,
    output: Option<&'a Path>,
}

#[derive(Deserialize)]
struct Answer {
    seconds: f64,
}

/// Libraries of functions over columns.
#[derive(Debug)]
pub struct Rivals {
    process: Process,
    output: PathBuf,
    /// What they said at the start.
    pub hello: Hello,
}

impl Rivals {
    /// Starts them over the columns in a folder.
    ///
    /// # Errors
    /// When packages cannot be installed, or the process does not begin.
    pub fn start(columns: &Path) -> Result<Self> {
        Self::of_script("rivals/functions.py", columns, &[])
    }

    /// Starts those of functions across tickers over the values of so many tickers in a folder.
    ///
    /// # Errors
    /// When packages cannot be installed, or the process does not begin.
    pub fn across(columns: &Path, tickers: usize) -> Result<Self> {
        Self::of_script("rivals/panel.py", columns, &[&tickers.to_string()])
    }

    fn of_script(script: &str, columns: &Path, more: &[&str]) -> Result<Self> {
        let requirements = file("rivals/functions.txt");
        let folder = columns.to_string_lossy();
        let arguments: Vec<&str> = std::iter::once(&*folder).chain(more.iter().copied()).collect();
        let (process, hello) =
            Process::start("rivals-functions", &requirements, &file(script), &arguments, 1)?;
        Ok(Self { process, output: columns.join("output"), hello })
    }

    /// Seconds that a library takes for expressions, one after the other, or in one query of Polars; with `rows` for
    /// each of many tickers of as many rows, which the columns are cut into.
    ///
    /// # Errors
    /// When the process ends.
    pub fn seconds(&mut self, library: &str, expressions: &[&str], rows: Option<usize>) -> Result<f64> {
        let answer: Answer = self.process.ask(&Request { library, expressions, rows, output: None })?;
        Ok(answer.seconds)
    }

    /// The values that a library gives of the last of these expressions.
    ///
    /// # Errors
    /// When the process ends.
    pub fn values(&mut self, library: &str, expressions: &[&str]) -> Result<Vec<f64>> {
        let request = Request { library, expressions, rows: None, output: Some(&self.output) };
        let _: Answer = self.process.ask(&request)?;
        read_column(&self.output)
    }
}
