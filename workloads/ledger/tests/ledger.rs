//! The same suite against SQLite and PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use ats_ledger::{
    CashMovement, Cut, Decision, DecisionOutcome, EquityPoint, Fill, HaltCause, Lease, Ledger, LedgerError,
    MovementKind, NewHalt, NewOrder, OrderFilter, OrderKind, OrderState, Purpose, Recorded, Run, RunMode,
    Side, StateSnapshot, StockSplit, StrategyIdentity,
};
use jiff::{SignedDuration, Timestamp};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use rust_decimal::Decimal;
use support::{at, both, d, tamper};

both!(
    leases_fence,
    one_of_many_gets_the_lease,
    a_writer_holds_the_lease,
    orders_are_written_once,
    orders_change_state_one_way,
    fills_are_recorded_once,
    splits_and_dividends,
    parts_of_shares,
    the_snapshot_is_checked,
    bars_are_decided_once,
    halts_are_reset_once,
    trades_are_flat_to_flat,
    a_dropped_writer_writes_nothing,
    many_processes_open_at_once,
    a_stop_limit_order_keeps_its_prices,
    a_ledger_of_before_gains_what_is_new,
    the_snapshot_equals_the_derivation,
);

const TTL: SignedDuration = SignedDuration::from_secs(30);

fn now() -> Timestamp {
    at("2024-01-02T21:05:00Z")
}

fn momentum() -> StrategyIdentity {
    StrategyIdentity::cluster("trading", "momentum", "0a1b").unwrap()
}

async fn ready(url: &str) -> (Ledger, Lease) {
    let ledger = Ledger::open(url).await.unwrap();
    let lease = ledger.acquire_lease(&momentum(), "pod-1", TTL, now()).await.unwrap();
    (ledger, lease)
}

fn order(id: &str, ticker: &str, side: Side, quantity: i64) -> NewOrder {
    NewOrder {
        client_order_id: id.parse().unwrap(),
        bar: at("2024-01-02T21:00:00Z"),
        session: "2024-01-02".parse().unwrap(),
        ticker: ticker.into(),
        side,
        quantity: quantity.into(),
        kind: OrderKind::MarketOnOpen,
        price: None,
        trigger_price: None,
        purpose: Purpose::Entry,
        reason: "Signal".into(),
        cuts: vec![Cut { rule: "Heat".into(), from: 200.into(), to: quantity.into() }],
    }
}

fn fill(id: &str, number: i64, quantity: i64, price: &str, commission: &str) -> Fill {
    Fill {
        client_order_id: id.parse().unwrap(),
        fill: number,
        session: "2024-01-03".parse().unwrap(),
        filled_at: at("2024-01-03T14:30:00Z"),
        quantity: quantity.into(),
        price: d(price),
        commission: d(commission),
    }
}

async fn insert(ledger: &Ledger, lease: &Lease, orders: &[NewOrder]) -> Result<usize, LedgerError> {
    let mut writer = ledger.write(lease).await?;
    let new = writer.insert_orders(orders, now()).await?;
    writer.commit().await?;
    Ok(new)
}

async fn record(ledger: &Ledger, lease: &Lease, fill: &Fill) -> Result<Recorded, LedgerError> {
    let mut writer = ledger.write(lease).await?;
    let recorded = writer.record_fill(fill, now()).await?;
    writer.commit().await?;
    Ok(recorded)
}

async fn a_stop_limit_order_keeps_its_prices(url: &str) {
    let (ledger, lease) = ready(url).await;
    let given = NewOrder {
        kind: OrderKind::StopLimit,
        price: Some(d("52")),
        trigger_price: Some(d("51.5")),
        ..order("a", "AAPL", Side::Buy, 100)
    };
    assert_eq!(insert(&ledger, &lease, std::slice::from_ref(&given)).await.unwrap(), 1);
    let mut w = ledger.write(&lease).await.unwrap();
    let id = "a".parse().unwrap();
    w.rescale_order(&id, 200.into(), Some(d("26")), Some(d("25.75")), now()).await.unwrap();
    w.commit().await.unwrap();
    let stored = ledger.orders(&lease.strategy, OrderFilter::default()).await.unwrap().remove(0);
    assert_eq!((stored.kind, stored.quantity, stored.working_quantity), (given.kind, 100.into(), 200.into()));
    assert_eq!((stored.price, stored.trigger_price), (given.price, given.trigger_price));
    assert_eq!((stored.working_price, stored.working_trigger_price), (Some(d("26")), Some(d("25.75"))));
    // Written again it is the same order, with another trigger it is not.
    assert_eq!(insert(&ledger, &lease, std::slice::from_ref(&given)).await.unwrap(), 0);
    let other = NewOrder { trigger_price: Some(d("51")), ..given };
    let error = insert(&ledger, &lease, &[other]).await.unwrap_err().to_string();
    assert!(error.contains("trigger price"), "{error}");
}

/// A database that an earlier release made, with an order in it: opened, it has what is new, and the order.
async fn a_ledger_of_before_gains_what_is_new(url: &str) {
    use sqlx::{AnyConnection, Connection as _, Executor as _};
    let folder = tempfile::tempdir().unwrap();
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for entry in std::fs::read_dir(migrations).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap();
        if name < "0003" {
            std::fs::copy(&file, folder.path().join(name)).unwrap();
        }
    }
    if let Some(file) = url.strip_prefix("sqlite://") {
        std::fs::create_dir_all(Path::new(file).parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.unwrap();
    sqlx::migrate::Migrator::new(folder.path())
        .await
        .unwrap()
        .run_direct(None, &mut connection, false)
        .await
        .unwrap();
    for statement in [
        "INSERT INTO strategies VALUES ('trading/momentum/0a1b', 'trading', 'momentum', '0a1b')",
        "INSERT INTO orders VALUES ('a', 'trading/momentum/0a1b', 1, 1, '2024-01-02T21:00:00.000000Z', '2024-01-02', \
         'AAPL', 'Sell', '100', 'Stop', '48', 'Exit', 'Stop', '[]', 'New', '200', '24', '0', NULL, NULL, \
         '2024-01-02T21:05:00.000000Z', '2024-01-02T21:05:00.000000Z')",
    ] {
        connection.execute(statement).await.unwrap();
    }
    connection.close().await.unwrap();
    let ledger = Ledger::open(url).await.unwrap();
    let orders = ledger.orders(&momentum().key(), OrderFilter::default()).await.unwrap();
    assert_eq!(orders.len(), 1);
    let old = &orders[0];
    assert_eq!((old.kind, old.price, old.working_price), (OrderKind::Stop, Some(d("48")), Some(d("24"))));
    assert_eq!((old.trigger_price, old.working_trigger_price), (None, None));
    let lease = ledger.acquire_lease(&momentum(), "pod-1", TTL, now()).await.unwrap();
    let mut w = ledger.write(&lease).await.unwrap();
    w.mark_sent(&"a".parse().unwrap(), "7", now()).await.unwrap();
    w.commit().await.unwrap();
}

async fn leases_fence(url: &str) {
    let (ledger, first) = ready(url).await;
    assert_eq!(first.epoch, 1);
    // Another holder waits until the lease has ended, to the microsecond.
    let early = first.expires_at - SignedDuration::from_micros(1);
    let held = ledger.acquire_lease(&momentum(), "pod-2", TTL, early).await.unwrap_err();
    assert_eq!(
        held.to_string(),
        "strategy trading/momentum/0a1b is run by pod-1 until 2024-01-02T21:05:30Z; stop it, or wait until its \
         lease has ended"
    );
    // Renewed, it ends later; the same epoch.
    let renewed = ledger.renew(&first, TTL, early).await.unwrap();
    assert_eq!((renewed.epoch, renewed.expires_at), (1, early + TTL));
    assert!(ledger.acquire_lease(&momentum(), "pod-2", TTL, first.expires_at).await.is_err());
    let second = ledger.acquire_lease(&momentum(), "pod-2", TTL, renewed.expires_at).await.unwrap();
    assert_eq!(second.epoch, 2);
    // The first is fenced from everything.
    let orders = [order("a", "AAPL", Side::Buy, 100)];
    let fenced = insert(&ledger, &first, &orders).await.unwrap_err();
    assert!(matches!(fenced, LedgerError::Fenced { epoch: 1, .. }), "{fenced}");
    assert!(matches!(ledger.renew(&first, TTL, now()).await, Err(LedgerError::Fenced { .. })));
    assert!(matches!(ledger.release(&first, now()).await, Err(LedgerError::Fenced { .. })));
    assert!(ledger.orders(&first.strategy, OrderFilter::default()).await.unwrap().is_empty());
    // A restarted container of the same pod need not wait, and fences what it was before.
    let third = ledger.acquire_lease(&momentum(), "pod-2", TTL, now()).await.unwrap();
    assert_eq!(third.epoch, 3);
    assert!(matches!(insert(&ledger, &second, &orders).await, Err(LedgerError::Fenced { epoch: 2, .. })));
    assert_eq!(insert(&ledger, &third, &orders).await.unwrap(), 1);
    // Released, it is free at once. Strategies have leases of their own.
    ledger.release(&third, now()).await.unwrap();
    assert_eq!(ledger.acquire_lease(&momentum(), "pod-9", TTL, now()).await.unwrap().epoch, 4);
    let other = StrategyIdentity::local("momentum").unwrap();
    assert_eq!(ledger.acquire_lease(&other, "laptop", TTL, now()).await.unwrap().epoch, 1);
    assert_eq!(ledger.strategies(Some("momentum")).await.unwrap(), [other, momentum()]);
    assert!(ledger.strategies(Some("other")).await.unwrap().is_empty());
    assert_eq!(ledger.strategies(None).await.unwrap().len(), 2);
    let row = ledger.lease(&momentum().key()).await.unwrap().unwrap();
    assert_eq!((row.epoch, row.holder.as_str(), row.acquired_at), (4, "pod-9", now()));
}

async fn one_of_many_gets_the_lease(url: &str) {
    let ledger = Ledger::open(url).await.unwrap();
    for round in 0..3 {
        let start = now() + TTL * round;
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    ledger.acquire_lease(&momentum(), &format!("pod-{round}-{n}"), TTL, start).await
                })
            })
            .collect();
        let mut epochs = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(lease) => epochs.push(lease.epoch),
                Err(LedgerError::LeaseHeld { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(epochs, [i64::from(round) + 1]);
    }
}

async fn a_writer_holds_the_lease(url: &str) {
    let (ledger, lease) = ready(url).await;
    let mut writer = ledger.write(&lease).await.unwrap();
    writer.insert_orders(&[order("a", "AAPL", Side::Buy, 100)], now()).await.unwrap();
    // The lease has ended; another process takes it while the first is between its order and its commit.
    let (other, end) = (ledger.clone(), lease.expires_at);
    let taking = tokio::spawn(async move { other.acquire_lease(&momentum(), "pod-2", TTL, end).await });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(!taking.is_finished(), "the epoch was raised under an open writer");
    writer.commit().await.unwrap();
    let second = taking.await.unwrap().unwrap();
    // So the new holder sees everything that the old one has written, and the old one writes no more.
    assert_eq!(ledger.open_orders(&second.strategy).await.unwrap().len(), 1);
    let late = insert(&ledger, &lease, &[order("b", "AAPL", Side::Buy, 100)]).await;
    assert!(matches!(late, Err(LedgerError::Fenced { epoch: 1, .. })));
}

async fn orders_are_written_once(url: &str) {
    let (ledger, lease) = ready(url).await;
    let orders = [order("a", "AAPL", Side::Buy, 100), order("b", "IBM", Side::Sell, 50)];
    assert_eq!(insert(&ledger, &lease, &orders).await.unwrap(), 2);
    assert_eq!(insert(&ledger, &lease, &orders).await.unwrap(), 0);
    let stored = ledger.open_orders(&lease.strategy).await.unwrap();
    assert_eq!(stored.iter().map(|o| o.client_order_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let a = &stored[0];
    assert_eq!((a.state, a.epoch, a.filled_quantity), (OrderState::New, 1, Decimal::ZERO));
    assert_eq!((a.quantity, a.working_quantity, a.bar), (100.into(), 100.into(), orders[0].bar));
    assert_eq!((a.cuts.as_slice(), a.created_at), (orders[0].cuts.as_slice(), now()));
    // The same id with other terms is never a second order.
    for changed in [
        NewOrder { quantity: 101.into(), ..orders[0].clone() },
        NewOrder { side: Side::Sell, ..orders[0].clone() },
        NewOrder { ticker: "IBM".into(), ..orders[0].clone() },
        NewOrder { price: Some(d("9.5")), ..orders[0].clone() },
    ] {
        let error = insert(&ledger, &lease, &[changed]).await.unwrap_err();
        assert!(matches!(error, LedgerError::OrderConflict { .. }), "{error}");
    }
    let none = insert(&ledger, &lease, &[order("c", "AAPL", Side::Buy, 0)]).await.unwrap_err();
    assert_eq!(none.to_string(), "quantity of an order must be above 0, not 0");
    let latest = OrderFilter { latest: Some(1), ..OrderFilter::default() };
    assert_eq!(ledger.orders(&lease.strategy, latest).await.unwrap()[0].client_order_id.as_str(), "b");
}

async fn orders_change_state_one_way(url: &str) {
    let (ledger, lease) = ready(url).await;
    let orders = ["a", "b", "c"].map(|id| order(id, "AAPL", Side::Buy, 100));
    insert(&ledger, &lease, &orders).await.unwrap();
    let id = |n: usize| &orders[n].client_order_id;
    let mut w = ledger.write(&lease).await.unwrap();
    assert_eq!(w.mark_sent(id(0), "b-1", now()).await.unwrap(), Recorded::New);
    assert_eq!(w.mark_sent(id(0), "b-1", now()).await.unwrap(), Recorded::Known);
    assert!(matches!(w.mark_sent(id(0), "b-2", now()).await, Err(LedgerError::OrderConflict { .. })));
    assert!(matches!(
        w.end_order(id(0), OrderState::Filled, "no fill", now()).await,
        Err(LedgerError::OrderState { .. })
    ));
    w.end_order(id(0), OrderState::Cancelled, "no bar", now()).await.unwrap();
    assert_eq!(w.end_order(id(0), OrderState::Cancelled, "x", now()).await.unwrap(), Recorded::Known);
    assert!(w.end_order(id(0), OrderState::Rejected, "late", now()).await.is_err());
    w.end_order(id(1), OrderState::Rejected, "no such ticker", now()).await.unwrap();
    assert!(matches!(
        w.record_fill(&fill("b", 1, 1, "10", "0"), now()).await,
        Err(LedgerError::OrderState { .. })
    ));
    assert!(matches!(
        w.mark_sent(&"zz".parse().unwrap(), "b-9", now()).await,
        Err(LedgerError::UnknownOrder { .. })
    ));
    // A split before the fill changes what works, not what was ordered.
    w.rescale_order(id(2), 200.into(), None, None, now()).await.unwrap();
    w.record_fill(&fill("c", 1, 200, "5", "1"), now()).await.unwrap();
    assert!(w.rescale_order(id(2), 400.into(), None, None, now()).await.is_err());
    w.commit().await.unwrap();
    let all = ledger.orders(&lease.strategy, OrderFilter::default()).await.unwrap();
    let states: Vec<_> = all.iter().map(|o| (o.state, o.message.as_deref())).collect();
    assert_eq!(
        states,
        [
            (OrderState::Cancelled, Some("no bar")),
            (OrderState::Rejected, Some("no such ticker")),
            (OrderState::Filled, None)
        ]
    );
    assert_eq!((all[2].quantity, all[2].working_quantity), (100.into(), 200.into()));
    assert!(ledger.open_orders(&lease.strategy).await.unwrap().is_empty());
}

async fn fills_are_recorded_once(url: &str) {
    let (ledger, lease) = ready(url).await;
    insert(&ledger, &lease, &[order("a", "AAPL", Side::Buy, 100), order("b", "IBM", Side::Sell, 10)])
        .await
        .unwrap();
    let part = fill("a", 1, 60, "10.01", "1");
    assert_eq!(record(&ledger, &lease, &part).await.unwrap(), Recorded::New);
    assert_eq!(record(&ledger, &lease, &part).await.unwrap(), Recorded::Known);
    let state = |orders: Vec<ats_ledger::OrderRow>| orders.iter().map(|o| o.state).collect::<Vec<_>>();
    let open = ledger.open_orders(&lease.strategy).await.unwrap();
    assert_eq!(open[0].filled_quantity, 60.into());
    assert_eq!(state(open), [OrderState::PartiallyFilled, OrderState::New]);
    let other = record(&ledger, &lease, &fill("a", 1, 60, "10.02", "1")).await.unwrap_err();
    assert_eq!(
        other.to_string(),
        "fill 1 of order a is already in the ledger with another price: 10.01, not 10.02"
    );
    let over = record(&ledger, &lease, &fill("a", 2, 41, "10", "0")).await.unwrap_err();
    assert_eq!(over.to_string(), "order a of 100 shares would be filled 101");
    // The broker fills what was cancelled too late: a fact.
    let mut w = ledger.write(&lease).await.unwrap();
    w.end_order(&"a".parse().unwrap(), OrderState::Cancelled, "end of day", now()).await.unwrap();
    w.record_fill(&fill("a", 2, 30, "10", "0"), now()).await.unwrap();
    w.record_fill(&fill("b", 1, 10, "150.5", "0.5"), now()).await.unwrap();
    w.commit().await.unwrap();
    let all = ledger.orders(&lease.strategy, OrderFilter::default()).await.unwrap();
    assert_eq!((all[0].state, all[0].filled_quantity), (OrderState::Cancelled, 90.into()));
    let account = ledger.account(&lease.strategy).await.unwrap();
    // -60 x 10.01 - 1 - 30 x 10 + 10 x 150.5 - 0.5
    assert_eq!(account.cash, d("602.9"));
    let positions: Vec<_> =
        account.positions.iter().map(|p| (p.ticker.as_str(), p.quantity, p.cost)).collect();
    assert_eq!(positions, [("AAPL", 90.into(), d("900.6")), ("IBM", (-10).into(), d("-1505"))]);
    assert_eq!(ledger.fills(&lease.strategy).await.unwrap().len(), 3);
    ledger.verify(&lease.strategy).await.unwrap();
}

async fn splits_and_dividends(url: &str) {
    let (ledger, lease) = ready(url).await;
    insert(&ledger, &lease, &[order("a", "AAPL", Side::Buy, 101)]).await.unwrap();
    record(&ledger, &lease, &fill("a", 1, 101, "20", "0")).await.unwrap();
    let split = StockSplit {
        ticker: "AAPL".into(),
        session: "2024-01-04".parse().unwrap(),
        ratio: d("0.5"),
        quantity_before: 101.into(),
        quantity_after: 50.into(),
    };
    let movement = |id: &str, kind, amount: &str| CashMovement {
        movement: id.into(),
        session: "2024-01-04".parse().unwrap(),
        kind,
        ticker: Some("AAPL".into()),
        amount: d(amount),
    };
    for _ in 0..2 {
        let mut w = ledger.write(&lease).await.unwrap();
        w.record_movement(&movement("dividend-AAPL-2024-01-04", MovementKind::Dividend, "24.24"))
            .await
            .unwrap();
        w.record_split(&split).await.unwrap();
        w.record_movement(&movement("lieu-AAPL-2024-01-04", MovementKind::CashInLieu, "20.5")).await.unwrap();
        w.commit().await.unwrap();
    }
    let account = ledger.account(&lease.strategy).await.unwrap();
    assert_eq!(account.cash, d("-1975.26"));
    assert_eq!((account.positions[0].quantity, account.positions[0].cost), (50.into(), 2020.into()));
    let mut w = ledger.write(&lease).await.unwrap();
    let changed = movement("lieu-AAPL-2024-01-04", MovementKind::CashInLieu, "21");
    assert!(matches!(w.record_movement(&changed).await, Err(LedgerError::EntryConflict { .. })));
    let again = StockSplit { session: "2024-01-05".parse().unwrap(), ..split };
    let wrong = w.record_split(&again).await.unwrap_err();
    assert_eq!(wrong.to_string(), "split of AAPL on 2024-01-05 starts from 101 shares, the ledger has 50");
    drop(w);
    ledger.verify(&lease.strategy).await.unwrap();
    assert_eq!(ledger.movements(&lease.strategy).await.unwrap().len(), 2);
    assert_eq!(ledger.splits(&lease.strategy).await.unwrap().len(), 1);
}

/// 0.333333 at 10.01 are 3.33666333 dollars, so 3.336663; 0.333334 at 10.02 are 3.34000668, so 3.340007. A split of one
/// for three makes 0.222222 of 0.666667, without cash.
async fn parts_of_shares(url: &str) {
    let (ledger, lease) = ready(url).await;
    let part = NewOrder {
        quantity: d("0.666667"),
        cuts: vec![Cut { rule: "Cash".into(), from: d("0.7"), to: d("0.666667") }],
        ..order("a", "AAPL", Side::Buy, 1)
    };
    insert(&ledger, &lease, &[part]).await.unwrap();
    let of =
        |number, quantity: &str, price| Fill { quantity: d(quantity), ..fill("a", number, 1, price, "0") };
    record(&ledger, &lease, &of(1, "0.333333", "10.01")).await.unwrap();
    let more = record(&ledger, &lease, &of(2, "0.333335", "10.02")).await.unwrap_err();
    assert_eq!(more.to_string(), "order a of 0.666667 shares would be filled 0.666668");
    record(&ledger, &lease, &of(2, "0.333334", "10.02")).await.unwrap();
    assert_eq!(record(&ledger, &lease, &of(2, "0.333334", "10.02")).await.unwrap(), Recorded::Known);
    let orders = ledger.orders(&lease.strategy, OrderFilter::default()).await.unwrap();
    assert_eq!((orders[0].state, orders[0].filled_quantity), (OrderState::Filled, d("0.666667")));
    assert_eq!(orders[0].cuts[0].from, d("0.7"));
    let split = StockSplit {
        ticker: "AAPL".into(),
        session: "2024-01-04".parse().unwrap(),
        ratio: d("0.333333333"),
        quantity_before: d("0.666667"),
        quantity_after: d("0.222222"),
    };
    let mut w = ledger.write(&lease).await.unwrap();
    w.record_split(&split).await.unwrap();
    w.commit().await.unwrap();
    let account = ledger.account(&lease.strategy).await.unwrap();
    assert_eq!(account.cash, d("-6.67667"));
    assert_eq!((account.positions[0].quantity, account.positions[0].cost), (d("0.222222"), d("6.67667")));
    ledger.verify(&lease.strategy).await.unwrap();
}

async fn the_snapshot_is_checked(url: &str) {
    let (ledger, lease) = ready(url).await;
    insert(&ledger, &lease, &[order("a", "AAPL", Side::Buy, 100)]).await.unwrap();
    record(&ledger, &lease, &fill("a", 1, 100, "10", "1")).await.unwrap();
    ledger.verify(&lease.strategy).await.unwrap();
    tamper(url, "UPDATE positions SET quantity = '99'").await;
    let error = ledger.verify(&lease.strategy).await.unwrap_err().to_string();
    assert!(
        error.contains("the position in AAPL is 99 shares") && error.contains("and 100 shares"),
        "{error}"
    );
    tamper(url, "UPDATE positions SET quantity = '100'").await;
    tamper(url, "UPDATE accounts SET cash = '0'").await;
    let error = ledger.verify(&lease.strategy).await.unwrap_err().to_string();
    assert!(error.contains("cash is 0 in the snapshot and -1001 by the fills"), "{error}");
    tamper(url, "UPDATE accounts SET cash = 'plenty'").await;
    let error = ledger.verify(&lease.strategy).await.unwrap_err().to_string();
    assert_eq!(error, "the ledger has \"plenty\" in accounts.cash, which this version cannot read");
}

async fn bars_are_decided_once(url: &str) {
    let (ledger, lease) = ready(url).await;
    let decision = |bar: &str, session: &str, outcome| Decision {
        bar: at(bar),
        session: session.parse().unwrap(),
        outcome,
        orders: 2,
        message: None,
        decided_at: now(),
    };
    let first = decision("2024-01-02T21:00:00Z", "2024-01-02", DecisionOutcome::Decided);
    let second = decision("2024-01-03T21:00:00Z", "2024-01-03", DecisionOutcome::Stale);
    let run = Run {
        mode: RunMode::Paper,
        dataset_digest: "d1".into(),
        model_digest: None,
        engine_revision: 1,
        started_at: now(),
    };
    let point = |equity: &str| EquityPoint {
        session: "2024-01-02".parse().unwrap(),
        equity: d(equity),
        cash: d("40000.10"),
        gross_exposure: d("60000"),
        net_exposure: d("60000"),
        drawdown: d("-0.05"),
    };
    let state = vec![("AAPL".to_owned(), 1.5_f64)];
    let snapshot =
        |bar: &str, state| StateSnapshot { bar: at(bar), session: first.session, engine_revision: 7, state };
    let mut w = ledger.write(&lease).await.unwrap();
    assert_eq!(w.record_run(&run).await.unwrap(), Recorded::New);
    assert_eq!(
        w.record_run(&Run { started_at: at("2024-02-01T00:00:00Z"), ..run.clone() }).await.unwrap(),
        Recorded::Known
    );
    let error = w.record_run(&Run { dataset_digest: "d2".into(), ..run.clone() }).await.unwrap_err();
    assert!(matches!(error, LedgerError::EntryConflict { .. }), "{error}");
    assert_eq!(w.record_decision(&first).await.unwrap(), Recorded::New);
    assert_eq!(
        w.record_decision(&decision("2024-01-02T21:00:00Z", "2024-01-02", DecisionOutcome::Halted))
            .await
            .unwrap(),
        Recorded::Known
    );
    assert_eq!(w.record_decision(&second).await.unwrap(), Recorded::New);
    w.record_equity(&point("100000")).await.unwrap();
    w.record_equity(&point("100000.1000")).await.unwrap();
    assert_eq!(w.save_state(snapshot("2024-01-02T21:00:00Z", &state), now()).await.unwrap(), Recorded::New);
    assert_eq!(w.save_state(snapshot("2024-01-02T21:00:00Z", &state), now()).await.unwrap(), Recorded::Known);
    let other = vec![("AAPL".to_owned(), 2.5)];
    let error = w.save_state(snapshot("2024-01-02T21:00:00Z", &other), now()).await.unwrap_err();
    assert!(matches!(error, LedgerError::StateConflict { .. }), "{error}");
    w.save_state(snapshot("2024-01-03T21:00:00Z", &other), now()).await.unwrap();
    w.commit().await.unwrap();

    let key = &lease.strategy;
    assert_eq!(ledger.runs(key).await.unwrap(), [(1, run)]);
    assert_eq!(ledger.last_decision(key).await.unwrap(), Some(second.clone()));
    assert_eq!(ledger.decisions(key, None).await.unwrap(), [first.clone(), second]);
    assert_eq!(ledger.equity(key, Some(5)).await.unwrap(), [point("100000.1")]);
    let saved = ledger.load_state::<Vec<(String, f64)>>(key).await.unwrap().unwrap();
    assert_eq!((saved.bar, saved.engine_revision, saved.state), (at("2024-01-03T21:00:00Z"), 7, other));
    let mut w = ledger.write(&lease).await.unwrap();
    w.forget_states_before(at("2024-01-04T00:00:00Z")).await.unwrap();
    drop(w);
    tamper(url, "UPDATE engine_states SET state = '[]' WHERE bar > '2024-01-03'").await;
    let error = ledger.load_state::<Vec<(String, f64)>>(key).await.unwrap_err().to_string();
    assert!(error.contains("checksum"), "{error}");
    let mut w = ledger.write(&lease).await.unwrap();
    w.forget_states_before(at("2024-01-04T00:00:00Z")).await.unwrap();
    w.commit().await.unwrap();
    assert!(ledger.load_state::<Vec<(String, f64)>>(key).await.unwrap().is_none());
}

async fn halts_are_reset_once(url: &str) {
    let (ledger, lease) = ready(url).await;
    let halt = NewHalt {
        id: "momentum-drawdown-2024-01-02".into(),
        cause: HaltCause::MaxDrawdown,
        reason: "drawdown 20.3% reached the limit of 20%".into(),
        session: Some("2024-01-02".parse().unwrap()),
        at: now(),
    };
    let mut w = ledger.write(&lease).await.unwrap();
    assert_eq!(w.record_halt(&halt).await.unwrap(), Recorded::New);
    assert_eq!(w.record_halt(&halt).await.unwrap(), Recorded::Known);
    w.commit().await.unwrap();
    assert_eq!(ledger.open_halts(&lease.strategy).await.unwrap()[0].reason, halt.reason);
    let mut w = ledger.write(&lease).await.unwrap();
    w.reset_halt(&halt.id, "annotation", now()).await.unwrap();
    assert!(matches!(
        w.reset_halt(&halt.id, "annotation", now()).await,
        Err(LedgerError::UnknownHalt { .. })
    ));
    assert_eq!(w.record_halt(&halt).await.unwrap(), Recorded::Known);
    w.commit().await.unwrap();
    assert!(ledger.open_halts(&lease.strategy).await.unwrap().is_empty());
    let all = ledger.halts(&lease.strategy).await.unwrap();
    assert_eq!((all[0].reset_at, all[0].reset_by.as_deref()), (Some(now()), Some("annotation")));
}

async fn trades_are_flat_to_flat(url: &str) {
    let (ledger, lease) = ready(url).await;
    let orders = [
        order("a", "AAPL", Side::Buy, 100),
        order("b", "AAPL", Side::Sell, 150),
        order("c", "AAPL", Side::Buy, 50),
        order("d", "IBM", Side::Buy, 10),
    ];
    insert(&ledger, &lease, &orders).await.unwrap();
    for f in [
        fill("a", 1, 100, "10", "1"),
        fill("d", 1, 10, "100", "1"),
        fill("b", 1, 150, "12", "3"),
        fill("c", 1, 50, "11", "1"),
    ] {
        record(&ledger, &lease, &f).await.unwrap();
    }
    let trades = ledger.trades(&lease.strategy).await.unwrap();
    let shown: Vec<_> =
        trades.iter().map(|t| (t.ticker.as_str(), t.side, t.quantity, t.commission, t.profit)).collect();
    // Long 100: (12 - 10) x 100 - 1 - 2; short 50: (12 - 11) x 50 - 1 - 1; IBM is open.
    assert_eq!(
        shown,
        [
            ("AAPL", Side::Buy, 100.into(), 3.into(), Some(197.into())),
            ("IBM", Side::Buy, 10.into(), 1.into(), None),
            ("AAPL", Side::Sell, 50.into(), 2.into(), Some(48.into())),
        ]
    );
}

async fn a_dropped_writer_writes_nothing(url: &str) {
    let (ledger, lease) = ready(url).await;
    let orders = [order("a", "AAPL", Side::Buy, 100), order("b", "IBM", Side::Buy, 10)];
    // Stops after each of the steps; the next round does them all again.
    for stop_after in 0..=4 {
        let mut w = ledger.write(&lease).await.unwrap();
        for step in 0..stop_after {
            match step {
                0 | 1 => assert_eq!(w.insert_orders(&orders[step..=step], now()).await.unwrap(), 1),
                2 => assert_eq!(
                    w.record_fill(&fill("a", 1, 100, "10", "1"), now()).await.unwrap(),
                    Recorded::New
                ),
                _ => assert_eq!(
                    w.record_fill(&fill("b", 1, 10, "10", "1"), now()).await.unwrap(),
                    Recorded::New
                ),
            }
        }
        if stop_after == 4 {
            w.commit().await.unwrap();
        } else {
            drop(w);
            assert!(ledger.orders(&lease.strategy, OrderFilter::default()).await.unwrap().is_empty());
            assert_eq!(ledger.account(&lease.strategy).await.unwrap().cash, Decimal::ZERO);
        }
    }
    assert_eq!(ledger.positions(&lease.strategy).await.unwrap().len(), 2);
    ledger.verify(&lease.strategy).await.unwrap();
}

async fn many_processes_open_at_once(url: &str) {
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let url = url.to_owned();
            tokio::spawn(async move { Ledger::open(&url).await.map(|_| ()) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    tamper(url, "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 2").await;
    let error = Ledger::open(url).await.unwrap_err();
    assert!(matches!(error, LedgerError::Newer { version: 9999, .. }), "{error}");
}

/// Whatever is filled, in whatever order, the stored snapshot is what the journal derives.
async fn the_snapshot_equals_the_derivation(url: &str) {
    let ledger = Ledger::open(url).await.unwrap();
    let fills = prop::collection::vec(
        (
            prop::sample::select(vec!["AAPL", "IBM", "KO"]),
            any::<bool>(),
            1i64..300,
            1i64..9_999_999,
            0i64..500,
        ),
        1..25,
    );
    let mut runner = TestRunner::new(Config::default());
    for case in 0..12 {
        let script = fills.new_tree(&mut runner).unwrap().current();
        let identity = StrategyIdentity::local(&format!("case{case}")).unwrap();
        let lease = ledger.acquire_lease(&identity, "test", TTL, now()).await.unwrap();
        let mut w = ledger.write(&lease).await.unwrap();
        let mut held = std::collections::BTreeMap::<&str, i64>::new();
        let mut cash = Decimal::ZERO;
        for (i, (ticker, buy, quantity, micros, fee)) in script.iter().enumerate() {
            let id = format!("case{case}-{i}");
            let side = if *buy { Side::Buy } else { Side::Sell };
            let (price, fee) = (Decimal::new(*micros, 4), Decimal::new(*fee, 2));
            w.insert_orders(&[order(&id, ticker, side, *quantity)], now()).await.unwrap();
            let f = Fill { price, commission: fee, ..fill(&id, 1, *quantity, "1", "0") };
            w.record_fill(&f, now()).await.unwrap();
            let signed = if *buy { *quantity } else { -*quantity };
            *held.entry(ticker).or_default() += signed;
            cash -= Decimal::from(signed) * price + fee;
        }
        w.commit().await.unwrap();
        let book = ledger.verify(&lease.strategy).await.unwrap_or_else(|error| panic!("{error}\n{script:?}"));
        let account = ledger.account(&lease.strategy).await.unwrap();
        assert_eq!((book.cash, account.cash), (cash, cash), "{script:?}");
        held.retain(|_, quantity| *quantity != 0);
        let stored: Vec<_> = account.positions.iter().map(|p| (p.ticker.as_str(), p.quantity)).collect();
        let expected: Vec<_> = held.into_iter().map(|(t, q)| (t, Decimal::from(q))).collect();
        assert_eq!(stored, expected, "{script:?}");
    }
}
