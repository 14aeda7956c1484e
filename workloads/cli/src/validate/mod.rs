//! `ats validate`: schema, CEL rules, expressions, references, calendars and dates, without a cluster.
//!
//! A document takes the API server's way: strict decoding, defaults, the structural schema, the CEL rules, all from
//! the CustomResourceDefinitions that are applied to a cluster, with the API server's words; then the checks that the
//! operator makes. Rules that compare with an object's former self need a cluster and are left out.

mod cel;
mod decode;
mod document;
mod field;
mod input;
mod metadata;
mod report;
mod schema;
mod semantic;
mod structural;

use std::path::PathBuf;

use serde_json::Value;

use self::cel::Rules;
use self::document::Document;
use self::field::FieldError;
pub use self::report::{Finding, Note, Report};
use self::semantic::Judged;

/// What the API server says when it leaves out the rules.
const RULES_NOT_CHECKED: &str = "some validation rules were not checked because the object was invalid; correct the \
                                 existing errors to complete validation";

/// Validates files, folders of them, and `-` for standard input.
#[must_use]
pub fn validate_paths(paths: &[PathBuf]) -> Report {
    let sources = input::read(paths);
    let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let mut report = Report::default();
    let mut documents = Vec::new();
    for source in sources {
        let read = match &source.text {
            Ok(text) => Document::read(&source.name, text).map_err(|error| {
                let mend = document::mend_of_yaml(&error.message).map(str::to_owned);
                let message = format!("not YAML: {}", error.message);
                Finding { mend, ..Finding::of_file(&source.name, error.place, message) }
            }),
            Err(error) => Err(Finding::of_file(&source.name, None, error)),
        };
        match read {
            Ok(read) => documents.extend(read),
            Err(finding) => report.add(finding),
        }
    }
    validate_documents(documents, &mut report);
    report.sort(&names);
    report
}

fn validate_documents(documents: Vec<Document>, report: &mut Report) {
    let mut rules = Rules::default();
    let mut ours = Vec::new();
    for mut document in documents {
        match sort_out(&document) {
            Sort::Ours => {
                let (errors, blocked) = validate_document(&mut document, &mut rules);
                if blocked {
                    report.note(Note::new(&document, RULES_NOT_CHECKED));
                }
                for error in &errors {
                    report.add(finding(&document, &error.path, error.to_string(), error.mend.clone()));
                }
                ours.push((document, errors.is_empty()));
            }
            Sort::Foreign => {
                report.skip(Note::new(&document, &format!("not a kind of {}, skipped", ats_crds::GROUP)));
            }
            Sort::Wrong(path, message) => report.add(finding(&document, path, message, None)),
        }
    }
    let judged: Vec<Judged<'_>> =
        ours.iter().map(|(document, is_sound)| Judged { document, is_sound: *is_sound }).collect();
    for problem in semantic::validate(&judged) {
        if let Some((document, _)) = ours.get(problem.document) {
            report.add(finding(document, &problem.path, problem.message, None));
        }
    }
    for (document, _) in ours {
        report.keep(document.value);
    }
}

/// Whose document it is.
enum Sort {
    Ours,
    Foreign,
    /// Nobody's: a field's path and what is wrong with it.
    Wrong(&'static str, String),
}

fn sort_out(document: &Document) -> Sort {
    if !document.value.is_object() {
        return Sort::Wrong("", "expected an object with apiVersion, kind, metadata and spec".to_owned());
    }
    let (Some(version), Some(kind)) = (document.text("/apiVersion"), document.text("/kind")) else {
        let field = if document.text("/kind").is_none() { "kind" } else { "apiVersion" };
        return Sort::Wrong(field, format!("{field}: Required value: add `{field}`, a string"));
    };
    let (group, version_name) = version.split_once('/').unwrap_or(("", version));
    if group != ats_crds::GROUP {
        let near = schema::of_kind(kind).is_some();
        return if near {
            let ours = format!("{}/{}", ats_crds::GROUP, ats_crds::VERSION);
            Sort::Wrong(
                "apiVersion",
                format!("no matches for kind {kind:?} in version {version:?}: write {ours}"),
            )
        } else {
            Sort::Foreign
        };
    }
    if version_name != ats_crds::VERSION || schema::of_kind(kind).is_none() {
        let kinds = schema::all().keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let near = schema::all().keys().map(String::as_str).filter(|known| *known != kind);
        let near =
            ats_expression::did_you_mean(kind, near).map(|near| format!("; {near}")).unwrap_or_default();
        let message = format!(
            "no matches for kind {kind:?} in version {version:?}: {} has {kinds}{near}",
            ats_crds::VERSION
        );
        let field = if version_name == ats_crds::VERSION { "kind" } else { "apiVersion" };
        return Sort::Wrong(field, message);
    }
    Sort::Ours
}

/// What the API server would answer, and whether the rules were left out; the document has its defaults afterwards.
fn validate_document(document: &mut Document, rules: &mut Rules) -> (Vec<FieldError>, bool) {
    let mut errors: Vec<FieldError> = document
        .duplicates
        .iter()
        .map(|(path, _)| FieldError::duplicate_field(path).mend("remove one"))
        .collect();
    let Some(schema) = document.text("/kind").and_then(schema::of_kind) else { return (errors, false) };
    if let Value::Object(root) = &mut document.value {
        decode::prune(root, schema, &mut errors);
        // A status that is sent with an object is forgotten.
        root.remove("status");
    }
    if !metadata::validate(&mut document.value, &mut errors) {
        return (errors, true);
    }
    decode::default(&mut document.value, schema);
    let status = match &mut document.value {
        Value::Object(root) => root.remove("status"),
        _ => None,
    };
    structural::validate(&document.value, schema, "", &mut errors);
    structural::validate_lists(&document.value, schema, "", &mut errors);
    // The API server leaves the rules out after such errors, and says so: they need what is missing or wrong here.
    let blocked = errors.iter().any(|error| error.kind.is_blocking());
    if !blocked {
        rules.validate(&document.value, schema, "", &mut errors);
    }
    if let (Value::Object(root), Some(status)) = (&mut document.value, status) {
        root.insert("status".to_owned(), status);
    }
    (errors, blocked)
}

fn finding(document: &Document, path: &str, message: String, mend: Option<String>) -> Finding {
    let place = match document
        .duplicates
        .iter()
        .find(|(duplicate, _)| message.contains("duplicate field") && duplicate == path)
    {
        Some((_, place)) => *place,
        None => document.place(path),
    };
    Finding {
        file: document.file.clone(),
        line: Some(place.line),
        column: Some(place.column),
        object: Some(document.title()),
        path: Some(path.to_owned()).filter(|path| !path.is_empty()),
        message,
        mend,
    }
}
