//! One object: its state, its books, conditions, stages, failures, figures, lineage.

use ats_crds::{
    Strategy,
    status::{CommonStatus, StageStatus},
};
use ats_ledger::{Halt, HaltCause};
use maud::{Markup, html};

use super::{parts, trading};
use crate::{Summary, View, format, objects::seconds};

/// The page of one object.
pub(super) fn body(view: &View, one: &Summary<'_>) -> Markup {
    let mut strategies = view.objects.strategies.iter().filter(|_| one.kind == "Strategy");
    let strategy = strategies.find(|strategy| strategy.metadata.name.as_deref() == Some(one.name));
    html! {
        nav { a href="../" { "\u{2190} All objects" } }
        section #state {
            h2 { (one.name) " " span.aside { (one.kind) } " " (parts::badge(one.state())) }
            @match (one.trouble(), one.telling()) {
                (Some(trouble), _) => { p.failure { (trouble) } }
                (None, Some(found)) => { p { strong { (found.reason) } " " (found.message) } }
                (None, None) => { p { "The operator has not seen it yet." } }
            }
            dl.facts {
                @for (label, value) in &one.facts { div { dt { (label) } dd { (value) } } }
                div { dt { "Last result" } dd { (parts::ago(one.published_at(), view.now)) } }
                div { dt { "Age" } dd { (parts::ago(one.created_at(), view.now)) } }
            }
        }
        @if let Some(strategy) = strategy { (trading::sections(view, strategy)) }
        @if let Some(status) = one.status {
            (failures(status))
            (stages(&status.stages))
            (conditions(view, status))
            (figures(status))
            (lineage(status))
        }
        (commands(view, one, strategy))
    }
}

fn failures(status: &CommonStatus) -> Markup {
    html! {
        section #failures {
            h2 { "Last failures" }
            @if status.failures.is_empty() { p.soft { "None." } } @else {
                div.scroll {
                    table {
                        thead { tr {
                            th scope="col" { "Stage" } th scope="col" { "Ticker or unit" } th scope="col" { "Shard" }
                            th scope="col" { "Category" } th scope="col" { "What is wrong and what to do" }
                        } }
                        tbody {
                            @for failure in status.failures.iter().rev() {
                                tr {
                                    td { (failure.stage) }
                                    td { (failure.ticker.as_deref().unwrap_or("n/a")) }
                                    td { (failure.shard.map_or_else(|| "n/a".to_owned(), |shard| shard.to_string())) }
                                    td { (failure.category) }
                                    td.message { (failure.message) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn stages(stages: &[StageStatus]) -> Markup {
    let longest = stages.iter().filter_map(seconds).fold(0.1, f64::max);
    let count = |value: Option<i64>| value.map_or_else(|| "n/a".to_owned(), |count| count.to_string());
    html! {
        section #stages {
            h2 { "Stages" }
            div.scroll {
                table {
                    thead { tr {
                        th scope="col" { "Stage" } th scope="col" { "State" } th scope="col" { "Time" } th.number scope="col" { "Shards" }
                        th.number scope="col" { "Computed" } th.number scope="col" { "Reused" } th.number scope="col" { "Attempt" }
                        th scope="col" { "Key" } th scope="col" { "Output" } th scope="col" { "Message" }
                    } }
                    tbody {
                        @for stage in stages {
                            tr {
                                th scope="row" { (stage.name) }
                                td.short { (parts::stage_state(stage)) }
                                td.time {
                                    @match seconds(stage) {
                                        Some(taken) => {
                                            svg.bar aria-hidden="true" { rect height="100%" width=(format!("{:.1}%", (taken / longest * 100.0).max(1.0))) {} }
                                            " " (format::duration(taken))
                                        }
                                        None => "n/a",
                                    }
                                }
                                td.number { (stage.progress.as_deref().unwrap_or("n/a")) }
                                td.number { (count(stage.computed)) }
                                td.number { (count(stage.reused)) }
                                td.number { (stage.attempt) }
                                td { @match &stage.key { Some(key) => (parts::digest(key)), None => "n/a" } }
                                td { @match &stage.digest { Some(digest) => (parts::digest(digest)), None => "n/a" } }
                                td.message { (stage.message.as_deref().unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn conditions(view: &View, status: &CommonStatus) -> Markup {
    html! {
        section #conditions {
            h2 { "Conditions" }
            div.scroll {
                table {
                    thead { tr {
                        th scope="col" { "Type" } th scope="col" { "Status" } th scope="col" { "Since" } th scope="col" { "Reason" } th scope="col" { "Message" }
                    } }
                    tbody {
                        @for condition in &status.conditions {
                            tr {
                                th scope="row" { (condition.type_) }
                                td { (condition.status) }
                                td.short { (parts::ago(Some(condition.last_transition_time.0), view.now)) }
                                td { (condition.reason) }
                                td.message { (condition.message) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn figures(status: &CommonStatus) -> Markup {
    html! {
        @if !status.metrics.is_empty() {
            section #figures {
                h2 { "Figures" }
                dl.facts {
                    @for (name, value) in &status.metrics {
                        div { dt { (format::words(name)) } dd title=(value) { (format::figure(name, value)) } }
                    }
                }
            }
        }
    }
}

fn lineage(status: &CommonStatus) -> Markup {
    html! {
        @if status.artifact.is_some() || !status.inputs.is_empty() {
            section #lineage {
                h2 { "Result and what it was made from" }
                div.scroll {
                    table {
                        thead { tr { th scope="col" { "What" } th scope="col" { "Digest" } } }
                        tbody {
                            @if let Some(artifact) = &status.artifact {
                                tr { th scope="row" { "Result of stage " (artifact.stage) } td { code.whole { (artifact.digest) } } }
                            }
                            @for input in &status.inputs {
                                tr { th scope="row" { (input.name) } td { code.whole { (input.digest) } } }
                            }
                        }
                    }
                }
                @if status.history.len() > 1 {
                    h3 { "Results before" }
                    ul.list {
                        @for entry in status.history.iter().skip(1) {
                            li { (parts::digest(&entry.digest)) " of generation " (entry.generation) ", published " (parts::instant(entry.at.0)) }
                        }
                    }
                }
            }
        }
    }
}

/// What to type to see more, and to end a halt that ends only so.
fn commands(view: &View, one: &Summary<'_>, strategy: Option<&Strategy>) -> Markup {
    let (kind, name, namespace) = (one.kind.to_lowercase(), one.name, &view.namespace);
    let book = strategy.and_then(|strategy| view.books.of(strategy)?.book);
    let latched = |halt: &&Halt| matches!(halt.cause, HaltCause::MaxDrawdown | HaltCause::Reconciliation);
    html! {
        section #commands {
            h2 { "Further" }
            pre { code {
                "kubectl describe -n " (namespace) " " (kind) " " (name) "\n"
                "kubectl logs -n " (namespace) " -l trading.ats.dev/kind=" (kind) ",trading.ats.dev/name=" (name) " --tail=50 --prefix"
                @for halt in book.iter().flat_map(|book| book.open_halts()).filter(latched) {
                    "\n# ends halt " (halt.id) ", once its cause is understood\n"
                    "kubectl annotate -n " (namespace) " " (kind) " " (name) " trading.ats.dev/reset-halt=" (halt.id) " --overwrite"
                }
            } }
        }
    }
}
