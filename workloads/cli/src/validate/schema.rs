//! The schemas of the kinds, as the CustomResourceDefinitions have them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// The schema of each kind of the group, by its name.
pub(crate) fn of_kind(kind: &str) -> Option<&'static JSONSchemaProps> {
    all().get(kind)
}

/// All schemas by kind.
pub(crate) fn all() -> &'static BTreeMap<String, JSONSchemaProps> {
    static SCHEMAS: OnceLock<BTreeMap<String, JSONSchemaProps>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        ats_crds::manifests::definitions()
            .into_iter()
            .filter_map(|definition| {
                let version =
                    definition.spec.versions.into_iter().find(|version| version.name == ats_crds::VERSION)?;
                let schema = version.schema?.open_api_v3_schema?;
                Some((definition.spec.names.kind, schema))
            })
            .collect()
    })
}

/// What a schema says about a member of an object.
pub(crate) enum Member<'a> {
    /// A named property.
    Property(&'a JSONSchemaProps),
    /// A value of a map.
    Value(&'a JSONSchemaProps),
    /// Anything may stand here.
    Free,
    /// Nothing may.
    Unknown,
}

/// The schema of a member of an object.
pub(crate) fn member<'a>(schema: &'a JSONSchemaProps, name: &str) -> Member<'a> {
    if let Some(property) = schema.properties.as_ref().and_then(|properties| properties.get(name)) {
        return Member::Property(property);
    }
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(value)) => Member::Value(value),
        Some(JSONSchemaPropsOrBool::Bool(true)) => Member::Free,
        _ if schema.x_kubernetes_preserve_unknown_fields == Some(true) => Member::Free,
        _ => Member::Unknown,
    }
}

/// The schema of the items of a list.
pub(crate) fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
        _ => None,
    }
}

/// The paths at which a kind has a field of a name, `[]` for the items of a list; its status is the operator's.
pub(crate) fn places(schema: &JSONSchemaProps, name: &str, path: &str, found: &mut Vec<String>) {
    for (property, member) in schema.properties.iter().flatten() {
        if path.is_empty() && property != "spec" {
            continue;
        }
        let path = if path.is_empty() { property.clone() } else { format!("{path}.{property}") };
        if property == name {
            found.push(path.clone());
        }
        match items(member) {
            Some(items) => places(items, name, &format!("{path}[]"), found),
            None => places(member, name, &path, found),
        }
    }
}

/// The first sentence of a description, for a mend.
pub(crate) fn summary(schema: &JSONSchemaProps) -> Option<&str> {
    let text = schema.description.as_deref()?.trim();
    let end = text.find(". ").or_else(|| text.find(".\n")).unwrap_or(text.len());
    Some(text[..end].trim_end_matches('.')).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the validation here leaves out must not be in our schemas: then it has to be added here first.
    #[test]
    fn schemas_use_only_what_is_checked_here() {
        fn walk(path: &str, schema: &JSONSchemaProps) {
            for (name, used) in [
                ("allOf", schema.all_of.is_some()),
                ("anyOf", schema.any_of.is_some()),
                ("oneOf", schema.one_of.is_some()),
                ("not", schema.not.is_some()),
                ("patternProperties", schema.pattern_properties.is_some()),
                ("additionalItems", schema.additional_items.is_some()),
                ("embedded resources", schema.x_kubernetes_embedded_resource.is_some()),
            ] {
                assert!(!used, "{path}: {name} is not checked offline");
            }
            let format = schema.format.as_deref().unwrap_or("int32");
            assert!(
                ["int32", "int64", "double"].contains(&format),
                "{path}: format {format} is not checked offline"
            );
            for (name, property) in schema.properties.iter().flatten() {
                // The API server forgets a status that is sent with an object, and so do we.
                if path.contains('.') || name != "status" {
                    walk(&format!("{path}.{name}"), property);
                }
            }
            if let Some(items) = items(schema) {
                walk(&format!("{path}[]"), items);
            }
            if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
                walk(&format!("{path}.*"), value);
            }
        }
        assert_eq!(all().keys().collect::<Vec<_>>(), ["ModelTrainingJob", "Strategy", "TradingUniverse"]);
        for (kind, schema) in all() {
            walk(kind, schema);
        }
    }
}
