//! Sizes and caps, checked by hand; the working stands above each test.

use super::harness::*;
use crate::engine::*;

/// Decided on the close (100), filled at the next open (102):
/// 100,000 / 100 = 1000 wanted; at 102 only floor(100,000 / 102) = 980 are affordable, 20 are cancelled.
/// Cash 100,000 - 980 x 102 = 40; at the close (105) equity = 40 + 980 x 105 = 102,940.
/// Exit decided there fills at the open of 110: cash 40 + 980 x 110 = 107,840, profit 980 x 8 = 7840.
#[test]
fn decided_on_the_close_filled_at_the_next_open() {
    let mut market = Market::new(config());
    let decided = market.step(vec![part("A", flat("100"), "e")]);
    assert_eq!(whole(orders(&decided)[0].quantity), 1000);
    assert_eq!(orders(&decided)[0].id.as_str(), "test-20200101-A-B-1");
    assert!(fills(&decided).is_empty());
    let filled = market.step(vec![part("A", bar("102", "106", "101", "105"), "x")]);
    assert_eq!((whole(fills(&filled)[0].quantity), fills(&filled)[0].price), (980, price("102")));
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
    assert_eq!((whole(fills(&filled)[0].quantity), fills(&filled)[0].price), (1000, price("100")));
    assert_eq!(market.cash(), Money::ZERO);
}

/// A dollar of commission a share: q shares of 10 take 11 q of 100,000, so that 9,090 fit and 9,091 do not. (The
/// commission of the 10,000 that fit without it leaves room for 9,000 alone.)
#[test]
fn a_weight_counts_the_commission_of_its_own_order() {
    let costs = Costs { commission_per_share: price("1"), ..Costs::default() };
    let mut market = Market::new(EngineConfig { costs, ..config() });
    let decided = market.step(vec![part("A", flat("10"), "e")]);
    assert_eq!((whole(orders(&decided)[0].wanted), whole(orders(&decided)[0].quantity)), (9090, 9090));
}

/// 2% of 100,000 at risk, stop 2 x ATR(1) = 2 away: floor(2000 / 2) = 1000 shares of 50.
/// Filled at 51: the stop is 51 - 2 = 49.
#[test]
fn risk_per_trade_and_the_stop_fixed_at_the_fill() {
    let mut market = Market::new(risk_config("0.02", "2"));
    let decided = market.step(vec![part("A", flat("50"), "e")]);
    assert_eq!((whole(orders(&decided)[0].wanted), whole(orders(&decided)[0].quantity)), (1000, 1000));
    market.step(vec![part("A", flat("51"), "")]);
    assert_eq!(market.position("A").unwrap().stop, Some(price("49")));
    // 5% of 40 is 2 away as well: the percent stop is a fraction of the signal bar's close.
    let mut percent = risk_config("0.02", "2");
    percent.risk.stop = Some(Stop::Percent { fraction: fraction("0.05") });
    let mut market = Market::new(percent);
    let decided = market.step(vec![part("A", flat("40"), "e")]);
    assert_eq!(whole(orders(&decided)[0].quantity), 1000);
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
    assert_eq!(orders(&both).iter().map(|order| whole(order.quantity)).collect::<Vec<_>>(), [600, 400]);
    assert_eq!(
        orders(&both)[1].cuts,
        [Cut { reason: CutReason::GrossExposure, from: shares("600"), to: shares("400") }]
    );
    market.step(vec![part("A", flat("100"), "x"), part("B", flat("100"), "x"), part("C", flat("50"), "e")]);
    let turned =
        market.step(vec![part("A", flat("100"), ""), part("B", flat("100"), ""), part("C", flat("50"), "")]);
    assert_eq!(fills(&turned).iter().map(|fill| whole(fill.quantity)).collect::<Vec<_>>(), [600, 400, 1200]);
    assert_eq!(market.cash(), money("40000"));
}

/// weight x (E - commission - cashBuffer x E) = 0.5 x (100,000 - 10 - 10,000) = 44,995 -> 449 shares of 100.
#[test]
fn target_weight_leaves_commission_and_buffer() {
    let mut config = config();
    config.sizing = Sizing::TargetWeight { weight: fraction("0.5"), cash_buffer: fraction("0.1") };
    config.costs.minimum_commission = money("10");
    let events = Market::new(config).step(vec![part("A", flat("100"), "e")]);
    assert_eq!(whole(orders(&events)[0].quantity), 449);
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
    assert_eq!(orders(&resized).iter().map(|order| whole(order.quantity)).collect::<Vec<_>>(), [150, 150]);
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
