//! Parameters that are searched, and how what is found is tested.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AnyDecimal;

/// Specifications to try, walk-forward: the parameters of each test window are chosen on what lies before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrategySearch {
    /// A parameter to the values it takes; every combination is a trial. A name such as `fast` stands as `$fast` in the
    /// expressions of `signal` and `portfolio`; a number of `signal`, `portfolio` or `risk` is named by its field, such as
    /// `risk.stop.atr.multiple`, whose own value the trials do without.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 6))]
    pub grid: BTreeMap<String, ParameterValues>,
    /// Which combinations are trials: a condition over the parameters, such as `$fast < $slow`. Left out: all.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub condition: Option<String>,
    /// By which the parameters of a test window are chosen, highest first.
    #[serde(default)]
    pub metric: StrategySearchMetric,
    /// The test windows.
    pub walk_forward: StrategyWalkForward,
    /// Most trials: more combinations are an error.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 200))]
    pub max_trials: i32,
}

fn fifty() -> i32 {
    50
}

/// The values that one parameter takes, as decimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ParameterValues(#[schemars(length(min = 1, max = 100))] pub Vec<AnyDecimal>);

/// Test windows one after the other; the last one ends with the backtest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StrategyWalkForward {
    /// Number of test windows.
    #[schemars(range(min = 1, max = 200))]
    pub folds: i32,
    /// Sessions in a test window.
    #[schemars(range(min = 1, max = 5000))]
    pub test_sessions: i32,
    /// Sessions before a window that its parameters are chosen on; left out: all from the backtest's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 20, max = 20_000))]
    pub train_sessions: Option<i32>,
}

/// A figure by which trials are compared, over their returns between session closes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum StrategySearchMetric {
    /// Annualised Sharpe ratio.
    #[default]
    Sharpe,
    /// Annualised Sortino ratio.
    Sortino,
    /// Compound annual growth rate.
    Cagr,
    /// Growth over greatest fall.
    Calmar,
}
