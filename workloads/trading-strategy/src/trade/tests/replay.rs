//! Paper trading over a window gives what a backtest of the window gives.

use std::collections::BTreeSet;

use ats_ledger::{DecisionOutcome, OrderFilter, OrderState};
use rust_decimal::Decimal;

use super::market::{Desk, at, bars, identity, reference, with_every_term};
use crate::engine::*;
use crate::trade::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_orders_fills_and_equity_as_the_engine_alone() {
    let mut days = bars(150, 7);
    // One is held when it is traded no more, from day 60 on.
    for part in days[54..60].iter_mut().flat_map(|day| &mut day.slice.tickers) {
        let goes = part.ticker.as_str() == "EEE";
        (part.active, part.focus) = (true, true);
        part.signal = Signal { entry: goes, exit: !goes, short_exit: !goes, ..Signal::default() };
    }
    let events = same(with_every_term(), &days).await;
    // The market must have everything in it that could go wrong.
    let reasons: BTreeSet<OrderReason> = ordered(&events).iter().map(|order| order.reason).collect();
    for reason in [
        OrderReason::Stop,
        OrderReason::TakeProfit,
        OrderReason::TimeStop,
        OrderReason::LeftFocus,
        OrderReason::Delisted,
    ] {
        assert!(reasons.contains(&reason), "{reason:?} is not among {reasons:?}");
    }
    assert!(events.iter().any(|e| matches!(e, Event::Borrowed { .. })));
    assert!(events.iter().any(|e| matches!(e, Event::Split { .. })));
    assert!(events.iter().any(|e| matches!(e, Event::Dividend { .. })));
    assert!(events.iter().any(|e| matches!(e, Event::Waiting { .. })));
}

/// Entries that wait for a price, over several bars, or for the close.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_by_price_are_the_same_too() {
    let atr = |multiple: i64| Distance::Atr { multiple: Fraction::from_nanos(multiple * 100_000_000) };
    let percent = |nanos: i64| Distance::Percent { fraction: Fraction::from_nanos(nanos) };
    let kinds = [
        EntryKind::Limit { limit: atr(8) },
        EntryKind::Stop { stop: percent(10_000_000) },
        EntryKind::StopLimit { stop: atr(5), limit: percent(12_000_000) },
        EntryKind::MarketOnClose,
    ];
    let mut told = BTreeSet::new();
    for kind in kinds {
        let config = EngineConfig { entry: EntryOrder { kind, bars: 3 }, ..with_every_term() };
        let events = same(config, &bars(100, 7)).await;
        let waited = events.iter().any(|event| matches!(event, Event::Untouched { .. }));
        assert_eq!(waited, kind != EntryKind::MarketOnClose, "{kind:?}");
        told.extend(events.iter().filter_map(|event| match event {
            Event::Cancelled { reason, .. } => Some(*reason),
            _ => None,
        }));
    }
    for reason in [CutReason::Expired, CutReason::ExitRule, CutReason::LeftUniverse] {
        assert!(told.contains(&reason), "{reason:?} is not among {told:?}");
    }
}

/// Bars without volume, in which nothing fills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halts_are_the_same_too() {
    let mut days = bars(150, 7);
    for (number, day) in days.iter_mut().enumerate() {
        for (place, part) in day.slice.tickers.iter_mut().enumerate() {
            if let Some(bar) = &mut part.bar
                && (number + place).is_multiple_of(9)
            {
                (bar.volume, bar.halted) = (0, true);
            }
        }
    }
    let events = same(with_every_term(), &days).await;
    let mut waited = 0;
    for (day, events) in events.split_inclusive(|event| matches!(event, Event::Equity(_))).enumerate() {
        let slice = &days[day].slice;
        waited += events.iter().filter(|event| matches!(event, Event::Waiting { .. })).count();
        for event in events {
            if let Event::Filled(fill) = event {
                let is_settled = fill.reason == OrderReason::Delisted;
                assert!(is_settled || slice.traded(&fill.ticker).is_some(), "{fill:?}");
            }
        }
    }
    assert!(waited > 0);
}

/// Parts of shares: the books of the ledger and the broker are to the micro-dollar those of the engine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_shares_are_the_same_too() {
    let config = EngineConfig { unit: Unit::Millionth, ..with_every_term() };
    let events = same(config, &bars(150, 7)).await;
    let parts = events.iter().filter(
        |event| matches!(event, Event::Filled(fill) if Unit::Whole.floor(fill.quantity) != fill.quantity),
    );
    assert!(parts.count() > 100);
    let mut splits = 0;
    for event in &events {
        if let Event::Split { cash, .. } = event {
            assert_eq!(*cash, Money::ZERO);
            splits += 1;
        }
    }
    assert!(splits > 0);
}

/// The orders that were sent.
fn ordered(events: &[Event]) -> Vec<&Order> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Ordered(order) if order.quantity > Shares::ZERO => Some(order),
            _ => None,
        })
        .collect()
}

/// Trades the bars on paper and compares with the engine alone, whose events are returned.
async fn same(config: EngineConfig, days: &[FeedBar]) -> Vec<Event> {
    let mut desk = Desk::new().await;
    desk.settings.config = config.clone();
    let trader = desk.start().await.unwrap();
    let mut feed = RecordedFeed::new(days.to_vec());
    let end = run(trader, &mut feed, None, std::future::pending()).await.unwrap();
    assert_eq!(end, RunEnd::CaughtUp { decided: days.len() as u64 });

    let (engine, events) = reference(config, days);
    let text = |value: Decimal| value.normalize().to_string();
    let ordered = ordered(&events);
    let fills: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Filled(f) => Some(format!(
                "{} {} {} {}",
                f.order,
                f.quantity,
                text(f.price.into()),
                text(f.commission.into())
            )),
            _ => None,
        })
        .collect();
    let equity: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Equity(p) => {
                Some(format!("{} {} {}", p.session, text(p.equity.into()), text(p.cash.into())))
            }
            _ => None,
        })
        .collect();
    assert!(fills.len() > days.len() / 2, "{}", fills.len());

    let left = desk.left().await;
    assert_eq!(left.fills, fills);
    assert_eq!(left.equity, equity);
    assert_eq!(left.decisions, days.len());
    let orders = desk.ledger.orders(&identity().key(), OrderFilter::default()).await.unwrap();
    let mut ids: Vec<&str> = orders.iter().map(|o| o.client_order_id.as_str()).collect();
    let mut expected: Vec<&str> = ordered.iter().map(|o| o.id.as_str()).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    for order in &ordered {
        let row = orders.iter().find(|o| o.client_order_id.as_str() == order.id.as_str()).unwrap();
        assert_eq!((row.quantity, row.ticker.as_str()), (order.quantity.into(), order.ticker.as_str()));
        let price = order.order_type.limit().or(order.order_type.stop()).map(Decimal::from);
        if !order.reason.is_in_bar() {
            assert_eq!(row.price, price, "{row:?}");
        }
        let trigger = order.order_type.limit().and(order.order_type.stop()).map(Decimal::from);
        assert_eq!(row.trigger_price, trigger, "{row:?}");
    }
    // Nothing is left between the books: what is open is what the engine waits for.
    let open: BTreeSet<&str> =
        orders.iter().filter(|o| !o.state.is_final()).map(|o| o.client_order_id.as_str()).collect();
    let waiting: BTreeSet<&str> = engine.state().pending.iter().map(|o| o.id.as_str()).collect();
    assert_eq!(open, waiting);
    assert!(orders.iter().any(|o| o.state == OrderState::Cancelled && o.filled_quantity > Decimal::ZERO));
    desk.ledger.verify(&identity().key()).await.unwrap();
    let cash: Decimal = engine.state().account.cash.into();
    assert_eq!(desk.ledger.account(&identity().key()).await.unwrap().cash, cash);
    let told = desk.coordination.last_state().unwrap();
    assert_eq!(told.equity, Decimal::from(engine.state().account.equity().unwrap()));
    events
}

#[tokio::test]
async fn a_bar_is_decided_once() {
    let days = bars(12, 3);
    let desk = Desk::new().await;
    let mut trader = desk.start().await.unwrap();
    for day in &days {
        assert!(matches!(trader.process(day).await.unwrap(), Processed::Decided { .. }));
        assert_eq!(trader.process(day).await.unwrap(), Processed::Known);
    }
    assert_eq!(trader.process(&days[0]).await.unwrap(), Processed::Known);
    assert_eq!(desk.left().await.decisions, 12);
}

/// Bars that were complete before the first run are history. Later ones must be decided before the next open; the
/// market goes on without us, with the orders and stops that it has.
#[tokio::test]
async fn late_decisions_are_stale_and_order_nothing() {
    let days = bars(60, 11);
    let desk = Desk::new().await;
    desk.clock.set(at(30, 22, 0));
    let trader = desk.start().await.unwrap();
    let mut feed = RecordedFeed::new(days[..=30].to_vec());
    run(trader, &mut feed, None, std::future::pending()).await.unwrap();
    // Away for two weeks.
    desk.clock.set(at(45, 21, 5));
    let mut trader = desk.start().await.unwrap();
    let mut stale = 0;
    for day in &days[31..=45] {
        match trader.process(day).await.unwrap() {
            Processed::Decided { outcome: DecisionOutcome::Stale, orders: 0 } => stale += 1,
            Processed::Decided { outcome: DecisionOutcome::Decided, .. } => {
                assert_eq!(day.known_at, at(45, 21, 0));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stale, 14);
    let orders = desk.ledger.orders(&identity().key(), OrderFilter::default()).await.unwrap();
    let while_away = |o: &&ats_ledger::OrderRow| o.bar > at(30, 21, 0) && o.bar < at(45, 21, 0);
    assert!(orders.iter().filter(while_away).all(|o| o.reason == "Stop"), "{orders:#?}");
    for day in &days[46..] {
        desk.clock.set(day.known_at);
        assert!(matches!(
            trader.process(day).await.unwrap(),
            Processed::Decided { outcome: DecisionOutcome::Decided, .. }
        ));
    }
}

#[tokio::test]
async fn same_close_cannot_be_traded() {
    let mut desk = Desk::new().await;
    desk.settings.config.fill = FillTiming::SameClose;
    assert!(matches!(desk.start().await, Err(TradeError::SameClose)));
}
