//! The operator as a whole: watches, leadership, controllers, an orderly end.

use std::{sync::Arc, time::Duration};

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use kube::{
    Client,
    runtime::events::{Recorder, Reporter},
};
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    api::Writer,
    cache::{self, Caches, Watched},
    context::{Context, Probe},
    controller::{memory::Memory, run::run as control},
    error::RunError,
    leader::{self, Election, Fence},
    monitoring,
    options::Options,
    telemetry::{Health, Metrics, serve},
};

/// Longest that running reconciles are waited for at the end.
const DRAIN: Duration = Duration::from_secs(15);
/// How often objects are counted for the metrics.
const COUNT: Duration = Duration::from_secs(15);

/// Runs the operator until the token is cancelled, then ends in order: no new reconcile, the running ones finish, the
/// Lease is given up.
///
/// # Errors
/// When it cannot start.
pub async fn run(client: Client, options: Options, shutdown: CancellationToken) -> Result<(), RunError> {
    run_with(client, options, None, shutdown).await
}

/// [`run`] with a probe that is called before each reconcile.
///
/// # Errors
/// When it cannot start.
pub async fn run_with(
    client: Client,
    options: Options,
    probe: Option<Probe>,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let options = Arc::new(options);
    let metrics = Arc::new(Metrics::new()?);
    let health = Arc::new(Health::default());
    let over = CancellationToken::new();
    let served = CancellationToken::new();
    serve(options.metrics_bind, Arc::clone(&metrics), Arc::clone(&health), served.clone()).await?;
    // The server ends with this function, however it ends.
    let _served = served.drop_guard();
    let identity = options.identity.clone().unwrap_or_else(identity);
    let (fence, election) = elect(&client, &options, &identity, &metrics, &over);
    let recorder = Recorder::new(
        client.clone(),
        Reporter { controller: "ats-operator".to_owned(), instance: Some(identity) },
    );
    let mut cells = JoinSet::new();
    let mut all = Vec::new();
    let scopes: Vec<Option<String>> = match options.watch_namespaces.is_empty() {
        true => vec![None],
        false => options.watch_namespaces.iter().cloned().map(Some).collect(),
    };
    for scope in scopes {
        let watched = cache::start(&client, scope.as_deref(), &metrics);
        let context = Arc::new(Context {
            writer: Writer {
                client: client.clone(),
                fence: fence.clone(),
                timeout: options.api_timeout(),
                metrics: Arc::clone(&metrics),
            },
            caches: watched.caches.clone(),
            wakers: watched.wakers.clone(),
            memory: Memory::default(),
            options: Arc::clone(&options),
            metrics: Arc::clone(&metrics),
            recorder: recorder.clone(),
            probe: probe.clone(),
        });
        all.push(watched.caches.clone());
        cells.spawn(cell(watched, context, shutdown.clone(), Arc::clone(&health)));
    }
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = count(&all, &fence, &metrics) => {}
    }
    tracing::info!("ending: no new reconcile begins");
    let drained = tokio::time::timeout(DRAIN, async { while cells.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("reconciles that did not end in time are given up");
    }
    cells.abort_all();
    over.cancel();
    if let Some(election) = election
        && election.await.is_err()
    {
        tracing::warn!("the election ended badly");
    }
    tracing::info!("ended");
    Ok(())
}

/// Counts the objects by readiness, for the metrics. Only the leader does: a sum over replicas counts each object once.
async fn count(all: &[Caches], fence: &Fence, metrics: &Metrics) {
    loop {
        tokio::time::sleep(COUNT).await;
        metrics.objects.reset();
        if !fence.leads() {
            continue;
        }
        for (key, ready) in all.iter().flat_map(Caches::readiness) {
            metrics.objects.with_label_values(&[key.kind.as_str(), &ready]).inc();
        }
    }
}

/// One scope: its caches, the three controllers, its namespaces' monitoring.
async fn cell(watched: Watched, context: Arc<Context>, shutdown: CancellationToken, health: Arc<Health>) {
    let Watched { caches, wakers, inbox, mut tasks } = watched;
    tokio::select! {
        () = caches.ready() => {}
        () = shutdown.cancelled() => return,
    }
    health.set_ready();
    tracing::info!(objects = caches.keys().len(), "the caches are warm");
    let mut controllers = JoinSet::new();
    controllers.spawn(control::<TradingUniverse>(
        Arc::clone(&context),
        caches.universes.clone(),
        inbox.universes,
        shutdown.clone(),
    ));
    controllers.spawn(control::<ModelTrainingJob>(
        Arc::clone(&context),
        caches.models.clone(),
        inbox.models,
        shutdown.clone(),
    ));
    controllers.spawn(control::<Strategy>(
        Arc::clone(&context),
        caches.strategies.clone(),
        inbox.strategies,
        shutdown.clone(),
    ));
    controllers.spawn(monitoring::run(Arc::clone(&context), inbox.namespaces, shutdown.clone()));
    // Whoever begins to lead looks at everything: wake-ups of before went to the leader of before.
    let mut fence = context.writer.fence.clone();
    let everything = async {
        loop {
            fence.taken().await;
            context.memory.forget_writes();
            let keys = caches.keys();
            keys.iter().for_each(|key| wakers.wake_namespace(&key.namespace));
            keys.into_iter().for_each(|key| wakers.wake(key));
            fence.lost().await;
        }
    };
    tokio::select! {
        () = everything => {}
        () = shutdown.cancelled() => {}
    }
    while let Some(ended) = controllers.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a controller ended badly");
        }
    }
    tasks.abort_all();
}

fn elect(
    client: &Client,
    options: &Options,
    identity: &str,
    metrics: &Arc<Metrics>,
    over: &CancellationToken,
) -> (Fence, Option<AbortOnDropHandle<()>>) {
    if !options.leader_election {
        metrics.leader.set(1);
        return (Fence::open(), None);
    }
    let election = Election {
        namespace: options
            .leader_election_namespace
            .clone()
            .unwrap_or_else(|| client.default_namespace().to_owned()),
        name: options.leader_election_lease.clone(),
        identity: identity.to_owned(),
        duration: Duration::from_secs(options.lease_seconds.unsigned_abs().into()),
    };
    let (fence, task) = leader::elect(client.clone(), election, Arc::clone(metrics), over.clone());
    (fence, Some(task))
}

/// A name that no other replica has: the host's, and when this process began.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "ats-operator".to_owned());
    format!("{host}_{}_{}", std::process::id(), k8s_openapi::jiff::Timestamp::now().as_nanosecond())
}
