//! Harm that a test does to what runs on a node.

use std::path::Path;

use rustix::process::{Signal, kill_process};

use crate::cluster::Cluster;
use crate::containerd;
use crate::error::Result;
use crate::process::{pid, run};

impl Cluster {
    /// Kills the processes of a pod's containers by SIGKILL, as the kernel would; returns how many there were. What
    /// holds the pod's namespaces open stays, so that the kubelet sees a container that ended.
    ///
    /// # Errors
    /// When there is no node of this harness's making.
    pub fn kill_pod(&self, uid: &str) -> Result<usize> {
        let cgroup = &self.node()?.cgroup;
        let Ok(processes) = std::fs::read_dir("/proc") else { return Ok(0) };
        let inside = |process: &u32| {
            let folder = Path::new("/proc").join(process.to_string());
            let group = std::fs::read_to_string(folder.join("cgroup")).unwrap_or_default();
            let line = std::fs::read(folder.join("cmdline")).unwrap_or_default();
            let ours = group.lines().any(|line| line.contains(cgroup.as_str()) && line.contains(uid));
            // A process that has ended has no command line any more.
            ours && !line.is_empty() && !line.starts_with(b"/pause")
        };
        let killed = processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(inside)
            .filter_map(pid)
            // It fails only for a process that has ended meanwhile.
            .filter(|process| kill_process(*process, Signal::KILL).is_ok());
        Ok(killed.count())
    }

    /// Takes an image away from the node; running containers go on.
    ///
    /// # Errors
    /// When there is no such image, or no node of this harness's making.
    pub fn unload(&self, image: &str) -> Result<()> {
        let socket = self.node()?.containerd.display().to_string();
        let line = ["-a", &socket, "-n", containerd::NAMESPACE, "images", "rm", "--sync", image];
        run(containerd::ctr()?, line).map(drop)
    }
}
