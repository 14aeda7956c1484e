//! Errors of a field in the API server's own words, so that a message found here can be searched for there.

use std::fmt;

use serde_json::Value;

/// One error of a document, as the API server would write it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldError {
    /// `spec.tickers[3]`; empty for the document itself.
    pub(crate) path: String,
    pub(crate) kind: ErrorKind,
    /// The path as the message shows it, where that is another.
    shown_path: Option<String>,
    /// The value as the message shows it.
    value: Option<String>,
    detail: String,
    /// What to write instead, where the message does not say it.
    pub(crate) mend: Option<String>,
}

/// The sort of an error, by the API server's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Required,
    Invalid,
    TypeInvalid,
    NotSupported,
    TooLong,
    TooMany,
    Duplicate,
    Forbidden,
    /// Strict decoding: the message stands alone.
    Strict,
}

impl ErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Required => "Required value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
            Self::Strict => "",
        }
    }

    /// Whether the API server does not run CEL rules after such an error.
    pub(crate) const fn is_blocking(self) -> bool {
        matches!(
            self,
            Self::NotSupported | Self::Required | Self::TooLong | Self::TooMany | Self::TypeInvalid
        )
    }
}

impl FieldError {
    fn new(path: &str, kind: ErrorKind, value: Option<String>, detail: impl Into<String>) -> Self {
        Self { path: path.to_owned(), kind, shown_path: None, value, detail: detail.into(), mend: None }
    }

    pub(crate) fn required(path: &str, detail: impl Into<String>) -> Self {
        Self::new(path, ErrorKind::Required, None, detail)
    }

    pub(crate) fn invalid(path: &str, value: &Value, detail: impl Into<String>) -> Self {
        Self::new(path, ErrorKind::Invalid, Some(shown(value)), detail)
    }

    /// Without the value: that of an object or a list is left out of messages.
    pub(crate) fn invalid_without_value(path: &str, detail: impl Into<String>) -> Self {
        Self::new(path, ErrorKind::Invalid, None, detail)
    }

    /// `found` is the name of a type and not the value.
    pub(crate) fn type_invalid(path: &str, found: &str, detail: impl Into<String>) -> Self {
        Self::new(path, ErrorKind::TypeInvalid, Some(quote(found)), detail)
    }

    pub(crate) fn not_supported(path: &str, value: &Value, supported: &[Value]) -> Self {
        let supported: Vec<String> = supported
            .iter()
            .map(|value| match value {
                Value::String(text) => quote(text),
                other => quote(&other.to_string()),
            })
            .collect();
        let detail = format!("supported values: {}", supported.join(", "));
        Self::new(path, ErrorKind::NotSupported, Some(shown(value)), detail)
    }

    pub(crate) fn too_long(path: &str, most: i64) -> Self {
        let bytes = if most == 1 { "byte" } else { "bytes" };
        Self::new(path, ErrorKind::TooLong, None, format!("may not be more than {most} {bytes}"))
    }

    pub(crate) fn too_many(path: &str, found: usize, most: i64) -> Self {
        let items = if most == 1 { "item" } else { "items" };
        Self::new(
            path,
            ErrorKind::TooMany,
            Some(found.to_string()),
            format!("must have at most {most} {items}"),
        )
    }

    pub(crate) fn duplicate(path: &str, value: &Value) -> Self {
        Self::new(path, ErrorKind::Duplicate, Some(shown(value)), "")
    }

    pub(crate) fn forbidden(path: &str, detail: impl Into<String>) -> Self {
        Self::new(path, ErrorKind::Forbidden, None, detail)
    }

    pub(crate) fn unknown_field(path: &str) -> Self {
        Self::new(path, ErrorKind::Strict, None, format!("unknown field \"{path}\""))
    }

    pub(crate) fn duplicate_field(path: &str) -> Self {
        Self::new(path, ErrorKind::Strict, None, format!("duplicate field \"{path}\""))
    }

    /// The field that the error is about, where the message does not name it as its path.
    pub(crate) fn about(mut self, path: &str) -> Self {
        self.shown_path = Some(std::mem::replace(&mut self.path, path.to_owned()));
        self
    }

    pub(crate) fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == ErrorKind::Strict {
            return f.write_str(&self.detail);
        }
        let path = self.shown_path.as_ref().unwrap_or(&self.path);
        let path = if path.is_empty() { "<nil>" } else { path };
        write!(f, "{path}: {}", self.kind.text())?;
        if let Some(value) = &self.value {
            write!(f, ": {value}")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// A value inside a message: strings in quotes, numbers bare, the rest as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Number(number) if number.is_f64() => float(number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}

/// A float with the digits and the exponent of Go's `%v`: `5.5`, `2.592e+06`.
pub(crate) fn float(value: f64) -> String {
    let scientific = format!("{value:e}");
    match scientific.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>())) {
        Some((digits, Ok(exponent))) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

/// A string in double quotes with the escapes of Go's `%q`.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The path of a member.
pub(crate) fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The path of an item.
pub(crate) fn index(path: &str, at: usize) -> String {
    format!("{path}[{at}]")
}

/// The path of a value of a map, as CEL rules and list types write it (the schema's own errors write a dot).
pub(crate) fn key(path: &str, name: &str) -> String {
    format!("{path}[{name}]")
}
