//! scikit-learn and LightGBM.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Process, file, read_column};
use crate::Result;

/// What a library has.
#[derive(Debug, Deserialize)]
pub struct Hello {
    /// Version of each library.
    pub versions: BTreeMap<String, String>,
    /// Libraries that have a model.
    pub offered: BTreeMap<String, Vec<String>>,
}

/// Libraries of models.
#[derive(Debug)]
pub struct Rivals {
    process: Process,
    output: PathBuf,
    /// What they said at the start.
    pub hello: Hello,
}

impl Rivals {
    /// Starts them over the columns in a folder, on so many threads.
    ///
    /// # Errors
    /// When packages cannot be installed, or the process does not begin.
    pub fn start(columns: &Path, threads: usize) -> Result<Self> {
        let requirements = file("rivals/training.txt");
        let arguments = [columns.to_string_lossy().into_owned(), threads.to_string()];
        let arguments = arguments.each_ref().map(String::as_str);
        let script = file("rivals/training.py");
        let (process, hello) =
            Process::start("rivals-training", &requirements, &script, &arguments, threads)?;
        Ok(Self { process, output: columns.join("output"), hello })
    }

    /// Where an answer's numbers are written that are too many for a line.
    #[must_use]
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// The numbers of the last answer that was asked to write them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn written(&self) -> Result<Vec<f64>> {
        read_column(&self.output)
    }

    /// Asks for one thing.
    ///
    /// # Errors
    /// When the process ends.
    pub fn ask<T: DeserializeOwned>(&mut self, request: &impl Serialize) -> Result<T> {
        self.process.ask(request)
    }
}
