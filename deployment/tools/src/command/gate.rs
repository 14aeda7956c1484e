//! `ats-delivery gate`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use ats_deployment_tools::gate::{LIMIT, Ratio, base_is_first};
use ats_deployment_tools::{Error, Result};
use clap::Args;

#[derive(Args)]
pub struct Options {
    /// The program as it was.
    #[arg(long)]
    base: PathBuf,
    /// The program as it is.
    #[arg(long)]
    head: PathBuf,
    /// How many pairs of runs; six or more.
    #[arg(long, default_value_t = 15)]
    pairs: usize,
    /// Arguments of both programs; each run has an empty folder of its own.
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    // A run is in another folder: a path stays the one that was meant.
    let absolute =
        |path: &Path| path.canonicalize().map_err(|source| Error::File { path: path.to_owned(), source });
    let (base, head) = (absolute(&options.base)?, absolute(&options.head)?);
    let once = |program: &Path| once(program, &options.arguments);
    let mut pairs = Vec::with_capacity(options.pairs);
    // The first run of each reads it from the disk; that is not what is compared.
    once(&base)?;
    once(&head)?;
    for round in 0..options.pairs {
        let pair = if base_is_first(round) {
            let base = once(&base)?;
            (base, once(&head)?)
        } else {
            let head = once(&head)?;
            (once(&base)?, head)
        };
        println!("pair {}: {:.3} s, {:.3} s", round + 1, pair.0, pair.1);
        pairs.push(pair);
    }
    let ratio = Ratio::of_pairs(&pairs)?;
    println!("head / base: {:.3} ({:.3} to {:.3})", ratio.median, ratio.low, ratio.high);
    if ratio.is_slowdown() {
        println!("slower: the whole interval lies above {LIMIT}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Seconds of one run, in a folder that is gone afterwards.
fn once(program: &Path, arguments: &[String]) -> Result<f64> {
    let temporary = std::env::temp_dir();
    let folder =
        tempfile::tempdir_in(&temporary).map_err(|source| Error::File { path: temporary, source })?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
    let began = Instant::now();
    let output = command.output().map_err(|source| Error::File { path: program.to_owned(), source })?;
    let seconds = began.elapsed().as_secs_f64();
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let problem = format!("{}: a run that fails has no time\n{}", output.status, told.trim_end());
        return Err(Error::form(program.display().to_string(), &problem));
    }
    Ok(seconds)
}
