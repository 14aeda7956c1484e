//! Where things lie: URIs and the claims that `file://` needs in a cluster.

use ats_crds::{Reason, RunSettings, STORE_PATH, VolumeClaim};

use super::{Problem, Problems};

/// A claim to mount and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Name of the PersistentVolumeClaim.
    pub claim_name: String,
    /// Absolute path in the pod.
    pub mount_path: String,
}

/// Whether a URI names a path of the machine that reads it.
pub fn is_local(uri: &str) -> bool {
    uri.starts_with("file://")
}

/// A claim with a sound mount path.
pub(super) fn volume(problems: &mut Problems, path: &str, claim: &VolumeClaim) -> Option<Volume> {
    mounted(problems, path, (&claim.claim_name, &claim.mount_path), "/data")
}

/// The claim of an object's own artifact store, where it has one, with a sound mount path.
pub(super) fn store(problems: &mut Problems, run: &RunSettings) -> Option<Volume> {
    let claim = run.artifact_store.as_ref()?.volume_claim.as_ref()?;
    let named = (claim.claim_name.as_str(), claim.mount_path.as_str());
    mounted(problems, "spec.artifactStore.volumeClaim", named, STORE_PATH)
}

/// The artifact store's claim of an object whose spec is checked.
pub fn store_volume(run: &RunSettings) -> Option<Volume> {
    store(&mut Problems::default(), run)
}

/// That a store's claim and a source's are not mounted at one path. In a cluster `store` may be the operator's default.
///
/// # Errors
/// When they are.
pub fn mounts_agree(store: Option<&Volume>, source: Option<&Volume>) -> Result<(), Problem> {
    let (Some(store), Some(source)) = (store, source) else { return Ok(()) };
    if store.mount_path != source.mount_path || store.claim_name == source.claim_name {
        return Ok(());
    }
    Err(Problem {
        path: "spec.source.files.volumeClaim.mountPath".to_owned(),
        reason: Reason::InvalidSpec,
        message: format!(
            "{:?} is where the artifact store's claim {:?} is mounted: write another path",
            source.mount_path, store.claim_name
        ),
    })
}

/// A claim (its name and mount path) with a sound mount path; `such_as`: a path to write instead.
fn mounted(
    problems: &mut Problems,
    path: &str,
    (claim_name, written): (&str, &str),
    such_as: &str,
) -> Option<Volume> {
    let mount = written.trim_end_matches('/');
    let taken = ["/etc", "/dev", "/proc", "/sys", "/tmp", "/var"];
    if !written.starts_with('/') || mount.split('/').any(|part| part == "..") {
        problems.add(
            format!("{path}.mountPath"),
            format!("{written:?} is not an absolute path, such as {such_as:?}"),
        );
        return None;
    }
    if mount.is_empty() || taken.iter().any(|root| mount == *root || mount.starts_with(&format!("{root}/"))) {
        problems.add(
            format!("{path}.mountPath"),
            format!("{written:?} is taken in the pod: write another, such as {such_as:?}"),
        );
        return None;
    }
    Some(Volume { claim_name: claim_name.to_owned(), mount_path: mount.to_owned() })
}

/// Checks that a local URI lies on its claim.
pub(super) fn lies_on(problems: &mut Problems, path: &str, uri: &str, volume: &Volume) {
    let local = uri.strip_prefix("file://").unwrap_or(uri);
    let inside = local == volume.mount_path || local.starts_with(&format!("{}/", volume.mount_path));
    if !inside || local.split('/').any(|part| part == "..") {
        problems.add(
            path,
            format!(
                "{uri:?} does not lie on the claim: it is mounted at {:?}; change the URI or mountPath",
                volume.mount_path
            ),
        );
    }
}
