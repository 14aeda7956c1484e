//! What does not agree stops the process, before anything is sent.

use ats_ledger::{HaltCause, LedgerError, Side, SimulatedSubmission};
use jiff::SignedDuration;

use super::market::{Desk, at, bars, identity};
use super::support::{sqlite, tamper};
use crate::trade::*;

async fn traded(desk: &Desk, days: &[FeedBar]) {
    let mut trader = desk.start().await.unwrap();
    for day in days {
        trader.process(day).await.unwrap();
    }
    assert!(!trader.state().account.positions.is_empty());
    trader.finish().await.unwrap();
}

async fn refused(desk: &Desk) -> String {
    let error = match desk.start().await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    };
    assert!(matches!(error, TradeError::Reconciliation { .. }), "{error}");
    let halts = desk.ledger.open_halts(&identity().key()).await.unwrap();
    assert_eq!(halts.iter().filter(|halt| halt.cause == HaltCause::Reconciliation).count(), 1);
    error.to_string()
}

#[tokio::test]
async fn other_positions_or_cash_at_the_broker() {
    let database = sqlite();
    let desk = Desk::on(&database.url).await;
    traded(&desk, &bars(20, 5)).await;
    tamper(&database.url, "UPDATE simulated_accounts SET cash = '1'").await;
    let shown = refused(&desk).await;
    assert!(shown.contains("cash is 1 at the broker"), "{shown}");
    assert!(shown.contains("nothing was sent"), "{shown}");
    // Said twice, recorded once.
    refused(&desk).await;
}

#[tokio::test]
async fn a_position_that_only_one_side_has() {
    let database = sqlite();
    let desk = Desk::on(&database.url).await;
    traded(&desk, &bars(20, 5)).await;
    tamper(&database.url, "DELETE FROM simulated_positions").await;
    let shown = refused(&desk).await;
    assert!(shown.contains("is 0 shares at the broker"), "{shown}");
}

#[tokio::test]
async fn an_order_that_only_one_side_has() {
    let database = sqlite();
    let days = bars(60, 5);
    let desk = Desk::on(&database.url).await;
    let mut trader = desk.start().await.unwrap();
    let mut day = 0;
    while day < 10 || trader.state().pending.is_empty() {
        trader.process(&days[day]).await.unwrap();
        day += 1;
    }
    drop(trader);
    let book = desk.ledger.simulated_book();
    let foreign = SimulatedSubmission {
        client_order_id: "by-hand".parse().unwrap(),
        bar: days[day].known_at,
        ticker: "AAA".into(),
        side: Side::Buy,
        quantity: 1.into(),
        terms: "{}".into(),
    };
    book.submit("momentum", &foreign).await.unwrap();
    let shown = refused(&desk).await;
    assert!(shown.contains("the broker works on order by-hand, which the ledger does not have"), "{shown}");
    tamper(&database.url, "DELETE FROM simulated_orders WHERE state = 'Sent'").await;
    let shown = refused(&desk).await;
    assert!(shown.contains("was sent and the broker does not know it"), "{shown}");
}

#[tokio::test]
async fn a_fill_that_the_engine_cannot_explain() {
    let database = sqlite();
    let days = bars(60, 5);
    let desk = Desk::on(&database.url).await;
    let mut trader = desk.start().await.unwrap();
    let mut day = 0;
    while day < 10 || trader.state().pending.is_empty() {
        trader.process(&days[day]).await.unwrap();
        day += 1;
    }
    desk.broker().await.observe(&days[day]).await.unwrap();
    tamper(&database.url, "UPDATE simulated_fills SET price = '77.5'").await;
    let fills = desk.ledger.fills(&identity().key()).await.unwrap().len();
    let error = trader.process(&days[day]).await.unwrap_err();
    assert!(error.to_string().contains("at 77.5"), "{error}");
    assert_eq!(desk.ledger.fills(&identity().key()).await.unwrap().len(), fills);
}

#[tokio::test]
async fn a_process_that_was_taken_over_writes_and_sends_nothing() {
    let days = bars(30, 5);
    let mut desk = Desk::new().await;
    desk.settings.lease = SignedDuration::from_hours(24 * 365);
    let mut first = desk.start().await.unwrap();
    for day in &days[..20] {
        first.process(day).await.unwrap();
    }
    desk.settings.holder = "pod-2".to_owned();
    let held = desk.start().await.map(|_| ()).unwrap_err();
    assert!(
        matches!(held, TradeError::Ledger(LedgerError::LeaseHeld { .. })) && held.is_transient(),
        "{held}"
    );
    // Two years on: the first hung, its lease has ended, another took over.
    desk.clock.set(at(20_000, 0, 0));
    let mut second = desk.start().await.unwrap();
    let before = desk.left().await;
    let error = first.process(&days[20]).await.unwrap_err();
    assert!(matches!(error, TradeError::Ledger(LedgerError::Fenced { epoch: 1, .. })), "{error}");
    assert_eq!(desk.left().await, before);
    second.process(&days[20]).await.unwrap();
}

#[tokio::test]
async fn a_state_of_another_revision_is_refused() {
    let mut desk = Desk::new().await;
    traded(&desk, &bars(20, 5)).await;
    desk.settings.engine_revision = 2;
    let error = desk.start().await.map(|_| ()).unwrap_err();
    assert!(matches!(error, TradeError::EngineRevision { saved: 1, ours: 2, .. }), "{error}");
}
