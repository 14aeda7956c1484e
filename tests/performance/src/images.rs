//! The images: how large, and how soon their programs answer.

use std::io::{BufReader, Write, copy};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ats_test_cluster::{Image, binary};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::report::{Section, Unit, mebibytes, seconds};
use crate::statistics::{Sample, Summary, spread};
use crate::usage::watch;
use crate::{Result, say};

/// Package and component: a component is a binary and an image.
pub const COMPONENTS: [(&str, &str); 6] = [
    ("ats-operator", "operator"),
    ("ats-data-acquisition", "data-acquisition"),
    ("ats-feature-engineering", "feature-engineering"),
    ("ats-model-training", "model-training"),
    ("ats-trading-strategy", "trading-strategy"),
    ("ats-monitoring", "monitoring"),
];

/// What is told of an image.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    component: String,
    image_bytes: u64,
    compressed_bytes: u64,
    /// Without symbols and line tables; none where no `strip` is installed.
    stripped_image_bytes: Option<u64>,
    stripped_compressed_bytes: Option<u64>,
    version_seconds: Option<Summary>,
    healthcheck_seconds: Option<Summary>,
}

/// Measures the six images. `from` names another folder of binaries, such as those of a release.
///
/// # Errors
/// When a binary is missing, or does not run.
pub fn measure(from: Option<&Path>, rounds: usize) -> Result<(Section, serde_json::Value)> {
    let mut section = Section::new(
        "Images",
        &["image", "size", "compressed", "stripped", "stripped, compressed", "--version", "healthcheck"],
    );
    let mut all = Vec::new();
    for (package, component) in COMPONENTS {
        say(&format!("images: {component}"));
        let program = match from {
            Some(folder) => folder.join(component),
            None => binary(package, component)?,
        };
        let figures = of_component(component, &program, rounds)?;
        let bytes = Sample::new([figures.compressed_bytes as f64]).summary();
        section.follow(format!("{component}, compressed"), Unit::Bytes, bytes);
        section.rows.push(row(&figures));
        all.push(figures);
    }
    section.notes = vec![
        format!("Binaries of {}.", from.map_or_else(|| "this program's profile".to_owned(), |folder| folder.display().to_string())),
        "Size: the archive in OCI layout, uncompressed: the program and the certificate authorities. Compressed: the same by gzip -6, about what a registry holds.".to_owned(),
        format!("Start-up: the program as a process from start to end, {rounds} times; median (least to most). `healthcheck` finds nobody to ask, and says so."),
    ];
    Ok((section, serde_json::to_value(all)?))
}

fn of_component(component: &str, program: &Path, rounds: usize) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let (image_bytes, compressed_bytes) = sizes(component, program, folder.path())?;
    let stripped = stripped(program, folder.path())?;
    let stripped = stripped.map(|program| sizes(component, &program, folder.path())).transpose()?;
    let times = |arguments: &[&str], good: bool| -> Result<Option<Summary>> {
        let times = (0..rounds).map(|_| start_up(program, arguments, good).map(|time| time.as_secs_f64()));
        Ok(Sample::new(times.collect::<Result<Vec<f64>>>()?).summary())
    };
    Ok(Figures {
        component: component.to_owned(),
        image_bytes,
        compressed_bytes,
        stripped_image_bytes: stripped.map(|sizes| sizes.0),
        stripped_compressed_bytes: stripped.map(|sizes| sizes.1),
        version_seconds: times(&["--version"], true)?,
        healthcheck_seconds: times(&["healthcheck"], false)?,
    })
}

/// The size of a program's image, and its size compressed.
fn sizes(component: &str, program: &Path, folder: &Path) -> Result<(u64, u64)> {
    let inside = format!("/{component}");
    let archive = folder.join("image.tar");
    Image::new(&format!("localhost/ats-{component}:bench"))
        .executable(program, &inside)
        .entrypoint([inside.clone()])
        .authorities()
        .write(&archive)?;
    let mut encoder = GzEncoder::new(Counter(0), Compression::new(6));
    copy(&mut BufReader::new(std::fs::File::open(&archive)?), &mut encoder)?;
    Ok((archive.metadata()?.len(), encoder.finish()?.0))
}

/// Counts bytes and keeps none.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A copy of a program without symbols and line tables, when the machine has a `strip`.
fn stripped(program: &Path, folder: &Path) -> Result<Option<PathBuf>> {
    let copy = folder.join("stripped");
    match Command::new("strip").arg("--strip-all").arg("-o").arg(&copy).arg(program).status() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
        Ok(status) if status.success() => Ok(Some(copy)),
        Ok(status) => Err(format!("strip of {} ended with {status}", program.display()).into()),
    }
}

/// How long a program takes to answer.
fn start_up(program: &Path, arguments: &[&str], good: bool) -> Result<Duration> {
    let began = Instant::now();
    let child = Command::new(program)
        .args(arguments)
        // Ports that nobody listens on, so that a health check is answered at once.
        .envs([
            ("ATS_METRICS_BIND", "127.0.0.1:1"),
            ("ATS_METRICS_PORT", "1"),
            ("ATS_MONITORING_BIND", "127.0.0.1:1"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let name = format!("{} {}", program.display(), arguments.join(" "));
    match watch(child, began, &name) {
        Ok(ran) => Ok(ran.wall),
        Err(error) if good => Err(error),
        Err(_) => Ok(began.elapsed()),
    }
}

fn row(figures: &Figures) -> Vec<String> {
    let size = |bytes: u64| mebibytes(bytes as f64);
    let optional = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), size);
    vec![
        figures.component.clone(),
        size(figures.image_bytes),
        size(figures.compressed_bytes),
        optional(figures.stripped_image_bytes),
        optional(figures.stripped_compressed_bytes),
        spread(figures.version_seconds, seconds),
        spread(figures.healthcheck_seconds, seconds),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_and_not_kept() {
        let mut counter = Counter(0);
        copy(&mut [7_u8; 100_000].as_slice(), &mut counter).unwrap();
        assert_eq!(counter.0, 100_000);
    }
}
