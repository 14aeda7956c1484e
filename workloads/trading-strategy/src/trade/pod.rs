//! Stage `trade` with store and ledger around it: in the command line's process, or in a pod.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ats_ledger::{Ledger, StrategyIdentity};
use ats_pipeline::contract::LEDGER_VARIABLE;
use ats_pipeline::spec::TradeSpec;
use ats_pipeline::{Category, Outcome, StageFile, StageName, StageSpec};
use ats_store::{StageContext, StageError};
use rust_decimal::prelude::ToPrimitive;

use super::{
    Coordination, Directives, LocalCoordination, PaperTrading, RunEnd, SystemClock, TradeError, TradingState,
    paper,
};
use crate::load::{load, searched};

/// How often a pod that has decided everything looks after its lease and the halts.
#[cfg(feature = "cluster")]
const FOLLOW: Duration = Duration::from_secs(2);

fn spec_of(file: &StageFile) -> Result<&TradeSpec, StageError> {
    match &file.spec {
        StageSpec::Trade(spec) => Ok(spec),
        _ => Err(StageError::bad_spec(format!("this is stage trade; the file is of {}", file.stage()))),
    }
}

/// Trades on paper up to the dataset's last bar, and ends: what `ats run` does. Bars that an earlier run has decided
/// are not decided again. Beside the outcome: the state that a pod would tell.
///
/// # Errors
/// An input that is missing, a ledger that cannot be reached, or as [`paper`].
pub async fn run_local(
    file: &StageFile,
    context: &StageContext,
    ledger_url: &str,
    directives: Directives,
) -> Result<(Outcome, Option<TradingState>), StageError> {
    let spec = spec_of(file)?;
    let ledger = Ledger::open(ledger_url).await.map_err(TradeError::from)?;
    let identity = StrategyIdentity::local(&file.owner.name).map_err(TradeError::from)?;
    let coordination = Arc::new(LocalCoordination::new(directives));
    // One name for all runs on a machine: a run that died is taken over from at once, and fenced.
    let holder = "ats run".to_owned();
    let work = Work { file, spec, context, ledger: &ledger, identity, holder, follow: None };
    let end = work.run(Arc::clone(&coordination)).await?;
    ledger.close().await;
    let state = coordination.last_state();
    Ok((outcome(end, state.as_ref()), state))
}

/// Trades until the pod is stopped. The ledger's URL is in the environment.
///
/// # Errors
/// As [`run_local`]; an API server that cannot be reached.
#[cfg(feature = "cluster")]
pub async fn run_in_cluster(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    use super::cluster::{ClusterCoordination, ClusterIdentity};
    let spec = spec_of(file)?;
    let owner = &file.owner;
    let uid =
        owner.uid.clone().ok_or_else(|| StageError::bad_spec("stage.json names no uid of its owner"))?;
    let identity =
        StrategyIdentity::cluster(&owner.namespace, &owner.name, &uid).map_err(TradeError::from)?;
    let pod = std::env::var("HOSTNAME")
        .map_err(|_| StageError::bad_spec("the environment has no HOSTNAME, which names the pod"))?;
    let ledger = Ledger::open(&ledger_url()?).await.map_err(TradeError::from)?;
    let client = kube::Client::try_default().await.map_err(|error| {
        StageError::new(Category::Unavailable, format!("no client for the API server: {error}"))
    })?;
    let cluster = ClusterIdentity {
        namespace: owner.namespace.clone(),
        name: owner.name.clone(),
        uid,
        pod: pod.clone(),
    };
    let coordination = Arc::new(ClusterCoordination::new(client, cluster));
    tokio::select! {
        taken = coordination.acquire() => taken?,
        () = context.cancel.cancelled() => return Ok(outcome(RunEnd::Stopped, None)),
    }
    let work = Work { file, spec, context, ledger: &ledger, identity, holder: pod, follow: Some(FOLLOW) };
    let end = work.run(coordination).await?;
    Ok(outcome(end, None))
}

/// Stage `trade` in a workload's process: in a cluster with its coordination, elsewhere to the last bar.
///
/// # Errors
/// As [`run_local`].
pub async fn run_pod(file: &StageFile, context: &StageContext) -> Result<Outcome, StageError> {
    #[cfg(feature = "cluster")]
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return run_in_cluster(file, context).await;
    }
    Ok(run_local(file, context, &ledger_url()?, Directives::default()).await?.0)
}

fn ledger_url() -> Result<String, StageError> {
    std::env::var(LEDGER_VARIABLE).map_err(|_| {
        StageError::bad_spec(format!("trading needs a ledger: set {LEDGER_VARIABLE} to its URL"))
    })
}

struct Work<'a> {
    file: &'a StageFile,
    spec: &'a TradeSpec,
    context: &'a StageContext,
    ledger: &'a Ledger,
    identity: StrategyIdentity,
    holder: String,
    follow: Option<Duration>,
}

impl Work<'_> {
    async fn run<C: Coordination>(self, coordination: Arc<C>) -> Result<RunEnd, StageError> {
        let digest = |stage| self.file.input(stage).map(|input| input.digest.to_string());
        let dataset_digest = digest(StageName::Publish)
            .ok_or_else(|| StageError::bad_spec("stage.json names no dataset: input publish is missing"))?;
        let model_digest = digest(StageName::Select);
        let loaded = load(self.file, &self.spec.core, None, self.context).await?;
        let searched = match &self.spec.search {
            None => None,
            Some(_) => Some(searched(self.file, self.context).await?),
        };
        let work = PaperTrading {
            spec: self.spec,
            market: &loaded.market,
            searched: searched.as_ref(),
            identity: self.identity,
            holder: self.holder,
            dataset_digest,
            model_digest,
            follow: self.follow,
        };
        let stop = self.context.cancel.cancelled();
        Ok(paper(work, self.ledger, coordination, Arc::new(SystemClock), stop).await?)
    }
}

fn outcome(end: RunEnd, state: Option<&TradingState>) -> Outcome {
    let (computed, words) = match end {
        RunEnd::CaughtUp { decided: 0 } => (0, "every bar was decided before".to_owned()),
        RunEnd::CaughtUp { decided } => (decided, format!("{decided} bars decided")),
        RunEnd::Stopped => (0, "stopped on request; what was decided is in the ledger".to_owned()),
    };
    let category = if end == (RunEnd::CaughtUp { decided: 0 }) { Category::CacheHit } else { Category::Done };
    let mut figures = BTreeMap::new();
    let mut notes = BTreeMap::new();
    if let Some(state) = state {
        figures.insert("equity".to_owned(), state.equity.to_f64());
        figures.insert("drawdown".to_owned(), state.drawdown.to_f64());
        figures.insert("exposure".to_owned(), state.exposure.to_f64());
        figures.insert("openPositions".to_owned(), Some(f64::from(state.open_positions)));
        if let Some(session) = state.session {
            notes.insert("lastSession".to_owned(), session.to_string());
        }
        if let Some(halt) = &state.halt {
            notes.insert("halt".to_owned(), format!("{}: {}", halt.id, halt.reason));
            notes.insert("haltCause".to_owned(), halt.cause.to_string());
        }
    }
    Outcome {
        category,
        message: words,
        digest: None,
        computed,
        reused: 0,
        figures,
        notes,
        failures: Vec::new(),
    }
}

impl From<TradeError> for StageError {
    fn from(error: TradeError) -> Self {
        let category = match &error {
            error if error.is_transient() => Category::Unavailable,
            TradeError::NoChoice
            | TradeError::Search(_)
            | TradeError::Config(_)
            | TradeError::Convert(_)
            | TradeError::SameClose
            | TradeError::EngineRevision { .. } => Category::BadSpec,
            TradeError::Ledger(
                ats_ledger::LedgerError::Url { .. } | ats_ledger::LedgerError::Name { .. },
            ) => Category::BadSpec,
            TradeError::Slice(_) => Category::DataRefused,
            _ => Category::Internal,
        };
        Self::new(category, error.to_string())
    }
}
