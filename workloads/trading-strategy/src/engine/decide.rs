//! From a plan to orders: exits, then reductions, then what opens in rank order, each within what is left.

use std::collections::BTreeSet;

use super::config::{DrawdownAction, EngineConfig};
use super::config::{FillTiming, Selection, Side};
use super::entry::{self, OrderType};
use super::event::{CutReason, Event, Intent, Order, OrderReason};
use super::number::{Checked, Money, Price, Shares};
use super::select::{self, Candidate, Plan};
use super::sizing::{self, Basis, Opening, Room};
use super::slice::{Control, Slice, Ticker, TickerSlice};
use super::{Engine, EngineState};

/// Whether a close blocks entries, and why everything is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) entries: Option<CutReason>,
    pub(super) flatten: Option<OrderReason>,
}

/// What the control and the latch ask for; the control goes first.
pub(super) fn blocks(state: &EngineState, control: Control) -> Blocks {
    let latched = state.latch.as_ref();
    let entries = match (control, latched) {
        (Control::BlockEntries | Control::Flatten, _) => Some(CutReason::Halt),
        (Control::Run, Some(_)) => Some(CutReason::Drawdown),
        (Control::Run, None) => None,
    };
    let flatten = match (control, latched) {
        (Control::Flatten, _) => Some(OrderReason::Halt),
        (_, Some(latch)) if latch.action == DrawdownAction::Flatten => Some(OrderReason::Drawdown),
        _ => None,
    };
    Blocks { entries, flatten }
}

impl Engine {
    /// Decides on the close of a slice: pushes an `Ordered` event for each order, also for those that the caps
    /// left nothing of, and queues the rest.
    pub(super) fn decide(
        config: &EngineConfig,
        state: &mut EngineState,
        slice: &Slice,
        stopped: &BTreeSet<Ticker>,
        events: &mut Vec<Event>,
    ) -> Checked<()> {
        let blocks = blocks(state, slice.control);
        withdraw(config, state, slice, blocks, events);
        let waiting: BTreeSet<Ticker> = state.pending.iter().map(|order| order.ticker.clone()).collect();
        let nobody = BTreeSet::new();
        // A same-close entry would fill on the bar of the stop.
        let barred = if config.fill == FillTiming::SameClose { stopped } else { &nobody };
        let mut plan = select::plan(config, &state.account, slice, &waiting, barred);
        if let Some(reason) = blocks.flatten {
            plan.wanted.clear();
            plan.exits = state
                .account
                .positions
                .keys()
                .filter(|ticker| !waiting.contains(*ticker))
                .map(|ticker| (ticker.clone(), reason))
                .collect();
        }

        if plan.is_empty() {
            return Ok(());
        }

        let exposure = state.account.exposure()?;
        let equity = state.account.worth(exposure)?;
        let mut room = Room {
            equity,
            cash: state.account.cash.minus(exposure.short)?,
            gross: exposure.long.plus(exposure.short)?,
            risk: exposure.risk,
        };
        // What waits for its price holds its room and its place.
        let mut working = 0;
        for order in state.pending.iter().filter(|order| order.intent.opens()) {
            working += 1;
            let price = order.reference;
            let opening = Opening {
                side: order.side,
                held: Shares::ZERO,
                quantity: order.quantity,
                price,
                slip: order.order_type.slip(),
                risk: order.stop_distance.unwrap_or(price),
                average_volume: slice.get(&order.ticker).and_then(|part| part.average_volume),
            };
            room.take(&config.costs, &opening)?;
        }
        let mut desk = Desk { config, slice, room: &mut room, working, events };
        for (ticker, reason) in &plan.exits {
            desk.exit(state, ticker, *reason)?;
        }
        let openings = desk.resize(state, &plan, equity)?;
        for opening in openings {
            if blocks.entries.is_none() {
                desk.open(state, &opening)?;
            }
        }
        Ok(())
    }
}

/// Takes back entries that wait for their price and are no longer wanted.
fn withdraw(
    config: &EngineConfig,
    state: &mut EngineState,
    slice: &Slice,
    blocks: Blocks,
    events: &mut Vec<Event>,
) {
    if state.pending.is_empty() {
        return;
    }
    let exits: BTreeSet<Ticker> = state
        .pending
        .iter()
        .filter(|order| order.intent == Intent::Exit)
        .map(|order| order.ticker.clone())
        .collect();
    let positions = &state.account.positions;
    state.pending.retain(|order| {
        if !order.intent.opens() {
            return true;
        }
        let part = slice.get(&order.ticker);
        let off = match (blocks.entries, part, config.selection) {
            (Some(reason), _, _) => reason,
            // What an exit left of a position is in the way.
            _ if positions.contains_key(&order.ticker) && !exits.contains(&order.ticker) => {
                CutReason::PositionOpen
            }
            (None, Some(part), _) if !(part.active && part.focus) => CutReason::LeftUniverse,
            (None, _, Selection::Scores { .. }) if slice.rebalance => CutReason::Replaced,
            (None, Some(part), Selection::Rules)
                if match order.side {
                    Side::Buy => part.signal.exit,
                    Side::Sell => part.signal.short_exit,
                } =>
            {
                CutReason::ExitRule
            }
            _ => return true,
        };
        events.push(Event::Cancelled { order: order.id.clone(), quantity: order.quantity, reason: off });
        false
    });
    // An exit that the bar's volume took in part, and that nothing asks for again, has freed no place. Orders wait in
    // rank order: the last ones give way.
    let held = positions.keys().filter(|ticker| !exits.contains(*ticker)).count();
    let mut places = config.max_positions.saturating_sub(held);
    state.pending.retain(|order| {
        if !order.intent.opens() {
            return true;
        }
        let kept = places > 0;
        places = places.saturating_sub(1);
        if !kept {
            let (order, quantity) = (order.id.clone(), order.quantity);
            events.push(Event::Cancelled { order, quantity, reason: CutReason::MaxPositions });
        }
        kept
    });
}

/// Something to open or enlarge.
struct Planned<'a> {
    candidate: &'a Candidate,
    part: &'a TickerSlice,
    close: Price,
    /// The price that is reckoned with.
    price: Price,
    order_type: OrderType,
    distance: Result<Option<Price>, CutReason>,
    quantity: Shares,
}

/// What the parts of an order that shrinks a position are.
struct Shrinking<'a> {
    ticker: &'a Ticker,
    side: Side,
    intent: Intent,
    reason: OrderReason,
    reference: Price,
    quantity: Shares,
}

struct Desk<'a> {
    config: &'a EngineConfig,
    slice: &'a Slice,
    room: &'a mut Room,
    /// Entries that wait for their price.
    working: usize,
    events: &'a mut Vec<Event>,
}

impl<'a> Desk<'a> {
    fn exit(&mut self, state: &mut EngineState, ticker: &Ticker, reason: OrderReason) -> Checked<()> {
        let Some(position) = state.account.positions.get(ticker) else { return Ok(()) };
        let (side, quantity, mark) = (position.side().opposite(), position.size(), position.mark);
        let risk = risk_of(position.side(), mark, position.stop);
        let volume = self.slice.get(ticker).and_then(|part| part.average_volume);
        self.room.release(&self.config.costs, side, quantity, mark, risk, volume)?;
        let intent = Intent::Exit;
        self.push(state, &Shrinking { ticker, side, intent, reason, reference: mark, quantity });
        Ok(())
    }

    /// Orders the reductions, and the exits of what has no weight, and returns, in rank order, what is to be opened or
    /// enlarged.
    fn resize(
        &mut self,
        state: &mut EngineState,
        plan: &'a Plan,
        equity: Money,
    ) -> Checked<Vec<Planned<'a>>> {
        let slice = self.slice;
        let restores = self.config.restores(slice);
        let mut openings = Vec::new();
        for candidate in &plan.wanted {
            if candidate.held && !restores {
                continue;
            }
            // Without a bar there is no close to size by: a holding stays as it is.
            let Some(part) = slice.get(&candidate.ticker) else { continue };
            let Some(bar) = part.bar else { continue };
            // It closes, however little is held: a threshold is for weights that are there.
            if candidate.held && sizing::leaves_nothing(self.config.sizing, candidate.side, part.weight) {
                self.exit(state, &candidate.ticker, OrderReason::Rebalance)?;
                continue;
            }
            let held = if candidate.held {
                state.account.positions.get(&candidate.ticker).map_or(Shares::ZERO, super::Position::size)
            } else {
                Shares::ZERO
            };
            let distance = sizing::stop_distance(self.config.risk.stop, part, bar.close)?;
            // What grows or shrinks does so at the market.
            let priced = match candidate.held {
                true => Ok((OrderType::Market, bar.close)),
                false => entry::priced(self.config.entry, candidate.side, part, bar.close)?,
            };
            let (order_type, price) = priced.unwrap_or((OrderType::Market, bar.close));
            let basis = Basis {
                side: candidate.side,
                equity,
                price,
                held,
                distance: distance.ok().flatten(),
                volatility: part.volatility,
                weight: part.weight,
                selected: plan.selected + self.working,
            };
            let (target, distance) = match sizing::wanted(self.config, &basis)? {
                Ok(target) => (target, priced.and(distance)),
                // What cannot be sized stays as it is, or is not opened.
                Err(_) if candidate.held => continue,
                Err(reason) => (Shares::ZERO, Err(reason)),
            };
            let off = bar.close.value_of(target.minus(held)?.abs())?;
            if candidate.held && off <= equity.times(self.config.rebalance_threshold)? {
                continue;
            }
            if target < held {
                let risk = state
                    .account
                    .positions
                    .get(&candidate.ticker)
                    .map_or(bar.close, |position| risk_of(position.side(), bar.close, position.stop));
                let side = candidate.side.opposite();
                let volume = part.average_volume;
                let quantity = held.minus(target)?;
                self.room.release(&self.config.costs, side, quantity, bar.close, risk, volume)?;
                self.push(
                    state,
                    &Shrinking {
                        ticker: &candidate.ticker,
                        side,
                        intent: Intent::Reduce,
                        reason: OrderReason::Rebalance,
                        reference: bar.close,
                        quantity,
                    },
                );
            } else if target > held || !candidate.held {
                openings.push(Planned {
                    candidate,
                    part,
                    close: bar.close,
                    price,
                    order_type,
                    distance,
                    quantity: target.minus(held)?,
                });
            }
        }
        Ok(openings)
    }

    fn open(&mut self, state: &mut EngineState, planned: &Planned<'_>) -> Checked<()> {
        let Candidate { ticker, side, held } = planned.candidate;
        let position = if *held { state.account.positions.get(ticker) } else { None };
        let mut cuts = Vec::new();
        let (intent, reason) = if *held {
            (Intent::Increase, OrderReason::Rebalance)
        } else {
            (Intent::Entry, OrderReason::Signal)
        };
        let (quantity, distance) = match (position, planned.distance) {
            // An enlarged position keeps the stop that its entry fixed.
            (Some(position), _) => {
                let risk = risk_of(position.side(), planned.price, position.stop);
                (self.admit(planned, position.size(), risk, &mut cuts)?, None)
            }
            (None, Ok(distance)) => {
                (self.admit(planned, Shares::ZERO, distance.unwrap_or(planned.price), &mut cuts)?, distance)
            }
            (None, Err(reason)) => {
                cuts.push(super::Cut { reason, from: planned.quantity, to: Shares::ZERO });
                (Shares::ZERO, None)
            }
        };
        let profit_distance = match position {
            Some(_) => None,
            None => sizing::profit_distance(self.config.risk.take_profit, planned.close, distance)?,
        };
        let id = state.next_id(&self.config.identity, self.slice.session, ticker, *side);
        let order = Order {
            id,
            session: self.slice.session,
            timestamp: self.slice.timestamp,
            ticker: ticker.clone(),
            side: *side,
            intent,
            reason,
            wanted: planned.quantity,
            quantity,
            cuts,
            reference: planned.price,
            stop_distance: distance,
            profit_distance,
            order_type: planned.order_type,
            bars_left: self.config.entry.bars,
        };
        self.events.push(Event::Ordered(order.clone()));
        if quantity > Shares::ZERO {
            state.pending.push(order);
        }
        Ok(())
    }

    fn admit(
        &mut self,
        planned: &Planned<'_>,
        held: Shares,
        risk: Price,
        cuts: &mut Vec<super::Cut>,
    ) -> Checked<Shares> {
        let opening = Opening {
            side: planned.candidate.side,
            held,
            quantity: planned.quantity,
            price: planned.price,
            slip: planned.order_type.slip(),
            risk,
            average_volume: planned.part.average_volume,
        };
        self.room.admit(self.config, &opening, cuts)
    }

    /// Queues an order that shrinks a position; the caps do not touch it.
    fn push(&mut self, state: &mut EngineState, shrinking: &Shrinking<'_>) {
        let Shrinking { ticker, side, intent, reason, reference, quantity } = *shrinking;
        let order = Order {
            id: state.next_id(&self.config.identity, self.slice.session, ticker, side),
            session: self.slice.session,
            timestamp: self.slice.timestamp,
            ticker: ticker.clone(),
            side,
            intent,
            reason,
            wanted: quantity,
            quantity,
            cuts: Vec::new(),
            reference,
            stop_distance: None,
            profit_distance: None,
            order_type: OrderType::Market,
            bars_left: 1,
        };
        self.events.push(Event::Ordered(order.clone()));
        state.pending.push(order);
    }
}

/// What a share loses from a price to the stop, at least 0; the price without a stop.
fn risk_of(side: Side, price: Price, stop: Option<Price>) -> Price {
    match (stop, side) {
        (None, _) => price,
        (Some(stop), Side::Buy) => price.minus(stop),
        (Some(stop), Side::Sell) => stop.minus(price),
    }
}
