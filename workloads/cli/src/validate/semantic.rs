//! What the operator checks and a schema cannot: expressions, dates, calendars, references. The checks are those of
//! the pipeline, so that the operator's condition and this report say the same.

use std::collections::BTreeMap;

use ats_crds::{ModelTrainingJobSpec, StrategySpec, TradingUniverseSpec};
use ats_pipeline::check::{self, CheckedUniverse, Problem};
use ats_pipeline::status::reference::another_universe;
use serde::de::DeserializeOwned;

use super::document::Document;

/// An error of a document: its place in the list, the field's path, the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problems {
    pub(crate) document: usize,
    pub(crate) path: String,
    pub(crate) message: String,
}

/// A document and whether the schema and its rules accept it.
pub(crate) struct Judged<'a> {
    pub(crate) document: &'a Document,
    pub(crate) is_sound: bool,
}

/// A name in a namespace.
type Name = (String, String);

/// What is known of a universe that others refer to.
enum Universe {
    Checked(Box<CheckedUniverse>),
    /// Its own errors are reported; what refers to it cannot be checked further.
    Faulty,
}

/// All problems of documents that the schemas accept.
pub(crate) fn validate(documents: &[Judged<'_>]) -> Vec<Problems> {
    let mut found = Vec::new();
    report_repeated(documents, &mut found);
    let universes = universes(documents, &mut found);
    let models = models(documents, &universes, &mut found);
    strategies(documents, &universes, &models, &mut found);
    found
}

/// An object that is there twice: `kubectl apply` would keep the last one in silence.
fn report_repeated(documents: &[Judged<'_>], found: &mut Vec<Problems>) {
    let mut seen: BTreeMap<(String, Name), usize> = BTreeMap::new();
    for (at, judged) in documents.iter().enumerate() {
        let Some(name) = name_of(judged.document) else { continue };
        let kind = judged.document.text("/kind").unwrap_or_default().to_owned();
        match seen.get(&(kind.clone(), name.clone())).and_then(|first| documents.get(*first)) {
            Some(first) => {
                let (file, line) = (&first.document.file, first.document.start.line);
                let message = format!(
                    "{kind} {} is there already, in {file} at line {line}: remove one or rename it",
                    name.1
                );
                found.push(Problems { document: at, path: "metadata.name".to_owned(), message });
            }
            None => {
                seen.insert((kind, name), at);
            }
        }
    }
}

fn universes(documents: &[Judged<'_>], found: &mut Vec<Problems>) -> BTreeMap<Name, Universe> {
    let mut universes = BTreeMap::new();
    for (at, judged, name) in of_kind(documents, "TradingUniverse") {
        let checked = spec::<TradingUniverseSpec>(at, judged, found)
            .and_then(|spec| take(at, check::universe(&spec), found))
            .map_or(Universe::Faulty, |checked| Universe::Checked(Box::new(checked)));
        universes.insert(name, checked);
    }
    universes
}

/// What a strategy needs to know of a model.
struct Model {
    /// The universe that it learns from.
    universe: String,
    /// Why no strategy may trade it.
    refused: Option<Problem>,
}

/// Models by name.
fn models(
    documents: &[Judged<'_>],
    universes: &BTreeMap<Name, Universe>,
    found: &mut Vec<Problems>,
) -> BTreeMap<Name, Model> {
    let mut models = BTreeMap::new();
    for (at, judged, name) in of_kind(documents, "ModelTrainingJob") {
        if let Some(universe) = judged.document.text("/spec/universeRef/name") {
            models.insert(name.clone(), Model { universe: universe.to_owned(), refused: None });
        }
        let Some(spec) = spec::<ModelTrainingJobSpec>(at, judged, found) else { continue };
        if let Some(model) = models.get_mut(&name) {
            model.refused = check::tradable(&name.1, &spec).err();
        }
        if let Some(universe) = referred(at, &name, &spec.universe_ref.name, universes, found) {
            take(at, check::model(&spec, universe), found);
        }
    }
    models
}

fn strategies(
    documents: &[Judged<'_>],
    universes: &BTreeMap<Name, Universe>,
    models: &BTreeMap<Name, Model>,
    found: &mut Vec<Problems>,
) {
    for (at, judged, name) in of_kind(documents, "Strategy") {
        let Some(spec) = spec::<StrategySpec>(at, judged, found) else { continue };
        let ours = &spec.universe_ref.name;
        if let Some(universe) = referred(at, &name, ours, universes, found) {
            take(at, check::strategy(&spec, universe), found);
        }
        let Some(model) = spec.signal.model.as_ref() else { continue };
        let path = "spec.signal.model.name".to_owned();
        match models.get(&(name.0.clone(), model.name.clone())) {
            None => {
                let message = missing("ModelTrainingJob", &model.name, models.keys(), &name.0);
                found.push(Problems { document: at, path, message });
            }
            Some(Model { universe: theirs, .. }) if theirs != ours => {
                let message = another_universe(&model.name, theirs, ours);
                found.push(Problems { document: at, path, message });
            }
            Some(Model { refused: Some(problem), .. }) => {
                found.push(Problems { document: at, path, message: problem.message.clone() });
            }
            Some(_) => {}
        }
    }
}

/// The universe that an object refers to; none when it is missing, which is an error, or faulty, which is one already.
fn referred<'a>(
    at: usize,
    from: &Name,
    name: &str,
    universes: &'a BTreeMap<Name, Universe>,
    found: &mut Vec<Problems>,
) -> Option<&'a CheckedUniverse> {
    match universes.get(&(from.0.clone(), name.to_owned())) {
        Some(Universe::Checked(universe)) => Some(universe),
        Some(Universe::Faulty) => None,
        None => {
            let message = missing("TradingUniverse", name, universes.keys(), &from.0);
            found.push(Problems { document: at, path: "spec.universeRef.name".to_owned(), message });
            None
        }
    }
}

fn missing<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a Name>, namespace: &str) -> String {
    let known: Vec<&str> =
        known.filter(|(space, _)| space == namespace).map(|(_, name)| name.as_str()).collect();
    let there =
        if known.is_empty() { "there is none".to_owned() } else { format!("there is: {}", known.join(", ")) };
    let near =
        ats_expression::did_you_mean(name, known).map(|near| format!("{near} If not, ")).unwrap_or_default();
    format!("no {kind} {name} among the files given ({there}): {near}name its file with -f too")
}

fn of_kind<'a>(
    documents: &'a [Judged<'a>],
    kind: &'a str,
) -> impl Iterator<Item = (usize, &'a Judged<'a>, Name)> {
    documents
        .iter()
        .enumerate()
        .filter(move |(_, judged)| judged.document.text("/kind") == Some(kind))
        .filter_map(|(at, judged)| name_of(judged.document).map(|name| (at, judged, name)))
}

fn name_of(document: &Document) -> Option<Name> {
    let namespace = document.text("/metadata/namespace").unwrap_or("default").to_owned();
    document.text("/metadata/name").map(|name| (namespace, name.to_owned()))
}

/// The spec as its type, of a document that the schema accepts.
fn spec<T: DeserializeOwned>(at: usize, judged: &Judged<'_>, found: &mut Vec<Problems>) -> Option<T> {
    if !judged.is_sound {
        return None;
    }
    let spec = judged.document.value.get("spec").cloned().unwrap_or_default();
    match serde_json::from_value(spec) {
        Ok(spec) => Some(spec),
        Err(error) => {
            found.push(Problems { document: at, path: "spec".to_owned(), message: format!("spec: {error}") });
            None
        }
    }
}

fn take<T>(at: usize, result: Result<T, Vec<Problem>>, found: &mut Vec<Problems>) -> Option<T> {
    match result {
        Ok(checked) => Some(checked),
        Err(problems) => {
            found.extend(problems.into_iter().map(|problem| Problems {
                document: at,
                message: problem.to_string(),
                path: problem.path,
            }));
            None
        }
    }
}
