//! Tables for people, and one JSON document for programs.

use std::path::{Path, PathBuf};

use comfy_table::{ContentArrangement, Table, presets::ASCII_MARKDOWN};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::goals::{Evidence, Goal, Verdict, judge};
use crate::machine::Machine;
use crate::statistics::Summary;

/// A table with its title and what a reader has to know.
#[derive(Debug, Clone)]
pub struct Section {
    /// Title.
    pub title: String,
    /// Heads of the columns.
    pub header: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<String>>,
    /// What was measured and how.
    pub notes: Vec<String>,
    /// What is followed from commit to commit, under names that stay.
    pub figures: Vec<Figure>,
    /// What is measured for a goal.
    pub evidence: Vec<Evidence>,
    /// What was not timed, because it gives something else than ours, or fails.
    pub differing: Vec<String>,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Seconds; fewer are better.
    Seconds,
    /// Nanoseconds for each bar; fewer are better.
    NanosecondsPerBar,
    /// Bars in a second; more are better.
    BarsPerSecond,
    /// Bytes; fewer are better.
    Bytes,
    /// A number of things; fewer are better.
    Count,
}

/// One figure of ours.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// Title of the table that it belongs to.
    pub part: String,
    /// What was measured, within that table.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// The values.
    #[serde(flatten)]
    pub summary: Summary,
}

impl Section {
    /// A table without rows.
    #[must_use]
    pub fn new(title: &str, header: &[&str]) -> Self {
        let header = header.iter().map(|text| (*text).to_owned()).collect();
        Self {
            title: title.to_owned(),
            header,
            rows: Vec::new(),
            notes: Vec::new(),
            figures: Vec::new(),
            evidence: Vec::new(),
            differing: Vec::new(),
        }
    }

    /// Adds a figure that is followed from commit to commit; one without a value is left out.
    pub fn follow(&mut self, name: impl Into<String>, unit: Unit, summary: Option<Summary>) {
        let figure = |summary| Figure { part: self.title.clone(), name: name.into(), unit, summary };
        self.figures.extend(summary.map(figure));
    }

    /// Adds a ratio that a goal is held to; one without a value is left out.
    pub fn toward(&mut self, goal: Goal, what: impl Into<String>, ratio: Option<Summary>) {
        self.evidence.extend(ratio.map(|ratio| Evidence { goal, what: what.into(), ratio }));
    }

    /// Markdown: it is as readable in a terminal as in a document.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(ASCII_MARKDOWN)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(self.header.clone());
        for row in &self.rows {
            table.add_row(row.clone());
        }
        let mut text = format!("## {}\n{table}\n", self.title);
        for note in &self.notes {
            text.push_str(&format!("- {note}\n"));
        }
        for other in &self.differing {
            text.push_str(&format!("- **Not timed:** {other}.\n"));
        }
        text
    }
}

/// The document of one run.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    content: Map<String, Value>,
    figures: Vec<Figure>,
    evidence: Vec<Evidence>,
}

impl Document {
    /// An empty one in a folder; its name holds when and of what commit it is.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(folder: &Path, machine: &Machine) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let at: String = machine.at.chars().filter(char::is_ascii_alphanumeric).collect();
        let path = folder.join(format!("{at}-{}-{}.json", machine.commit, machine.profile));
        let mut content = Map::new();
        content.insert("machine".to_owned(), json!(machine));
        Ok(Self { path, content, figures: Vec::new(), evidence: Vec::new() })
    }

    /// Adds a part and writes the file, so that an interrupted run leaves what it had.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        self.content.insert(name.to_owned(), serde_json::to_value(value)?);
        Ok(std::fs::write(&self.path, serde_json::to_string_pretty(&self.content)?)?)
    }

    /// Adds a section's figures to those that are followed from commit to commit, and what it has for goals.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn follow(&mut self, section: &Section) -> Result<()> {
        self.figures.extend(section.figures.iter().cloned());
        self.evidence.extend(section.evidence.iter().cloned());
        let figures = serde_json::to_value(&self.figures)?;
        self.add("figures", &figures)
    }

    /// Whether goals are met by what was added so far.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        judge(&self.evidence)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A length of time in the unit that reads best.
#[must_use]
pub fn seconds(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{:.0} ms", value * 1e3),
        value if value < 10.0 => format!("{value:.2} s"),
        value => format!("{value:.1} s"),
    }
}

/// A rate or a count, in thousands and millions.
#[must_use]
pub fn count(value: f64) -> String {
    match value {
        value if value >= 1e7 => format!("{:.0} M", value / 1e6),
        value if value >= 1e6 => format!("{:.1} M", value / 1e6),
        value if value >= 1e4 => format!("{:.0} k", value / 1e3),
        value => format!("{value:.0}"),
    }
}

/// How many times as much.
#[must_use]
pub fn times(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

/// Bytes in MiB.
#[must_use]
pub fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Sample;

    #[test]
    fn numbers_have_units_that_fit() {
        assert_eq!([0.0123, 0.999, 1.5, 75.25].map(seconds), ["12 ms", "999 ms", "1.50 s", "75.2 s"]);
        assert_eq!([950.0, 12_345.0, 1.25e6, 4.2e7].map(count), ["950", "12 k", "1.2 M", "42 M"]);
        assert_eq!(mebibytes(3.5 * 1024.0 * 1024.0), "3.5 MiB");
    }

    #[test]
    fn a_section_is_markdown() {
        let mut section = Section::new("Speed", &["what", "time"]);
        section.rows.push(vec!["one".to_owned(), "2 s".to_owned()]);
        section.notes.push("of a made-up thing".to_owned());
        section.differing.push("a: x is 2, ours 1".to_owned());
        let text = "## Speed\n| what | time |\n|------|------|\n| one  | 2 s  |\n- of a made-up thing\n\
            - **Not timed:** a: x is 2, ours 1.\n";
        assert_eq!(section.to_text(), text);
    }

    #[test]
    fn a_document_holds_what_was_added_so_far() {
        let folder = tempfile::tempdir().unwrap();
        let mut document = Document::new(&folder.path().join("new"), &Machine::here()).unwrap();
        document.add("first", &[1, 2]).unwrap();
        let read: Value = serde_json::from_slice(&std::fs::read(document.path()).unwrap()).unwrap();
        assert_eq!(read["first"], json!([1, 2]));
        assert!(read["machine"]["cores"].as_u64().unwrap() > 0);

        let mut section = Section::new("Speed", &[]);
        section.follow("one", Unit::Seconds, Sample::new([1.0, 3.0, 2.0]).summary());
        section.follow("nothing measured", Unit::Count, None);
        section.toward(Goal::Memory, "one", Sample::new([1.0, 3.0, 1.5]).summary());
        section.toward(Goal::Memory, "nothing measured", None);
        document.follow(&section).unwrap();
        let read: Value = serde_json::from_slice(&std::fs::read(document.path()).unwrap()).unwrap();
        let one = json!({"part": "Speed", "name": "one", "unit": "seconds", "count": 3, "min": 1.0, "median": 2.0, "p95": 3.0, "max": 3.0});
        assert_eq!(read["figures"], json!([one]));

        document.add("goals", &document.verdicts()).unwrap();
        let read: Value = serde_json::from_slice(&std::fs::read(document.path()).unwrap()).unwrap();
        let one = json!({"goal": "memory", "what": "one", "isMet": true,
            "ratio": {"count": 3, "min": 1.0, "median": 1.5, "p95": 3.0, "max": 3.0}});
        assert_eq!(read["goals"], json!([one]));
    }
}
