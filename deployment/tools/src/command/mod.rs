//! The commands: each reads its settings, asks a module what to do, and does it.

mod github;
mod notify;

use std::process::ExitCode;
use std::time::Duration;

use ats_deployment_tools::http::Client;
use ats_deployment_tools::{Error, Result};
use clap::{Parser, Subcommand};

/// Programs of the pipeline.
#[derive(Parser)]
#[command(name = "ats-delivery", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tells Slack what became of a run; does nothing where SLACK_WEBHOOK_URL is not set.
    Notify,
    /// Brings the repository REPO on GitHub to what .github asks for; with DRY_RUN=1 only tells.
    GithubSetup,
}

/// Does what the arguments ask for.
pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Notify => notify::run().await,
        Command::GithubSetup => github::setup().await,
    }
}

/// A variable of the environment; one that is empty is not set, as GitHub gives secrets that are not there.
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A client; how long it waits before it tries again is short in tests.
fn client() -> Result<Client> {
    let pause = match setting("ATS_RETRY_MILLISECONDS").map(|text| text.parse()) {
        None => Duration::from_secs(2),
        Some(Ok(milliseconds)) => Duration::from_millis(milliseconds),
        Some(Err(error)) => return Err(Error::setting("ATS_RETRY_MILLISECONDS", format!("{error}"))),
    };
    Client::new(pause)
}

/// A variable that has to be set.
fn needed(name: &str) -> Result<String> {
    setting(name).ok_or_else(|| Error::setting(name, "is not set"))
}
