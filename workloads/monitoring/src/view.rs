//! What is known of a namespace at an instant: the page and the metrics are pure functions of it.

use jiff::Timestamp;

use crate::{Books, Interruptions, Objects};

/// A namespace at an instant.
#[derive(Debug, Clone)]
pub struct View {
    /// The namespace.
    pub namespace: String,
    /// Its objects.
    pub objects: Objects,
    /// The books of its strategies.
    pub books: Books,
    /// The watches of the API server.
    pub interruptions: Interruptions,
    /// The instant.
    pub now: Timestamp,
}
