//! `ats-delivery coverage`.

use std::path::PathBuf;
use std::process::ExitCode;

use ats_deployment_tools::coverage::{Finding, compare, read};
use ats_deployment_tools::{Error, Result};
use clap::Args;

#[derive(Args)]
pub struct Options {
    /// What `cargo llvm-cov report --json --summary-only` wrote.
    #[arg(long)]
    summary: PathBuf,
    /// The thresholds.
    #[arg(long, default_value = ".ci/coverage.json")]
    thresholds: PathBuf,
    /// The root of the checkout that was measured.
    #[arg(long)]
    checkout: String,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let files = read(&super::read(&options.summary)?, &options.checkout)?;
    let thresholds = serde_json::from_str(&super::read(&options.thresholds)?)
        .map_err(|error| Error::form(options.thresholds.display().to_string(), &error))?;
    let findings = compare(&files, &thresholds);
    for finding in &findings {
        let name = if finding.folder.is_empty() { "all" } else { &finding.folder };
        let percent = finding
            .percent
            .map_or_else(|| "nothing measured".to_owned(), |percent| format!("{percent:.2} %"));
        let verdict = if finding.passes() { "" } else { "  TOO LITTLE" };
        println!("{name:<24} {percent:>9} of lines, asked for {} %{verdict}", finding.least);
    }
    Ok(if findings.iter().all(Finding::passes) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
