//! When orders fill.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When orders fill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Execution {
    /// The moment.
    #[serde(default)]
    pub fill: FillTiming,
}

/// The moment at which a decision on a bar's close fills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FillTiming {
    /// The next bar's open.
    #[default]
    NextOpen,
    /// The close on which it was decided.
    SameClose,
}
