//! The kill switch, the annotation, and the reset of a drawdown halt.

use ats_crds::strategy::HaltAction;
use ats_ledger::{DecisionOutcome, HaltCause, OrderFilter, OrderState};

use super::market::{Desk, bars, config, identity};
use crate::engine::{DrawdownAction, Fraction, MaxDrawdown, Risk};
use crate::trade::*;

async fn entries_after(desk: &Desk, bar: jiff::Timestamp) -> usize {
    let orders = desk.ledger.orders(&identity().key(), OrderFilter::default()).await.unwrap();
    orders
        .iter()
        .filter(|o| o.reason == "Signal" && o.purpose == ats_ledger::Purpose::Entry && o.bar >= bar)
        .count()
}

#[tokio::test]
async fn a_halt_stops_entries_and_working_openings() {
    let days = bars(60, 5);
    let desk = Desk::new().await;
    let mut trader = desk.start().await.unwrap();
    // Until an opening order is working.
    let mut day = 0;
    while day < 10 || !trader.state().pending.iter().any(|order| order.intent.opens()) {
        trader.process(&days[day]).await.unwrap();
        day += 1;
    }
    let working: Vec<String> = trader
        .state()
        .pending
        .iter()
        .filter(|order| order.intent.opens())
        .map(|order| order.id.as_str().to_owned())
        .collect();
    let reason = Some("earnings".to_owned());
    desk.coordination.direct(Directives { halt: reason.clone(), ..Directives::default() });
    trader.idle().await.unwrap();
    let told = desk.coordination.last_state().unwrap().halt.unwrap();
    assert_eq!((told.cause, told.reason.as_str()), (HaltCause::Annotation, "earnings"));
    // A second cause is a second halt; the first stays.
    desk.coordination.direct(Directives { halt: reason, kill_switch: true, ..Directives::default() });
    let halted_at = days[day].known_at;
    for bar in &days[day..day + 10] {
        let processed = trader.process(bar).await.unwrap();
        assert!(
            matches!(processed, Processed::Decided { outcome: DecisionOutcome::Halted, .. }),
            "{processed:?}"
        );
    }
    assert_eq!(entries_after(&desk, halted_at).await, 0);
    let orders = desk.ledger.orders(&identity().key(), OrderFilter::default()).await.unwrap();
    for id in &working {
        let order = orders.iter().find(|o| o.client_order_id.as_str() == id).unwrap();
        assert_eq!((order.state, order.message.as_deref()), (OrderState::Cancelled, Some("Halt")));
    }
    // A restart knows the halts; they end with their causes.
    drop(trader);
    let mut trader = desk.start().await.unwrap();
    assert_eq!(desk.ledger.open_halts(&identity().key()).await.unwrap().len(), 2);
    desk.coordination.direct(Directives::default());
    for bar in &days[day + 10..] {
        trader.process(bar).await.unwrap();
    }
    assert!(desk.ledger.open_halts(&identity().key()).await.unwrap().is_empty());
    assert!(entries_after(&desk, days[day + 10].known_at).await > 0);
    desk.ledger.verify(&identity().key()).await.unwrap();
}

/// What `ats run` does when everything is decided: no bar comes, and the halt that is asked for stands all the same.
#[tokio::test]
async fn a_halt_needs_no_new_bar() {
    let days = bars(20, 5);
    let desk = Desk::new().await;
    let to_the_end = async || {
        let trader = desk.start().await.unwrap();
        run(trader, &mut RecordedFeed::new(days.clone()), None, std::future::pending()).await.unwrap()
    };
    assert_eq!(to_the_end().await, RunEnd::CaughtUp { decided: 20 });
    assert_eq!(desk.coordination.last_state().unwrap().halt, None);
    desk.coordination.direct(Directives { kill_switch: true, ..Directives::default() });
    assert_eq!(to_the_end().await, RunEnd::CaughtUp { decided: 0 });
    let told = desk.coordination.last_state().unwrap().halt.unwrap();
    assert_eq!(told.cause, HaltCause::KillSwitch);
    assert_eq!(desk.ledger.open_halts(&identity().key()).await.unwrap().len(), 1);
    desk.coordination.direct(Directives::default());
    assert_eq!(to_the_end().await, RunEnd::CaughtUp { decided: 0 });
    assert_eq!(desk.coordination.last_state().unwrap().halt, None);
}

/// The switch is turned while the broker has filled an opening order that the engine has not heard of yet.
#[tokio::test]
async fn a_halt_after_the_fill_does_not_undo_the_fill() {
    let days = bars(60, 5);
    let desk = Desk::new().await;
    let mut trader = desk.start().await.unwrap();
    let mut day = 0;
    while day < 10 || !trader.state().pending.iter().any(|order| order.intent.opens()) {
        trader.process(&days[day]).await.unwrap();
        day += 1;
    }
    desk.broker().await.observe(&days[day]).await.unwrap();
    drop(trader);
    desk.coordination.direct(Directives { kill_switch: true, ..Directives::default() });
    let mut trader = desk.start().await.unwrap();
    let halted_at = days[day].known_at;
    for bar in &days[day..day + 5] {
        trader.process(bar).await.unwrap();
    }
    assert_eq!(entries_after(&desk, halted_at).await, 0);
}

#[tokio::test]
async fn flatten_closes_everything() {
    let days = bars(40, 5);
    let mut desk = Desk::new().await;
    desk.settings.halt_action = HaltAction::Flatten;
    let mut trader = desk.start().await.unwrap();
    for bar in &days[..20] {
        trader.process(bar).await.unwrap();
    }
    assert!(!trader.state().account.positions.is_empty());
    desk.coordination.direct(Directives { kill_switch: true, ..Directives::default() });
    for bar in &days[20..] {
        trader.process(bar).await.unwrap();
    }
    assert!(trader.state().account.positions.is_empty());
    assert!(desk.ledger.positions(&identity().key()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_drawdown_halt_is_reset_by_its_id_once() {
    let days = bars(150, 5);
    let mut desk = Desk::new().await;
    let limit = Fraction::from_nanos(10_000_000);
    let max_drawdown = Some(MaxDrawdown { limit, action: DrawdownAction::NoNewEntries });
    desk.settings.config.risk = Risk { max_drawdown, ..config().risk };
    let mut trader = desk.start().await.unwrap();
    let mut day = 0;
    while trader.state().latch.is_none() {
        trader.process(&days[day]).await.unwrap();
        day += 1;
    }
    let halt = desk.ledger.open_halts(&identity().key()).await.unwrap().remove(0);
    assert_eq!(halt.cause, HaltCause::MaxDrawdown);
    let latched = days[day].known_at;
    for bar in &days[day..day + 10] {
        trader.process(bar).await.unwrap();
    }
    assert_eq!(entries_after(&desk, latched).await, 0);
    // Another id resets nothing.
    desk.coordination.direct(Directives { reset: Some("drawdown-x".into()), ..Directives::default() });
    trader.process(&days[day + 10]).await.unwrap();
    assert!(trader.state().latch.is_some());
    // The annotation stays on the object: it resets that halt once, and none that comes later.
    desk.coordination.direct(Directives { reset: Some(halt.id.clone()), ..Directives::default() });
    trader.process(&days[day + 11]).await.unwrap();
    assert!(trader.state().latch.is_none());
    for bar in &days[day + 12..] {
        trader.process(bar).await.unwrap();
    }
    assert!(entries_after(&desk, days[day + 11].known_at).await > 0);
    let halts = desk.ledger.halts(&identity().key()).await.unwrap();
    assert!(halts.len() > 1, "the market never fell again");
    assert!(halts[0].reset_at.is_some() && halts[1].reset_at.is_none());
    assert!(trader.state().latch.is_some());
}
