//! Errors of the store, and of a stage as a whole.

use ats_pipeline::{Category, Outcome, StageName};

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URI or a setting is not understood.
    #[error("the store {uri:?} cannot be opened: {message}")]
    Location {
        /// The URI.
        uri: String,
        /// What is wrong and what to write.
        message: String,
    },
    /// The store does not answer, or refuses.
    #[error(
        "the store at {uri} failed at {path:?}: {}; check that it is reachable and that the credentials may read and write there",
        words(source)
    )]
    Access {
        /// The URI.
        uri: String,
        /// The object.
        path: String,
        /// The client's words.
        source: object_store::Error,
    },
    /// An object that should be there is not.
    #[error(
        "{path:?} is not in the store at {uri}; it was there when its manifest was written: restore it, or set rerunNonce to compute it again"
    )]
    Missing {
        /// The URI.
        uri: String,
        /// The object.
        path: String,
    },
    /// An object is not what its name says.
    #[error(
        "{path:?} in the store at {uri} is damaged: {message}; delete it and set rerunNonce to compute it again"
    )]
    Damaged {
        /// The URI.
        uri: String,
        /// The object.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// Another output stands under the same key.
    #[error(
        "stage {stage} gave another output than the one that stands under its key at {path:?}; the first one stands"
    )]
    NonDeterministic {
        /// The stage.
        stage: StageName,
        /// The manifest.
        path: String,
    },
}

/// A client's error with its root cause, which the client leaves to `source`: without it a refused connection reads
/// "error sending request".
fn words(error: &object_store::Error) -> String {
    let text = error.to_string();
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let root = root.to_string();
    if text.contains(&root) { text } else { format!("{text}: {root}") }
}

/// Why a stage (or this shard of it) has no output.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct StageError {
    /// What sort of failure.
    pub category: Category,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl StageError {
    /// An error of a category.
    pub fn new(category: Category, message: impl Into<String>) -> Self {
        Self { category, message: message.into() }
    }

    /// The spec is refused.
    pub fn bad_spec(message: impl Into<String>) -> Self {
        Self::new(Category::BadSpec, message)
    }

    /// The data is refused.
    pub fn data_refused(message: impl Into<String>) -> Self {
        Self::new(Category::DataRefused, message)
    }

    /// The source cannot be read.
    pub fn source_unreadable(message: impl Into<String>) -> Self {
        Self::new(Category::SourceUnreadable, message)
    }

    /// A defect.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Category::Internal, message)
    }

    /// As the last words of a pod.
    pub fn to_outcome(&self) -> Outcome {
        Outcome::failed(self.category, self.message.clone())
    }
}

impl From<StoreError> for StageError {
    fn from(error: StoreError) -> Self {
        let category = match error {
            StoreError::Location { .. } => Category::BadSpec,
            StoreError::Access { .. } => Category::Unavailable,
            StoreError::Missing { .. } | StoreError::Damaged { .. } => Category::DataRefused,
            StoreError::NonDeterministic { .. } => Category::NonDeterministic,
        };
        Self::new(category, error.to_string())
    }
}

impl From<ats_pipeline::KeyError> for StageError {
    fn from(error: ats_pipeline::KeyError) -> Self {
        Self::internal(error.to_string())
    }
}
