//! Credentials that change while a pod runs. A container has its environment from its start on; the same Secrets lie
//! beside it as files, which the kubelet renews. When one differs the process ends in good order, and is started again
//! with the new values.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

/// How often the files are read. The kubelet renews them within a minute or two.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// Cancels `stop` once a file below `folder` has other content than at the start, or is new. A Secret that is gone
/// changes nothing: what runs goes on, and what starts is told by its environment. Returns when there is no such folder.
pub(crate) async fn stop_when_changed(folder: PathBuf, every: Duration, stop: CancellationToken) {
    if !folder.is_dir() {
        return;
    }
    let mut before: Option<BTreeMap<PathBuf, Vec<u8>>> = None;
    loop {
        match contents(&folder) {
            Ok(now) => {
                let first = before.get_or_insert_with(|| now.clone());
                if let Some(path) = changed(first, &now) {
                    tracing::info!("stopping: {} has changed and is read at the start", path.display());
                    stop.cancel();
                    return;
                }
            }
            // The kubelet swaps folders: a read may fall between two of them, the next one does not.
            Err(error) => tracing::debug!("{} cannot be read: {error}", folder.display()),
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
    }
}

fn changed<'a>(before: &BTreeMap<PathBuf, Vec<u8>>, now: &'a BTreeMap<PathBuf, Vec<u8>>) -> Option<&'a Path> {
    now.iter().find(|(path, content)| before.get(*path) != Some(content)).map(|(path, _)| path.as_path())
}

/// The files of the folders in `folder`, one for each Secret, without the kubelet's own, whose names begin with two
/// dots.
fn contents(folder: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for secret in std::fs::read_dir(folder)? {
        for file in std::fs::read_dir(secret?.path())? {
            let file = file?;
            if !file.file_name().as_encoded_bytes().starts_with(b"..") {
                files.insert(file.path(), std::fs::read(file.path())?);
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A Secret as the kubelet lays it: the files are links through `..data`, which is swapped as a whole.
    fn publish(folder: &Path, version: &str, content: Option<&str>) {
        let secret = folder.join("ledger");
        let data = secret.join(format!("..{version}"));
        std::fs::create_dir_all(&data).unwrap();
        if let Some(content) = content {
            std::fs::write(data.join("url"), content).unwrap();
        }
        symlink(format!("..{version}"), secret.join("..new")).unwrap();
        std::fs::rename(secret.join("..new"), secret.join("..data")).unwrap();
        match content {
            Some(_) if !secret.join("url").is_symlink() => symlink("..data/url", secret.join("url")).unwrap(),
            None => std::fs::remove_file(secret.join("url")).unwrap(),
            Some(_) => {}
        }
    }

    async fn stops(change: impl FnOnce(&Path)) -> bool {
        let folder = tempfile::tempdir().unwrap();
        publish(folder.path(), "1", Some("sqlite:///a.db"));
        let stop = CancellationToken::new();
        let every = Duration::from_millis(5);
        let watch = tokio::spawn(stop_when_changed(folder.path().to_owned(), every, stop.clone()));
        tokio::time::sleep(every * 10).await;
        assert!(!stop.is_cancelled(), "nothing has changed");
        change(folder.path());
        let stopped = tokio::time::timeout(Duration::from_millis(500), stop.cancelled()).await.is_ok();
        stop.cancel();
        watch.await.unwrap();
        stopped
    }

    #[tokio::test]
    async fn another_value_ends_the_process() {
        assert!(stops(|folder| publish(folder, "2", Some("sqlite:///b.db"))).await);
    }

    #[tokio::test]
    async fn the_same_value_in_another_version_does_not() {
        assert!(!stops(|folder| publish(folder, "2", Some("sqlite:///a.db"))).await);
    }

    #[tokio::test]
    async fn a_secret_that_is_gone_does_not() {
        assert!(!stops(|folder| publish(folder, "2", None)).await);
    }

    #[tokio::test]
    async fn a_pod_without_secrets_does_not_wait() {
        let stop = CancellationToken::new();
        stop_when_changed(PathBuf::from("/nothing/here"), LOOK, stop.clone()).await;
        assert!(!stop.is_cancelled());
    }
}
