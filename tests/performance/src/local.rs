//! `ats run` of the samples, as a process: with an empty store, and again with everything in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use ats_test_cluster::binary;
use serde::Serialize;
use serde_json::json;

use crate::report::{Section, Unit, mebibytes, seconds};
use crate::statistics::{Sample, spread};
use crate::usage::{Ran, watch};
use crate::{Result, say};

/// One run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    seconds: f64,
    cpu_seconds: f64,
    peak_kib: u64,
}

impl From<Ran> for Run {
    fn from(ran: Ran) -> Self {
        Self { seconds: ran.wall.as_secs_f64(), cpu_seconds: ran.cpu_seconds, peak_kib: ran.peak_kib }
    }
}

/// Measures pairs of runs, each pair in a folder of its own.
///
/// # Errors
/// When a run fails.
pub fn measure(rounds: usize) -> Result<(Section, serde_json::Value)> {
    let (mut empty, mut again) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        say(&format!("run: round {}", round + 1));
        let folder = tempfile::tempdir()?;
        empty.push(Run::from(once(folder.path())?));
        again.push(Run::from(once(folder.path())?));
    }
    let mut section = Section::new("ats run of the samples", &["store", "time", "p95", "CPU", "peak"]);
    for (name, runs) in [("empty", &empty), ("everything is there", &again)] {
        let of = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Sample>().summary();
        section.follow(name, Unit::Seconds, of(|run| run.seconds));
        section.rows.push(vec![
            name.to_owned(),
            spread(of(|run| run.seconds), seconds),
            of(|run| run.seconds).map_or_else(String::new, |all| seconds(all.p95)),
            spread(of(|run| run.cpu_seconds), seconds),
            of(|run| run.peak_kib as f64).map_or_else(String::new, |all| mebibytes(all.max * 1024.0)),
        ]);
    }
    section.notes = vec![format!(
        "A universe of five shares over 13 years, two models, two strategies, as a process from start to end; {rounds} rounds, median (least to most)."
    )];
    Ok((section, json!({"empty": empty, "again": again})))
}

fn once(folder: &Path) -> Result<Ran> {
    let samples = samples();
    let mut command = Command::new(binary("ats-cli", "ats")?);
    command.current_dir(folder).arg("run").arg("--file");
    command.args(["universe.yaml", "models.yaml", "strategies.yaml"].map(|name| samples.join(name)));
    command.arg("--map").arg(format!("/data={}", samples.join("data").display()));
    command.args(["--output", "json"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    watch(command.spawn()?, began, "ats run")
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/samples")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_where_they_are_looked_for() {
        assert!(
            ["universe.yaml", "models.yaml", "strategies.yaml", "data"]
                .iter()
                .all(|name| samples().join(name).exists())
        );
    }
}
