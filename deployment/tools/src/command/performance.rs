//! `ats-delivery performance-report`.

use std::path::PathBuf;
use std::process::ExitCode;

use ats_deployment_tools::performance::{Measured, history, page};
use ats_deployment_tools::{Error, Result};
use clap::Args;

#[derive(Args)]
pub struct Options {
    /// What `make bench` wrote.
    #[arg(long)]
    measured: PathBuf,
    /// Measurements so far, one a line; this one is added. A file that is not there is an empty history.
    #[arg(long)]
    history: PathBuf,
    /// The page.
    #[arg(long, default_value = "performance-report.html")]
    output: PathBuf,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let new = Measured::of_document(&super::read(&options.measured)?)?;
    let mut before = match options.history.exists() {
        true => history(&super::read(&options.history)?)?,
        false => Vec::new(),
    };
    before.retain(|one| *one != new);
    let page = page(&new, &before);
    if new.is_of_no_commit() {
        eprintln!("{}: stays out of the history, its files belong to no commit", new.commit);
        super::write(&options.output, &page)?;
    } else {
        before.push(new);
        let line = |one| serde_json::to_string(one).map_err(|error| Error::form("history", &error));
        let lines: Vec<String> = before.iter().map(line).collect::<Result<_>>()?;
        let history = lines.join("\n") + "\n";
        super::write_all(&[(&options.output, &page), (&options.history, &history)])?;
    }
    println!("{}", options.output.display());
    Ok(ExitCode::SUCCESS)
}
