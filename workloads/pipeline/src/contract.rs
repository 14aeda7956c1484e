//! The pod contract: what a workload is given (`stage.json`) and what it tells back (exit code, termination message).

mod component;
mod state;

use std::collections::BTreeMap;

use ats_crds::status::{Failure, MAX_MESSAGE, StageName};
use serde::{Deserialize, Serialize};

use crate::{Digest, StageKey, spec::StageSpec};

pub use component::Component;
pub use state::{HaltCause, STATE_BYTES, STATE_KEY, StateHalt, StatePosition, TradingState};

/// Form of `stage.json`.
pub const VERSION: u32 = 1;
/// Folder at which the ConfigMap is mounted.
pub const STAGE_FOLDER: &str = "/etc/ats";
/// File name inside [`STAGE_FOLDER`].
pub const STAGE_FILE: &str = "stage.json";
/// Where a pod writes its termination message.
pub const TERMINATION_MESSAGE: &str = "/dev/termination-log";
/// Most bytes of a termination message.
pub const TERMINATION_MESSAGE_BYTES: usize = 4096;
/// Environment variable that holds the shard, set by an Indexed Job.
pub const SHARD_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// Port of `/metrics` and `/healthz`.
pub const METRICS_PORT: u16 = 9090;
/// Prefix of the environment variables that hold the artifact store's settings.
pub const STORE_PREFIX: &str = "ATS_STORE_";
/// Prefix of the environment variables that hold the data source's settings.
pub const SOURCE_PREFIX: &str = "ATS_SOURCE_";
/// Environment variable that says which logs a workload writes.
pub const LOG_LEVEL_VARIABLE: &str = "ATS_LOG_LEVEL";
/// Folder at which the Secrets lie whose values a trading pod has in its environment: a file changes when its Secret
/// does, a variable never, so the pod ends and is started again with the new value.
pub const SECRETS_FOLDER: &str = "/etc/ats-secrets";
/// Environment variable that holds the ledger's URL.
pub const LEDGER_VARIABLE: &str = "ATS_LEDGER_URL";

/// Whose stage it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// `TradingUniverse`, `ModelTrainingJob` or `Strategy`.
    pub kind: String,
    /// Its namespace; `default` without a cluster.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid, in a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Where artifacts, or a source's files, lie. Credentials come by environment variables, never by this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreLocation {
    /// `file:///…`, `s3://…`, `gs://…`, `az://…`.
    pub uri: String,
}

/// The output of an earlier stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageInput {
    /// The stage that wrote it; an input's name.
    pub stage: StageName,
    /// Key of that stage.
    pub key: StageKey,
    /// Digest of the output.
    pub digest: Digest,
}

/// What a pod is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageFile {
    /// Form of this document.
    pub version: u32,
    /// Whose stage it is.
    pub owner: Owner,
    /// The stage's key.
    pub key: StageKey,
    /// What decides the output.
    pub spec: StageSpec,
    /// Outputs of earlier stages.
    pub inputs: Vec<StageInput>,
    /// Decides every random choice.
    pub seed: i64,
    /// Part of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_nonce: Option<String>,
    /// How many shards the units are divided into.
    pub shards: u32,
    /// Names this run of the stage (the Job's name): shards leave their indices under it.
    pub run: String,
    /// Where artifacts go.
    pub store: StoreLocation,
    /// Where the source's files lie, for `acquire` of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<StoreLocation>,
}

/// Why a text is not a stage file that this release reads; names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
pub enum StageFileError {
    /// Not the document.
    #[error("{name} is not a stage file: {source}")]
    Form {
        /// The file.
        name: String,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A document of another release.
    #[error("{name} has version {version}, this image reads version {VERSION}: use images of one release")]
    Version {
        /// The file.
        name: String,
        /// Its version.
        version: u32,
    },
}

impl StageFile {
    /// The document in a file's bytes; `name` is the file's, for messages.
    ///
    /// # Errors
    /// When it is no stage file, or one of another release.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, StageFileError> {
        /// The one member that every version has.
        #[derive(Deserialize)]
        struct Form {
            version: u32,
        }
        let form = |source| StageFileError::Form { name: name.to_owned(), source };
        let Form { version } = serde_json::from_slice(bytes).map_err(form)?;
        if version != VERSION {
            return Err(StageFileError::Version { name: name.to_owned(), version });
        }
        serde_json::from_slice(bytes).map_err(form)
    }

    /// The stage.
    pub fn stage(&self) -> StageName {
        self.spec.stage()
    }

    /// The input that a stage wrote.
    pub fn input(&self, stage: StageName) -> Option<&StageInput> {
        self.inputs.iter().find(|input| input.stage == stage)
    }
}

/// How a workload ends; the Job's failure policy reads these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Done. A bad ticker is a row in the manifest; `publish` judges it.
    Done,
    /// The spec is refused: trying again cannot help.
    BadSpec,
    /// This shard as a whole is unreadable.
    ShardUnreadable,
    /// Trying again may help.
    TryAgain,
}

impl ExitCode {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::BadSpec => 2,
            Self::ShardUnreadable => 3,
            Self::TryAgain => 75,
        }
    }

    /// The meaning of a number, if it has one here.
    pub fn from_code(code: i32) -> Option<Self> {
        match code {
            0 => Some(Self::Done),
            2 => Some(Self::BadSpec),
            3 => Some(Self::ShardUnreadable),
            75 => Some(Self::TryAgain),
            _ => None,
        }
    }
}

/// What sort of end a workload came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Category {
    /// Something was computed.
    Done,
    /// Everything was in the store.
    CacheHit,
    /// The spec is refused.
    BadSpec,
    /// The data breaks the quality bound, or nothing in it is usable.
    DataRefused,
    /// The source cannot be read.
    SourceUnreadable,
    /// The store or another service does not answer.
    Unavailable,
    /// The output differs from the one that stands under its key.
    NonDeterministic,
    /// A defect.
    Internal,
}

impl Category {
    /// How the process ends for it.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Done | Self::CacheHit => ExitCode::Done,
            Self::BadSpec | Self::DataRefused | Self::NonDeterministic => ExitCode::BadSpec,
            Self::SourceUnreadable => ExitCode::ShardUnreadable,
            Self::Unavailable | Self::Internal => ExitCode::TryAgain,
        }
    }

    /// The reason on a condition.
    pub fn reason(self) -> ats_crds::Reason {
        use ats_crds::Reason;
        match self {
            Self::Done | Self::CacheHit => Reason::Succeeded,
            Self::BadSpec => Reason::BadSpec,
            Self::DataRefused => Reason::DataRefused,
            Self::SourceUnreadable => Reason::SourceUnreadable,
            Self::NonDeterministic => Reason::NonDeterministic,
            Self::Unavailable | Self::Internal => Reason::StageFailed,
        }
    }
}

/// A pod's last words: the termination message, and what a stage run in process returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// What sort of end.
    pub category: Category,
    /// In words: what happened, and for a failure what to do.
    pub message: String,
    /// The stage's output; a shard that finished before others has none to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Units computed by this shard.
    #[serde(default)]
    pub computed: u64,
    /// Units found in the store by this shard.
    #[serde(default)]
    pub reused: u64,
    /// Figures for the status, by metric name; not a number is null.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, Option<f64>>,
    /// Texts for the status: `firstSession`, `lastSession`, `equity`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
    /// Units without usable data, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

impl Outcome {
    /// A failure.
    pub fn failed(category: Category, message: impl Into<String>) -> Self {
        Self {
            category,
            message: message.into(),
            digest: None,
            computed: 0,
            reused: 0,
            figures: BTreeMap::new(),
            notes: BTreeMap::new(),
            failures: Vec::new(),
        }
    }

    /// Whether the stage (or this shard of it) is done.
    pub fn is_done(&self) -> bool {
        matches!(self.category, Category::Done | Category::CacheHit)
    }

    /// The JSON of the termination message, cut to its bound: first each failure's message, then failures from the
    /// last, then the message to [`MAX_MESSAGE`] bytes, then figures, notes and the rest of the message. What a status
    /// shows (32 figures, a message of its bound) always fits.
    pub fn to_termination_message(&self) -> String {
        let mut cut = self.clone();
        for step in Cut::ORDER {
            loop {
                // Every member has a JSON form: a map's keys are texts, a figure that is no number is null.
                let text = serde_json::to_string(&cut).unwrap_or_default();
                if text.len() <= TERMINATION_MESSAGE_BYTES {
                    return text;
                }
                if !step.shorten(&mut cut) {
                    break;
                }
            }
        }
        serde_json::to_string(&Self::failed(self.category, "")).unwrap_or_default()
    }
}

/// A way to make an outcome shorter.
#[derive(Debug, Clone, Copy)]
enum Cut {
    FailureMessages,
    Failures,
    LongMessage,
    Figures,
    Notes,
    Message,
}

impl Cut {
    const ORDER: [Self; 6] =
        [Self::FailureMessages, Self::Failures, Self::LongMessage, Self::Figures, Self::Notes, Self::Message];
    /// Most bytes of a failure's message where not all fit whole.
    const FAILURE_MESSAGE: usize = 240;

    /// Whether anything became shorter. Long lists are halved, so that the number of tries stays small.
    fn shorten(self, outcome: &mut Outcome) -> bool {
        fn fewer(length: usize) -> usize {
            if length > 64 { length / 2 } else { length.saturating_sub(1) }
        }
        fn thin<V>(map: &mut BTreeMap<String, V>) -> bool {
            let (before, keep) = (map.len(), fewer(map.len()));
            while map.len() > keep {
                map.pop_last();
            }
            map.len() < before
        }
        match self {
            Self::FailureMessages => {
                let mut any = false;
                for failure in &mut outcome.failures {
                    any |= shorten_text(&mut failure.message, Self::FAILURE_MESSAGE);
                }
                any
            }
            Self::Failures => {
                let before = outcome.failures.len();
                outcome.failures.truncate(fewer(before));
                outcome.failures.len() < before
            }
            Self::LongMessage => shorten_text(&mut outcome.message, MAX_MESSAGE),
            Self::Figures => thin(&mut outcome.figures),
            Self::Notes => thin(&mut outcome.notes),
            Self::Message => {
                let half = outcome.message.len() / 2;
                shorten_text(&mut outcome.message, half)
            }
        }
    }
}

/// Cuts a text to so many bytes between two characters, with an ellipsis where there is room; whether it was longer.
fn shorten_text(text: &mut String, most: usize) -> bool {
    const ELLIPSIS: char = '\u{2026}';
    if text.len() <= most {
        return false;
    }
    let room = most.checked_sub(ELLIPSIS.len_utf8());
    text.truncate(text.floor_char_boundary(room.unwrap_or(0)));
    if room.is_some() {
        text.push(ELLIPSIS);
    }
    true
}
