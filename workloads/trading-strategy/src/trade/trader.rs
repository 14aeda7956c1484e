//! One strategy, bar by bar.

use std::sync::Arc;

use ats_crds::strategy::HaltAction;
use ats_ledger::{
    CashMovement, ClientOrderId, Decision, DecisionOutcome, Lease, Ledger, MovementKind, OrderState,
    Recorded, Run, RunMode, SavedState, StrategyIdentity,
};
use ats_pipeline::contract::{StateHalt, StatePosition};
use jiff::{SignedDuration, Timestamp, civil::Date};
use rust_decimal::Decimal;

use super::control::{Standing, standing};
use super::convert::drawdown;
use super::outcome::{difference, outcomes};
use super::record::BarRecord;
use super::recover::{agree, disagree, reconcile};
use super::{Broker, BrokerAccount, Coordination, FeedBar, OrderKey, Outcomes, TradeError, TradingState};
use crate::engine::{Control, Engine, EngineConfig, EngineState, Event, FillTiming, Order, Slice};

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// What a trading process runs with.
#[derive(Debug, Clone)]
pub struct TradeSettings {
    /// The strategy.
    pub identity: StrategyIdentity,
    /// This process, for the lease: a pod's name, or a fixed name where one process at a time is meant.
    pub holder: String,
    /// What the engine trades by.
    pub config: EngineConfig,
    /// Revision of engine and stage: a state of another one is not gone on with.
    pub engine_revision: i64,
    /// Digest of the universe's dataset.
    pub dataset_digest: String,
    /// Digest of the model.
    pub model_digest: Option<String>,
    /// First session decided, to which the initial cash is booked.
    pub start: Date,
    /// What a halt does with positions.
    pub halt_action: HaltAction,
    /// How long the ledger's lease lasts.
    pub lease: SignedDuration,
    /// No order is sent in the last part of the lease.
    pub margin: SignedDuration,
}

/// What became of a bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processed {
    /// It was decided before.
    Known,
    /// It was decided now.
    Decided {
        /// Whether in time, late, or under a halt.
        outcome: DecisionOutcome,
        /// Orders that were written and sent.
        orders: usize,
    },
}

/// A strategy that trades.
pub struct Trader<B, C> {
    ledger: Ledger,
    broker: B,
    coordination: Arc<C>,
    clock: Arc<dyn Clock>,
    settings: TradeSettings,
    lease: Lease,
    engine: Engine,
    last_bar: Option<Timestamp>,
    /// Bars that were complete before the strategy's first run are history: they are never late.
    live_from: Timestamp,
}

impl<B: Broker, C: Coordination> Trader<B, C> {
    /// Takes the lease, loads where the strategy was, reconciles, and sends what a crash left unsent.
    ///
    /// # Errors
    /// A lease that another process holds; anything that does not agree; a ledger or broker that fails.
    pub async fn start(
        ledger: Ledger,
        broker: B,
        coordination: Arc<C>,
        clock: Arc<dyn Clock>,
        settings: TradeSettings,
    ) -> Result<Self, TradeError> {
        if settings.config.fill == FillTiming::SameClose {
            return Err(TradeError::SameClose);
        }
        let fresh = Engine::new(settings.config.clone())?;
        let now = clock.now();
        coordination.hold(now).await?;
        let lease = ledger.acquire_lease(&settings.identity, &settings.holder, settings.lease, now).await?;
        let live_from = begin(&ledger, &lease, &settings, now).await?;
        let saved: Option<SavedState<EngineState>> = ledger.load_state(&lease.strategy).await?;
        if let Some(saved) = saved.as_ref().filter(|saved| saved.engine_revision != settings.engine_revision)
        {
            return Err(TradeError::EngineRevision {
                strategy: lease.strategy,
                saved: saved.engine_revision,
                ours: settings.engine_revision,
            });
        }
        let recovered = reconcile(&ledger, &lease, &broker, saved.as_ref(), fresh.state(), now).await?;
        let last_bar = saved.as_ref().map(|saved| saved.bar);
        let engine = match saved {
            Some(saved) => Engine::resume(settings.config.clone(), saved.state)?,
            None => fresh,
        };
        let mut trader =
            Self { ledger, broker, coordination, clock, settings, lease, engine, last_bar, live_from };
        let unsent: Vec<Order> = trader
            .pending()
            .iter()
            .filter(|order| {
                recovered.unsent.iter().any(|row| row.client_order_id.as_str() == order.id.as_str())
            })
            .cloned()
            .collect();
        let account = trader.broker.account().await?;
        // What the broker did in a bar that is not decided yet is for that bar's report to say.
        if account.last_bar <= trader.last_bar {
            trader.cancel_strays(&account).await?;
        }
        if let Some(bar) = trader.last_bar {
            trader.send(&unsent, bar).await?;
        }
        trader.publish().await?;
        Ok(trader)
    }

    fn pending(&self) -> &[Order] {
        &self.engine.state().pending
    }

    /// The last bar that was decided.
    #[must_use]
    pub fn last_bar(&self) -> Option<Timestamp> {
        self.last_bar
    }

    /// The engine's state after it.
    #[must_use]
    pub fn state(&self) -> &EngineState {
        self.engine.state()
    }

    /// Keeps the leases, follows the halts and tells the state; to be called while no bar is there.
    ///
    /// # Errors
    /// A lease that was lost; a ledger that fails.
    pub async fn idle(&mut self) -> Result<(), TradeError> {
        self.keep().await?;
        let standing = self.standing().await?;
        self.cancel_openings(&standing).await?;
        self.publish().await
    }

    /// Decides a completed bar, once, and sends what it orders.
    ///
    /// # Errors
    /// A lease that was lost; a broker that does not agree; a ledger that fails.
    pub async fn process(&mut self, bar: &FeedBar) -> Result<Processed, TradeError> {
        if self.last_bar.is_some_and(|last| bar.known_at <= last) {
            return Ok(Processed::Known);
        }
        self.keep().await?;
        let standing = self.standing().await?;
        self.cancel_openings(&standing).await?;
        self.broker.observe(bar).await?;
        let before: Vec<Order> = self.pending().to_vec();
        let ids = before
            .iter()
            .map(|order| order.id.as_str().parse())
            .collect::<Result<Vec<ClientOrderId>, _>>()?;
        let report = self.broker.report(bar.known_at, &ids).await?;

        let now = self.clock.now();
        let step = self.step(bar, &report, &standing, now)?;
        if let Some(difference) = difference(&outcomes(&step.events), &report) {
            return Err(disagree(&self.ledger, &self.lease, difference, now).await?);
        }
        let record = BarRecord {
            bar,
            working: &before,
            unit: bar.config.as_deref().unwrap_or(&self.settings.config).unit,
            events: &step.events,
            report: &report,
            decided: &step.decided,
            decision: Decision {
                bar: bar.known_at,
                session: bar.slice.session,
                outcome: step.outcome,
                orders: i64::try_from(step.decided.len()).unwrap_or(i64::MAX),
                message: step.message.clone(),
                decided_at: now,
            },
            state: step.engine.state(),
            engine_revision: self.settings.engine_revision,
            reset: standing.reset.as_deref(),
            now,
        };
        let writer = self.ledger.write(&self.lease).await?;
        if record.write(writer).await? == Recorded::Known {
            return Ok(Processed::Known);
        }
        self.engine = step.engine;
        self.last_bar = Some(bar.known_at);
        self.check().await?;
        self.send(&step.decided, bar.known_at).await?;
        self.publish().await?;
        Ok(Processed::Decided { outcome: step.outcome, orders: step.decided.len() })
    }

    /// Gives the leases up, so that the next process need not wait.
    ///
    /// # Errors
    /// A lease that was lost; a ledger that fails.
    pub async fn finish(self) -> Result<(), TradeError> {
        self.ledger.release(&self.lease, self.clock.now()).await?;
        self.coordination.release().await
    }

    async fn keep(&mut self) -> Result<(), TradeError> {
        let now = self.clock.now();
        self.coordination.hold(now).await?;
        // Renewed in good time, not with each bar of a long history.
        if self.lease.expires_at.duration_since(now) < self.settings.lease / 2 + self.settings.margin {
            self.lease = self.ledger.renew(&self.lease, self.settings.lease, now).await?;
        }
        Ok(())
    }

    async fn standing(&self) -> Result<Standing, TradeError> {
        let wants = self.coordination.directives().await?;
        standing(&self.ledger, &self.lease, &wants, self.clock.now()).await
    }

    /// A halt stops working orders that would open something. What becomes of them is the broker's to report.
    async fn cancel_openings(&self, standing: &Standing) -> Result<(), TradeError> {
        if standing.control(self.settings.halt_action) == Control::Run {
            return Ok(());
        }
        for order in self.pending().iter().filter(|order| order.intent.opens()) {
            self.broker.cancel(&order.id.as_str().parse()?, "Halt").await?;
        }
        Ok(())
    }

    /// The engine's part of a bar, without side effects.
    fn step(
        &self,
        bar: &FeedBar,
        report: &Outcomes,
        standing: &Standing,
        now: Timestamp,
    ) -> Result<Step, TradeError> {
        let mut state = self.engine.state().clone();
        // What the broker ended without a fill is over, whatever the engine would have made of it.
        state.pending.retain(|order| {
            report
                .get(&OrderKey::Sent(order.id.as_str().to_owned()))
                .is_none_or(|outcome| outcome.filled.is_some() || outcome.cancelled.is_zero())
        });
        let wanted = standing.control(self.settings.halt_action);
        // A halt that came after the fill of an opening order must not make the engine cancel that order.
        let filled = state.pending.iter().any(|order| order.intent.opens());
        let control = if filled { Control::Run } else { wanted };
        let slice = Slice { control, reset_latch: standing.reset.is_some(), ..bar.slice.clone() };
        let config = bar.config.as_deref().unwrap_or(&self.settings.config);
        let mut engine = Engine::resume(config.clone(), state)?;
        let events = engine.step(&slice)?;

        let live = bar.known_at >= self.live_from;
        let late = bar.decide_by.filter(|deadline| live && now > *deadline);
        let off = |order: &Order| late.is_some() || (wanted != Control::Run && order.intent.opens());
        let mut decided = Vec::new();
        let mut nothing_left = Vec::new();
        for event in &events {
            let Event::Ordered(order) = event else { continue };
            if order.reason.is_in_bar() {
                continue;
            }
            if order.quantity.is_zero() {
                let why: Vec<String> = order.cuts.iter().map(|cut| format!("{:?}", cut.reason)).collect();
                nothing_left.push(format!("{} {}: {}", order.ticker, order.wanted, why.join(", ")));
            } else if !off(order) {
                decided.push(order.clone());
            }
        }
        let mut state = engine.state().clone();
        state.pending.retain(|order| order.timestamp != bar.slice.timestamp || !off(order));
        let engine = Engine::resume(config.clone(), state)?;
        let (outcome, message) = match (late, standing.halts.first()) {
            (Some(deadline), _) => (
                DecisionOutcome::Stale,
                Some(format!("decided after {deadline}, when its orders would have filled")),
            ),
            (None, Some(halt)) => (DecisionOutcome::Halted, Some(format!("{}: {}", halt.id, halt.reason))),
            (None, None) if nothing_left.is_empty() => (DecisionOutcome::Decided, None),
            (None, None) => {
                let words: String =
                    format!("nothing left of {}", nothing_left.join("; ")).chars().take(2000).collect();
                (DecisionOutcome::Decided, Some(words))
            }
        };
        Ok(Step { engine, events, decided, outcome, message })
    }

    /// After a bar the three books must tell the same.
    async fn check(&self) -> Result<(), TradeError> {
        let ledger = self.ledger.account(&self.lease.strategy).await?;
        let broker = self.broker.account().await?;
        match agree(&ledger, self.engine.state(), Some(&broker)) {
            None => self.cancel_strays(&broker).await,
            Some(difference) => Err(disagree(&self.ledger, &self.lease, difference, self.clock.now()).await?),
        }
    }

    /// Orders that the decision took back still work at the broker: the ledger has ended them, so they are to be off
    /// before the next bar. Done after a start too, for a process that died between the two.
    async fn cancel_strays(&self, broker: &BrokerAccount) -> Result<(), TradeError> {
        for id in &broker.working {
            if !self.pending().iter().any(|order| order.id.as_str() == id.as_str()) {
                self.broker.cancel(id, "Withdrawn").await?;
            }
        }
        Ok(())
    }

    /// Sends orders that are in the ledger, and marks them.
    async fn send(&mut self, orders: &[Order], bar: Timestamp) -> Result<(), TradeError> {
        if orders.is_empty() {
            return Ok(());
        }
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            self.keep().await?;
            if self.lease.expires_at.duration_since(self.clock.now()) < self.settings.margin {
                let (strategy, until) = (self.lease.strategy.clone(), self.lease.expires_at);
                return Err(TradeError::LeaseEnds { strategy, until });
            }
            answers.push((order, self.broker.submit(order, bar).await?));
        }
        let now = self.clock.now();
        let mut writer = self.ledger.write(&self.lease).await?;
        for (order, answer) in answers {
            let id = order.id.as_str().parse()?;
            writer.mark_sent(&id, &answer.broker_order_id, now).await?;
            if let Some(reason) = answer.rejected {
                tracing::warn!(order = %id, reason, "the broker rejects an order");
                writer.end_order(&id, OrderState::Rejected, &reason, now).await?;
            }
        }
        writer.commit().await?;
        Ok(())
    }

    async fn publish(&self) -> Result<(), TradeError> {
        let state = self.engine.state();
        let exposure = state.account.exposure()?;
        let equity: Decimal = state.account.equity()?.into();
        let gross: Decimal = exposure.long.plus(exposure.short)?.into();
        let mut positions = Vec::new();
        for (ticker, position) in &state.account.positions {
            positions.push(StatePosition {
                ticker: ticker.to_string(),
                quantity: position.quantity.into(),
                value: position.value()?.into(),
            });
        }
        let halts = self.ledger.open_halts(&self.lease.strategy).await?;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let told = TradingState {
            epoch: self.lease.epoch,
            session: state.last.map(|(session, _)| session),
            equity,
            cash: state.account.cash.into(),
            drawdown: drawdown(equity, state.peak.into()),
            exposure: gross.checked_div(equity).unwrap_or_default().round_dp(6).normalize(),
            open_positions: count(positions.len()),
            positions,
            open_orders: count(state.pending.len()),
            halt: halts.into_iter().next().map(|halt| StateHalt {
                id: halt.id,
                cause: halt.cause,
                reason: halt.reason,
                at: halt.at,
            }),
            heartbeat: self.clock.now(),
        };
        self.coordination.publish(&told).await
    }
}

struct Step {
    engine: Engine,
    events: Vec<Event>,
    decided: Vec<Order>,
    outcome: DecisionOutcome,
    message: Option<String>,
}

/// Records the run and the initial cash; returns when the strategy's first run began.
async fn begin(
    ledger: &Ledger,
    lease: &Lease,
    settings: &TradeSettings,
    now: Timestamp,
) -> Result<Timestamp, TradeError> {
    let mut writer = ledger.write(lease).await?;
    writer
        .record_run(&Run {
            mode: RunMode::Paper,
            dataset_digest: settings.dataset_digest.clone(),
            model_digest: settings.model_digest.clone(),
            engine_revision: settings.engine_revision,
            started_at: now,
        })
        .await?;
    // Once: a strategy whose spec names other initial cash later goes on with what it has.
    if ledger.movements(&lease.strategy).await?.is_empty() {
        let deposit = CashMovement {
            movement: "initial-cash".to_owned(),
            session: settings.start,
            kind: MovementKind::Deposit,
            ticker: None,
            amount: settings.config.initial_cash.into(),
        };
        writer.record_movement(&deposit).await?;
    }
    writer.commit().await?;
    let runs = ledger.runs(&lease.strategy).await?;
    Ok(runs.first().map_or(now, |(_, run)| run.started_at))
}
