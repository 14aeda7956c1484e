//! Which positions leave, stay and come, checked by hand; the working stands above each test.

use super::harness::*;
use crate::engine::*;

/// A reversal: the long of 1000 is sold and 1000 are sold short at one open. Cash 100,000 + 100,000.
#[test]
fn rules_reverse_at_one_open() {
    let mut market = Market::new(EngineConfig { direction: Direction::LongShort, ..config() });
    market.step(vec![part("A", flat("100"), "ec")]);
    market.step(vec![part("A", flat("100"), "xs")]);
    let events = market.step(vec![part("A", flat("100"), "")]);
    assert_eq!(fills(&events).len(), 2);
    assert_eq!((market.quantity("A"), market.cash()), (-1000, money("200000")));
    // Long and short at once say nothing; exit wins over entry.
    for signals in ["es", "ex", "sc"] {
        let mut market = Market::new(EngineConfig { direction: Direction::LongShort, ..config() });
        assert!(orders(&market.step(vec![part("A", flat("100"), signals)])).is_empty(), "{signals}");
    }
}

fn model(max_positions: usize, exit_rank: usize) -> EngineConfig {
    EngineConfig {
        selection: Selection::Scores { minimum: 0.0, exit_rank },
        max_positions,
        sizing: Sizing::EqualWeight,
        ..config()
    }
}

fn intents(events: &[Event]) -> Vec<(&str, Intent, OrderReason)> {
    orders(events).iter().map(|order| (order.ticker.as_str(), order.intent, order.reason)).collect()
}

/// Two slots of four scores; ties go by ticker; a score at the minimum is not above it.
#[test]
fn scores_fill_the_slots_in_rank_order() {
    let mut market = Market::new(model(2, 2));
    let events = market.step(vec![
        scored("A", flat("10"), 0.1),
        scored("B", flat("10"), 0.3),
        scored("C", flat("10"), 0.3),
        scored("D", flat("10"), 0.0),
    ]);
    assert_eq!(
        intents(&events),
        [("B", Intent::Entry, OrderReason::Signal), ("C", Intent::Entry, OrderReason::Signal)]
    );
    assert_eq!(whole(orders(&events)[0].quantity), 5000);
    let one = Market::new(model(2, 2)).step(vec![scored("A", flat("10"), 0.0), scored("B", flat("10"), 0.2)]);
    assert_eq!(intents(&one), [("B", Intent::Entry, OrderReason::Signal)]);
}

/// With exitRank 3 a holding at rank 3 stays; at rank 4, without a score, or at no positive score it leaves.
#[test]
fn a_holding_leaves_when_its_rank_passes_the_exit_rank() {
    let four = |scores: [f64; 4]| {
        ["A", "B", "C", "D"]
            .into_iter()
            .zip(scores)
            .map(|(ticker, score)| scored(ticker, flat("10"), score))
            .collect()
    };
    let held = || {
        let mut market = Market::new(model(1, 3));
        market.step(four([0.9, 0.1, 0.1, 0.1]));
        market
    };
    assert!(intents(&held().step(four([0.3, 0.9, 0.8, 0.1]))).is_empty());
    let lost = |scores, reason| {
        assert_eq!(
            intents(&held().step(four(scores))),
            [("A", Intent::Exit, reason), ("B", Intent::Entry, OrderReason::Signal)]
        );
    };
    lost([0.3, 0.9, 0.8, 0.7], OrderReason::RankLost);
    lost([0.0, 0.9, -0.8, -0.7], OrderReason::RankLost);
    lost([f64::NAN, 0.9, 0.8, 0.7], OrderReason::NoScore);
    // Between rebalances nothing is decided.
    let mut market = held();
    let mut between = market.slice(four([-1.0, 0.9, 0.8, 0.7]));
    between.rebalance = false;
    assert!(intents(&market.run(&between)).is_empty());
}

/// Long-short with three slots: two longs, one short below the negative minimum.
#[test]
fn long_short_splits_the_slots() {
    let mut market = Market::new(EngineConfig { direction: Direction::LongShort, ..model(3, 3) });
    market.step(vec![
        scored("A", flat("10"), 0.5),
        scored("B", flat("10"), 0.4),
        scored("C", flat("10"), 0.3),
        scored("D", flat("10"), -0.1),
        scored("E", flat("10"), -0.2),
    ]);
    market.step(vec![part("A", flat("10"), ""), part("B", flat("10"), ""), part("E", flat("10"), "")]);
    // 100,000 / 3 / 10
    assert_eq!([market.quantity("A"), market.quantity("B"), market.quantity("E")], [3333, 3333, -3333]);
    assert_eq!(market.quantity("C") + market.quantity("D"), 0);
}
