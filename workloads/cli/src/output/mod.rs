//! Results on standard output.

mod frame;
mod table;

use serde_json::{Value, json};

use crate::{Failure, OutputFormat};

pub(crate) use frame::{exact_table, text_table};
pub(crate) use table::rows;

/// An object to show.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) object: Value,
}

/// Objects in a form: tables by kind, or a `v1` List.
pub(crate) fn objects(listed: &[Listed], format: OutputFormat) -> Result<String, Failure> {
    match format {
        OutputFormat::Table => Ok(table::objects(listed)),
        OutputFormat::Json | OutputFormat::Yaml => {
            let items: Vec<&Value> = listed.iter().map(|one| &one.object).collect();
            value(&json!({"apiVersion": "v1", "kind": "List", "items": items}), format)
        }
    }
}

/// A value as JSON or YAML.
pub(crate) fn value(value: &Value, format: OutputFormat) -> Result<String, Failure> {
    match format {
        OutputFormat::Yaml => {
            serde_saphyr::to_string(value).map_err(|error| Failure::Failed(error.to_string()))
        }
        OutputFormat::Json | OutputFormat::Table => serde_json::to_string_pretty(value)
            .map(|text| text + "\n")
            .map_err(|error| Failure::Failed(error.to_string())),
    }
}
