//! A small market to test with.

use jiff::civil::{Date, date};

use crate::engine::*;

pub(super) fn money(text: &str) -> Money {
    Money::try_from(text.parse::<rust_decimal::Decimal>().unwrap()).unwrap()
}

pub(super) fn price(text: &str) -> Price {
    Price::try_from(text.parse::<rust_decimal::Decimal>().unwrap()).unwrap()
}

pub(super) fn fraction(text: &str) -> Fraction {
    Fraction::try_from(text.parse::<rust_decimal::Decimal>().unwrap()).unwrap()
}

pub(super) fn shares(text: &str) -> Shares {
    Shares::try_from(text.parse::<rust_decimal::Decimal>().unwrap()).unwrap()
}

/// A number of whole shares.
pub(super) fn whole(quantity: Shares) -> i64 {
    assert_eq!(Unit::Whole.floor(quantity), quantity, "no part of a share");
    quantity.whole()
}

/// $100,000, rules, one position of full weight, no costs, no caps but gross exposure 1.
pub(super) fn config() -> EngineConfig {
    EngineConfig {
        identity: "test".to_owned(),
        initial_cash: money("100000"),
        selection: Selection::Rules,
        direction: Direction::LongOnly,
        max_positions: 10,
        rebalance_threshold: Fraction::ZERO,
        sizing: Sizing::TargetWeight { weight: Fraction::ONE, cash_buffer: Fraction::ZERO },
        unit: Unit::Whole,
        risk: Risk {
            max_position_size: None,
            max_heat: None,
            max_gross_exposure: Fraction::ONE,
            stop: None,
            trail: None,
            take_profit: None,
            max_holding_bars: None,
            max_drawdown: None,
        },
        costs: Costs::default(),
        fill: FillTiming::NextOpen,
        entry: EntryOrder::default(),
    }
}

pub(super) fn bar(open: &str, high: &str, low: &str, close: &str) -> Bar {
    let [open, high, low, close] = [open, high, low, close].map(price);
    Bar { open, high, low, close, volume: 1_000_000, halted: false }
}

/// A bar that stands still.
pub(super) fn flat(at: &str) -> Bar {
    bar(at, at, at, at)
}

/// A part of a slice; `signals` are letters: `e`ntry, e`x`it, `s`hort entry, `c`over.
pub(super) fn part(ticker: &str, bar: impl Into<Option<Bar>>, signals: &str) -> TickerSlice {
    TickerSlice {
        ticker: Ticker::new(ticker),
        bar: bar.into(),
        active: true,
        focus: true,
        signal: Signal {
            entry: signals.contains('e'),
            exit: signals.contains('x'),
            short_entry: signals.contains('s'),
            short_exit: signals.contains('c'),
            ..Signal::default()
        },
        atr: Some(price("1")),
        average_volume: Some(1_000_000),
        volatility: Some(fraction("0.2")),
        weight: Some(fraction("0.5")),
        limit_atr: Some(price("1")),
        stop_atr: Some(price("2")),
    }
}

pub(super) fn scored(ticker: &str, bar: Bar, score: f64) -> TickerSlice {
    let mut part = part(ticker, bar, "");
    part.signal.score = Some(score);
    part
}

/// Runs an engine over daily slices, one a day from 2020-01-01.
pub(super) struct Market {
    pub(super) engine: Engine,
    day: i64,
    pub(super) events: Vec<Event>,
}

impl Market {
    pub(super) fn new(config: EngineConfig) -> Self {
        Self { engine: Engine::new(config).unwrap(), day: 0, events: Vec::new() }
    }

    pub(super) fn slice(&mut self, tickers: Vec<TickerSlice>) -> Slice {
        let session: Date = date(2020, 1, 1).checked_add(jiff::Span::new().days(self.day)).unwrap();
        self.day += 1;
        let timestamp = session.at(14, 30, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        Slice {
            session,
            timestamp,
            session_close: true,
            rebalance: true,
            nights: 1,
            actions: Vec::new(),
            tickers,
            control: Control::Run,
            reset_latch: false,
        }
    }

    pub(super) fn step(&mut self, tickers: Vec<TickerSlice>) -> Vec<Event> {
        let slice = self.slice(tickers);
        self.run(&slice)
    }

    pub(super) fn run(&mut self, slice: &Slice) -> Vec<Event> {
        let events = self.engine.step(slice).unwrap();
        self.events.extend(events.clone());
        events
    }

    pub(super) fn cash(&self) -> Money {
        self.engine.state().account.cash
    }

    pub(super) fn equity(&self) -> Money {
        self.engine.state().account.equity().unwrap()
    }

    pub(super) fn quantity(&self, ticker: &str) -> i64 {
        self.position(ticker).map_or(0, |position| whole(position.quantity))
    }

    pub(super) fn position(&self, ticker: &str) -> Option<&Position> {
        self.engine.state().account.positions.get(&Ticker::new(ticker))
    }
}

pub(super) fn orders(events: &[Event]) -> Vec<&Order> {
    events
        .iter()
        .filter_map(|event| if let Event::Ordered(order) = event { Some(order) } else { None })
        .collect()
}

pub(super) fn fills(events: &[Event]) -> Vec<&Fill> {
    events
        .iter()
        .filter_map(|event| if let Event::Filled(fill) = event { Some(fill) } else { None })
        .collect()
}

pub(super) fn trades(events: &[Event]) -> Vec<&Trade> {
    events
        .iter()
        .filter_map(|event| if let Event::TradeClosed(trade) = event { Some(trade) } else { None })
        .collect()
}

pub(super) fn cancels(events: &[Event]) -> Vec<(i64, CutReason)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Cancelled { quantity, reason, .. } => Some((whole(*quantity), *reason)),
            _ => None,
        })
        .collect()
}

/// The cuts of the only order.
pub(super) fn cuts(events: &[Event]) -> Vec<(CutReason, i64, i64)> {
    let orders = orders(events);
    assert_eq!(orders.len(), 1, "{orders:#?}");
    orders[0].cuts.iter().map(|cut| (cut.reason, whole(cut.from), whole(cut.to))).collect()
}

/// Sized by risk, with a stop at a multiple of an ATR of 1.
pub(super) fn risk_config(fraction_at_risk: &str, multiple: &str) -> EngineConfig {
    let mut config = config();
    config.sizing = Sizing::RiskPerTrade { fraction: fraction(fraction_at_risk) };
    config.risk.stop = Some(Stop::Atr { multiple: fraction(multiple) });
    config
}
