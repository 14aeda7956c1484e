//! What holds for any market and any strategy.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::harness::*;
use crate::engine::*;

const TICKERS: [&str; 4] = ["A", "B", "C", "D"];

/// One ticker's day, in cents and small numbers.
#[derive(Debug, Clone)]
struct Day {
    bar: Option<(i64, i64, i64, i64)>,
    volume: i64,
    signals: u8,
    score: i8,
    split: Option<f64>,
    dividend: Option<i64>,
    in_focus: bool,
}

fn day() -> impl Strategy<Value = Day> {
    (
        prop::option::weighted(0.9, (500..5000_i64, 0..300_i64, 0..300_i64, -200..200_i64)),
        prop_oneof![1 => Just(0_i64), 9 => 0..20_000_i64],
        any::<u8>(),
        -5..6_i8,
        prop::option::weighted(
            0.05,
            prop::sample::select(vec![2.0, 0.05, 1.5, 0.333_333_333, 7.0, 1.002_745]),
        ),
        prop::option::weighted(0.05, 1..200_i64),
        prop::bool::weighted(0.95),
    )
        .prop_map(|(bar, volume, signals, score, split, dividend, in_focus)| Day {
            bar,
            volume,
            signals,
            score,
            split,
            dividend,
            in_focus,
        })
}

fn any_config() -> impl Strategy<Value = EngineConfig> {
    (
        prop::sample::select(vec![Direction::LongOnly, Direction::LongShort]),
        prop::bool::ANY,
        1..4_usize,
        0..5_u8,
        prop::option::of(0..2_u8),
        prop::bool::ANY,
        prop::bool::ANY,
        prop::bool::ANY,
        prop::sample::select(vec![FillTiming::NextOpen, FillTiming::SameClose]),
        (terms(), prop::sample::select(vec![Unit::Whole, Unit::Millionth])),
    )
        .prop_map(
            |(
                direction,
                scores,
                max_positions,
                sizing,
                stop,
                costs,
                volume,
                drawdown,
                fill,
                (terms, unit),
            )| {
                let stop = stop.map(|kind| match kind {
                    0 => Stop::Atr { multiple: fraction("1.5") },
                    _ => Stop::Percent { fraction: fraction("0.05") },
                });
                let stop = if sizing == 0 {
                    stop.or(Some(Stop::Percent { fraction: fraction("0.02") }))
                } else {
                    stop
                };
                EngineConfig {
                    direction,
                    selection: if scores {
                        Selection::Scores { minimum: 0.5, exit_rank: max_positions + 1 }
                    } else {
                        Selection::Rules
                    },
                    max_positions,
                    sizing: match sizing {
                        0 => Sizing::RiskPerTrade { fraction: fraction("0.03") },
                        1 => Sizing::TargetWeight { weight: fraction("0.4"), cash_buffer: fraction("0.02") },
                        2 => Sizing::EqualWeight,
                        3 => Sizing::TickerWeight { cash_buffer: fraction("0.02") },
                        _ => Sizing::VolatilityTarget { annual: fraction("0.1") },
                    },
                    unit,
                    rebalance_threshold: terms.threshold,
                    risk: Risk {
                        max_position_size: drawdown.then(|| money("40000")),
                        max_heat: stop.is_some().then(|| fraction("0.1")),
                        max_gross_exposure: fraction("1.5"),
                        stop,
                        trail: stop.and(terms.trail),
                        take_profit: terms
                            .take_profit
                            .filter(|rule| stop.is_some() || matches!(rule, TakeProfit::Percent { .. })),
                        max_holding_bars: terms.max_holding_bars,
                        max_drawdown: drawdown
                            .then(|| MaxDrawdown { limit: fraction("0.3"), action: DrawdownAction::Flatten }),
                    },
                    costs: if costs {
                        Costs {
                            commission_per_share: price("0.005"),
                            commission_rate: fraction("0.0007"),
                            minimum_commission: money("1"),
                            maximum_commission_rate: Some(fraction("0.005")),
                            slippage: fraction("0.0002"),
                            price_impact: if volume { fraction("0.1") } else { Fraction::ZERO },
                            borrow_rate: fraction("0.03"),
                            max_volume_share: volume.then(|| fraction("0.025")),
                        }
                    } else {
                        Costs::default()
                    },
                    fill,
                    entry: match fill {
                        FillTiming::NextOpen => terms.entry,
                        FillTiming::SameClose => EntryOrder::default(),
                    },
                    ..config()
                }
            },
        )
}

/// What a position may carry.
#[derive(Debug, Clone)]
struct Terms {
    trail: Option<Trail>,
    take_profit: Option<TakeProfit>,
    max_holding_bars: Option<u32>,
    threshold: Fraction,
    entry: EntryOrder,
}

/// A market order as often as all others together.
fn entry() -> impl Strategy<Value = EntryOrder> {
    let distance = || {
        prop::sample::select(vec![
            Distance::Percent { fraction: Fraction::ZERO },
            Distance::Percent { fraction: fraction("0.03") },
            Distance::Atr { multiple: fraction("1.5") },
        ])
    };
    let waits = prop_oneof![
        distance().prop_map(|limit| EntryKind::Limit { limit }),
        distance().prop_map(|stop| EntryKind::Stop { stop }),
        (distance(), distance()).prop_map(|(stop, limit)| EntryKind::StopLimit { stop, limit }),
        Just(EntryKind::MarketOnClose),
    ];
    prop_oneof![
        Just(EntryOrder::default()),
        (waits, 1..4_u32).prop_map(|(kind, bars)| EntryOrder { kind, bars }),
    ]
}

fn terms() -> impl Strategy<Value = Terms> {
    (
        prop::option::of(prop::sample::select(vec![Trail::Close, Trail::Extreme])),
        prop::option::of(prop::sample::select(vec![
            TakeProfit::Percent { fraction: fraction("0.04") },
            TakeProfit::RiskMultiple { multiple: fraction("2") },
        ])),
        prop::option::of(1..5_u32),
        prop::sample::select(vec![Fraction::ZERO, fraction("0.05")]),
        entry(),
    )
        .prop_map(|(trail, take_profit, max_holding_bars, threshold, entry)| Terms {
            trail,
            take_profit,
            max_holding_bars,
            threshold,
            entry,
        })
}

/// An order's terms on a session: rescaled by its splits.
fn rescaled(order: &Order, slice: &Slice, unit: Unit) -> Option<Order> {
    slice.actions.iter().filter(|action| action.ticker == order.ticker).try_fold(
        order.clone(),
        |order, action| match action.kind {
            ActionKind::Split(ratio) => order.split(ratio, unit).unwrap(),
            ActionKind::Dividend(_) => Some(order),
        },
    )
}

/// Shares at a price, to the nearest micro-dollar, ties away from zero; exact where they are whole.
fn value(price: Price, quantity: Shares) -> i128 {
    let exact = i128::from(price.micros()) * i128::from(quantity.millionths());
    (2 * exact + exact.signum() * 1_000_000) / 2_000_000
}

/// Whether a quantity is in units.
fn in_units(quantity: Shares, unit: Unit) -> bool {
    unit.floor(quantity) == quantity
}

/// A fill of what waited: no worse than its limit, no better than its stop, whatever slippage there is, and not after
/// its last bar.
fn keeps_its_word(order: &Order, fill: &Fill, config: &EngineConfig) -> Result<(), TestCaseError> {
    let better = |a: Price, b: Price| match fill.side {
        Side::Buy => a <= b,
        Side::Sell => a >= b,
    };
    prop_assert!(fill.quantity <= order.quantity);
    prop_assert!(fill.session > order.session && order.bars_left > 0 && order.bars_left <= config.entry.bars);
    if let Some(limit) = order.order_type.limit() {
        prop_assert!(better(fill.price, limit), "{order:?} {fill:?}");
    }
    match order.order_type {
        OrderType::Stop { stop } => prop_assert!(better(stop, fill.price), "{order:?} {fill:?}"),
        OrderType::Limit { .. } => prop_assert_eq!(fill.slippage, Money::ZERO),
        OrderType::Market | OrderType::MarketOnClose | OrderType::StopLimit { .. } => {}
    }
    Ok(())
}

/// The slices of some days. From day `gone` on the last ticker is traded no more.
fn slices(market: &mut Market, days: &[Vec<Day>], gone: usize) -> Vec<Slice> {
    days.iter()
        .enumerate()
        .map(|(index, day)| {
            let mut actions = Vec::new();
            let tickers = TICKERS
                .iter()
                .zip(day)
                .map(|(ticker, day)| {
                    if let Some(ratio) = day.split {
                        let kind = ActionKind::Split(Ratio::from_f64(ratio).unwrap());
                        actions.push(Action { ticker: (*ticker).into(), kind });
                    }
                    if let Some(cents) = day.dividend {
                        let kind = ActionKind::Dividend(Money::from_micros(cents * 10_000));
                        actions.push(Action { ticker: (*ticker).into(), kind });
                    }
                    let is_gone = index >= gone && *ticker == "D";
                    let bar = day.bar.filter(|_| !is_gone).map(|(open, up, down, change)| {
                        let close = (open + change).max(100);
                        let cents = |count: i64| Price::from_micros(count.max(1) * 10_000);
                        Bar {
                            open: cents(open),
                            high: cents(open.max(close) + up),
                            low: cents(open.min(close) - down),
                            close: cents(close),
                            volume: day.volume,
                            halted: day.volume == 0,
                        }
                    });
                    let letters: String = "exsc"
                        .chars()
                        .enumerate()
                        .filter_map(|(bit, letter)| (day.signals >> bit & 1 == 1).then_some(letter))
                        .collect();
                    let mut part = part(ticker, bar, &letters);
                    part.signal.score = (day.score != -5).then_some(f64::from(day.score));
                    part.weight =
                        (day.score != -4).then(|| Fraction::from_nanos(i64::from(day.score) * 100_000_000));
                    part.focus = day.in_focus;
                    part.average_volume = Some(10_000);
                    part
                })
                .collect();
            let mut slice = market.slice(tickers);
            slice.actions = actions;
            slice.rebalance = index % 3 == 0;
            slice.nights = if index % 5 == 4 { 3 } else { 1 };
            slice
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_books_balance_to_the_micro_dollar(
        config in any_config(),
        days in prop::collection::vec(prop::collection::vec(day(), 4), 1..40),
        gone in 0..60_usize,
    ) {
        let mut market = Market::new(config.clone());
        let mut cash = i128::from(config.initial_cash.micros());
        let mut closed = 0_i128;
        for slice in slices(&mut market, &days, gone) {
            let before = market.engine.state().account.clone();
            let waiting = market.engine.state().pending.iter();
            let waiting: Vec<Order> =
                waiting.filter_map(|order| rescaled(order, &slice, config.unit)).collect();
            let events = market.run(&slice);
            // 1. Cash is the initial cash and what the events say came in and went out.
            for event in &events {
                match event {
                    Event::Filled(fill) => {
                        cash -= value(fill.price, fill.side.signed(fill.quantity))
                            + i128::from(fill.commission.micros());
                        prop_assert!(fill.quantity > Shares::ZERO && in_units(fill.quantity, config.unit));
                        let order = waiting.iter().find(|order| order.id == fill.order);
                        if let Some(order) = order.filter(|order| order.intent == Intent::Entry) {
                            keeps_its_word(order, fill, &config)?;
                        }
                        // Inside a bar, whatever filled was a price of the bar, but for slippage.
                        if let Some(bar) = slice.bar(&fill.ticker) {
                            prop_assert!(!bar.halted);
                            let paid = fill.price.micros();
                            // What it cost in all is rounded, so what it cost a share is not known better.
                            let slipped = ((i128::from(fill.slippage.micros()) + 1) * 1_000_000
                                / i128::from(fill.quantity.millionths())) as i64;
                            prop_assert!(bar.low.micros() <= paid + slipped + 1 && paid <= bar.high.micros() + slipped + 1);
                            if fill.reason == OrderReason::TakeProfit {
                                prop_assert_eq!(fill.slippage, Money::ZERO);
                            }
                        } else {
                            prop_assert_eq!(fill.reason, OrderReason::Delisted);
                        }
                        if let (Some(share), Some(bar)) = (config.costs.max_volume_share, slice.bar(&fill.ticker)) {
                            prop_assert!(fill.quantity <= share.of_volume(bar.volume, config.unit));
                        }
                    }
                    Event::Ordered(order) => {
                        prop_assert!(in_units(order.quantity, config.unit) && in_units(order.wanted, config.unit));
                        for cut in &order.cuts {
                            prop_assert!(in_units(cut.from, config.unit) && in_units(cut.to, config.unit));
                        }
                    }
                    Event::Split { cash: paid, after, .. } => {
                        prop_assert!(in_units(*after, config.unit));
                        prop_assert!(config.unit == Unit::Whole || *paid == Money::ZERO);
                        cash += i128::from(paid.micros());
                    }
                    Event::Dividend { cash: paid, .. } => {
                        cash += i128::from(paid.micros());
                    }
                    Event::Borrowed { ticker, cash: paid } => {
                        prop_assert!(before.positions[ticker].quantity.is_short());
                        cash -= i128::from(paid.micros());
                    }
                    Event::TradeClosed(trade) => closed += i128::from(trade.profit.micros()),
                    _ => {}
                }
            }
            let account = &market.engine.state().account;
            prop_assert_eq!(cash, i128::from(account.cash.micros()));
            // 2. Cash + positions = equity, and equity is what the trades made of the initial cash.
            let positions: i128 = account
                .positions
                .values()
                .map(|held| value(held.mark, held.quantity))
                .sum();
            let Some(Event::Equity(point)) = events.last() else { panic!("no equity") };
            prop_assert_eq!(cash + positions, i128::from(point.equity.micros()));
            let open: i128 =
                account.open_trades().unwrap().iter().map(|trade| i128::from(trade.profit.micros())).sum();
            prop_assert_eq!(
                i128::from(config.initial_cash.micros()) + closed + open,
                i128::from(point.equity.micros())
            );
            // 3. Lots are the position; no more positions than allowed, those of entries that wait counted in; each
            //    marked at its last bar.
            prop_assert!(account.positions.len() <= config.max_positions);
            let pending = &market.engine.state().pending;
            let places: BTreeSet<&Ticker> =
                account.positions.keys().chain(pending.iter().map(|order| &order.ticker)).collect();
            let leaving = pending.iter().filter(|order| order.intent == Intent::Exit).count();
            prop_assert!(places.len() <= config.max_positions + leaving);
            for (ticker, position) in &account.positions {
                prop_assert!(!position.quantity.is_zero() && in_units(position.quantity, config.unit));
                let lots: i64 = position.lots.iter().map(|lot| lot.quantity.millionths()).sum();
                prop_assert_eq!(lots, position.size().millionths());
                prop_assert!(position.lots.iter().all(|lot| lot.quantity > Shares::ZERO));
                if let Some(bar) = slice.bar(ticker) {
                    prop_assert_eq!(position.mark, bar.close);
                }
                if config.direction == Direction::LongOnly {
                    prop_assert!(!position.quantity.is_short());
                }
                prop_assert!(position.missing <= 5, "settled by then");
                // A stop moves toward profit only, but for splits.
                let split = slice.actions.iter().any(|action| {
                    action.ticker == *ticker && matches!(action.kind, ActionKind::Split(_))
                });
                if let (Some(held), false) = (before.positions.get(ticker), split)
                    && held.trade.entry_session == position.trade.entry_session
                    && held.side() == position.side()
                {
                    match position.side() {
                        Side::Buy => prop_assert!(held.stop <= position.stop),
                        Side::Sell => prop_assert!(held.stop >= position.stop),
                    }
                    if config.risk.trail.is_none() {
                        prop_assert_eq!(held.stop, position.stop);
                    }
                    prop_assert_eq!(held.take_profit, position.take_profit);
                }
            }
        }
        // 4. Every order has an id of its own, and fills once at most.
        let mut ids: Vec<_> = orders(&market.events).iter().map(|order| order.id.clone()).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), count);
        let mut filled: Vec<_> = fills(&market.events).iter().map(|fill| fill.order.clone()).collect();
        let count = filled.len();
        filled.sort();
        filled.dedup();
        prop_assert_eq!(filled.len(), count);
    }

    #[test]
    fn a_saved_state_goes_on_as_if_nothing_had_happened(
        config in any_config(),
        days in prop::collection::vec(prop::collection::vec(day(), 4), 2..25),
        cut in 0..25_usize,
        gone in 0..40_usize,
    ) {
        let mut whole = Market::new(config.clone());
        let slices = slices(&mut whole, &days, gone);
        let cut = cut % slices.len();
        for slice in &slices {
            whole.run(slice);
        }
        let mut engine = Engine::new(config.clone()).unwrap();
        let mut events = Vec::new();
        for slice in &slices[..cut] {
            events.extend(engine.step(slice).unwrap());
        }
        let saved = serde_json::to_string(engine.state()).unwrap();
        let config: EngineConfig = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
        let mut engine = Engine::resume(config, serde_json::from_str(&saved).unwrap()).unwrap();
        for slice in &slices[cut..] {
            events.extend(engine.step(slice).unwrap());
        }
        prop_assert_eq!(events, whole.events);
        // A bar that was seen is refused, and nothing changes.
        let before = engine.state().clone();
        prop_assert!(matches!(engine.step(&slices[0]), Err(EngineError::OutOfOrder { .. })), "a bar counts once");
        prop_assert_eq!(engine.state(), &before);
    }
}
