//! The simulated broker's book, against both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use ats_ledger::{
    BarWork, Ledger, LedgerError, OrderState, Recorded, Side, SimulatedOrder, SimulatedPosition,
    SimulatedSubmission,
};
use rust_decimal::Decimal;
use support::{at, both, d};

both!(orders_are_taken_once, bars_are_worked_once);

fn submission(id: &str) -> SimulatedSubmission {
    SimulatedSubmission {
        client_order_id: id.parse().unwrap(),
        bar: at("2024-01-02T21:00:00Z"),
        ticker: "AAPL".into(),
        side: Side::Buy,
        quantity: 100.into(),
        terms: "{}".into(),
    }
}

async fn orders_are_taken_once(url: &str) {
    let book = Ledger::open(url).await.unwrap().simulated_book();
    assert!(book.submit("m", &submission("a")).await.is_err(), "the account is not open");
    assert_eq!(book.open_account("m", 1000.into()).await.unwrap(), Recorded::New);
    assert_eq!(book.open_account("m", 5.into()).await.unwrap(), Recorded::Known);
    let first = book.submit("m", &submission("a")).await.unwrap();
    assert_eq!((first.broker_order_id, first.state), (1, OrderState::Sent));
    assert_eq!(book.submit("m", &submission("a")).await.unwrap(), first);
    let other = SimulatedSubmission { side: Side::Sell, ..submission("a") };
    assert!(matches!(book.submit("m", &other).await, Err(LedgerError::EntryConflict { .. })));
    book.submit("m", &submission("b")).await.unwrap();
    assert_eq!(book.orders("m").await.unwrap().len(), 2);
    assert_eq!(book.order("m", &"a".parse().unwrap()).await.unwrap(), Some(first));
    assert_eq!(book.order("m", &"z".parse().unwrap()).await.unwrap(), None);
    let account = book.account("m").await.unwrap();
    assert_eq!((account.cash, account.last_bar, account.orders.len()), (1000.into(), None, 2));
}

async fn bars_are_worked_once(url: &str) {
    let book = Ledger::open(url).await.unwrap().simulated_book();
    book.open_account("m", 1000.into()).await.unwrap();
    book.submit("m", &submission("a")).await.unwrap();
    let bar = at("2024-01-03T21:00:00Z");
    let work = |account: ats_ledger::SimulatedAccount| -> Result<BarWork, LedgerError> {
        let order = account.orders[0].clone();
        Ok(BarWork {
            cash: account.cash - Decimal::from(501),
            positions: vec![SimulatedPosition {
                ticker: "AAPL".into(),
                quantity: 50.into(),
                terms: "[]".into(),
            }],
            placed: vec![(
                SimulatedSubmission { side: Side::Sell, ..submission("stop") },
                OrderState::Filled,
            )],
            fills: vec![ats_ledger::Fill {
                client_order_id: order.order.client_order_id.clone(),
                fill: 1,
                session: "2024-01-03".parse().unwrap(),
                filled_at: bar,
                quantity: 50.into(),
                price: d("10"),
                commission: d("1"),
            }],
            changed: vec![SimulatedOrder {
                state: OrderState::Cancelled,
                message: Some("volume".into()),
                ..order
            }],
        })
    };
    // A failure inside takes all of it back.
    let failed = book.work_bar("m", bar, |_| Err(LedgerError::UnknownHalt { id: "a crash".into() })).await;
    assert!(failed.is_err());
    assert_eq!(book.work_bar("m", bar, work).await.unwrap(), Recorded::New);
    assert_eq!(book.work_bar("m", bar, work).await.unwrap(), Recorded::Known);
    assert_eq!(book.work_bar("m", at("2024-01-02T21:00:00Z"), work).await.unwrap(), Recorded::Known);
    let account = book.account("m").await.unwrap();
    assert_eq!((account.cash, account.last_bar), (499.into(), Some(bar)));
    assert!(account.orders.is_empty());
    assert_eq!((account.positions[0].quantity, account.positions[0].terms.as_str()), (50.into(), "[]"));
    let a = book.order("m", &"a".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((a.state, a.message.as_deref()), (OrderState::Cancelled, Some("volume")));
    assert_eq!(book.fills("m", &"a".parse().unwrap()).await.unwrap().len(), 1);
    assert_eq!(book.orders("m").await.unwrap().len(), 2);
    // The market has gone on: an order of the bar before is too late, one of this bar is not.
    let late = book.submit("m", &submission("c")).await.unwrap();
    assert_eq!((late.state, late.message.is_some()), (OrderState::Rejected, true));
    assert_eq!(book.submit("m", &submission("c")).await.unwrap(), late);
    book.submit("m", &SimulatedSubmission { bar, ..submission("d") }).await.unwrap();
    let of_bar = book.orders_of_bar("m", bar).await.unwrap();
    assert_eq!(of_bar.iter().map(|o| o.order.client_order_id.as_str()).collect::<Vec<_>>(), ["d"]);
    let d = "d".parse().unwrap();
    let cancelled = book.cancel("m", &d, "halt").await.unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.message.as_deref()), (OrderState::Cancelled, Some("halt")));
    assert_eq!(book.cancel("m", &d, "again").await.unwrap(), Some(cancelled));
    assert_eq!(book.cancel("m", &"z".parse().unwrap(), "halt").await.unwrap(), None);
    assert!(book.account("m").await.unwrap().orders.is_empty());
}
