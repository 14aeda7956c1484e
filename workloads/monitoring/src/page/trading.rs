//! A strategy's books: equity, drawdown, exposure, positions, orders, halts.

use ats_crds::Strategy;
use ats_ledger::EquityPoint;
use maud::{Markup, html};
use rust_decimal::Decimal;

use super::{
    chart::{Chart, Unit},
    parts,
};
use crate::{
    Book, BookView, Summary, View,
    format::{self, float},
};

fn share(amount: Decimal, of: Decimal) -> f64 {
    amount.checked_div(of).map_or(f64::NAN, float)
}

fn curve(book: &Book, value: impl Fn(&EquityPoint) -> f64) -> Vec<(jiff::civil::Date, f64)> {
    book.points.iter().map(|point| (point.session, value(point))).collect()
}

fn equity(book: &Book) -> Chart<'_> {
    let points = curve(book, |point| float(point.equity));
    Chart { title: "Equity", class: "equity", unit: Unit::Dollars, points, lowest: false }
}

fn drawdown(book: &Book) -> Chart<'_> {
    let points = curve(book, |point| float(point.drawdown));
    Chart { title: "Drawdown", class: "drawdown", unit: Unit::Share, points, lowest: true }
}

fn exposure(book: &Book) -> Chart<'_> {
    let points = curve(book, |point| share(point.gross_exposure, point.equity));
    Chart { title: "Gross exposure", class: "exposure", unit: Unit::Share, points, lowest: false }
}

/// Why there are no books to show.
fn absence(books: &BookView<'_>) -> Option<&'static str> {
    match (books.book, books.ledger) {
        (Some(book), _) if book.points.is_empty() && book.order_counts.is_empty() => {
            Some("It has not decided a bar yet.")
        }
        (Some(_), _) => None,
        (None, Some(ledger)) if ledger.problem.is_some() => Some("Its ledger cannot be read."),
        (None, _) => Some("Its ledger has not been read yet."),
    }
}

/// The account at the last session, as facts.
fn account(book: &Book) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(last) = book.points.last() {
        facts.push(("Equity", format::dollars(float(last.equity), 2)));
        if let Some(first) = book.points.first() {
            facts.push((
                "Return since its first session",
                format::percent(share(last.equity, first.equity) - 1.0, 2),
            ));
        }
        facts.push(("Drawdown", format::percent(float(last.drawdown), 2)));
        facts.push(("Gross exposure", format::percent(share(last.gross_exposure, last.equity), 1)));
        facts.push(("Net exposure", format::percent(share(last.net_exposure, last.equity), 1)));
    }
    facts.push(("Cash", format::dollars(float(book.cash), 2)));
    facts.push(("Positions", book.positions.len().to_string()));
    facts.push(("Open orders", book.open_orders().to_string()));
    facts
}

fn facts(facts: &[(&str, String)]) -> Markup {
    html! { dl.facts { @for (label, value) in facts { div { dt { (label) } dd { (value) } } } } }
}

/// A strategy on the overview.
pub(super) fn card(view: &View, strategy: &Strategy, one: &Summary<'_>) -> Markup {
    let books = view.books.of(strategy);
    let book = books.and_then(|books| books.book).filter(|book| !book.points.is_empty());
    html! {
        @if let Some(halt) = one.halt {
            p.failure { "Halted since " (parts::instant(halt.at.0)) ": " (halt.reason) }
        } @else if let Some(halt) = books.and_then(|books| books.book?.open_halts().last()) {
            // The ledger knows of a halt before the operator does.
            p.failure { "Halted since " (parts::instant(halt.at)) ": " (halt.reason) }
        }
        @match book {
            Some(book) => {
                (equity(book).draw())
                (drawdown(book).draw())
                (facts(&account(book)))
                @if let Some(last) = book.points.last() { p.soft { "Account at the close of session " (last.session) "." } }
            }
            None => {
                @let rest: Vec<_> = one.facts.iter().filter(|(label, _)| *label != "Mode").cloned().collect();
                (facts(&rest))
                @if let Some(text) = books.as_ref().and_then(absence) { p.soft { (text) } }
            }
        }
        @if let Some(trouble) = one.trouble().filter(|_| one.halt.is_none()) { p.failure { (trouble) } }
    }
}

/// The books of a strategy on its own page.
pub(super) fn sections(view: &View, strategy: &Strategy) -> Markup {
    let Some(books) = view.books.of(strategy) else { return html! {} };
    let Some(book) = books.book.filter(|_| absence(&books).is_none()) else {
        return html! {
            section #account { h2 { "Account" } p.soft { (absence(&books).unwrap_or_default()) } }
        };
    };
    html! {
        section #account {
            h2 { "Account"
                @if let Some(last) = book.points.last() { " " span.aside { "at the close of session " (last.session) } }
            }
            (facts(&account(book)))
            (equity(book).draw())
            (drawdown(book).draw())
            (exposure(book).draw())
            @if let Some(run) = &book.run {
                p.soft {
                    (run.mode.as_str()) " run since " (parts::instant(run.started_at)) ", dataset " (parts::digest(&run.dataset_digest))
                    @if let Some(model) = &run.model_digest { ", model " (parts::digest(model)) }
                    ", engine revision " (run.engine_revision) "."
                }
            }
        }
        (halts(book))
        (positions(book))
        (orders(book))
    }
}

fn halts(book: &Book) -> Markup {
    html! {
        section #halts {
            h2 { "Halts" }
            @if book.halts.is_empty() { p.soft { "Trading was never halted." } } @else {
                div.scroll {
                    table {
                        thead { tr {
                            th scope="col" { "Id" } th scope="col" { "Cause" } th scope="col" { "Why" } th scope="col" { "Session" }
                            th scope="col" { "Began" } th scope="col" { "Ended" }
                        } }
                        tbody {
                            @for halt in book.halts.iter().rev().take(10) {
                                tr {
                                    th scope="row" { code { (halt.id) } }
                                    td { (format::words(halt.cause.as_str())) }
                                    td.message { (halt.reason) }
                                    td.short { @match halt.session { Some(session) => (session), None => "n/a" } }
                                    td.short { (parts::instant(halt.at)) }
                                    td.short {
                                        @match halt.reset_at {
                                            Some(at) => { (parts::instant(at)) @if let Some(by) = &halt.reset_by { " by " (by) } }
                                            None => { span.badge.bad { "stands" } }
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
}

fn positions(book: &Book) -> Markup {
    html! {
        section #positions {
            h2 { "Open positions" " " span.aside { (book.positions.len()) } }
            @if book.positions.is_empty() { p.soft { "Flat: no shares are held." } } @else {
                div.scroll {
                    table {
                        thead { tr {
                            th scope="col" { "Ticker" } th.number scope="col" { "Shares" } th.number scope="col" { "Cost a share, $" }
                            th.number scope="col" { "Cost, $" } th.number scope="col" { "Realised before, $" } th scope="col" { "Since session" }
                        } }
                        tbody {
                            @for held in &book.positions {
                                tr {
                                    th scope="row" { (held.ticker) }
                                    td.number { (format::shares(held.quantity)) }
                                    td.number { (format::number(share(held.cost, held.quantity), 4)) }
                                    td.number { (format::number(float(held.cost), 2)) }
                                    td.number { (format::number(float(held.realized), 2)) }
                                    td.short { @match held.opened_session { Some(session) => (session), None => "n/a" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn orders(book: &Book) -> Markup {
    let total: i64 = book.order_counts.iter().map(|(_, _, count)| count).sum();
    html! {
        section #orders {
            h2 { "Orders" " " span.aside { "the latest " (book.orders.len()) " of " (format::number(total as f64, 0)) } }
            @if let Some(decision) = &book.decision {
                p.soft {
                    "Last decision: session " (decision.session) ", " (format::words(decision.outcome.as_str())) " at " (parts::instant(decision.decided_at))
                    @if let Some(message) = &decision.message { ": " (message) }
                }
            }
            @if book.orders.is_empty() { p.soft { "Nothing was ordered yet." } } @else {
                div.scroll.tall tabindex="0" role="region" aria-label="Latest orders" {
                    table {
                        thead { tr {
                            th scope="col" { "Session" } th scope="col" { "Ticker" } th scope="col" { "Order" } th.number scope="col" { "Shares" }
                            th.number scope="col" { "Filled" } th scope="col" { "State" } th scope="col" { "Why" }
                        } }
                        tbody {
                            @for order in &book.orders {
                                tr {
                                    td.short { (order.created_session) }
                                    th scope="row" { (order.ticker) }
                                    td.short title=(order.client_order_id) {
                                        (order.side.as_str()) ", " (format::words(order.purpose.as_str())) ", " (format::words(order.kind.as_str()))
                                        @if let Some(price) = order.price { " at " (format::dollars(float(price), 2)) }
                                    }
                                    td.number { (format::shares(order.quantity)) }
                                    td.number { (format::shares(order.filled_quantity)) }
                                    td { span class=(format!("state {}", order_class(order.state))) { (format::words(order.state.as_str())) } }
                                    td.message {
                                        (format::words(&order.reason))
                                        @for cut in &order.cuts { ", cut by " (format::words(&cut.rule)) " from " (format::shares(cut.from)) }
                                        @if let Some(message) = &order.message { "; " (message) }
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

fn order_class(state: ats_ledger::OrderState) -> &'static str {
    use ats_ledger::OrderState::{Cancelled, Filled, New, PartiallyFilled, Rejected, Sent};
    match state {
        Filled => "good",
        Rejected => "bad",
        Cancelled => "warn",
        New | Sent | PartiallyFilled => "work",
    }
}
