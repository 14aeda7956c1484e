//! Images that are there already, as `make images` left them: CI tests the very archives that it publishes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{blob, digest, header, to_bytes};
use crate::error::{Error, FileContext as _, JsonContext as _, Result};

/// The annotation by which containerd names what it imports.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// An archive with one image.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    archive: PathBuf,
    digest: String,
}

/// A line of `images.json`.
#[derive(Deserialize)]
struct Line {
    component: String,
    name: String,
    digest: String,
}

impl Ready {
    /// The archive of a component in a folder, and its image's name.
    pub(super) fn find(images: &Path, component: &str) -> Result<(String, Self)> {
        let list = images.join("images.json");
        let text = std::fs::read(&list).file("read", &list)?;
        let lines: Vec<Line> = serde_json::from_slice(&text).json(list.display().to_string())?;
        let line = lines.into_iter().find(|line| line.component == component).ok_or_else(|| {
            Error::Unsupported(format!("{} names no image of {component}: run make images", list.display()))
        })?;
        let archive = images.join(format!("{component}.tar"));
        Ok((line.name, Self { archive, digest: line.digest }))
    }

    /// Copies the archive, once it is seen that it is the one of `images.json` and that nothing in it has changed since.
    /// The index gets the name by which containerd knows an image; it is in no digest.
    pub(super) fn write(&self, name: &str, target: &Path) -> Result<String> {
        let mut files = self.read()?;
        let refused = |why: String| Error::Unsupported(format!("{}: {why}", self.archive.display()));
        let index = files.remove("index.json").ok_or_else(|| refused("it has no index.json".into()))?;
        let mut index: Value = serde_json::from_slice(&index).json("an archive's index.json")?;
        let found = index["manifests"][0]["digest"].as_str().unwrap_or_default().to_owned();
        if found != self.digest {
            return Err(refused(format!("it is {found}, and images.json names {}", self.digest)));
        }
        if !files.contains_key(&blob(&self.digest)) {
            return Err(refused(format!("its manifest {} is missing", self.digest)));
        }
        for (file, bytes) in &files {
            let is_blob = file.starts_with("blobs/");
            if is_blob && *file != blob(&digest(bytes)) {
                return Err(refused(format!("{file} is damaged: its digest is {}", digest(bytes))));
            }
        }
        index["manifests"][0]["annotations"][CONTAINERD_NAME] = json!(name);
        files.insert("index.json".to_owned(), to_bytes(&index)?);
        let mut tar = tar::Builder::new(File::create(target).file("write", target)?);
        for (file, bytes) in &files {
            tar.append_data(&mut header(bytes.len() as u64, 0o644), file, bytes.as_slice())
                .file("write", target)?;
        }
        tar.finish().file("write", target)?;
        Ok(self.digest.clone())
    }

    /// The files of the archive, by name.
    fn read(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let path = &self.archive;
        let mut tar = tar::Archive::new(File::open(path).file("read", path)?);
        let mut files = BTreeMap::new();
        for entry in tar.entries().file("read", path)? {
            let mut entry = entry.file("read", path)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path().file("read", path)?.to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).file("read", path)?;
            files.insert(name.trim_start_matches("./").to_owned(), bytes);
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Image;
    use super::*;

    const NAME: &str = "ghcr.io/example/ats/monitoring:1";

    /// A folder as `make images` leaves it, of one small image; its digest.
    fn images(folder: &Path) -> String {
        let file = folder.join("file");
        std::fs::write(&file, "content").unwrap();
        let digest = Image::new(NAME).file(&file, "/file").write(&folder.join("monitoring.tar")).unwrap();
        list(folder, &digest);
        digest
    }

    fn list(folder: &Path, digest: &str) {
        let list = json!([{"component": "monitoring", "name": NAME, "digest": digest, "archiveBytes": 1}]);
        std::fs::write(folder.join("images.json"), list.to_string()).unwrap();
    }

    /// What becomes of the image of a component.
    fn written(folder: &Path, component: &str) -> Result<String, String> {
        let image = Image::ready(folder, component).map_err(|error| error.to_string())?;
        image.write(&folder.join("copy.tar")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_archive_is_taken_as_it_is_and_named_for_containerd() {
        let folder = tempfile::tempdir().unwrap();
        let digest = images(folder.path());
        assert_eq!(written(folder.path(), "monitoring"), Ok(digest.clone()));
        let copy = Ready { archive: folder.path().join("copy.tar"), digest };
        let (copy, first) = (copy.read().unwrap(), folder.path().join("monitoring.tar"));
        let first = Ready { archive: first, digest: String::new() }.read().unwrap();
        assert_eq!(copy.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>());
        let index: Value = serde_json::from_slice(&copy["index.json"]).unwrap();
        assert_eq!(index["manifests"][0]["annotations"][CONTAINERD_NAME], NAME);
    }

    #[test]
    fn another_image_or_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let digest = images(folder.path());
        let missing = written(folder.path(), "operator").unwrap_err();
        assert!(missing.contains("names no image of operator: run make images"), "{missing}");

        list(folder.path(), &format!("sha256:{}", "0".repeat(64)));
        let other = written(folder.path(), "monitoring").unwrap_err();
        assert!(other.contains(&format!("it is {digest}, and images.json names sha256:000")), "{other}");

        // One byte of the file in the layer.
        list(folder.path(), &digest);
        let archive = folder.path().join("monitoring.tar");
        let mut bytes = std::fs::read(&archive).unwrap();
        let at = bytes.windows(7).position(|window| window == b"content").unwrap();
        bytes[at] = b'C';
        std::fs::write(&archive, bytes).unwrap();
        let damaged = written(folder.path(), "monitoring").unwrap_err();
        assert!(damaged.contains("is damaged: its digest is sha256:"), "{damaged}");
    }
}
