//! All objects of the namespace.

use ats_crds::Strategy;
use maud::{Markup, html};

use super::{parts, trading};
use crate::{State, Summary, View};

/// The overview.
pub(super) fn body(view: &View) -> Markup {
    let summaries = view.objects.summaries();
    html! {
        @if summaries.is_empty() {
            section #empty {
                h2 { "Nothing here yet" }
                p { "No object of trading.ats.dev is in this namespace. Apply a TradingUniverse to begin." }
            }
        } @else {
            (tiles(&summaries))
            (troubles(&summaries))
            (strategies(view, &summaries))
            (table(view, &summaries))
        }
    }
}

fn tiles(summaries: &[Summary<'_>]) -> Markup {
    html! {
        ul #tiles.tiles aria-label="Objects by state" {
            @for state in State::ALL {
                @let count = summaries.iter().filter(|one| one.state() == state).count();
                @if count > 0 || matches!(state, State::Failed | State::Halted | State::Ready) {
                    li class=(if count > 0 { parts::class(state) } else { "rest" }) {
                        span.count { (count) } " " (state.as_str())
                    }
                }
            }
        }
    }
}

fn troubles(summaries: &[Summary<'_>]) -> Markup {
    let found: Vec<(&Summary<'_>, String)> =
        summaries.iter().filter_map(|one| Some((one, one.trouble()?))).collect();
    html! {
        @if !found.is_empty() {
            section #troubles {
                h2 { "Needs a look" }
                ul.list {
                    @for (one, trouble) in found {
                        li { (parts::badge(one.state())) " " a href=(parts::address(one)) { (one.kind) "/" (one.name) } " " (trouble) }
                    }
                }
            }
        }
    }
}

fn strategies(view: &View, summaries: &[Summary<'_>]) -> Markup {
    let summaries = summaries.iter().filter(|one| one.kind == "Strategy");
    // A backtest has no books; its figures are in the table.
    let all: Vec<(&Strategy, &Summary<'_>)> = view
        .objects
        .strategies
        .iter()
        .zip(summaries)
        .filter(|(strategy, _)| view.books.of(strategy).is_some())
        .collect();
    html! {
        @if !all.is_empty() {
            h2 { "Strategies that trade" }
            div #strategies.cards {
                @for (strategy, one) in all {
                    article.card {
                        header {
                            h3 { a href=(parts::address(one)) { (one.name) } }
                            span.soft { (format!("{:?}", strategy.spec.mode)) }
                            (parts::badge(one.state()))
                        }
                        (trading::card(view, strategy, one))
                    }
                }
            }
        }
    }
}

/// Roles are said, since the narrow layout takes them from the elements.
fn table(view: &View, summaries: &[Summary<'_>]) -> Markup {
    html! {
        section #objects {
            h2 { "All objects" }
            table.stack role="table" {
                thead role="rowgroup" {
                    tr role="row" {
                        @for name in ["Object", "State", "Why", "Stages", "Facts", "Last result", "Age"] {
                            th scope="col" role="columnheader" { (name) }
                        }
                    }
                }
                tbody role="rowgroup" {
                    @for one in summaries {
                        tr role="row" {
                            th scope="row" role="rowheader" {
                                a href=(parts::address(one)) { (one.name) } br; " " span.soft { (one.kind) }
                            }
                            td role="cell" data-label="State" { (parts::badge(one.state())) }
                            td.message role="cell" data-label="Why" {
                                @match one.telling() {
                                    Some(found) => {
                                        strong { (found.reason) } " " (found.message)
                                    }
                                    None => "The operator has not seen it yet.",
                                }
                                @if let Some(failure) = one.status.and_then(|status| status.failures.last()) {
                                    p.failure { "Last failure: " (failure.category) ": " (failure.message) }
                                }
                            }
                            td role="cell" data-label="Stages" {
                                @if let Some(status) = one.status { (parts::stages(&status.stages)) }
                            }
                            td role="cell" data-label="Facts" {
                                dl.facts {
                                    @for (label, value) in &one.facts { div { dt { (label) } dd { (value) } } }
                                }
                            }
                            td.short role="cell" data-label="Last result" { (parts::ago(one.published_at(), view.now)) }
                            td.short role="cell" data-label="Age" { (parts::ago(one.created_at(), view.now)) }
                        }
                    }
                }
            }
        }
    }
}
