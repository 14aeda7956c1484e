//! Years, drawdowns, groups of trades, and the comparison with the benchmark.

use maud::{Markup, html};

use super::ReportInput;
use super::chart::{Chart, Line, Pick};
use super::format::{dollars, number, percent};
use crate::statistics::{Group, ROLLING_SESSIONS, Statistics};

/// What the benchmark is.
pub(super) fn benchmark_words(input: &ReportInput<'_>) -> String {
    match input.benchmark_name {
        Some(ticker) => format!("Buy and hold of {ticker}"),
        None => "Equal-weight buy and hold of the universe".to_owned(),
    }
}

/// Calendar years.
pub(super) fn years(statistics: &Statistics) -> Markup {
    html! {
        @if !statistics.years.is_empty() {
            section {
                h2 { "By year" }
                div.scroll {
                    table {
                        thead {
                            tr {
                                th.text { "Year" } th { "Sessions" } th { "Return" } th { "Benchmark" }
                                th { "Volatility" } th { "Sharpe" } th { "Max drawdown" }
                            }
                        }
                        tbody {
                            @for year in &statistics.years {
                                tr {
                                    td.text { (year.year) }
                                    td { (year.sessions) }
                                    td { (percent(year.total_return, 1)) }
                                    td { (percent(year.benchmark_return, 1)) }
                                    td { (percent(year.volatility, 1)) }
                                    td { (number(year.sharpe, 2)) }
                                    td { (percent(year.max_drawdown, 1)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Numbers against the benchmark.
pub(super) fn against_benchmark(input: &ReportInput<'_>) -> Markup {
    let value = |name: &str| input.statistics.value(name);
    let rows = [
        ("Growth a year, strategy", percent(value("cagr"), 2)),
        ("Growth a year, benchmark", percent(value("benchmarkCagr"), 2)),
        ("Volatility, benchmark", percent(value("benchmarkVolatility"), 2)),
        ("Alpha", percent(value("alpha"), 2)),
        ("Beta", number(value("beta"), 2)),
        ("Correlation", number(value("correlation"), 2)),
        ("Tracking error", percent(value("trackingError"), 2)),
        ("Information ratio", number(value("informationRatio"), 2)),
        ("Up capture", number(value("upCapture"), 2)),
        ("Down capture", number(value("downCapture"), 2)),
    ];
    html! {
        @if value("beta").is_some() {
            section {
                h2 { "Against the benchmark" }
                p.note { (benchmark_words(input)) ", dividends reinvested, without costs." }
                table { tbody { @for (name, shown) in rows { tr { td.text { (name) } td { (shown) } } } } }
            }
        }
    }
}

/// Sharpe ratio and beta over a window.
pub(super) fn rolling(input: &ReportInput<'_>) -> Markup {
    let points = &input.statistics.rolling;
    if points.is_empty() {
        return html! {};
    }
    let sessions: Vec<_> = points.iter().map(|point| point.session).collect();
    let sharpe: Vec<f64> = points.iter().map(|point| point.sharpe.unwrap_or(f64::NAN)).collect();
    let beta: Vec<f64> = points.iter().map(|point| point.beta.unwrap_or(f64::NAN)).collect();
    let chart = |label, name, class, values| {
        let line = Line { name, class, values, filled: false, steps: false };
        Chart {
            label,
            sessions: &sessions,
            lines: vec![line],
            height: 160.0,
            axis: |value| number(Some(value), 1),
            readout: |value| number(Some(value), 2),
            zero: true,
            ratios: false,
            pick: Pick::Last,
        }
        .draw()
    };
    html! {
        section {
            h2 { "Sharpe ratio over " (ROLLING_SESSIONS) " sessions" }
            (chart("Sharpe ratio over the last sessions", "Sharpe", "main thin", &sharpe))
        }
        @if points.iter().any(|point| point.beta.is_some()) {
            section {
                h2 { "Beta over " (ROLLING_SESSIONS) " sessions" }
                (chart("Beta over the last sessions", "Beta", "third", &beta))
            }
        }
    }
}

/// The deepest falls.
pub(super) fn drawdowns(statistics: &Statistics) -> Markup {
    html! {
        @if !statistics.drawdowns.is_empty() {
            section {
                h2 { "Deepest drawdowns" }
                div.scroll {
                    table {
                        thead {
                            tr { th { "Depth" } th { "Peak" } th { "Lowest" } th { "Recovered" } th { "Sessions" } }
                        }
                        tbody {
                            @for fall in &statistics.drawdowns {
                                tr {
                                    td { (percent(Some(fall.depth), 2)) }
                                    td { @if let Some(peak) = fall.peak { (peak) } @else { "start" } }
                                    td { (fall.valley) }
                                    td { @if let Some(end) = fall.recovery { (end) } @else { "not yet" } }
                                    td { (fall.sessions) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Trades by what they have in common.
pub(super) fn groups(title: &str, name: &str, groups: &[Group]) -> Markup {
    html! {
        @if !groups.is_empty() {
            section {
                h2 { (title) }
                div.scroll {
                    table {
                        thead {
                            tr {
                                th.text { (name) } th { "Trades" } th { "Won" } th { "Profit" }
                                th { "Return" } th { "Sessions" }
                            }
                        }
                        tbody {
                            @for group in groups {
                                tr {
                                    td.text { (group.name) }
                                    td { (group.trades) }
                                    td { (percent(group.win_rate, 0)) }
                                    td { (dollars(Some(group.profit), 2)) }
                                    td { (percent(group.average_return, 2)) }
                                    td { (number(group.average_holding, 1)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
