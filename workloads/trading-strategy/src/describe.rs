//! A strategy in words, for the report.

use std::collections::{BTreeMap, BTreeSet};

use ats_crds::strategy::{Direction, FillTiming, TradedPrices, Trail};
use ats_pipeline::spec::{
    BacktestSpec, DistanceSpec, EntrySpec, SearchSpec, SignalSpec, SizingSpec, StopSpec, StrategyCore,
    TakeProfitSpec,
};
use rust_decimal::Decimal;

use crate::market::Outline;
use crate::search::{Choice, words};

/// `0.025` as `2.5%`.
fn percent(value: Decimal) -> String {
    format!("{}%", (value * Decimal::ONE_HUNDRED).normalize())
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::LongOnly => "long only",
        Direction::LongShort => "long and short",
    }
}

/// One sentence on what was traded and how.
pub(crate) fn lead(spec: &BacktestSpec, outline: &Outline) -> String {
    let signal = match spec.core.signal {
        SignalSpec::Model { .. } => "A model's out-of-sample predictions",
        SignalSpec::Rules { .. } => "Rules",
        SignalSpec::Scores { .. } => "Scores",
    };
    let tickers = match outline.tickers {
        1 => "1 ticker".to_owned(),
        count => format!("{count} tickers"),
    };
    let positions = match spec.core.max_positions {
        1 => "1 position".to_owned(),
        count => format!("{count} positions"),
    };
    format!("{signal} over {tickers}, {}, at most {positions} at a time.", direction(spec.core.direction))
}

/// Which scores are held, and how long.
fn held(minimum_score: Decimal, exit_rank: u32) -> String {
    format!("scores above {minimum_score}, until the rank passes {exit_rank}")
}

fn distance(distance: &DistanceSpec) -> String {
    match distance {
        DistanceSpec::Atr { period, multiple } => format!("{multiple} x ATR({period})"),
        DistanceSpec::Percent { fraction } => percent(*fraction),
    }
}

/// The order that opens a position.
fn entry(entry: &EntrySpec) -> String {
    let good = |bars: u32| match bars {
        1 => "good for 1 bar".to_owned(),
        bars => format!("good for {bars} bars"),
    };
    match entry {
        EntrySpec::Limit { limit, bars } => {
            format!("limit, {} on the better side of the close, {}", distance(limit), good(*bars))
        }
        EntrySpec::Stop { stop, bars } => {
            format!("stop, {} beyond the close, {}", distance(stop), good(*bars))
        }
        EntrySpec::StopLimit { stop, limit, bars } => format!(
            "stop-limit, stop {} and limit {} beyond the close, {}",
            distance(stop),
            distance(limit),
            good(*bars)
        ),
        EntrySpec::MarketOnClose => "at the next session's close".to_owned(),
    }
}

/// What was searched and how, by name; the values of each parameter among the trials.
fn search(search: &SearchSpec) -> Vec<(String, String)> {
    let mut values: BTreeMap<&str, BTreeSet<Decimal>> = BTreeMap::new();
    for (name, value) in search.trials.iter().flat_map(|trial| &trial.parameters) {
        values.entry(name).or_default().insert(*value);
    }
    let looked = match search.train_sessions {
        None => "everything before it".to_owned(),
        Some(count) => format!("the {count} sessions before it"),
    };
    let windows = format!(
        "{} windows of {} sessions, each by the best {:?} of {} trials on {looked}",
        search.folds,
        search.test_sessions,
        search.metric,
        search.trials.len()
    );
    let values = values.into_iter().map(|(name, values)| {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        (format!("Values of {name}"), values.join(", "))
    });
    std::iter::once(("Searched".to_owned(), windows)).chain(values).collect()
}

/// The settings, by name; where parameters are searched, with those of the last choice.
pub(crate) fn settings(spec: &BacktestSpec, last: Option<(&Choice, &StrategyCore)>) -> Vec<(String, String)> {
    let core = last.map_or(&spec.core, |(_, core)| core);
    let mut rows: Vec<(String, String)> = Vec::new();
    if let (Some(search), Some((choice, _))) = (&spec.search, last) {
        rows.extend(self::search(search));
        rows.push(("Parameters from the end on, as below".to_owned(), words(&choice.parameters)));
    }
    let mut row = |name: &str, text: String| rows.push((name.to_owned(), text));
    match &core.signal {
        SignalSpec::Model { minimum_score, exit_rank } => {
            row("Held", held(*minimum_score, *exit_rank));
        }
        SignalSpec::Scores { expression, minimum_score, exit_rank } => {
            row("Score", expression.clone());
            row("Held", held(*minimum_score, *exit_rank));
        }
        SignalSpec::Rules { entry, exit, short_entry, short_exit } => {
            row("Entry", entry.clone());
            row("Exit", exit.clone());
            if let Some(rule) = short_entry {
                row("Short entry", rule.clone());
            }
            if let Some(rule) = short_exit {
                row("Short exit", rule.clone());
            }
        }
    }
    if let Some(rank_by) = &core.rank_by {
        row("Entries in order of", rank_by.clone());
    }
    row("Direction", direction(core.direction).to_owned());
    row("Positions at most", core.max_positions.to_string());
    row("Rebalance", format!("{:?}", core.rebalance).to_lowercase());
    row(
        "Sizing",
        match &core.sizing {
            SizingSpec::RiskPerTrade => {
                format!("{} of equity at risk a trade", percent(core.risk_percentage))
            }
            SizingSpec::TargetWeight { weight, cash_buffer } => {
                format!("{} of equity, {} left in cash", percent(*weight), percent(*cash_buffer))
            }
            SizingSpec::TickerWeight { expression, cash_buffer } => {
                format!("{expression} as the share of equity, {} left in cash", percent(*cash_buffer))
            }
            SizingSpec::EqualWeight => "equal weights".to_owned(),
            SizingSpec::VolatilityTarget { annual, window } => {
                format!("{} annual volatility a position, over {window} bars", percent(*annual))
            }
        },
    );
    if !core.shares.is_whole() {
        row("Shares", "down to a millionth of one".to_owned());
    }
    if let Some(threshold) = core.rebalance_threshold {
        row("Weights are restored when off by", format!("more than {} of equity", percent(threshold)));
    }
    row(
        "Stop",
        match &core.stop {
            None => "none".to_owned(),
            Some(StopSpec::Atr { period, multiple }) => format!("{multiple} x ATR({period})"),
            Some(StopSpec::Percent { fraction }) => percent(*fraction),
        },
    );
    if let Some(trail) = core.trail {
        let what = match trail {
            Trail::Close => "the close",
            Trail::Extreme => "the high, for shorts the low",
        };
        row("Stop follows", what.to_owned());
    }
    match &core.take_profit {
        None => {}
        Some(TakeProfitSpec::Percent { fraction }) => row("Profit taken at", percent(*fraction)),
        Some(TakeProfitSpec::RiskMultiple { multiple }) => {
            row("Profit taken at", format!("{multiple} x the stop's distance"));
        }
    }
    if let Some(bars) = core.max_holding_bars {
        row("Held at most", if bars == 1 { "1 bar".to_owned() } else { format!("{bars} bars") });
    }
    if let Some(most) = core.max_position_size {
        row("Position at most", format!("${most}"));
    }
    if let Some(heat) = core.max_portfolio_heat {
        row("Open risk at most", format!("{} of equity", percent(heat)));
    }
    row("Gross exposure at most", percent(core.max_gross_exposure));
    if let Some((limit, action)) = core.max_drawdown {
        row("Drawdown limit", format!("{}, then {action:?}", percent(limit)));
    }
    let costs = &core.costs;
    let mut commission = format!("${} a share", costs.commission_per_share);
    if let Some(rate) = costs.commission_rate {
        commission.push_str(&format!(" and {} of the value", percent(rate)));
    }
    commission.push_str(&format!(", ${} an order at least", costs.minimum_commission));
    if let Some(rate) = costs.maximum_commission_rate {
        commission.push_str(&format!(", {} of the value at most", percent(rate)));
    }
    row("Commission", commission);
    let mut slippage = format!("{} basis points", costs.slippage_basis_points);
    if let Some(impact) = costs.price_impact {
        slippage.push_str(&format!(" and {} x (share of the volume)^2", percent(impact)));
    }
    row("Slippage", slippage);
    if let Some(rate) = costs.borrow_rate {
        row("Borrowing", format!("{} of a short's value a year", percent(rate)));
    }
    if let Some(share) = costs.max_volume_share {
        row("Share of the volume at most", percent(share));
    }
    row(
        "Fills",
        match core.fill {
            FillTiming::NextOpen => "at the open of the next bar".to_owned(),
            FillTiming::SameClose => "at the close of the same bar".to_owned(),
        },
    );
    if let Some(order) = &core.entry {
        row("Entries", entry(order));
    }
    row(
        "Prices",
        match spec.prices {
            TradedPrices::Raw => "raw, with splits and dividends on the positions".to_owned(),
            TradedPrices::Adjusted => "adjusted back from the end of the history".to_owned(),
        },
    );
    row("Initial cash", format!("${}", core.initial_cash));
    if !spec.rates.risk_free.is_zero() {
        row("Risk-free rate", format!("{} a year", percent(spec.rates.risk_free)));
    }
    if !spec.rates.minimum_acceptable.is_zero() {
        row("Least acceptable return", format!("{} a year", percent(spec.rates.minimum_acceptable)));
    }
    rows
}
