//! What a stage leaves in the store beside its files.
//!
//! `<stage>/<unit key>/manifest.json` is a [`UnitManifest`], written last and once; the files lie beside it under
//! their digests. `<stage>/<stage key>/dataset-<root>.json` is a [`DatasetManifest`] over all units of a run.

use std::collections::BTreeMap;

use ats_crds::status::StageName;
use serde::{Deserialize, Serialize};

use crate::{Digest, StageKey, merkle};

/// Version of the manifests' form.
pub const VERSION: u32 = 1;

/// One file of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Logical name: `bars.parquet`.
    pub name: String,
    /// Digest of its bytes; the file lies at `<digest>.<extension of the name>`.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
    /// Rows, where it is a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

impl FileEntry {
    /// Object name inside the unit's folder: `<digest>.<extension>`.
    pub fn object_name(&self) -> String {
        match self.name.rsplit_once('.') {
            Some((_, extension)) => format!("{}.{extension}", self.digest),
            None => self.digest.to_string(),
        }
    }
}

/// Whether a unit has an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum UnitOutcome {
    /// Its files are there.
    Done,
    /// It has no usable data; the reason belongs to the output and is as reproducible as files are.
    Bad {
        /// What sort of problem: `NoData`, `BrokenFile`, …
        category: String,
        /// What is wrong, where, and what to do.
        message: String,
    },
}

/// The output of one unit: a ticker, a trial and fold, or a whole stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitManifest {
    /// Form of this document.
    pub version: u32,
    /// The stage.
    pub stage: StageName,
    /// The unit's key.
    pub key: StageKey,
    /// The unit's name; empty where the stage is one unit.
    pub unit: String,
    /// Whether there is an output.
    pub outcome: UnitOutcome,
    /// The files, by name.
    pub files: Vec<FileEntry>,
    /// Counts of the quality report: rows read, dropped by category, …
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// Figures by metric name; one that is not a number is null.
    #[serde(default)]
    pub figures: BTreeMap<String, Option<f64>>,
    /// Names of the output's dates: `firstSession`, `lastSession`, …
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
}

impl UnitManifest {
    /// An empty manifest of a finished unit.
    pub fn done(stage: StageName, key: StageKey, unit: impl Into<String>) -> Self {
        Self {
            version: VERSION,
            stage,
            key,
            unit: unit.into(),
            outcome: UnitOutcome::Done,
            files: Vec::new(),
            counts: BTreeMap::new(),
            figures: BTreeMap::new(),
            notes: BTreeMap::new(),
        }
    }

    /// The canonical JSON that is stored.
    ///
    /// # Errors
    /// When a figure is not finite: such a figure is `None`.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }

    /// The file with this name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// One unit in a dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnitEntry {
    /// The unit's name.
    pub unit: String,
    /// Its key, under which its manifest lies.
    pub key: StageKey,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Whether it has files.
    pub done: bool,
}

/// The output of a stage: its units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetManifest {
    /// Form of this document.
    pub version: u32,
    /// The stage.
    pub stage: StageName,
    /// The stage's key.
    pub key: StageKey,
    /// The units, sorted by name.
    pub units: Vec<UnitEntry>,
}

impl DatasetManifest {
    /// A manifest of these units, sorted.
    pub fn new(stage: StageName, key: StageKey, mut units: Vec<UnitEntry>) -> Self {
        units.sort_unstable();
        Self { version: VERSION, stage, key, units }
    }

    /// The stage's output digest: the Merkle root over (unit, manifest digest).
    pub fn root(&self) -> Digest {
        merkle::root(self.units.iter().map(|unit| (unit.unit.as_str(), unit.digest)))
    }

    /// The canonical JSON that is stored.
    ///
    /// # Errors
    /// When it does not serialise, which is a defect.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }

    /// The entry of a unit.
    pub fn unit(&self, name: &str) -> Option<&UnitEntry> {
        self.units
            .binary_search_by(|entry| entry.unit.as_str().cmp(name))
            .ok()
            .map(|index| &self.units[index])
    }
}
