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

/// The claim of a source's files, with a sound mount path.
pub(super) fn volume(problems: &mut Problems, claim: &VolumeClaim) -> Option<Volume> {
    let path = "spec.source.files.volumeClaim.mountPath";
    let mount_path = problems.take(path, mount_path(&claim.mount_path, "/data"))?;
    Some(Volume { claim_name: claim.claim_name.clone(), mount_path })
}

/// The claim of an object's own artifact store, where it has one, with a sound mount path.
///
/// # Errors
/// When the mount path is not sound.
pub fn store_volume(run: &RunSettings) -> Result<Option<Volume>, Problem> {
    let Some(claim) = run.artifact_store.as_ref().and_then(|store| store.volume_claim.as_ref()) else {
        return Ok(None);
    };
    let mount_path = mount_path(&claim.mount_path, STORE_PATH).map_err(|message| Problem {
        path: "spec.artifactStore.volumeClaim.mountPath".to_owned(),
        reason: Reason::InvalidSpec,
        message,
    })?;
    Ok(Some(Volume { claim_name: claim.claim_name.clone(), mount_path }))
}

/// [`store_volume`], with its problem among others.
pub(super) fn store(problems: &mut Problems, run: &RunSettings) -> Option<Volume> {
    store_volume(run).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    })
}

/// That a store's claim and a source's are mounted beside each other: not at one path, nor the store below the source,
/// which is mounted for reading only. In a cluster `store` may be the operator's default.
///
/// # Errors
/// When they are not.
pub fn mounts_agree(store: Option<&Volume>, source: Option<&Volume>) -> Result<(), Problem> {
    let (Some(store), Some(source)) = (store, source) else { return Ok(()) };
    let refused = |message: String| {
        Err(Problem {
            path: "spec.source.files.volumeClaim.mountPath".to_owned(),
            reason: Reason::InvalidSpec,
            message,
        })
    };
    if store.mount_path.starts_with(&format!("{}/", source.mount_path)) {
        return refused(format!(
            "the artifact store's claim {:?} is mounted at {:?}, below {:?}, which is only read: write another path",
            store.claim_name, store.mount_path, source.mount_path
        ));
    }
    if store.mount_path == source.mount_path && store.claim_name != source.claim_name {
        return refused(format!(
            "{:?} is where the artifact store's claim {:?} is mounted: write another path",
            source.mount_path, store.claim_name
        ));
    }
    Ok(())
}

/// A path in a pod at which a claim can be mounted, without a slash at its end; `such_as`: one to write instead.
///
/// # Errors
/// A path that is not absolute, leaves itself by two dots, or is taken; in words.
pub fn mount_path(written: &str, such_as: &str) -> Result<String, String> {
    let mount = written.trim_end_matches('/');
    let taken = ["/etc", "/dev", "/proc", "/sys", "/tmp", "/var"];
    if !written.starts_with('/') || mount.split('/').any(|part| part == "..") {
        return Err(format!("{written:?} is not an absolute path, such as {such_as:?}"));
    }
    if mount.is_empty() || taken.iter().any(|root| mount == *root || mount.starts_with(&format!("{root}/"))) {
        return Err(format!("{written:?} is taken in the pod: write another, such as {such_as:?}"));
    }
    Ok(mount.to_owned())
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
