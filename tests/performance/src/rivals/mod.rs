//! Other people's libraries in a Python process beside this one, asked for one call at a time, so that calls can take
//! turns with ours.

pub mod backtests;
pub mod functions;
pub mod training;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;

/// The process; it ends when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// A file of this repository, named from this package.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

impl Process {
    /// Starts a script, on so many threads, with the packages of a requirements file installed below a name. Returns
    /// what it says at the start, too.
    ///
    /// # Errors
    /// When packages cannot be installed, or the process does not begin.
    fn start<Hello: DeserializeOwned>(
        name: &str,
        requirements: &Path,
        script: &Path,
        arguments: &[&str],
        threads: usize,
    ) -> Result<(Self, Hello)> {
        let installed = Command::new(file("../python-packages.sh"))
            .arg(name)
            .arg(requirements)
            .stderr(Stdio::inherit())
            .output()?;
        if !installed.status.success() {
            return Err("the rivals' Python packages are not there, and cannot be installed".into());
        }
        let threads = threads.to_string();
        let pools = ["POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"];
        let mut child = Command::new("python3")
            .arg(script)
            .args(arguments)
            .env("PYTHONPATH", String::from_utf8(installed.stdout)?.trim())
            .envs(pools.map(|name| (name, &threads)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the rivals' process has no pipes".into());
        };
        let mut process = Self { child, requests, answers: BufReader::new(answers) };
        let hello = process.answer()?;
        Ok((process, hello))
    }

    fn ask<Answer: DeserializeOwned>(&mut self, request: &impl Serialize) -> Result<Answer> {
        writeln!(self.requests, "{}", serde_json::to_string(request)?)?;
        self.requests.flush()?;
        self.answer()
    }

    fn answer<Answer: DeserializeOwned>(&mut self) -> Result<Answer> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("the rivals' process ended; its words stand above".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to put in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a column as the processes read it.
///
/// # Errors
/// When it cannot be written.
pub fn write_column(folder: &Path, name: &str, values: &[f64]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(std::fs::write(folder.join(name), bytes)?)
}

/// Reads a column as the processes, or [`write_column`], wrote it.
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
