//! The writes that a decision can ask for, as values.

use ats_pipeline::{PlannedStage, StoreLocation};
use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, ServiceAccount},
    rbac::v1::RoleBinding,
};

use crate::build::labels::Parent;

/// A write.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A ServiceAccount of workloads, if it is not there.
    Account(Box<ServiceAccount>),
    /// The binding of such an account to its fixed role, if it is not there.
    Binding(Box<RoleBinding>),
    /// A Job, and its document right after: the document is owned by the Job and needs its uid. The Job is not made
    /// suspended first, which would be a third write: a pod that is faster than the document waits for its mount.
    Job {
        /// The Job.
        job: Box<Job>,
        /// Whose it is.
        parent: Parent,
        /// What it does.
        stage: Box<PlannedStage>,
        /// Where its output goes.
        store: StoreLocation,
    },
    /// The document of a Job that is there.
    Document {
        /// The Job.
        job: Box<std::sync::Arc<Job>>,
        /// Whose it is.
        parent: Parent,
        /// What it does.
        stage: Box<PlannedStage>,
        /// Where its output goes.
        store: StoreLocation,
    },
    /// A Job's `suspend`.
    SuspendJob {
        /// The Job.
        name: String,
        /// Whether it is held.
        suspend: bool,
    },
    /// A Job that nobody waits for any more.
    DeleteJob {
        /// The Job.
        name: String,
    },
    /// The finalizer of an object: put on, or taken off.
    Finalizer(bool),
    /// A ConfigMap, if it is not there.
    ConfigMap(Box<ConfigMap>),
    /// A Deployment as it is to be.
    Deployment(Box<Deployment>),
    /// How many replicas a Deployment has.
    Scale {
        /// The Deployment.
        name: String,
        /// How many.
        replicas: i32,
    },
    /// A Deployment that is not wanted any more.
    DeleteDeployment {
        /// The Deployment.
        name: String,
    },
    /// A ConfigMap that is not wanted any more.
    DeleteConfigMap {
        /// The ConfigMap.
        name: String,
    },
}
