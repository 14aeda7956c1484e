//! What the three kinds share: references, where artifacts go, how pods are made, how often a stage is tried.

use std::{borrow::Cow, collections::BTreeMap};

use k8s_openapi::api::core::v1::{Affinity, ResourceRequirements, Toleration};
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::AnyDecimal;

/// A calendar date, `2004-01-01`: a session of the exchange's calendar, never an instant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DateString(pub String);

impl JsonSchema for DateString {
    fn schema_name() -> Cow<'static, str> {
        "DateString".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 10,
            "x-kubernetes-validations": [{
                "rule": "self.matches('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$')",
                "message": "must be a date written as 2004-01-31",
            }],
        })
    }
}

/// A reference to an object of a known kind in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ObjectReference {
    /// Name of the object, in the same namespace.
    #[schemars(length(min = 1, max = 40))]
    pub name: String,
}

/// A reference to a Secret in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SecretReference {
    /// Name of the Secret, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A reference to one key of a Secret in the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyReference {
    /// Name of the Secret, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key inside the Secret.
    #[serde(default = "default_secret_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn default_secret_key() -> String {
    "url".to_owned()
}

/// A PersistentVolumeClaim and where the pod sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeClaim {
    /// Name of the PersistentVolumeClaim, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Absolute path at which the claim is mounted in the pod; the `file://` URI points at it or below it.
    #[serde(default = "default_mount_path")]
    #[schemars(length(min = 2, max = 255))]
    #[x_kube(validation = Rule::new("self.startsWith('/')").message("must be an absolute path, such as /data"))]
    pub mount_path: String,
}

fn default_mount_path() -> String {
    "/data".to_owned()
}

/// A PersistentVolumeClaim that holds an artifact store, and where the pod sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreClaim {
    /// Name of the PersistentVolumeClaim, in the same namespace.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
    /// Absolute path at which the claim is mounted in the pod, another one than that of a source's claim.
    #[serde(default = "default_store_path")]
    #[schemars(length(min = 2, max = 255))]
    #[x_kube(validation = Rule::new("self.startsWith('/')").message("must be an absolute path, such as /store"))]
    pub mount_path: String,
}

/// Where the claim of an artifact store is mounted when nothing else is said.
pub const STORE_PATH: &str = "/store";

fn default_store_path() -> String {
    STORE_PATH.to_owned()
}

/// Where the artifacts of this object's stages go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.uri) != has(self.volumeClaim)")
    .message("set exactly one of uri and volumeClaim"))]
pub struct ArtifactStore {
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 6, max = 1024))]
    pub uri: Option<String>,
    /// A claim that every stage's pod mounts; the store is its root folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_claim: Option<StoreClaim>,
    /// A Secret whose keys are the store's settings (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
}

/// The database that keeps orders, fills and positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerReference {
    /// A Secret key that holds the database's URL, `postgres://user:password@host/database`.
    pub url_secret_ref: SecretKeyReference,
}

/// What the user may say about the pods of an object's stages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplate {
    /// CPU and memory requests and limits of the workload's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub tolerations: Vec<Toleration>,
    /// Scheduling preferences and requirements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Labels added to the pods; those of the operator win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations added to the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Secrets with which images are pulled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<SecretReference>,
    /// The ServiceAccount of the pods; left out, the operator makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
}

/// How a measured value is held against a gate's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum GateOperator {
    /// The measured value is at least the gate's.
    GreaterOrEqual,
    /// The measured value is at most the gate's.
    LessOrEqual,
}

impl GateOperator {
    /// Whether a measured value passes; a value that is not a number never does.
    pub fn passes(self, measured: f64, bound: f64) -> bool {
        match self {
            Self::GreaterOrEqual => measured >= bound,
            Self::LessOrEqual => measured <= bound,
        }
    }
}

impl std::fmt::Display for GateOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
        })
    }
}

/// When positions or the selection are decided anew: at the close of the period's last session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Rebalance {
    /// Every session.
    Daily,
    /// The last session of each calendar week.
    Weekly,
    /// The last session of each calendar month.
    #[default]
    Monthly,
}

/// A bound of a gate as a decimal string.
pub type GateValue = AnyDecimal;

/// Fields that every kind carries beside its own, flattened into `spec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSettings {
    /// Stops new work: running stage Jobs are suspended, a paper strategy stops after its current bar.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Where artifacts go; left out: the operator's default, or `--store` of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_store: Option<ArtifactStore>,
    /// What to add to the pods of this object's stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,
    /// Seconds after which a stage's Job is ended; left out: 6 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 2_592_000))]
    pub deadline_seconds: Option<i64>,
    /// How often a stage's pod is tried again for each shard; left out: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub retry_limit: Option<i32>,
    /// Part of every key: another value computes everything again, whatever is in the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub rerun_nonce: Option<String>,
}
