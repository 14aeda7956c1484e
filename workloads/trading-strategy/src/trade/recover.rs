//! What is checked before anything is sent: ledger, engine and broker must tell the same.

use std::collections::BTreeMap;

use ats_ledger::{Account, HaltCause, Lease, Ledger, LedgerError, NewHalt, OrderRow, OrderState, SavedState};
use jiff::Timestamp;
use rust_decimal::Decimal;

use super::control::halt_id;
use super::{Broker, BrokerAccount, TradeError};
use crate::engine::EngineState;

/// Cash and shares, from any of the three.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holdings {
    cash: Decimal,
    shares: BTreeMap<String, Decimal>,
}

impl From<&Account> for Holdings {
    fn from(account: &Account) -> Self {
        let shares = account.positions.iter().map(|held| (held.ticker.clone(), held.quantity)).collect();
        Self { cash: account.cash, shares }
    }
}

impl From<&BrokerAccount> for Holdings {
    fn from(account: &BrokerAccount) -> Self {
        Self { cash: account.cash, shares: account.positions.clone() }
    }
}

impl From<&EngineState> for Holdings {
    fn from(state: &EngineState) -> Self {
        let positions = state.account.positions.iter();
        let shares = positions.map(|(ticker, held)| (ticker.to_string(), held.quantity.into())).collect();
        Self { cash: state.account.cash.into(), shares }
    }
}

/// The first figure that differs.
fn difference(first: (&str, &Holdings), second: (&str, &Holdings)) -> Option<String> {
    let ((name, a), (other, b)) = (first, second);
    if a.cash != b.cash {
        return Some(format!(
            "cash is {} at {name} and {} at {other}",
            a.cash.normalize(),
            b.cash.normalize()
        ));
    }
    let held = |side: &Holdings, ticker: &str| side.shares.get(ticker).copied().unwrap_or_default();
    a.shares.keys().chain(b.shares.keys()).find(|ticker| held(a, ticker) != held(b, ticker)).map(|ticker| {
        format!("{ticker} is {} shares at {name} and {} at {other}", held(a, ticker), held(b, ticker))
    })
}

/// Ledger and engine must tell the same, always; the broker too, unless it has worked a bar that they have not.
pub(super) fn agree(
    ledger: &Account,
    engine: &EngineState,
    broker: Option<&BrokerAccount>,
) -> Option<String> {
    let (ledger, engine) = (Holdings::from(ledger), Holdings::from(engine));
    difference(("the ledger", &ledger), ("the engine", &engine)).or_else(|| {
        let broker = Holdings::from(broker?);
        difference(("the broker", &broker), ("the ledger", &ledger))
    })
}

/// What is left to do after a restart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Recovered {
    /// Orders of the last bar that the broker does not know yet.
    pub(super) unsent: Vec<OrderRow>,
}

/// Compares the ledger with the broker after a start. Orders that the broker knows are marked as sent; those that it
/// does not know are returned to be sent. The error names what does not agree, after it was recorded as a halt.
pub(super) async fn reconcile<B: Broker>(
    ledger: &Ledger,
    lease: &Lease,
    broker: &B,
    saved: Option<&SavedState<EngineState>>,
    fresh: &EngineState,
    now: Timestamp,
) -> Result<Recovered, TradeError> {
    let strategy = &lease.strategy;
    ledger.verify(strategy).await?;
    let open = ledger.open_orders(strategy).await?;
    let account = broker.account().await?;
    let decided = saved.map(|state| state.bar);
    let ahead = account.last_bar > decided;
    let engine = saved.map_or(fresh, |state| &state.state);
    let mut problem = agree(&ledger.account(strategy).await?, engine, (!ahead).then_some(&account));
    let mut recovered = Recovered::default();
    let mut writer = ledger.write(lease).await?;
    for order in open {
        let id = &order.client_order_id;
        match (order.state, broker.find(id).await?) {
            (OrderState::New, Some(known)) if known.state == OrderState::Rejected => {
                writer
                    .end_order(id, OrderState::Rejected, known.message.as_deref().unwrap_or(""), now)
                    .await?;
            }
            (_, Some(known)) => {
                writer.mark_sent(id, &known.broker_order_id, now).await?;
            }
            (OrderState::New, None) => recovered.unsent.push(order),
            (_, None) => {
                problem = problem.or(Some(format!("order {id} was sent and the broker does not know it")));
            }
        }
    }
    writer.commit().await?;
    for id in &account.working {
        let known = ledger_has(ledger, lease, id).await?;
        if !known {
            problem =
                problem.or(Some(format!("the broker works on order {id}, which the ledger does not have")));
        }
    }
    match problem {
        None => Ok(recovered),
        Some(difference) => Err(disagree(ledger, lease, difference, now).await?),
    }
}

async fn ledger_has(
    ledger: &Ledger,
    lease: &Lease,
    id: &ats_ledger::ClientOrderId,
) -> Result<bool, LedgerError> {
    let mut writer = ledger.write(lease).await?;
    Ok(writer.find_order(id).await?.is_some())
}

/// Records a difference as a halt, once while it stands, and gives the error that ends the process.
pub(super) async fn disagree(
    ledger: &Ledger,
    lease: &Lease,
    difference: String,
    now: Timestamp,
) -> Result<TradeError, LedgerError> {
    let standing = ledger.open_halts(&lease.strategy).await?;
    if !standing.iter().any(|halt| halt.cause == HaltCause::Reconciliation) {
        let cause = HaltCause::Reconciliation;
        let halt =
            NewHalt { id: halt_id(cause, now), cause, reason: difference.clone(), session: None, at: now };
        let mut writer = ledger.write(lease).await?;
        writer.record_halt(&halt).await?;
        writer.commit().await?;
    }
    Ok(TradeError::Reconciliation { strategy: lease.strategy.clone(), difference })
}
