//! The simulated market: which orders, stops and take-profit prices fill in a bar, and at what price.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{EngineConfig, Side, Slip};
use super::decide::blocks;
use super::entry::OrderType;
use super::event::{CutReason, Event, Fill, Intent, Order, OrderReason};
use super::number::{Checked, Money, Price, Shares};
use super::position::Position;
use super::slice::{Bar, Slice, Ticker};
use super::{Engine, EngineState};

impl Engine {
    /// Everything between the last close and this one: exits at the open, stops and take-profit prices that gapped,
    /// reductions and openings at the open, openings inside the bar, stops and take-profit prices inside the bar; then
    /// stops that trail follow it, and what opens at the close does. Returns the tickers that were closed by their own terms.
    pub(super) fn trade_bar(
        config: &EngineConfig,
        state: &mut EngineState,
        slice: &Slice,
        events: &mut Vec<Event>,
    ) -> Checked<BTreeSet<Ticker>> {
        let mut stopped = BTreeSet::new();
        // Where nothing can fill, nobody asks what a position is worth at the open.
        if !state.pending.is_empty() || state.account.positions.values().any(Position::has_terms) {
            state.account.mark(slice, |bar| bar.open);
        }
        let (exits, others): (Vec<Order>, Vec<Order>) =
            std::mem::take(&mut state.pending).into_iter().partition(|order| order.intent == Intent::Exit);
        let mut waiting = Vec::new();
        for order in exits {
            match slice.traded(&order.ticker) {
                Some(bar) => fill(config, state, slice, &order, (bar.open, Slip::Free), bar, events)?,
                // An exit stands until its ticker trades again.
                None => {
                    events.push(Event::Waiting { order: order.id.clone() });
                    waiting.push(order);
                }
            }
        }
        terms(config, state, slice, &mut stopped, Pass::Open, events)?;
        let blocked = blocks(state, slice.control).entries;
        let mut working = Vec::new();
        for mut order in others {
            let waits = order.order_type != OrderType::Market;
            let off = match slice.traded(&order.ticker) {
                _ if stopped.contains(&order.ticker) => CutReason::StoppedOut,
                None if !waits => CutReason::NoBar,
                bar => match (blocked, bar) {
                    (Some(reason), _) if order.intent.opens() => reason,
                    (_, None) => {
                        working.push(order);
                        continue;
                    }
                    (_, Some(bar)) => {
                        match order.order_type.at_open(order.side, bar.open) {
                            Some(at) => fill(config, state, slice, &order, at, bar, events)?,
                            None => working.push(order),
                        }
                        continue;
                    }
                },
            };
            events.push(Event::Cancelled { order: order.id, quantity: order.quantity, reason: off });
        }
        let mut inside = BTreeMap::new();
        let mut closing = Vec::new();
        for mut order in working {
            let bar = slice.traded(&order.ticker);
            if order.order_type == OrderType::MarketOnClose {
                closing.push(order);
            } else if let Some(bar) = bar
                && let Some(touched) = order.order_type.inside(order.side, bar)
            {
                fill(config, state, slice, &order, (touched.price, touched.slip), bar, events)?;
                inside.insert(order.ticker, touched.after);
            } else {
                order.bars_left = order.bars_left.saturating_sub(1);
                events.push(Event::Untouched {
                    order: order.id.clone(),
                    session: slice.session,
                    order_type: order.order_type,
                    range: bar.map(|bar| (bar.low, bar.high)),
                    bars_left: order.bars_left,
                });
                if order.bars_left > 0 {
                    waiting.push(order);
                } else {
                    let (id, quantity) = (order.id, order.quantity);
                    events.push(Event::Cancelled { order: id, quantity, reason: CutReason::Expired });
                }
            }
        }
        terms(config, state, slice, &mut stopped, Pass::Inside(&inside), events)?;
        let mut places = slice.places();
        for (ticker, position) in &mut state.account.positions {
            if let Some(bar) = places.bar(ticker) {
                position.mark = bar.close;
                position.marked = slice.session;
                position.bars = position.bars.saturating_add(1);
                if let Some(trail) = config.risk.trail {
                    // What came before the fill moves no stop.
                    let (low, high) = inside.get(ticker).copied().unwrap_or((bar.low, bar.high));
                    position.follow(config.risk.stop, trail, &Bar { low, high, ..*bar })?;
                }
            }
        }
        for order in closing {
            match slice.traded(&order.ticker) {
                _ if !slice.session_close => waiting.push(order),
                Some(bar) => fill(config, state, slice, &order, (bar.close, Slip::Free), bar, events)?,
                None => events.push(Event::Cancelled {
                    order: order.id,
                    quantity: order.quantity,
                    reason: CutReason::NoBar,
                }),
            }
        }
        state.pending = waiting;
        Ok(stopped)
    }

    /// Settles at its last price what has had none for more than [`MOST_MISSING`] sessions: it is taken to be no
    /// longer traded. Costless; what waited for it is off.
    pub(super) fn settle(
        config: &EngineConfig,
        state: &mut EngineState,
        slice: &Slice,
        events: &mut Vec<Event>,
    ) -> Checked<()> {
        let gone: Vec<(Ticker, Side, Shares, Price)> = state
            .account
            .positions
            .iter()
            .filter(|(_, position)| position.missing > MOST_MISSING)
            .map(|(ticker, held)| (ticker.clone(), held.side().opposite(), held.size(), held.mark))
            .collect();
        for (ticker, side, quantity, price) in gone {
            let (waiting, kept): (Vec<Order>, Vec<Order>) =
                std::mem::take(&mut state.pending).into_iter().partition(|order| order.ticker == ticker);
            state.pending = kept;
            events.extend(waiting.into_iter().map(|order| Event::Cancelled {
                order: order.id,
                quantity: order.quantity,
                reason: CutReason::Delisted,
            }));
            let order = in_bar(config, state, slice, &ticker, OrderReason::Delisted, side, quantity, price);
            events.push(Event::Ordered(order.clone()));
            let fill = Fill {
                order: order.id,
                session: slice.session,
                timestamp: slice.timestamp,
                ticker,
                side,
                intent: Intent::Exit,
                reason: OrderReason::Delisted,
                quantity,
                price,
                commission: Money::ZERO,
                slippage: Money::ZERO,
                stop: None,
                stop_distance: None,
                take_profit: None,
            };
            state.account.book(&fill, events)?;
        }
        Ok(())
    }

    /// Fills what was decided on this close at this close.
    pub(super) fn trade_close(
        config: &EngineConfig,
        state: &mut EngineState,
        slice: &Slice,
        events: &mut Vec<Event>,
    ) -> Checked<()> {
        let mut waiting = Vec::new();
        for order in std::mem::take(&mut state.pending) {
            match slice.traded(&order.ticker) {
                Some(bar) => fill(config, state, slice, &order, (bar.close, Slip::Free), bar, events)?,
                None if order.intent == Intent::Exit => waiting.push(order),
                None => events.push(Event::Cancelled {
                    order: order.id,
                    quantity: order.quantity,
                    reason: CutReason::NoBar,
                }),
            }
        }
        state.pending = waiting;
        Ok(())
    }
}

/// Sessions in a row without a price after which a position is settled: as many as a window of a feature may miss.
const MOST_MISSING: u32 = 5;

/// An order that a position's own terms make inside a bar.
#[expect(clippy::too_many_arguments, reason = "the parts of one order")]
fn in_bar(
    config: &EngineConfig,
    state: &mut EngineState,
    slice: &Slice,
    ticker: &Ticker,
    reason: OrderReason,
    side: Side,
    quantity: Shares,
    reference: Price,
) -> Order {
    Order {
        id: state.next_id(&config.identity, slice.session, ticker, side),
        session: slice.session,
        timestamp: slice.timestamp,
        ticker: ticker.clone(),
        side,
        intent: Intent::Exit,
        reason,
        wanted: quantity,
        quantity,
        cuts: Vec::new(),
        reference,
        stop_distance: None,
        profit_distance: None,
        order_type: OrderType::Market,
        bars_left: 1,
    }
}

/// Which prices of a bar count for a position's own terms.
#[derive(Clone, Copy)]
enum Pass<'a> {
    /// The open.
    Open,
    /// Its extremes; of tickers that were opened inside the bar, those that came after.
    Inside(&'a BTreeMap<Ticker, (Price, Price)>),
}

/// Fills the stops and take-profit prices that the extremes of a bar touch, in order of ticker: at the open if it lies
/// beyond the price, else at the price. A stop beats a take-profit price.
fn terms(
    config: &EngineConfig,
    state: &mut EngineState,
    slice: &Slice,
    stopped: &mut BTreeSet<Ticker>,
    pass: Pass<'_>,
    events: &mut Vec<Event>,
) -> Checked<()> {
    let mut touched = Vec::new();
    let mut places = slice.places();
    for (ticker, position) in &state.account.positions {
        // One attempt a bar: what its volume did not take waits, with its stop, for the next bar.
        if !position.has_terms() || stopped.contains(ticker) {
            continue;
        }
        let Some(bar) = places.traded(ticker) else { continue };
        // The open was before what came in later.
        let (low, high, open) = match pass {
            Pass::Open => (bar.open, bar.open, Some(bar.open)),
            Pass::Inside(later) => match later.get(ticker) {
                Some((low, high)) => (*low, *high, None),
                None => (bar.low, bar.high, Some(bar.open)),
            },
        };
        let (reason, at) = match (position.side(), position.stop, position.take_profit) {
            (Side::Buy, Some(stop), _) if low <= stop => (OrderReason::Stop, stop),
            (Side::Sell, Some(stop), _) if high >= stop => (OrderReason::Stop, stop),
            (Side::Buy, _, Some(target)) if high >= target => (OrderReason::TakeProfit, target),
            (Side::Sell, _, Some(target)) if low <= target => (OrderReason::TakeProfit, target),
            _ => continue,
        };
        // A stop fills no better than its price, a profit no worse.
        let price = match (open, (position.side() == Side::Buy) == (reason == OrderReason::Stop)) {
            (None, _) => at,
            (Some(open), true) => at.min(open),
            (Some(open), false) => at.max(open),
        };
        touched.push((ticker.clone(), reason, position.side().opposite(), position.size(), at, price, *bar));
    }
    for (ticker, reason, side, quantity, at, price, bar) in touched {
        let order = in_bar(config, state, slice, &ticker, reason, side, quantity, at);
        events.push(Event::Ordered(order.clone()));
        // A limit is never filled worse than it says.
        let slip = if reason == OrderReason::TakeProfit { Slip::None } else { Slip::Free };
        fill(config, state, slice, &order, (price, slip), &bar, events)?;
        stopped.insert(ticker);
    }
    Ok(())
}

/// Fills an order at a price of a bar: within the bar's volume and, for a purchase, within cash. What does not
/// fill is cancelled.
fn fill(
    config: &EngineConfig,
    state: &mut EngineState,
    slice: &Slice,
    order: &Order,
    (price, slip): (Price, Slip),
    bar: &Bar,
    events: &mut Vec<Event>,
) -> Checked<()> {
    let mut left = order.quantity;
    let cancel =
        |left: &mut Shares, limit: Shares, reason: CutReason, events: &mut Vec<Event>| -> Checked<()> {
            let limit = limit.max(Shares::ZERO);
            if *left > limit {
                let quantity = left.minus(limit)?;
                events.push(Event::Cancelled { order: order.id.clone(), quantity, reason });
                *left = limit;
            }
            Ok(())
        };
    match (order.intent, state.account.positions.get(&order.ticker)) {
        (Intent::Entry, None) => {
            if state.account.positions.len() >= config.max_positions {
                cancel(&mut left, Shares::ZERO, CutReason::MaxPositions, events)?;
            }
        }
        (Intent::Entry, Some(_)) => cancel(&mut left, Shares::ZERO, CutReason::PositionOpen, events)?,
        (Intent::Increase, Some(position)) if position.side() == order.side => {}
        (Intent::Exit | Intent::Reduce, Some(position)) if position.side() != order.side => {
            cancel(&mut left, position.size(), CutReason::NoPosition, events)?;
        }
        _ => cancel(&mut left, Shares::ZERO, CutReason::NoPosition, events)?,
    }
    if let Some(share) = config.costs.max_volume_share {
        cancel(&mut left, share.of_volume(bar.volume, config.unit), CutReason::Volume, events)?;
    }
    if order.intent.opens() && order.side == Side::Buy {
        let cash = state.account.free_cash()?;
        let affordable = config.costs.affordable(left, config.unit, price, slip, Some(bar.volume), cash)?;
        cancel(&mut left, affordable, CutReason::Cash, events)?;
    }
    if left.is_zero() {
        return Ok(());
    }
    let paid = config.costs.paid(slip, order.side, price, left, Some(bar.volume))?;
    let away = |distance: Price, up: bool| if up { paid.plus(distance) } else { paid.minus(distance) };
    let fill = Fill {
        order: order.id.clone(),
        session: slice.session,
        timestamp: slice.timestamp,
        ticker: order.ticker.clone(),
        side: order.side,
        intent: order.intent,
        reason: order.reason,
        quantity: left,
        price: paid,
        commission: config.costs.commission(left, paid)?,
        slippage: paid.distance(price).value_of(left)?,
        stop: order.stop_distance.map(|distance| away(distance, order.side == Side::Sell)),
        stop_distance: order.stop_distance,
        // A price of nothing is never reached.
        take_profit: order
            .profit_distance
            .map(|distance| away(distance, order.side == Side::Buy))
            .filter(|price| price.micros() > 0),
    };
    state.account.book(&fill, events)?;
    // What was just opened is worth the bar's price, not the price with slippage.
    if let Some(position) = state.account.positions.get_mut(&order.ticker) {
        position.mark = price;
        position.marked = slice.session;
    }
    Ok(())
}
