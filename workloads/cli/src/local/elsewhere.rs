//! Stages that other processes do: each has a folder with its document, and, once it has run, with what it told.
//!
//! What the operator does with a ConfigMap and a pod's termination message, without a cluster: `stage.json` is what a
//! workload reads, `outcome.json` its last words. A stage whose inputs are not known yet has no document; whoever runs
//! the stages calls again, and finds the next ones written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ats_pipeline::{
    StageFile, StageName,
    contract::{Component, STAGE_FILE},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::runner::{Ended, Finished};
use crate::Failure;

/// File of a stage's last words, beside its document.
const OUTCOME_FILE: &str = "outcome.json";
/// Bytes of a key in a folder's name, as in the name of a Job.
const KEY_BYTES: usize = 10;

/// The folder of all stages.
#[derive(Debug)]
pub(crate) struct StageFolder {
    root: PathBuf,
}

/// A stage as it is known after the documents were written.
#[derive(Debug, Serialize)]
pub(crate) struct StageRow {
    /// `TradingUniverse/us-large-caps`.
    pub(crate) object: String,
    /// The stage.
    pub(crate) stage: String,
    /// Its key; empty while an earlier stage has no output.
    pub(crate) key: String,
    /// `to run`, `after the stage before it`, or how it ended.
    pub(crate) state: String,
    /// Its folder, where there is a document.
    pub(crate) folder: String,
}

impl StageFolder {
    /// The folder, made where it is missing.
    pub(crate) fn new(root: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(root).map_err(|error| {
            Failure::Input(format!(
                "--write-stages {}: the folder cannot be made: {error}; name one of yours",
                root.display()
            ))
        })?;
        Ok(Self { root: root.to_owned() })
    }

    /// `<component>/<object>-<stage>-<key, 10>`.
    fn of(&self, object: &str, stage: StageName, key: &str) -> PathBuf {
        let short: String = key.chars().take(KEY_BYTES).collect();
        self.root.join(Component::of_stage(stage).as_str()).join(format!("{object}-{stage}-{short}"))
    }

    /// How a stage ended; none where it has not run. Its document is written when it is not there: what another
    /// document's stage has told is not told of this one, and is taken away.
    pub(crate) fn ended(&self, file: &StageFile) -> Result<Option<Ended>, Failure> {
        let folder = self.of(&file.owner.name, file.stage(), &file.key.to_string());
        let (document, outcome) = (folder.join(STAGE_FILE), folder.join(OUTCOME_FILE));
        let failure = |path: &Path, error: io::Error| {
            Failure::Input(format!("{} cannot be read or written: {error}", path.display()))
        };
        let text = serde_json::to_vec_pretty(file).map_err(|error| Failure::Failed(error.to_string()))?;
        if read(&document).map_err(|error| failure(&document, error))?.as_deref() == Some(text.as_slice()) {
            return told(&outcome)
                .map_err(|error| failure(&outcome, error))?
                .map_or(Ok(None), |told| told.ended(&outcome).map(Some));
        }
        fs::create_dir_all(&folder).map_err(|error| failure(&folder, error))?;
        match fs::remove_file(&outcome) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failure(&outcome, error)),
            _ => {}
        }
        // A reader never sees half of it.
        let fresh = folder.join(format!("{STAGE_FILE}.new"));
        fs::write(&fresh, text).map_err(|error| failure(&fresh, error))?;
        fs::rename(&fresh, &document).map_err(|error| failure(&document, error))?;
        Ok(None)
    }

    /// The stages of objects, as their status has them.
    pub(crate) fn rows(&self, finished: &[Finished]) -> Vec<StageRow> {
        finished.iter().flat_map(|one| self.rows_of(one)).collect()
    }

    fn rows_of(&self, one: &Finished) -> Vec<StageRow> {
        let object = format!("{}/{}", one.kind, one.name);
        let entries = one.object.pointer("/status/stages").and_then(Value::as_array);
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() {
            let empty = String::new;
            let state = format!("waits: {}", one.why());
            return vec![StageRow { object, stage: empty(), key: empty(), state, folder: empty() }];
        }
        let row = |entry: &Value| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let (stage, key) = (text("name"), text("key"));
            let state = match (text("state").as_str(), key.is_empty()) {
                ("Pending", true) => "after the stage before it".to_owned(),
                ("Pending", false) => match text("message") {
                    held if held.is_empty() => "to run".to_owned(),
                    held => held,
                },
                ("Failed", _) => format!("failed: {}", text("message")),
                _ => "done".to_owned(),
            };
            let named: Option<StageName> = serde_json::from_value(Value::from(stage.clone())).ok();
            let folder = named.filter(|_| !key.is_empty()).map(|stage| self.of(&one.name, stage, &key));
            StageRow {
                object: object.clone(),
                stage,
                key,
                state,
                folder: folder.filter(|folder| folder.is_dir()).unwrap_or_default().display().to_string(),
            }
        };
        entries.iter().map(row).collect()
    }
}

/// Last words and when they were said.
struct Told {
    bytes: Vec<u8>,
    at: Timestamp,
}

impl Told {
    fn ended(&self, path: &Path) -> Result<Ended, Failure> {
        let outcome = serde_json::from_slice(&self.bytes).map_err(|error| {
            Failure::Input(format!(
                "{} is not what a workload tells ({error}): delete it and run the stage again",
                path.display()
            ))
        })?;
        Ok(Ended { outcome, started: None, finished: self.at })
    }
}

/// What was told; nothing where the file is missing or empty: whoever runs a stage makes the file, as a kubelet does.
fn told(path: &Path) -> io::Result<Option<Told>> {
    let Some(bytes) = read(path)?.filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
    let at = fs::metadata(path)?.modified()?;
    Ok(Some(Told { bytes, at: Timestamp::try_from(at).map_err(io::Error::other)? }))
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
