//! The web page: one table of all objects, one page for each.

mod chart;

use maud::{DOCTYPE, Markup, html};

use crate::{Curves, Objects, Summary};

const STYLE: &str = include_str!("style.css");

/// All objects of the namespace.
pub fn index(namespace: &str, objects: &Objects, curves: &Curves) -> String {
    let summaries = objects.summaries();
    let body = html! {
        @if summaries.is_empty() {
            p.empty { "No objects of trading.ats.dev in this namespace yet. Apply a TradingUniverse to begin." }
        }
        @for kind in ["TradingUniverse", "ModelTrainingJob", "Strategy"] {
            @let mine: Vec<&Summary<'_>> = summaries.iter().filter(|one| one.kind == kind).collect();
            @if !mine.is_empty() {
                h2 { (plural(kind)) }
                div.cards {
                    @for one in mine { (card(one, curves)) }
                }
            }
        }
    };
    layout(&format!("{namespace} - ATS"), namespace, &body)
}

/// One object: conditions, stages, figures, failures, lineage.
pub fn object(namespace: &str, objects: &Objects, curves: &Curves, kind: &str, name: &str) -> Option<String> {
    let summaries = objects.summaries();
    let one = summaries.iter().find(|one| one.kind.eq_ignore_ascii_case(kind) && one.name == name)?;
    let body = html! {
        p { a href="/" { "All objects" } }
        h2 { (one.kind) "/" (one.name) " " (badge(one)) }
        @if let Some(ready) = one.condition("Ready") { p.message { (ready.message) } }
        @if let Some(curve) = curves.get(one.name).filter(|_| one.kind == "Strategy") {
            section { h3 { "Equity" } (chart::line(curve)) }
        }
        @if let Some(status) = one.status {
            section {
                h3 { "Conditions" }
                table {
                    tr { th { "Type" } th { "Status" } th { "Reason" } th { "Message" } }
                    @for condition in &status.conditions {
                        tr { td { (condition.type_) } td { (condition.status) } td { (condition.reason) } td { (condition.message) } }
                    }
                }
            }
            section {
                h3 { "Stages" }
                (chart::stages(&status.stages))
                table {
                    tr { th { "Stage" } th { "State" } th { "Progress" } th { "Computed" } th { "Reused" } th { "Digest" } th { "Message" } }
                    @for stage in &status.stages {
                        tr {
                            td { (stage.name) }
                            td { (format!("{:?}", stage.state)) }
                            td { (stage.progress.as_deref().unwrap_or("-")) }
                            td.number { (stage.computed.map_or_else(|| "-".to_owned(), |count| count.to_string())) }
                            td.number { (stage.reused.map_or_else(|| "-".to_owned(), |count| count.to_string())) }
                            td { code { (stage.digest.as_deref().map_or("-", |digest| digest.get(..12).unwrap_or(digest))) } }
                            td { (stage.message.as_deref().unwrap_or_default()) }
                        }
                    }
                }
            }
            @if !status.failures.is_empty() {
                section {
                    h3 { "Last failures" }
                    table {
                        tr { th { "Stage" } th { "Ticker" } th { "Category" } th { "Message" } }
                        @for failure in status.failures.iter().rev() {
                            tr { td { (failure.stage) } td { (failure.ticker.as_deref().unwrap_or("-")) } td { (failure.category) } td { (failure.message) } }
                        }
                    }
                }
            }
            @if !status.metrics.is_empty() {
                section {
                    h3 { "Figures" }
                    dl { @for (name, value) in &status.metrics { div { dt { (name) } dd { (value) } } } }
                }
            }
            @if !status.inputs.is_empty() {
                section {
                    h3 { "Made from" }
                    ul { @for input in &status.inputs { li { (input.name) " " code { (input.digest) } } } }
                }
            }
        }
    };
    Some(layout(&format!("{name} - ATS"), namespace, &body))
}

fn plural(kind: &str) -> &'static str {
    match kind {
        "TradingUniverse" => "Universes",
        "ModelTrainingJob" => "Models",
        _ => "Strategies",
    }
}

fn badge(one: &Summary<'_>) -> Markup {
    let state = one.state();
    html! { span class=(format!("badge {}", state.to_lowercase())) { (state) } }
}

fn card(one: &Summary<'_>, curves: &Curves) -> Markup {
    html! {
        a.card href=(format!("/{}/{}", one.kind.to_lowercase(), one.name)) {
            header { strong { (one.name) } (badge(one)) }
            dl { @for (label, value) in &one.facts { div { dt { (label) } dd { (value) } } } }
            @if let Some(curve) = curves.get(one.name).filter(|_| one.kind == "Strategy") {
                (chart::line(curve))
            } @else if let Some(status) = one.status {
                (chart::stages(&status.stages))
            }
            @if let Some(ready) = one.condition("Ready").filter(|ready| ready.status != "True") {
                p.message { (ready.message) }
            }
            @if let Some(failure) = one.status.and_then(|status| status.failures.last()) {
                p.failure { (failure.category) ": " (failure.message) }
            }
        }
    }
}

fn layout(title: &str, namespace: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content="15";
                title { (title) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Trading in namespace " em { (namespace) } }
                main { (body) }
                footer { "Read from the API server and the ledger; refreshed every 15 seconds." }
            }
        }
    }
    .into_string()
}
