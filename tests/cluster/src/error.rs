//! What can go wrong, each with what to do about it.

use std::path::PathBuf;
use std::time::Duration;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read, written or removed.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// The verb: `read`, `write`, `remove`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },

    /// A system call failed.
    #[error("cannot {action}: {source}")]
    System {
        /// What was attempted.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },

    /// A program, user or capability of the machine is missing.
    #[error("missing: {what}; {remedy}")]
    Missing {
        /// What is missing.
        what: String,
        /// How to get it.
        remedy: String,
    },

    /// A whole node makes namespaces, mounts and cgroups.
    #[error(
        "a whole node needs root (namespaces, mounts, cgroups): run it as root, or use a control plane only"
    )]
    NeedsRoot,

    /// A program that should end well did not.
    #[error("`{program}` failed with {status}:\n{output}")]
    Command {
        /// The command line.
        program: String,
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },

    /// A component of the cluster ended by itself.
    #[error("{component} ended with {status} while the cluster was running; its last lines were:\n{log}")]
    Ended {
        /// The component.
        component: String,
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },

    /// Something did not happen in time.
    #[error("{what} did not happen within {} s{hint}", .after.as_secs())]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long.
        after: Duration,
        /// What was seen instead; empty or beginning with punctuation.
        hint: String,
    },

    /// The supervisor reported that the cluster did not start.
    #[error("the test cluster did not start: {0}")]
    NotStarted(String),

    /// All numbers of a range are taken by other runs.
    #[error(
        "every {kind} that a test cluster may use is taken: stop other test clusters (`ats-cluster down`)"
    )]
    NothingFree {
        /// What there is none left of: a port, a subnet.
        kind: &'static str,
    },

    /// The cluster has not got what was asked for.
    #[error("{0}")]
    Unsupported(String),

    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),

    /// A document could not be read or written as JSON.
    #[error("cannot read or write {what} as JSON: {source}")]
    Json {
        /// The document.
        what: String,
        /// Why not.
        source: serde_json::Error,
    },

    /// The API server refused or did not answer.
    #[error("the API server: {0}")]
    Api(Box<kube::Error>),

    /// The kubeconfig could not be used.
    #[error("the kubeconfig {path}: {source}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<kube::config::KubeconfigError>,
    },
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

/// Adds the path to an I/O error.
pub(crate) trait FileContext<T> {
    /// Says which file could not be read, written, ... .
    fn file(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> FileContext<T> for std::result::Result<T, E> {
    fn file(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|source| Error::File { action, path: path.into(), source: source.into() })
    }
}

/// Adds what was attempted to a failed system call.
pub(crate) trait SystemContext<T> {
    /// Says what was attempted.
    fn system(self, action: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> SystemContext<T> for std::result::Result<T, E> {
    fn system(self, action: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::System { action: action.into(), source: source.into() })
    }
}

/// Adds the name of a document to a JSON error.
pub(crate) trait JsonContext<T> {
    /// Says which document it was.
    fn json(self, what: impl Into<String>) -> Result<T>;
}

impl<T> JsonContext<T> for std::result::Result<T, serde_json::Error> {
    fn json(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::Json { what: what.into(), source })
    }
}
