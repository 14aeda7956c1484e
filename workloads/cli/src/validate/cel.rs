//! The `x-kubernetes-validations` rules of a schema, evaluated as the API server does for a new object
//! (k8s.io/apiextensions-apiserver, `pkg/apiserver/schema/cel`).

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Program};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, ValidationRule};
use serde_json::Value;

use super::field::{FieldError, child, index, key};
use super::schema::{self, Member};

/// Compiled rules, kept for all documents of a run.
#[derive(Default)]
pub(crate) struct Rules {
    programs: HashMap<String, Result<Program, String>>,
}

/// What became of one rule on one value.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    Holds,
    Broken,
    /// It does not compile, or it does not evaluate on this value.
    Failed(String),
    /// It compares with the object's former self, which a file does not have.
    Transition,
}

impl Rules {
    /// All errors of a value and everything inside it; `value` is pruned, defaulted and of the schema's types.
    pub(crate) fn validate(
        &mut self,
        value: &Value,
        schema: &JSONSchemaProps,
        path: &str,
        errors: &mut Vec<FieldError>,
    ) {
        if value.is_null() {
            return;
        }
        for rule in schema.x_kubernetes_validations.iter().flatten() {
            self.check(rule, value, schema, path, errors);
        }
        match value {
            Value::Array(list) => {
                if let Some(items) = schema::items(schema) {
                    for (at, item) in list.iter().enumerate() {
                        self.validate(item, items, &index(path, at), errors);
                    }
                }
            }
            Value::Object(object) => {
                for (name, value) in object {
                    match schema::member(schema, name) {
                        Member::Property(member) => self.validate(value, member, &child(path, name), errors),
                        Member::Value(member) => self.validate(value, member, &key(path, name), errors),
                        Member::Free | Member::Unknown => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn check(
        &mut self,
        rule: &ValidationRule,
        value: &Value,
        schema: &JSONSchemaProps,
        path: &str,
        errors: &mut Vec<FieldError>,
    ) {
        match self.verdict(&rule.rule, value, schema) {
            Verdict::Holds | Verdict::Transition => {}
            Verdict::Failed(why) => {
                let name = rule.message.as_deref().unwrap_or(&rule.rule).trim();
                errors
                    .push(FieldError::invalid_without_value(path, format!("{why} evaluating rule: {name}")));
            }
            Verdict::Broken => {
                let message = (rule.message_expression.as_deref())
                    .and_then(|expression| self.text(expression, value, schema))
                    .or_else(|| rule.message.as_deref().map(|message| message.trim().to_owned()))
                    .unwrap_or_else(|| format!("failed rule: {}", rule.rule.trim()));
                let at = match rule.field_path.as_deref().map(|path| path.trim_start_matches('.')) {
                    Some(inner) if !inner.is_empty() => {
                        child(path, &inner.replace("['", "[").replace("']", "]"))
                    }
                    _ => path.to_owned(),
                };
                errors.push(error(&at, rule.reason.as_deref(), value, message));
            }
        }
    }

    fn verdict(&mut self, source: &str, value: &Value, schema: &JSONSchemaProps) -> Verdict {
        let program = match self.program(source) {
            Ok(program) => program,
            Err(why) => return Verdict::Failed(why.clone()),
        };
        if program.references().has_variable("oldSelf") {
            return Verdict::Transition;
        }
        match program.execute(&context(value, schema)) {
            Ok(cel::Value::Bool(true)) => Verdict::Holds,
            Ok(cel::Value::Bool(false)) => Verdict::Broken,
            Ok(other) => {
                Verdict::Failed(format!("a value of type {} where a boolean is wanted", other.type_of()))
            }
            Err(error) => Verdict::Failed(error.to_string()),
        }
    }

    /// The text of a message expression; one that fails is passed over, as in the API server.
    fn text(&mut self, source: &str, value: &Value, schema: &JSONSchemaProps) -> Option<String> {
        let program = self.program(source).as_ref().ok()?;
        match program.execute(&context(value, schema)) {
            Ok(cel::Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    fn program(&mut self, source: &str) -> &Result<Program, String> {
        self.programs.entry(source.to_owned()).or_insert_with(|| {
            Program::compile(source).map_err(|error| format!("rule compile error: {error}"))
        })
    }
}

/// The error that a broken rule's reason asks for.
fn error(path: &str, reason: Option<&str>, value: &Value, message: String) -> FieldError {
    match reason {
        Some("FieldValueForbidden") => FieldError::forbidden(path, message),
        Some("FieldValueRequired") => FieldError::required(path, message),
        Some("FieldValueDuplicate") => FieldError::duplicate(path, value),
        _ if value.is_object() || value.is_array() => FieldError::invalid_without_value(path, message),
        _ => FieldError::invalid(path, value, message),
    }
}

fn context(value: &Value, schema: &JSONSchemaProps) -> Context<'static, 'static> {
    let mut context = Context::default();
    context.add_variable_from_value("self", to_cel(value, Some(schema)));
    context
}

/// A value of the schema's type: an integer of a schema of type number is a double.
fn to_cel(value: &Value, schema: Option<&JSONSchemaProps>) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => {
            let is_double = schema.is_some_and(|schema| schema.type_.as_deref() == Some("number"));
            match number.as_i64().filter(|_| !is_double) {
                Some(integer) => cel::Value::Int(integer),
                None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            }
        }
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(list) => {
            let items = schema.and_then(schema::items);
            cel::Value::List(Arc::new(list.iter().map(|item| to_cel(item, items)).collect()))
        }
        Value::Object(object) => {
            let mut map = HashMap::with_capacity(object.len());
            for (name, value) in object {
                // A property that is null is not there for `has`.
                if value.is_null() && schema.is_some_and(|schema| schema.properties.is_some()) {
                    continue;
                }
                let (name, member) = match schema.map(|schema| schema::member(schema, name)) {
                    Some(Member::Property(member)) => (escaped(name), Some(member)),
                    Some(Member::Value(member)) => (name.clone(), Some(member)),
                    _ => (name.clone(), None),
                };
                map.insert(Key::from(name), to_cel(value, member));
            }
            cel::Value::Map(Map { map: Arc::new(map) })
        }
    }
}

/// The name of a property in a rule: words of CEL and marks are escaped.
fn escaped(name: &str) -> String {
    const WORDS: [&str; 21] = [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ];
    if WORDS.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}

#[cfg(test)]
mod coverage;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(value: Value) -> JSONSchemaProps {
        serde_json::from_value(value).unwrap()
    }

    fn messages(schema: &JSONSchemaProps, value: &Value) -> Vec<String> {
        let mut errors = Vec::new();
        Rules::default().validate(value, schema, "spec", &mut errors);
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn messages_are_those_of_the_api_server() {
        let schema = schema(json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "x-kubernetes-validations": [
                    {"rule": "self.matches('^[a-z]+$')", "message": " lower case "}]},
                "share": {"type": "number", "x-kubernetes-validations": [
                    {"rule": "self <= 1.0", "messageExpression": "'at most 1, not ' + string(self)"}]},
                "list": {"type": "array", "items": {"type": "integer"}, "x-kubernetes-validations": [
                    {"rule": "self.all(x, x > 0) && self.exists(x, x == 1)", "reason": "FieldValueForbidden", "message": "no"}]},
                "map": {"type": "object", "additionalProperties": {"type": "string", "x-kubernetes-validations": [
                    {"rule": "self.size() < 3"}]}},
                "namespace": {"type": "integer"},
                "nothing": {"type": "string", "nullable": true},
            },
            "x-kubernetes-validations": [
                {"rule": "!has(self.nothing)", "message": "a null is not there"},
                {"rule": "!has(self.__namespace__) || self.__namespace__ > 1", "fieldPath": ".namespace", "message": "small", "reason": "FieldValueRequired"},
                {"rule": "has(self.name) == has(self.list)", "message": "both or none"},
                {"rule": "self.name == oldSelf.name", "message": "immutable"},
            ],
        }));
        assert!(
            messages(&schema, &json!({"name": "a", "list": [1, 2], "share": 1, "namespace": 2})).is_empty()
        );
        let broken = json!({"name": "A\"", "share": 2, "map": {"k": "long"}, "namespace": 1});
        assert_eq!(
            messages(&schema, &broken),
            [
                "spec.namespace: Required value: small",
                "spec: Invalid value: both or none",
                "spec.map[k]: Invalid value: \"long\": failed rule: self.size() < 3",
                "spec.name: Invalid value: \"A\\\"\": lower case",
                "spec.share: Invalid value: 2: at most 1, not 2",
            ]
        );
        assert_eq!(messages(&schema, &json!({"name": "a", "list": [2]})), ["spec.list: Forbidden: no"]);
    }

    #[test]
    fn a_rule_that_does_not_evaluate_is_an_error() {
        let schema = schema(json!({
            "type": "object",
            "x-kubernetes-validations": [{"rule": "self.nothing > 1", "message": "m"}, {"rule": "self.(", "message": "n"}],
        }));
        let messages = messages(&schema, &json!({}));
        assert_eq!(messages.len(), 2);
        assert!(messages[0].ends_with("evaluating rule: m"), "{}", messages[0]);
        assert!(messages[1].contains("rule compile error"), "{}", messages[1]);
    }
}
