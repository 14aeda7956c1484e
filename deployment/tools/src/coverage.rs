//! Coverage: what llvm-cov measured against what is asked for.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Error, Result};

/// The least coverage of lines, in percent; the one file that has them is `.ci/coverage.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Of all that counts together.
    pub lines: f64,
    /// Of folders, by their path from the checkout's root.
    pub folders: BTreeMap<String, f64>,
}

/// Lines that could run and lines that ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Lines {
    /// Lines with code.
    pub count: u64,
    /// Lines that ran.
    pub covered: u64,
}

impl Lines {
    /// Percent of lines that ran; nothing without a line.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "lines of code are fewer than 2^52")]
    pub fn percent(self) -> Option<f64> {
        (self.count > 0).then(|| 100.0 * self.covered as f64 / self.count as f64)
    }
}

/// Coverage of files, by path from the checkout's root.
pub type Files = BTreeMap<String, Lines>;

/// Reads `cargo llvm-cov --json --summary-only` (the format `llvm.coverage.json.export`).
///
/// # Errors
/// When it is no such document, or a file in it lies outside the checkout.
pub fn read(document: &str, checkout: &str) -> Result<Files> {
    #[derive(Deserialize)]
    struct Document {
        data: Vec<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        files: Vec<File>,
    }
    #[derive(Deserialize)]
    struct File {
        filename: String,
        summary: Summary,
    }
    #[derive(Deserialize)]
    struct Summary {
        lines: Lines,
    }
    let document: Document =
        serde_json::from_str(document).map_err(|error| Error::form("coverage", &error))?;
    let root = format!("{}/", checkout.trim_end_matches('/'));
    let mut files = Files::new();
    for file in document.data.into_iter().flat_map(|data| data.files) {
        let path = file.filename.strip_prefix(&root).ok_or_else(|| {
            Error::form("coverage", &format!("{} does not lie in {checkout}", file.filename))
        })?;
        let lines = files.entry(path.to_owned()).or_default();
        lines.count += file.summary.lines.count;
        lines.covered += file.summary.lines.covered;
    }
    Ok(files)
}

/// Lines of everything below a folder; of all files for the empty one.
#[must_use]
pub fn below(files: &Files, folder: &str) -> Lines {
    let within =
        |path: &str| folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    files.iter().filter(|(path, _)| within(path)).fold(Lines::default(), |sum, (_, lines)| Lines {
        count: sum.count + lines.count,
        covered: sum.covered + lines.covered,
    })
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The folder; empty for all.
    pub folder: String,
    /// Percent measured; nothing where no line was measured, which fails.
    pub percent: Option<f64>,
    /// Percent asked for.
    pub least: f64,
}

impl Finding {
    /// Whether as much was covered as is asked for.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.percent.is_some_and(|percent| percent >= self.least)
    }
}

/// Compares, all together first.
#[must_use]
pub fn compare(files: &Files, thresholds: &Thresholds) -> Vec<Finding> {
    let all = std::iter::once((String::new(), thresholds.lines));
    let folders = thresholds.folders.iter().map(|(folder, least)| (folder.clone(), *least));
    all.chain(folders)
        .map(|(folder, least)| Finding { percent: below(files, &folder).percent(), folder, least })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(files: &[(&str, u64, u64)]) -> String {
        let files: Vec<_> = files
            .iter()
            .map(|(name, count, covered)| {
                serde_json::json!({"filename": name, "summary": {"lines": {"count": count, "covered": covered, "percent": 0.0}}})
            })
            .collect();
        serde_json::json!({"data": [{"files": files, "totals": {}}], "type": "llvm.coverage.json.export"})
            .to_string()
    }

    fn thresholds() -> Thresholds {
        Thresholds { lines: 85.0, folders: BTreeMap::from([("crds".to_owned(), 90.0)]) }
    }

    #[test]
    fn a_folder_below_its_threshold_fails_though_all_together_pass() {
        let text = document(&[("/c/crds/src/a.rs", 100, 89), ("/c/crds-other/src/b.rs", 900, 900)]);
        let findings = compare(&read(&text, "/c").unwrap(), &thresholds());
        assert_eq!(findings.iter().map(Finding::passes).collect::<Vec<_>>(), [true, false]);
        assert_eq!(findings[1].percent, Some(89.0));
    }

    #[test]
    fn exactly_enough_is_enough_and_nothing_measured_is_not() {
        let text = document(&[("/c/crds/src/a.rs", 10, 9), ("/c/operator/src/b.rs", 10, 8)]);
        assert!(compare(&read(&text, "/c/").unwrap(), &thresholds()).iter().all(Finding::passes));
        let text = document(&[("/c/operator/src/b.rs", 10, 10)]);
        let findings = compare(&read(&text, "/c").unwrap(), &thresholds());
        assert!(findings[0].passes() && !findings[1].passes());
    }

    #[test]
    fn files_of_elsewhere_are_refused() {
        assert!(read(&document(&[("/d/crds/src/a.rs", 1, 1)]), "/c").is_err());
        assert!(read("{}", "/c").is_err());
    }
}
