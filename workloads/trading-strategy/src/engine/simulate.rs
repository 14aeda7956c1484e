//! The simulated market: which orders and stops fill in a bar, and at what price.

use std::collections::BTreeSet;

use super::config::{EngineConfig, Side};
use super::decide::blocks;
use super::event::{CutReason, Event, Fill, Intent, Order, OrderReason};
use super::money::{Checked, Price};
use super::slice::{Bar, Slice, Ticker};
use super::{Engine, EngineState};

impl Engine {
    /// Everything between the last close and this one: exits at the open, stops that gapped, reductions and
    /// openings at the open, stops inside the bar. Returns the tickers that were stopped out.
    pub(super) fn trade_bar(
        config: &EngineConfig,
        state: &mut EngineState,
        slice: &Slice,
        events: &mut Vec<Event>,
    ) -> Checked<BTreeSet<Ticker>> {
        let mut stopped = BTreeSet::new();
        state.account.mark(slice, |bar| bar.open);
        let (exits, others): (Vec<Order>, Vec<Order>) =
            std::mem::take(&mut state.pending).into_iter().partition(|order| order.intent == Intent::Exit);
        let mut waiting = Vec::new();
        for order in exits {
            match slice.bar(&order.ticker) {
                Some(bar) => fill(config, state, slice, &order, bar.open, bar, events)?,
                // An exit stands until its ticker trades again.
                None => {
                    events.push(Event::Waiting { order: order.id.clone() });
                    waiting.push(order);
                }
            }
        }
        stops(config, state, slice, &mut stopped, |bar| (bar.open, bar.open), events)?;
        let blocked = blocks(state, slice.control).entries;
        for order in others {
            let off = match slice.bar(&order.ticker) {
                _ if stopped.contains(&order.ticker) => CutReason::StoppedOut,
                None => CutReason::NoBar,
                Some(bar) => match blocked {
                    Some(reason) if order.intent.opens() => reason,
                    _ => {
                        fill(config, state, slice, &order, bar.open, bar, events)?;
                        continue;
                    }
                },
            };
            events.push(Event::Cancelled { order: order.id, quantity: order.quantity, reason: off });
        }
        stops(config, state, slice, &mut stopped, |bar| (bar.low, bar.high), events)?;
        state.account.mark(slice, |bar| bar.close);
        state.pending = waiting;
        Ok(stopped)
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
            match slice.bar(&order.ticker) {
                Some(bar) => fill(config, state, slice, &order, bar.close, bar, events)?,
                None if order.intent == Intent::Exit => waiting.push(order),
                None => events.push(Event::Cancelled {
                    order: order.id,
                    quantity: order.quantity,
                    reason: CutReason::NoBar,
                }),
            }
        }
        // A fill moves the mark to nothing but the close, where it is already.
        state.account.mark(slice, |bar| bar.close);
        state.pending = waiting;
        Ok(())
    }
}

/// Fills the stops that the extremes of a bar touch, in order of ticker: at the open if it lies beyond the stop,
/// else at the stop. `extremes` gives the lowest and highest price that count.
fn stops(
    config: &EngineConfig,
    state: &mut EngineState,
    slice: &Slice,
    stopped: &mut BTreeSet<Ticker>,
    extremes: impl Fn(&Bar) -> (Price, Price),
    events: &mut Vec<Event>,
) -> Checked<()> {
    let mut touched = Vec::new();
    for (ticker, position) in &state.account.positions {
        // One attempt a bar: what its volume did not take waits, with its stop, for the next bar.
        if stopped.contains(ticker) {
            continue;
        }
        if let (Some(stop), Some(bar)) = (position.stop, slice.bar(ticker)) {
            let (low, high) = extremes(bar);
            let price = match position.side() {
                Side::Buy if low <= stop => stop.min(bar.open),
                Side::Sell if high >= stop => stop.max(bar.open),
                _ => continue,
            };
            touched.push((ticker.clone(), position.side().opposite(), position.size(), stop, price, *bar));
        }
    }
    for (ticker, side, quantity, stop, price, bar) in touched {
        let order = Order {
            id: state.next_id(&config.identity, slice.session, &ticker, side),
            session: slice.session,
            timestamp: slice.timestamp,
            ticker: ticker.clone(),
            side,
            intent: Intent::Exit,
            reason: OrderReason::Stop,
            wanted: quantity,
            quantity,
            cuts: Vec::new(),
            reference: stop,
            stop_distance: None,
        };
        events.push(Event::Ordered(order.clone()));
        fill(config, state, slice, &order, price, &bar, events)?;
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
    price: Price,
    bar: &Bar,
    events: &mut Vec<Event>,
) -> Checked<()> {
    let mut left = order.quantity;
    let cancel = |left: &mut i64, limit: i64, reason: CutReason, events: &mut Vec<Event>| {
        let limit = limit.max(0);
        if *left > limit {
            events.push(Event::Cancelled { order: order.id.clone(), quantity: *left - limit, reason });
            *left = limit;
        }
    };
    match (order.intent, state.account.positions.get(&order.ticker)) {
        (Intent::Entry, None) => {
            if state.account.positions.len() >= config.max_positions {
                cancel(&mut left, 0, CutReason::MaxPositions, events);
            }
        }
        (Intent::Entry, Some(_)) => cancel(&mut left, 0, CutReason::PositionOpen, events),
        (Intent::Increase, Some(position)) if position.side() == order.side => {}
        (Intent::Exit | Intent::Reduce, Some(position)) if position.side() != order.side => {
            cancel(&mut left, position.size(), CutReason::NoPosition, events);
        }
        _ => cancel(&mut left, 0, CutReason::NoPosition, events),
    }
    if let Some(share) = config.costs.max_volume_share {
        cancel(&mut left, share.of(bar.volume)?, CutReason::Volume, events);
    }
    if order.intent.opens() && order.side == Side::Buy {
        let affordable = config.costs.affordable(left, price, state.account.free_cash()?)?;
        cancel(&mut left, affordable, CutReason::Cash, events);
    }
    if left == 0 {
        return Ok(());
    }
    let paid = config.costs.slipped(order.side, price)?;
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
        stop: order.stop_distance.map(|distance| match order.side {
            Side::Buy => paid.minus(distance),
            Side::Sell => paid.plus(distance),
        }),
    };
    state.account.book(&fill, events)?;
    // What was just opened is worth the bar's price, not the price with slippage.
    if let Some(position) = state.account.positions.get_mut(&order.ticker) {
        position.mark = price;
        position.marked = slice.session;
    }
    Ok(())
}
