//! Logs: one JSON object a line in a pod, plain lines for a person; on standard error.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// How messages are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Plain lines.
    Text,
}

/// Starts logging; a second call changes nothing.
///
/// # Errors
/// When the filter is not understood.
pub fn start(level: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| format!("the log level {level:?} is not understood: {error}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
        }
        LogFormat::Text => {
            // Colours are for a person's terminal; a file or a pipe would hold their codes.
            let colours = std::io::stderr().is_terminal();
            let lines = fmt::layer().with_target(false).with_ansi(colours).with_writer(std::io::stderr);
            registry.with(lines).try_init()
        }
    };
    // The only error is that a subscriber is there already, as in tests that share a process.
    drop(started);
    Ok(())
}
