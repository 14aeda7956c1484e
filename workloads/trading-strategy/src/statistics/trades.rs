//! Closed trades.

use std::collections::BTreeMap;

use serde::Serialize;

use super::moments::{deviation, mean, quantile};
use super::{Numbers, TradeResult, defined};

/// Trades that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// What they have in common.
    pub name: String,
    /// How many.
    pub trades: u32,
    /// Share with a profit.
    pub win_rate: Option<f64>,
    /// Sum of profits in dollars, net of costs.
    pub profit: f64,
    /// Mean profit over value opened.
    pub average_return: Option<f64>,
    /// Mean number of session closes held over.
    pub average_holding: Option<f64>,
}

/// Trades by what they have in common, in order of its name.
pub(super) fn groups(trades: &[TradeResult], name: fn(&TradeResult) -> &String) -> Vec<Group> {
    let mut groups: BTreeMap<&String, Vec<&TradeResult>> = BTreeMap::new();
    for trade in trades {
        groups.entry(name(trade)).or_default().push(trade);
    }
    let of = |trades: &[&TradeResult], value: fn(&TradeResult) -> f64| {
        trades.iter().map(|trade| value(trade)).collect::<Vec<_>>()
    };
    groups
        .into_iter()
        .map(|(name, trades)| Group {
            name: name.clone(),
            trades: u32::try_from(trades.len()).unwrap_or(u32::MAX),
            win_rate: defined(win_rate(&of(&trades, |trade| trade.profit))),
            profit: of(&trades, |trade| trade.profit).iter().sum(),
            average_return: defined(mean(&of(&trades, |trade| trade.profit / trade.entry_value))),
            average_holding: defined(mean(&of(&trades, |trade| f64::from(trade.sessions)))),
        })
        .collect()
}

fn win_rate(profits: &[f64]) -> f64 {
    profits.iter().filter(|profit| **profit > 0.0).count() as f64 / profits.len() as f64
}

/// Most trades in a row that `counts`.
fn streak(profits: &[f64], counts: fn(f64) -> bool) -> f64 {
    let (mut longest, mut run) = (0_u32, 0_u32);
    for profit in profits {
        run = if counts(*profit) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    f64::from(longest)
}

/// Numbers over all of them.
pub(super) fn put(trades: &[TradeResult], numbers: &mut Numbers) {
    let count = trades.len() as f64;
    let profits: Vec<f64> = trades.iter().map(|trade| trade.profit).collect();
    let gains: f64 = profits.iter().filter(|profit| **profit > 0.0).sum();
    let losses: f64 = profits.iter().filter(|profit| **profit < 0.0).sum();
    let wins = profits.iter().filter(|profit| **profit > 0.0).count() as f64;
    let lost = profits.iter().filter(|profit| **profit < 0.0).count() as f64;
    let best = |pick: fn(f64, f64) -> f64| profits.iter().copied().reduce(pick).unwrap_or(f64::NAN);
    let side = |is_long: bool| -> Vec<f64> {
        trades.iter().filter(|trade| trade.is_long == is_long).map(|trade| trade.profit).collect()
    };
    let (long, short) = (side(true), side(false));

    numbers.put("trades", count, "number of closed trades, flat to flat");
    numbers.put("winRate", wins / count, "trades with profit > 0 / trades");
    numbers.put(
        "profitFactor",
        if losses == 0.0 { f64::NAN } else { gains / losses.abs() },
        "sum of gains / |sum of losses|",
    );
    numbers.put("averageTrade", mean(&profits), "mean(profit), net of costs");
    numbers.put("medianTrade", quantile(&profits, 0.5), "median(profit), net of costs");
    numbers.put(
        "averageTradeReturn",
        mean(&trades.iter().map(|trade| trade.profit / trade.entry_value).collect::<Vec<_>>()),
        "mean(profit / value opened)",
    );
    numbers.put("averageGain", gains / wins, "mean(profit) over trades with profit > 0");
    numbers.put("averageLoss", losses / lost, "mean(profit) over trades with profit < 0");
    numbers.put("payoffRatio", (gains / wins) / (losses / lost).abs(), "average gain / |average loss|");
    numbers.put("bestTrade", best(f64::max), "max(profit), net of costs");
    numbers.put("worstTrade", best(f64::min), "min(profit), net of costs");
    let spread = deviation(&profits);
    numbers.put(
        "systemQuality",
        if spread == 0.0 { f64::NAN } else { count.sqrt() * mean(&profits) / spread },
        "sqrt(trades) x mean(profit) / sample std(profit)",
    );
    numbers.put(
        "longestGains",
        streak(&profits, |profit| profit > 0.0),
        "most trades in a row with profit > 0, by their end",
    );
    numbers.put(
        "longestLosses",
        streak(&profits, |profit| profit < 0.0),
        "most trades in a row with profit < 0, by their end",
    );
    numbers.put(
        "averageHolding",
        mean(&trades.iter().map(|trade| f64::from(trade.sessions)).collect::<Vec<_>>()),
        "mean(session closes held over) a trade",
    );
    numbers.put("longTrades", long.len() as f64, "number of closed long trades");
    numbers.put("longWinRate", win_rate(&long), "long trades with profit > 0 / long trades");
    numbers.put("longProfit", long.iter().sum(), "sum of the profits of long trades");
    numbers.put("shortTrades", short.len() as f64, "number of closed short trades");
    numbers.put("shortWinRate", win_rate(&short), "short trades with profit > 0 / short trades");
    numbers.put("shortProfit", short.iter().sum(), "sum of the profits of short trades");
}
