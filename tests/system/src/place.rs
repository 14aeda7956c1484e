//! A namespace of the shared node.

use std::time::Duration;

use ats_test_cluster::{Audit, Cluster, Mark, eventually, install::checkout};
use serde_json::Value;

use crate::{OPERATOR, condition, installed, is_ready, title};

/// How long something may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(300);

const KINDS: &str = "tradinguniverses,modeltrainingjobs,strategies";

/// A namespace with data, store and ledger.
#[derive(Debug)]
pub struct Place {
    /// The node.
    pub cluster: &'static Cluster,
    /// The namespace.
    pub namespace: String,
}

/// A new namespace of the shared node.
pub async fn place(prefix: &str) -> Place {
    let cluster = installed().await;
    let namespace = cluster.namespace(prefix).await.expect("the namespace is made");
    cluster.prepare(&namespace).await.expect("the namespace is prepared");
    Place { cluster, namespace }
}

impl Place {
    /// Runs kubectl in the namespace, which must end well; its standard output.
    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        let line = ["-n", &self.namespace].into_iter().chain(arguments.iter().copied());
        self.cluster.kubectl(line).await.expect("kubectl runs").success().expect("kubectl ends well")
    }

    /// Applies the samples, as a user does.
    pub async fn apply_samples(&self) {
        let samples = checkout().expect("the checkout is there").join("config/samples");
        self.kubectl(&["apply", "-f", &samples.to_string_lossy()]).await;
    }

    /// Applies objects.
    pub async fn apply(&self, objects: &[Value]) {
        let text: Vec<String> = objects.iter().map(ToString::to_string).collect();
        let line = ["apply", "-n", &self.namespace, "-f", "-"];
        let output = self.cluster.kubectl_with_input(line, &text.join("\n---\n")).await;
        output.expect("kubectl runs").success().expect("the objects are applied");
    }

    /// Changes an object by a merge patch.
    pub async fn patch(&self, object: &str, patch: &Value) {
        self.kubectl(&["patch", object, "--type=merge", "-p", &patch.to_string()]).await;
    }

    /// What kubectl lists, as JSON.
    pub async fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let mut line = vec!["get", "-o", "json"];
        line.extend(arguments);
        let list: Value = serde_json::from_str(&self.kubectl(&line).await).expect("kubectl writes JSON");
        list["items"].as_array().cloned().expect("kubectl writes a list")
    }

    /// One object, such as `strategy/dip-buyer`.
    pub async fn get(&self, object: &str) -> Value {
        let text = self.kubectl(&["get", "-o", "json", object]).await;
        serde_json::from_str(&text).expect("kubectl writes JSON")
    }

    /// The objects of our three kinds.
    pub async fn objects(&self) -> Vec<Value> {
        self.list(&[KINDS]).await
    }

    /// Waits until an answer is there.
    pub async fn until<T>(&self, what: &str, ask: impl AsyncFnMut() -> Result<T, String>) -> T {
        match eventually(what, LIMIT, ask).await {
            Ok(answer) => answer,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until so many objects are there and all are Ready.
    pub async fn all_ready(&self, count: usize) -> Vec<Value> {
        self.until("every object Ready", async || {
            let all = self.objects().await;
            all.iter().for_each(not_stalled);
            let waiting = all.iter().filter(|object| !is_ready(object));
            let waiting: Vec<String> =
                waiting.map(|object| format!("{}: {}", title(object), object["status"])).collect();
            if all.len() == count && waiting.is_empty() { Ok(all) } else { Err(waiting.join("\n")) }
        })
        .await
    }

    /// Waits until an object is Ready.
    pub async fn ready(&self, object: &str) -> Value {
        self.until(&format!("{object} Ready"), async || {
            let found = self.get(object).await;
            not_stalled(&found);
            if is_ready(&found) { Ok(found) } else { Err(found["status"].to_string()) }
        })
        .await
    }

    /// Waits until a condition of the present generation is so.
    pub async fn condition(&self, object: &str, kind: &str, status: &str, reason: &str) -> Value {
        self.until(&format!("{object}: {kind} {status} {reason}"), async || {
            let found = self.get(object).await;
            let present = found["status"]["observedGeneration"] == found["metadata"]["generation"];
            let holds = |condition: &Value| condition["status"] == status && condition["reason"] == reason;
            if present && condition(&found, kind).is_some_and(holds) {
                Ok(found)
            } else {
                Err(found["status"].to_string())
            }
        })
        .await
    }

    /// What the operator changed in this namespace since a mark: its writes that were not refused. Events that it
    /// records are none.
    pub fn written(&self, since: Mark) -> Audit {
        let audit = self.cluster.audit_since(since).expect("there is an audit log");
        let audit = audit.by(OPERATOR).namespace(&self.namespace).writes().succeeded();
        audit.filter(|event| event.resource != "events")
    }

    /// Jobs that were made in this namespace since a mark.
    pub fn jobs_made(&self, since: Mark) -> usize {
        self.written(since).resource("jobs").verb("create").len()
    }

    /// Pods that were made in this namespace since a mark, whoever made them.
    pub fn pods_made(&self, since: Mark) -> usize {
        let audit = self.cluster.audit_since(since).expect("there is an audit log");
        let audit = audit.namespace(&self.namespace).resource("pods").subresource("").verb("create");
        audit.succeeded().len()
    }

    /// Deletes our objects and waits for it.
    pub async fn delete_objects(&self) {
        self.kubectl(&["delete", KINDS, "--all", "--wait"]).await;
    }

    /// Deletes all: what is left would take room on the node from the tests that follow.
    pub async fn end(self) {
        self.delete_objects().await;
        self.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]).await;
    }
}

/// What is stalled does not become Ready by waiting.
fn not_stalled(object: &Value) {
    let present = object["status"]["observedGeneration"] == object["metadata"]["generation"];
    if present && let Some(stalled) = condition(object, "Stalled") {
        panic!("{} is stalled: {}", title(object), stalled["message"]);
    }
}
