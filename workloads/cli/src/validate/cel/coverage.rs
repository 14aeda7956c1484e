//! Every rule of our schemas is evaluated on a value that it accepts and on one that it refuses: a rule that this
//! evaluator cannot read, or that no document tests, fails here.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use super::super::document::Document;
use super::super::{decode, schema};
use super::*;

/// Verdicts by the rule's place in the schema and its text.
type Seen = BTreeMap<(String, String), Vec<Verdict>>;

/// All documents of a folder of fixtures, with defaults, by kind.
fn documents(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/integration/fixtures").join(folder);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        for document in Document::read("", &std::fs::read_to_string(&path).unwrap()).unwrap() {
            let kind = document.text("/kind").unwrap().to_owned();
            let mut value = document.value;
            let schema = schema::of_kind(&kind).unwrap();
            if let Value::Object(root) = &mut value {
                decode::prune(root, schema, &mut Vec::new());
                root.remove("status");
            }
            decode::default(&mut value, schema);
            value.as_object_mut().unwrap().remove("status");
            found.push((kind, value));
        }
    }
    found
}

/// Evaluates all rules of a document; where a rule is on a string, on a string that is nothing of the kind too.
fn trace(
    rules: &mut Rules,
    value: &Value,
    schema: &JSONSchemaProps,
    place: &str,
    mutate: bool,
    seen: &mut Seen,
) {
    if value.is_null() {
        return;
    }
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        let verdicts = seen.entry((place.to_owned(), rule.rule.clone())).or_default();
        verdicts.push(rules.verdict(&rule.rule, value, schema));
        if mutate && value.is_string() {
            verdicts.push(rules.verdict(&rule.rule, &Value::from("No Such Thing"), schema));
        }
    }
    match value {
        Value::Array(list) => {
            let items = schema::items(schema).unwrap();
            for item in list {
                trace(rules, item, items, &format!("{place}[]"), mutate, seen);
            }
        }
        Value::Object(object) => {
            for (name, value) in object {
                match schema::member(schema, name) {
                    Member::Property(member) => {
                        trace(rules, value, member, &format!("{place}.{name}"), mutate, seen);
                    }
                    Member::Value(member) => trace(rules, value, member, &format!("{place}.*"), mutate, seen),
                    Member::Free | Member::Unknown => {}
                }
            }
        }
        _ => {}
    }
}

fn all_rules(schema: &JSONSchemaProps, place: &str, found: &mut Vec<(String, String)>) {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        found.push((place.to_owned(), rule.rule.clone()));
    }
    for (name, property) in schema.properties.iter().flatten() {
        all_rules(property, &format!("{place}.{name}"), found);
    }
    if let Some(items) = schema::items(schema) {
        all_rules(items, &format!("{place}[]"), found);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        all_rules(value, &format!("{place}.*"), found);
    }
}

#[test]
fn every_rule_is_seen_to_hold_and_to_break() {
    let mut rules = Rules::default();
    let (mut valid, mut invalid) = (Seen::new(), Seen::new());
    for (kind, value) in documents("valid") {
        trace(&mut rules, &value, schema::of_kind(&kind).unwrap(), &kind, true, &mut valid);
    }
    for (kind, value) in documents("invalid") {
        // Rules are not evaluated on a value of the wrong type.
        let mut errors = Vec::new();
        let schema = schema::of_kind(&kind).unwrap();
        super::super::structural::validate(&value, schema, "", &mut errors);
        if !errors.iter().any(|error| error.kind.is_blocking()) {
            trace(&mut rules, &value, schema, &kind, false, &mut invalid);
        }
    }
    let mut all = Vec::new();
    for (kind, schema) in schema::all() {
        all_rules(schema, kind, &mut all);
    }
    assert!(all.len() > 40, "{}", all.len());
    let mut wrong = Vec::new();
    for rule in &all {
        let none = Vec::new();
        let verdicts = || valid.get(rule).unwrap_or(&none).iter().chain(invalid.get(rule).unwrap_or(&none));
        if let Some(failed) = verdicts().find(|verdict| matches!(verdict, Verdict::Failed(_))) {
            wrong.push(format!("{rule:?}: {failed:?}"));
        } else if verdicts().any(|verdict| *verdict == Verdict::Transition) {
            assert!(rule.1.contains("oldSelf"), "{rule:?}");
        } else {
            for wanted in [Verdict::Holds, Verdict::Broken] {
                if !verdicts().any(|verdict| *verdict == wanted) {
                    wrong.push(format!(
                        "{rule:?}: never {wanted:?}: add a document to tests/integration/fixtures"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
