//! Backtests beside nautilus_trader, backtrader and backtesting.py, which go from bar to bar as ours does, and
//! vectorbt, which computes whole columns: the same moving-average cross over the same bars in memory, on one thread.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use ats_calendar::{Calendar, Interval};
use ats_pipeline::spec::BacktestSpec;
use ats_trading_strategy::backtest::simulate;
use ats_trading_strategy::engine;
use ats_trading_strategy::market::Market;
use ats_trading_strategy::record::Record;
use serde::Serialize;
use serde_json::json;

use super::profile::repeated;
use super::{Size, made_up};
use crate::goals::Goal;
use crate::report::{Section, Unit, count, times};
use crate::rivals::backtests::{Ended, Engines, Fill, Task};
use crate::rivals::write_column;
use crate::statistics::{Sample, Summary, interleaved, spread};
use crate::{Result, say};

const CASH: f64 = 1e7;
/// Small, so that tens of thousands of fills do not use the account up.
const FEE: f64 = 1e-4;
/// How far the last equities of two engines may lie apart: each fill's fee is rounded to a millionth of a dollar by some
/// and not by others, which is less than that over tens of thousands of fills.
const HALF_A_CENT: f64 = 0.005;
/// How far prices may lie apart: those of the bars are whole millionths of a dollar, so that what is nearer than half of
/// one is the same price.
const SAME_PRICE: f64 = 0.5e-6;
/// How far fees may lie apart: two engines round to the nearest millionth of a dollar each, for the two ends of a trade
/// where an engine has one fee for both.
const SAME_FEE: f64 = 2e-6;

/// When an engine fills what is decided on a close. The ratio is to ours with the same fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Fills {
    NextOpen,
    SameClose,
}

/// One rival in one shape: what it runs of it.
struct Rival {
    engine: &'static str,
    fills: Fills,
    task: Task,
}

/// Bars and parameters that everybody is asked for; rivals that would take minutes run a part.
struct Shape {
    title: String,
    interval: Interval,
    ours: Task,
    rivals: Vec<Rival>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    shape: String,
    engine: &'static str,
    fills: Fills,
    /// Bars of all tickers and pairs that it ran.
    bars: usize,
    trades: usize,
    /// Nanoseconds a bar.
    theirs: Option<Summary>,
    ours: Option<Summary>,
    /// Theirs over ours, round by round.
    ratio: Option<Summary>,
}

fn task(tickers: usize, bars: usize, pairs: &[(u32, u32)]) -> Task {
    // A weight has nine places.
    let weight = (0.9e9 / tickers as f64).round() / 1e9;
    Task { tickers, bars, pairs: pairs.to_vec(), cash: CASH, weight, fee: FEE }
}

impl Shape {
    /// `sizes` are tickers, bars and pairs of what ours and vectorbt run, and of what each of the others does.
    fn new(title: &str, interval: Interval, pairs: &[(u32, u32)], sizes: [(usize, usize, usize); 4]) -> Self {
        let part = |(tickers, bars, count): (usize, usize, usize)| {
            task(tickers, bars, &pairs[..count.min(pairs.len())])
        };
        let [ours, nautilus, backtrader, backtesting] = sizes.map(part);
        let mut rivals = vec![
            Rival { engine: "vectorbt", fills: Fills::SameClose, task: ours.clone() },
            Rival { engine: "nautilus_trader", fills: Fills::SameClose, task: nautilus },
            Rival { engine: "backtrader", fills: Fills::NextOpen, task: backtrader },
        ];
        // It knows one ticker.
        if ours.tickers == 1 {
            rivals.push(Rival { engine: "backtesting", fills: Fills::NextOpen, task: backtesting });
        }
        Self { title: title.to_owned(), interval, ours, rivals }
    }
}

/// One ticker, a universe, many parameter sets.
fn shapes(is_quick: bool) -> Vec<Shape> {
    let one = [(20, 50)];
    let many: Vec<(u32, u32)> =
        (1..=10).flat_map(|fast| (6..=15).map(move |slow| (fast * 5, slow * 10))).collect();
    let (minute, day) = (Interval::M1, Interval::D1);
    match is_quick {
        true => vec![
            Shape::new("1 x 2 k minutes", minute, &one, [(1, 2_000, 1); 4]),
            Shape::new("4 x 300 sessions", day, &one, [(4, 300, 1); 4]),
            Shape::new("4 pairs, 1 x 2 k minutes", minute, &many[..4], [(1, 2_000, 4); 4]),
        ],
        false => vec![
            Shape::new(
                "1 ticker x 1 M minutes",
                minute,
                &one,
                [(1, 1_000_000, 1), (1, 100_000, 1), (1, 20_000, 1), (1, 100_000, 1)],
            ),
            Shape::new(
                "500 tickers x 2,520 sessions",
                day,
                &one,
                [(500, 2_520, 1), (100, 504, 1), (50, 252, 1), (1, 0, 1)],
            ),
            Shape::new(
                "100 pairs of averages, 1 ticker x 100 k minutes",
                minute,
                &many,
                [(1, 100_000, 100), (1, 10_000, 5), (1, 5_000, 2), (1, 10_000, 5)],
            ),
        ],
    }
}

/// Measures the shapes.
///
/// # Errors
/// When a process fails outside of what is compared. An engine that fails, or has other fills or another equity, is told
/// in the section, and not timed.
pub fn measure(is_quick: bool, rounds: usize) -> Result<(Section, serde_json::Value)> {
    let (mut all, mut differing) = (Vec::new(), Vec::new());
    let mut versions = BTreeMap::new();
    for shape in shapes(is_quick) {
        let folder = tempfile::tempdir()?;
        say(&format!("backtest: {}: making bars", shape.title));
        let market = made_up::market(shape.ours.tickers, shape.ours.bars, shape.interval)?;
        write(folder.path(), &market)?;
        let mut engines = Engines::start(folder.path(), shape.ours.tickers)?;
        let mut alike: Vec<(&Rival, usize)> = Vec::new();
        for rival in &shape.rivals {
            say(&format!("backtest: {}: {} gives the same", shape.title, rival.engine));
            match same(&shape, rival, &mut engines) {
                Ok(fills) => alike.push((rival, fills)),
                Err(error) => {
                    let error = format!("{}: {error}", shape.title);
                    say(&format!("backtest: {error}"));
                    differing.push(error);
                    // Its process may have ended with it; in a new one others are warmed again.
                    engines = Engines::start(folder.path(), shape.ours.tickers)?;
                    for (rival, _) in &alike {
                        warm(rival, &mut engines)?;
                    }
                }
            }
        }
        all.extend(beside(&shape, &alike, &market, &mut engines, rounds)?);
        versions = engines.versions;
    }
    let mut section = section(rounds, &versions, &all);
    section.differing = differing;
    Ok((section, serde_json::to_value(&all)?))
}

/// How many fills a rival has in common with ours, which is all of them. It also warms what compiles.
fn same(shape: &Shape, rival: &Rival, engines: &mut Engines) -> Result<usize> {
    let (theirs, their_fills) = engines.fills(rival.engine, &rival.task)?;
    let part = made_up::market(rival.task.tickers, rival.task.bars, shape.interval)?;
    let (ours, our_fills) = filled(&rival.task, rival.fills, &part, shape.interval)?;
    same_fills(rival.engine, our_fills, their_fills)?;
    equal(rival.engine, &ours, &theirs)?;
    Ok(theirs.fills)
}

/// Runs a rival once, which compiles what it compiles.
fn warm(rival: &Rival, engines: &mut Engines) -> Result<()> {
    engines.run(rival.engine, &rival.task).map(drop)
}

/// Ours and rivals, each with its number of fills, in turns.
fn beside(
    shape: &Shape,
    rivals: &[(&Rival, usize)],
    market: &Market,
    engines: &mut Engines,
    rounds: usize,
) -> Result<Vec<Figures>> {
    let timings = [Fills::NextOpen, Fills::SameClose];
    let mut nanoseconds: Vec<Vec<f64>> = Vec::new();
    for (number, order) in interleaved(rivals.len() + timings.len(), rounds).into_iter().enumerate() {
        say(&format!("backtest: {}: round {}", shape.title, number + 1));
        let mut round = vec![f64::NAN; order.len()];
        for place in order {
            round[place] = match place.checked_sub(timings.len()).and_then(|rival| rivals.get(rival)) {
                Some((rival, _)) => a_bar(&engines.run(rival.engine, &rival.task)?, &rival.task),
                None => {
                    let ended = run(&shape.ours, timings[place], market, shape.interval, |_, _| Ok(()))?;
                    a_bar(&ended, &shape.ours)
                }
            };
        }
        nanoseconds.push(round);
    }
    let summary = |of: &dyn Fn(&Vec<f64>) -> f64| nanoseconds.iter().map(of).collect::<Sample>().summary();
    Ok(rivals
        .iter()
        .enumerate()
        .map(|(place, (rival, trades))| {
            let ours = usize::from(rival.fills == Fills::SameClose);
            let theirs = timings.len() + place;
            Figures {
                shape: shape.title.clone(),
                engine: rival.engine,
                fills: rival.fills,
                bars: rival.task.all_bars(),
                trades: *trades,
                theirs: summary(&|round| round[theirs]),
                ours: summary(&|round| round[ours]),
                ratio: summary(&|round| round[theirs] / round[ours]),
            }
        })
        .collect())
}

/// Trades the cross that is measured over made-up bars, for so many seconds at least; how often.
pub(super) fn repeat(size: &Size, seconds: f64) -> Result<usize> {
    let (market, interval) = (size.market()?, size.interval()?);
    let task = task(size.tickers, size.bars, &[(20, 50)]);
    repeated(seconds, || run(&task, Fills::SameClose, &market, interval, |_, _| Ok(())).map(drop))
}

fn a_bar(ended: &Ended, task: &Task) -> f64 {
    ended.seconds * 1e9 / task.all_bars() as f64
}

/// Ours, one pair after the other: signals, engine, fills and the equity of each bar. `each` is given the record of each
/// pair.
fn run(
    task: &Task,
    fills: Fills,
    market: &Market,
    interval: Interval,
    mut each: impl FnMut(usize, &Record) -> Result<()>,
) -> Result<Ended> {
    let specs: Vec<BacktestSpec> =
        task.pairs.iter().map(|pair| spec(task, *pair, fills, market, interval)).collect::<Result<_>>()?;
    let (mut filled, mut equity) = (0, Vec::with_capacity(specs.len()));
    let began = Instant::now();
    for (pair, spec) in specs.iter().enumerate() {
        let run = simulate(spec, market, Calendar::xnys(), "bench")?;
        each(pair, &run.record)?;
        filled += run.record.fills().count();
        equity.push(run.record.equity.last().map_or(f64::NAN, |point| point.equity.to_f64()));
    }
    Ok(Ended { seconds: began.elapsed().as_secs_f64(), fills: filled, equity })
}

/// Ours with every fill.
fn filled(task: &Task, fills: Fills, market: &Market, interval: Interval) -> Result<(Ended, Vec<Fill>)> {
    let places: BTreeMap<&str, usize> =
        market.tickers.keys().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let mut all = Vec::new();
    let ended = run(task, fills, market, interval, |pair, record| {
        for fill in record.fills() {
            let ticker = places.get(fill.ticker.as_str()).ok_or("a fill is of no ticker of the market")?;
            all.push(of_ours(pair, *ticker, fill));
        }
        Ok(())
    })?;
    Ok((ended, all))
}

fn of_ours(pair: usize, ticker: usize, fill: &engine::Fill) -> Fill {
    Fill {
        pair,
        time: fill.timestamp.as_microsecond(),
        ticker,
        quantity: fill.side.signed(fill.quantity).to_f64(),
        price: fill.price.to_f64(),
        fee: Some(fill.commission.to_f64()),
    }
}

fn spec(
    task: &Task,
    (fast, slow): (u32, u32),
    fills: Fills,
    market: &Market,
    interval: Interval,
) -> Result<BacktestSpec> {
    let span = market.span().ok_or("there is no bar")?;
    let averages = format!("(sma(close, {fast}), sma(close, {slow}))");
    let decimal = |value: f64| format!("{value}");
    Ok(serde_json::from_value(json!({
        "core": {
            "signal": {"rules": {
                "entry": format!("cross_above{averages}"),
                "exit": format!("cross_below{averages}"),
            }},
            "direction": "LongOnly",
            "rebalance": "Monthly",
            "maxPositions": task.tickers,
            // A weight is that of the entry: it is not restored.
            "rebalanceThreshold": "1",
            "sizing": {"targetWeight": {"weight": decimal(task.weight), "cashBuffer": "0"}},
            "riskPercentage": "0.01",
            "maxGrossExposure": "1",
            "costs": {
                "commissionPerShare": "0", "commissionRate": decimal(task.fee), "minimumCommission": "0",
                "slippageBasisPoints": "0",
            },
            "fill": fills,
            "initialCash": decimal(task.cash),
            "features": [],
            "adjustment": "SplitsAndDividends",
            "interval": interval,
            "calendar": "XNYS",
        },
        "start": span.start(),
        "prices": "Raw",
    }))?)
}

/// Nothing is timed that has another list of fills: time, ticker, side, whole shares, price and fee of each.
fn same_fills(engine: &str, mut ours: Vec<Fill>, mut theirs: Vec<Fill>) -> Result<()> {
    // Engines book the fills of one bar in orders of their own; a ticker has one there at most.
    let order = |fill: &Fill| (fill.pair, fill.time, fill.ticker, fill.quantity < 0.0);
    ours.sort_by_key(order);
    theirs.sort_by_key(order);
    // Our fees of fills whose fee the engine has within a later one.
    let mut before: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let other = |what: &str| -> Result<()> {
            Err(format!("{engine}: {what} of fill {number}: {theirs:?}, ours {ours:?}").into())
        };
        if order(ours) != order(theirs) {
            return other("time, ticker or side");
        }
        if ours.quantity != theirs.quantity {
            return other("shares");
        }
        if (ours.price - theirs.price).abs() >= SAME_PRICE {
            return other("price");
        }
        let so_far = before.entry((ours.pair, ours.ticker)).or_default();
        *so_far += ours.fee.unwrap_or_default();
        if let Some(fee) = theirs.fee {
            if (*so_far - fee).abs() > SAME_FEE {
                return other("fee");
            }
            *so_far = 0.0;
        }
    }
    if ours.len() != theirs.len() {
        return Err(format!("{engine} has {} fills, ours {}", theirs.len(), ours.len()).into());
    }
    Ok(())
}

/// Nothing is timed that gives another number of fills, or another equity.
fn equal(engine: &str, ours: &Ended, theirs: &Ended) -> Result<()> {
    if ours.fills != theirs.fills || ours.equity.len() != theirs.equity.len() {
        return Err(format!("{engine} has {} fills, ours {}", theirs.fills, ours.fills).into());
    }
    match ours.equity.iter().zip(&theirs.equity).find(|(ours, theirs)| (*ours - *theirs).abs() >= HALF_A_CENT)
    {
        Some((ours, theirs)) => Err(format!("{engine} ends with {theirs}, ours with {ours}").into()),
        None => Ok(()),
    }
}

/// The columns as the engines read them: one ticker after the other.
fn write(folder: &Path, market: &Market) -> Result<()> {
    let all = |of: fn(&ats_columns::Bars) -> &[f64]| -> Vec<f64> {
        market.tickers.values().flat_map(|history| of(&history.bars).iter().copied()).collect()
    };
    let times =
        market.tickers.values().flat_map(|history| history.bars.timestamp().iter().map(|at| *at as f64));
    write_column(folder, "timestamp", &times.collect::<Vec<_>>())?;
    write_column(folder, "open", &all(ats_columns::Bars::open))?;
    write_column(folder, "high", &all(ats_columns::Bars::high))?;
    write_column(folder, "low", &all(ats_columns::Bars::low))?;
    write_column(folder, "close", &all(ats_columns::Bars::close))?;
    write_column(folder, "volume", &all(ats_columns::Bars::volume))
}

fn section(rounds: usize, versions: &BTreeMap<String, String>, all: &[Figures]) -> Section {
    let mut section = Section::new(
        "Backtests beside other engines, one thread",
        &[
            "bars",
            "engine",
            "fills at",
            "it ran",
            "fills",
            "its ns/bar",
            "ours, ns/bar",
            "its time over ours",
        ],
    );
    let whole = |value: f64| if value < 1e4 { format!("{value:.0}") } else { count(value) };
    for figures in all {
        let name = if figures.engine == "backtesting" { "backtesting.py" } else { figures.engine };
        let kind = if figures.engine == "vectorbt" { " (vectorised)" } else { "" };
        let fills = match figures.fills {
            Fills::NextOpen => "next open",
            Fills::SameClose => "same close",
        };
        section.rows.push(vec![
            figures.shape.clone(),
            format!("{name}{kind}"),
            fills.to_owned(),
            count(figures.bars as f64),
            figures.trades.to_string(),
            spread(figures.theirs, whole),
            spread(figures.ours, whole),
            spread(figures.ratio, times),
        ]);
        match figures.engine {
            "nautilus_trader" => section.toward(Goal::EventDriven, &figures.shape, figures.ratio),
            "vectorbt" => section.toward(Goal::Vectorised, &figures.shape, figures.ratio),
            _ => {}
        }
        if figures.engine == "vectorbt" || figures.engine == "backtrader" {
            section.follow(format!("{}, {fills}", figures.shape), Unit::NanosecondsPerBar, figures.ours);
        }
    }
    let versions: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    section.notes = vec![
        format!("A moving-average cross in whole shares, made-up bars of a fixed seed in memory; {rounds} rounds, in turns there and back; median (least to most). {}.", versions.join(", ")),
        "From bars in memory to fills and the equity of each bar, averages included; ours and vectorbt run all bars, the others as many as stand under \"it ran\", and are compared by the bar.".to_owned(),
        "Ours, nautilus_trader, backtrader and backtesting.py go from bar to bar; vectorbt computes whole columns. Before anything is timed, each comes to the same list of fills as ours on the bars that it runs (time, ticker, side, shares, price, fee), and to the same last equity to the cent.".to_owned(),
    ];
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_fill_or_another_cent_is_told() {
        let ours = Ended { seconds: 1.0, fills: 3, equity: vec![100.0, 200.0] };
        equal("a", &ours, &Ended { seconds: 2.0, equity: vec![100.004, 199.996], ..ours.clone() }).unwrap();
        let other = Ended { equity: vec![100.0, 200.01], ..ours };
        assert_eq!(equal("a", &ours, &other).unwrap_err().to_string(), "a ends with 200.01, ours with 200");
        let other = Ended { fills: 4, ..ours.clone() };
        assert_eq!(equal("a", &ours, &other).unwrap_err().to_string(), "a has 4 fills, ours 3");
    }

    #[test]
    fn ours_trades_in_each_shape() {
        for shape in shapes(true) {
            let market = made_up::market(shape.ours.tickers, shape.ours.bars, shape.interval).unwrap();
            let (ended, fills) = filled(&shape.ours, Fills::NextOpen, &market, shape.interval).unwrap();
            assert!(ended.fills > 10, "{}: {} fills", shape.title, ended.fills);
            assert_eq!(ended.equity.len(), shape.ours.pairs.len());
            // They are those that were counted, each at the open of its bar.
            assert_eq!(fills.len(), ended.fills);
            let bars: Vec<_> = market.tickers.values().map(|history| &history.bars).collect();
            for fill in fills {
                let row = bars[fill.ticker].timestamp().binary_search(&fill.time).unwrap();
                assert!((bars[fill.ticker].open()[row] - fill.price).abs() < SAME_PRICE, "{fill:?}");
                // A quarter of a bar's volume is more than any order.
                assert!(fill.quantity.abs() < bars[fill.ticker].volume()[row] / 4.0, "{fill:?}");
            }
        }
    }

    #[test]
    fn one_fill_that_is_another_is_told() {
        let fill = |time: i64, ticker: usize, quantity: f64, fee: Option<f64>| Fill {
            pair: 0,
            time,
            ticker,
            quantity,
            price: 10.0,
            fee,
        };
        let ours =
            vec![fill(1, 0, 100.0, Some(0.25)), fill(1, 1, 50.0, Some(0.5)), fill(2, 0, -100.0, Some(1.0))];
        let told =
            |theirs: Vec<Fill>| same_fills("a", ours.clone(), theirs).map_err(|error| error.to_string());
        // In another order within a bar, fees rounded.
        let mut theirs = vec![ours[1], ours[0], ours[2]];
        theirs[2].fee = Some(1.000_000_9);
        assert_eq!(told(theirs), Ok(()));
        // One fee for both ends of a trade.
        let mut theirs = ours.clone();
        (theirs[0].fee, theirs[2].fee) = (None, Some(1.25));
        assert_eq!(told(theirs), Ok(()));

        let change = |place: usize, change: &dyn Fn(&mut Fill)| {
            let mut theirs = ours.clone();
            change(&mut theirs[place]);
            told(theirs).unwrap_err()
        };
        let starts =
            |told: String, words: &str| assert!(told.starts_with(&format!("a: {words} of fill ")), "{told}");
        starts(change(0, &|fill| fill.time = 0), "time, ticker or side");
        starts(change(1, &|fill| fill.ticker = 2), "time, ticker or side");
        starts(change(2, &|fill| fill.quantity = 100.0), "time, ticker or side");
        starts(change(1, &|fill| fill.quantity += 1.0), "shares");
        starts(change(1, &|fill| fill.price += 1e-6), "price");
        starts(change(1, &|fill| fill.fee = Some(0.500_003)), "fee");
        assert_eq!(told(ours[..2].to_vec()).unwrap_err(), "a has 2 fills, ours 3");
    }
}
