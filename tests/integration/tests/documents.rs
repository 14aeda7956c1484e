//! The table of documents that the offline validation is tested with (`workloads/cli/tests/suite/validate.rs`), against a
//! real API server: it refuses each of `fixtures/invalid` with the message in the file's first line, and takes the
//! others.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

use std::path::{Path, PathBuf};

use ats_test_cluster::{Cluster, Output};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{name}");
    files
}

/// A control plane with our definitions.
async fn cluster() -> &'static Cluster {
    let cluster = Cluster::shared_control_plane().await.unwrap();
    let bases = folder("../../config/crd/bases");
    let apply = ["apply", "--server-side", "-f", bases.to_str().unwrap()];
    cluster.kubectl(apply).await.unwrap().success().unwrap();
    cluster.definitions_served().await.unwrap();
    cluster
}

/// What the API server says to a file, without keeping its objects.
async fn create(cluster: &Cluster, file: &Path) -> Output {
    let arguments = ["create", "--dry-run=server", "-f", file.to_str().unwrap()];
    cluster.kubectl(arguments).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_says_what_the_table_says() {
    let cluster = cluster().await;
    let mut wrong = Vec::new();
    for file in files("fixtures/invalid") {
        let text = std::fs::read_to_string(&file).unwrap();
        let expected = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap();
        let said = create(cluster, &file).await;
        if said.code == 0 || !said.stderr.contains(expected) {
            wrong.push(format!("{}\n  expected {expected}\n  found {}", file.display(), said.stderr));
        }
    }
    for name in ["fixtures/valid", "fixtures/unsound", "../../config/samples", "../../config/samples/failing"]
    {
        for file in files(name) {
            let said = create(cluster, &file).await;
            if said.code != 0 {
                wrong.push(format!("{} is refused: {}", file.display(), said.stderr));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
