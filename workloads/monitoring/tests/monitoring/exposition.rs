//! The rules of Prometheus' text format 0.0.4 and of its naming, as `promtool check metrics` has them.

use std::collections::{BTreeMap, BTreeSet};

/// A metric as it was read.
#[derive(Debug, Default)]
pub struct Family {
    pub help: String,
    pub kind: String,
    pub samples: Vec<(BTreeMap<String, String>, f64)>,
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn labels(text: &str) -> BTreeMap<String, String> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("name=\"");
        assert!(is_name(name) && !name.starts_with("__"), "label {name}");
        let (mut value, mut end, mut letters) = (String::new(), None, after.char_indices());
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = Some(at);
                    break;
                }
                '\\' => match letters.next().expect("an escaped letter").1 {
                    'n' => value.push('\n'),
                    other @ ('"' | '\\') => value.push(other),
                    other => panic!("escape \\{other}"),
                },
                other => value.push(other),
            }
        }
        assert!(labels.insert(name.to_owned(), value).is_none(), "label {name} twice");
        rest = &after[end.expect("a closing quote") + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    labels
}

/// Reads a scrape and holds it against every rule.
pub fn read(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line ends");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("help text");
            assert!(is_name(name) && !families.contains_key(name), "{name} in two places");
            current = name.to_owned();
            families.insert(current.clone(), Family { help: help.to_owned(), ..Family::default() });
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, current, "TYPE follows HELP");
            families.get_mut(name).unwrap().kind = kind.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, inside) = match series.split_once('{') {
                Some((name, rest)) => (name, rest.strip_suffix('}').expect("a closing brace")),
                None => (series, ""),
            };
            assert_eq!(name, current, "samples stand below their family");
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite(), "{line}");
            let labels = labels(inside);
            assert!(seen.insert((name.to_owned(), labels.clone())), "twice: {line}");
            families.get_mut(name).unwrap().samples.push((labels, value));
        }
    }
    for (name, family) in &families {
        lint(name, family);
    }
    families
}

fn lint(name: &str, family: &Family) {
    assert!(!family.samples.is_empty(), "{name} has no sample");
    assert!(!family.help.is_empty() && family.help.ends_with('.'), "{name}: help {:?}", family.help);
    match family.kind.as_str() {
        "counter" => {
            assert!(name.ends_with("_total"), "counter {name} ends in _total");
            assert!(family.samples.iter().all(|(_, value)| *value >= 0.0), "{name} is below 0");
        }
        "gauge" => assert!(!name.ends_with("_total") && !name.ends_with("_count"), "gauge {name}"),
        other => panic!("{name} is a {other}"),
    }
    assert_eq!(name, name.to_ascii_lowercase());
    // Base units only, at the end and in full.
    for unit in ["milliseconds", "minutes", "hours", "days", "percent", "cents", "kilobytes", "ms"] {
        assert!(!name.split('_').any(|part| part == unit), "{name} has unit {unit}");
    }
    for unit in ["seconds", "ratio", "dollars"] {
        assert!(!name.contains(&format!("_{unit}_")), "{name}: the unit is last");
    }
    if name.ends_with("_ratio") {
        assert!(family.samples.iter().all(|(_, value)| value.abs() <= 10.0), "{name} is a fraction");
    }
}

#[test]
fn a_rule_that_is_broken_is_seen() {
    for bad in [
        "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n",
        "# HELP a A.\n# TYPE a counter\na 1\n",
        "# HELP a A.\n# TYPE a gauge\na NaN\n",
        "# HELP a A.\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"1\"} 2\n",
        "# HELP a A.\n# TYPE a gauge\na{x=\"1} 1\n",
        "# HELP a_seconds_old A.\n# TYPE a_seconds_old gauge\na_seconds_old 1\n",
        "# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n",
        "# HELP a A.\n# TYPE a gauge\n",
        "b 1\n",
        "# HELP a A.\n# TYPE a gauge\na 1",
    ] {
        assert!(std::panic::catch_unwind(|| read(bad)).is_err(), "{bad}");
    }
    let good = read("# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"q\\\"\\\\\"} 1\n");
    assert_eq!(good["a_total"].samples[0].0["x"], "q\"\\");
}
