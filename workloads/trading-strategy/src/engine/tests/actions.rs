//! Splits, dividends, lots, missing bars, checked by hand; the working stands above each test.

use super::harness::*;
use crate::engine::*;

/// 1000 shares at 100, 7 for 1: 7000 shares, mark 100/7; the stop goes from 98 to 14, and the bar that opens at
/// 14.2 does not touch it. A pending sale decided before is rescaled too.
#[test]
fn a_split_rescales_position_stop_and_open_orders() {
    let mut market = Market::new(risk_config("0.02", "2"));
    market.step(vec![part("A", flat("100"), "e")]);
    market.step(vec![part("A", flat("100"), "x")]);
    assert_eq!(market.quantity("A"), 1000);
    let mut slice = market.slice(vec![part("A", bar("14.2", "14.3", "14.1", "14.2"), "")]);
    slice.actions =
        vec![Action { ticker: "A".into(), kind: ActionKind::Split(Ratio::from_f64(7.0).unwrap()) }];
    let events = market.run(&slice);
    assert_eq!(whole(fills(&events)[0].quantity), 7000);
    // 7000 x 14.2 - 1000 x 100
    let trade = trades(&events)[0];
    assert_eq!((trade.profit, trade.exit_reason), (money("-600"), Some(OrderReason::Signal)));
    assert_eq!((trade.quantity, trade.exit_price), (7000.0, 14.2));

    let mut market = Market::new(risk_config("0.02", "2"));
    market.step(vec![part("A", flat("100"), "e")]);
    market.step(vec![part("A", flat("100"), "")]);
    let mut slice = market.slice(vec![part("A", bar("14.2", "14.3", "14.1", "14.2"), "")]);
    slice.actions =
        vec![Action { ticker: "A".into(), kind: ActionKind::Split(Ratio::from_f64(7.0).unwrap()) }];
    market.run(&slice);
    assert_eq!(market.position("A").unwrap().stop, Some(price("14")));
    assert_eq!(market.quantity("A"), 7000);
}

/// 333 shares, one for 20: 16.65 become 16, and 0.65 of a share at 20 x 10 = 200 is paid: 130. An entry of 500
/// that waits becomes 25.
#[test]
fn a_reverse_split_pays_the_fraction_of_a_share() {
    let mut config = config();
    config.sizing = Sizing::TargetWeight { weight: fraction("0.0333"), cash_buffer: Fraction::ZERO };
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("10"), "e"), part("B", flat("6.66"), "")]);
    market.step(vec![part("A", flat("10"), ""), part("B", flat("6.66"), "e")]);
    assert_eq!((market.quantity("A"), market.cash()), (333, money("96670")));
    let twenty = ActionKind::Split(Ratio::from_f64(0.05).unwrap());
    let mut slice = market.slice(vec![part("A", flat("200"), ""), part("B", flat("133.2"), "")]);
    slice.actions =
        vec![Action { ticker: "A".into(), kind: twenty }, Action { ticker: "B".into(), kind: twenty }];
    let events = market.run(&slice);
    assert_eq!(
        events[0],
        Event::Split { ticker: "A".into(), before: shares("333"), after: shares("16"), cash: money("130") },
        "{events:#?}"
    );
    // 500 x 6.66 = 3330 -> 25 x 133.2
    assert_eq!(whole(fills(&events)[0].quantity), 25);
    assert_eq!(market.equity(), money("100000"));
}

/// 1000 shares, 0.50 a share: 500 credited before the open; a short pays it. The dividend belongs to the trade.
/// With a 2:1 split on the same date it is paid on the shares before the split.
#[test]
fn dividends_are_credited_to_holders_and_debited_to_shorts() {
    for (signals, expected) in [(["e", "x"], "500"), (["s", "c"], "-500")] {
        let mut market = Market::new(EngineConfig { direction: Direction::LongShort, ..config() });
        market.step(vec![part("A", flat("100"), signals[0])]);
        market.step(vec![part("A", flat("100"), signals[1])]);
        let mut slice = market.slice(vec![part("A", flat("50"), "")]);
        slice.actions = vec![
            Action { ticker: "A".into(), kind: ActionKind::Split(Ratio::from_f64(2.0).unwrap()) },
            Action { ticker: "A".into(), kind: ActionKind::Dividend(money("0.5")) },
        ];
        let events = market.run(&slice);
        assert_eq!(trades(&events)[0].dividends, money(expected));
        assert_eq!(trades(&events)[0].profit, money(expected));
        assert_eq!(market.cash(), money("100000").plus(money(expected)).unwrap());
    }
    // Bought on the ex-date itself: no dividend.
    let mut market = Market::new(config());
    market.step(vec![part("A", flat("100"), "e")]);
    let mut slice = market.slice(vec![part("A", flat("100"), "")]);
    slice.actions = vec![Action { ticker: "A".into(), kind: ActionKind::Dividend(money("0.5")) }];
    market.run(&slice);
    assert_eq!(market.equity(), money("100000"));
}

/// Without a bar: marked at the last close, no fill; an entry is off, an exit waits for the next bar.
#[test]
fn a_ticker_without_a_bar() {
    let mut market = Market::new(config());
    market.step(vec![part("A", flat("100"), "e")]);
    assert_eq!(cancels(&market.step(vec![part("A", None, "")])), [(1000, CutReason::NoBar)]);
    market.step(vec![part("A", flat("100"), "e")]);
    market.step(vec![part("A", flat("110"), "x")]);
    let missing = market.step(vec![part("A", None, "x")]);
    assert!(matches!(&missing[0], Event::Waiting { .. }));
    assert_eq!(orders(&missing).len(), 0, "one exit is enough");
    // 909 shares at 110 and 10 in cash.
    assert_eq!(market.equity(), money("100000"));
    let back = market.step(vec![part("A", flat("120"), "")]);
    assert_eq!(fills(&back)[0].price, price("120"));
}

/// What leaves the focus or the active set is closed at the next decision, and is not opened.
#[test]
fn leaving_the_focus_closes() {
    let mut market = Market::new(config());
    market.step(vec![part("A", flat("100"), "e")]);
    let mut out = part("A", flat("100"), "e");
    out.focus = false;
    let events = market.step(vec![out.clone()]);
    assert_eq!(orders(&events)[0].reason, OrderReason::LeftFocus);
    let after = market.step(vec![out]);
    assert_eq!(market.quantity("A"), 0);
    assert!(orders(&after).is_empty());
}

/// Lots leave first in, first out: 100 at 10, then 50 more at 20; a sale of 120 takes all of the first lot and
/// 20 of the second: (30 - 10) x 100 and (30 - 20) x 20.
#[test]
fn lots_are_first_in_first_out() {
    let mut config = config();
    config.initial_cash = money("1000");
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("10"), "e")]);
    market.step(vec![part("A", flat("10"), "")]);
    assert_eq!(market.quantity("A"), 100);
    let account = &mut market.engine.state().account.clone();
    let fill = |quantity: i64, side: Side, at: &str, day: u32| Fill {
        order: ClientOrderId::new("lot", jiff::civil::date(2020, 2, 1), &"A".into(), side, day),
        session: jiff::civil::date(2020, 2, 1),
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        ticker: "A".into(),
        side,
        intent: Intent::Increase,
        reason: OrderReason::Rebalance,
        quantity: Shares::from_whole(quantity).unwrap(),
        price: price(at),
        commission: Money::ZERO,
        slippage: Money::ZERO,
        stop_distance: None,
        take_profit: None,
        stop: None,
    };
    let mut events = Vec::new();
    account.book(&fill(50, Side::Buy, "20", 1), &mut events).unwrap();
    account.book(&fill(120, Side::Sell, "30", 2), &mut events).unwrap();
    let lots: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::LotClosed(lot) => Some((whole(lot.quantity), lot.profit)),
            _ => None,
        })
        .collect();
    assert_eq!(lots, [(100, money("2000")), (20, money("200"))]);
}
