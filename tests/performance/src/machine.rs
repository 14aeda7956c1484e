//! What figures depend on: the machine, the commit, the profile.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// The machine and the build.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// When the measurement began (UTC).
    pub at: String,
    /// The commit, with `-dirty` when files differ from it.
    pub commit: String,
    /// Cargo's profile: `debug` is `dev`.
    pub profile: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// What they are.
    pub processor: String,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel.
    pub kernel: String,
    /// Load of the last minute when the measurement began: well above 0 means that others measure with us.
    pub load: f64,
}

impl Machine {
    /// This one. What cannot be found out is `unknown` or 0.
    #[must_use]
    pub fn here() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
            profile: profile().unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown").to_owned(),
            memory_mib: kibibytes(&read("/proc/meminfo"), "MemTotal").unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
        }
    }
}

fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("git").current_dir(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let dirty = if git(&["status", "--porcelain"])?.is_empty() { "" } else { "-dirty" };
    Some(git(&["rev-parse", "--short=12", "HEAD"])? + dirty)
}

fn profile() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    let folder = if folder.ends_with("deps") { folder.parent()? } else { folder };
    Some(folder.file_name()?.to_string_lossy().into_owned())
}

/// The value of a line `name: value`, the first of that name.
#[must_use]
pub fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The number of a line `name: 123 kB`.
#[must_use]
pub fn kibibytes(text: &str, name: &str) -> Option<u64> {
    field(text, name)?.strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        let text = "Name:\tats\nVmPeak:\t  10 kB\nVmHWM:\t  123456 kB\nThreads:\t3\n";
        assert_eq!(kibibytes(text, "VmHWM"), Some(123_456));
        assert_eq!(field(text, "Name"), Some("ats"));
        assert_eq!(kibibytes(text, "Threads"), None);
        assert_eq!(field(text, "Vm"), None);
    }

    #[test]
    fn this_machine_has_processors_and_memory() {
        let machine = Machine::here();
        assert!(machine.cores > 0 && machine.memory_mib > 0, "{machine:?}");
        assert_ne!(machine.profile, "unknown");
    }
}
