//! Stops, volume, the latch, halts, checked by hand; the working stands above each test.

use super::harness::*;
use crate::engine::*;

/// Bought 1000 at 50, stop 48. The bar opens at 49, falls to 47: filled at the stop, less 10 basis points:
/// 48 x 0.999 = 47.952. The purchase cost 50 x 1.001 = 50.05, so the stop is 48.05 and the fill 48.00195.
#[test]
fn a_stop_inside_the_bar_fills_at_the_stop_less_slippage() {
    let mut config = risk_config("0.01", "2");
    config.costs.slippage = fraction("0.001");
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("50"), "e")]);
    market.step(vec![part("A", flat("50"), "")]);
    assert_eq!(market.quantity("A"), 500);
    assert_eq!(market.position("A").unwrap().stop, Some(price("48.05")));
    let stopped = market.step(vec![part("A", bar("49", "49.5", "47", "48.5"), "")]);
    let fill = fills(&stopped)[0];
    assert_eq!(
        (fill.price, fill.reason, fill.order.as_str()),
        (price("48.00195"), OrderReason::Stop, "test-20200103-A-S-1")
    );
    // Slippage: 500 x 0.05 bought, 500 x 0.04805 sold. Profit: 500 x (48.00195 - 50.05).
    let trade = trades(&stopped)[0];
    assert_eq!((trade.slippage, trade.profit), (money("49.025"), money("-1024.025")));
}

/// Stop 48, the bar opens at 45: filled at 45. The scheduled purchase of B in the same open can use the money.
#[test]
fn a_stop_that_gapped_fills_at_the_open() {
    let mut market = Market::new(risk_config("0.02", "2"));
    market.step(vec![part("A", flat("50"), "e")]);
    market.step(vec![part("A", flat("50"), "")]);
    let stopped = market.step(vec![part("A", bar("45", "49", "44", "48"), "")]);
    assert_eq!(fills(&stopped)[0].price, price("45"));
    // 1000 x (45 - 50)
    assert_eq!(trades(&stopped)[0].profit, money("-5000"));
}

/// Filled at the open of 50 with the stop at 48, and the same bar falls to 47: out at 48 on the entry bar.
#[test]
fn a_stop_is_active_on_the_entry_bar_after_an_open_fill() {
    let mut market = Market::new(risk_config("0.02", "2"));
    market.step(vec![part("A", flat("50"), "e")]);
    let both = market.step(vec![part("A", bar("50", "51", "47", "49"), "e")]);
    assert_eq!(fills(&both).iter().map(|fill| fill.price).collect::<Vec<_>>(), [price("50"), price("48")]);
    // Decided again on this close, it may open on the next bar, not on the bar of the stop.
    assert_eq!(orders(&both).last().unwrap().intent, Intent::Entry);
    // With fills on the close it would be the bar of the stop: nothing.
    let mut market = Market::new(EngineConfig { fill: FillTiming::SameClose, ..risk_config("0.02", "2") });
    market.step(vec![part("A", flat("50"), "e")]);
    let stopped = market.step(vec![part("A", bar("50", "51", "47", "49"), "e")]);
    assert_eq!(fills(&stopped).len(), 1, "{stopped:#?}");
}

/// A scheduled exit goes first: out at the open of 45, not a stop, though the open lies below the stop of 48.
#[test]
fn a_scheduled_exit_goes_before_the_stop() {
    let mut market = Market::new(risk_config("0.02", "2"));
    market.step(vec![part("A", flat("50"), "e")]);
    market.step(vec![part("A", flat("50"), "x")]);
    let closed = market.step(vec![part("A", bar("45", "46", "44", "45"), "")]);
    assert_eq!(trades(&closed)[0].exit_reason, Some(OrderReason::Signal));
    assert_eq!(fills(&closed).len(), 1);
}

/// A short of 1000 at 50 with its stop at 52: touched at 53, covered at 52; gapped to 55, covered at 55.
#[test]
fn a_short_is_stopped_above() {
    for (hit, paid) in [(bar("51", "53", "50", "52"), "52"), (bar("55", "56", "54", "55"), "55")] {
        let mut market =
            Market::new(EngineConfig { direction: Direction::LongShort, ..risk_config("0.02", "2") });
        market.step(vec![part("A", flat("50"), "s")]);
        market.step(vec![part("A", flat("50"), "")]);
        assert_eq!((market.quantity("A"), market.cash()), (-1000, money("150000")));
        let stopped = market.step(vec![part("A", hit, "")]);
        assert_eq!(fills(&stopped)[0].price, price(paid));
        assert_eq!(market.equity(), market.cash());
    }
}

/// maxVolumeShare 0.1 of the average 5000 = 500 ordered; the bar trades 3000: 300 fill, 200 are cancelled.
/// The exit of 300 meets a bar of 1000: 100 fill, 200 stay and are sold when the rule says so again.
#[test]
fn a_fill_takes_a_share_of_the_bar_and_the_rest_is_cancelled() {
    let mut config = config();
    config.costs.max_volume_share = Some(fraction("0.1"));
    config.costs.minimum_commission = money("1");
    let mut market = Market::new(config);
    let thin = |volume: i64, signals: &str| {
        let mut part = part("A", Bar { volume, ..flat("100") }, signals);
        part.average_volume = Some(5000);
        part
    };
    market.step(vec![thin(5000, "e")]);
    let mut slice = market.slice(vec![thin(3000, "x")]);
    slice.rebalance = false;
    let events = market.run(&slice);
    assert_eq!(cancels(&events), [(200, CutReason::Volume)]);
    // Commission once an order: 300 x 100 + 1.
    assert_eq!((market.quantity("A"), market.cash()), (300, money("69999")));
    let mut slice = market.slice(vec![thin(1000, "x")]);
    slice.rebalance = false;
    assert_eq!(cancels(&market.run(&slice)), [(200, CutReason::Volume)]);
    assert_eq!(market.quantity("A"), 200);
    let closed = market.step(vec![thin(2000, "")]);
    // Three orders, $1 each; bought and sold at 100.
    assert_eq!(trades(&closed)[0].profit, money("-3"));
    assert_eq!(market.cash(), money("99997"));
}

/// A stop of which the bar takes a part leaves the rest with the same stop, for the next bar.
#[test]
fn a_stop_filled_in_part_stays_for_the_rest() {
    let mut config = risk_config("0.02", "2");
    config.costs.max_volume_share = Some(fraction("0.1"));
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("50"), "e")]);
    market.step(vec![part("A", flat("50"), "")]);
    let thin = Bar { volume: 4000, ..bar("49", "49", "47", "47.5") };
    market.step(vec![part("A", thin, "")]);
    assert_eq!(market.quantity("A"), 600);
    let rest = market.step(vec![part("A", flat("47.25"), "")]);
    assert_eq!((fills(&rest)[0].price, whole(fills(&rest)[0].quantity)), (price("47.25"), 600));
    // 400 x (48 - 50) + 600 x (47.25 - 50)
    assert_eq!(trades(&rest)[0].profit, money("-2450"));
}

fn latched(action: DrawdownAction) -> Market {
    let mut config = config();
    config.sizing = Sizing::TargetWeight { weight: fraction("0.5"), cash_buffer: Fraction::ZERO };
    config.risk.max_drawdown = Some(MaxDrawdown { limit: fraction("0.1"), action });
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("100"), "e")]);
    let mut bought = market.slice(vec![part("A", flat("120"), "")]);
    bought.rebalance = false;
    market.run(&bought);
    market
}

/// Half of 100,000 at 100 is 500 of A, bought at 120: 60,000. Equity 100,000 at that close. At 102 it is
/// 40,000 + 51,000 = 91,000: -9%, open. At 100 it is 90,000, exactly -10%: the latch closes. `Flatten` sells 500 at the next open (99): 89,500. B's entry is not ordered
/// then or later, although equity no longer falls: backtests never reset it.
#[test]
fn the_drawdown_latch_flattens_and_stays() {
    let mut market = latched(DrawdownAction::Flatten);
    let quiet = market.engine.state().latch.clone();
    assert_eq!(quiet, None);
    let mut slice = market.slice(vec![part("A", flat("102"), "")]);
    slice.rebalance = false;
    assert_eq!(market.run(&slice).len(), 1, "only the equity");
    let latch = market.step(vec![part("A", flat("100"), ""), part("B", flat("10"), "e")]);
    assert!(
        matches!(latch[0], Event::Latched { equity, peak, .. } if (equity, peak) == (money("90000"), money("100000"))),
        "{latch:#?}"
    );
    assert_eq!(
        orders(&latch).iter().map(|order| (order.intent, order.reason)).collect::<Vec<_>>(),
        [(Intent::Exit, OrderReason::Drawdown)]
    );
    market.step(vec![part("A", flat("99"), ""), part("B", flat("10"), "e")]);
    assert_eq!(market.equity(), money("89500"));
    assert!(orders(&market.step(vec![part("B", flat("10"), "e")])).is_empty());
    // A reset starts a new peak.
    let mut reset = market.slice(vec![part("B", flat("10"), "e")]);
    reset.reset_latch = true;
    assert_eq!(orders(&market.run(&reset)).len(), 1);
    assert_eq!(market.engine.state().peak, money("89500"));
}

/// `NoNewEntries` keeps A, with its exits, and opens nothing.
#[test]
fn the_drawdown_latch_blocks_entries() {
    let mut market = latched(DrawdownAction::NoNewEntries);
    let mut slice = market.slice(vec![part("A", flat("90"), ""), part("B", flat("10"), "e")]);
    slice.rebalance = false;
    assert!(orders(&market.run(&slice)).is_empty());
    let exit = market.step(vec![part("A", flat("90"), "x"), part("B", flat("10"), "e")]);
    assert_eq!(orders(&exit).iter().map(|order| order.intent).collect::<Vec<_>>(), [Intent::Exit]);
}

/// A halt cancels the entry that waits; `Flatten` closes what is open.
#[test]
fn a_halt_stops_entries_and_may_flatten() {
    let mut config = config();
    config.sizing = Sizing::TargetWeight { weight: fraction("0.5"), cash_buffer: Fraction::ZERO };
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("100"), "e"), part("B", flat("100"), "")]);
    market.step(vec![part("A", flat("100"), ""), part("B", flat("100"), "e")]);
    let mut halted = market.slice(vec![part("A", flat("100"), ""), part("B", flat("100"), "e")]);
    halted.control = Control::BlockEntries;
    let events = market.run(&halted);
    assert_eq!(cancels(&events), [(500, CutReason::Halt)]);
    assert!(orders(&events).is_empty());
    assert_eq!(market.quantity("A"), 500);
    let mut flatten = market.slice(vec![part("A", flat("100"), "")]);
    flatten.control = Control::Flatten;
    let events = market.run(&flatten);
    assert_eq!(orders(&events)[0].reason, OrderReason::Halt);
    market.step(vec![part("A", flat("100"), "")]);
    assert_eq!(market.quantity("A"), 0);
}
