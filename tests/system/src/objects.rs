//! How tests read objects.

use std::collections::BTreeMap;

use serde_json::Value;

/// `Strategy/dip-buyer`.
pub fn title(object: &Value) -> String {
    format!("{}/{}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object.pointer("/status/conditions")?.as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether this generation of an object is Ready.
pub fn is_ready(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
        && condition(object, "Ready").is_some_and(|ready| ready["status"] == "True")
}

/// A stage of an object; null when it has none of that name.
pub fn stage<'a>(object: &'a Value, name: &str) -> &'a Value {
    let stages = object["status"]["stages"].as_array();
    stages.and_then(|stages| stages.iter().find(|stage| stage["name"] == name)).unwrap_or(&Value::Null)
}

/// Key and digest of every stage, by object and stage.
pub fn digests(objects: &[Value]) -> BTreeMap<String, (String, String)> {
    let stages = |object: &Value| object["status"]["stages"].as_array().cloned().unwrap_or_default();
    let all = objects.iter().flat_map(|object| stages(object).into_iter().map(move |stage| (object, stage)));
    all.map(|(object, stage)| {
        let name = format!("{} {}", title(object), text(&stage["name"]));
        (name, (text(&stage["key"]), text(&stage["digest"])))
    })
    .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
