//! The simulated broker: the backtest's fill model over a book of its own.
//!
//! It keeps orders, positions with their stops, and cash in its own tables and works each bar through from these
//! alone. The fill model is the engine's: a step without signals does what happens between two decisions (splits and
//! dividends, fills at the open, stops) and decides nothing.

use std::collections::BTreeSet;

use ats_ledger::{
    BarWork, ClientOrderId, Fill, Ledger, OrderState, SimulatedAccount, SimulatedBook, SimulatedOrder,
    SimulatedPosition, SimulatedSubmission,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Serialize, de::DeserializeOwned};

use super::convert::side;
use super::outcome::outcomes;
use super::{
    Acceptance, Broker, BrokerAccount, BrokerOrder, Executed, FeedBar, OrderKey, Outcome, Outcomes,
    TradeError,
};
use crate::engine::{
    Account, Control, Engine, EngineConfig, Event, Money, Order, Position, Risk, Selection, Signal, Slice,
    Ticker,
};

/// A simulated broker with one account.
#[derive(Debug, Clone)]
pub struct SimulatedBroker {
    book: SimulatedBook,
    account: String,
    config: EngineConfig,
}

/// Marks the orders that the broker itself makes when a stop or a take-profit price is touched.
const STOP: &str = "stop.";

fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String, TradeError> {
    serde_json::to_string(value).map_err(|error| TradeError::Book { what, problem: error.to_string() })
}

fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, TradeError> {
    serde_json::from_str(text).map_err(|error| TradeError::Book { what, problem: error.to_string() })
}

impl SimulatedBroker {
    /// Opens an account with the strategy's initial cash in the ledger's database; one that is open stays as it is.
    /// Of the engine's settings the fill model, costs and position limit apply.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn open(ledger: &Ledger, account: &str, config: &EngineConfig) -> Result<Self, TradeError> {
        let book = ledger.simulated_book();
        book.open_account(account, config.initial_cash.into()).await?;
        Ok(Self { book, account: account.to_owned(), config: config.clone() })
    }

    fn work(&self, before: &SimulatedAccount, bar: &FeedBar) -> Result<BarWork, TradeError> {
        let config = market_alone(bar.config.as_deref().unwrap_or(&self.config));
        let mut state = Engine::new(config.clone())?.state().clone();
        state.account = Account::new(Money::try_from(before.cash)?);
        for held in &before.positions {
            let position: Position = from_json("a position", &held.terms)?;
            state.account.positions.insert(Ticker::new(&held.ticker), position);
        }
        let mut working = BTreeSet::new();
        for open in &before.orders {
            let order: Order = from_json("an order", &open.order.terms)?;
            working.insert(order.id.as_str().to_owned());
            state.pending.push(order);
        }
        let mut engine = Engine::resume(config, state)?;
        let events = engine.step(&market(&bar.slice))?;
        let happened = outcomes(&events);
        let after = engine.state();

        let mut done = BarWork {
            cash: after.account.cash.into(),
            positions: Vec::new(),
            placed: Vec::new(),
            changed: Vec::new(),
            fills: Vec::new(),
        };
        for (ticker, position) in &after.account.positions {
            done.positions.push(SimulatedPosition {
                ticker: ticker.to_string(),
                quantity: position.quantity.into(),
                terms: to_json("a position", position)?,
            });
        }
        let fill = |id: &ClientOrderId, executed: Executed| Fill {
            client_order_id: id.clone(),
            fill: 1,
            session: bar.slice.session,
            filled_at: bar.slice.timestamp,
            quantity: executed.quantity,
            price: executed.price,
            commission: executed.commission,
        };
        for open in &before.orders {
            let id = open.order.client_order_id.clone();
            let mut changed = open.clone();
            if let Some(waits) = after.pending.iter().find(|order| order.id.as_str() == id.as_str()) {
                changed.order.quantity = waits.quantity.into();
                changed.order.terms = to_json("an order", waits)?;
            } else {
                let outcome =
                    happened.get(&OrderKey::Sent(id.as_str().to_owned())).cloned().unwrap_or_default();
                settle(&mut changed, &outcome);
                done.fills.extend(outcome.filled.map(|executed| fill(&id, executed)));
            }
            done.changed.push(changed);
        }
        for event in &events {
            let Event::Ordered(order) = event else { continue };
            if !order.reason.is_in_bar() {
                continue;
            }
            let id: ClientOrderId =
                format!("{STOP}{}.{}", order.ticker, bar.known_at.as_microsecond()).parse()?;
            let outcome = happened.get(&OrderKey::Stop(order.ticker.clone())).cloned().unwrap_or_default();
            let filled = outcome.filled.map_or(Decimal::ZERO, |executed| executed.quantity);
            let whole = filled == Decimal::from(order.quantity);
            let placed = SimulatedSubmission {
                client_order_id: id.clone(),
                bar: bar.known_at,
                ticker: order.ticker.to_string(),
                side: side(order.side),
                quantity: order.quantity.into(),
                terms: to_json("an order", order)?,
            };
            done.placed.push((placed, if whole { OrderState::Filled } else { OrderState::Cancelled }));
            done.fills.extend(outcome.filled.map(|executed| fill(&id, executed)));
        }
        Ok(done)
    }

    async fn executed(&self, id: &ClientOrderId) -> Result<Option<Executed>, TradeError> {
        let fills = self.book.fills(&self.account, id).await?;
        Ok(fills.first().map(|fill| Executed {
            quantity: fill.quantity,
            price: fill.price,
            commission: fill.commission,
        }))
    }
}

/// The final state of an order by what a bar did to it.
fn settle(order: &mut SimulatedOrder, outcome: &Outcome) {
    let filled = outcome.filled.map_or(Decimal::ZERO, |executed| executed.quantity);
    let working = filled + outcome.cancelled;
    if working > Decimal::ZERO {
        order.order.quantity = working;
    }
    if outcome.cancelled.is_zero() && outcome.filled.is_some() {
        order.state = OrderState::Filled;
    } else {
        order.state = OrderState::Cancelled;
        order.message = Some(outcome.message());
    }
}

/// Settings by which nothing is decided: no selection by scores, no latch, no time stop.
fn market_alone(config: &EngineConfig) -> EngineConfig {
    EngineConfig {
        selection: Selection::Rules,
        risk: Risk { max_drawdown: None, max_holding_bars: None, ..config.risk },
        ..config.clone()
    }
}

/// A slice of which nothing but the market is left.
fn market(slice: &Slice) -> Slice {
    let mut slice = slice.clone();
    slice.rebalance = false;
    slice.control = Control::Run;
    slice.reset_latch = false;
    for part in &mut slice.tickers {
        part.active = true;
        part.focus = true;
        part.signal = Signal::default();
    }
    slice
}

impl Broker for SimulatedBroker {
    async fn submit(&self, order: &Order, bar: Timestamp) -> Result<Acceptance, TradeError> {
        let submission = SimulatedSubmission {
            client_order_id: order.id.as_str().parse()?,
            bar,
            ticker: order.ticker.to_string(),
            side: side(order.side),
            quantity: order.quantity.into(),
            terms: to_json("an order", order)?,
        };
        let taken = self.book.submit(&self.account, &submission).await?;
        let rejected = (taken.state == OrderState::Rejected).then(|| taken.message.unwrap_or_default());
        Ok(Acceptance { broker_order_id: taken.broker_order_id.to_string(), rejected })
    }

    async fn cancel(&self, id: &ClientOrderId, reason: &str) -> Result<(), TradeError> {
        self.book.cancel(&self.account, id, reason).await?;
        Ok(())
    }

    async fn observe(&self, bar: &FeedBar) -> Result<(), TradeError> {
        self.book.work_bar(&self.account, bar.known_at, |before| self.work(&before, bar)).await?;
        Ok(())
    }

    async fn report(&self, bar: Timestamp, working: &[ClientOrderId]) -> Result<Outcomes, TradeError> {
        let mut report = Outcomes::new();
        for id in working {
            let Some(order) = self.book.order(&self.account, id).await? else { continue };
            let filled = self.executed(id).await?;
            let mut outcome = Outcome { filled, ..Outcome::default() };
            if matches!(order.state, OrderState::Cancelled | OrderState::Rejected) {
                let taken = outcome.filled.map_or(Decimal::ZERO, |executed| executed.quantity);
                outcome.cancelled = order.order.quantity - taken;
                outcome.reasons.extend(order.message);
            }
            report.insert(OrderKey::Sent(id.as_str().to_owned()), outcome);
        }
        for order in self.book.orders_of_bar(&self.account, bar).await? {
            if !order.order.client_order_id.as_str().starts_with(STOP) {
                continue;
            }
            let filled = self.executed(&order.order.client_order_id).await?;
            let taken = filled.map_or(Decimal::ZERO, |executed| executed.quantity);
            let outcome = Outcome { filled, cancelled: order.order.quantity - taken, reasons: Vec::new() };
            report.insert(OrderKey::Stop(Ticker::new(&order.order.ticker)), outcome);
        }
        Ok(report)
    }

    async fn find(&self, id: &ClientOrderId) -> Result<Option<BrokerOrder>, TradeError> {
        let Some(order) = self.book.order(&self.account, id).await? else { return Ok(None) };
        let filled = self.executed(id).await?.map_or(Decimal::ZERO, |executed| executed.quantity);
        Ok(Some(BrokerOrder {
            client_order_id: id.clone(),
            broker_order_id: order.broker_order_id.to_string(),
            state: order.state,
            filled,
            message: order.message,
        }))
    }

    async fn account(&self) -> Result<BrokerAccount, TradeError> {
        let account = self.book.account(&self.account).await?;
        Ok(BrokerAccount {
            cash: account.cash,
            positions: account.positions.into_iter().map(|held| (held.ticker, held.quantity)).collect(),
            last_bar: account.last_bar,
            working: account.orders.into_iter().map(|open| open.order.client_order_id).collect(),
        })
    }
}
