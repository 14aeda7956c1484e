//! The pages.

use std::collections::BTreeSet;

use ats_monitoring::{Interruption, View, page};
use serde_json::json;

use crate::fixture;

/// Every page of a namespace.
fn pages(view: &View) -> Vec<String> {
    let summaries = view.objects.summaries();
    let objects = summaries.iter().map(|one| page::object(view, one.kind, one.name).unwrap());
    objects.chain([page::index(view), page::missing(view, "strategy", "gone")]).collect()
}

/// One element a line, so that a difference is one.
fn lines(page: &str) -> String {
    page.replace("><", ">\n<")
}

/// The tags of a page: (name, attributes).
fn tags(page: &str) -> Vec<(&str, &str)> {
    let opened = page.split('<').skip(1).filter(|part| part.starts_with(|c: char| c.is_ascii_lowercase()));
    opened
        .map(|part| {
            let tag = &part[..part.find('>').expect("a tag ends")];
            tag.split_once(' ').unwrap_or((tag, ""))
        })
        .collect()
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let at = attributes.find(&format!("{name}=\""))? + name.len() + 2;
    attributes[at..].split('"').next()
}

#[test]
fn the_overview() {
    insta::assert_snapshot!(lines(&page::index(&fixture::namespace())));
}

#[test]
fn a_strategy() {
    insta::assert_snapshot!(lines(&page::object(&fixture::namespace(), "strategy", "momentum").unwrap()));
}

#[test]
fn a_universe_that_failed() {
    insta::assert_snapshot!(lines(
        &page::object(&fixture::namespace(), "tradinguniverse", "europe").unwrap()
    ));
}

#[test]
fn the_page_says_what_it_cannot_know() {
    let mut view = fixture::namespace();
    for state in view.books.ledgers.values_mut() {
        state.problem =
            Some("cannot reach the ledger at db:5432, database ats: connection refused".to_owned());
    }
    let interrupted =
        Interruption { since: fixture::at("2024-01-10T11:58:00Z"), problem: "refused".to_owned() };
    view.interruptions.insert("Strategy", Some(interrupted));
    view.objects.unreadable.push(("Strategy/odd".to_owned(), "missing field `signal`".to_owned()));
    let index = page::index(&view);
    for words in [
        "Ledger default cannot be read.",
        "Ledger mine/dsn cannot be read.",
        "as they were at <time datetime=\"2024-01-10T11:59:55Z\">2024-01-10 11:59:55 UTC</time>",
        "connection refused",
        "The API server does not answer.",
        "Strategy/odd cannot be read by this version.",
        // What was read before is still shown.
        "$100,400.00",
        "dataset as of session 2024-01-09 is published",
    ] {
        assert!(index.contains(words), "{words}\n{}", lines(&index));
    }
}

#[test]
fn books_that_were_never_read_are_told() {
    let mut view = fixture::namespace();
    view.books.books.clear();
    let page = page::object(&view, "strategy", "paper-dips").unwrap();
    assert!(page.contains("Its ledger has not been read yet."), "{page}");
    view.books.ledgers.values_mut().for_each(|state| state.problem = Some("away".to_owned()));
    let page = page::object(&view, "strategy", "paper-dips").unwrap();
    assert!(page.contains("Its ledger cannot be read."), "{page}");
    // A backtest has no books and wants none.
    assert!(!page::object(&view, "strategy", "draft").unwrap().contains("id=\"account\""));
}

#[test]
fn an_object_that_is_gone_is_on_no_page() {
    let mut view = fixture::namespace();
    view.objects.strategies.retain(|strategy| strategy.metadata.name.as_deref() != Some("momentum"));
    assert!(pages(&view).iter().all(|page| !page.contains("momentum")));
    assert_eq!(page::object(&view, "strategy", "momentum"), None);
}

#[test]
fn nothing_that_a_user_writes_becomes_markup() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut view = fixture::namespace();
    let strategy = &mut view.objects.strategies[1];
    let mut object = serde_json::to_value(&*strategy).unwrap();
    object["status"]["halt"]["reason"] = json!(evil);
    object["status"]["conditions"][3]["message"] = json!(evil);
    object["status"]["stages"][0]["message"] = json!(evil);
    object["status"]["metrics"][evil] = json!(evil);
    object["status"]["failures"] =
        json!([{"stage": "trade", "ticker": evil, "category": evil, "message": evil}]);
    *strategy = serde_json::from_value(object).unwrap();
    for book in view.books.books.values_mut() {
        book.orders.iter_mut().for_each(|order| order.reason = evil.to_owned());
        book.halts.iter_mut().for_each(|halt| halt.reason = evil.to_owned());
        book.positions.iter_mut().for_each(|held| held.ticker = evil.to_owned());
    }
    view.books.ledgers.values_mut().for_each(|state| state.problem = Some(evil.to_owned()));
    view.namespace = evil.to_owned();
    for page in pages(&view) {
        let scripts: Vec<_> = tags(&page).into_iter().filter(|(name, _)| *name == "script").collect();
        assert_eq!(scripts.len(), 1, "{}", lines(&page));
        assert!(!page.contains("alert(1)</script>"));
    }
}

#[test]
fn pages_need_nothing_from_elsewhere() {
    for page in pages(&fixture::namespace()) {
        for (name, attributes) in tags(&page) {
            for address in ["href", "src"].into_iter().filter_map(|name| attribute(attributes, name)) {
                assert!(!address.contains("//") && !address.starts_with('/'), "{name} {address}");
            }
            // The policy allows no inline style and no inline handler.
            assert!(attribute(attributes, "style").is_none(), "{name} {attributes}");
            assert!(!attributes.starts_with("on") && !attributes.contains(" on"), "{name} {attributes}");
        }
        assert!(!page.contains("<style"));
    }
    for text in [page::STYLE, page::SCRIPT] {
        assert!(!text.contains("http") && !text.contains("url(") && !text.contains("@import"));
    }
}

#[test]
fn pages_can_be_used_without_eyes_and_without_a_mouse() {
    for page in pages(&fixture::namespace()) {
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
        let all = tags(&page);
        let count = |wanted: &str| all.iter().filter(|(name, _)| *name == wanted).count();
        assert_eq!((count("h1"), count("main"), count("title")), (1, 1, 1));
        assert_eq!(count("table"), count("thead"), "every table has a head");
        for (name, attributes) in &all {
            match *name {
                "th" => assert!(attribute(attributes, "scope").is_some(), "th {attributes}"),
                "svg" if attributes.contains("class=\"plot\"") => {
                    assert!(
                        attribute(attributes, "aria-label").is_some_and(|label| label.contains("session"))
                    );
                }
                "a" => assert!(attribute(attributes, "href").is_some(), "a {attributes}"),
                _ => {}
            }
        }
        let ids: Vec<&str> = all.iter().filter_map(|(_, attributes)| attribute(attributes, "id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "an id stands for one element: {ids:?}");
    }
}

/// WCAG 2.2: text has a contrast of 4.5 to its ground, in both schemes.
#[test]
fn colours_can_be_read() {
    let schemes: Vec<&str> = page::STYLE.lines().filter(|line| line.contains("--page:")).collect();
    assert_eq!(schemes.len(), 2, "light and dark");
    for scheme in schemes {
        let luminance = |name: &str| {
            let text = scheme.split_once(&format!("--{name}: #")).unwrap().1;
            let hex: String = text.chars().take_while(char::is_ascii_hexdigit).collect();
            let hex: String = if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex };
            let part = |at: usize| {
                let share = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
                if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
        };
        for ground in ["page", "card", "shade"] {
            for ink in ["ink", "soft", "link", "good", "bad", "work", "warn"] {
                let (a, b) = (luminance(ground), luminance(ink));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{ink} on {ground}: {contrast:.2} in {scheme}");
            }
        }
    }
}

#[test]
fn an_empty_namespace_says_how_to_begin() {
    let mut view = fixture::namespace();
    view.objects = ats_monitoring::Objects::default();
    view.books = ats_monitoring::Books::default();
    assert!(page::index(&view).contains("Apply a TradingUniverse to begin."));
}
