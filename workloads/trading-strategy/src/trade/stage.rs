//! Stage `trade`: from its spec and the universe's market to the loop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ats_calendar::Calendar;
use ats_ledger::{Ledger, LedgerError, StrategyIdentity};
use ats_pipeline::Digest;
use ats_pipeline::spec::TradeSpec;
use ats_pipeline::spec::backtest::TRADE_REVISION;
use jiff::SignedDuration;
use jiff::civil::Date;

use super::market_feed::MarketFeed;
use super::{Clock, Coordination, RunEnd, SimulatedBroker, TradeError, TradeSettings, Trader, run};
use crate::convert::engine_config;
use crate::market::Market;
use crate::search::{Part, Searched};

/// How long the ledger's lease lasts without being renewed.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// No order is sent in its last part.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// What stage `trade` runs on.
#[derive(Debug, Clone)]
pub struct PaperTrading<'a> {
    /// The spec.
    pub spec: &'a TradeSpec,
    /// The universe's data, with the model's scores.
    pub market: &'a Market,
    /// What the backtest chose, where the spec has a search.
    pub searched: Option<&'a Searched>,
    /// The strategy.
    pub identity: StrategyIdentity,
    /// This process: the pod's name; on a machine a fixed name, so that a new run takes over from a dead one at once.
    pub holder: String,
    /// Digest of the universe's dataset.
    pub dataset_digest: String,
    /// Digest of the model.
    pub model_digest: Option<String>,
    /// How often to look whether to go on when all bars are decided; none ends then.
    pub follow: Option<Duration>,
}

/// The beginning of the strategy's client order ids: its name, and what tells it from others of that name.
#[must_use]
pub fn order_prefix(identity: &StrategyIdentity) -> String {
    let digest = Digest::of(identity.key().as_str().as_bytes()).to_string();
    format!("{}-{}", identity.name, digest.get(..8).unwrap_or(&digest))
}

/// What is traded by: the strategy as it stands, or what the backtest chose for its windows and for the time after.
fn parts(spec: &TradeSpec, searched: Option<&Searched>) -> Result<Vec<Part>, TradeError> {
    match (&spec.search, searched) {
        (None, _) => {
            Ok(vec![Part { from: spec.start, to: Date::MAX, core: spec.core.clone(), choice: None }])
        }
        (Some(search), Some(searched)) => Ok(searched.with_time_after(search, &spec.core)?),
        (Some(_), None) => Err(TradeError::NoChoice),
    }
}

/// Trades on paper from the spec's start, or from a search's first window, to the dataset's last bar, and waits there if it is to follow. The broker is
/// simulated, with its account in the ledger's database under the strategy's key.
///
/// # Errors
/// As [`Trader::start`] and [`Trader::process`].
pub async fn paper<C: Coordination>(
    work: PaperTrading<'_>,
    ledger: &Ledger,
    coordination: Arc<C>,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send,
) -> Result<RunEnd, TradeError> {
    let core = &work.spec.core;
    let prefix = order_prefix(&work.identity);
    let config = engine_config(core, &prefix)?;
    let calendar = Calendar::by_name(core.calendar.as_str())?;
    let parts = parts(work.spec, work.searched)?;
    let start = parts.first().map_or(work.spec.start, |part| part.from);
    let mut feed = MarketFeed::new(parts, &prefix, work.market, calendar);
    let account = work.identity.key().to_string();
    let settings = TradeSettings {
        identity: work.identity,
        holder: work.holder,
        config,
        engine_revision: i64::from(TRADE_REVISION),
        dataset_digest: work.dataset_digest,
        model_digest: work.model_digest,
        start,
        halt_action: work.spec.halt_action,
        lease: LEASE,
        margin: MARGIN,
    };
    let mut stop = std::pin::pin!(stop);
    let trader = loop {
        let broker = SimulatedBroker::open(ledger, &account, &settings.config).await?;
        let started =
            Trader::start(ledger.clone(), broker, coordination.clone(), clock.clone(), settings.clone())
                .await;
        match started {
            // A process that died left its lease: it ends by itself.
            Err(TradeError::Ledger(LedgerError::LeaseHeld { holder, until, .. }))
                if work.follow.is_some() =>
            {
                tracing::info!(holder, %until, "waiting for the lease");
                tokio::select! {
                    () = &mut stop => return Ok(RunEnd::Stopped),
                    () = tokio::time::sleep(Duration::from_secs(2)) => {}
                }
            }
            other => break other?,
        }
    };
    run(trader, &mut feed, work.follow, stop).await
}
