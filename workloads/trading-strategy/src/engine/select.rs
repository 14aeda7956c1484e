//! Which positions leave, stay and come: from signals to a plan, before any quantity.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::config::{Direction, EngineConfig, Selection, Side};
use super::event::OrderReason;
use super::slice::{Slice, Ticker, TickerSlice};

/// What a decision wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// Positions to close, in order of ticker.
    pub(super) exits: Vec<(Ticker, OrderReason)>,
    /// Positions to open and, where weights are restored, positions that stay, in rank order.
    pub(super) wanted: Vec<Candidate>,
    /// How many positions stay or are to be opened.
    pub(super) selected: usize,
}

impl Plan {
    /// Whether nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.exits.is_empty() && self.wanted.is_empty()
    }
}

/// A position to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Which.
    pub(super) ticker: Ticker,
    /// `Buy` for a long position.
    pub(super) side: Side,
    /// Whether it is open already.
    pub(super) held: bool,
}

/// The plan of a close. `waiting` are positions whose exit waits for a bar: they keep their place and are not
/// planned again. `barred` may not be opened on this close.
pub(super) fn plan(
    config: &EngineConfig,
    account: &Account,
    slice: &Slice,
    waiting: &BTreeSet<Ticker>,
    barred: &BTreeSet<Ticker>,
) -> Plan {
    let scope = Scope { config, account, slice, waiting, barred };
    match config.selection {
        Selection::Rules => scope.by_rules(),
        Selection::Scores { minimum, exit_rank } if slice.rebalance => scope.by_scores(minimum, exit_rank),
        // Between rebalances only what a position's own terms say.
        Selection::Scores { .. } => Plan { exits: scope.expired(), ..Plan::default() },
    }
}

struct Scope<'a> {
    config: &'a EngineConfig,
    account: &'a Account,
    slice: &'a Slice,
    waiting: &'a BTreeSet<Ticker>,
    barred: &'a BTreeSet<Ticker>,
}

/// A number to order by, highest first, none last.
fn descending(a: Option<f64>, b: Option<f64>) -> std::cmp::Ordering {
    let key = |value: Option<f64>| value.filter(|number| !number.is_nan());
    match (key(a), key(b)) {
        // `+ 0.0` makes the two zeros equal.
        (Some(a), Some(b)) => (b + 0.0).total_cmp(&(a + 0.0)),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => std::cmp::Ordering::Equal,
    }
}

/// By rank, then by ticker.
fn in_rank_order(a: &(Option<f64>, Candidate), b: &(Option<f64>, Candidate)) -> std::cmp::Ordering {
    descending(a.0, b.0).then_with(|| a.1.ticker.cmp(&b.1.ticker))
}

/// Why a holding leaves whatever its signal says.
fn out_of_universe(part: Option<&TickerSlice>) -> Option<OrderReason> {
    match part {
        Some(part) if part.active && part.focus => None,
        Some(part) if part.active => Some(OrderReason::LeftFocus),
        _ => Some(OrderReason::Inactive),
    }
}

impl Scope<'_> {
    fn can_open(&self, part: &TickerSlice) -> bool {
        part.active
            && part.focus
            && part.bar.is_some()
            && !self.waiting.contains(&part.ticker)
            && !self.barred.contains(&part.ticker)
    }

    fn holdings(&self) -> impl Iterator<Item = (&Ticker, Side)> {
        self.account
            .positions
            .iter()
            .filter(|(ticker, _)| !self.waiting.contains(*ticker))
            .map(|(ticker, position)| (ticker, position.side()))
    }

    /// Whether a position has been held for as many bars as it may be.
    fn is_expired(&self, ticker: &Ticker) -> bool {
        self.config.risk.max_holding_bars.is_some_and(|most| {
            self.account.positions.get(ticker).is_some_and(|position| position.bars >= most)
        })
    }

    /// What is closed by the time stop alone.
    fn expired(&self) -> Vec<(Ticker, OrderReason)> {
        self.holdings()
            .filter(|(ticker, _)| self.is_expired(ticker))
            .map(|(ticker, _)| (ticker.clone(), OrderReason::TimeStop))
            .collect()
    }

    /// Why a holding leaves, when it does.
    fn leaves(&self, ticker: &Ticker, side: Side, part: Option<&TickerSlice>) -> Option<OrderReason> {
        let signal = part.map(|part| part.signal).unwrap_or_default();
        let asked = match side {
            Side::Buy => signal.exit,
            Side::Sell => signal.short_exit,
        };
        out_of_universe(part)
            .or(asked.then_some(OrderReason::Signal))
            .or(self.is_expired(ticker).then_some(OrderReason::TimeStop))
    }

    fn by_rules(&self) -> Plan {
        let mut exits = Vec::new();
        let mut kept = 0;
        let mut places = self.slice.places();
        for (ticker, side) in self.holdings() {
            match self.leaves(ticker, side, places.get(ticker)) {
                Some(reason) => exits.push((ticker.clone(), reason)),
                None => kept += 1,
            }
        }
        let mut wanted = self.entries(self.config.max_positions.saturating_sub(kept + self.waiting.len()));
        let selected = wanted.len() + kept;
        if self.config.restores(self.slice) {
            let mut places = self.slice.places();
            for (ticker, side) in self.holdings() {
                let part = places.get(ticker);
                if self.leaves(ticker, side, part).is_none() {
                    let rank_by = part.and_then(|part| part.signal.rank_by);
                    wanted.push((rank_by, Candidate { ticker: ticker.clone(), side, held: true }));
                }
            }
            wanted.sort_by(in_rank_order);
        }
        Plan { exits, wanted: wanted.into_iter().map(|(_, candidate)| candidate).collect(), selected }
    }

    /// What the rules open, best first, as many as there are places.
    fn entries(&self, places: usize) -> Vec<(Option<f64>, Candidate)> {
        let mut entries = Vec::new();
        for part in &self.slice.tickers {
            let signal = part.signal;
            let long = signal.entry && !signal.exit;
            let short =
                signal.short_entry && !signal.short_exit && self.config.direction == Direction::LongShort;
            // Both at once say nothing.
            let side = match (long, short) {
                (true, false) => Side::Buy,
                (false, true) => Side::Sell,
                _ => continue,
            };
            // What the time stop closes is not opened again on the same close.
            if !self.can_open(part) || self.is_kept(part) || self.is_expired(&part.ticker) {
                continue;
            }
            entries.push((signal.rank_by, Candidate { ticker: part.ticker.clone(), side, held: false }));
        }
        entries.sort_by(in_rank_order);
        entries.truncate(places);
        entries
    }

    /// Whether a ticker is held and stays.
    fn is_kept(&self, part: &TickerSlice) -> bool {
        self.account
            .positions
            .get(&part.ticker)
            .is_some_and(|held| self.leaves(&part.ticker, held.side(), Some(part)).is_none())
    }

    /// Ranks (from 1) of the tickers whose score passes, best first. A ticker that does not pass has no rank.
    fn ranks(&self, passes: impl Fn(f64) -> bool, sign: f64) -> Vec<&TickerSlice> {
        let mut ranked: Vec<(&TickerSlice, f64)> = self
            .slice
            .tickers
            .iter()
            .filter(|part| part.active && part.focus)
            .filter_map(|part| part.signal.score.filter(|score| passes(*score)).map(|score| (part, score)))
            .collect();
        ranked.sort_by(|a, b| {
            descending(Some(sign * a.1), Some(sign * b.1)).then_with(|| a.0.ticker.cmp(&b.0.ticker))
        });
        ranked.into_iter().map(|(part, _)| part).collect()
    }

    fn by_scores(&self, minimum: f64, exit_rank: usize) -> Plan {
        let (long_slots, short_slots) = match self.config.direction {
            Direction::LongOnly => (self.config.max_positions, 0),
            // An odd slot goes to the longs.
            Direction::LongShort => (self.config.max_positions.div_ceil(2), self.config.max_positions / 2),
        };
        let mut exits = BTreeMap::new();
        let mut chosen: Vec<(usize, Candidate)> = Vec::new();
        let mut taken = BTreeSet::new();
        for side in [Side::Buy, Side::Sell] {
            let (slots, ranked) = match side {
                Side::Buy => (long_slots, self.ranks(|score| score > minimum, 1.0)),
                Side::Sell => (short_slots, self.ranks(|score| score < -minimum, -1.0)),
            };
            let rank_of: BTreeMap<&Ticker, usize> =
                ranked.iter().enumerate().map(|(place, part)| (&part.ticker, place + 1)).collect();
            let mut kept: Vec<(usize, &Ticker)> = Vec::new();
            for (ticker, _) in self.holdings().filter(|(_, held)| *held == side) {
                match rank_of.get(ticker) {
                    Some(_) if self.is_expired(ticker) => {
                        exits.insert(ticker.clone(), OrderReason::TimeStop);
                    }
                    Some(rank) if *rank <= exit_rank && !taken.contains(ticker) => kept.push((*rank, ticker)),
                    _ => {
                        exits.insert(ticker.clone(), self.why_lost(ticker));
                    }
                }
            }
            kept.sort_unstable();
            // More holdings than slots (a smaller limit than before): the worst leave.
            for (_, ticker) in kept.iter().skip(slots) {
                exits.insert((*ticker).clone(), OrderReason::RankLost);
            }
            kept.truncate(slots);
            let waiting = self
                .waiting
                .iter()
                .filter(|ticker| self.account.positions.get(*ticker).is_some_and(|held| held.side() == side))
                .count();
            let mut open = slots.saturating_sub(kept.len() + waiting);
            for (rank, ticker) in &kept {
                taken.insert((*ticker).clone());
                chosen.push((*rank, Candidate { ticker: (*ticker).clone(), side, held: true }));
            }
            for (place, part) in ranked.iter().enumerate() {
                if open == 0 {
                    break;
                }
                // A holding that leaves for want of a slot does not come back on the same close.
                let leaves_here =
                    self.account.positions.get(&part.ticker).is_some_and(|position| position.side() == side);
                if !taken.contains(&part.ticker)
                    && !leaves_here
                    && !self.is_expired(&part.ticker)
                    && self.can_open(part)
                {
                    open -= 1;
                    taken.insert(part.ticker.clone());
                    chosen.push((place + 1, Candidate { ticker: part.ticker.clone(), side, held: false }));
                }
            }
        }
        chosen.sort_by(|a, b| {
            a.0.cmp(&b.0).then(a.1.side.cmp(&b.1.side)).then_with(|| a.1.ticker.cmp(&b.1.ticker))
        });
        Plan {
            exits: exits.into_iter().collect(),
            selected: chosen.len(),
            wanted: chosen.into_iter().map(|(_, candidate)| candidate).collect(),
        }
    }

    fn why_lost(&self, ticker: &Ticker) -> OrderReason {
        let part = self.slice.get(ticker);
        out_of_universe(part).unwrap_or_else(|| {
            let score = part.and_then(|part| part.signal.score);
            if score.is_some_and(|score| !score.is_nan()) {
                OrderReason::RankLost
            } else {
                OrderReason::NoScore
            }
        })
    }
}
