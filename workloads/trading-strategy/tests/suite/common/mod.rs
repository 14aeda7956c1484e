//! Strategies to test with, and real bars where they are present.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

pub mod grid;
pub mod made_up;

use std::path::Path;

use ats_calendar::{Calendar, Interval};
use ats_columns::{Action, ActionKind, Actions, BarColumns, Bars};
use ats_crds::Rebalance;
use ats_crds::strategy::{Direction, DrawdownAction, FillTiming, Shares, TradedPrices};
use ats_crds::universe::{Adjustment, CalendarName};
use ats_pipeline::spec::backtest::CostsSpec;
use ats_pipeline::spec::{BacktestSpec, RatesSpec, SignalSpec, SizingSpec, StopSpec, StrategyCore};
use ats_trading_strategy::engine;
use ats_trading_strategy::market::{Market, Membership, TickerHistory};
use jiff::civil::Date;
use rust_decimal::Decimal;

pub(crate) use crate::market_folder::market_data;

/// A decimal from its text.
pub fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A number of whole shares.
pub fn whole(quantity: engine::Shares) -> i64 {
    assert_eq!(engine::Unit::Whole.floor(quantity), quantity, "no part of a share");
    quantity.whole()
}

/// Rules with every cap and cost set.
pub fn core(entry: &str, exit: &str) -> StrategyCore {
    StrategyCore {
        signal: SignalSpec::Rules {
            entry: entry.into(),
            exit: exit.into(),
            short_entry: None,
            short_exit: None,
        },
        direction: Direction::LongOnly,
        rebalance: Rebalance::Weekly,
        max_positions: 4,
        rebalance_threshold: None,
        rank_by: Some("-rsi(close, 2)".into()),
        sizing: SizingSpec::RiskPerTrade,
        shares: Shares::Whole,
        risk_percentage: decimal("0.01"),
        max_position_size: Some(decimal("50000")),
        max_portfolio_heat: Some(decimal("0.06")),
        max_gross_exposure: decimal("1"),
        stop: Some(StopSpec::Atr { period: 14, multiple: decimal("2") }),
        trail: None,
        take_profit: None,
        max_holding_bars: None,
        max_drawdown: Some((decimal("0.25"), DrawdownAction::Flatten)),
        costs: CostsSpec {
            commission_per_share: decimal("0.005"),
            commission_rate: None,
            minimum_commission: decimal("1"),
            maximum_commission_rate: Some(decimal("0.005")),
            slippage_basis_points: decimal("2"),
            price_impact: None,
            borrow_rate: None,
            max_volume_share: Some(decimal("0.025")),
        },
        fill: FillTiming::NextOpen,
        entry: None,
        initial_cash: decimal("100000"),
        features: Vec::new(),
        adjustment: Adjustment::SplitsAndDividends,
        interval: Interval::D1,
        calendar: CalendarName::XNYS,
    }
}

/// One position, no cap but gross exposure, no stop, no cost.
pub fn one_position(entry: &str, exit: &str) -> StrategyCore {
    let mut core = core(entry, exit);
    core.rank_by = None;
    core.max_positions = 1;
    core.max_position_size = None;
    core.max_portfolio_heat = None;
    core.max_drawdown = None;
    core.max_gross_exposure = decimal("0.9");
    core.stop = None;
    core.costs = costless();
    core
}

/// Half of equity in one position, long and short by these rules: entry, exit, short entry, short exit. What is open is
/// not resized.
pub fn long_short([entry, exit, short_entry, short_exit]: [&str; 4]) -> StrategyCore {
    let mut core = one_position(entry, exit);
    core.signal = SignalSpec::Rules {
        entry: entry.into(),
        exit: exit.into(),
        short_entry: Some(short_entry.into()),
        short_exit: Some(short_exit.into()),
    };
    core.direction = Direction::LongShort;
    core.sizing = SizingSpec::TargetWeight { weight: decimal("0.5"), cash_buffer: decimal("0") };
    core.rebalance_threshold = Some(decimal("1"));
    core
}

/// Pullbacks bought, rallies sold short.
pub fn reversal() -> StrategyCore {
    long_short(["rsi(close, 2) < 20", "rsi(close, 2) > 60", "rsi(close, 2) > 80", "rsi(close, 2) < 40"])
}

/// On the side of the close from the average of twenty bars.
pub fn trend() -> StrategyCore {
    let (above, below) = ("close > sma(close, 20)", "close < sma(close, 20)");
    long_short([above, below, below, above])
}

/// No costs.
pub fn costless() -> CostsSpec {
    CostsSpec {
        commission_per_share: Decimal::ZERO,
        commission_rate: None,
        minimum_commission: Decimal::ZERO,
        maximum_commission_rate: None,
        slippage_basis_points: Decimal::ZERO,
        price_impact: None,
        borrow_rate: None,
        max_volume_share: None,
    }
}

/// A backtest of raw prices, from a session to the last one.
pub fn backtest(core: StrategyCore, start: Date) -> BacktestSpec {
    BacktestSpec {
        core,
        start,
        end: None,
        prices: TradedPrices::Raw,
        benchmark: None,
        rates: RatesSpec::default(),
        search: None,
    }
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// A market of these tickers, always active and in focus.
pub fn market(folder: &Path, tickers: &[&str]) -> Market {
    let calendar = Calendar::xnys();
    let mut market = Market { is_fixed_list: true, ..Market::default() };
    for ticker in tickers {
        let daily = folder.join("us-equities-daily");
        let actions: Vec<Action> = rows(&daily.join(format!("actions/{ticker}.csv")))
            .iter()
            .map(|row| Action {
                ex_date: row[0].parse().unwrap(),
                kind: if row[1] == "split" { ActionKind::Split } else { ActionKind::Dividend },
                value: row[2].parse().unwrap(),
            })
            .collect();
        let mut columns = BarColumns::default();
        let (mut split, mut dividend, mut before) = (1.0, 1.0, f64::NAN);
        let mut last: Option<Date> = None;
        for row in rows(&daily.join(format!("bars/{ticker}.csv"))) {
            let date: Date = row[0].parse().unwrap();
            let number = |column: usize| row[column].parse::<f64>().unwrap();
            for action in
                actions.iter().filter(|a| a.ex_date <= date && last.is_some_and(|last| a.ex_date > last))
            {
                match action.kind {
                    ActionKind::Split => split *= action.value,
                    ActionKind::Dividend => dividend *= 1.0 / (1.0 - action.value / before),
                }
            }
            let Ok(session) = calendar.session(date) else { continue };
            columns.session.push(session);
            columns.timestamp.push(calendar.open(session).unwrap().as_microsecond());
            columns.open.push(number(1));
            columns.high.push(number(2));
            columns.low.push(number(3));
            columns.close.push(number(4));
            columns.volume.push(number(5));
            columns.split_factor.push(split);
            columns.dividend_factor.push(dividend);
            (before, last) = (number(4), Some(date));
        }
        let history = TickerHistory {
            bars: Bars::new(*ticker, columns).unwrap(),
            actions: Actions::new(*ticker, actions).unwrap(),
            features: std::collections::BTreeMap::new(),
            membership: always(),
            scores: Vec::new(),
        };
        market.tickers.insert((*ticker).to_owned(), history);
    }
    market
}

/// Active and in focus for ever.
pub fn always() -> Vec<Membership> {
    let sessions = jiff::civil::date(1990, 1, 1)..=jiff::civil::date(2060, 1, 1);
    vec![Membership { sessions, focus: true }]
}
