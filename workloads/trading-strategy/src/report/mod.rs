//! The backtest's report: one HTML file that needs no network, with the same bytes for the same run.

mod chart;
mod format;
mod numbers;
mod search;
mod tables;

use jiff::civil::Date;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::engine::{Trade, Unit};
use crate::search::Searched;
use crate::statistics::{self, Close, Statistics};
use chart::{Chart, Line, Pick};
use format::{dollars, number, percent, short_dollars, short_percent};

/// What the report shows.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportInput<'a> {
    /// One sentence on what was traded and how.
    pub lead: String,
    /// Dollars at the start.
    pub initial_cash: f64,
    /// Session closes, in order.
    pub closes: &'a [Close],
    /// What the same money in equal parts of every ticker at the first close would have become, at each close;
    /// empty where there is no such comparison.
    pub benchmark: &'a [f64],
    /// The ticker that this is; none: equal parts of all.
    pub benchmark_name: Option<&'a str>,
    /// All numbers.
    pub statistics: &'a Statistics,
    /// Closed trades, in order of their end.
    pub trades: &'a [Trade],
    /// Open positions as trades, by ticker.
    pub open: &'a [Trade],
    /// Orders by what became of them, in words.
    pub orders: &'a [(String, u64)],
    /// What the reader must know before believing a number.
    pub warnings: &'a [String],
    /// The strategy's settings, in words.
    pub settings: &'a [(String, String)],
    /// What it was computed from: name and digest.
    pub lineage: &'a [(String, String)],
    /// What was tried and chosen, where parameters are searched.
    pub search: Option<&'a Searched>,
    /// What quantities are rounded down to.
    pub unit: Unit,
}

/// The report as an HTML file.
#[must_use]
pub fn render(input: &ReportInput<'_>) -> String {
    let title = match (input.closes.first(), input.closes.last()) {
        (Some(first), Some(last)) => format!("Backtest, {} to {}", first.session, last.session),
        _ => "Backtest without a session".to_owned(),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                main {
                    h1 { (title) }
                    p.lead { (input.lead) }
                    (warnings(input.warnings))
                    (headline(input))
                    (charts(input))
                    @if let Some(searched) = input.search { (search::sections(searched)) }
                    (tables::monthly(input.statistics))
                    (numbers::years(input.statistics))
                    (numbers::against_benchmark(input))
                    (numbers::rolling(input))
                    (numbers::drawdowns(input.statistics))
                    div.two { (costs(input)) (orders(input.orders)) }
                    div.two {
                        (numbers::groups("Trades by what ended them", "Ended by", &input.statistics.exits))
                        (numbers::groups("Trades by ticker", "Ticker", &input.statistics.tickers))
                    }
                    (tables::open_positions(input.open, input.unit))
                    (tables::trades(input.trades, input.unit))
                    (all_numbers(input.statistics))
                    (tables::pairs("Settings", input.settings, false))
                    (tables::pairs("Computed from", input.lineage, true))
                    footer { "Past results of a simulation; they promise nothing about the future." }
                }
                script { (PreEscaped(include_str!("script.js"))) }
            }
        }
    };
    page.into_string()
}

fn warnings(warnings: &[String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            section.warnings {
                h2 { "Before you believe these numbers" }
                ul { @for warning in warnings { li { (warning) } } }
            }
        }
    }
}

fn sign_class(value: Option<f64>) -> &'static str {
    match value {
        Some(value) if value > 0.0 => "value up",
        Some(value) if value < 0.0 => "value down",
        _ => "value",
    }
}

fn headline(input: &ReportInput<'_>) -> Markup {
    let value = |name: &str| input.statistics.value(name);
    let benchmark = input.benchmark.last().map(|end| end / input.initial_cash - 1.0);
    let figure = |name: &str, class: &str, shown: String, beside: String| {
        html! {
            div.figure {
                div.name { (name) }
                div class=(class) { (shown) }
                div.beside { (beside) }
            }
        }
    };
    html! {
        div.figures {
            (figure("Final equity", "value", dollars(value("finalEquity"), 0),
                format!("from {}", dollars(Some(input.initial_cash), 0))))
            (figure("Total return", sign_class(value("totalReturn")), percent(value("totalReturn"), 1),
                benchmark.map_or_else(String::new, |b| format!("buy and hold {}", percent(Some(b), 1)))))
            (figure("CAGR", sign_class(value("cagr")), percent(value("cagr"), 2),
                format!("{} sessions", number(value("sessions"), 0))))
            (figure("Sharpe", "value", number(value("sharpe"), 2),
                match value("deflatedSharpe") {
                    deflated @ Some(_) => format!("deflated: {}", percent(deflated, 0)),
                    None => format!("probability above 0: {}", percent(value("probabilisticSharpe"), 0)),
                }))
            (figure("Sortino", "value", number(value("sortino"), 2), format!("Calmar {}", number(value("calmar"), 2))))
            (figure("Volatility", "value", percent(value("volatility"), 1), "a year".to_owned()))
            (figure("Max drawdown", "value down", percent(value("maxDrawdown"), 1),
                format!("longest {} sessions", number(value("longestDrawdown"), 0))))
            (figure("Exposure", "value", percent(value("exposure"), 0),
                format!("in the market {}", percent(value("timeInMarket"), 0))))
            (figure("Trades", "value", number(value("trades"), 0),
                format!("{} sessions each", number(value("averageHolding"), 1))))
            (figure("Win rate", "value", percent(value("winRate"), 1),
                format!("profit factor {}", number(value("profitFactor"), 2))))
        }
    }
}

fn charts(input: &ReportInput<'_>) -> Markup {
    let sessions: Vec<Date> = input.closes.iter().map(|close| close.session).collect();
    if sessions.is_empty() {
        return html! {};
    }
    let equity: Vec<f64> = input.closes.iter().map(|close| close.equity).collect();
    let falls = statistics::drawdowns(&statistics::returns(input.initial_cash, input.closes));
    let exposure: Vec<f64> = input
        .closes
        .iter()
        .map(|close| if close.equity > 0.0 { close.gross / close.equity } else { f64::NAN })
        .collect();
    let positions: Vec<f64> = input.closes.iter().map(|close| f64::from(close.positions)).collect();
    let line = |name, class, values, filled, steps| Line { name, class, values, filled, steps };
    let mut equity_lines = Vec::new();
    if !input.benchmark.is_empty() {
        let name = input.benchmark_name.unwrap_or("Equal-weight buy and hold");
        equity_lines.push(line(name, "other", input.benchmark, false, false));
    }
    equity_lines.push(line("Strategy", "main", &equity, false, false));
    // Growth by a multiple is told by ratios: a fall of a tenth looks the same early and late.
    let (least, most) = equity
        .iter()
        .chain(input.benchmark)
        .fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(*value), most.max(*value)));
    let ratios = least > 0.0 && most / least > 4.0;
    let chart = |label, lines, height, axis, readout, zero, pick| {
        Chart { label, sessions: &sessions, lines, height, axis, readout, zero, ratios: false, pick }.draw()
    };
    let equity_chart = Chart {
        label: "Equity at session closes",
        sessions: &sessions,
        lines: equity_lines,
        height: 320.0,
        axis: short_dollars,
        readout: |value| dollars(Some(value), 0),
        zero: false,
        ratios,
        pick: Pick::Last,
    };
    html! {
        section {
            h2 { "Equity" @if ratios { span.aside { " logarithmic scale" } } }
            div.legend {
                span.main { "Strategy" }
                @if !input.benchmark.is_empty() {
                    span.other { (numbers::benchmark_words(input)) ", dividends reinvested, without costs" }
                }
            }
            (equity_chart.draw())
        }
        // Beside a comparison that grew by a multiple its own ups and downs are not seen.
        @if ratios && !input.benchmark.is_empty() {
            section {
                h2 { "Equity of the strategy alone" }
                (chart("Equity of the strategy at session closes",
                    vec![line("Strategy", "main", &equity, false, false)], 220.0,
                    short_dollars, |value| dollars(Some(value), 0), false, Pick::Last))
            }
        }
        section {
            h2 { "Drawdown" span.aside { "below the peak so far" } }
            (chart("Fall from the peak at session closes",
                vec![line("Drawdown", "fall", &falls, true, false)], 180.0,
                short_percent, |value| percent(Some(value), 2), true, Pick::Lowest))
        }
        section {
            h2 { "Gross exposure" span.aside { "of equity" } }
            (chart("Gross notional over equity at session closes",
                vec![line("Exposure", "third", &exposure, true, true)], 160.0,
                short_percent, |value| percent(Some(value), 1), true, Pick::Last))
        }
        section {
            h2 { "Open positions" }
            (chart("Number of open positions at session closes",
                vec![line("Positions", "main thin", &positions, true, true)], 150.0,
                |value| number(Some(value), usize::from(value.fract() != 0.0)), |value| number(Some(value), 0),
                true, Pick::Last))
        }
    }
}

fn costs(input: &ReportInput<'_>) -> Markup {
    let value = |name: &str| input.statistics.value(name);
    let of_cash = value("costs").map(|sum| sum / input.initial_cash);
    let basis_points = value("costsOfTradedValue").map(|share| share * 10_000.0);
    let rows = [
        ("Commission", dollars(value("commission"), 2)),
        ("Slippage", dollars(value("slippage"), 2)),
        ("Borrowing", dollars(value("borrowing"), 2)),
        ("All costs", dollars(value("costs"), 2)),
        ("All costs, of the initial cash", percent(of_cash, 2)),
        ("All costs, basis points of what was traded", number(basis_points, 2)),
        ("All costs, of the profit before them", percent(value("costsOfProfit"), 1)),
        ("Dividends received less paid", dollars(value("dividends"), 2)),
        ("Turnover a year", number(value("turnover"), 2)),
    ];
    html! {
        section {
            h2 { "Costs and income" }
            table { tbody { @for (name, shown) in rows { tr { td.text { (name) } td { (shown) } } } } }
        }
    }
}

fn orders(orders: &[(String, u64)]) -> Markup {
    html! {
        section {
            h2 { "Orders" }
            @if orders.is_empty() { p.note { "None." } }
            table {
                tbody {
                    @for (name, count) in orders {
                        tr { td.text { (name) } td { (number(Some(*count as f64), 0)) } }
                    }
                }
            }
        }
    }
}

/// How a number of `statistics.json` is shown.
fn shown(name: &str, value: Option<f64>) -> String {
    match name {
        "initialCash" | "finalEquity" | "commission" | "slippage" | "borrowing" | "costs" | "dividends"
        | "averageTrade" | "medianTrade" | "averageGain" | "averageLoss" | "bestTrade" | "worstTrade"
        | "longProfit" | "shortProfit" => dollars(value, 2),
        "totalReturn"
        | "cagr"
        | "volatility"
        | "maxDrawdown"
        | "bestSession"
        | "worstSession"
        | "exposure"
        | "timeInMarket"
        | "winRate"
        | "longWinRate"
        | "shortWinRate"
        | "averageTradeReturn"
        | "valueAtRisk"
        | "conditionalValueAtRisk"
        | "costsOfProfit"
        | "costsOfTradedValue"
        | "benchmarkReturn"
        | "benchmarkCagr"
        | "benchmarkVolatility"
        | "alpha"
        | "trackingError"
        | "probabilisticSharpe"
        | "deflatedSharpe" => percent(value, 2),
        "sessions" | "numberOfTrials" | "trades" | "longTrades" | "shortTrades" | "longestDrawdown"
        | "longestGains" | "longestLosses" => number(value, 0),
        _ => number(value, 4),
    }
}

fn all_numbers(statistics: &Statistics) -> Markup {
    html! {
        section {
            h2 { "All numbers and their formulas" }
            p.note { "r: returns between session closes, idle sessions included. b: the benchmark's. E: equity. W: growth of one dollar." }
            div.scroll {
                table {
                    thead { tr { th.text { "Number" } th { "Value" } th.text { "Formula" } } }
                    tbody {
                        @for (name, statistic) in &statistics.numbers {
                            tr {
                                td.text { (name) }
                                td { (shown(name, statistic.value)) }
                                td.text.wrap { code { (statistic.formula) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
