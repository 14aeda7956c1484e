//! The operator's process.

use std::process::ExitCode;

use ats_operator::{Options, RunError, telemetry};
use clap::{Parser, Subcommand};
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Reconciles trading universes, models and strategies.
#[derive(Parser)]
#[command(name = "operator", version)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the operator (the default).
    Run,
    /// Asks the operator on this machine whether it is well.
    Healthcheck,
}

#[tokio::main]
async fn main() -> ExitCode {
    let line = Line::parse();
    match line.command {
        Some(Command::Healthcheck) => match telemetry::healthcheck(line.options.metrics_bind).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => failed(&message),
        },
        Some(Command::Run) | None => match operate(line.options).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error.to_string()),
        },
    }
}

#[allow(clippy::print_stderr)]
fn failed(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

async fn operate(options: Options) -> Result<(), RunError> {
    telemetry::start_logging(&options)?;
    let mut config = Config::infer().await.map_err(|error| RunError::Configuration(error.to_string()))?;
    // A watch is quiet for at most 290 seconds, then the server ends it.
    config.read_timeout = Some(std::time::Duration::from_secs(295));
    config.write_timeout = Some(options.api_timeout());
    config.connect_timeout = Some(options.api_timeout());
    let client = Client::try_from(config).map_err(|source| RunError::Client(Box::new(source)))?;
    let shutdown = CancellationToken::new();
    let asked = shutdown.clone();
    tokio::spawn(async move {
        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => {
                    terminate.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = terminate => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        asked.cancel();
    });
    ats_operator::run(client, options, shutdown).await
}
