//! What became of `make test-all`: a section of a document, made of its parts and of what they told.

use jiff::Timestamp;
use serde::Deserialize;

use crate::metrics::{Outcome, Tests};
use crate::{Error, Result};

/// The heading of the section.
pub const HEADING: &str = "\n## Last full run\n";
/// Characters of a part's last words.
const WORDS: usize = 120;

/// A part that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its make target.
    pub part: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    pub result: Outcome,
}

/// Reads parts, one a line.
///
/// # Errors
/// With the number of a line that is none; when there is no line.
pub fn read(text: &str) -> Result<Vec<Part>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parts: Vec<Part> = lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| Error::form(format!("parts, line {}", number + 1), &error))
        })
        .collect::<Result<_>>()?;
    if parts.is_empty() {
        return Err(Error::form("parts", &"none has run"));
    }
    Ok(parts)
}

/// The figures that a part has told in its log; the last words of one that told none, or failed.
#[must_use]
pub fn figures(part: &Part, log: &str) -> String {
    let mut figures = Vec::new();
    if let Some(tests) = Tests::told(log) {
        figures.push(format!("{} tests, {} failed", tests.count, tests.failures));
    }
    let lines = || log.lines().map(str::trim);
    // `all   89.41 % of lines, asked for 85 %`
    figures.extend(
        lines()
            .filter_map(|line| line.strip_prefix("all "))
            .filter(|rest| rest.contains(" % of lines"))
            .map(tidy),
    );
    // `   12.3 s  30 refreshes in 600 s`
    figures.extend(
        lines()
            .filter(|line| line.contains(" refreshes in "))
            .filter_map(|line| line.split_once(" s  "))
            .map(|(_, rest)| tidy(rest)),
    );
    figures.extend(lines().filter(|line| line.starts_with("head / base: ")).map(tidy));
    if figures.is_empty() || part.result == Outcome::Failure {
        // What make says of a part that failed is known already.
        let last = lines()
            .rfind(|line| !line.is_empty() && !line.starts_with("make: ") && !line.starts_with("make["));
        figures.extend(last.map(tidy));
    }
    figures.join("; ")
}

/// Text for a cell of a table.
fn tidy(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace('|', "/").replace('`', "'").chars().take(WORDS).collect()
}

/// The section: which commit, when, and each part with its figures.
#[must_use]
pub fn section(commit: &str, cores: usize, parts: &[(Part, String)]) -> String {
    let failed = parts.iter().filter(|(part, _)| part.result == Outcome::Failure).count();
    let verdict = match failed {
        0 => "every part passed".to_owned(),
        1 => "one part failed".to_owned(),
        more => format!("{more} parts failed"),
    };
    let ended = parts.iter().map(|(part, _)| part.ended).max().unwrap_or_default();
    let mut text = format!(
        "{HEADING}Written by `make test-all`: commit `{}`, ended {ended:.0}, {cores} cores; {verdict}.\n\n\
         | Part | Result | Minutes | Figures |\n|---|---|---|---|\n",
        tidy(commit)
    );
    for (part, figures) in parts {
        let result = if part.result == Outcome::Success { "passed" } else { "FAILED" };
        let minutes = part.ended.duration_since(part.began).as_secs_f64() / 60.0;
        text.push_str(&format!("| {} | {result} | {minutes:.1} | {figures} |\n", tidy(&part.part)));
    }
    text
}

/// A document with this section in the place of the one that it has.
///
/// # Errors
/// When it has none, or more than one.
pub fn replaced(document: &str, section: &str) -> Result<String> {
    let Some((before, after)) = document.split_once(HEADING).filter(|(_, after)| !after.contains(HEADING))
    else {
        let problem = format!("has to have one heading {:?}", HEADING.trim());
        return Err(Error::form("document", &problem));
    };
    let rest = after.find("\n## ").map_or("", |end| &after[end..]);
    Ok(format!("{before}{section}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, result: Outcome) -> Part {
        let at = |time: &str| format!("2026-08-03T{time}Z").parse().unwrap();
        Part { part: name.to_owned(), began: at("10:00:00"), ended: at("10:12:30"), result }
    }

    #[test]
    fn parts_tell_their_figures() {
        let of = |name: &str, log: &str| figures(&part(name, Outcome::Success), log);
        let tests = "test result: ok. 71 passed; 0 failed; 0 ignored; 0 measured\n";
        assert_eq!(of("test", &format!("{tests}{tests}")), "142 tests, 0 failed");
        let table = "all                       89.41 % of lines, asked for 85 %\ncrds    95.00 % of lines, asked for 90 %\n";
        assert_eq!(
            of("coverage", &format!("{tests}{table}")),
            "71 tests, 0 failed; 89.41 % of lines, asked for 85 %"
        );
        assert_eq!(of("soak", " 612.3 s  30 refreshes in 600 s\n"), "30 refreshes in 600 s");
        let gate =
            "pair 1: 1 s, 1 s\nhead / base: 1.001 (0.990 to 1.010)\nhead / base: 2.010 (1.990 to 2.030)\n";
        assert_eq!(
            of("gate-proof", gate),
            "head / base: 1.001 (0.990 to 1.010); head / base: 2.010 (1.990 to 2.030)"
        );
        assert_eq!(of("double-build", "\n  two builds | the same\n\n"), "two builds / the same");
        assert_eq!(of("silent", ""), "");
    }

    #[test]
    fn one_that_failed_has_its_last_words() {
        let log = "test result: FAILED. 70 passed; 1 failed; 0 ignored\nerror: 1 target failed:\n    `--test x`\nmake: *** [Makefile:52: test] Error 101\n";
        assert_eq!(figures(&part("test", Outcome::Failure), log), "71 tests, 1 failed; '--test x'");
    }

    #[test]
    fn the_section_replaces_the_one_before() {
        let parts = [
            (part("test", Outcome::Success), "71 tests, 0 failed".to_owned()),
            (part("soak", Outcome::Failure), String::new()),
        ];
        let text = section("abc-dirty", 2, &parts);
        assert!(
            text.contains("commit `abc-dirty`, ended 2026-08-03T10:12:30Z, 2 cores; one part failed."),
            "{text}"
        );
        assert!(text.contains("\n| soak | FAILED | 12.5 |  |\n"), "{text}");
        let document = "# D\n\n## A\na\n\n## Last full run\nold\n\n## B\nb\n";
        let new = replaced(document, &text).unwrap();
        assert_eq!(new, format!("# D\n\n## A\na\n{text}\n## B\nb\n"));
        assert_eq!(replaced(&new, &text).unwrap(), new);
        let last = replaced("# D\n\n## Last full run\nold\n", &text).unwrap();
        assert_eq!(last, format!("# D\n{text}"));
        assert!(replaced("# D\n", &text).unwrap_err().to_string().contains("## Last full run"));
        assert!(replaced(&format!("{document}{HEADING}"), &text).is_err());
    }

    #[test]
    fn lines_are_parts_or_told() {
        let line = r#"{"part": "test", "began": "2026-08-03T10:00:00Z", "ended": "2026-08-03T10:12:30Z", "result": "success"}"#;
        assert_eq!(read(&format!("{line}\n\n")).unwrap(), [part("test", Outcome::Success)]);
        let refused = |text: &str| read(text).unwrap_err().to_string();
        assert!(refused(&format!("{line}\nnothing")).starts_with("parts, line 2: "));
        assert!(refused(&line.replace("success", "fine")).contains("unknown variant `fine`"));
        assert_eq!(refused("\n"), "parts: none has run");
    }
}
