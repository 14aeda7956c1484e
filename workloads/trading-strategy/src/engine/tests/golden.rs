//! Scenarios small enough to check by hand; the working stands above each test.

use super::harness::*;
use crate::engine::*;

fn risk_config(fraction_at_risk: &str, multiple: &str) -> EngineConfig {
    let mut config = config();
    config.sizing = Sizing::RiskPerTrade { fraction: fraction(fraction_at_risk) };
    config.risk.stop = Some(Stop::Atr { multiple: fraction(multiple) });
    config
}

/// Decided on the close (100), filled at the next open (102):
/// 100,000 / 100 = 1000 wanted; at 102 only floor(100,000 / 102) = 980 are affordable, 20 are cancelled.
/// Cash 100,000 - 980 x 102 = 40; at the close (105) equity = 40 + 980 x 105 = 102,940.
/// Exit decided there fills at the open of 110: cash 40 + 980 x 110 = 107,840, profit 980 x 8 = 7840.
#[test]
fn decided_on_the_close_filled_at_the_next_open() {
    let mut market = Market::new(config());
    let decided = market.step(vec![part("A", flat("100"), "e")]);
    assert_eq!(orders(&decided)[0].quantity, 1000);
    assert_eq!(orders(&decided)[0].id.as_str(), "test-20200101-A-B-1");
    assert!(fills(&decided).is_empty());
    let filled = market.step(vec![part("A", bar("102", "106", "101", "105"), "x")]);
    assert_eq!((fills(&filled)[0].quantity, fills(&filled)[0].price), (980, price("102")));
    assert_eq!(cancels(&filled), [(20, CutReason::Cash)]);
    assert_eq!((market.cash(), market.equity()), (money("40"), money("102940")));
    let closed = market.step(vec![part("A", flat("110"), "")]);
    assert_eq!(market.cash(), money("107840"));
    let trade = trades(&closed)[0];
    assert_eq!((trade.profit, trade.sessions), (money("7840"), 1));
    assert_eq!((trade.quantity, trade.entry_price, trade.exit_price), (980.0, 102.0, 110.0));
}

/// The same decision on the same close: 1000 at 100, all cash.
#[test]
fn decided_and_filled_on_the_same_close() {
    let mut market = Market::new(EngineConfig { fill: FillTiming::SameClose, ..config() });
    let filled = market.step(vec![part("A", flat("100"), "e")]);
    assert_eq!((fills(&filled)[0].quantity, fills(&filled)[0].price), (1000, price("100")));
    assert_eq!(market.cash(), Money::ZERO);
}

/// 2% of 100,000 at risk, stop 2 x ATR(1) = 2 away: floor(2000 / 2) = 1000 shares of 50.
/// Filled at 51: the stop is 51 - 2 = 49.
#[test]
fn risk_per_trade_and_the_stop_fixed_at_the_fill() {
    let mut market = Market::new(risk_config("0.02", "2"));
    let decided = market.step(vec![part("A", flat("50"), "e")]);
    assert_eq!((orders(&decided)[0].wanted, orders(&decided)[0].quantity), (1000, 1000));
    market.step(vec![part("A", flat("51"), "")]);
    assert_eq!(market.position("A").unwrap().stop, Some(price("49")));
    // 5% of 40 is 2 away as well: the percent stop is a fraction of the signal bar's close.
    let mut percent = risk_config("0.02", "2");
    percent.risk.stop = Some(Stop::Percent { fraction: fraction("0.05") });
    let mut market = Market::new(percent);
    let decided = market.step(vec![part("A", flat("40"), "e")]);
    assert_eq!(orders(&decided)[0].quantity, 1000);
    market.step(vec![part("A", flat("41"), "")]);
    assert_eq!(market.position("A").unwrap().stop, Some(price("39")));
}

/// 5% of 100,000 at risk over 1 a share = 5000 shares of 10, then each cap:
///
/// | cap | limit |
/// |---|---|
/// | maxPositionSize 20,000 | 20,000 / 10 = 2000 |
/// | maxVolumeShare 0.001 of 1,000,000 | 1000 |
/// | maxGrossExposure 0.3 | 30,000 / 10 = 3000 |
/// | maxPortfolioHeat 0.04 | 4000 / 1 = 4000 |
/// | cash, $7 an order | (100,000 - 7) / 10 = 9999.3 |
#[test]
fn each_cap_cuts_and_says_so() {
    let cut = |change: fn(&mut EngineConfig)| {
        let mut config = risk_config("0.05", "1");
        change(&mut config);
        cuts(&Market::new(config).step(vec![part("A", flat("10"), "e")]))
    };
    assert_eq!(cut(|_| ()), []);
    assert_eq!(
        cut(|c| c.risk.max_position_size = Some(money("20000"))),
        [(CutReason::PositionSize, 5000, 2000)]
    );
    assert_eq!(
        cut(|c| c.costs.max_volume_share = Some(fraction("0.001"))),
        [(CutReason::Volume, 5000, 1000)]
    );
    assert_eq!(
        cut(|c| c.risk.max_gross_exposure = fraction("0.3")),
        [(CutReason::GrossExposure, 5000, 3000)]
    );
    assert_eq!(cut(|c| c.risk.max_heat = Some(fraction("0.04"))), [(CutReason::Heat, 5000, 4000)]);
    let dear = |c: &mut EngineConfig| {
        c.sizing = Sizing::RiskPerTrade { fraction: fraction("0.2") };
        c.risk.max_gross_exposure = fraction("5");
        c.costs.minimum_commission = money("7");
    };
    assert_eq!(cut(dear), [(CutReason::Cash, 20000, 9999)]);
    // One after the other, each from what the one before left.
    let all = |c: &mut EngineConfig| {
        c.risk.max_position_size = Some(money("40000"));
        c.risk.max_gross_exposure = fraction("0.3");
        c.costs.max_volume_share = Some(fraction("0.001"));
    };
    assert_eq!(cut(all), [(CutReason::PositionSize, 5000, 4000), (CutReason::Volume, 4000, 1000)]);
}

/// No ATR or no average volume on the signal bar: nothing is ordered, and the reason is kept.
#[test]
fn what_is_not_known_is_not_ordered() {
    let mut config = risk_config("0.01", "2");
    config.costs.max_volume_share = Some(fraction("0.1"));
    let mut unknown = part("A", flat("10"), "e");
    unknown.atr = None;
    let events = Market::new(config.clone()).step(vec![unknown]);
    assert_eq!(cuts(&events), [(CutReason::NoStopDistance, 0, 0)]);
    let mut unknown = part("A", flat("10"), "e");
    unknown.average_volume = None;
    let events = Market::new(config).step(vec![unknown]);
    assert_eq!(cuts(&events), [(CutReason::NoAverageVolume, 500, 0)]);
}

/// Weights of 0.6 each, A before B: A takes 600 x 100 = 60,000, B is left with 40,000 = 400 shares of 100,
/// cut from 600 by gross exposure. When A is sold at the same close, its 60,000 buy B.
#[test]
fn earlier_orders_count_and_sale_proceeds_are_available() {
    let mut config = config();
    config.sizing = Sizing::TargetWeight { weight: fraction("0.6"), cash_buffer: Fraction::ZERO };
    let mut market = Market::new(config);
    let both = market.step(vec![part("A", flat("100"), "e"), part("B", flat("100"), "e")]);
    assert_eq!(orders(&both).iter().map(|order| order.quantity).collect::<Vec<_>>(), [600, 400]);
    assert_eq!(orders(&both)[1].cuts, [Cut { reason: CutReason::GrossExposure, from: 600, to: 400 }]);
    market.step(vec![part("A", flat("100"), "x"), part("B", flat("100"), "x"), part("C", flat("50"), "e")]);
    let turned =
        market.step(vec![part("A", flat("100"), ""), part("B", flat("100"), ""), part("C", flat("50"), "")]);
    assert_eq!(fills(&turned).iter().map(|fill| fill.quantity).collect::<Vec<_>>(), [600, 400, 1200]);
    assert_eq!(market.cash(), money("40000"));
}

/// weight x (E - commission - cashBuffer x E) = 0.5 x (100,000 - 10 - 10,000) = 44,995 -> 449 shares of 100.
#[test]
fn target_weight_leaves_commission_and_buffer() {
    let mut config = config();
    config.sizing = Sizing::TargetWeight { weight: fraction("0.5"), cash_buffer: fraction("0.1") };
    config.costs.minimum_commission = money("10");
    let events = Market::new(config).step(vec![part("A", flat("100"), "e")]);
    assert_eq!(orders(&events)[0].quantity, 449);
}

/// Equal weights: three entries with gross exposure 0.9 are 0.3 each: 300 shares of 100. One leaves: at the
/// rebalance the two others go to 0.45 of 100,000 = 450. At a close that ends no period nothing is resized.
#[test]
fn equal_weight_is_restored_at_a_rebalance_only() {
    let mut config = config();
    config.sizing = Sizing::EqualWeight;
    config.risk.max_gross_exposure = fraction("0.9");
    let mut market = Market::new(config);
    let three = |signals: [&str; 3]| {
        vec![
            part("A", flat("100"), signals[0]),
            part("B", flat("100"), signals[1]),
            part("C", flat("100"), signals[2]),
        ]
    };
    market.step(three(["e", "e", "e"]));
    market.step(three(["", "", ""]));
    assert_eq!([market.quantity("A"), market.quantity("B"), market.quantity("C")], [300, 300, 300]);
    let mut between = market.slice(three(["x", "", ""]));
    between.rebalance = false;
    assert_eq!(orders(&market.run(&between)).len(), 1, "only the exit");
    let resized = market.step(three(["", "", ""]));
    assert_eq!(orders(&resized).iter().map(|order| order.quantity).collect::<Vec<_>>(), [150, 150]);
    market.step(three(["", "", ""]));
    assert_eq!([market.quantity("A"), market.quantity("B"), market.quantity("C")], [0, 450, 450]);
}

/// A drift above a cap forces no trade: weight 1 of equity with maxPositionSize 50,000 buys 500 at 100; at 200
/// the position is 100,000, twice the cap, and nothing is ordered.
#[test]
fn caps_do_not_trade_by_drift() {
    let mut config = config();
    config.risk.max_position_size = Some(money("50000"));
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("100"), "e")]);
    market.step(vec![part("A", flat("100"), "")]);
    assert_eq!(market.quantity("A"), 500);
    let drifted = market.step(vec![part("A", flat("200"), "")]);
    assert_eq!(cuts(&drifted), [(CutReason::PositionSize, 250, 0)]);
    assert_eq!(market.quantity("A"), 500);
}

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
    assert_eq!(fills(&events)[0].quantity, 7000);
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
        Event::Split { ticker: "A".into(), before: 333, after: 16, cash: money("130") },
        "{events:#?}"
    );
    // 500 x 6.66 = 3330 -> 25 x 133.2
    assert_eq!(fills(&events)[0].quantity, 25);
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
    assert_eq!((fills(&rest)[0].price, fills(&rest)[0].quantity), (price("47.25"), 600));
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
    assert_eq!(orders(&events)[0].quantity, 5000);
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
        quantity,
        price: price(at),
        commission: Money::ZERO,
        slippage: Money::ZERO,
        stop: None,
    };
    let mut events = Vec::new();
    account.book(&fill(50, Side::Buy, "20", 1), &mut events).unwrap();
    account.book(&fill(120, Side::Sell, "30", 2), &mut events).unwrap();
    let lots: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::LotClosed(lot) => Some((lot.quantity, lot.profit)),
            _ => None,
        })
        .collect();
    assert_eq!(lots, [(100, money("2000")), (20, money("200"))]);
}
