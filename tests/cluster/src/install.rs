//! The project itself on a cluster: its images, its operator, and namespaces that have all that the samples need.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::binary::binary;
use crate::cluster::{Cluster, eventually};
use crate::error::{Error, FileContext as _, Result, SystemContext as _};
use crate::image::Image;

/// Component and package; the component is also the name of the binary. Each is an image.
pub const COMPONENTS: [(&str, &str); 6] = [
    ("operator", "ats-operator"),
    ("data-acquisition", "ats-data-acquisition"),
    ("feature-engineering", "ats-feature-engineering"),
    ("model-training", "ats-model-training"),
    ("trading-strategy", "ats-trading-strategy"),
    ("monitoring", "ats-monitoring"),
];

/// The claim with the samples' data.
pub const DATA_CLAIM: &str = "market-data";
/// The claim that is the artifact store.
pub const STORE_CLAIM: &str = "artifacts";
/// The Secret with the URL of the ledger's database, under key `url`.
pub const LEDGER_SECRET: &str = "ats-ledger";

/// The checkout that this crate was compiled in.
///
/// # Errors
/// When it is not there any more.
pub fn checkout() -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    path.canonicalize().file("find the checkout", path)
}

/// Registry and folder of the images, as `config/operator/deployment.yaml` names the operator's.
///
/// # Errors
/// When that file is not there, or names no image of the operator.
pub fn image_prefix() -> Result<String> {
    let path = checkout()?.join("config/operator/deployment.yaml");
    let text = fs::read_to_string(&path).file("read", &path)?;
    let image = text.lines().find_map(|line| line.trim().strip_prefix("image: "));
    let prefix = image.and_then(|image| image.split_once("/operator:")).map(|(prefix, _)| prefix.to_owned());
    prefix.ok_or_else(|| Error::Unsupported(format!("{} names no image of the operator", path.display())))
}

/// A component's image, under the name that `config/default` and the operator expect: made of its binary, or, where
/// `ATS_TEST_IMAGES` names a folder of `make images` (from the checkout's root), the one that is there.
///
/// # Errors
/// When its binary is not compiled, or the folder does not have it.
pub fn component_image(component: &str, package: &str) -> Result<Image> {
    let inside = format!("/{component}");
    let name = format!("{}/{component}:{}", image_prefix()?, env!("CARGO_PKG_VERSION"));
    if let Some(folder) = std::env::var_os("ATS_TEST_IMAGES") {
        let image = Image::ready(&checkout()?.join(folder), component)?;
        if image.name() != name {
            return Err(Error::Unsupported(format!(
                "the images of ATS_TEST_IMAGES are named {}, and the manifests want {name}",
                image.name()
            )));
        }
        return Ok(image);
    }
    let image = Image::new(&name).executable(binary(package, component)?, &inside);
    Ok(image.entrypoint([inside]).authorities())
}

impl Cluster {
    /// Loads the six images, applies `deployment/kubernetes/default-store` with settings of the operator beside it (name
    /// and value) and waits until it is ready.
    ///
    /// # Errors
    /// When a binary is not compiled, something is refused, or the operator does not come up within two minutes.
    pub async fn install(&self, settings: &[(&str, &str)]) -> Result<()> {
        for (component, package) in COMPONENTS {
            self.load(&component_image(component, package)?).await?;
        }
        self.apply_default_store(&[], settings).await
    }

    /// [`Self::install`] by way of the registry: the node has none of the images, and pods pull them by digest. The
    /// references of the six, `name@digest`, in the order of [`COMPONENTS`].
    ///
    /// # Errors
    /// As of [`Self::install`], and when there is no registry.
    pub async fn install_from_registry(&self, settings: &[(&str, &str)]) -> Result<Vec<String>> {
        let (mut references, mut images, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for (component, package) in COMPONENTS {
            let image = component_image(component, package)?;
            let (name, digest) = self.push(&image, component).await?;
            let reference = format!("{name}@{digest}");
            if component == "operator" {
                let upstream = image.name().rsplit_once(':').map_or(image.name(), |(base, _)| base);
                images.push(json!({"name": upstream, "newName": name, "digest": digest}));
            } else {
                let variable = format!("ATS_IMAGE_{}", component.to_uppercase().replace('-', "_"));
                all.push((variable, reference.clone()));
            }
            references.push(reference);
        }
        all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let all: Vec<(&str, &str)> =
            all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.apply_default_store(&images, &all).await?;
        Ok(references)
    }

    /// Applies `deployment/kubernetes/default-store` with images replaced, as kustomize's `images` say it, and with
    /// settings of the operator.
    async fn apply_default_store(&self, images: &[Value], settings: &[(&str, &str)]) -> Result<()> {
        // In one rollout: an operator that starts without its settings leads until it has ended.
        let folder = tempfile::tempdir().system("make a temporary folder")?;
        let overlay = overlay(
            &checkout()?.join("deployment/kubernetes/default-store"),
            folder.path(),
            images,
            settings,
        )?;
        let path = folder.path().join("kustomization.yaml");
        fs::write(&path, overlay.to_string()).file("write", &path)?;
        let folder = folder.path().display().to_string();
        self.kubectl(["apply", "--server-side", "-k", &folder]).await?.success()?;
        self.operator_ready().await
    }

    /// Waits until the operator's Deployment is as it was asked to be.
    ///
    /// # Errors
    /// When that takes more than two minutes.
    pub async fn operator_ready(&self) -> Result<()> {
        eventually("the operator's rollout", Duration::from_secs(120), async || {
            let line = ["rollout", "status", "-n", "ats-system", "deployment/ats-operator", "--timeout=1s"];
            let output = self.kubectl(line).await.map_err(|error| error.to_string())?;
            output.success().map(drop).map_err(|error| error.to_string())
        })
        .await
    }

    /// Gives a namespace the claim `market-data` with the samples' data, the claim `artifacts`, and, where there is
    /// PostgreSQL, the Secret `ats-ledger`. The folders behind the claims go with the run.
    ///
    /// # Errors
    /// When there is no node of this harness's making, or something is refused.
    pub async fn prepare(&self, namespace: &str) -> Result<()> {
        self.node()?;
        let data = self.volume(namespace, DATA_CLAIM);
        copy(&checkout()?.join("config/samples/data"), &data)?;
        let store = self.volume(namespace, STORE_CLAIM);
        fs::create_dir_all(&store).file("make", &store)?;
        // Pods run as a user of their own.
        fs::set_permissions(&store, fs::Permissions::from_mode(0o777)).file("open", &store)?;
        let mut objects = claim(namespace, DATA_CLAIM, &data).to_vec();
        objects.extend(claim(namespace, STORE_CLAIM, &store));
        if let Ok(postgres) = self.postgres() {
            objects.push(json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": LEDGER_SECRET, "namespace": namespace},
                "stringData": {"url": postgres.url("postgres")},
            }));
        }
        let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
        self.apply(&objects.join("\n---\n")).await
    }

    /// The machine's folder behind a claim that [`Self::prepare`] has made.
    #[must_use]
    pub fn volume(&self, namespace: &str, claim: &str) -> PathBuf {
        self.state().folder.join("volumes").join(format!("{namespace}-{claim}"))
    }
}

/// A kustomization for `folder` that replaces images and adds settings to the environment of a base's operator.
fn overlay(base: &Path, folder: &Path, images: &[Value], settings: &[(&str, &str)]) -> Result<Value> {
    // Kustomize takes no absolute path.
    let folder = folder.canonicalize().file("find", folder)?;
    let mut relative: PathBuf = folder.components().skip(1).map(|_| "..").collect();
    relative.extend(base.components().skip(1));
    let variables: Vec<Value> =
        settings.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let patch = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "ats-operator", "namespace": "ats-system"},
        "spec": {"template": {"spec": {"containers": [{"name": "operator", "env": variables}]}}},
    });
    Ok(json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [relative],
        "images": images,
        "patches": [{"patch": patch.to_string()}],
    }))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).file("make", to)?;
    for entry in fs::read_dir(from).file("read", from)? {
        let entry = entry.file("read", from)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(|error| Error::File {
                action: "copy",
                path: source,
                source: error,
            })?;
        }
    }
    Ok(())
}

/// A claim, and a volume for it alone.
fn claim(namespace: &str, name: &str, folder: &Path) -> [Value; 2] {
    let volume = format!("{namespace}-{name}");
    let size = json!({"storage": "1Gi"});
    [
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "capacity": size,
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
                "claimRef": {"namespace": namespace, "name": name},
                "hostPath": {"path": folder},
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "resources": {"requests": size},
                "storageClassName": "",
                "volumeName": volume,
            },
        }),
    ]
}
