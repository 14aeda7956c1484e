//! The documents of the input as typed objects.

use std::collections::BTreeMap;

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use serde_json::Value;

/// All objects of an input, by name.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) universes: BTreeMap<String, TradingUniverse>,
    pub(crate) models: BTreeMap<String, ModelTrainingJob>,
    pub(crate) strategies: BTreeMap<String, Strategy>,
}

impl Objects {
    /// Adds a document that was validated: defaults are there and every field is of its type.
    ///
    /// # Errors
    /// When it does not decode all the same.
    pub(crate) fn add(&mut self, document: Value) -> Result<(), String> {
        let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let error = |error: serde_json::Error| format!("{kind}/{name} does not decode: {error}");
        match kind.as_str() {
            "TradingUniverse" => {
                drop(self.universes.insert(name.clone(), serde_json::from_value(document).map_err(error)?));
            }
            "ModelTrainingJob" => {
                drop(self.models.insert(name.clone(), serde_json::from_value(document).map_err(error)?));
            }
            "Strategy" => {
                drop(self.strategies.insert(name.clone(), serde_json::from_value(document).map_err(error)?));
            }
            other => return Err(format!("{other} is not a kind of trading.ats.dev")),
        }
        Ok(())
    }
}
