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

/// Bytes of all annotations, keys and values.
const MOST_ANNOTATIONS: usize = 256 * 1024;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                         and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                         validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
                           '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
                           'my_value',  or '12345', regex used for validation is \
                           '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const LABEL_KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                         with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                         validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/// Checks `metadata`; fields that it does not have are taken out, each an error of strict decoding. False when it is
/// no metadata at all: the API server then looks at nothing else.
pub(crate) fn validate(document: &mut Value, errors: &mut Vec<FieldError>) -> bool {
    let Some(metadata) = document.get_mut("metadata").filter(|metadata| !metadata.is_null()) else {
        errors.push(no_name());
        return true;
    };
    let Value::Object(fields) = metadata else {
        let detail = "expected an object with a name";
        errors.push(FieldError::invalid("metadata", metadata, detail).mend("write `metadata: {name: …}`"));
        return false;
    };
    fields.retain(|name, _| {
        let known = FIELDS.contains(&name.as_str());
        if !known {
            errors.push(FieldError::unknown_field(&child("metadata", name)).mend("take it out"));
        }
        known
    });
    drop_nulls(metadata);
    if let Err(error) = serde_json::from_value::<ObjectMeta>(metadata.clone()) {
        errors.push(FieldError::invalid_without_value("metadata", error.to_string()));
        return false;
    }
    for (key, value) in metadata.get("labels").and_then(Value::as_object).into_iter().flatten() {
        let name = key.rsplit_once('/').map_or(key.as_str(), |(_, name)| name);
        if !is_label(name) || name.is_empty() {
            errors.push(FieldError::invalid("metadata.labels", &Value::from(key.as_str()), LABEL_KEY));
        }
        if !value.as_str().is_some_and(is_label) {
            errors.push(FieldError::invalid("metadata.labels", value, LABEL_VALUE));
        }
    }
    let annotations = metadata.get("annotations").and_then(Value::as_object).into_iter().flatten();
    let bytes: usize = annotations.map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > MOST_ANNOTATIONS {
        let error = FieldError::too_long("metadata.annotations", MOST_ANNOTATIONS as i64);
        errors.push(error.mend(format!("all keys and values together have {bytes} bytes")));
    }
    match metadata.get("name").and_then(Value::as_str) {
        None | Some("") => errors.push(no_name()),
        Some(name) if !is_subdomain(name) => {
            errors.push(FieldError::invalid("metadata.name", &Value::from(name), SUBDOMAIN));
        }
        Some(_) => {}
    }
    true
}

/// A null stands for a field that is not there.
fn drop_nulls(value: &mut Value) {
    if let Value::Object(object) = value {
        object.retain(|_, value| !value.is_null());
        object.values_mut().for_each(drop_nulls);
    }
}

/// Empty, or letters, digits, `-`, `_` and `.` between letters or digits; 63 at most.
fn is_label(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.bytes().next())
        && ends(text.bytes().next_back())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
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
