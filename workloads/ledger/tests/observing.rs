//! Looking on while others trade: nothing is made, nothing can be written.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use ats_ledger::{
    Decision, DecisionOutcome, Ledger, LedgerError, LedgerOptions, NewOrder, OrderKind, OrderState, Purpose,
    Side, StrategyIdentity,
};
use jiff::SignedDuration;
use support::{at, both, tamper};

both!(only_what_is_there_is_read, an_observer_cannot_write, versions_are_compared, orders_are_counted);

const TTL: SignedDuration = SignedDuration::from_secs(30);

async fn look(url: &str) -> Result<Ledger, LedgerError> {
    Ledger::open_read_only(url, LedgerOptions::default()).await
}

fn momentum() -> StrategyIdentity {
    StrategyIdentity::cluster("trading", "momentum", "0a1b").unwrap()
}

async fn only_what_is_there_is_read(url: &str) {
    let refused = look(url).await.expect_err("there is nothing yet").to_string();
    if let Some(file) = url.strip_prefix("sqlite://") {
        assert!(refused.contains("cannot reach the ledger"), "{refused}");
        assert!(!std::path::Path::new(file).parent().unwrap().exists(), "no folder is made");
    } else {
        assert!(refused.contains("has no tables yet"), "{refused}");
        assert!(look(url).await.is_err(), "the first look made none");
    }
    Ledger::open(url).await.unwrap();
    assert_eq!(look(url).await.unwrap().strategies(None).await.unwrap(), []);
}

async fn an_observer_cannot_write(url: &str) {
    Ledger::open(url).await.unwrap();
    let observer = look(url).await.unwrap();
    let taken = observer.acquire_lease(&momentum(), "observer", TTL, at("2024-01-02T21:05:00Z")).await;
    let shown = taken.expect_err("it wrote").to_string();
    assert!(shown.contains("read-only") || shown.contains("readonly"), "{shown}");
    assert_eq!(observer.strategies(None).await.unwrap(), []);
}

async fn versions_are_compared(url: &str) {
    Ledger::open(url).await.unwrap();
    tamper(url, "DELETE FROM _sqlx_migrations WHERE version = 3").await;
    assert!(matches!(look(url).await, Err(LedgerError::Older { version: 2, .. })));
    tamper(url, "UPDATE _sqlx_migrations SET version = 9000 WHERE version = 2").await;
    assert!(matches!(look(url).await, Err(LedgerError::Newer { version: 9000, .. })));
}

async fn orders_are_counted(url: &str) {
    let ledger = Ledger::open(url).await.unwrap();
    let now = at("2024-01-02T21:05:00Z");
    let lease = ledger.acquire_lease(&momentum(), "pod-1", TTL, now).await.unwrap();
    let order = |id: &str, side: Side| NewOrder {
        client_order_id: id.parse().unwrap(),
        bar: at("2024-01-02T21:00:00Z"),
        session: "2024-01-02".parse().unwrap(),
        ticker: "AAPL".into(),
        side,
        quantity: 10.into(),
        kind: OrderKind::MarketOnOpen,
        price: None,
        trigger_price: None,
        purpose: Purpose::Entry,
        reason: "Signal".into(),
        cuts: Vec::new(),
    };
    let mut writer = ledger.write(&lease).await.unwrap();
    let orders = [order("a", Side::Buy), order("b", Side::Buy), order("c", Side::Sell)];
    writer.insert_orders(&orders, now).await.unwrap();
    writer
        .record_decision(&Decision {
            bar: at("2024-01-02T21:00:00Z"),
            session: "2024-01-02".parse().unwrap(),
            outcome: DecisionOutcome::Stale,
            orders: 0,
            message: None,
            decided_at: now,
        })
        .await
        .unwrap();
    writer.end_order(&"b".parse().unwrap(), OrderState::Rejected, "no", now).await.unwrap();
    writer.commit().await.unwrap();
    let (observer, key) = (look(url).await.unwrap(), momentum().key());
    assert_eq!(
        observer.order_counts(&key).await.unwrap(),
        [
            (Side::Buy, OrderState::New, 1),
            (Side::Buy, OrderState::Rejected, 1),
            (Side::Sell, OrderState::New, 1)
        ]
    );
    assert_eq!(observer.decision_counts(&key).await.unwrap(), [(DecisionOutcome::Stale, 1)]);
    let other = StrategyIdentity::cluster("trading", "momentum", "ffff").unwrap().key();
    assert_eq!(observer.order_counts(&other).await.unwrap(), []);
}
