//! Names that an expression uses: features and tickers.

use std::fmt;

use crate::function::Function;
use crate::vocabulary::Column;

/// Words of the language and columns of the artifacts, beside the names of columns and functions.
const RESERVED: [&str; 11] =
    ["and", "or", "not", "if", "true", "false", "null", "ticker", "session", "timestamp", "known_at"];

/// The name of a feature: `[a-z][a-z0-9_]*`, 63 bytes at most, not a reserved name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The longest name, in bytes.
    pub const MAX_LENGTH: usize = 63;

    /// A checked name.
    ///
    /// # Errors
    /// [`NameError`] when the text does not have the form of a name or is reserved.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if !Self::has_form(text) {
            return Err(NameError::Form { name: text.chars().take(80).collect() });
        }
        match meaning(text) {
            Some(meaning) => Err(NameError::Reserved { name: text.to_owned(), meaning }),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn has_form(text: &str) -> bool {
        text.len() <= Self::MAX_LENGTH
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why a text is not the name of a feature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not of the form of a name.
    #[error(
        "`{name}` is not a feature name: write a lower-case letter, then lower-case letters, digits or `_`, 63 at most"
    )]
    Form {
        /// What was given (its first 80 characters).
        name: String,
    },
    /// Taken by the language or by the artifacts.
    #[error("`{name}` is reserved ({meaning}): give the feature another name")]
    Reserved {
        /// What was given.
        name: String,
        /// What it stands for.
        meaning: &'static str,
    },
}

/// Whether a feature may not have this name.
#[must_use]
pub fn is_reserved(text: &str) -> bool {
    meaning(text).is_some()
}

fn meaning(text: &str) -> Option<&'static str> {
    if Column::ALL.iter().any(|column| column.text() == text) {
        Some("a column of the bar")
    } else if Function::from_text(text).is_some() {
        Some("a function")
    } else if RESERVED.contains(&text) {
        Some("a word of the language or a column of the artifacts")
    } else {
        None
    }
}

/// A ticker as written in a string literal: upper-case letters, digits, `.` and `-`,
/// [`ats_crds::MAX_TICKER_LENGTH`] at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticker(String);

impl Ticker {
    /// `None` when the text does not have the form of a ticker.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        let mut bytes = text.bytes();
        let form = text.len() <= ats_crds::MAX_TICKER_LENGTH
            && bytes.next().is_some_and(letter)
            && bytes.all(|b| letter(b) || b == b'.' || b == b'-');
        form.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
