//! Measurements: `make bench`. Each part gives tables and, in one JSON document, every value that was measured.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]

pub mod goals;
pub mod images;
pub mod local;
pub mod machine;
pub mod operator;
pub mod plot;
pub mod process;
pub mod report;
pub mod rivals;
pub mod statistics;
pub mod usage;

/// What goes wrong in a measurement ends it: the words are all that matters.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Says on standard error how far a measurement is.
pub fn say(text: &str) {
    eprintln!("bench: {text}");
}
