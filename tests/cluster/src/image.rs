//! Container images made of files, without a container engine.
//!
//! Such an image is one layer, a configuration and a manifest: a tar file and two small JSON documents. Writing them
//! here takes a second, needs no root, no build tool and no storage, and gives the same bytes for the same files.

mod ready;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, FileContext as _, JsonContext as _, Result};
use crate::process::INSTALL;
use ready::Ready;

/// Where Debian keeps the bundle of certificate authorities, and where programs look for it.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// An image to be written: `FROM scratch`, files, and what to run; or one that is there already.
#[derive(Clone, Debug)]
pub struct Image {
    name: String,
    ready: Option<Ready>,
    entries: Vec<Entry>,
    entrypoint: Vec<String>,
    environment: Vec<String>,
    user: String,
}

#[derive(Clone, Debug)]
enum Entry {
    File { source: PathBuf, target: String, mode: u32 },
    Folder { target: String, mode: u32 },
}

impl Image {
    /// An image with a folder `/tmp` only. The name must be whole, such as `localhost/ats-operator:dev`: the kubelet
    /// takes a name without a registry to be Docker Hub's.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ready: None,
            entries: vec![Entry::Folder { target: "tmp".into(), mode: 0o1777 }],
            entrypoint: Vec::new(),
            environment: Vec::new(),
            user: "65532:65532".into(),
        }
    }

    /// The image of a component in a folder that `make images` has filled. [`Self::write`] gives it as it is: files and
    /// settings that are added do not count.
    ///
    /// # Errors
    /// When the folder has no list of images, or the list not this one.
    pub fn ready(images: &Path, component: &str) -> Result<Self> {
        let (name, ready) = Ready::find(images, component)?;
        Ok(Self { ready: Some(ready), ..Self::new(&name) })
    }

    /// The image's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds an executable. It must be linked statically: there is nothing else in the image.
    #[must_use]
    pub fn executable(self, source: impl Into<PathBuf>, target: &str) -> Self {
        self.entry(source.into(), target, 0o755)
    }

    /// Adds a file.
    #[must_use]
    pub fn file(self, source: impl Into<PathBuf>, target: &str) -> Self {
        self.entry(source.into(), target, 0o644)
    }

    /// Adds the machine's bundle of certificate authorities.
    #[must_use]
    pub fn authorities(self) -> Self {
        self.file(AUTHORITIES, AUTHORITIES)
    }

    /// What the container runs.
    #[must_use]
    pub fn entrypoint<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.entrypoint = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// The user and group, as numbers: `65532:65532`, which is the default.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = user.into();
        self
    }

    fn entry(mut self, source: PathBuf, target: &str, mode: u32) -> Self {
        let target = target.trim_start_matches('/').to_owned();
        // The folders above it, once each.
        for (end, _) in target.match_indices('/') {
            let folder = &target[..end];
            let known = |entry: &Entry| matches!(entry, Entry::Folder { target, .. } if target == folder);
            if !self.entries.iter().any(known) {
                self.entries.push(Entry::Folder { target: folder.into(), mode: 0o755 });
            }
        }
        self.entries.push(Entry::File { source, target, mode });
        self
    }

    /// Writes the image as an archive in the OCI layout, which `ctr images import`, `kind load image-archive`,
    /// `podman load` and `skopeo copy oci-archive:` read. The digest of its manifest is returned.
    ///
    /// # Errors
    /// When a file cannot be read, an executable is linked dynamically, an archive that is there is not the one of its
    /// list, or the archive cannot be written.
    pub fn write(&self, archive: &Path) -> Result<String> {
        if let Some(ready) = &self.ready {
            return ready.write(&self.name, archive);
        }
        let layer = self.write_layer(archive)?;
        let (layer_digest, layer_size) = digest_of(&layer)?;
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let configuration = to_bytes(&json!({
            "architecture": architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "User": self.user,
                "Env": self.environment,
                "Entrypoint": self.entrypoint,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        }))?;
        let manifest = to_bytes(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &configuration),
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": layer_digest,
                "size": layer_size,
            }],
        }))?;
        let mut in_index = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        in_index["annotations"] = json!({
            "io.containerd.image.name": self.name,
            "org.opencontainers.image.ref.name": self.name,
        });
        let index = to_bytes(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [in_index],
        }))?;

        let output = File::create(archive).file("write", archive)?;
        let mut tar = tar::Builder::new(output);
        let mut small = |name: &str, bytes: &[u8]| {
            tar.append_data(&mut header(bytes.len() as u64, 0o644), name, bytes).file("write", archive)
        };
        small("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        small("index.json", &index)?;
        small(&blob(&digest(&manifest)), &manifest)?;
        small(&blob(&digest(&configuration)), &configuration)?;
        let file = File::open(&layer).file("read", &layer)?;
        tar.append_data(&mut header(layer_size, 0o644), blob(&layer_digest), file).file("write", archive)?;
        tar.finish().file("write", archive)?;
        std::fs::remove_file(&layer).file("remove", layer)?;
        Ok(digest(&manifest))
    }

    /// Writes the image's only layer beside the archive.
    fn write_layer(&self, archive: &Path) -> Result<PathBuf> {
        let path = archive.with_extension("layer");
        let mut tar = tar::Builder::new(File::create(&path).file("write", &path)?);
        for entry in &self.entries {
            match entry {
                Entry::Folder { target, mode } => {
                    let mut header = header(0, *mode);
                    header.set_entry_type(tar::EntryType::Directory);
                    tar.append_data(&mut header, format!("{target}/"), std::io::empty())
                        .file("write", &path)?;
                }
                Entry::File { source, target, mode } => {
                    if source == Path::new(AUTHORITIES) && !source.exists() {
                        return Err(Error::Missing { what: AUTHORITIES.into(), remedy: INSTALL.into() });
                    }
                    if *mode == 0o755 {
                        reject_dynamic(source)?;
                    }
                    let file = File::open(source).file("read", source)?;
                    let size = file.metadata().file("read", source)?.len();
                    tar.append_data(&mut header(size, *mode), target, file).file("write", &path)?;
                }
            }
        }
        tar.finish().file("write", &path)?;
        Ok(path)
    }
}

/// A dynamically linked program fails in an empty image, with a message that names some other file.
fn reject_dynamic(program: &Path) -> Result<()> {
    let mut start = Vec::new();
    let file = File::open(program).file("read", program)?;
    file.take(4096).read_to_end(&mut start).file("read", program)?;
    // The program headers, which name the interpreter, are at the beginning.
    let interpreter = start.windows(6).any(|window| window == b"/ld-li") && start.starts_with(b"\x7fELF");
    if interpreter {
        return Err(Error::Unsupported(format!(
            "{} is linked dynamically and cannot run in an empty image: build it with \
             `-C target-feature=+crt-static` (as .cargo/config.toml does) or CGO_ENABLED=0",
            program.display()
        )));
    }
    Ok(())
}

fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    // Neither the time nor the user that happened to build it.
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn to_bytes(document: &Value) -> Result<Vec<u8>> {
    serde_json::to_vec(document).json("an image's description")
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn digest(bytes: &[u8]) -> String {
    named(&Sha256::digest(bytes))
}

fn digest_of(path: &Path) -> Result<(String, u64)> {
    let mut file = File::open(path).file("read", path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer).file("read", path)?;
        if count == 0 {
            return Ok((named(&hash.finalize()), size));
        }
        hash.update(&buffer[..count]);
        size += count as u64;
    }
}

fn named(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::from("sha256:"), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        File::create(&file).unwrap().write_all(b"content").unwrap();
        let image = Image::new("localhost/test:1").file(&file, "/a/b/c").entrypoint(["/a/b/c"]);
        let [first, second] = ["first.tar", "second.tar"].map(|name| folder.path().join(name));
        image.write(&first).unwrap();
        image.write(&second).unwrap();
        assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
    }

    #[test]
    fn a_dynamic_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = Image::new("localhost/test:1")
            .executable("/bin/sh", "/sh")
            .write(&folder.path().join("image.tar"))
            .unwrap_err();
        assert!(error.to_string().contains("crt-static"), "{error}");
    }
}
