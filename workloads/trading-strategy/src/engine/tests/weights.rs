//! Weights of each ticker's own, checked by hand; the working stands above each test.

use super::harness::*;
use crate::engine::*;

fn own_weights() -> EngineConfig {
    EngineConfig { sizing: Sizing::TickerWeight { cash_buffer: Fraction::ZERO }, ..config() }
}

/// A at a price that stands still, with a weight.
fn weighing(signals: &str, weight: Option<&str>) -> Vec<TickerSlice> {
    let mut part = part("A", flat("100"), signals);
    part.weight = weight.map(fraction);
    vec![part]
}

/// Of 100,000 at 100 a share: 0.25 are 250 shares, 0.5 are 500, 0.1 are 100. Without a weight nothing is opened, and
/// what is open stays. At 0 it is closed, and the cash is as it was.
#[test]
fn a_position_follows_its_weight() {
    let mut market = Market::new(own_weights());
    assert_eq!(cuts(&market.step(weighing("e", None))), [(CutReason::NoWeight, 0, 0)]);
    assert_eq!(cuts(&market.step(weighing("e", Some("0")))), [(CutReason::Size, 0, 0)]);
    assert_eq!(cuts(&market.step(weighing("e", Some("-0.25")))), [(CutReason::Size, 0, 0)]);
    let opened = market.step(weighing("e", Some("0.25")));
    assert_eq!((whole(orders(&opened)[0].quantity), cuts(&opened)), (250, Vec::new()));
    let grown = market.step(weighing("", Some("0.5")));
    assert_eq!((market.quantity("A"), orders(&grown)[0].intent), (250, Intent::Increase));
    assert!(orders(&market.step(weighing("", None))).is_empty());
    assert_eq!(market.quantity("A"), 500);
    let shrunk = market.step(weighing("", Some("0.1")));
    assert_eq!((whole(orders(&shrunk)[0].quantity), orders(&shrunk)[0].intent), (400, Intent::Reduce));
    let left = market.step(weighing("", Some("0")));
    assert_eq!(market.quantity("A"), 100);
    let order = orders(&left)[0];
    assert_eq!((whole(order.quantity), order.intent), (100, Intent::Exit));
    assert_eq!(order.reason, OrderReason::Rebalance);
    let closed = market.step(weighing("", Some("0")));
    assert_eq!(trades(&closed)[0].exit_reason, Some(OrderReason::Rebalance));
    assert!(orders(&closed).is_empty() && market.position("A").is_none());
    assert_eq!(market.cash(), money("100000"));
}

/// Between rebalances a weight changes nothing.
#[test]
fn a_weight_is_read_at_a_rebalance_only() {
    let mut market = Market::new(own_weights());
    market.step(weighing("e", Some("0.25")));
    for weight in ["0.25", "0.5", "0"] {
        let mut between = market.slice(weighing("", Some(weight)));
        between.rebalance = false;
        assert!(orders(&market.run(&between)).is_empty(), "{weight}");
    }
    assert_eq!(market.quantity("A"), 250);
}

/// 0.5 x (100,000 - 10 - 10,000) = 44,995, 449 shares, as with a constant weight. 2 are 2000 shares, of which a gross
/// exposure of 1 leaves 1000.
#[test]
fn buffer_commission_and_caps_are_those_of_a_constant_weight() {
    let mut config = own_weights();
    config.sizing = Sizing::TickerWeight { cash_buffer: fraction("0.1") };
    config.costs.minimum_commission = money("10");
    let events = Market::new(config).step(weighing("e", Some("0.5")));
    assert_eq!(whole(orders(&events)[0].quantity), 449);
    let events = Market::new(own_weights()).step(weighing("e", Some("2")));
    assert_eq!(cuts(&events), [(CutReason::GrossExposure, 2000, 1000)]);
}

/// 30 shares of 100 are 3% of 100,000. A threshold of 5% leaves them alone at a weight of 1%, and at none it does not.
#[test]
fn a_threshold_keeps_nothing_without_a_weight() {
    let mut config = own_weights();
    config.rebalance_threshold = fraction("0.05");
    let mut market = Market::new(config);
    market.step(weighing("e", Some("0.03")));
    assert!(orders(&market.step(weighing("", Some("0.01")))).is_empty());
    assert_eq!(market.quantity("A"), 30);
    market.step(weighing("", Some("0")));
    market.step(weighing("", Some("0")));
    assert_eq!(market.quantity("A"), 0);
}

/// -0.3 of 100,000 is a short of 300 shares at 100, -0.4 one of 400. A weight above 0 opens no short, and closes one.
#[test]
fn a_short_has_a_weight_below_0() {
    let mut config = own_weights();
    config.direction = Direction::LongShort;
    let mut market = Market::new(config);
    assert_eq!(cuts(&market.step(weighing("s", Some("0.3")))), [(CutReason::Size, 0, 0)]);
    market.step(weighing("s", Some("-0.3")));
    market.step(weighing("", Some("-0.4")));
    assert_eq!(market.quantity("A"), -300);
    assert!(orders(&market.step(weighing("", None))).is_empty());
    assert_eq!(market.quantity("A"), -400);
    let events = market.step(weighing("", Some("0.3")));
    assert_eq!((orders(&events)[0].intent, orders(&events)[0].side), (Intent::Exit, Side::Buy));
    market.step(weighing("", Some("0.3")));
    assert_eq!(market.quantity("A"), 0);
}

/// The weight as the score: above 0 long, below 0 short. From 0.4 to -0.4 it turns at one open; at 0 it has no rank.
#[test]
fn weights_that_rank_turn_with_their_sign() {
    let mut config = own_weights();
    config.direction = Direction::LongShort;
    config.selection = Selection::Scores { minimum: 0.0, exit_rank: 10 };
    let mut market = Market::new(config);
    let both = |weights: [&str; 2]| {
        ["A", "B"]
            .iter()
            .zip(weights)
            .map(|(ticker, weight)| {
                let mut part = scored(ticker, flat("100"), weight.parse().unwrap());
                part.weight = Some(fraction(weight));
                part
            })
            .collect::<Vec<_>>()
    };
    market.step(both(["0.4", "-0.2"]));
    market.step(both(["-0.4", "-0.2"]));
    assert_eq!([market.quantity("A"), market.quantity("B")], [400, -200]);
    let left = market.step(both(["-0.4", "0"]));
    assert_eq!([market.quantity("A"), market.quantity("B")], [-400, -200]);
    assert_eq!(orders(&left)[0].reason, OrderReason::RankLost);
    market.step(both(["-0.4", "0"]));
    assert_eq!([market.quantity("A"), market.quantity("B")], [-400, 0]);
}
