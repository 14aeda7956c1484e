//! YAML documents as values, with the place of every field.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

use super::field;

/// A place in a file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// One object of the input.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The file's path, or `standard input`.
    pub(crate) file: String,
    /// Where it begins.
    pub(crate) start: Place,
    /// Its fields; of a field that is there twice, the last.
    pub(crate) value: Value,
    /// Paths of fields that are there twice, with the place of the second.
    pub(crate) duplicates: Vec<(String, Place)>,
    places: BTreeMap<String, Place>,
}

impl Document {
    /// All documents of a file; a `v1` `List` counts as its items.
    ///
    /// # Errors
    /// When the text is not YAML: what is wrong, and where.
    pub(crate) fn read(file: &str, text: &str) -> Result<Vec<Self>, YamlError> {
        let options = serde_saphyr::options! {
            duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough,
        };
        let nodes: Vec<Spanned<Node>> =
            serde_saphyr::from_multiple_with_options(text, options).map_err(|error| YamlError {
                place: error.location().map(place),
                message: first_line(&error.to_string()),
            })?;
        Ok(nodes.into_iter().flat_map(items_of_lists).map(|node| Self::of(file, node)).collect())
    }

    fn of(file: &str, node: Spanned<Node>) -> Self {
        let start = place(node.referenced);
        let mut places = BTreeMap::new();
        let mut duplicates = Vec::new();
        let value = node.value.into_value("", &mut places, &mut duplicates);
        Self { file: file.to_owned(), start, value, duplicates, places }
    }

    /// The place of a field, or of the nearest field around it that the file has (a default has none of its own).
    pub(crate) fn place(&self, path: &str) -> Place {
        let mut path = plain(path);
        loop {
            if let Some(place) = self.places.get(&path) {
                return *place;
            }
            match path.rfind('.') {
                Some(dot) => path.truncate(dot),
                None => return self.start,
            }
        }
    }

    /// `TradingUniverse/us-large-caps`, as far as it is known.
    pub(crate) fn title(&self) -> String {
        let name = self.text("/metadata/name").unwrap_or("(no name)");
        format!("{}/{name}", self.text("/kind").unwrap_or("(no kind)"))
    }

    /// The string at a JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }
}

/// Why a text is not YAML.
#[derive(Debug, Clone)]
pub(crate) struct YamlError {
    pub(crate) place: Option<Place>,
    pub(crate) message: String,
}

/// The reader's words without their place, which stands before them.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let rest = line.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    rest.map_or(line, |(_, words)| words).to_owned()
}

/// What a user most likely did where a text is not YAML.
pub(crate) fn mend_of_yaml(message: &str) -> Option<&'static str> {
    if message.contains("tabs") {
        Some("indent with spaces")
    } else if message.contains("block mapping") || message.contains("block collection") {
        Some(
            "the fields of one object begin at the same column: look at the indentation here and in the lines before",
        )
    } else if message.contains("budget") || message.contains("recursion") {
        Some("nothing that is sound nests or repeats that much")
    } else {
        None
    }
}

fn place(location: Location) -> Place {
    Place { line: location.line(), column: location.column() }
}

/// One spelling of a path for all who name it: `a[0].b[key]` and `a.0.b.key` are the same field.
fn plain(path: &str) -> String {
    path.replace('[', ".").replace(']', "")
}

/// A value of YAML and the places inside it.
#[derive(Debug, Clone)]
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<Key>, Spanned<Node>)>),
}

impl Node {
    fn into_value(
        self,
        path: &str,
        places: &mut BTreeMap<String, Place>,
        duplicates: &mut Vec<(String, Place)>,
    ) -> Value {
        match self {
            Self::Scalar(value) => value,
            Self::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (at, item) in items.into_iter().enumerate() {
                    let path = field::index(path, at);
                    places.insert(plain(&path), place(item.referenced));
                    values.push(item.value.into_value(&path, places, duplicates));
                }
                Value::Array(values)
            }
            Self::Map(entries) => {
                let mut values = Map::new();
                for (key, node) in entries {
                    let at = place(key.referenced);
                    // Keys have a place; where the reader knows none, the value's is near enough.
                    let at = if at.line == 0 { place(node.referenced) } else { at };
                    let path = field::child(path, &key.value.0);
                    if values.contains_key(&key.value.0) {
                        duplicates.push((path.clone(), at));
                    }
                    places.insert(plain(&path), at);
                    let value = node.value.into_value(&path, places, duplicates);
                    values.insert(key.value.0, value);
                }
                Value::Object(values)
            }
        }
    }

    fn member(&self, name: &str) -> Option<&Node> {
        match self {
            Self::Map(entries) => {
                entries.iter().rev().find(|(key, _)| key.value.0 == name).map(|(_, node)| &node.value)
            }
            _ => None,
        }
    }

    fn is_text(&self, name: &str, text: &str) -> bool {
        matches!(self.member(name), Some(Self::Scalar(Value::String(found))) if found == text)
    }
}

/// The items of a `v1` `List`, such as `ats run --output json` writes; any other node alone.
fn items_of_lists(node: Spanned<Node>) -> Vec<Spanned<Node>> {
    if node.value.is_text("kind", "List") && node.value.is_text("apiVersion", "v1") {
        if let Node::Map(entries) = node.value {
            for (key, value) in entries {
                if let ("items", Node::List(items)) = (key.value.0.as_str(), value.value) {
                    return items;
                }
            }
        }
        return Vec::new();
    }
    vec![node]
}

/// A key; JSON has only strings, so `1:` and `true:` are `"1"` and `"true"`.
#[derive(Debug, Clone)]
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Key, E> {
        Ok(Key(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        // JSON readers of the API server hold what does not fit 64 signed bits as a float.
        Ok(Node::Scalar(i64::try_from(value).map_or_else(|_| float(value as f64), Value::from)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Scalar(i64::try_from(value).map_or_else(|_| float(value as f64), Value::from)))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Scalar(i64::try_from(value).map_or_else(|_| float(value as f64), Value::from)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Value::String(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

/// A float as JSON has it after the way through the API server: `5.0` is the integer 5.
fn float(value: f64) -> Value {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= LARGEST {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A comment.
apiVersion: trading.ats.dev/v1alpha1
kind: TradingUniverse
metadata: {name: first}
spec:
  tickers:
  - AAPL
  - ON
  history: {start: 2004-01-01, end: 2021-03-31}
  count: 5.0
  count: 6
  podTemplate:
    labels:
      a.b/c: x
---
---
apiVersion: v1
kind: List
items:
- {kind: Strategy, metadata: {name: second}}
";

    #[test]
    fn values_and_places() {
        let documents = Document::read("file.yaml", TEXT).unwrap();
        let titles: Vec<String> = documents.iter().map(Document::title).collect();
        assert_eq!(titles, ["TradingUniverse/first", "Strategy/second"]);
        let first = &documents[0];
        let line = |path: &str| first.place(path).line;
        assert_eq!(first.start, Place { line: 2, column: 1 });
        assert_eq!(line("spec.tickers"), 6);
        assert_eq!(line("spec.tickers[1]"), 8);
        assert_eq!(first.place("spec.history.end"), Place { line: 9, column: 32 });
        assert_eq!(line("spec.history.nothing.there"), 9);
        assert_eq!(line("spec.podTemplate.labels[a.b/c]"), 14);
        assert_eq!(line("spec.podTemplate.labels.a.b/c"), 14);
        assert_eq!(line("status"), 2);
        assert_eq!(first.value["spec"]["history"]["start"], "2004-01-01");
        assert_eq!(first.value["spec"]["count"], 6);
        assert_eq!(first.duplicates, [("spec.count".to_owned(), Place { line: 11, column: 3 })]);
        assert_eq!(documents[1].start.line, 20);
    }

    #[test]
    fn what_is_no_yaml_has_a_place() {
        let error = Document::read("file.yaml", "a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(error.place.is_some_and(|place| place.line >= 2), "{error:?}");
        assert!(!error.message.is_empty());
    }
}
