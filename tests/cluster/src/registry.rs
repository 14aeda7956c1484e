//! A registry of images for pods: Debian's docker-registry, on the node's address.
//!
//! What is pushed to it is pulled by digest, as from any other registry. It speaks plain HTTP, which containerd is told by a
//! `hosts.toml` in the folder of the run; skopeo and cosign take an address of a private network to be such a one, or are
//! told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::cluster::blocking;
use crate::error::{Error, FileContext as _, Result, SystemContext as _};
use crate::image::Image;
use crate::options::Node;
use crate::process::{INSTALL, Processes, run};
use crate::tools::on_path;
use crate::{Cluster, containerd};

/// Nobody else listens on an address that only this run has.
const PORT: u16 = 5000;

/// Starts the registry and tells containerd how to reach it; its address, as names of images begin.
pub(crate) async fn start(processes: &mut Processes, folder: &Path, node: &Node) -> Result<String> {
    let binary = on_path("docker-registry").ok_or_else(|| missing("docker-registry"))?;
    let address = format!("{}:{PORT}", node.address);
    let hosts = containerd::registries(folder).join(&address);
    std::fs::create_dir_all(&hosts).file("make", &hosts)?;
    let path = hosts.join("hosts.toml");
    let url = format!("http://{address}");
    let told = format!("server = \"{url}\"\n[host.\"{url}\"]\n  capabilities = [\"pull\", \"resolve\"]\n");
    std::fs::write(&path, told).file("write", path)?;

    let settings = json!({
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": folder.join("registry")}},
        "http": {"addr": address},
    });
    let path = folder.join("registry.yml");
    std::fs::write(&path, settings.to_string()).file("write", &path)?;
    processes.start("docker-registry", &binary, [Path::new("serve"), &path])?;
    processes
        .wait_until("the registry listening", Duration::from_secs(30), async || {
            tokio::net::TcpStream::connect(&address).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
    Ok(address)
}

fn missing(what: &str) -> Error {
    Error::Missing { what: what.into(), remedy: INSTALL.into() }
}

impl Cluster {
    /// The address of the registry, as the names of its images begin.
    ///
    /// # Errors
    /// When it was not asked for in the options.
    pub fn registry(&self) -> Result<&str> {
        let without = || Error::Unsupported("this cluster has no registry: set Options::registry".into());
        self.state().registry.as_deref().ok_or_else(without)
    }

    /// Writes an image and pushes it to the registry as `ats/NAME`; the name by which pods pull it, and its digest. The
    /// node does not have it until a pod asks for it.
    ///
    /// # Errors
    /// When the image cannot be written, or there is no registry, or skopeo to push with.
    pub async fn push(&self, image: &Image, name: &str) -> Result<(String, String)> {
        let name = format!("{}/ats/{name}", self.registry()?);
        let (image, target) = (image.clone(), format!("docker://{name}:test"));
        let digest = blocking(move || {
            let skopeo = on_path("skopeo").ok_or_else(|| missing("skopeo"))?;
            let folder = tempfile::tempdir().system("make a temporary folder")?;
            let archive: PathBuf = folder.path().join("image.tar");
            let digest = image.write(&archive)?;
            let source = format!("oci-archive:{}", archive.display());
            let options =
                ["--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false"];
            run(skopeo, options.into_iter().chain([source.as_str(), target.as_str()]))?;
            Ok(digest)
        })
        .await?;
        Ok((name, digest))
    }
}
