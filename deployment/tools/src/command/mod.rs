//! The commands: each reads its settings, asks a module what to do, and does it.

mod coverage;
mod full_run;
mod gate;
mod github;
mod metrics;
mod notify;
mod performance;
mod smoke;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
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
    /// Fails when fewer lines are covered than the thresholds ask for.
    Coverage(coverage::Options),
    /// Writes what became of `make test-all` to a section of a document; fails when a part has.
    FullRun(full_run::Options),
    /// Runs two builds of a program in turns, and fails when the second is slower with certainty.
    Gate(gate::Options),
    /// Adds a measurement to the history and writes the page that shows it.
    PerformanceReport(performance::Options),
    /// Prints the line of metrics of the run GITHUB_RUN_ID, from its jobs and what they left.
    MetricsLine,
    /// Serves lines of metrics to Prometheus.
    MetricsServe(metrics::Serve),
    /// Writes the page of a week of the pipeline.
    WeeklyReport(metrics::Weekly),
    /// Asks on GitHub for the merge of branch PULL_REQUEST_HEAD into `deployments`, once.
    PullRequest,
    /// Checks the environment ENVIRONMENT after a deployment, with a small backtest of its own; tells JSON.
    Smoke,
}

/// Does what the arguments ask for.
pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Notify => notify::run().await,
        Command::GithubSetup => github::setup().await,
        Command::Coverage(options) => coverage::run(&options),
        Command::FullRun(options) => full_run::run(&options),
        Command::Gate(options) => gate::run(&options),
        Command::PerformanceReport(options) => performance::run(&options),
        Command::MetricsLine => metrics::line().await,
        Command::MetricsServe(options) => metrics::serve(options).await,
        Command::WeeklyReport(options) => metrics::weekly(&options),
        Command::PullRequest => github::pull_request().await,
        Command::Smoke => smoke::run().await,
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

/// The text of a file.
fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    write_all(&[(path, text)])
}

/// Writes files, each whole or not at all; none when one of them cannot be written where it belongs.
fn write_all(files: &[(&Path, &str)]) -> Result<()> {
    let mut written = Vec::with_capacity(files.len());
    for (path, text) in files {
        let error = |source| Error::File { path: (*path).to_owned(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Its name, not that of a temporary file that could not be made there.
        folder.metadata().map_err(|source| Error::File { path: folder.to_owned(), source })?;
        // As any file that is made: the umask takes away.
        let mode = std::fs::Permissions::from_mode(0o666);
        let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(folder).map_err(error)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(error)?;
        written.push((file, *path));
    }
    for (file, path) in written {
        file.persist(path).map_err(|refused| Error::File { path: path.to_owned(), source: refused.error })?;
    }
    Ok(())
}

/// A variable that has to be set.
fn needed(name: &str) -> Result<String> {
    setting(name).ok_or_else(|| Error::setting(name, "is not set"))
}
