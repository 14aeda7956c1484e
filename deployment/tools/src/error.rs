//! What goes wrong, and what to do about it.

use std::path::PathBuf;

/// An error of a program of the pipeline. No message holds a secret: addresses of webhooks and tokens are left out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is not there or makes no sense.
    #[error("{name}: {problem}")]
    Setting {
        /// The variable or argument.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A request did not get an answer.
    #[error("{what}: no answer: {source}")]
    NoAnswer {
        /// What was asked.
        what: String,
        /// Why, without the address.
        source: reqwest::Error,
    },
    /// A request was refused.
    #[error("{what}: {status}: {answer}")]
    Refused {
        /// What was asked.
        what: String,
        /// The status that came back.
        status: u16,
        /// The beginning of the answer.
        answer: String,
    },
    /// A file or an answer has another form than it should.
    #[error("{what}: {problem}")]
    Form {
        /// The file or the answer.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// A setting that is not there or makes no sense.
    pub fn setting(name: &str, problem: impl Into<String>) -> Self {
        Self::Setting { name: name.to_owned(), problem: problem.into() }
    }

    /// A file or an answer that has another form than it should.
    pub fn form(what: impl Into<String>, problem: &impl ToString) -> Self {
        Self::Form { what: what.into(), problem: problem.to_string() }
    }
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
