//! Where things lie: URIs and the claims that `file://` needs in a cluster.

use ats_crds::VolumeClaim;

use super::Problems;

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
    let written = claim.mount_path.as_str();
    let mount = written.trim_end_matches('/');
    let taken = ["/etc", "/dev", "/proc", "/sys", "/tmp", "/var"];
    if !written.starts_with('/') || mount.split('/').any(|part| part == "..") {
        problems.add(
            format!("{path}.mountPath"),
            format!("{written:?} is not an absolute path, such as \"/data\""),
        );
        return None;
    }
    if mount.is_empty() || taken.iter().any(|root| mount == *root || mount.starts_with(&format!("{root}/"))) {
        problems.add(
            format!("{path}.mountPath"),
            format!("{written:?} is taken in the pod: write another, such as \"/data\""),
        );
        return None;
    }
    Some(Volume { claim_name: claim.claim_name.clone(), mount_path: mount.to_owned() })
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
