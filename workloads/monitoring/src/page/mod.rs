//! The web page: an overview of all objects, and one page for each. Nothing of it comes from elsewhere.

mod chart;
mod detail;
mod overview;
mod parts;
mod trading;

use maud::{DOCTYPE, Markup, html};

use crate::View;

/// The style sheet, served beside the pages.
pub const STYLE: &str = include_str!("style.css");
/// The script, served beside the pages: refreshes without a flicker, reads values off charts.
pub const SCRIPT: &str = include_str!("script.js");

/// All objects of the namespace.
pub fn index(view: &View) -> String {
    layout(&format!("{} - ATS", view.namespace), "./", view, &overview::body(view))
}

/// One object; nothing when it is not there.
pub fn object(view: &View, kind: &str, name: &str) -> Option<String> {
    let one = view.objects.find(kind, name)?;
    Some(layout(&format!("{} {name} - ATS", one.state().as_str()), "../", view, &detail::body(view, &one)))
}

/// What is said of an address without an object.
pub fn missing(view: &View, kind: &str, name: &str) -> String {
    let body = html! {
        section #missing {
            h2 { (kind) "/" (name) " is not here" }
            p { "Namespace " (view.namespace) " has no such object; it may have been deleted. " a href="../" { "All objects" } }
        }
    };
    layout(&format!("{name} - ATS"), "../", view, &body)
}

/// Addresses are relative, so that the page also works below a path of a proxy.
fn layout(title: &str, root: &str, view: &View, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                noscript { meta http-equiv="refresh" content="15"; }
                title { (title) }
                link rel="icon" href=(format!("{root}icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(format!("{root}style.css"));
                script src=(format!("{root}script.js")) defer {}
            }
            body {
                header.top {
                    h1 { a href=(root) { "ATS" } " " span.soft { "namespace" } " " (view.namespace) }
                    @if root == "./" {
                        input #filter type="search" hidden placeholder="Filter by name, kind, state, reason" aria-label="Filter objects";
                    }
                    p #live.soft { "As of " (parts::instant(view.now)) }
                }
                main {
                    (parts::problems(view))
                    (body)
                }
                footer.soft {
                    "Sessions are dates of the exchange; instants are UTC. Read from the API server and the ledgers. \
                     Metrics for Prometheus are on the pod's other port."
                }
            }
        }
    }
    .into_string()
}

/// The mark in a browser's tab.
pub const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" height=\"32\" rx=\"7\" fill=\"#1f5fbf\"/><path d=\"M5 22l7-8 5 5 10-11\" fill=\"none\" stroke=\"#fff\" stroke-width=\"3\" stroke-linecap=\"round\" stroke-linejoin=\"round\"/></svg>";
