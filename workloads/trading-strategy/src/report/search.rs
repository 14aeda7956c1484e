//! What a search of parameters tried and chose.

use std::collections::BTreeSet;

use ats_crds::strategy::StrategySearchMetric;
use maud::{Markup, html};
use rust_decimal::Decimal;

use super::format::{dollars, number, percent};
use crate::search::{Choice, Searched, Trial};

/// A figure of a trial that a map shows.
type Figure = fn(&Trial) -> Option<f64>;

/// The two spans that are compared: no session is in both.
const SPANS: [(&str, Figure); 2] =
    [("before the first window", |trial| trial.before), ("in the windows", |trial| trial.tested)];

fn shown(metric: StrategySearchMetric, value: Option<f64>) -> String {
    match metric {
        StrategySearchMetric::Cagr => percent(value, 1),
        StrategySearchMetric::Sharpe | StrategySearchMetric::Sortino | StrategySearchMetric::Calmar => {
            number(value, 2)
        }
    }
}

fn name(metric: StrategySearchMetric) -> &'static str {
    match metric {
        StrategySearchMetric::Sharpe => "Sharpe",
        StrategySearchMetric::Sortino => "Sortino",
        StrategySearchMetric::Cagr => "CAGR",
        StrategySearchMetric::Calmar => "Calmar",
    }
}

/// The sections on the search.
pub(super) fn sections(searched: &Searched) -> Markup {
    html! {
        (windows(searched))
        (sensitivity(searched))
        (trials(searched))
    }
}

/// What was chosen for each window, on what, and what became of it.
fn windows(searched: &Searched) -> Markup {
    let metric = name(searched.metric);
    let count = searched.trials.len();
    let chosen = |choice: &Choice| {
        html! {
            td.text { (choice.from) " to " (choice.to) }
            @for value in choice.parameters.values() { td { (value) } }
            td { (shown(searched.metric, choice.in_sample)) }
        }
    };
    html! {
        section {
            h2 { "Parameters by window" span.aside { (count) " trials, chosen by " (metric) } }
            div.scroll {
                table {
                    thead {
                        tr {
                            th.text { "Traded" } th.text { "Chosen on" }
                            @for name in searched.names() { th { (name) } }
                            th { (metric) ", chosen on" } th { (metric) ", traded" } th { "Place" }
                        }
                    }
                    tbody {
                        @for fold in &searched.folds {
                            tr {
                                td.text { (fold.start) " to " (fold.end) }
                                (chosen(&fold.choice))
                                td { (shown(searched.metric, fold.out_of_sample)) }
                                td { (fold.place) " of " (count) }
                            }
                        }
                        tr { td.text { "from then on" } (chosen(&searched.last)) td {} td {} }
                    }
                }
            }
            p.note {
                "Each trial trades an account of its own from the backtest's start; both columns and the place among all trials in the window are of those. The report's other numbers are of the one account that goes from window to window, and begins with the first."
            }
        }
    }
}

/// How much the metric depends on the parameters.
fn sensitivity(searched: &Searched) -> Markup {
    let names: Vec<&str> = searched.names().collect();
    let pairs: Vec<(&str, Option<&str>)> = match names.as_slice() {
        [one] => vec![(one, None)],
        names => names
            .iter()
            .enumerate()
            .flat_map(|(place, first)| names[place + 1..].iter().map(|second| (*first, Some(*second))))
            .collect(),
    };
    let full = searched
        .trials
        .iter()
        .flat_map(|trial| SPANS.iter().filter_map(|(_, figure)| figure(trial)))
        .fold(0.0_f64, |most, value| most.max(value.abs()));
    html! {
        section {
            h2 { "Parameter sensitivity" span.aside { (name(searched.metric)) " of the trials' own accounts" } }
            @for (rows, columns) in pairs {
                div.two {
                    @for (span, figure) in SPANS { (map(searched, (rows, columns), span, figure, full)) }
                }
            }
            p.note {
                @if names.len() > 2 { "A cell is the mean over the trials with its two values. " }
                "A choice to trust has neighbours that do nearly as well, in both spans."
            }
        }
    }
}

/// The values that a parameter takes among the trials.
fn values(searched: &Searched, name: &str) -> BTreeSet<Decimal> {
    searched.trials.iter().filter_map(|trial| trial.parameters.get(name).copied()).collect()
}

/// A heat map of one parameter, or of two.
fn map(
    searched: &Searched,
    (rows, columns): (&str, Option<&str>),
    span: &str,
    figure: Figure,
    full: f64,
) -> Markup {
    let across: Vec<Option<Decimal>> = match columns {
        None => vec![None],
        Some(name) => values(searched, name).into_iter().map(Some).collect(),
    };
    let cell = |row: Decimal, column: Option<Decimal>| {
        let of_cell: Vec<&Trial> = searched
            .trials
            .iter()
            .filter(|trial| {
                trial.parameters.get(rows) == Some(&row)
                    && columns.is_none_or(|name| trial.parameters.get(name).copied() == column)
            })
            .collect();
        let defined: Vec<f64> = of_cell.iter().filter_map(|trial| figure(trial)).collect();
        let mean = defined.iter().sum::<f64>() / defined.len() as f64;
        (!of_cell.is_empty()).then_some(if defined.is_empty() { None } else { Some(mean) })
    };
    html! {
        div.map {
            p.note { (rows) @if let Some(columns) = columns { " down, " (columns) " across" } ": " (span) }
            div.scroll {
                table.heat {
                    thead {
                        tr {
                            th {}
                            @for column in &across { th { @if let Some(column) = column { (column) } @else { (name(searched.metric)) } } }
                        }
                    }
                    tbody {
                        @for row in values(searched, rows) {
                            tr {
                                th { (row) }
                                @for column in &across {
                                    @match cell(row, *column) {
                                        // No trial has these values.
                                        None => td {},
                                        Some(value) => (heat(searched.metric, value, full)),
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A cell whose colour grows with the figure, full at `full`.
fn heat(metric: StrategySearchMetric, value: Option<f64>, full: f64) -> Markup {
    let Some(number) = value else { return html! { td { "n/a" } } };
    let strength = if full > 0.0 { (number.abs() / full).min(1.0) * 0.75 + 0.05 } else { 0.05 };
    let side = if number >= 0.0 { "gain" } else { "loss" };
    html! { td class=(side) style=(format!("--a:{strength:.2}")) { (shown(metric, value)) } }
}

/// Every trial.
fn trials(searched: &Searched) -> Markup {
    let metric = name(searched.metric);
    html! {
        section {
            h2 { "Trials" span.aside { "each in an account of its own, from the backtest's start" } }
            div.scroll.tall {
                table {
                    thead {
                        tr {
                            @for name in searched.names() { th { (name) } }
                            @for (span, _) in SPANS { th { (metric) " " (span) } }
                            th { "Equity at the end" } th { "Trades" }
                        }
                    }
                    tbody {
                        @for trial in &searched.trials {
                            tr {
                                @for value in trial.parameters.values() { td { (value) } }
                                @for (_, figure) in SPANS { td { (shown(searched.metric, figure(trial))) } }
                                td { (dollars(Some(trial.final_equity), 0)) }
                                td { (number(Some(trial.trades as f64), 0)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
