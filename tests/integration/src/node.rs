//! A stand-in for the kubelet that runs the real workloads: each pod's container as a process of this machine, with
//! its `stage.json`, its Secrets and its claims, and its last words in the pod's status. Claims are folders; a URI of
//! a mount path is read below its claim's folder, and messages name the mount path again, as they do in a pod.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ats_crds::children::LABEL_STAGE;
use ats_test_cluster::binary;
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Container, Pod, Secret},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::{process::Command, sync::Semaphore, task::JoinHandle};

use crate::Place;

/// Processes at once: a test shares the machine.
const AT_ONCE: usize = 2;
/// Of a log, what a kubelet takes as the last words of a container that left none.
const LOG_BYTES: usize = 2048;

/// The stand-in; it ends when it is dropped.
pub struct Node {
    task: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Inner {
    client: Client,
    namespace: String,
    /// Holds a folder for each claim.
    claims: PathBuf,
    room: Semaphore,
}

impl Node {
    /// Runs the stage pods of a namespace; `claims` holds a folder for each claim, by its name.
    pub fn start(place: &Place, claims: &Path) -> Self {
        let inner = Arc::new(Inner {
            client: place.client.clone(),
            namespace: place.namespace.clone(),
            claims: claims.to_owned(),
            room: Semaphore::new(AT_ONCE),
        });
        let task = tokio::spawn(async move {
            let pods: Api<Pod> = Api::namespaced(inner.client.clone(), &inner.namespace);
            let mut begun: BTreeMap<String, JoinHandle<()>> = BTreeMap::new();
            loop {
                let list = pods.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
                for pod in list {
                    let is_stage = pod.labels().get(LABEL_STAGE).is_some_and(|stage| stage != "trade");
                    let uid = pod.uid().unwrap_or_default();
                    if is_stage && !begun.contains_key(&uid) {
                        begun.insert(uid, tokio::spawn(run(Arc::clone(&inner), pod)));
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { task }
    }
}

/// A pod from its start to its end.
async fn run(inner: Arc<Inner>, pod: Pod) {
    let pods: Api<Pod> = Api::namespaced(inner.client.clone(), &inner.namespace);
    let name = pod.name_any();
    let spec = pod.spec.clone().unwrap();
    let container = spec.containers.into_iter().next().unwrap();
    let status = |phase: &str, state: Value| {
        let container = json!({
            "name": container.name, "image": container.image, "imageID": "", "ready": false, "restartCount": 0,
            "state": state,
        });
        Patch::Merge(json!({"status": {"phase": phase, "containerStatuses": [container]}}))
    };
    // A pod that was deleted meanwhile needs no status.
    let tell = async |patch| drop(pods.patch_status(&name, &PatchParams::default(), &patch).await);
    let variables = loop {
        match inner.variables(&container).await {
            Ok(variables) => break variables,
            Err(message) => {
                let waiting =
                    json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}});
                tell(status("Pending", waiting)).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let Ok(_room) = inner.room.acquire().await else { return };
    tell(status("Running", json!({"running": {}}))).await;
    let ended = inner.process(&pod, &container, variables).await;
    let phase = if ended["exitCode"] == 0 { "Succeeded" } else { "Failed" };
    tell(status(phase, json!({"terminated": ended}))).await;
}

impl Inner {
    /// The variables that Secrets give a container, or the kubelet's words when one is missing.
    async fn variables(&self, container: &Container) -> Result<Vec<(String, String)>, String> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut variables = Vec::new();
        for from in container.env_from.iter().flatten() {
            let Some(reference) = &from.secret_ref else { continue };
            let secret = secrets.get_opt(&reference.name).await.map_err(|error| error.to_string())?;
            let secret = secret.ok_or_else(|| format!("secret {:?} not found", reference.name))?;
            let prefix = from.prefix.clone().unwrap_or_default();
            for (key, ByteString(value)) in secret.data.unwrap_or_default() {
                variables.push((format!("{prefix}{key}"), String::from_utf8(value).unwrap()));
            }
        }
        Ok(variables)
    }

    /// The mount paths of a pod's claims with the folders that stand for them.
    fn mounts(&self, pod: &Pod, container: &Container) -> Vec<(String, PathBuf)> {
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let claims: BTreeMap<&str, &str> = volumes
            .filter_map(|volume| {
                Some((volume.name.as_str(), volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
            })
            .collect();
        let mounts = container.volume_mounts.iter().flatten();
        mounts
            .filter_map(|mount| {
                Some((mount.mount_path.clone(), self.claims.join(claims.get(mount.name.as_str())?)))
            })
            .collect()
    }

    /// The process of a container, to its end: `state.terminated` of its status.
    async fn process(&self, pod: &Pod, container: &Container, variables: Vec<(String, String)>) -> Value {
        let image = container.image.clone().unwrap();
        let component = image.rsplit_once('/').unwrap().1.split(':').next().unwrap().to_owned();
        let package = format!("ats-{component}");
        let program =
            tokio::task::spawn_blocking(move || binary(&package, &component)).await.unwrap().unwrap();

        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let document = volumes.filter_map(|volume| volume.config_map.as_ref()).next().unwrap();
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let document = loop {
            // The kubelet waits for it, too: the operator makes it after the Job that owns it.
            match maps.get_opt(&document.name).await.unwrap() {
                Some(map) => break map.data.unwrap()["stage.json"].clone(),
                None => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        let mut document: Value = serde_json::from_str(&document).unwrap();
        let mounts = self.mounts(pod, container);
        for place in ["/store/uri", "/source/uri"] {
            if let Some(Value::String(uri)) = document.pointer_mut(place) {
                let path = uri.strip_prefix("file://").map(str::to_owned);
                let mount = mounts
                    .iter()
                    .find(|(mount, _)| path.as_ref().is_some_and(|path| path.starts_with(mount)));
                if let (Some(path), Some((mount, folder))) = (&path, mount) {
                    *uri = format!("file://{}{}", folder.display(), &path[mount.len()..]);
                }
            }
        }

        let folder = tempfile::tempdir().unwrap();
        let (stage, words) = (folder.path().join("stage.json"), folder.path().join("words"));
        std::fs::write(&stage, document.to_string()).unwrap();
        let shard = pod.annotations().get("batch.kubernetes.io/job-completion-index").cloned();
        let output = Command::new(program)
            .env_clear()
            .envs(counters())
            .envs(variables)
            .envs(container.env.iter().flatten().filter_map(|one| Some((&one.name, one.value.as_ref()?))))
            .env("JOB_COMPLETION_INDEX", shard.unwrap_or_else(|| "0".to_owned()))
            .env("ATS_STAGE_FILE", &stage)
            .env("ATS_TERMINATION_MESSAGE", &words)
            .env("ATS_METRICS_PORT", "0")
            .env("ATS_JOBS", "1")
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let code = output.status.code().unwrap_or(137);
        let mut message = std::fs::read_to_string(&words).unwrap_or_default();
        if message.is_empty() && code != 0 {
            let log = String::from_utf8_lossy(&output.stderr).into_owned();
            message = log[log.floor_char_boundary(log.len().saturating_sub(LOG_BYTES))..].to_owned();
        }
        for (mount, folder) in &mounts {
            message = message.replace(&folder.display().to_string(), mount);
        }
        json!({"exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" }, "message": message})
    }
}

/// Where a build that counts what ran keeps its counts; nothing in a usual one.
#[must_use]
pub fn counters() -> Option<(&'static str, std::ffi::OsString)> {
    std::env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file))
}
