//! What the trader needs of a broker.

use std::collections::BTreeMap;
use std::future::Future;

use ats_ledger::{ClientOrderId, OrderState};
use jiff::Timestamp;
use rust_decimal::Decimal;

use super::{FeedBar, Outcomes, TradeError};
use crate::engine::Order;

/// The broker's answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The broker's id of the order.
    pub broker_order_id: String,
    /// Why it was refused, if it was.
    pub rejected: Option<String>,
}

/// An order as the broker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerOrder {
    /// The client's id.
    pub client_order_id: ClientOrderId,
    /// The broker's id.
    pub broker_order_id: String,
    /// Its state.
    pub state: OrderState,
    /// Shares filled.
    pub filled: Decimal,
    /// Why it was cancelled or rejected.
    pub message: Option<String>,
}

/// Cash and positions at the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAccount {
    /// Cash.
    pub cash: Decimal,
    /// Shares by ticker, below 0 when short; no zeros.
    pub positions: BTreeMap<String, Decimal>,
    /// The last bar that the account takes in.
    pub last_bar: Option<Timestamp>,
    /// Orders that are working.
    pub working: Vec<ClientOrderId>,
}

/// A broker. Every call may be repeated: an order is known by its client order id.
pub trait Broker: Send + Sync {
    /// Sends an order that was decided on the bar complete at `bar`, with the stop that its fill shall have.
    fn submit(
        &self,
        order: &Order,
        bar: Timestamp,
    ) -> impl Future<Output = Result<Acceptance, TradeError>> + Send;

    /// Cancels what is left of an order, if anything is.
    fn cancel(&self, id: &ClientOrderId, reason: &str)
    -> impl Future<Output = Result<(), TradeError>> + Send;

    /// Tells of a completed bar. Only a simulated broker has anything to do: this is its market.
    fn observe(&self, bar: &FeedBar) -> impl Future<Output = Result<(), TradeError>> + Send;

    /// What became of working orders and of stops by the end of a bar.
    fn report(
        &self,
        bar: Timestamp,
        working: &[ClientOrderId],
    ) -> impl Future<Output = Result<Outcomes, TradeError>> + Send;

    /// An order by the client's id.
    fn find(
        &self,
        id: &ClientOrderId,
    ) -> impl Future<Output = Result<Option<BrokerOrder>, TradeError>> + Send;

    /// Cash, positions and working orders.
    fn account(&self) -> impl Future<Output = Result<BrokerAccount, TradeError>> + Send;
}
