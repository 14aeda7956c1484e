//! The parts of a document that every kind has: `apiVersion`, `kind`, `metadata`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::field::{FieldError, child};

const FIELDS: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                         and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                         validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// Checks `metadata`; fields that it does not have are taken out, each an error of strict decoding.
pub(crate) fn validate(document: &mut Value, errors: &mut Vec<FieldError>) {
    let Some(metadata) = document.get_mut("metadata") else {
        errors.push(no_name());
        return;
    };
    let Value::Object(fields) = metadata else {
        let detail = "expected an object with a name";
        errors.push(FieldError::invalid("metadata", metadata, detail).mend("write `metadata: {name: …}`"));
        return;
    };
    fields.retain(|name, _| {
        let known = FIELDS.contains(&name.as_str());
        if !known {
            errors.push(FieldError::unknown_field(&child("metadata", name)).mend("take it out"));
        }
        known
    });
    if let Err(error) = serde_json::from_value::<ObjectMeta>(metadata.clone()) {
        errors.push(FieldError::invalid_without_value("metadata", error.to_string()));
        return;
    }
    match metadata.get("name").and_then(Value::as_str) {
        None | Some("") => errors.push(no_name()),
        Some(name) if !is_subdomain(name) => {
            errors.push(FieldError::invalid("metadata.name", &Value::from(name), SUBDOMAIN));
        }
        Some(_) => {}
    }
}

fn no_name() -> FieldError {
    FieldError::required("metadata.name", "name or generateName is required")
        .mend("add `metadata: {name: …}`")
}

fn is_subdomain(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|part| {
            let ends =
                part.bytes().next().is_some_and(letter) && part.bytes().next_back().is_some_and(letter);
            ends && part.bytes().all(|byte| letter(byte) || byte == b'-')
        })
}
