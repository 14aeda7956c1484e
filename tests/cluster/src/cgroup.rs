//! The cgroups that hold the pods of a run, with version 1 (a tree for each controller) and version 2.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{FileContext as _, Result};

const ROOT: &str = "/sys/fs/cgroup";

/// Makes a cgroup of this name below the root of every controller.
pub(crate) fn create(name: &str) -> Result<()> {
    let roots = roots();
    if is_unified() {
        // A child gets the controllers that its parent delegates.
        let delegate = Path::new(ROOT).join("cgroup.subtree_control");
        let controllers = Path::new(ROOT).join("cgroup.controllers");
        let controllers = std::fs::read_to_string(&controllers).file("read", &controllers)?;
        for controller in controllers.split_whitespace() {
            // Some cannot be delegated on some machines; the kubelet names those that it misses.
            let _ = std::fs::write(&delegate, format!("+{controller}"));
        }
    }
    for root in roots {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).file("make", &folder)?;
        if root.ends_with("cpuset") {
            // A version 1 cpuset starts without processors and memory, and then takes no process.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let all = root.join(file);
                let all = std::fs::read_to_string(&all).file("read", &all)?;
                std::fs::write(folder.join(file), all.trim()).file("write", folder.join(file))?;
            }
        }
    }
    Ok(())
}

/// Removes the cgroups of this name and all below. Their processes must have ended; the kernel may need a moment.
pub(crate) fn remove(name: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    for root in roots() {
        let folder = root.join(name);
        while let Err(error) = remove_tree(&folder) {
            if Instant::now() > deadline {
                return Err(error).file("remove", folder);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn remove_tree(folder: &Path) -> std::io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    // Not remove_dir_all: the files in it cannot be removed, and go with it.
    std::fs::remove_dir(folder)
}

fn is_unified() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

/// The mounted trees: one for version 2, one for each controller for version 1.
fn roots() -> Vec<PathBuf> {
    if is_unified() {
        return vec![ROOT.into()];
    }
    let Ok(entries) = std::fs::read_dir(ROOT) else { return Vec::new() };
    let folders = entries.flatten().map(|entry| entry.path());
    // Links, such as cpu -> cpu,cpuacct, name a tree a second time.
    folders.filter(|path| path.is_dir() && !path.is_symlink()).collect()
}
