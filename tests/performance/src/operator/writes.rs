//! Counts of requests, as the audit log has them.

use std::collections::BTreeMap;

use ats_test_cluster::Audit;

/// Requests by verb and resource: `patch tradinguniverses/status`.
#[must_use]
pub fn by_resource(audit: &Audit) -> BTreeMap<String, usize> {
    let names = audit.events().iter().map(|event| name(&event.verb, &event.resource, &event.subresource));
    counted(names)
}

fn name(verb: &str, resource: &str, subresource: &str) -> String {
    match subresource {
        "" => format!("{verb} {resource}"),
        _ => format!("{verb} {resource}/{subresource}"),
    }
}

fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    names.fold(BTreeMap::new(), |mut counts, name| {
        *counts.entry(name).or_default() += 1;
        counts
    })
}

/// Counts for each of so many objects, the largest first.
#[must_use]
pub fn for_each(counts: &BTreeMap<String, usize>, objects: usize) -> String {
    let mut list: Vec<(&String, f64)> =
        counts.iter().map(|(name, count)| (name, *count as f64 / objects.max(1) as f64)).collect();
    list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let texts: Vec<String> = list.iter().map(|(name, count)| format!("{} {name}", number(*count))).collect();
    texts.join(", ")
}

/// A number for each object: whole where it is.
#[must_use]
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_counted_for_each_object() {
        let names = ["create jobs", "create jobs", "create jobs", "patch x/status"].map(ToOwned::to_owned);
        let counts = counted(names.into_iter());
        assert_eq!(for_each(&counts, 2), "1.5 create jobs, 0.5 patch x/status");
        assert_eq!(name("patch", "x", "status"), "patch x/status");
        assert_eq!([3.0, 10.25, 0.0].map(number), ["3", "10.25", "0"]);
    }
}
