//! Where the binaries of the cluster come from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, SystemContext as _};

/// The oldest minor version of Kubernetes that the tests accept from `KUBEBUILDER_ASSETS` or PATH.
const OLDEST_MINOR: u32 = 33;

const CONTROL_PLANE: &[&str] = &["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"];
const NODE: &[&str] = &["kubelet", "kube-proxy"];

/// The folders that hold the binaries of Kubernetes and of etcd.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tools {
    kubernetes: PathBuf,
    etcd: PathBuf,
}

impl Tools {
    /// Finds the binaries, or builds them: `KUBEBUILDER_ASSETS`, PATH, the cache, Go.
    ///
    /// All of a family come from one folder, so that their versions agree.
    pub(crate) fn find(node: bool) -> Result<Self> {
        let mut wanted = CONTROL_PLANE.to_vec();
        if node {
            wanted.extend(NODE);
        }
        Ok(Self {
            kubernetes: find_family("kubernetes", &wanted, |folder| {
                kubernetes_fits(&folder.join("kube-apiserver"))
            })?,
            etcd: find_family("etcd", &["etcd"], |_| true)?,
        })
    }

    pub(crate) fn kubernetes(&self, name: &str) -> PathBuf {
        self.kubernetes.join(name)
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.etcd.join("etcd")
    }
}

/// The kubectl to use with an existing cluster: the one on PATH, or else the built one.
pub(crate) fn kubectl() -> Result<PathBuf> {
    on_path("kubectl").map_or_else(|| tool("kubernetes", "kubectl"), Ok)
}

/// A tool of another family of `tools/`, such as `("kustomize", "kustomize")` or `("kwok", "kwok")`, at the version that
/// the family pins: what the machine has of that name is of any version, and is not looked for.
///
/// # Errors
/// When there is no such family or it cannot be built.
pub fn tool(family: &str, name: &str) -> Result<PathBuf> {
    Ok(build(family)?.join(name))
}

fn find_family(family: &str, wanted: &[&str], fits: impl Fn(&Path) -> bool) -> Result<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let complete = |folder: &PathBuf| wanted.iter().all(|name| folder.join(name).is_file());
    assets
        .into_iter()
        .chain(std::env::split_paths(&path))
        .find(|folder| complete(folder) && fits(folder))
        .map_or_else(|| build(family), Ok)
}

/// Builds a family of tools, unless it is in the cache; the folder of its binaries.
pub(crate) fn build(family: &str) -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/build.sh");
    let output = Command::new(&script)
        .arg(family)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .system(format!("run {}", script.display()))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || folder.is_empty() {
        return Err(Error::Command {
            program: format!("{} {family}", script.display()),
            status: output.status.to_string(),
            output: "(see above; it needs Go 1.26 or later and the Go module proxy)".into(),
        });
    }
    Ok(folder.into())
}

fn kubernetes_fits(api_server: &Path) -> bool {
    let Ok(output) = Command::new(api_server).arg("--version").output() else { return false };
    minor_of(&String::from_utf8_lossy(&output.stdout)).is_some_and(|minor| minor >= OLDEST_MINOR)
}

/// The minor version in `Kubernetes v1.37.2`.
fn minor_of(version: &str) -> Option<u32> {
    version.trim().strip_prefix("Kubernetes v1.")?.split('.').next()?.parse().ok()
}

/// The first file of this name in the folders of PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_read() {
        assert_eq!(minor_of("Kubernetes v1.37.2\n"), Some(37));
        assert_eq!(minor_of("Kubernetes v1.33.0-rc.1\n"), Some(33));
        assert_eq!(minor_of("etcd 3"), None);
    }
}
