//! Entries by limit, stop, stop-limit and at the close, by hand. The signal bar closes at 50 where nothing else is said.

use super::harness::*;
use crate::engine::*;

fn percent(text: &str) -> Distance {
    Distance::Percent { fraction: fraction(text) }
}

fn limit(at: &str) -> EntryKind {
    EntryKind::Limit { limit: percent(at) }
}

fn stop(at: &str) -> EntryKind {
    EntryKind::Stop { stop: percent(at) }
}

fn stop_limit(stop: &str, limit: &str) -> EntryKind {
    EntryKind::StopLimit { stop: percent(stop), limit: percent(limit) }
}

fn entering(kind: EntryKind, bars: u32) -> EngineConfig {
    EngineConfig {
        direction: Direction::LongShort,
        rebalance_threshold: fraction("0.99"),
        entry: EntryOrder { kind, bars },
        ..config()
    }
}

/// Decides at a close of 50 and runs the bars; what the bars said.
fn after(config: EngineConfig, signal: &str, bars: &[Bar]) -> (Market, Vec<Event>) {
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("50"), signal)]);
    let events = bars.iter().flat_map(|bar| market.step(vec![part("A", *bar, "")])).collect();
    (market, events)
}

/// The price of the only fill; none without a fill.
fn price_of(kind: EntryKind, signal: &str, bars: &[Bar]) -> Option<Price> {
    let count = u32::try_from(bars.len()).unwrap();
    let (_, events) = after(entering(kind, count), signal, bars);
    let fills = fills(&events);
    assert!(fills.len() < 2, "{fills:#?}");
    let filled = fills.first().map(|fill| (fill.session, fill.price));
    // Where it fills at all, it does so in the last bar that is given.
    let last =
        if let Some(Event::Equity(point)) = events.last() { point.session } else { panic!("no equity") };
    assert!(filled.is_none_or(|(session, _)| session == last), "{filled:?}");
    filled.map(|(_, price)| price)
}

/// A table of bars as (open, high, low, close) and the price of the fill in the last of them; empty for none.
fn table(kind: EntryKind, signal: &str, cases: &[(&[[&str; 4]], &str)]) {
    for (bars, expected) in cases {
        let bars: Vec<Bar> =
            bars.iter().map(|[open, high, low, close]| bar(open, high, low, close)).collect();
        let expected = (!expected.is_empty()).then(|| price(expected));
        assert_eq!(price_of(kind, signal, &bars), expected, "{kind:?} {signal} {bars:#?}");
    }
}

/// 2% below 50 is 49; to sell short, 2% above: 51.
#[test]
fn a_limit_fills_at_its_price_or_at_a_better_open() {
    table(
        limit("0.02"),
        "e",
        &[
            (&[["50", "51", "48", "50"]], "49"),
            (&[["50", "51", "49", "50"]], "49"),
            (&[["50", "51", "49.01", "50"]], ""),
            (&[["49", "51", "48", "50"]], "49"),
            // The open lies beyond the limit: better than it.
            (&[["47", "51", "46", "50"]], "47"),
            (&[["50", "51", "49.5", "50"], ["50", "51", "48", "50"]], "49"),
        ],
    );
    table(
        limit("0.02"),
        "s",
        &[
            (&[["50", "52", "49", "50"]], "51"),
            (&[["50", "50.99", "49", "50"]], ""),
            (&[["53", "54", "49", "50"]], "53"),
        ],
    );
    // 0: the close itself.
    table(limit("0"), "e", &[(&[["51", "52", "50", "51"]], "50"), (&[["51", "52", "50.01", "51"]], "")]);
}

/// 2% above 50 is 51; to sell short, 2% below: 49.
#[test]
fn a_stop_fills_at_its_price_or_at_a_worse_open() {
    table(
        stop("0.02"),
        "e",
        &[
            (&[["50", "52", "49", "50"]], "51"),
            (&[["50", "50.99", "49", "50"]], ""),
            (&[["50", "51", "49", "50"]], "51"),
            // Gapped through it: the open, worse than the stop.
            (&[["53", "54", "52", "53"]], "53"),
            (&[["50", "50.5", "48", "50"], ["50", "51.5", "49", "50"]], "51"),
        ],
    );
    table(
        stop("0.02"),
        "s",
        &[
            (&[["50", "52", "48", "50"]], "49"),
            (&[["50", "52", "49.01", "50"]], ""),
            (&[["47", "48", "46", "47"]], "47"),
        ],
    );
}

/// Stop 51, limit 52: what a gap may cost is bounded.
#[test]
fn a_stop_limit_bounds_a_gap() {
    table(
        stop_limit("0.02", "0.04"),
        "e",
        &[
            (&[["50", "51.5", "49", "50"]], "51"),
            (&[["50", "50.9", "49", "50"]], ""),
            (&[["51.5", "53", "51", "52"]], "51.5"),
            // Opens above the limit and stays there: begun, not filled.
            (&[["53", "54", "52.01", "53"]], ""),
            // Opens above the limit and comes back to it.
            (&[["53", "54", "51.8", "53"]], "52"),
            // Begun in the first bar, it is a limit order in the second, wherever the price is against the stop.
            (&[["53", "54", "52.5", "53"], ["50.5", "50.8", "50", "50"]], "50.5"),
            (&[["53", "54", "52.5", "53"], ["53", "53", "51.9", "53"]], "52"),
            // Not begun, a price below the limit is nothing.
            (&[["50", "50.5", "49", "50"], ["50", "50.9", "49", "50"]], ""),
        ],
    );
    // To sell short: stop 49, limit 48.
    table(
        stop_limit("0.02", "0.04"),
        "s",
        &[
            (&[["50", "51", "48.5", "50"]], "49"),
            (&[["48.5", "49", "47", "48"]], "48.5"),
            (&[["47", "47.99", "46", "47"]], ""),
            (&[["47", "48.2", "46", "47"]], "48"),
        ],
    );
}

/// Stop 52, limit 51: the way back is waited for. In the bar of the touch only the close tells that it came.
#[test]
fn a_stop_limit_may_wait_for_the_way_back() {
    table(
        stop_limit("0.04", "0.02"),
        "e",
        &[
            (&[["50", "52.5", "49", "51.5"]], ""),
            (&[["50", "52.5", "49", "50.9"]], "51"),
            (&[["50", "52.5", "49", "51.5"], ["51.4", "51.6", "50.8", "51"]], "51"),
            (&[["50", "52.5", "49", "51.5"], ["50.7", "51.6", "50", "51"]], "50.7"),
            (&[["50", "51.9", "49", "50"], ["50", "51.9", "49", "50"]], ""),
        ],
    );
}

/// A bar without a fill is told, with what the order still waits for; then the order is over.
#[test]
fn an_order_expires() {
    let (market, events) =
        after(entering(stop_limit("0.02", "0.04"), 2), "e", &[bar("53", "54", "52.5", "53"), flat("54")]);
    let waits: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Untouched { order_type, range, bars_left, .. } => Some((*order_type, *range, *bars_left)),
            _ => None,
        })
        .collect();
    let begun = OrderType::StopLimit { stop: price("51"), limit: price("52"), triggered: true };
    assert_eq!(
        waits,
        [(begun, Some((price("52.5"), price("54"))), 1), (begun, Some((price("54"), price("54"))), 0)]
    );
    // Sized at the limit: 100,000 / 52 = 1923.
    assert_eq!(cancels(&events), [(1923, CutReason::Expired)]);
    assert!(market.engine.state().pending.is_empty());
    assert_eq!(market.cash(), money("100000"));
}

/// A session without a bar of the ticker counts: two bars are over after one of them and one gap.
#[test]
fn a_missing_bar_counts() {
    let mut market = Market::new(entering(limit("0.02"), 2));
    market.step(vec![part("A", flat("50"), "e")]);
    let gap = market.step(vec![part("A", None, "")]);
    assert!(
        gap.iter().any(|event| matches!(event, Event::Untouched { range: None, bars_left: 1, .. })),
        "{gap:#?}"
    );
    let over = market.step(vec![part("A", flat("50"), "")]);
    assert_eq!(cancels(&over), [(2040, CutReason::Expired)]);
}

/// 1% slippage. A limit is never filled worse than it says: 49. A stop pays it: 51 x 1.01 = 51.51. A stop-limit order
/// pays it up to the limit: 51 x 1.01 is above 51.25.
#[test]
fn slippage_stops_at_a_limit() {
    let paid = |kind: EntryKind, day: Bar| {
        let mut config = entering(kind, 1);
        config.sizing = Sizing::TargetWeight { weight: fraction("0.5"), cash_buffer: Fraction::ZERO };
        config.costs.slippage = fraction("0.01");
        let (market, events) = after(config, "e", &[day]);
        assert_eq!(market.position("A").unwrap().mark, day.close);
        (whole(fills(&events)[0].quantity), fills(&events)[0].price, fills(&events)[0].slippage)
    };
    // Half of 100,000 at 49, 51, and at the limit of 51.25.
    assert_eq!(paid(limit("0.02"), bar("50", "51", "48", "50")), (1020, price("49"), Money::ZERO));
    assert_eq!(paid(limit("0.02"), bar("48", "51", "48", "50")), (1020, price("48"), Money::ZERO));
    assert_eq!(paid(stop("0.02"), bar("50", "52", "49", "50")), (980, price("51.51"), money("499.8")));
    assert_eq!(
        paid(stop_limit("0.02", "0.025"), bar("50", "52", "49", "50")),
        (975, price("51.25"), money("243.75"))
    );
}

/// Sized at the stop of 51: 1960 shares. At an open of 53 cash pays 1886 of them; 74 are off. The bar's volume of
/// 1000 at a share of a tenth leaves 100 of a limit order, and the rest of it is off as well.
#[test]
fn cash_and_volume_are_checked_at_the_fill() {
    let (market, events) = after(entering(stop("0.02"), 3), "e", &[flat("53")]);
    assert_eq!(cancels(&events), [(74, CutReason::Cash)]);
    assert_eq!((market.quantity("A"), market.cash()), (1886, money("42")));
    assert!(market.engine.state().pending.is_empty());
    let mut config = entering(limit("0.02"), 3);
    config.costs.max_volume_share = Some(fraction("0.1"));
    let (market, events) = after(config, "e", &[Bar { volume: 1000, ..bar("50", "50", "48", "50") }]);
    assert_eq!(cancels(&events), [(1940, CutReason::Volume)]);
    assert_eq!((market.quantity("A"), market.cash()), (100, money("95100")));
}

/// Decided at 50, bought at the next close of 40: 2000 shares of 100,000. The bar's low below the stop of 38 was
/// before. While a session runs the order waits for its close.
#[test]
fn an_entry_at_the_close() {
    let mut config = entering(EntryKind::MarketOnClose, 1);
    config.sizing = Sizing::RiskPerTrade { fraction: fraction("0.02") };
    config.risk.stop = Some(Stop::Atr { multiple: fraction("2") });
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("50"), "e")]);
    let mut noon = market.slice(vec![part("A", bar("50", "51", "30", "45"), "")]);
    noon.session_close = false;
    assert!(fills(&market.run(&noon)).is_empty());
    let events = market.step(vec![part("A", bar("45", "46", "30", "40"), "")]);
    let bought = fills(&events);
    assert_eq!(
        bought.iter().map(|fill| (fill.price, whole(fill.quantity), fill.stop)).collect::<Vec<_>>(),
        [(price("40"), 1000, Some(price("38")))]
    );
    // A session that the ticker does not trade in has no close to fill at.
    let mut market = Market::new(entering(EntryKind::MarketOnClose, 1));
    market.step(vec![part("A", flat("50"), "e")]);
    assert_eq!(cancels(&market.step(vec![part("A", None, "")])), [(2000, CutReason::NoBar)]);
}

/// The harness's average true range is 1 for limits and 2 for stops; the multiple is 1.5.
#[test]
fn distances_in_average_true_ranges() {
    let atr = Distance::Atr { multiple: fraction("1.5") };
    table(EntryKind::Limit { limit: atr }, "e", &[(&[["50", "51", "48", "50"]], "48.5")]);
    table(EntryKind::Stop { stop: atr }, "e", &[(&[["50", "54", "48", "50"]], "53")]);
    // To sell short: stop 47, limit 48.5.
    table(EntryKind::StopLimit { stop: atr, limit: atr }, "s", &[(&[["50", "54", "46", "49"]], "48.5")]);
    // Not known on the signal bar, or a price of nothing: no order.
    let mut market = Market::new(entering(EntryKind::Limit { limit: atr }, 1));
    let mut young = part("A", flat("50"), "e");
    young.limit_atr = None;
    assert_eq!(cuts(&market.step(vec![young])), [(CutReason::NoEntryPrice, 2000, 0)]);
    let mut market = Market::new(entering(limit("1"), 1));
    assert_eq!(cuts(&market.step(vec![part("A", flat("50"), "e")])), [(CutReason::NoEntryPrice, 2000, 0)]);
}

/// Bought at the limit of 49 inside the bar, stop 2 below the fill: 47. The low lies behind the limit, so it came later:
/// out at 47 in the same bar. A high came before, so that no profit is taken at it; a close above is known.
#[test]
fn what_came_after_the_fill_counts() {
    let mut config = entering(limit("0.02"), 1);
    config.sizing = Sizing::RiskPerTrade { fraction: fraction("0.01") };
    config.risk.stop = Some(Stop::Atr { multiple: fraction("2") });
    config.risk.take_profit = Some(TakeProfit::RiskMultiple { multiple: fraction("1") });
    let prices = |config: &EngineConfig, day: [&str; 4]| -> Vec<Price> {
        let [open, high, low, close] = day;
        let (_, events) = after(config.clone(), "e", &[bar(open, high, low, close)]);
        fills(&events).iter().map(|fill| fill.price).collect()
    };
    assert_eq!(prices(&config, ["50", "60", "47.5", "50"]), [price("49")]);
    assert_eq!(prices(&config, ["50", "60", "46.5", "50"]), [price("49"), price("47")]);
    assert_eq!(prices(&config, ["50", "60", "48", "51.5"]), [price("49"), price("51")]);
    // Filled at the open, all of the bar came later.
    assert_eq!(prices(&config, ["48", "60", "47.5", "50"]), [price("48"), price("50")]);
    // Bought at the stop of 51: the high came later, the low of 40 perhaps before; the close is below 49.
    config.entry.kind = stop("0.02");
    assert_eq!(prices(&config, ["50", "52.5", "40", "50"]), [price("51")]);
    assert_eq!(prices(&config, ["50", "53", "40", "50"]), [price("51"), price("53")]);
    assert_eq!(prices(&config, ["50", "52.5", "40", "48"]), [price("51"), price("49")]);
}

/// The order of A holds the only place and all of the cash while it waits; then B may have them.
#[test]
fn an_order_that_waits_holds_its_room() {
    let two = |signals: [&str; 2]| vec![part("A", flat("50"), signals[0]), part("B", flat("50"), signals[1])];
    let mut config = entering(limit("0.02"), 2);
    config.max_positions = 1;
    let mut market = Market::new(config);
    market.step(two(["e", ""]));
    assert!(orders(&market.step(two(["e", "e"]))).is_empty(), "one place, and A waits already");
    // The second bar is over, then both are asked again: A ranks first, and B the only one when A says nothing.
    let events = market.step(two(["", "e"]));
    assert_eq!(cancels(&events), [(2040, CutReason::Expired)]);
    assert_eq!(orders(&events)[0].ticker.as_str(), "B");
    let mut market = Market::new(entering(limit("0.02"), 2));
    market.step(two(["e", ""]));
    let events = market.step(two(["", "e"]));
    // 2040 x 49 = 99,960 of 100,000 are spoken for.
    assert_eq!(cuts(&events), [(CutReason::GrossExposure, 2040, 0)]);
}

/// Limit 49, 2040 shares; after 2 for 1, limit 24.5 and 4080 shares.
#[test]
fn a_split_rescales_what_waits() {
    let mut market = Market::new(entering(limit("0.02"), 2));
    market.step(vec![part("A", flat("50"), "e")]);
    let mut split = market.slice(vec![part("A", bar("25", "26", "24.51", "25"), "")]);
    let kind = ActionKind::Split(Ratio::from_f64(2.0).unwrap());
    split.actions = vec![Action { ticker: "A".into(), kind }];
    assert!(fills(&market.run(&split)).is_empty());
    let events = market.step(vec![part("A", bar("25", "26", "24.5", "25"), "")]);
    assert_eq!((fills(&events)[0].price, whole(fills(&events)[0].quantity)), (price("24.5"), 4080));
}

/// Why an order that waits is taken back, by what the next close says.
#[test]
fn what_is_no_longer_wanted_is_taken_back() {
    let after = |change: &dyn Fn(&mut Slice), config: EngineConfig| {
        let mut market = Market::new(config);
        let mut wished = part("A", flat("50"), "e");
        wished.signal.score = Some(1.0);
        market.step(vec![wished.clone()]);
        wished.signal = Signal { score: Some(1.0), ..Signal::default() };
        let mut slice = market.slice(vec![wished]);
        slice.rebalance = false;
        change(&mut slice);
        cancels(&market.run(&slice))
    };
    let rules = || entering(limit("0.02"), 9);
    assert_eq!(after(&|_| {}, rules()), []);
    assert_eq!(after(&|slice| slice.tickers[0].signal.exit = true, rules()), [(2040, CutReason::ExitRule)]);
    // The exit of a short says nothing about a purchase.
    assert_eq!(after(&|slice| slice.tickers[0].signal.short_exit = true, rules()), []);
    for leave in [|part: &mut TickerSlice| part.focus = false, |part: &mut TickerSlice| part.active = false] {
        assert_eq!(after(&|slice| leave(&mut slice.tickers[0]), rules()), [(2040, CutReason::LeftUniverse)]);
    }
    for control in [Control::BlockEntries, Control::Flatten] {
        assert_eq!(after(&|slice| slice.control = control, rules()), [(2040, CutReason::Halt)]);
    }
    let scores = || EngineConfig { selection: Selection::Scores { minimum: 0.0, exit_rank: 10 }, ..rules() };
    assert_eq!(after(&|_| {}, scores()), []);
    // A new ranking orders anew, at the new close.
    assert_eq!(after(&|slice| slice.rebalance = true, scores()), [(2040, CutReason::Replaced)]);
}

/// A reversal: the exit fills at the open, the order the other way when its price is there.
#[test]
fn a_reversal_closes_at_the_open_and_opens_at_its_price() {
    let mut config = entering(limit("0.02"), 2);
    config.sizing = Sizing::TargetWeight { weight: fraction("0.5"), cash_buffer: Fraction::ZERO };
    let mut market = Market::new(config);
    market.step(vec![part("A", flat("50"), "e")]);
    market.step(vec![part("A", bar("50", "50", "49", "50"), "xs")]);
    let events = market.step(vec![part("A", bar("50", "50.9", "50", "50"), "")]);
    assert_eq!(fills(&events).iter().map(|fill| fill.intent).collect::<Vec<_>>(), [Intent::Exit]);
    let events = market.step(vec![part("A", bar("50", "51.5", "50", "50"), "")]);
    assert_eq!(fills(&events).iter().map(|fill| fill.price).collect::<Vec<_>>(), [price("51")]);
    assert!(market.quantity("A") < 0);
}

#[test]
fn what_cannot_be_is_refused() {
    let same_close = EngineConfig { fill: FillTiming::SameClose, ..entering(limit("0.02"), 1) };
    assert!(same_close.validate().unwrap_err().to_string().contains("execution.fill"));
    assert!(entering(limit("0.02"), 0).validate().unwrap_err().to_string().contains("goodForBars"));
}
