//! The documentation lists what is exported, no more and no less.

use std::{collections::BTreeMap, path::Path};

use ats_monitoring::{METRICS, MetricType};

#[test]
fn the_guide_lists_every_metric_with_its_type_and_labels() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/monitoring.md");
    let guide = std::fs::read_to_string(file).unwrap();
    let mut documented = BTreeMap::new();
    for line in guide.lines().filter(|line| line.starts_with("| `ats_")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').to_owned();
        let labels: Vec<String> =
            cells[3].split(',').map(|label| label.trim().trim_matches('`').to_owned()).collect();
        let before = documented.insert(name.clone(), (cells[2].to_owned(), labels));
        assert!(before.is_none(), "{name} is documented twice");
        assert!(!cells[4].is_empty() && !cells[5].is_empty(), "{name} has no unit or meaning");
    }
    let exported: BTreeMap<String, (String, Vec<String>)> = METRICS
        .iter()
        .map(|metric| {
            let kind = if metric.kind == MetricType::Counter { "counter" } else { "gauge" };
            let labels = metric.labels.iter().map(|&label| label.to_owned()).collect();
            (metric.name.to_owned(), (kind.to_owned(), labels))
        })
        .collect();
    assert_eq!(documented, exported);
}
