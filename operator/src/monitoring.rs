//! One monitoring Deployment and Service for each namespace that has objects: made with the first, removed with the
//! last. Keyed by the namespace, without owner references: no single object owns it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Service, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{Resource, ResourceExt, runtime::reflector::ObjectRef};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{accounts, deployment::ANNOTATION_HASH, monitoring as build},
    context::Context,
    controller::apply::{apply_whole, create, delete},
    error::Error,
    options::SecretKey,
    world::accounts as names,
};

/// Wake-ups within this time are one.
const DEBOUNCE: Duration = Duration::from_millis(500);
/// Delay after an error.
const RETRY: Duration = Duration::from_secs(10);

/// Looks at namespaces as they are woken.
pub async fn run(
    context: Arc<Context>,
    mut namespaces: UnboundedReceiver<String>,
    shutdown: CancellationToken,
) {
    let mut due: BTreeMap<String, Instant> = BTreeMap::new();
    loop {
        let next = due.values().min().copied();
        let wait = async {
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(namespace) = namespaces.recv() => {
                due.entry(namespace).or_insert_with(|| Instant::now() + DEBOUNCE);
            }
            () = wait => {
                let now = Instant::now();
                let ready: Vec<String> =
                    due.iter().filter(|(_, at)| **at <= now).map(|(namespace, _)| namespace.clone()).collect();
                for namespace in ready {
                    due.remove(&namespace);
                    // Whoever begins to lead wakes every namespace.
                    if !context.writer.fence.leads() {
                        continue;
                    }
                    if let Err(error) = reconcile(&context, &namespace).await
                        && !error.is_stale()
                    {
                        tracing::warn!(namespace, %error, "the monitoring of a namespace could not be set up");
                        due.insert(namespace, Instant::now() + RETRY);
                    }
                }
            }
        }
    }
}

async fn reconcile(context: &Context, namespace: &str) -> Result<(), Error> {
    let in_use = context.caches.keys().iter().any(|key| key.namespace == namespace);
    let known = context.caches.deployments.get(&ObjectRef::new(build::NAME).within(namespace));
    if in_use && context.options.monitoring {
        set_up(context, namespace, known.as_deref()).await
    } else {
        tear_down(context, namespace, known.is_some(), in_use).await
    }
}

async fn set_up(context: &Context, namespace: &str, known: Option<&Deployment>) -> Result<(), Error> {
    let wanted = build::deployment(namespace, &context.options, &ledgers(context, namespace))?;
    let hash = |deployment: &Deployment| deployment.annotations().get(ANNOTATION_HASH).cloned();
    if known.is_some_and(|known| known.meta().deletion_timestamp.is_none() && hash(known) == hash(&wanted)) {
        return Ok(());
    }
    let writer = &context.writer;
    let account = accounts::account(namespace, names::MONITORING);
    create::<ServiceAccount>(writer, namespace, "serviceaccounts", &account).await?;
    let binding = accounts::binding(namespace, names::MONITORING);
    create::<RoleBinding>(writer, namespace, "rolebindings", &binding).await?;
    apply_whole::<Service>(writer, namespace, "services", &build::service(namespace)).await?;
    apply_whole::<Deployment>(writer, namespace, "deployments", &wanted).await
}

/// The ledgers that strategies of a namespace name. A strategy that no longer trades keeps its books.
fn ledgers(context: &Context, namespace: &str) -> BTreeSet<SecretKey> {
    let strategies = context.caches.strategies.state();
    let own = strategies.iter().filter_map(|guard| guard.0.as_ref().ok());
    own.filter(|strategy| strategy.namespace().as_deref() == Some(namespace))
        .filter_map(|strategy| strategy.spec.ledger.as_ref())
        .map(|ledger| SecretKey {
            name: ledger.url_secret_ref.name.clone(),
            key: ledger.url_secret_ref.key.clone(),
        })
        .collect()
}

/// Removes the monitoring; and, with the last object, the accounts of workloads.
async fn tear_down(context: &Context, namespace: &str, there: bool, in_use: bool) -> Result<(), Error> {
    let writer = &context.writer;
    if there {
        delete::<Deployment>(writer, namespace, "deployments", build::NAME).await?;
        delete::<Service>(writer, namespace, "services", build::NAME).await?;
    }
    let accounts =
        context.caches.accounts.state_filter(|account| account.namespace().as_deref() == Some(namespace));
    for account in accounts {
        let name = account.name_any();
        if in_use && name != names::MONITORING {
            continue;
        }
        if name != names::STAGE {
            delete::<RoleBinding>(writer, namespace, "rolebindings", &name).await?;
        }
        delete::<ServiceAccount>(writer, namespace, "serviceaccounts", &name).await?;
    }
    Ok(())
}
