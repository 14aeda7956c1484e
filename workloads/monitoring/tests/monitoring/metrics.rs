//! `/metrics`.

use ats_monitoring::{METRICS, MetricType, metrics_text};

use crate::{exposition, fixture};

#[test]
fn a_namespace_as_prometheus_reads_it() {
    let text = metrics_text(&fixture::namespace()).unwrap();
    exposition::read(&text);
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn every_metric_of_the_list_is_exported_as_it_says() {
    let families = exposition::read(&metrics_text(&fixture::namespace()).unwrap());
    let exported: Vec<&str> = families.keys().map(String::as_str).collect();
    let mut listed: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    listed.sort_unstable();
    assert_eq!(exported, listed);
    for metric in METRICS {
        let family = &families[metric.name];
        let kind = if metric.kind == MetricType::Counter { "counter" } else { "gauge" };
        assert_eq!(family.kind, kind, "{}", metric.name);
        for (labels, _) in &family.samples {
            let mut expected = metric.labels.to_vec();
            expected.sort_unstable();
            assert_eq!(labels.keys().collect::<Vec<_>>(), expected, "{}", metric.name);
        }
    }
}

#[test]
fn an_object_that_is_gone_leaves_nothing() {
    let mut view = fixture::namespace();
    assert!(metrics_text(&view).unwrap().contains("paper-dips"));
    view.objects.strategies.retain(|strategy| strategy.metadata.name.as_deref() != Some("paper-dips"));
    // Its books may still be there until the ledger is read again.
    let text = metrics_text(&view).unwrap();
    assert!(!text.contains("paper-dips"), "{text}");
}

#[test]
fn an_object_made_again_does_not_inherit_books() {
    let mut view = fixture::namespace();
    view.objects.strategies[2].metadata.uid = Some("another".to_owned());
    let text = metrics_text(&view).unwrap();
    assert!(!text.contains("ats_strategy_equity_dollars{name=\"paper-dips\"}"), "{text}");
    assert!(text.contains("ats_strategy_halted{name=\"paper-dips\"} 0"), "{text}");
}

#[test]
fn a_ledger_that_is_away_leaves_a_gap_and_the_rest_stands() {
    let mut view = fixture::namespace();
    for (name, state) in &mut view.books.ledgers {
        if name.to_string() == "default" {
            state.problem = Some("no answer".to_owned());
        }
    }
    let text = metrics_text(&view).unwrap();
    for line in [
        "ats_ledger_up{ledger=\"default\"} 0",
        "ats_ledger_up{ledger=\"mine/dsn\"} 1",
        "ats_object_ready{kind=\"Strategy\",name=\"paper-dips\"} 1",
        "ats_strategy_equity_dollars{name=\"momentum\"} 100400",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("ats_strategy_equity_dollars{name=\"paper-dips\"}"), "{text}");
    assert!(!text.contains("ats_strategy_orders_total{name=\"paper-dips\""), "{text}");
}

#[test]
fn a_halt_of_the_ledger_counts_while_the_operator_is_down() {
    let mut view = fixture::namespace();
    view.objects.strategies[1].status.as_mut().unwrap().halt = None;
    let text = metrics_text(&view).unwrap();
    assert!(text.contains("ats_strategy_halted{name=\"momentum\"} 1"), "{text}");
    assert!(text.contains("ats_strategy_halted{name=\"paper-dips\"} 0"), "{text}");
}

#[test]
fn an_empty_namespace_is_a_valid_scrape() {
    let mut view = fixture::namespace();
    view.objects = ats_monitoring::Objects::default();
    view.books = ats_monitoring::Books::default();
    view.interruptions.clear();
    let families = exposition::read(&metrics_text(&view).unwrap());
    assert_eq!(families.keys().collect::<Vec<_>>(), ["ats_monitoring_build_info"]);
}
