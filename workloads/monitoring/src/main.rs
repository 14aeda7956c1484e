//! The monitoring pod of a namespace.

use std::process::ExitCode;

use ats_monitoring::Arguments;
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.healthcheck() {
        return match ats_pod::healthcheck(arguments.metrics_port) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => end(&error.to_string(), 1),
        };
    }
    if let Err(message) = ats_pod::start_logging(&arguments.log_level, arguments.log_format) {
        return end(&message, 2);
    }
    match ats_monitoring::run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "said before logging is there")]
fn end(message: &str, code: u8) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(code)
}
