//! What can go wrong while an object is reconciled, and how it is told.

use std::time::Duration;

use ats_crds::Reason;
use ats_pipeline::{KeyError, status::specifications::SpecificationsError};

/// A reconcile that did not come to its end; it is tried again with a growing delay.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a request.
    #[error("the API server refused to {action}: {source}")]
    Api {
        /// What was asked for, in words.
        action: String,
        /// Its answer.
        source: Box<kube::Error>,
    },
    /// The API server did not answer.
    #[error("the API server did not answer within {0:?} when asked to {1}")]
    Timeout(Duration, String),
    /// This replica may not write any more.
    #[error("this replica is not the leader")]
    NotLeader,
    /// A spec has no canonical JSON.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The status of a model does not tell which specifications it has had.
    #[error(transparent)]
    Specifications(#[from] SpecificationsError),
    /// A document does not serialise.
    #[error("a document cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// An object of an earlier life of the same name is still there.
    #[error("{0} belongs to an earlier object of this name and is still being deleted")]
    Leftover(String),
    /// The reconcile panicked.
    #[error("the operator met a defect: {0}")]
    Panic(String),
}

impl Error {
    /// The reason on the object's conditions.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Key(_) | Self::Json(_) | Self::Panic(_) | Self::Specifications(_) => Reason::InternalError,
            Self::Api { .. } | Self::Timeout(..) | Self::NotLeader | Self::Leftover(_) => {
                Reason::ReconcileError
            }
        }
    }

    /// Whether the object has changed or gone since it was read: nothing to report, the watch brings the news.
    pub fn is_stale(&self) -> bool {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => {
                    status.is_conflict() || status.is_not_found() || is_terminating(status)
                }
                _ => false,
            },
            Self::NotLeader | Self::Leftover(_) => true,
            _ => false,
        }
    }
}

/// Whether a request was refused because its namespace is being deleted.
pub fn is_terminating(status: &kube::core::Status) -> bool {
    let told = |details: &kube::core::response::StatusDetails| {
        details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
    };
    status.code == 403 && status.details.as_ref().is_some_and(told)
}

/// Why the operator as a whole ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The metrics' address cannot be used.
    #[error("cannot listen on {address}: {source}; choose another address with --metrics-bind")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The metrics cannot be registered, which is a defect.
    #[error("cannot register the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// No configuration for the cluster was found.
    #[error("no way to the cluster: {0}; set KUBECONFIG, or run in a pod with a service account")]
    Configuration(String),
    /// The client cannot be made.
    #[error("cannot make a client: {0}")]
    Client(Box<kube::Error>),
    /// A filter of logs that cannot be read.
    #[error("--log-level {0:?} is not a filter of logs, such as \"info,kube=warn\"")]
    LogLevel(String),
}
