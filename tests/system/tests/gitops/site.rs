//! A node with Argo CD on it, the images by digest, and the fork that it follows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ats_system_tests::{condition, digests, is_ready};
use ats_test_cluster::argocd::{self, NAMESPACE, USER};
use ats_test_cluster::install::{COMPONENTS, LEDGER_SECRET, STORE_CLAIM, component_image};
use ats_test_cluster::{Audit, Cluster, Mark, Options, eventually};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::fork::Fork;

/// How long something may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

pub struct Site {
    pub cluster: Cluster,
    pub fork: Fork,
    /// The images that were pushed and signed.
    pub images: PathBuf,
    began: Instant,
}

impl Site {
    /// Boots the node, pushes the images to its registry and signs them; nothing of the project is applied.
    pub async fn new() -> Self {
        let began = Instant::now();
        let options = Options { postgres: true, argocd: true, registry: true, ..Options::default() };
        let cluster = Cluster::whole_node(options).await.expect("the node starts, with Argo CD");
        let fork = Fork::new();
        let mut images = Vec::new();
        for (component, package) in COMPONENTS {
            let image = component_image(component, package).expect("the component is compiled");
            let (name, digest) = cluster.push(&image, component).await.expect("the image is pushed");
            fork.sign(&name, &digest);
            images.push(json!({"component": component, "name": name, "digest": digest}));
        }
        let images = fork.images(&json!(images));
        let site = Self { cluster, fork, images, began };
        site.tell("node, Argo CD, images");
        site
    }

    /// What has been reached, and when.
    pub fn tell(&self, what: &str) {
        println!("{:>6.1} s  {what}", self.began.elapsed().as_secs_f64());
    }

    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.cluster.kubectl(arguments).await.expect("kubectl runs");
        output.success().expect("kubectl ends well")
    }

    /// Argo CD's command line, asked of its server, which has to end well; its standard output.
    pub async fn argocd(&self, arguments: &[&str]) -> String {
        let node = self.cluster.state().node.as_ref().expect("there is a node");
        let server = argocd::server(node).to_string();
        let mut command = Command::new(argocd::command_line().expect("Argo CD is built"));
        // Nothing of the user's own.
        command.env("HOME", self.images.with_file_name("home"));
        let output = command.args(arguments).args(["--plaintext", "--server", &server]).output().await;
        let output = output.expect("argocd runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("argocd writes text")
    }

    async fn try_get(&self, arguments: &[&str]) -> Result<Value, String> {
        let line = ["get", "--output=json"].into_iter().chain(arguments.iter().copied());
        let output = self.cluster.kubectl(line).await.map_err(|error| error.to_string())?;
        let text = output.success().map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    pub async fn get(&self, arguments: &[&str]) -> Value {
        self.try_get(arguments).await.expect("it is there")
    }

    /// An object of an environment.
    pub async fn object(&self, environment: &str, object: &str) -> Value {
        self.get(&[object, "--namespace", &namespace(environment)]).await
    }

    /// The objects of our kinds in an environment.
    pub async fn objects(&self, environment: &str) -> Vec<Value> {
        let kinds = "tradinguniverses,modeltrainingjobs,strategies";
        let list = self.get(&[kinds, "--namespace", &namespace(environment)]).await;
        list["items"].as_array().unwrap().clone()
    }

    /// Names and identities of the definitions of our kinds.
    pub async fn definitions(&self) -> Vec<(String, String)> {
        let list = self.get(&["customresourcedefinitions"]).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = list["items"].as_array().unwrap().iter();
        all.filter(|one| one["spec"]["group"] == "trading.ats.dev")
            .map(|one| (text(&one["metadata"]["name"]), text(&one["metadata"]["uid"])))
            .collect()
    }

    /// Key and digest of each stage of an environment.
    pub async fn stages(&self, environment: &str) -> std::collections::BTreeMap<String, (String, String)> {
        digests(&self.objects(environment).await)
    }

    pub async fn until<T>(&self, what: &str, ask: impl AsyncFnMut() -> Result<T, String>) -> T {
        let answer = self.quietly(what, ask).await;
        self.tell(what);
        answer
    }

    async fn quietly<T>(&self, what: &str, ask: impl AsyncFnMut() -> Result<T, String>) -> T {
        eventually(what, LIMIT, ask).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The Application of an environment, or of the cluster.
    pub async fn application(&self, name: &str) -> Value {
        self.get(&["application", &namespace(name), "--namespace", NAMESPACE]).await
    }

    /// Waits until an Application has taken a commit of its branch over and says so of its health.
    pub async fn follows(&self, name: &str, commit: Option<&str>, health: &str) -> Value {
        let what = format!("{name}: Synced and {health}");
        let application = namespace(name);
        if commit.is_some() {
            // As a webhook of the repository has it, or a minute or two later its own clock.
            self.ask(name, "normal").await;
        }
        self.until(&what, async || {
            let found = self.try_get(&["application", &application, "--namespace", NAMESPACE]).await?;
            let status = &found["status"];
            let there = status["sync"]["status"] == "Synced"
                && status["health"]["status"] == health
                && status["operationState"]["phase"] != "Running"
                && commit.is_none_or(|commit| status["sync"]["revision"] == commit);
            if there { Ok(found) } else { Err(summary(status)) }
        })
        .await
    }

    /// Waits until an environment's objects are Ready; panics when one is stalled.
    pub async fn ready(&self, environment: &str) {
        self.until(&format!("{environment}: objects Ready"), async || {
            let all = self.objects(environment).await;
            let waiting: Vec<&Value> = all.iter().filter(|object| !is_ready(object)).collect();
            if waiting.is_empty() { Ok(()) } else { Err(format!("{waiting:?}")) }
        })
        .await;
    }

    /// Has Argo CD look at the repository and at the cluster again, and waits until it has.
    pub async fn refresh(&self, name: &str, how: &str) {
        self.ask(name, how).await;
        self.quietly(&format!("{name}: looked at again ({how})"), async || {
            let found = self.application(name).await;
            let waits = found.pointer("/metadata/annotations/argocd.argoproj.io~1refresh").is_some();
            if waits { Err("not yet".to_owned()) } else { Ok(()) }
        })
        .await;
    }

    /// Has Argo CD look again.
    pub async fn ask(&self, name: &str, how: &str) {
        let annotation = format!("argocd.argoproj.io/refresh={how}");
        let application = namespace(name);
        let line = ["annotate", "--overwrite", "--namespace", NAMESPACE, "application", &application];
        // At first the set has not made it yet.
        self.quietly(&format!("{name}: asked to look"), async || {
            let output = self.cluster.kubectl(line.into_iter().chain([annotation.as_str()])).await;
            output.and_then(ats_test_cluster::Output::success).map(drop).map_err(|error| error.to_string())
        })
        .await;
    }

    pub fn mark(&self) -> Mark {
        self.cluster.audit_mark().expect("there is an audit log")
    }

    /// What Argo CD has changed since a mark, but in its own objects.
    pub fn applied(&self, since: Mark) -> Audit {
        let audit = self.cluster.audit_since(since).expect("there is an audit log");
        audit.by(USER).writes().succeeded().filter(|event| {
            event.namespace != NAMESPACE && event.group != "argoproj.io" && event.resource != "events"
        })
    }

    /// What an environment's operator has written since a mark, but events and its lease.
    pub fn operated(&self, environment: &str, since: Mark) -> Audit {
        let user = format!("system:serviceaccount:{}:ats-operator", namespace(environment));
        let audit = self.cluster.audit_since(since).expect("there is an audit log");
        let audit = audit.by(&user).writes().succeeded();
        audit.filter(|event| event.resource != "events" && event.resource != "leases")
    }

    /// The names of the Jobs that an environment's operator has made since a mark.
    pub async fn jobs(&self, environment: &str, since: Mark) -> Vec<String> {
        let made = self.operated(environment, since).resource("jobs").verb("create");
        made.events().iter().map(|event| event.name.clone()).collect()
    }

    /// A volume for the claim of an environment's artifact store.
    pub async fn store(&self, environment: &str) {
        let namespace = namespace(environment);
        let folder = self.cluster.volume(&namespace, STORE_CLAIM);
        fs::create_dir_all(&folder).unwrap();
        // Pods run as a user of their own.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let volume = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": format!("{namespace}-{STORE_CLAIM}")},
            "spec": {
                "capacity": {"storage": "20Gi"},
                "accessModes": ["ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": "",
                "claimRef": {"namespace": namespace, "name": STORE_CLAIM},
                "hostPath": {"path": folder},
            },
        });
        self.cluster.apply(&volume.to_string()).await.expect("the volume is made");
    }

    /// The Secret that the strategies of an environment need, in a namespace that Argo CD makes.
    pub async fn ledger(&self, environment: &str) {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": LEDGER_SECRET, "namespace": namespace(environment)},
            "stringData": {"url": self.cluster.postgres().unwrap().url("postgres")},
        });
        self.until(&format!("{environment}: Secret of the ledger"), async || {
            self.cluster.apply(&secret.to_string()).await.map_err(|error| error.to_string())
        })
        .await;
    }
}

/// `ats-development`: a namespace, and the Application that fills it.
pub fn namespace(environment: &str) -> String {
    format!("ats-{environment}")
}

/// Health of one object, as Argo CD has it.
pub fn health<'a>(application: &'a Value, kind: &str) -> &'a Value {
    let resources = application["status"]["resources"].as_array();
    resources
        .and_then(|all| all.iter().find(|resource| resource["kind"] == kind))
        .map_or(&Value::Null, |resource| &resource["health"])
}

/// The message of an object's condition.
pub fn message(object: &Value, kind: &str) -> String {
    condition(object, kind).and_then(|found| found["message"].as_str()).unwrap_or_default().to_owned()
}

/// What one wants to know of an Application that is not as it should be.
fn summary(status: &Value) -> String {
    let resources = status["resources"].as_array().cloned().unwrap_or_default();
    let bad = resources.iter().filter(|resource| {
        resource["status"] != "Synced"
            || resource["health"]["status"].as_str().is_some_and(|is| is != "Healthy")
    });
    let bad: Vec<String> = bad.map(ToString::to_string).collect();
    format!(
        "{} {}; {} {}; conditions {}; {}",
        status["sync"]["status"],
        status["health"],
        status["operationState"]["phase"],
        status["operationState"]["message"],
        status["conditions"],
        bad.join("\n")
    )
}
