//! Parts of shares, in millionths, by hand; the working stands above each test.

use super::harness::*;
use crate::engine::*;

/// $1000, everything else as in `config`.
fn fractional() -> EngineConfig {
    EngineConfig { initial_cash: money("1000"), unit: Unit::Millionth, ..config() }
}

fn held(market: &Market, ticker: &str) -> Shares {
    market.position(ticker).map_or(Shares::ZERO, |position| position.quantity)
}

fn cancelled(events: &[Event]) -> Vec<(Shares, CutReason)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Cancelled { quantity, reason, .. } => Some((*quantity, *reason)),
            _ => None,
        })
        .collect()
}

/// 1000 / 300 = 3.333333 wanted at the close; at an open of 310 1000 / 310 = 3.225806 are affordable and 0.107527 are
/// off. They cost 999.99986, 0.00014 is left; at the close of 330 they are worth 1064.51598. Sold at 320 they bring
/// 1032.25792, a profit of 32.25806.
#[test]
fn sizes_and_cash_are_rounded_down_to_a_millionth() {
    let mut market = Market::new(fractional());
    let decided = market.step(vec![part("A", flat("300"), "e")]);
    assert_eq!(orders(&decided)[0].quantity, shares("3.333333"));
    let filled = market.step(vec![part("A", bar("310", "330", "310", "330"), "x")]);
    assert_eq!(fills(&filled)[0].quantity, shares("3.225806"));
    assert_eq!(cancelled(&filled), [(shares("0.107527"), CutReason::Cash)]);
    assert_eq!((market.cash(), market.equity()), (money("0.00014"), money("1064.51612")));
    let closed = market.step(vec![part("A", flat("320"), "")]);
    assert_eq!((market.cash(), held(&market, "A")), (money("1032.25806"), Shares::ZERO));
    let trade = trades(&closed)[0];
    assert_eq!((trade.profit, trade.quantity), (money("32.25806"), 3.225806));
}

/// 90% of 100,000 at 333 with a fee of a thousandth: q = 90,000 / (333 x 1.0009) = 270.0272457. 270.027245 are worth
/// 89,919.072585, with 0.9 x (100,000 - 89.919073) = 89,919.072834 to spend; a millionth more is worth 89,919.072918.
/// Whole shares: 270.
#[test]
fn a_weight_is_met_to_a_millionth_of_a_share() {
    for (unit, expected) in [(Unit::Millionth, "270.027245"), (Unit::Whole, "270")] {
        let mut config = EngineConfig { unit, ..config() };
        config.sizing = Sizing::TargetWeight { weight: fraction("0.9"), cash_buffer: Fraction::ZERO };
        config.costs.commission_rate = fraction("0.001");
        let decided = Market::new(config).step(vec![part("A", flat("333"), "e")]);
        assert_eq!(orders(&decided)[0].quantity, shares(expected));
    }
}

/// 5% of 1000 at risk over a stop 7 away = 7.142857 shares of 70, then each cap:
///
/// | cap | limit |
/// |---|---|
/// | maxPositionSize 333 | 333 / 70 = 4.757142 |
/// | maxVolumeShare 0.000001 of 1,234,567 | 1.234567 |
/// | maxGrossExposure 0.4 | 400 / 70 = 5.714285 |
/// | maxPortfolioHeat 0.03 | 30 / 7 = 4.285714 |
#[test]
fn each_cap_is_rounded_down_to_a_millionth() {
    let cut = |change: fn(&mut EngineConfig)| {
        let mut config =
            EngineConfig { initial_cash: money("1000"), unit: Unit::Millionth, ..risk_config("0.05", "7") };
        change(&mut config);
        let mut part = part("A", flat("70"), "e");
        part.average_volume = Some(1_234_567);
        let events = Market::new(config).step(vec![part]);
        let order = orders(&events)[0];
        assert_eq!(order.wanted, shares("7.142857"));
        order.cuts.iter().map(|cut| (cut.reason, cut.to)).collect::<Vec<_>>()
    };
    assert_eq!(cut(|_| ()), []);
    assert_eq!(
        cut(|c| c.risk.max_position_size = Some(money("333"))),
        [(CutReason::PositionSize, shares("4.757142"))]
    );
    assert_eq!(
        cut(|c| c.costs.max_volume_share = Some(fraction("0.000001"))),
        [(CutReason::Volume, shares("1.234567"))]
    );
    assert_eq!(
        cut(|c| c.risk.max_gross_exposure = fraction("0.4")),
        [(CutReason::GrossExposure, shares("5.714285"))]
    );
    assert_eq!(cut(|c| c.risk.max_heat = Some(fraction("0.03"))), [(CutReason::Heat, shares("4.285714"))]);
}

/// 333.333333 shares of 3 are wanted; a tenth of the bar's 1003 are 100.3, and 233.033333 are off.
#[test]
fn a_bars_volume_is_shared_to_a_millionth() {
    let mut config = fractional();
    config.costs.max_volume_share = Some(fraction("0.1"));
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("3"), "e")]);
    let events = market.step(vec![part("A", Bar { volume: 1003, ..flat("3") }, "")]);
    assert_eq!(fills(&events)[0].quantity, shares("100.3"));
    assert_eq!(cancelled(&events), [(shares("233.033333"), CutReason::Volume)]);
}

/// 3.333333 shares: one for three leaves 1.111111, seven for one 23.333331; nothing is paid. An order that waits
/// shrinks and grows in the same way. Of a millionth of a share one for twenty leaves nothing, and the trade is over.
#[test]
fn splits_pay_no_cash() {
    for (ratio, at, after) in [(1.0 / 3.0, "900", "1.111111"), (7.0, "42.857143", "23.333331")] {
        let split = Action { ticker: "A".into(), kind: ActionKind::Split(Ratio::from_f64(ratio).unwrap()) };
        let mut market = Market::new(fractional());
        market.step(vec![part("A", flat("300"), "e")]);
        market.step(vec![part("A", flat("300"), "x")]);
        let mut slice = market.slice(vec![part("A", flat(at), "")]);
        slice.actions = vec![split];
        let events = market.run(&slice);
        let (before, after) = (shares("3.333333"), shares(after));
        assert_eq!(events[0], Event::Split { ticker: "A".into(), before, after, cash: Money::ZERO });
        assert_eq!(fills(&events)[0].quantity, after);
    }
    let mut market = Market::new(EngineConfig { initial_cash: Money::from_micros(3), ..fractional() });
    market.step(vec![part("A", flat("3"), "e")]);
    market.step(vec![part("A", flat("3"), "")]);
    assert_eq!((held(&market, "A"), market.cash()), (shares("0.000001"), Money::ZERO));
    let mut slice = market.slice(vec![part("A", flat("60"), "")]);
    slice.actions =
        vec![Action { ticker: "A".into(), kind: ActionKind::Split(Ratio::from_f64(0.05).unwrap()) }];
    let events = market.run(&slice);
    assert_eq!(
        (trades(&events)[0].exit_reason, held(&market, "A")),
        (Some(OrderReason::Split), Shares::ZERO)
    );
    assert_eq!((trades(&events)[0].profit, market.equity()), (Money::from_micros(-3), Money::ZERO));
}

/// 3.333333 shares, 0.13 a share: 0.43333329, so 0.433333.
#[test]
fn dividends_are_whole_micro_dollars() {
    let mut market = Market::new(fractional());
    market.step(vec![part("A", flat("300"), "e")]);
    market.step(vec![part("A", flat("300"), "")]);
    let mut slice = market.slice(vec![part("A", flat("300"), "")]);
    slice.actions = vec![Action { ticker: "A".into(), kind: ActionKind::Dividend(money("0.13")) }];
    let events = market.run(&slice);
    assert_eq!(events[0], Event::Dividend { ticker: "A".into(), cash: money("0.433333") });
}

/// 0.333333 at 10.01 and 0.333334 at 10.02 are sold together at 10.005: 0.666667 x 10.005 = 6.670003335, so 6.670003.
/// The first lot's part is 3.334996665, so 3.334997; the second one has the rest, 3.335006, and not the 3.335007 that
/// 0.333334 x 10.005 rounds to. Paid were 3.336663 and 3.340007.
#[test]
fn the_values_of_lots_sum_to_the_fills() {
    let mut account = Account::new(money("10"));
    let fill = |quantity: &str, side: Side, at: &str, count: u32| Fill {
        order: ClientOrderId::new("lot", jiff::civil::date(2020, 2, 1), &"A".into(), side, count),
        session: jiff::civil::date(2020, 2, 1),
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        ticker: "A".into(),
        side,
        intent: Intent::Increase,
        reason: OrderReason::Rebalance,
        quantity: shares(quantity),
        price: price(at),
        commission: Money::ZERO,
        slippage: Money::ZERO,
        stop_distance: None,
        take_profit: None,
        stop: None,
    };
    let mut events = Vec::new();
    account.book(&fill("0.333333", Side::Buy, "10.01", 1), &mut events).unwrap();
    account.book(&fill("0.333334", Side::Buy, "10.02", 2), &mut events).unwrap();
    account.book(&fill("0.666667", Side::Sell, "10.005", 3), &mut events).unwrap();
    let lots: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::LotClosed(lot) => Some((lot.entry_value, lot.exit_value)),
            _ => None,
        })
        .collect();
    assert_eq!(lots, [(money("3.336663"), money("3.334997")), (money("3.340007"), money("3.335006"))]);
    // 10 - 3.336663 - 3.340007 + 6.670003
    assert_eq!(account.cash, money("9.993333"));
    assert_eq!(trades(&events)[0].profit, money("-0.006667"));
}

/// 3.333333 shares that are held when only whole shares are traded from then on: they are sold whole, and what is
/// bought is whole.
#[test]
fn what_is_held_in_parts_is_sold_in_parts_under_whole_shares() {
    let mut market = Market::new(fractional());
    market.step(vec![part("A", flat("300"), "e")]);
    market.step(vec![part("A", flat("300"), "")]);
    let state = market.engine.state().clone();
    let whole = EngineConfig { unit: Unit::Whole, ..fractional() };
    market.engine = Engine::resume(whole, state).unwrap();
    market.step(vec![part("A", flat("300"), "x")]);
    let events = market.step(vec![part("A", flat("300"), "e")]);
    assert_eq!(fills(&events)[0].quantity, shares("3.333333"));
    let events = market.step(vec![part("A", flat("300"), "")]);
    assert_eq!(fills(&events)[0].quantity, shares("3"));
}
