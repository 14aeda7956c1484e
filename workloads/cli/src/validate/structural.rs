//! A document against its kind's structural schema, with the API server's results and words
//! (k8s.io/kube-openapi, `pkg/validation`, and k8s.io/apiextensions-apiserver, `pkg/apiserver/validation`).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::Value;

use super::field::{FieldError, child, float, index, key};
use super::schema::{self, Member};

/// All errors of a value against its schema.
pub(crate) fn validate(value: &Value, schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    if value.is_null() {
        check_null(schema, path, errors);
        return;
    }
    check_type(value, schema, path, errors);
    match value {
        Value::String(text) => check_string(text, schema, path, errors),
        Value::Number(number) => check_number(number, schema, path, errors),
        Value::Array(list) => check_list(list, schema, path, errors),
        _ => {}
    }
    check_enum(value, schema, path, errors);
    if let Value::Object(object) = value {
        check_object(object, schema, path, errors);
    }
}

/// The types that a schema allows, as messages name them.
fn types(schema: &JSONSchemaProps) -> Vec<&str> {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return vec!["integer", "string"];
    }
    schema.type_.as_deref().into_iter().collect()
}

fn check_null(schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let types = types(schema);
    if !types.is_empty() && schema.nullable != Some(true) {
        errors.push(wrong_type(path, &types.join(","), "null").mend("take it out, or write a value"));
    }
    check_enum(&Value::Null, schema, path, errors);
}

fn wrong_type(path: &str, expected: &str, found: &str) -> FieldError {
    FieldError::type_invalid(path, found, format!("{path} in body must be of type {expected}: \"{found}\""))
}

fn check_type(value: &Value, schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let types = types(schema);
    let format = schema.format.as_deref().unwrap_or_default();
    let (found, found_format) = match value {
        Value::Null => return,
        Value::Bool(_) => ("boolean", ""),
        Value::Number(number) if number.is_f64() => ("number", "float64"),
        Value::Number(_) => ("integer", "int64"),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
    };
    if types.is_empty() && format.is_empty() {
        return;
    }
    let numeric = types.contains(&"number") || types.contains(&"integer");
    let textual = matches!(value, Value::String(_) | Value::Array(_));
    let integer_for_number = found == "integer" && types.contains(&"number");
    let fits = types.contains(&found) || integer_for_number;
    if !textual && !format.is_empty() && !fits && found_format != format {
        errors.push(mended(wrong_type(path, format, found_format), value, schema));
    } else if !fits && (numeric || format.is_empty() || !textual) {
        errors.push(mended(wrong_type(path, &types.join(","), found), value, schema));
    }
}

/// What a user most likely meant by a value of the wrong type.
fn mended(error: FieldError, value: &Value, schema: &JSONSchemaProps) -> FieldError {
    match (schema.type_.as_deref(), value) {
        (Some("string"), Value::Bool(_) | Value::Number(_)) => {
            error.mend("write it in quotes (YAML reads on, off, yes, no and bare digits as no strings)")
        }
        (Some("integer" | "number"), Value::String(text)) if text.parse::<f64>().is_ok() => {
            error.mend("write it without quotes")
        }
        (Some("boolean"), Value::String(text)) if ["true", "false", "yes", "no"].contains(&text.as_str()) => {
            error.mend("write it without quotes")
        }
        (Some("array"), Value::String(_) | Value::Number(_)) => error.mend("write it as a list: [a, b]"),
        (Some(expected), _) => {
            let what = schema::summary(schema).map(|text| format!(": {text}")).unwrap_or_default();
            error.mend(format!("write a value of type {expected}{what}"))
        }
        (None, _) => error,
    }
}

fn check_string(text: &str, schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let value = || Value::String(text.to_owned());
    // The first that fails stands for all.
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        errors.push(FieldError::too_long(path, most));
    } else if let Some(least) = schema.min_length.filter(|least| length < *least) {
        let detail = format!("{path} in body should be at least {least} chars long");
        errors.push(FieldError::invalid(path, &value(), detail));
    } else if let Some(pattern) = &schema.pattern
        && !pattern.is_empty()
    {
        match regex::Regex::new(pattern) {
            Ok(regex) if regex.is_match(text) => {}
            Ok(_) => {
                errors.push(FieldError::invalid(
                    path,
                    &value(),
                    format!("{path} in body should match '{pattern}'"),
                ));
            }
            Err(error) => {
                let detail =
                    format!("{path} in body should match '{pattern}, but pattern is invalid: {error}'");
                errors.push(FieldError::invalid(path, &value(), detail));
            }
        }
    }
}

fn check_number(
    number: &serde_json::Number,
    schema: &JSONSchemaProps,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    let value = Value::Number(number.clone());
    if schema.type_.as_deref() == Some("integer") {
        let format = schema.format.as_deref();
        let fits = match (number.as_i64(), format) {
            (Some(integer), Some("int32")) => i32::try_from(integer).is_ok(),
            (integer, _) => integer.is_some(),
        };
        if !fits {
            let format = format
                .map_or_else(|| "(default format)".to_owned(), |format| format!("with format {format}"));
            let detail = format!("Checked value must be of type integer {format} in {path}");
            // The API server tells this one without a path and a value.
            errors.push(FieldError::invalid("", &Value::from(""), detail).about(path));
        }
    }
    let Some(found) = number.as_f64() else { return };
    // Bounds are written as the value is: of an integer as an integer.
    let bound = |bound: f64| if number.is_f64() { float(bound) } else { bound.to_string() };
    if let Some(factor) = schema.multiple_of
        && found % factor != 0.0
    {
        errors.push(FieldError::invalid(
            path,
            &value,
            format!("{path} in body should be a multiple of {factor}"),
        ));
    }
    if let Some(least) = schema.minimum {
        let exclusive = schema.exclusive_minimum == Some(true);
        if found < least || (exclusive && found == least) {
            let than = if exclusive { "greater than" } else { "greater than or equal to" };
            errors.push(FieldError::invalid(
                path,
                &value,
                format!("{path} in body should be {than} {}", bound(least)),
            ));
        }
    }
    if let Some(most) = schema.maximum {
        let exclusive = schema.exclusive_maximum == Some(true);
        if found > most || (exclusive && found == most) {
            let than = if exclusive { "less than" } else { "less than or equal to" };
            errors.push(FieldError::invalid(
                path,
                &value,
                format!("{path} in body should be {than} {}", bound(most)),
            ));
        }
    }
}

fn check_list(list: &[Value], schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    if let Some(items) = schema::items(schema) {
        for (at, item) in list.iter().enumerate() {
            validate(item, items, &index(path, at), errors);
        }
    }
    let count = i64::try_from(list.len()).unwrap_or(i64::MAX);
    if let Some(least) = schema.min_items.filter(|least| count < *least) {
        let detail = format!("{path} in body should have at least {least} items");
        errors.push(FieldError::invalid(path, &Value::from(count), detail));
    }
    if let Some(most) = schema.max_items.filter(|most| count > *most) {
        errors.push(FieldError::too_many(path, list.len(), most));
    }
    if schema.unique_items == Some(true) && !repeated(list).is_empty() {
        let detail = format!("{path} in body shouldn't contain duplicates");
        errors.push(FieldError::invalid(path, &Value::Array(list.to_vec()), detail));
    }
}

fn check_enum(value: &Value, schema: &JSONSchemaProps, path: &str, errors: &mut Vec<FieldError>) {
    let Some(allowed) = schema.enum_.as_ref().filter(|allowed| !allowed.is_empty()) else { return };
    // The API server never takes a null for a member of an enum, not even for a null.
    if value.is_null() || !allowed.iter().any(|allowed| allowed.0 == *value) {
        let allowed: Vec<Value> = allowed.iter().map(|allowed| allowed.0.clone()).collect();
        errors.push(FieldError::not_supported(path, value, &allowed));
    }
}

fn check_object(
    object: &serde_json::Map<String, Value>,
    schema: &JSONSchemaProps,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    let count = i64::try_from(object.len()).unwrap_or(i64::MAX);
    if let Some(least) = schema.min_properties.filter(|least| count < *least) {
        let detail = format!("{path} in body should have at least {least} properties");
        errors.push(FieldError::invalid(path, &Value::from(count), detail));
    }
    if let Some(most) = schema.max_properties.filter(|most| count > *most) {
        errors.push(FieldError::too_many(path, object.len(), most));
    }
    for (name, value) in object {
        match schema::member(schema, name) {
            Member::Property(member) | Member::Value(member) => {
                validate(value, member, &child(path, name), errors);
            }
            Member::Free | Member::Unknown => {}
        }
    }
    for name in schema.required.iter().flatten() {
        if !object.contains_key(name) {
            let error = FieldError::required(&child(path, name), "");
            let what = match schema::member(schema, name) {
                Member::Property(member) => schema::summary(member),
                _ => None,
            };
            errors.push(match what {
                Some(what) => error.mend(format!("add `{name}`: {what}")),
                None => error.mend(format!("add `{name}`")),
            });
        }
    }
}

/// Items that are there again, and the first place where each is so.
fn repeated(list: &[Value]) -> Vec<usize> {
    let mut seen: Vec<(&Value, usize)> = Vec::new();
    let mut again = Vec::new();
    for (at, item) in list.iter().enumerate() {
        match seen.iter_mut().find(|(known, _)| *known == item) {
            Some((_, times)) => {
                if *times == 1 {
                    again.push(at);
                }
                *times += 1;
            }
            None => seen.push((item, 1)),
        }
    }
    again
}

/// Lists that the schema declares sets or maps: no item, or no key, is there twice.
pub(crate) fn validate_lists(
    value: &Value,
    schema: &JSONSchemaProps,
    path: &str,
    errors: &mut Vec<FieldError>,
) {
    match value {
        Value::Array(list) => {
            match schema.x_kubernetes_list_type.as_deref() {
                Some("set") => {
                    for at in repeated(list) {
                        errors.push(FieldError::duplicate(&index(path, at), &list[at]).mend("remove one"));
                    }
                }
                Some("map") => {
                    let keys: Vec<Value> = list.iter().map(|item| keys_of(item, schema)).collect();
                    for at in repeated(&keys) {
                        errors.push(FieldError::duplicate(&index(path, at), &keys[at]).mend("remove one"));
                    }
                }
                _ => {}
            }
            if let Some(items) = schema::items(schema) {
                for (at, item) in list.iter().enumerate() {
                    validate_lists(item, items, &index(path, at), errors);
                }
            }
        }
        Value::Object(object) => {
            for (name, value) in object {
                match schema::member(schema, name) {
                    Member::Property(member) => validate_lists(value, member, &child(path, name), errors),
                    Member::Value(member) => validate_lists(value, member, &key(path, name), errors),
                    Member::Free | Member::Unknown => {}
                }
            }
        }
        _ => {}
    }
}

fn keys_of(item: &Value, schema: &JSONSchemaProps) -> Value {
    let names = schema.x_kubernetes_list_map_keys.iter().flatten();
    Value::Object(
        names.filter_map(|name| item.get(name).map(|value| (name.clone(), value.clone()))).collect(),
    )
}
