//! A search of a strategy's parameters: its trials and its test windows.

use std::collections::BTreeMap;

use ats_crds::strategy::StrategySearchMetric;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::StrategyCore;

/// Sessions before the first test window, at least: what parameters are chosen on.
pub const FEWEST_TRAINING_SESSIONS: u32 = 20;

/// The trials of a strategy, and the windows in which what they choose is tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchSpec {
    /// By which the parameters of a window are chosen.
    pub metric: StrategySearchMetric,
    /// Number of test windows; the last one ends with the backtest.
    pub folds: u32,
    /// Sessions in a window.
    pub test_sessions: u32,
    /// Sessions before a window that its parameters are chosen on; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_sessions: Option<u32>,
    /// Distinct specifications, in the order of names and values. The strategy's core is the first of them.
    pub trials: Vec<StrategyTrial>,
}

impl SearchSpec {
    /// Sessions that the windows and what lies before them take, at least.
    #[must_use]
    pub fn needed_sessions(&self) -> usize {
        let before = self.train_sessions.unwrap_or(FEWEST_TRAINING_SESSIONS);
        self.folds as usize * self.test_sessions as usize + before as usize
    }
}

/// One specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StrategyTrial {
    /// The values of its parameters.
    pub parameters: BTreeMap<String, Decimal>,
    /// Members of the core that differ from the strategy's. What all trials share stands once, because a spec must fit
    /// into a ConfigMap.
    pub changes: Map<String, Value>,
}

impl StrategyTrial {
    /// The trial whose core is `core`, beside the strategy's.
    ///
    /// # Errors
    /// When a core has no JSON, which is a defect.
    pub fn new(
        parameters: BTreeMap<String, Decimal>,
        base: &StrategyCore,
        core: &StrategyCore,
    ) -> Result<Self, serde_json::Error> {
        let (base, mut changes) = (members(base)?, members(core)?);
        for (name, value) in &base {
            if changes.get(name) == Some(value) {
                changes.remove(name);
            } else {
                // A member that is left out where it is not set must not come back from the strategy's core.
                changes.entry(name.clone()).or_insert(Value::Null);
            }
        }
        Ok(Self { parameters, changes })
    }

    /// The core that it runs.
    ///
    /// # Errors
    /// When the changes do not fit the core: the spec was not made by [`Self::new`].
    pub fn core(&self, base: &StrategyCore) -> Result<StrategyCore, serde_json::Error> {
        let mut members = members(base)?;
        members.extend(self.changes.clone());
        serde_json::from_value(Value::Object(members))
    }
}

fn members(core: &StrategyCore) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::to_value(core)? {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}
