//! Other people's libraries in a Python process beside this one, asked for one call at a time, so that calls can take
//! turns with ours.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Result;

/// What a library has.
#[derive(Debug, Deserialize)]
pub struct Hello {
    /// Version of each library.
    pub versions: BTreeMap<String, String>,
    /// Libraries that have an expression.
    pub offered: BTreeMap<String, Vec<String>>,
}

/// Other people's libraries, and the script that asks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Functions of price columns.
    Functions,
    /// Models.
    Training,
}

impl Subject {
    /// Its script is `rivals/NAME.py`, its packages stand in `rivals/NAME.txt`.
    fn name(self) -> &'static str {
        match self {
            Self::Functions => "functions",
            Self::Training => "training",
        }
    }
}

/// The process; it ends when this is dropped.
#[derive(Debug)]
pub struct Rivals {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    output: PathBuf,
    /// What it said at the start.
    pub hello: Hello,
}

impl Rivals {
    /// Starts it over the columns in a folder, with its packages installed, on so many threads.
    ///
    /// # Errors
    /// When packages cannot be installed, or the process does not begin.
    pub fn start(subject: Subject, columns: &Path, threads: usize) -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = |ending: &str| here.join(format!("rivals/{}.{ending}", subject.name()));
        let installed = Command::new(here.join("../python-packages.sh"))
            .arg(format!("rivals-{}", subject.name()))
            .arg(file("txt"))
            .stderr(Stdio::inherit())
            .output()?;
        if !installed.status.success() {
            return Err("the rivals' Python packages are not there, and cannot be installed".into());
        }
        let threads = threads.to_string();
        let pools = ["POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"];
        let mut child = Command::new("python3")
            .arg(file("py"))
            .arg(columns)
            .arg(&threads)
            .env("PYTHONPATH", String::from_utf8(installed.stdout)?.trim())
            .envs(pools.map(|name| (name, &threads)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the rivals' process has no pipes".into());
        };
        let mut answers = BufReader::new(answers);
        let hello = serde_json::from_str(&line(&mut answers)?)?;
        Ok(Self { child, requests, answers, output: columns.join("output"), hello })
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
        writeln!(self.requests, "{}", serde_json::to_string(request)?)?;
        self.requests.flush()?;
        Ok(serde_json::from_str(&line(&mut self.answers)?)?)
    }
}

impl Drop for Rivals {
    fn drop(&mut self) {
        // It has nothing to put in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(answers: &mut BufReader<ChildStdout>) -> Result<String> {
    let mut line = String::new();
    if answers.read_line(&mut line)? == 0 {
        return Err("the rivals' process ended; its words stand above".into());
    }
    Ok(line)
}

/// Writes a column as the process reads it.
///
/// # Errors
/// When it cannot be written.
pub fn write_column(folder: &Path, name: &str, values: &[f64]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(std::fs::write(folder.join(name), bytes)?)
}

/// Reads a column as the process, or [`write_column`], wrote it.
///
/// # Errors
/// When it cannot be read, or is not a list of numbers.
pub fn read_column(path: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(path)?;
    let (values, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(format!("{} has {} bytes, which are no numbers", path.display(), bytes.len()).into());
    }
    Ok(values.iter().map(|value| f64::from_le_bytes(*value)).collect())
}
