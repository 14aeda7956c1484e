//! Images from the binaries that were compiled for the tests, and the operator as `config/default` has it.

use std::time::Duration;

use ats_test_cluster::{Cluster, Image, binary, eventually};
use tokio::sync::OnceCell;

/// Component, package, binary: each is an image.
pub const COMPONENTS: [(&str, &str); 6] = [
    ("operator", "ats-operator"),
    ("data-acquisition", "ats-data-acquisition"),
    ("feature-engineering", "ats-feature-engineering"),
    ("model-training", "ats-model-training"),
    ("trading-strategy", "ats-trading-strategy"),
    ("monitoring", "ats-monitoring"),
];

/// The shared node with everything installed, its operator ready.
///
/// # Panics
/// When something does not come up; the message says what.
pub async fn installed() -> &'static Cluster {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::shared_whole_node().await.expect("the node starts");
    INSTALLED.get_or_init(|| install(cluster)).await;
    cluster
}

async fn install(cluster: &Cluster) {
    for (component, package) in COMPONENTS {
        let executable = binary(package, component).expect("the binary is compiled");
        let inside = format!("/{component}");
        let image = Image::new(&format!("ghcr.io/ats-dev/ats/{component}:{}", env!("CARGO_PKG_VERSION")))
            .executable(executable, &inside)
            .entrypoint([inside.clone()])
            .authorities();
        cluster.load(&image).await.expect("the image is loaded");
    }
    let folder = crate::checkout().join("config/default");
    let folder = folder.to_str().expect("the checkout's path is text");
    cluster
        .kubectl(["apply", "--server-side", "-k", folder])
        .await
        .expect("kubectl runs")
        .success()
        .expect("the manifests are applied");
    let settings = [
        "set",
        "env",
        "-n",
        "ats-system",
        "deployment/ats-operator",
        "ATS_DEFAULT_STORE_CLAIM=artifacts:/store",
        "ATS_PROGRESS_SECONDS=1",
        "ATS_IMAGE_PULL_POLICY=Never",
    ];
    cluster
        .kubectl(settings)
        .await
        .expect("kubectl runs")
        .success()
        .expect("the operator's settings are applied");
    eventually("the operator's rollout", Duration::from_secs(120), async || {
        let output = cluster
            .kubectl(["rollout", "status", "-n", "ats-system", "deployment/ats-operator", "--timeout=1s"])
            .await
            .map_err(|error| error.to_string())?;
        output.success().map(drop).map_err(|error| error.to_string())
    })
    .await
    .expect("the operator is ready");
}
