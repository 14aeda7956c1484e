//! What says when to buy and sell.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AnyDecimal, MAX_EXPRESSION_LENGTH};

/// What says when to buy and sell: exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("[has(self.model), has(self.rules), has(self.scores)].filter(x, x).size() == 1")
    .message("set exactly one of model, rules and scores"))]
pub struct Signal {
    /// A model's out-of-sample predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSignal>,
    /// Boolean expressions, evaluated at every close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<RulesSignal>,
    /// An expression that ranks the tickers as a model's predictions do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<ScoresSignal>,
}

/// A model's scores as the signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelSignal {
    /// Name of the `ModelTrainingJob`, in the same namespace.
    #[schemars(length(min = 1, max = 40))]
    pub name: String,
    /// Only scores above it are held (below its negative for shorts).
    #[serde(default = "zero")]
    pub minimum_score: AnyDecimal,
    /// A holding leaves when its rank passes this; left out: `maxPositions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5000))]
    pub exit_rank: Option<i32>,
}

/// An expression's values as the signal: predictions of your own, a feature, a formula.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScoresSignal {
    /// A number for each ticker, evaluated at every close; where it is null the ticker has no rank.
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub expression: String,
    /// Only scores above it are held (below its negative for shorts).
    #[serde(default = "zero")]
    pub minimum_score: AnyDecimal,
    /// A holding leaves when its rank passes this; left out: `maxPositions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5000))]
    pub exit_rank: Option<i32>,
}

fn zero() -> AnyDecimal {
    AnyDecimal::new("0")
}

/// Boolean expressions as the signal; an undefined one is false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RulesSignal {
    /// When to buy.
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub entry: String,
    /// When to sell what is held; wins over `entry`.
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub exit: String,
    /// When to sell short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub short_entry: Option<String>,
    /// When to cover a short; wins over `shortEntry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_EXPRESSION_LENGTH))]
    pub short_exit: Option<String>,
}
