//! The processes of a run: started with a log of their own, ended by their own id.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

use crate::error::{Error, FileContext as _, Result, SystemContext as _};

/// The argument, for the harness itself, that makes `ats-cluster` a wrapper: see [`exec_bound_to_parent`].
pub const BOUND: &str = "bound";

/// The processes that one supervisor has started, in the order of their start.
#[derive(Debug)]
pub(crate) struct Processes {
    logs: PathBuf,
    children: Vec<Component>,
}

#[derive(Debug)]
struct Component {
    name: String,
    child: Child,
    stop: Signal,
}

impl Processes {
    /// No processes yet; logs go to `logs`.
    pub(crate) fn new(logs: &Path) -> Self {
        Self { logs: logs.to_owned(), children: Vec::new() }
    }

    /// Starts a component. It dies with this process.
    pub(crate) fn start<A: AsRef<OsStr>>(
        &mut self,
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<()> {
        let mut command = bound(program);
        command.args(arguments);
        self.start_command(name, command, Signal::KILL)
    }

    /// Starts a component that wants another signal than KILL to end.
    pub(crate) fn start_command(&mut self, name: &str, mut command: Command, stop: Signal) -> Result<()> {
        let log = self.logs.join(format!("{name}.log"));
        let output = File::create(&log).file("write", &log)?;
        let errors = output.try_clone().file("write", &log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .system(format!("start {name}"))?;
        self.children.push(Component { name: name.to_owned(), child, stop });
        Ok(())
    }

    /// An error if any component has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        for component in &mut self.children {
            if let Some(status) = component.child.try_wait().system(format!("wait for {}", component.name))? {
                return Err(Error::Ended {
                    component: component.name.clone(),
                    status: status.to_string(),
                    log: tail(&self.logs.join(format!("{}.log", component.name))),
                });
            }
        }
        Ok(())
    }

    /// Waits until `ready` says so; fails at once when a component ends.
    pub(crate) async fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        mut ready: impl AsyncFnMut() -> std::result::Result<(), String>,
    ) -> Result<()> {
        let started = Instant::now();
        loop {
            self.check()?;
            let reason = match ready().await {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            };
            if started.elapsed() > limit {
                return Err(Error::Timeout {
                    what: what.to_owned(),
                    after: limit,
                    hint: format!("; {reason}"),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends all of them, the last started first.
    pub(crate) fn stop(&mut self) {
        for component in self.children.iter_mut().rev() {
            if let Err(error) = end(&mut component.child, component.stop) {
                eprintln!("ats-cluster: cannot end {}: {error}", component.name);
            }
        }
        self.children.clear();
        // What they left behind has become ours: see `adopt_orphans`.
        while kill_children() > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Ends a child: asks, waits for at most five seconds, then kills.
pub(crate) fn end(child: &mut Child, signal: Signal) -> Result<ExitStatus> {
    if child.try_wait().system("wait for a child")?.is_none() && signal != Signal::KILL {
        let id = Pid::from_child(child);
        rustix::process::kill_process(id, signal).system(format!("signal process {}", child.id()))?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while child.try_wait().system("wait for a child")?.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    if child.try_wait().system("wait for a child")?.is_none() {
        child.kill().system(format!("kill process {}", child.id()))?;
    }
    child.wait().system("wait for a child")
}

/// A command that dies when the process that starts it does, however that ends.
///
/// The kernel's parent-death signal has to be set by the child itself. Between fork and exec that takes unsafe
/// code; so this program is executed first, sets it, and becomes the wanted program.
pub(crate) fn bound(program: &Path) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(BOUND).arg(std::process::id().to_string()).arg(program);
    command
}

/// Sets the parent-death signal and becomes another program: `arguments` are the parent's id, the program and its
/// arguments.
///
/// # Errors
/// Returns only when the program cannot be executed.
pub fn exec_bound_to_parent(arguments: Vec<OsString>) -> Error {
    let mut arguments = arguments.into_iter();
    let (Some(parent), Some(program)) = (arguments.next(), arguments.next()) else {
        return Error::Unsupported(format!("`{BOUND}` is for the harness itself"));
    };
    if let Err(source) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return Error::System { action: "ask to die with the parent".into(), source: source.into() };
    }
    // The parent may have died before it was asked for.
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if now.as_deref().map(OsStr::new) != Some(&parent) {
        return Error::Unsupported("the supervisor has ended".into());
    }
    let source = Command::new(&program).args(arguments).exec();
    Error::File { action: "execute", path: program.into(), source }
}

/// Makes this process the parent of descendants whose parent ends, so that none is lost sight of.
pub(crate) fn adopt_orphans() -> Result<()> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).system("adopt orphaned processes")
}

/// Collects the exit statuses of adopted processes; those of `processes` are left to it.
pub(crate) fn reap_orphans(processes: &Processes) {
    for child in children() {
        let ours = processes.children.iter().any(|component| component.child.id() == child);
        if !ours && let Some(pid) = pid(child) {
            // It may be running, which is no error.
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// Kills all children of this process; returns how many there were.
fn kill_children() -> usize {
    let children = children();
    for child in children.iter().filter_map(|child| pid(*child)) {
        // Both fail only for a process that has ended meanwhile.
        let _ = rustix::process::kill_process(child, Signal::KILL);
        let _ = rustix::process::waitpid(Some(child), WaitOptions::NOHANG);
    }
    children.len()
}

fn children() -> Vec<u32> {
    children_of(std::process::id())
}

/// The ids of the processes whose parent is `parent`.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process| parent_of(*process) == Some(parent))
        .collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the name in parentheses, which may hold anything; the fourth is the parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether a process with this id exists and has not ended.
pub(crate) fn is_alive(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// The kernel's name for a process id.
pub(crate) fn pid(process: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process).ok()?)
}

/// A component that is stopped in its tracks until this value is dropped.
#[derive(Debug)]
pub struct Frozen(Pid);

impl Frozen {
    /// Finds a program among the descendants of a supervisor, and stops it.
    pub(crate) fn find(supervisor: u32, program: &str) -> Result<Self> {
        let is_it = |process: &u32| {
            std::fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| {
                let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
                Path::new(OsStr::from_bytes(first)).file_name() == Some(OsStr::new(program))
            })
        };
        let mut parents = if supervisor == 0 { Vec::new() } else { vec![supervisor] };
        while !parents.is_empty() {
            let processes: Vec<_> = parents.into_iter().flat_map(children_of).collect();
            if let Some(found) = processes.iter().copied().find(is_it).and_then(pid) {
                rustix::process::kill_process(found, Signal::STOP).system(format!("stop {program}"))?;
                return Ok(Self(found));
            }
            parents = processes;
        }
        Err(Error::Unsupported(format!("this cluster has no component {program} of its own")))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It fails only when the component has been killed meanwhile.
        let _ = rustix::process::kill_process(self.0, Signal::CONT);
    }
}

/// Runs a program to its end; its output, or an error with its output.
pub(crate) fn run<A: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = A>,
) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let line = format!("{command:?}");
    let output = command.output().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing {
            what: command.get_program().to_string_lossy().into_owned(),
            remedy: INSTALL.into(),
        },
        _ => Error::System { action: format!("run {line}"), source },
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(Error::Command { program: line, status: output.status.to_string(), output: text })
}

/// What to do about a missing program of a node.
pub(crate) const INSTALL: &str = "run tests/cluster/tools/install-node.sh as root (Debian packages)";

/// The last lines of a log.
pub(crate) fn tail(path: &Path) -> String {
    const MOST: i64 = 4000;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        if length > MOST.unsigned_abs() {
            file.seek(SeekFrom::End(-MOST))?;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    read().unwrap_or_else(|error| format!("(no log: {error})"))
}
