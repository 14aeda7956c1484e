//! The report's tables.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::format::{dollars, number, percent};
use crate::engine::{OrderReason, Side, Trade, Unit};
use crate::statistics::Statistics;

/// Trades shown; all of them are in `trades.parquet`.
const TRADES: usize = 250;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A cell whose colour grows with the return, full at `full`.
fn heat(value: Option<f64>, full: f64, class: &str) -> Markup {
    let Some(value) = value else { return html! { td class=(class) {} } };
    let strength = (value.abs() / full).min(1.0) * 0.75 + 0.05;
    let side = if value >= 0.0 { "gain" } else { "loss" };
    html! {
        td class=(format!("{side} {class}")) style=(format!("--a:{strength:.2}")) { (percent(Some(value), 1)) }
    }
}

/// Returns of calendar months, with the year's.
pub(super) fn monthly(statistics: &Statistics) -> Markup {
    let months: BTreeMap<&str, Option<f64>> =
        statistics.monthly.iter().map(|month| (month.period.as_str(), month.value)).collect();
    html! {
        @if !months.is_empty() {
            section {
                h2 { "Monthly returns" }
                div.scroll {
                    table.heat {
                        thead { tr { th {} @for month in MONTHS { th { (month) } } th { "Year" } } }
                        tbody {
                            @for year in &statistics.yearly {
                                tr {
                                    th { (year.period) }
                                    @for month in 1..=12 {
                                        @let key = format!("{}-{month:02}", year.period);
                                        (heat(months.get(key.as_str()).copied().flatten(), 0.08, ""))
                                    }
                                    (heat(year.value, 0.3, "year"))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn side(trade: &Trade) -> &'static str {
    match trade.side {
        Side::Buy => "long",
        Side::Sell => "short",
    }
}

/// Why a trade ended, in words.
fn reason(reason: Option<OrderReason>) -> &'static str {
    match reason {
        None => "open",
        Some(OrderReason::Signal) => "exit rule",
        Some(OrderReason::Rebalance) => "rebalance",
        Some(OrderReason::RankLost) => "rank lost",
        Some(OrderReason::NoScore) => "no score",
        Some(OrderReason::Inactive) => "inactive",
        Some(OrderReason::LeftFocus) => "left the focus",
        Some(OrderReason::Stop) => "stop",
        Some(OrderReason::TakeProfit) => "profit taken",
        Some(OrderReason::TimeStop) => "time",
        Some(OrderReason::Delisted) => "no price any more",
        Some(OrderReason::Split) => "split",
        Some(OrderReason::Drawdown) => "drawdown",
        Some(OrderReason::Halt) => "halt",
    }
}

fn profit_class(trade: &Trade) -> &'static str {
    if trade.profit.micros() < 0 { "down" } else { "up" }
}

fn rows(trades: &[&Trade], unit: Unit, open: bool) -> Markup {
    let places = match unit {
        Unit::Whole => 0,
        Unit::Millionth => 6,
    };
    html! {
        table {
            thead {
                tr {
                    th.text { "Ticker" } th.text { "Side" } th { "Entry" }
                    @if !open { th { "Exit" } }
                    th { "Sessions" } th { "Shares" } th { "Entry price, $" }
                    th { @if open { "Last price, $" } @else { "Exit price, $" } }
                    th { "Profit" } th { "Return" } th { "Costs" }
                    @if !open { th.text { "Ended by" } }
                }
            }
            tbody {
                @for trade in trades {
                    @let profit = trade.profit.to_f64();
                    tr {
                        td.text { (trade.ticker) }
                        td.text { (side(trade)) }
                        td { (trade.entry_session) }
                        @if let Some(exit) = trade.exit_session { td { (exit) } }
                        td { (trade.sessions) }
                        td { (number(Some(trade.quantity), places)) }
                        td { (number(Some(trade.entry_price), 2)) }
                        td { (number(Some(trade.exit_price), 2)) }
                        td class=(profit_class(trade)) { (dollars(Some(profit), 2)) }
                        td class=(profit_class(trade)) { (percent(Some(profit / trade.entry_value.to_f64()), 2)) }
                        td { (dollars(Some(trade.commission.to_f64() + trade.slippage.to_f64()), 2)) }
                        @if !open { td.text { (reason(trade.exit_reason)) } }
                    }
                }
            }
        }
    }
}

/// The last trades, latest first.
pub(super) fn trades(trades: &[Trade], unit: Unit) -> Markup {
    let latest: Vec<&Trade> = trades.iter().rev().take(TRADES).collect();
    html! {
        section {
            h2 { "Trades" }
            @if latest.is_empty() {
                p.note { "No trade was closed." }
            } @else {
                div.scroll.tall { (rows(&latest, unit, false)) }
                p.note {
                    "Flat to flat; profit is net of all costs and includes dividends. Shares and prices are those at the trade's end. "
                    @if trades.len() > latest.len() {
                        "The last " (latest.len()) " of " (number(Some(trades.len() as f64), 0)) "; trades.parquet has them all."
                    }
                }
            }
        }
    }
}

/// What is still held.
pub(super) fn open_positions(open: &[Trade], unit: Unit) -> Markup {
    let all: Vec<&Trade> = open.iter().collect();
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Still open at the end" }
                div.scroll { (rows(&all, unit, true)) }
                p.note { "At the last price; not counted among the trades." }
            }
        }
    }
}

/// A table of names and texts.
pub(super) fn pairs(title: &str, pairs: &[(String, String)], is_code: bool) -> Markup {
    html! {
        @if !pairs.is_empty() {
            section {
                h2 { (title) }
                table {
                    tbody {
                        @for (name, text) in pairs {
                            tr {
                                td.text { (name) }
                                td.text.wrap { @if is_code { code { (text) } } @else { (text) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
