//! The project's own binaries, for tests and for images.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::error::{Error, Result, SystemContext as _};

static BUILT: Mutex<Option<HashMap<(String, String), PathBuf>>> = Mutex::new(None);

/// The path of a binary of this workspace, built with the profile of the running test.
///
/// Cargo builds the binaries of the package under test only. So under Cargo (`cargo test`, `cargo nextest`) this
/// builds what is asked for, once for each test binary, which takes a second when there is nothing to do. Otherwise,
/// or when `ATS_TEST_PREBUILT` is set, what is there is used. `ATS_TEST_BINARIES` names another folder to look in.
///
/// # Errors
/// When it does not compile or is not there.
pub fn binary(package: &str, name: &str) -> Result<PathBuf> {
    let key = (package.to_owned(), name.to_owned());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default();
    if let Some(path) = built.get(&key) {
        return Ok(path.clone());
    }
    let path = find(package, name)?;
    built.insert(key, path.clone());
    Ok(path)
}

fn find(package: &str, name: &str) -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("ATS_TEST_BINARIES") {
        return existing(&PathBuf::from(folder).join(name));
    }
    let folder = profile_folder()?;
    let path = folder.join(name);
    let under_test = std::env::var("CARGO_PKG_NAME").is_ok_and(|under_test| under_test == package);
    let cargo = std::env::var_os("CARGO");
    // Cargo has built the binaries of the package under test already.
    let built = std::env::var_os("ATS_TEST_PREBUILT").is_some()
        || (under_test && path.is_file())
        || (package == env!("CARGO_PKG_NAME") && is_newer_than_sources(&path));
    match cargo {
        Some(cargo) if !built => build(&cargo, package, name, &folder)?,
        _ => {}
    }
    existing(&path)
}

/// Whether a binary of this very package needs no build: nearly every test needs one, and Cargo would make it wait
/// for other builds. That a dependency has changed since does not matter to the harness.
fn is_newer_than_sources(binary: &Path) -> bool {
    fn newest(path: &Path) -> std::io::Result<SystemTime> {
        let data = path.metadata()?;
        if !data.is_dir() {
            return data.modified();
        }
        std::fs::read_dir(path)?
            .try_fold(SystemTime::UNIX_EPOCH, |most, entry| Ok(most.max(newest(&entry?.path())?)))
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources =
        newest(&package.join("src")).and_then(|src| Ok(src.max(newest(&package.join("Cargo.toml"))?)));
    match (newest(binary), sources) {
        (Ok(binary), Ok(sources)) => binary > sources,
        _ => false,
    }
}

fn existing(path: &Path) -> Result<PathBuf> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    Err(Error::Missing { what: path.display().to_string(), remedy: "build it with `cargo build`".into() })
}

/// The folder of the running program's profile: `target/x86_64-unknown-linux-gnu/debug`.
fn profile_folder() -> Result<PathBuf> {
    let program = std::env::current_exe().system("find this program")?;
    let folder = program.parent().unwrap_or(Path::new("/"));
    // Test binaries are one level deeper.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

fn build(cargo: &std::ffi::OsStr, package: &str, name: &str, folder: &Path) -> Result<()> {
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", package, "--bin", name]);
    match folder.file_name().and_then(|profile| profile.to_str()) {
        Some("debug") | None => {}
        Some(profile) => {
            command.args(["--profile", profile]);
        }
    }
    // <target folder>/<platform>/<profile>, where the platform is left out when Cargo was not told one.
    if let Some(above) = folder.parent() {
        let is_platform = above.file_name().is_some_and(|name| name.to_string_lossy().contains("-linux-"));
        let target = if is_platform { above.parent().unwrap_or(above) } else { above };
        command.arg("--target-dir").arg(target);
    }
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .system(format!("build {name}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Command {
        program: format!("{command:?}"),
        status: output.status.to_string(),
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
