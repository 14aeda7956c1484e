//! Why a ticker has no usable data.

use std::fmt;

/// What sort of problem a ticker has. The names stand in manifests, statuses and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// There is no file, or no usable bar in the requested history.
    NoData,
    /// A line, or the file as a whole, cannot be read.
    BrokenFile,
    /// A column that is needed is not there.
    WrongColumns,
    /// The bars have another length than the interval says.
    WrongInterval,
    /// A split or dividend cannot be what it says.
    InvalidAction,
}

impl ProblemKind {
    /// The name in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoData => "NoData",
            Self::BrokenFile => "BrokenFile",
            Self::WrongColumns => "WrongColumns",
            Self::WrongInterval => "WrongInterval",
            Self::InvalidAction => "InvalidAction",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a ticker has no usable data: what is wrong, where, and what to do. The message goes into the unit's manifest,
/// so it names files by their place inside the source, never by a host or a folder of the machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Problem {
    /// What sort of problem.
    pub kind: ProblemKind,
    /// In words.
    pub message: String,
}

impl Problem {
    /// A problem in words.
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
