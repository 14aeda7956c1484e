//! A process that dies anywhere leaves nothing twice and nothing out.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ats_ledger::{ClientOrderId, Ledger};
use jiff::Timestamp;

use super::market::{Desk, Numbers, bars, config, identity};
use super::support;
use crate::engine::{Distance, EngineConfig, EntryKind, EntryOrder, Fraction, Order};
use crate::trade::*;

const DAYS: i64 = 500;
const SEED: u64 = 21;
const URL: &str = "ATS_TEST_TRADE_URL";

async fn unbroken(days: i64, config: EngineConfig) -> super::market::Left {
    let mut desk = Desk::new().await;
    desk.settings.config = config;
    let trader = desk.start().await.unwrap();
    run(trader, &mut RecordedFeed::new(bars(days, SEED)), None, std::future::pending()).await.unwrap();
    desk.left().await
}

/// The process that is killed: this test binary again, running only this.
#[tokio::test]
#[ignore = "started by the tests that kill it"]
async fn child() {
    let url = std::env::var(URL).expect("set by the test that starts it");
    let desk = Desk::on(&url).await;
    let trader = desk.start().await.unwrap();
    run(trader, &mut RecordedFeed::new(bars(DAYS, SEED)), None, std::future::pending()).await.unwrap();
}

/// Starts the child again and again and kills it after a random time, until it comes to its end.
async fn kill_until_done(url: &str, least: u32) {
    let mut numbers = Numbers(99);
    let mut kills = 0;
    // Short lives first, so that there are enough of them before the work is done.
    let mut longest = 50;
    loop {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "trade::tests::crashes::child"])
            .env(URL, url)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        if kills < least {
            tokio::time::sleep(Duration::from_millis(10 + numbers.below(longest))).await;
            process.kill().unwrap();
        }
        let status = process.wait().unwrap();
        if status.success() {
            break;
        }
        assert_eq!(status.code(), None, "the process failed by itself");
        kills += 1;
        longest += 1;
    }
    assert!(kills >= least, "only {kills} processes were killed before the work was done");
    let ledger = Ledger::open(url).await.unwrap();
    println!("{kills} processes killed, {} runs", ledger.runs(&identity().key()).await.unwrap().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_fifty_times_on_sqlite() {
    let database = support::sqlite();
    kill_until_done(&database.url, 50).await;
    let desk = Desk::on(&database.url).await;
    assert_eq!(desk.left().await, unbroken(DAYS, config()).await);
    desk.ledger.verify(&identity().key()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_fifty_times_on_postgresql() {
    let database = support::postgres().await;
    kill_until_done(&database.url, 50).await;
    let desk = Desk::on(&database.url).await;
    assert_eq!(desk.left().await, unbroken(DAYS, config()).await);
    desk.ledger.verify(&identity().key()).await.unwrap();
}

/// A broker with which the connection breaks at a call: before it does anything, or after it has done it.
struct Breaking {
    broker: SimulatedBroker,
    calls: Arc<AtomicU32>,
    break_at: u32,
}

impl Breaking {
    /// Whether the call breaks before (`Some(true)`) or after (`Some(false)`) its work.
    fn count(&self) -> Option<bool> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (call == self.break_at / 2).then_some(self.break_at.is_multiple_of(2))
    }

    async fn call<T>(&self, work: impl Future<Output = Result<T, TradeError>>) -> Result<T, TradeError> {
        let broken = || Err(TradeError::Feed("the connection broke".to_owned()));
        match self.count() {
            Some(true) => broken(),
            Some(false) => {
                work.await?;
                broken()
            }
            None => work.await,
        }
    }
}

impl Broker for Breaking {
    async fn submit(&self, order: &Order, bar: Timestamp) -> Result<Acceptance, TradeError> {
        self.call(self.broker.submit(order, bar)).await
    }
    async fn cancel(&self, id: &ClientOrderId, reason: &str) -> Result<(), TradeError> {
        self.call(self.broker.cancel(id, reason)).await
    }
    async fn observe(&self, bar: &FeedBar) -> Result<(), TradeError> {
        self.call(self.broker.observe(bar)).await
    }
    async fn report(&self, bar: Timestamp, working: &[ClientOrderId]) -> Result<Outcomes, TradeError> {
        self.call(self.broker.report(bar, working)).await
    }
    async fn find(&self, id: &ClientOrderId) -> Result<Option<BrokerOrder>, TradeError> {
        self.call(self.broker.find(id)).await
    }
    async fn account(&self) -> Result<BrokerAccount, TradeError> {
        self.call(self.broker.account()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_to_the_broker_breaks() {
    assert!(break_every_call(config()).await.orders.iter().all(|order| !order.contains("ExitRule")));
}

/// What the strategy takes back must be off at the broker too, wherever the process died between the two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_breaks_while_orders_wait_for_their_price() {
    let limit = Distance::Percent { fraction: Fraction::from_nanos(30_000_000) };
    let entry = EntryOrder { kind: EntryKind::Limit { limit }, bars: 10 };
    let left = break_every_call(EngineConfig { entry, ..config() }).await;
    assert!(left.orders.iter().filter(|order| order.ends_with("ExitRule")).count() > 2, "{left:#?}");
}

/// Each call to the broker breaks once, before and after its work; the process goes on after a restart.
async fn break_every_call(config: EngineConfig) -> super::market::Left {
    const DAYS: i64 = 25;
    let mut desk = Desk::new().await;
    desk.settings.config = config.clone();
    let mut breaks = 0;
    let mut break_at = 0;
    loop {
        let broker = Breaking {
            broker: desk.broker().await,
            calls: Arc::default(),
            // Further and further into the life of a process: its start, its first bars.
            break_at: break_at % 60,
        };
        break_at += 1;
        let (ledger, clock) = (desk.ledger.clone(), Arc::new(desk.clock.clone()));
        let started =
            Trader::start(ledger, broker, desk.coordination.clone(), clock, desk.settings.clone()).await;
        let ended = match started {
            Ok(trader) => {
                run(trader, &mut RecordedFeed::new(bars(DAYS, SEED)), None, std::future::pending()).await
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(_) => break,
            Err(TradeError::Feed(_)) => breaks += 1,
            Err(other) => panic!("after {breaks} breaks: {other}"),
        }
    }
    assert!(breaks > 20, "{breaks}");
    let left = desk.left().await;
    assert_eq!(left, unbroken(DAYS, config).await);
    left
}
