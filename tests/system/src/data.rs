//! A namespace with the samples' data and a store, as folders of the machine behind claims.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use ats_test_cluster::Cluster;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The folders behind a namespace's claims; they are gone with this.
#[derive(Debug)]
pub struct Folders {
    /// The samples' data, claim `market-data`.
    pub data: TempDir,
    /// The artifact store, claim `artifacts`.
    pub store: TempDir,
}

/// Makes a namespace with claims `market-data` and `artifacts`.
///
/// # Panics
/// When a folder or an object cannot be made.
pub async fn namespace_with_data(cluster: &Cluster, prefix: &str) -> (String, Folders) {
    let namespace = cluster.namespace(prefix).await.expect("the namespace is made");
    let folders = Folders { data: open_folder(), store: open_folder() };
    copy(&crate::checkout().join("config/samples/data"), folders.data.path());
    let mut manifests = claim(&namespace, "market-data", folders.data.path());
    manifests.extend(claim(&namespace, "artifacts", folders.store.path()));
    let text: Vec<String> = manifests.iter().map(ToString::to_string).collect();
    cluster.apply(&text.join("\n---\n")).await.expect("the claims are made");
    (namespace, folders)
}

/// Applies the samples.
///
/// # Panics
/// When the API server refuses them.
pub async fn apply_samples(cluster: &Cluster, namespace: &str) {
    let samples = crate::checkout().join("config/samples");
    for name in ["universe.yaml", "models.yaml", "strategies.yaml"] {
        let file = samples.join(name);
        let file = file.to_str().expect("the checkout's path is text");
        cluster
            .kubectl(["apply", "-n", namespace, "-f", file])
            .await
            .expect("kubectl runs")
            .success()
            .expect("the samples are applied");
    }
}

fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder is made");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))
        .expect("the folder is opened for pods");
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the samples are there") {
        let entry = entry.expect("the samples are readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a folder is made");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file is copied");
        }
    }
}

fn claim(namespace: &str, name: &str, folder: &Path) -> Vec<Value> {
    let volume = format!("{namespace}-{name}");
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": volume},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
                "hostPath": {"path": folder},
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "resources": {"requests": {"storage": "1Gi"}},
                "storageClassName": "",
                "volumeName": volume,
            },
        }),
    ]
}
