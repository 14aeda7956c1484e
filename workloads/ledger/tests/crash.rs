//! A trading process is killed with SIGKILL at random points and started again, until its script is done. What it
//! leaves in the ledger must be what a process leaves that was never killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use ats_ledger::{
    Decision, DecisionOutcome, Fill, Ledger, NewOrder, OrderFilter, OrderKind, OrderState, Purpose, Recorded,
    Side, StateSnapshot, StrategyIdentity,
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use std::{
    process::{Command, Stdio},
    time::Duration,
};
use support::{at, both};

both!(killed_at_random_points);

const URL: &str = "ATS_TEST_CRASH_URL";
const BARS: i64 = 400;
const KILLS: u64 = 20;

fn bar(n: i64) -> Timestamp {
    at("2024-01-02T21:00:00Z") + SignedDuration::from_hours(24 * n)
}

fn order(n: i64) -> NewOrder {
    let session = bar(n).to_zoned(jiff::tz::TimeZone::UTC).date();
    NewOrder {
        client_order_id: format!("crash-{n}").parse().unwrap(),
        bar: bar(n),
        session,
        ticker: ["AAPL", "IBM"][(n % 2) as usize].into(),
        side: if n % 3 == 2 { Side::Sell } else { Side::Buy },
        quantity: (10 + n).into(),
        kind: OrderKind::MarketOnOpen,
        price: None,
        trigger_price: None,
        purpose: Purpose::Entry,
        reason: "Signal".into(),
        cuts: Vec::new(),
    }
}

/// Two fills for each order, by which the position of every bar is known.
fn fills(n: i64) -> [Fill; 2] {
    let order = order(n);
    [1, 2].map(|fill| Fill {
        client_order_id: order.client_order_id.clone(),
        fill,
        session: order.session,
        filled_at: bar(n),
        quantity: if fill == 1 { 10.into() } else { n.into() },
        price: Decimal::new(1_000 + 7 * n, 2),
        commission: Decimal::new(35, 2),
    })
}

/// What a trading process does, in transactions of its own for each step: decide and write the order, mark it sent,
/// record each fill, save the state. It begins after the last bar whose state is saved.
async fn trade(ledger: &Ledger, now: Timestamp) {
    let identity = StrategyIdentity::local("crash").unwrap();
    let lease = ledger.acquire_lease(&identity, "pod", SignedDuration::from_secs(30), now).await.unwrap();
    ledger.verify(&lease.strategy).await.unwrap();
    let first = ledger.load_state::<i64>(&lease.strategy).await.unwrap().map_or(0, |saved| saved.state + 1);
    for n in first..=BARS {
        let order = order(n);
        let mut w = ledger.write(&lease).await.unwrap();
        let decision = Decision {
            bar: bar(n),
            session: order.session,
            outcome: DecisionOutcome::Decided,
            orders: 1,
            message: None,
            decided_at: now,
        };
        if w.record_decision(&decision).await.unwrap() == Recorded::New {
            assert_eq!(w.insert_orders(std::slice::from_ref(&order), now).await.unwrap(), 1);
        }
        w.commit().await.unwrap();
        let mut w = ledger.write(&lease).await.unwrap();
        w.mark_sent(&order.client_order_id, &format!("b-{n}"), now).await.unwrap();
        w.commit().await.unwrap();
        for fill in fills(n).into_iter().filter(|fill| !fill.quantity.is_zero()) {
            let mut w = ledger.write(&lease).await.unwrap();
            w.record_fill(&fill, now).await.unwrap();
            w.commit().await.unwrap();
        }
        let mut w = ledger.write(&lease).await.unwrap();
        let snapshot = StateSnapshot { bar: bar(n), session: order.session, engine_revision: 1, state: &n };
        w.save_state(snapshot, now).await.unwrap();
        w.commit().await.unwrap();
    }
}

/// The process that is killed: this test binary again, running only this.
#[tokio::test]
#[ignore = "started by killed_at_random_points"]
async fn child() {
    let url = std::env::var(URL).expect("set by the test that starts it");
    trade(&Ledger::open(&url).await.unwrap(), Timestamp::now()).await;
}

async fn killed_at_random_points(url: &str) {
    let mut kills = 0;
    // Short lives, so that there is work left for all of them: while a process starts, and while it writes.
    for round in 0_u64.. {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child"])
            .env(URL, url)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        if round < KILLS {
            tokio::time::sleep(Duration::from_millis(10 + round * 37 % 60)).await;
            process.kill().unwrap();
        }
        let status = process.wait().unwrap();
        if status.success() {
            break;
        }
        kills += 1;
        assert_eq!(status.code(), None, "the process failed by itself");
    }
    assert!(kills >= KILLS, "only {kills} processes were killed before the script was done");

    let ledger = Ledger::open(url).await.unwrap();
    let key = StrategyIdentity::local("crash").unwrap().key();
    let folder = tempfile::tempdir().unwrap();
    let unbroken = Ledger::open(&format!("sqlite://{}/l.db", folder.path().display())).await.unwrap();
    trade(&unbroken, Timestamp::now()).await;

    let orders = ledger.orders(&key, OrderFilter::default()).await.unwrap();
    assert_eq!(orders.len() as i64, BARS + 1);
    assert!(orders.iter().all(|order| order.state == OrderState::Filled));
    let expected = unbroken.orders(&key, OrderFilter::default()).await.unwrap();
    let ids = |orders: &[ats_ledger::OrderRow]| {
        orders.iter().map(|o| (o.client_order_id.clone(), o.entry, o.filled_quantity)).collect::<Vec<_>>()
    };
    assert_eq!(ids(&orders), ids(&expected));
    assert_eq!(ledger.fills(&key).await.unwrap(), unbroken.fills(&key).await.unwrap());
    assert_eq!(ledger.account(&key).await.unwrap(), unbroken.account(&key).await.unwrap());
    assert_eq!(ledger.decisions(&key, None).await.unwrap().len() as i64, BARS + 1);
    ledger.verify(&key).await.unwrap();
    println!("{kills} processes killed, epoch {}", ledger.lease(&key).await.unwrap().unwrap().epoch);
}
