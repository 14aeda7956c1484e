//! What the API server does to a document before it validates it: strict decoding, pruning, defaults.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::{Map, Value};

use super::field::{FieldError, child, index};
use super::schema::{self, Member};

/// Fields that every object has beside those of its schema.
const TYPE_AND_METADATA: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Takes out fields that the schema does not have, each an error of strict decoding.
pub(crate) fn prune(root: &mut Map<String, Value>, schema: &JSONSchemaProps, errors: &mut Vec<FieldError>) {
    let known = |name: &str| TYPE_AND_METADATA.contains(&name);
    prune_object(root, schema, schema, "", &known, errors);
}

fn prune_object(
    object: &mut Map<String, Value>,
    schema: &JSONSchemaProps,
    whole: &JSONSchemaProps,
    path: &str,
    keep: &dyn Fn(&str) -> bool,
    errors: &mut Vec<FieldError>,
) {
    object.retain(|name, value| {
        if keep(name) {
            return true;
        }
        let path = child(path, name);
        match schema::member(schema, name) {
            Member::Property(member) | Member::Value(member) => {
                prune_value(value, member, whole, &path, errors);
                true
            }
            Member::Free => true,
            Member::Unknown => {
                errors.push(FieldError::unknown_field(&path).mend(instead(name, schema, whole)));
                false
            }
        }
    });
}

fn prune_value(
    value: &mut Value,
    schema: &JSONSchemaProps,
    whole: &JSONSchemaProps,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    match value {
        Value::Object(object) => prune_object(object, schema, whole, path, &|_| false, errors),
        Value::Array(list) => {
            if let Some(items) = schema::items(schema) {
                for (at, item) in list.iter_mut().enumerate() {
                    prune_value(item, items, whole, &index(path, at), errors);
                }
            }
        }
        _ => {}
    }
}

/// What a user may have meant by a field that is not there: one of a near name beside it, one of the same name
/// elsewhere (the indentation slipped), or none.
fn instead(name: &str, schema: &JSONSchemaProps, whole: &JSONSchemaProps) -> String {
    /// More places than this tell nothing.
    const PLACES: usize = 3;
    /// More names than these are for the reference.
    const NAMES: usize = 12;
    if let Some(near) = nearest(name, schema) {
        return format!("did you mean `{near}`?");
    }
    let mut places = Vec::new();
    schema::places(whole, name, "", &mut places);
    if (1..=PLACES).contains(&places.len()) {
        return format!("did you mean `{}`? Then mind the indentation", places.join("` or `"));
    }
    let known: Vec<&str> = schema.properties.iter().flatten().map(|(name, _)| name.as_str()).collect();
    if known.is_empty() || known.len() > NAMES {
        return "take it out".to_owned();
    }
    format!("take it out; there is: {}", known.join(", "))
}

fn nearest<'a>(name: &str, schema: &'a JSONSchemaProps) -> Option<&'a str> {
    let most = (name.len() / 3).max(1);
    (schema.properties.iter().flatten())
        .map(|(known, _)| (strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase()), known.as_str()))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, known)| known)
}

/// Takes out nulls where the schema allows none and has no default, then fills in defaults.
pub(crate) fn default(root: &mut Value, schema: &JSONSchemaProps) {
    drop_nulls(root, schema);
    fill(root, schema);
}

fn is_forbidden_null(value: &Value, schema: &JSONSchemaProps) -> bool {
    value.is_null() && schema.nullable != Some(true)
}

fn drop_nulls(value: &mut Value, schema: &JSONSchemaProps) {
    match value {
        Value::Object(object) => object.retain(|name, value| match schema::member(schema, name) {
            Member::Property(member) | Member::Value(member) => {
                if is_forbidden_null(value, member) && member.default.is_none() {
                    return false;
                }
                drop_nulls(value, member);
                true
            }
            Member::Free | Member::Unknown => true,
        }),
        Value::Array(list) => {
            if let Some(items) = schema::items(schema) {
                for item in list {
                    drop_nulls(item, items);
                }
            }
        }
        _ => {}
    }
}

fn fill(value: &mut Value, schema: &JSONSchemaProps) {
    match value {
        Value::Object(object) => {
            for (name, property) in schema.properties.iter().flatten() {
                let Some(default) = &property.default else { continue };
                if object.get(name).is_none_or(|value| is_forbidden_null(value, property)) {
                    object.insert(name.clone(), default.0.clone());
                }
            }
            for (name, value) in object.iter_mut() {
                match schema::member(schema, name) {
                    Member::Property(member) => fill(value, member),
                    Member::Value(member) => fill_null(value, member),
                    Member::Free | Member::Unknown => {}
                }
            }
        }
        Value::Array(list) => {
            if let Some(items) = schema::items(schema) {
                for item in list {
                    fill_null(item, items);
                }
            }
        }
        _ => {}
    }
}

fn fill_null(value: &mut Value, schema: &JSONSchemaProps) {
    if is_forbidden_null(value, schema)
        && let Some(default) = &schema.default
    {
        *value = default.0.clone();
    }
    fill(value, schema);
}
