//! What was found, for people and for machines.

use serde::Serialize;
use serde_json::Value;

use super::document::{Document, Place};
use crate::Failure;

/// The result of a validation.
#[derive(Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
    notes: Vec<Note>,
    skipped: Vec<Note>,
    documents: Vec<Value>,
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; none when the file itself could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// `Kind/name`, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The field's path; none for the document as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is wrong, in the API server's words where it would refuse the document too.
    pub message: String,
    /// What to write instead, where the message does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

/// Something to know about a document that is no error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The file, as it was named.
    pub file: String,
    /// The line where the document begins.
    pub line: u64,
    /// `Kind/name`, as far as it is known.
    pub object: String,
    /// What there is to know.
    pub message: String,
}

impl Note {
    pub(crate) fn new(document: &Document, message: &str) -> Self {
        let (file, line) = (document.file.clone(), document.start.line);
        Self { file, line, object: document.title(), message: message.to_owned() }
    }
}

impl Report {
    pub(crate) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.notes.push(note);
    }

    pub(crate) fn skip(&mut self, skipped: Note) {
        self.skipped.push(skipped);
    }

    pub(crate) fn keep(&mut self, document: Value) {
        self.documents.push(document);
    }

    /// Puts findings in the order of the input: files as they were named, then lines.
    pub(crate) fn sort(&mut self, files: &[String]) {
        let place = |file: &str| files.iter().position(|name| name == file).unwrap_or(usize::MAX);
        self.findings.sort_by_key(|finding| (place(&finding.file), finding.line, finding.column));
    }

    /// All errors, in the order of the input.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Documents of kinds that are not ours.
    #[must_use]
    pub fn skipped(&self) -> &[Note] {
        &self.skipped
    }

    /// Whether there is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        !self.findings.is_empty()
    }

    /// The objects, with defaults filled in, in the order of the input; all of them only when there is no error.
    #[must_use]
    pub fn into_documents(self) -> Vec<Value> {
        self.documents
    }

    /// One block for each error: `file:line:column: Kind/name: message`, and the mend below it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            text.push_str(&finding.file);
            if let Some(line) = finding.line {
                text.push_str(&format!(":{line}:{}", finding.column.unwrap_or(1)));
            }
            if let Some(object) = &finding.object {
                text.push_str(&format!(": {object}"));
            }
            text.push_str(&format!(": {}\n", finding.message));
            if let Some(mend) = &finding.mend {
                text.push_str(&format!("    {mend}\n"));
            }
        }
        for note in self.notes.iter().chain(&self.skipped) {
            text.push_str(&format!("{}:{}: {}: {}\n", note.file, note.line, note.object, note.message));
        }
        let (objects, errors) = (self.documents.len(), self.findings.len());
        text.push_str(&match errors {
            0 => format!("{}, no errors\n", counted(objects, "object")),
            _ => format!("{}, {}\n", counted(objects, "object"), counted(errors, "error")),
        });
        text
    }

    /// The same as JSON: `{"errors": […], "notes": […], "skipped": […]}`.
    ///
    /// # Errors
    /// When a finding does not serialise, which is a defect.
    pub fn to_json(&self) -> Result<String, Failure> {
        let value =
            serde_json::json!({"errors": self.findings, "notes": self.notes, "skipped": self.skipped});
        let text =
            serde_json::to_string_pretty(&value).map_err(|error| Failure::Failed(error.to_string()))?;
        Ok(format!("{text}\n"))
    }
}

impl Finding {
    /// An error of a file as a whole.
    pub(crate) fn of_file(file: &str, place: Option<Place>, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
            object: None,
            path: None,
            message: message.into(),
            mend: None,
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
