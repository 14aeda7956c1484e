//! Trading halts: a session without a bar, and a bar without volume, checked by hand. Both in turn where they mean the
//! same.

use super::harness::*;
use crate::engine::*;

/// A row as some files have it for a halt: all prices are the last one, nothing was traded.
fn still(at: &str) -> Bar {
    Bar { volume: 0, halted: true, ..flat(at) }
}

/// Both forms of a halt.
fn halts(at: &str) -> [Option<Bar>; 2] {
    [None, Some(still(at))]
}

/// Decided at a close of 100; the next session is a halt.
#[test]
fn an_entry_at_the_market_is_cancelled() {
    for kind in [EntryKind::Market, EntryKind::MarketOnClose] {
        for gap in halts("100") {
            let mut market =
                Market::new(EngineConfig { entry: EntryOrder { kind, ..EntryOrder::default() }, ..config() });
            market.step(vec![part("A", flat("100"), "e")]);
            let events = market.step(vec![part("A", gap, "")]);
            assert_eq!(cancels(&events), [(1000, CutReason::NoBar)]);
            assert_eq!((market.quantity("A"), market.cash()), (0, money("100000")));
        }
    }
}

/// 1000 bought at 100. The exit is decided at a close of 110, waits for three sessions, whatever share of a volume may
/// be taken, and fills at the open after them: 90. Until then the position counts at 110.
#[test]
fn an_exit_waits_for_the_first_trade() {
    for share in [None, Some(fraction("0.1"))] {
        for gap in halts("110") {
            let mut config = config();
            config.costs.max_volume_share = share;
            let mut market = Market::new(config);
            market.step(vec![part("A", flat("100"), "e")]);
            market.step(vec![part("A", bar("100", "110", "100", "110"), "x")]);
            for _ in 0..3 {
                let events = market.step(vec![part("A", gap, "x")]);
                assert!(matches!(&events[0], Event::Waiting { .. }), "{events:#?}");
                assert!(orders(&events).is_empty() && fills(&events).is_empty(), "{events:#?}");
                assert!(cancels(&events).is_empty(), "{events:#?}");
                assert_eq!(market.equity(), money("110000"));
            }
            let events = market.step(vec![part("A", bar("90", "95", "90", "95"), "")]);
            assert_eq!(fills(&events)[0].price, price("90"));
            assert_eq!(market.cash(), money("90000"));
        }
    }
}

/// With fills at the close of the decision there is none at a close without a trade: the exit fills at the next open.
#[test]
fn an_exit_at_the_same_close_waits_too() {
    let mut market = Market::new(EngineConfig { fill: FillTiming::SameClose, ..config() });
    market.step(vec![part("A", flat("100"), "e")]);
    assert_eq!(market.quantity("A"), 1000);
    let events = market.step(vec![part("A", still("100"), "x")]);
    assert_eq!((orders(&events).len(), fills(&events).len()), (1, 0));
    let events = market.step(vec![part("A", bar("90", "95", "90", "95"), "")]);
    assert_eq!(fills(&events)[0].price, price("90"));
}

/// 1000 bought at 50, stop 48, profit at 54. A row may hold any price: nobody sold at 40 or at 60 without volume. The
/// first bar in which anything is traded opens at 45, beyond the stop: out there.
#[test]
fn stops_and_profits_wait_for_a_trade() {
    let mut config = risk_config("0.02", "2");
    config.risk.take_profit = Some(TakeProfit::RiskMultiple { multiple: fraction("2") });
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("50"), "e")]);
    market.step(vec![part("A", flat("50"), "")]);
    let held = market.position("A").unwrap();
    assert_eq!((held.stop, held.take_profit), (Some(price("48")), Some(price("54"))));
    for gap in [None, Some(still("60")), Some(still("40"))] {
        assert!(fills(&market.step(vec![part("A", gap, "")])).is_empty(), "{gap:?}");
        assert_eq!(market.quantity("A"), 1000);
    }
    // The row's close is the last price that is known: 50,000 in cash and 1000 at 40.
    assert_eq!(market.equity(), money("90000"));
    let events = market.step(vec![part("A", bar("45", "46", "44", "45"), "")]);
    assert_eq!((fills(&events)[0].price, fills(&events)[0].reason), (price("45"), OrderReason::Stop));
}

/// A limit of 49, good for two bars: a halt is the first of them.
#[test]
fn an_entry_that_waits_uses_a_bar_up() {
    let limit = EntryKind::Limit { limit: Distance::Percent { fraction: fraction("0.02") } };
    for gap in halts("49") {
        let mut market = Market::new(EngineConfig { entry: EntryOrder { kind: limit, bars: 2 }, ..config() });
        market.step(vec![part("A", flat("50"), "e")]);
        let events = market.step(vec![part("A", gap, "")]);
        assert!(
            events.iter().any(|event| matches!(event, Event::Untouched { range: None, bars_left: 1, .. })),
            "{events:#?}"
        );
        assert!(fills(&events).is_empty());
        let events = market.step(vec![part("A", bar("50", "50", "48", "50"), "")]);
        assert_eq!(fills(&events)[0].price, price("49"));
    }
}

/// Two bars at most, that of the entry is the first. A session without a row is no bar, a row without volume is one.
#[test]
fn a_time_stop_counts_rows() {
    let reasons = |gap: Option<Bar>| -> Vec<OrderReason> {
        let mut config = config();
        config.risk.max_holding_bars = Some(2);
        let mut market = Market::new(config);
        market.step(vec![part("A", flat("100"), "e")]);
        market.step(vec![part("A", flat("100"), "")]);
        orders(&market.step(vec![part("A", gap, "")])).iter().map(|order| order.reason).collect()
    };
    assert_eq!(reasons(None), []);
    assert_eq!(reasons(Some(still("100"))), [OrderReason::TimeStop]);
}

/// A close at 110 without volume moves a stop that trails by 2 to 108: a row is a bar for it, too.
#[test]
fn a_stop_follows_rows() {
    let stop = |gap: Option<Bar>| {
        let mut config = risk_config("0.02", "2");
        config.risk.trail = Some(Trail::Close);
        let mut market = Market::new(config);
        market.step(vec![part("A", flat("100"), "e")]);
        market.step(vec![part("A", flat("100"), "")]);
        market.step(vec![part("A", gap, "")]);
        market.position("A").unwrap().stop
    };
    assert_eq!(stop(None), Some(price("98")));
    assert_eq!(stop(Some(still("110"))), Some(price("108")));
}

/// Without rows for six sessions a ticker is taken to be delisted (`terms`); with rows it is not, however many.
#[test]
fn rows_without_volume_are_no_delisting() {
    let mut market = Market::new(config());
    market.step(vec![part("A", flat("100"), "e")]);
    market.step(vec![part("A", flat("100"), "")]);
    for _ in 0..20 {
        assert!(fills(&market.step(vec![part("A", still("100"), "")])).is_empty());
    }
    assert_eq!(market.quantity("A"), 1000);
}

/// A halt of five sessions ends in time: the position is held on, with its stop.
#[test]
fn five_sessions_are_survived() {
    let mut market = Market::new(risk_config("0.02", "2"));
    market.step(vec![part("A", flat("50"), "e")]);
    market.step(vec![part("A", flat("50"), "")]);
    for _ in 0..5 {
        assert!(fills(&market.step(vec![part("A", None, "")])).is_empty());
    }
    assert!(fills(&market.step(vec![part("A", flat("51"), "")])).is_empty());
    assert_eq!((market.quantity("A"), market.position("A").unwrap().stop), (1000, Some(price("48"))));
}

/// A model's ranking sells what has no score at it, so what has no bar; between rankings nothing is asked.
#[test]
fn a_ranking_sells_what_has_no_bar_at_it() {
    let mut market = Market::new(EngineConfig {
        selection: Selection::Scores { minimum: 0.0, exit_rank: 1 },
        max_positions: 1,
        ..config()
    });
    market.step(vec![scored("A", flat("100"), 1.0)]);
    market.step(vec![scored("A", flat("100"), 1.0)]);
    let mut between = market.slice(vec![part("A", None, "")]);
    between.rebalance = false;
    assert!(orders(&market.run(&between)).is_empty());
    let events = market.step(vec![part("A", None, "")]);
    assert_eq!(orders(&events)[0].reason, OrderReason::NoScore);
    let events = market.step(vec![scored("A", flat("120"), 1.0)]);
    assert_eq!(fills(&events)[0].price, price("120"));
}

/// A dividend and a split of a halted ticker reach its holder: 1000 at 100, $1 a share, then two for one.
#[test]
fn actions_reach_a_halted_position() {
    for gap in halts("50") {
        let mut market = Market::new(config());
        market.step(vec![part("A", flat("100"), "e")]);
        market.step(vec![part("A", flat("100"), "")]);
        let mut slice = market.slice(vec![part("A", gap, "")]);
        let split = ActionKind::Split(Ratio::from_f64(2.0).unwrap());
        slice.actions =
            [ActionKind::Dividend(money("1")), split].map(|kind| Action { ticker: "A".into(), kind }).into();
        slice.rebalance = false;
        market.run(&slice);
        assert_eq!((market.quantity("A"), market.cash()), (2000, money("1000")));
        assert_eq!(market.equity(), money("101000"));
    }
}

/// A part of a share is a trade.
#[test]
fn a_volume_below_one_share_is_a_trade() {
    let volume = |volume: f64| Bar::from_f64(1.0, 1.0, 1.0, 1.0, volume).unwrap();
    assert_eq!([0.0, 0.4, 1.9].map(|v| volume(v).volume), [0, 1, 1]);
    assert_eq!([0.0, 0.4].map(|v| volume(v).halted), [true, false]);
}
