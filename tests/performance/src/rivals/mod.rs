//! Other people's libraries in a Python process beside this one, asked for one call at a time, so that calls can take
//! turns with ours.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

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

#[derive(Serialize)]
struct Request<'a> {
    library: &'a str,
    expressions: &'a [&'a str],
    output: Option<&'a Path>,
}

#[derive(Deserialize)]
struct Answer {
    seconds: f64,
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
    /// Starts it over the columns in a folder, with its packages installed, on one thread.
    ///
    /// # Errors
    /// When packages cannot be installed, or the process does not begin.
    pub fn start(columns: &Path) -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = Command::new(here.join("../python-packages.sh"))
            .arg("rivals")
            .arg(here.join("rivals/requirements.txt"))
            .stderr(Stdio::inherit())
            .output()?;
        if !installed.status.success() {
            return Err("the rivals' Python packages are not there, and cannot be installed".into());
        }
        let mut child = Command::new("python3")
            .arg(here.join("rivals/functions.py"))
            .arg(columns)
            .env("PYTHONPATH", String::from_utf8(installed.stdout)?.trim())
            .envs(["POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"].map(|name| (name, "1")))
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

    /// Seconds that a library takes for expressions, one after the other.
    ///
    /// # Errors
    /// When the process ends.
    pub fn seconds(&mut self, library: &str, expressions: &[&str]) -> Result<f64> {
        self.ask(&Request { library, expressions, output: None })
    }

    /// The values that a library gives.
    ///
    /// # Errors
    /// When the process ends.
    pub fn values(&mut self, library: &str, expression: &str) -> Result<Vec<f64>> {
        let output = self.output.clone();
        self.ask(&Request { library, expressions: &[expression], output: Some(&output) })?;
        let bytes = std::fs::read(&output)?;
        let (values, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(
                format!("{library}: {expression} wrote {} bytes, which are no numbers", bytes.len()).into()
            );
        }
        Ok(values.iter().map(|value| f64::from_le_bytes(*value)).collect())
    }

    fn ask(&mut self, request: &Request<'_>) -> Result<f64> {
        writeln!(self.requests, "{}", serde_json::to_string(request)?)?;
        self.requests.flush()?;
        let answer: Answer = serde_json::from_str(&line(&mut self.answers)?)?;
        Ok(answer.seconds)
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
