//! What can go wrong, in words that say where and what to do.

/// An error of training or of a trained model.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The specification asks for something that cannot be done; the message says what to write instead.
    #[error("{0}")]
    Specification(String),
    /// The data cannot be used; the message names the table, row or feature.
    #[error("{0}")]
    Data(String),
    /// The algorithm could not be fitted to the rows it was given.
    #[error("{algorithm}: {message}")]
    Fit {
        /// The algorithm's name in the API.
        algorithm: &'static str,
        /// What happened and what to change.
        message: String,
    },
    /// A model file that this version cannot use.
    #[error("model.json: {0}")]
    Model(String),
    /// An artifact could not be read or written as a table.
    #[error(transparent)]
    Columns(#[from] ats_columns::ColumnsError),
}
