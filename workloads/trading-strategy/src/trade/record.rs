//! One transaction: everything that follows from a bar.

use std::collections::BTreeMap;

use ats_ledger::{
    CashMovement, Decision, Fill, HaltCause, LedgerError, MovementKind, NewHalt, OrderState, Recorded,
    StateSnapshot, StockSplit, Writer,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::control::halt_id;
use super::convert::{equity_point, new_order};
use super::{FeedBar, OrderKey, Outcomes, TradeError};
use crate::engine::{self, ActionKind, EngineState, Event, Money, Order, Shares, Unit};

/// How long states of earlier bars are kept.
const KEEP: SignedDuration = SignedDuration::from_hours(24 * 7);

/// A bar that the broker has reported and the engine has stepped through.
pub(super) struct BarRecord<'a> {
    pub(super) bar: &'a FeedBar,
    /// Orders that were working before it.
    pub(super) working: &'a [Order],
    /// What quantities are rounded down to.
    pub(super) unit: Unit,
    /// What the engine said.
    pub(super) events: &'a [Event],
    /// What the broker said; its fills are recorded.
    pub(super) report: &'a Outcomes,
    /// The orders to write.
    pub(super) decided: &'a [Order],
    /// The decision.
    pub(super) decision: Decision,
    /// The engine afterwards.
    pub(super) state: &'a EngineState,
    /// Revision of the engine.
    pub(super) engine_revision: i64,
    /// The drawdown halt that the bar resets.
    pub(super) reset: Option<&'a str>,
    pub(super) now: Timestamp,
}

impl BarRecord<'_> {
    /// Writes it. `Known` means that the bar was recorded before and nothing was written.
    pub(super) async fn write(&self, mut writer: Writer) -> Result<Recorded, TradeError> {
        if writer.record_decision(&self.decision).await? == Recorded::Known {
            return Ok(Recorded::Known);
        }
        self.rescale(&mut writer).await?;
        let mut dividends = BTreeMap::<&str, u32>::new();
        let mut stops = BTreeMap::new();
        for event in self.events {
            match event {
                Event::Dividend { ticker, cash } => {
                    let count = dividends.entry(ticker.as_str()).or_default();
                    *count += 1;
                    let name = format!("dividend.{}.{ticker}.{count}", self.bar.slice.session);
                    self.pay(&mut writer, name, MovementKind::Dividend, ticker, *cash).await?;
                }
                Event::Borrowed { ticker, cash } => {
                    let name = format!("borrowing.{}.{ticker}", self.bar.slice.session);
                    let cash = engine::Money::ZERO.minus(*cash)?;
                    self.pay(&mut writer, name, MovementKind::Borrowing, ticker, cash).await?;
                }
                Event::Split { ticker, before, after, cash } => {
                    self.split(&mut writer, ticker, *before, *after, *cash).await?;
                }
                Event::Ordered(order) if order.reason.is_in_bar() => {
                    writer.insert_orders(&[new_order(order, self.bar.known_at)?], self.now).await?;
                    stops.insert(order.id.as_str(), OrderKey::Stop(order.ticker.clone()));
                }
                Event::Filled(fill) => {
                    let id = fill.order.as_str();
                    let key = stops.get(id).cloned().unwrap_or_else(|| OrderKey::Sent(id.to_owned()));
                    self.fill(&mut writer, id, &key).await?;
                }
                Event::Latched { session, equity, peak, .. } => {
                    let cents = |money: Money| Decimal::from(money).round_dp(2);
                    let (equity, peak) = (cents(*equity), cents(*peak));
                    let reason =
                        format!("equity {equity} at the close of {session} against its peak of {peak}");
                    let halt = NewHalt {
                        id: halt_id(HaltCause::MaxDrawdown, self.bar.known_at),
                        cause: HaltCause::MaxDrawdown,
                        reason,
                        session: Some(*session),
                        at: self.now,
                    };
                    tracing::warn!(halt = %halt.id, reason = %halt.reason, "halted");
                    writer.record_halt(&halt).await?;
                }
                Event::Equity(point) => writer.record_equity(&equity_point(point, self.state)).await?,
                _ => {}
            }
        }
        self.end_orders(&mut writer, &stops).await?;
        if let Some(id) = self.reset {
            writer.reset_halt(id, "reset", self.now).await?;
        }
        let orders: Vec<_> =
            self.decided.iter().map(|order| new_order(order, self.bar.known_at)).collect::<Result<_, _>>()?;
        writer.insert_orders(&orders, self.now).await?;
        let snapshot = StateSnapshot {
            bar: self.bar.known_at,
            session: self.bar.slice.session,
            engine_revision: self.engine_revision,
            state: self.state,
        };
        writer.save_state(snapshot, self.now).await?;
        if let Ok(old) = self.bar.known_at.checked_sub(KEEP) {
            writer.forget_states_before(old).await?;
        }
        writer.commit().await?;
        Ok(Recorded::New)
    }

    /// Working orders are in new shares from the ex-date on.
    async fn rescale(&self, writer: &mut Writer) -> Result<(), TradeError> {
        for order in self.working {
            let mut rescaled = Some(order.clone());
            for action in &self.bar.slice.actions {
                if let ActionKind::Split(ratio) = action.kind
                    && action.ticker == order.ticker
                {
                    rescaled =
                        rescaled.and_then(|order| order.split(ratio, self.unit).transpose()).transpose()?;
                }
            }
            if let Some(rescaled) = rescaled.filter(|rescaled| rescaled != order) {
                let terms = new_order(&rescaled, self.bar.known_at)?;
                let (quantity, price, trigger) = (terms.quantity, terms.price, terms.trigger_price);
                writer.rescale_order(&terms.client_order_id, quantity, price, trigger, self.now).await?;
            }
        }
        Ok(())
    }

    async fn pay(
        &self,
        writer: &mut Writer,
        movement: String,
        kind: MovementKind,
        ticker: &engine::Ticker,
        cash: engine::Money,
    ) -> Result<(), LedgerError> {
        let movement = CashMovement {
            movement,
            session: self.bar.slice.session,
            kind,
            ticker: Some(ticker.to_string()),
            amount: cash.into(),
        };
        writer.record_movement(&movement).await?;
        Ok(())
    }

    async fn split(
        &self,
        writer: &mut Writer,
        ticker: &engine::Ticker,
        before: Shares,
        after: Shares,
        cash: engine::Money,
    ) -> Result<(), TradeError> {
        let session = self.bar.slice.session;
        let ratio = self.bar.slice.actions.iter().find_map(|action| match action.kind {
            ActionKind::Split(ratio) if action.ticker == *ticker => Some(ratio.to_f64()),
            _ => None,
        });
        let ratio = ratio.and_then(|ratio| Decimal::try_from(ratio).ok()).unwrap_or(Decimal::ONE);
        let split = StockSplit {
            ticker: ticker.to_string(),
            session,
            ratio: ratio.round_dp(9),
            quantity_before: before.into(),
            quantity_after: after.into(),
        };
        writer.record_split(&split).await?;
        if cash != engine::Money::ZERO {
            let name = format!("lieu.{session}.{ticker}");
            self.pay(writer, name, MovementKind::CashInLieu, ticker, cash).await?;
        }
        Ok(())
    }

    async fn fill(&self, writer: &mut Writer, id: &str, key: &OrderKey) -> Result<(), TradeError> {
        // The report agrees with the engine on every fill: that was checked before.
        let Some(executed) = self.report.get(key).and_then(|outcome| outcome.filled) else { return Ok(()) };
        let fill = Fill {
            client_order_id: id.parse()?,
            fill: 1,
            session: self.bar.slice.session,
            filled_at: self.bar.slice.timestamp,
            quantity: executed.quantity,
            price: executed.price,
            commission: executed.commission,
        };
        writer.record_fill(&fill, self.now).await?;
        Ok(())
    }

    /// Ends what the bar has cut, after its fills.
    async fn end_orders(
        &self,
        writer: &mut Writer,
        stops: &BTreeMap<&str, OrderKey>,
    ) -> Result<(), TradeError> {
        let reckoned = super::outcome::outcomes(self.events);
        let ids = self
            .working
            .iter()
            .map(|order| (order.id.as_str(), OrderKey::Sent(order.id.as_str().to_owned())));
        for (id, key) in ids.chain(stops.iter().map(|(id, key)| (*id, key.clone()))) {
            // The engine's words where it has some; else the broker ended it by itself.
            let ended = [&reckoned, self.report]
                .into_iter()
                .filter_map(|side| side.get(&key))
                .find(|outcome| outcome.cancelled > Decimal::ZERO);
            if let Some(outcome) = ended {
                writer.end_order(&id.parse()?, OrderState::Cancelled, &outcome.message(), self.now).await?;
            }
        }
        Ok(())
    }
}
