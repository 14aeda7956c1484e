//! A market to trade in, and the reference: the engine alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ats_crds::strategy::HaltAction;
use ats_ledger::{Ledger, OrderFilter, StrategyIdentity};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::engine::*;
use crate::trade::*;

/// Numbers that look random and are the same everywhere (splitmix64).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

pub(super) const TICKERS: [&str; 6] = ["AAA", "BBB", "BRK.B", "CCC", "DDD", "EEE"];

fn fraction(text: &str) -> Fraction {
    Fraction::try_from(text.parse::<Decimal>().unwrap()).unwrap()
}

/// Long and short, sized by risk, with every cap, cost and the latch on.
pub(super) fn config() -> EngineConfig {
    EngineConfig {
        identity: "momentum".to_owned(),
        initial_cash: Money::from_micros(100_000_000_000),
        selection: Selection::Rules,
        direction: Direction::LongShort,
        max_positions: 4,
        rebalance_threshold: Fraction::ZERO,
        sizing: Sizing::RiskPerTrade { fraction: fraction("0.02") },
        unit: Unit::Whole,
        risk: Risk {
            max_position_size: Some(Money::from_micros(40_000_000_000)),
            max_heat: Some(fraction("0.06")),
            max_gross_exposure: fraction("1.5"),
            stop: Some(Stop::Atr { multiple: fraction("1.5") }),
            trail: None,
            take_profit: None,
            max_holding_bars: None,
            max_drawdown: Some(MaxDrawdown { limit: fraction("0.5"), action: DrawdownAction::NoNewEntries }),
        },
        costs: Costs {
            commission_per_share: Price::from_micros(5_000),
            commission_rate: Fraction::ZERO,
            minimum_commission: Money::from_micros(1_000_000),
            maximum_commission_rate: Some(fraction("0.005")),
            slippage: fraction("0.0002"),
            price_impact: Fraction::ZERO,
            borrow_rate: Fraction::ZERO,
            max_volume_share: Some(fraction("0.025")),
        },
        fill: FillTiming::NextOpen,
        entry: EntryOrder::default(),
    }
}

/// The same with everything that a position can carry.
pub(super) fn with_every_term() -> EngineConfig {
    let plain = config();
    EngineConfig {
        risk: Risk {
            trail: Some(Trail::Extreme),
            take_profit: Some(TakeProfit::RiskMultiple { multiple: fraction("1.2") }),
            max_holding_bars: Some(6),
            ..plain.risk
        },
        costs: Costs {
            commission_rate: fraction("0.0001"),
            price_impact: fraction("0.1"),
            borrow_rate: fraction("0.05"),
            ..plain.costs
        },
        ..plain
    }
}

pub(super) fn session(day: i64) -> Date {
    date(2020, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap()
}

pub(super) fn at(day: i64, hour: i8, minute: i8) -> Timestamp {
    session(day).at(hour, minute, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp()
}

/// A session a day, known at 21:00 UTC; the next opens at 14:30.
pub(super) fn bars(days: i64, seed: u64) -> Vec<FeedBar> {
    let mut n = Numbers(seed);
    let mut prices = [50_000_000_i64; TICKERS.len()];
    (0..days)
        .map(|day| {
            let mut actions = Vec::new();
            let mut tickers = Vec::new();
            for (ticker, last) in TICKERS.iter().zip(&mut prices) {
                let ticker = Ticker::new(ticker);
                if n.below(40) == 0 {
                    let kind = ActionKind::Dividend(Money::from_micros(250_000));
                    actions.push(Action { ticker: ticker.clone(), kind });
                }
                if n.below(50) == 0 {
                    let ratio = if *last > 40_000_000 { 2.0 } else { 0.3 };
                    let kind = ActionKind::Split(Ratio::from_f64(ratio).unwrap());
                    actions.push(Action { ticker: ticker.clone(), kind });
                    *last = (*last as f64 / ratio) as i64;
                }
                let mut walk = |from: i64, span: u64| {
                    let span_of = from / 1000 * span as i64;
                    (from - span_of + n.below(2 * span_of.max(1) as u64) as i64).max(1_000_000)
                };
                let open = walk(*last, 20);
                let (a, b, close) = (walk(open, 25), walk(open, 25), walk(open, 20));
                *last = close;
                let bar = Bar {
                    open: Price::from_micros(open),
                    high: Price::from_micros(open.max(close).max(a).max(b)),
                    low: Price::from_micros(open.min(close).min(a).min(b)),
                    close: Price::from_micros(close),
                    // Some bars are too thin for a whole order.
                    volume: if n.below(6) == 0 { 2_000 } else { 1_000_000 },
                    halted: false,
                };
                let signal = Signal {
                    entry: n.below(5) == 0,
                    exit: n.below(7) == 0,
                    short_entry: n.below(9) == 0,
                    short_exit: n.below(6) == 0,
                    ..Signal::default()
                };
                // One is traded no more, and later again.
                let is_gone = (60..80).contains(&day) && ticker.as_str() == "EEE";
                tickers.push(TickerSlice {
                    ticker,
                    bar: (n.below(25) != 0 && !is_gone).then_some(bar),
                    active: n.below(60) != 0,
                    focus: n.below(30) != 0,
                    signal,
                    atr: Some(Price::from_micros(close / 40)),
                    average_volume: Some(500_000),
                    volatility: None,
                    weight: None,
                    limit_atr: Some(Price::from_micros(close / 60)),
                    stop_atr: Some(Price::from_micros(close / 50)),
                });
            }
            let slice = Slice {
                session: session(day),
                timestamp: at(day, 14, 30),
                session_close: true,
                rebalance: true,
                nights: 1,
                actions,
                tickers,
                control: Control::Run,
                reset_latch: false,
            };
            FeedBar { slice, known_at: at(day, 21, 0), decide_by: Some(at(day + 1, 14, 30)), config: None }
        })
        .collect()
}

/// The engine alone over the bars: what a backtest does.
pub(super) fn reference(config: EngineConfig, bars: &[FeedBar]) -> (Engine, Vec<Event>) {
    let mut engine = Engine::new(config).unwrap();
    let events = bars.iter().flat_map(|bar| engine.step(&bar.slice).unwrap()).collect();
    (engine, events)
}

/// A clock that stands until it is set; seconds since the epoch.
#[derive(Debug, Clone)]
pub(super) struct SetClock(Arc<AtomicI64>);

impl SetClock {
    pub(super) fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.as_second())))
    }

    pub(super) fn set(&self, now: Timestamp) {
        self.0.store(now.as_second(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub(super) fn identity() -> StrategyIdentity {
    StrategyIdentity::local("momentum").unwrap()
}

pub(super) fn settings() -> TradeSettings {
    TradeSettings {
        identity: identity(),
        holder: "pod-1".to_owned(),
        config: config(),
        engine_revision: 1,
        dataset_digest: "d1".to_owned(),
        model_digest: None,
        start: session(0),
        halt_action: HaltAction::Hold,
        lease: SignedDuration::from_secs(60),
        margin: SignedDuration::from_secs(10),
    }
}

/// A strategy in a ledger of its own, with a clock after all of history.
pub(super) struct Desk {
    pub(super) ledger: Ledger,
    pub(super) coordination: Arc<LocalCoordination>,
    pub(super) clock: SetClock,
    pub(super) settings: TradeSettings,
    _folder: Option<super::support::Database>,
}

impl Desk {
    pub(super) async fn new() -> Self {
        let database = super::support::sqlite();
        let mut desk = Self::on(&database.url).await;
        desk._folder = Some(database);
        desk
    }

    pub(super) async fn on(url: &str) -> Self {
        Self {
            ledger: Ledger::open(url).await.unwrap(),
            coordination: Arc::new(LocalCoordination::default()),
            clock: SetClock::at(at(10_000, 0, 0)),
            settings: settings(),
            _folder: None,
        }
    }

    pub(super) async fn broker(&self) -> SimulatedBroker {
        SimulatedBroker::open(&self.ledger, "momentum", &self.settings.config).await.unwrap()
    }

    pub(super) async fn start(&self) -> Result<Trader<SimulatedBroker, LocalCoordination>, TradeError> {
        let (ledger, coordination) = (self.ledger.clone(), self.coordination.clone());
        let clock = Arc::new(self.clock.clone());
        Trader::start(ledger, self.broker().await, coordination, clock, self.settings.clone()).await
    }

    /// What a run leaves behind, without the times of writing.
    pub(super) async fn left(&self) -> Left {
        let key = identity().key();
        let orders = self.ledger.orders(&key, OrderFilter::default()).await.unwrap();
        let text = |value: Decimal| value.normalize().to_string();
        Left {
            orders: orders
                .iter()
                .map(|o| {
                    format!(
                        "{} {} {} {} {} {} {} {}",
                        o.client_order_id,
                        o.ticker,
                        o.side,
                        text(o.quantity),
                        text(o.filled_quantity),
                        o.state,
                        o.reason,
                        o.message.as_deref().unwrap_or("")
                    )
                })
                .collect(),
            fills: self
                .ledger
                .fills(&key)
                .await
                .unwrap()
                .iter()
                .map(|f| {
                    format!(
                        "{} {} {} {}",
                        f.client_order_id,
                        text(f.quantity),
                        text(f.price),
                        text(f.commission)
                    )
                })
                .collect(),
            equity: self
                .ledger
                .equity(&key, None)
                .await
                .unwrap()
                .iter()
                .map(|p| format!("{} {} {}", p.session, text(p.equity), text(p.cash)))
                .collect(),
            account: format!("{:?}", self.ledger.account(&key).await.unwrap()),
            decisions: self.ledger.decisions(&key, None).await.unwrap().len(),
        }
    }
}

/// What a run leaves behind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) orders: Vec<String>,
    pub(super) fills: Vec<String>,
    pub(super) equity: Vec<String>,
    pub(super) account: String,
    pub(super) decisions: usize,
}
