//! The writes of a decision, in order. Names are deterministic, so that a write sent twice does one thing.

use ats_crds::children::ANNOTATION_KEY;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        batch::v1::Job,
        core::v1::{ConfigMap, ServiceAccount},
        rbac::v1::RoleBinding,
    },
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{frame::Decide, write::Write};
use crate::{
    api::{Act, MANAGER, Writer, exists, gone},
    build::{self, labels::Parent},
    error::Error,
};

/// The finalizer of a strategy that trades.
pub const FINALIZER: &str = "trading.ats.dev/trade";

/// Does the writes.
///
/// # Errors
/// At the first that fails; those before it stand, and the next reconcile sees them.
pub async fn apply<K: Decide>(writer: &Writer, object: &K, writes: &[Write]) -> Result<(), Error> {
    let namespace = object.namespace().unwrap_or_default();
    for write in writes {
        one(writer, object, &namespace, write).await?;
    }
    Ok(())
}

async fn one<K: Decide>(writer: &Writer, object: &K, namespace: &str, write: &Write) -> Result<(), Error> {
    match write {
        Write::Account(account) => {
            create::<ServiceAccount>(writer, namespace, "serviceaccounts", account).await
        }
        Write::Binding(binding) => create::<RoleBinding>(writer, namespace, "rolebindings", binding).await,
        Write::ConfigMap(map) => create::<ConfigMap>(writer, namespace, "configmaps", map).await,
        Write::Job { job, parent, stage, store } => {
            let made = make_job(writer, namespace, job, &parent.uid).await?;
            document(writer, namespace, parent, stage, store, &made).await
        }
        Write::Document { job, parent, stage, store } => {
            document(writer, namespace, parent, stage, store, job).await
        }
        Write::SuspendJob { name, suspend } => {
            let patch = json!({"spec": {"suspend": suspend}});
            let api: Api<Job> = Api::namespaced(writer.client.clone(), namespace);
            merge(writer, &api, "jobs", name, &patch).await
        }
        Write::DeleteJob { name } => delete::<Job>(writer, namespace, "jobs", name).await,
        Write::Deployment(deployment) => {
            apply_whole(writer, namespace, "deployments", deployment.as_ref()).await
        }
        Write::Scale { name, replicas } => {
            let api: Api<Deployment> = Api::namespaced(writer.client.clone(), namespace);
            merge(writer, &api, "deployments", name, &json!({"spec": {"replicas": replicas}})).await
        }
        Write::DeleteDeployment { name } => {
            delete::<Deployment>(writer, namespace, "deployments", name).await
        }
        Write::DeleteConfigMap { name } => delete::<ConfigMap>(writer, namespace, "configmaps", name).await,
        Write::Finalizer(wanted) => finalizer(writer, object, namespace, *wanted).await,
    }
}

/// Makes an object; one that is there is what was wanted.
///
/// # Errors
/// When the API server refuses.
pub async fn create<T>(
    writer: &Writer,
    namespace: &str,
    resource: &'static str,
    object: &T,
) -> Result<(), Error>
where
    T: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + serde::de::DeserializeOwned,
{
    let api: Api<T> = Api::namespaced(writer.client.clone(), namespace);
    let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let request = api.create(&parameters, object);
    exists(writer.send(Act { verb: "create", resource, name: &object.name_any() }, request).await).map(drop)
}

/// Deletes an object; one that is gone is what was wanted.
///
/// # Errors
/// When the API server refuses.
pub async fn delete<T>(
    writer: &Writer,
    namespace: &str,
    resource: &'static str,
    name: &str,
) -> Result<(), Error>
where
    T: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api: Api<T> = Api::namespaced(writer.client.clone(), namespace);
    let parameters = DeleteParams::background();
    let request = api.delete(name, &parameters);
    gone(writer.send(Act { verb: "delete", resource, name }, request).await).map(drop)
}

async fn merge<T>(
    writer: &Writer,
    api: &Api<T>,
    resource: &'static str,
    name: &str,
    patch: &serde_json::Value,
) -> Result<(), Error>
where
    T: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(patch);
    let request = api.patch(name, &parameters, &patch);
    gone(writer.send(Act { verb: "patch", resource, name }, request).await).map(drop)
}

/// Applies an object, server-side.
///
/// # Errors
/// When the API server refuses.
pub async fn apply_whole<T>(
    writer: &Writer,
    namespace: &str,
    resource: &'static str,
    object: &T,
) -> Result<(), Error>
where
    T: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + serde::de::DeserializeOwned,
{
    let name = object.name_any();
    let api: Api<T> = Api::namespaced(writer.client.clone(), namespace);
    let parameters = PatchParams::apply(MANAGER).force();
    let patch = Patch::Apply(object);
    let request = api.patch(&name, &parameters, &patch);
    writer.send(Act { verb: "apply", resource, name: &name }, request).await.map(drop)
}

/// Makes a Job, or finds the one that is there: ours, when the request was sent twice.
async fn make_job(writer: &Writer, namespace: &str, job: &Job, uid: &str) -> Result<Job, Error> {
    let api: Api<Job> = Api::namespaced(writer.client.clone(), namespace);
    let name = job.name_any();
    let parameters = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let request = api.create(&parameters, job);
    if let Some(made) =
        exists(writer.send(Act { verb: "create", resource: "jobs", name: &name }, request).await)?
    {
        return Ok(made);
    }
    let found = writer.send(Act { verb: "get", resource: "jobs", name: &name }, api.get(&name)).await?;
    let ours = found.owner_references().iter().any(|owner| owner.uid == uid);
    let same_key = found.annotations().get(ANNOTATION_KEY) == job.annotations().get(ANNOTATION_KEY);
    if ours && same_key { Ok(found) } else { Err(Error::Leftover(format!("Job {name}"))) }
}

async fn document(
    writer: &Writer,
    namespace: &str,
    parent: &Parent,
    stage: &ats_pipeline::PlannedStage,
    store: &ats_pipeline::StoreLocation,
    job: &Job,
) -> Result<(), Error> {
    let document = build::job::document(parent, stage, store, job)?;
    create::<ConfigMap>(writer, namespace, "configmaps", &document).await
}

/// Puts the finalizer on or takes it off, on the version that was read. An object that vanishes meanwhile (404), or one
/// whose finalizers may not change any more (422), is what was wanted.
async fn finalizer<K: Decide>(
    writer: &Writer,
    object: &K,
    namespace: &str,
    wanted: bool,
) -> Result<(), Error> {
    let mut list = object.finalizers().to_vec();
    let has = list.iter().any(|finalizer| finalizer == FINALIZER);
    if has == wanted {
        return Ok(());
    }
    if wanted {
        list.push(FINALIZER.to_owned());
    } else {
        list.retain(|finalizer| finalizer != FINALIZER);
    }
    let patch = json!({"metadata": {"resourceVersion": object.resource_version(), "finalizers": list}});
    let api: Api<K> = Api::namespaced(writer.client.clone(), namespace);
    let name = object.name_any();
    let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(&patch);
    let request = api.patch(&name, &parameters, &patch);
    match writer.send(Act { verb: "patch", resource: "finalizers", name: &name }, request).await {
        Err(Error::Api { source, .. }) if matches!(source.as_ref(), kube::Error::Api(status) if status.is_not_found() || (!wanted && status.is_invalid())) => {
            Ok(())
        }
        other => other.map(drop),
    }
}
