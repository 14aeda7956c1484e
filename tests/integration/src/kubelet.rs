//! A stand-in for the kubelet and for the workloads: it gives pods the status that a real node would.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use ats_crds::children::{LABEL_NAME, LABEL_STAGE};
use ats_pipeline::{Category, Digest, Outcome};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::Place;

/// What becomes of a pod.
#[derive(Debug, Clone)]
pub enum Play {
    /// It ends well and tells this.
    End(Box<Outcome>),
    /// It ends badly.
    Fail {
        /// Exit code.
        code: i32,
        /// What it told, if anything.
        outcome: Option<Box<Outcome>>,
        /// Why its container ended: `Error`, `OOMKilled`.
        reason: &'static str,
    },
    /// Its container waits.
    Wait {
        /// Why.
        reason: &'static str,
        /// In words.
        message: &'static str,
    },
    /// It runs.
    Run,
    /// It stays as the API server made it.
    Leave,
}

/// What is asked: the object's name, the stage, the shard, and how many pods of it there were before.
pub struct Ask {
    /// Name of the object.
    pub object: String,
    /// Stage.
    pub stage: String,
    /// The Job's name without its attempt: the same for the same work.
    pub work: String,
    /// Shard, for an Indexed Job's pod.
    pub shard: Option<i32>,
    /// Pods of this Job and shard before this one.
    pub before: usize,
}

type Script = Arc<dyn Fn(&Ask) -> Play + Send + Sync>;

/// The stand-in; it ends when it is dropped.
pub struct Kubelet {
    task: JoinHandle<()>,
    /// Names of the pods that were played.
    pub played: Arc<Mutex<Vec<String>>>,
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A good end of a stage with an output that follows from the work.
pub fn good(ask: &Ask) -> Outcome {
    let figures: &[(&str, f64)] = match ask.stage.as_str() {
        "publish" => &[("activeTickers", 3.0), ("focusTickers", 2.0)],
        "select" => &[("rankIc", 0.05)],
        "backtest" => &[("sharpe", 1.25), ("maxDrawdown", -0.1)],
        _ => &[],
    };
    Outcome {
        category: Category::Done,
        message: "done".to_owned(),
        digest: Some(Digest::of(ask.work.as_bytes())),
        computed: 3,
        reused: 0,
        figures: figures.iter().map(|(name, value)| ((*name).to_owned(), Some(*value))).collect(),
        notes: BTreeMap::new(),
        failures: Vec::new(),
    }
}

/// A good end that found everything in the store.
pub fn found(ask: &Ask) -> Outcome {
    Outcome { category: Category::CacheHit, computed: 0, reused: 3, ..good(ask) }
}

impl Kubelet {
    /// Plays the pods of a namespace by a script.
    pub fn start(place: &Place, script: impl Fn(&Ask) -> Play + Send + Sync + 'static) -> Self {
        let pods: Api<Pod> = Api::namespaced(place.client.clone(), &place.namespace);
        let played = Arc::new(Mutex::new(Vec::new()));
        let (script, names): (Script, _) = (Arc::new(script), Arc::clone(&played));
        let task = tokio::spawn(async move {
            let mut done: BTreeSet<String> = BTreeSet::new();
            let mut counts: BTreeMap<(String, Option<i32>), usize> = BTreeMap::new();
            loop {
                let list = pods.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
                for pod in list {
                    let Some(stage) = pod.labels().get(LABEL_STAGE).cloned() else { continue };
                    let uid = pod.uid().unwrap_or_default();
                    if !done.insert(uid) {
                        continue;
                    }
                    let job = pod.labels().get("batch.kubernetes.io/job-name").cloned().unwrap_or_default();
                    let shard = pod.annotations().get("batch.kubernetes.io/job-completion-index");
                    let shard = shard.and_then(|text| text.parse().ok());
                    let count = counts.entry((job.clone(), shard)).or_default();
                    let ask = Ask {
                        object: pod.labels().get(LABEL_NAME).cloned().unwrap_or_default(),
                        stage,
                        work: job.rsplit_once('-').map(|(work, _)| work.to_owned()).unwrap_or(job),
                        shard,
                        before: *count,
                    };
                    *count += 1;
                    names.lock().unwrap().push(pod.name_any());
                    // A trading pod runs until it is deleted, whatever the script says of stages.
                    let play = if ask.stage == "trade" { Play::Run } else { script(&ask) };
                    if let Some(status) = status(&play) {
                        let patch = Patch::Merge(json!({"status": status}));
                        // A pod that was deleted meanwhile needs no status.
                        let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch).await;
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { task, played }
    }

    /// Plays every pod to a good end.
    pub fn good(place: &Place) -> Self {
        Self::start(place, |ask| Play::End(Box::new(good(ask))))
    }

    /// How many pods were played.
    pub fn count(&self) -> usize {
        self.played.lock().unwrap().len()
    }
}

fn status(play: &Play) -> Option<Value> {
    let container = |state: Value| {
        json!([{
            "name": "workload", "image": "workload:1", "imageID": "", "ready": false, "restartCount": 0, "state": state,
        }])
    };
    let ended = |code: i32, reason: &str, message: &str| {
        container(json!({"terminated": {"exitCode": code, "reason": reason, "message": message}}))
    };
    Some(match play {
        Play::End(outcome) => json!({
            "phase": "Succeeded",
            "containerStatuses": ended(0, "Completed", &outcome.to_termination_message()),
        }),
        Play::Fail { code, outcome, reason } => {
            let message =
                outcome.as_ref().map(|outcome| outcome.to_termination_message()).unwrap_or_default();
            json!({"phase": "Failed", "containerStatuses": ended(*code, reason, &message)})
        }
        Play::Wait { reason, message } => json!({
            "phase": "Pending",
            "containerStatuses": container(json!({"waiting": {"reason": reason, "message": message}})),
        }),
        Play::Run => json!({"phase": "Running", "containerStatuses": container(json!({"running": {}}))}),
        Play::Leave => return None,
    })
}
