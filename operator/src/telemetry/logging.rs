//! Structured logs on standard error.

use tracing_subscriber::EnvFilter;

use crate::{
    error::RunError,
    options::{LogFormat, Options},
};

/// Starts the logs of the process; a second start changes nothing.
///
/// # Errors
/// When the filter cannot be read.
pub fn start_logging(options: &Options) -> Result<(), RunError> {
    let filter =
        EnvFilter::try_new(&options.log_level).map_err(|_| RunError::LogLevel(options.log_level.clone()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match options.log_format {
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Text => builder.try_init(),
    };
    if started.is_err() {
        tracing::debug!("logs were started already");
    }
    Ok(())
}
