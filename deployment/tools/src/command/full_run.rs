//! `ats-delivery full-run`.

use std::path::PathBuf;
use std::process::ExitCode;

use ats_deployment_tools::Result;
use ats_deployment_tools::full_run::{figures, read, replaced, section};
use ats_deployment_tools::metrics::Outcome;
use clap::Args;

#[derive(Args)]
pub struct Options {
    /// A folder with parts.jsonl, a line for each part that has ended, and what each told as PART.txt.
    #[arg(long)]
    folder: PathBuf,
    /// What was tested.
    #[arg(long)]
    commit: String,
    /// The document whose section is written.
    #[arg(long)]
    document: PathBuf,
}

/// Writes the section; fails when a part has.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut parts = Vec::new();
    for part in read(&super::read(&options.folder.join("parts.jsonl"))?)? {
        let log = super::read(&options.folder.join(format!("{}.txt", part.part)))?;
        let told = figures(&part, &log);
        parts.push((part, told));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let section = section(&options.commit, cores, &parts);
    super::write(&options.document, &replaced(&super::read(&options.document)?, &section)?)?;
    print!("{section}");
    let passed = parts.iter().all(|(part, _)| part.result == Outcome::Success);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
