//! The node that all tests of a binary share, with everything installed.

use ats_test_cluster::{Cluster, Options};
use serde_json::json;
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The operator's user, as the audit log names it.
pub const OPERATOR: &str = "system:serviceaccount:ats-system:ats-operator";

static WEATHER: RwLock<()> = RwLock::const_new(());

/// The shared node with everything installed, its operator ready.
pub async fn installed() -> &'static Cluster {
    static INSTALLED: OnceCell<Cluster> = OnceCell::const_new();
    INSTALLED
        .get_or_init(async || {
            // A container that is killed again and again is started again without a long wait.
            let kubelet = json!({"crashLoopBackOff": {"maxContainerRestartPeriod": "1s"}});
            let options = Options {
                postgres: true,
                kubelet_configuration: kubelet.as_object().cloned().unwrap_or_default(),
                ..Options::default()
            };
            let cluster = Cluster::whole_node(options).await.expect("the node starts");
            // A dead leader is replaced soon, and progress is written at once.
            let settings = [
                ("ATS_PROGRESS_SECONDS", "1"),
                ("ATS_IMAGE_PULL_POLICY", "Never"),
                ("ATS_LEASE_SECONDS", "6"),
            ];
            cluster.install(&settings).await.expect("the operator is installed");
            cluster
        })
        .await
}

/// While this is held no test harms what all share: the operator, the images. For tests that measure.
pub async fn calm() -> RwLockReadGuard<'static, ()> {
    WEATHER.read().await
}

/// To be held by a test that harms what all share.
pub async fn storm() -> RwLockWriteGuard<'static, ()> {
    WEATHER.write().await
}
