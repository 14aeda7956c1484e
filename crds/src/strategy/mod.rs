//! `Strategy`: a signal, a portfolio, risk limits, and how live it is.

mod backtest;
mod costs;
mod execution;
mod portfolio;
mod risk;
mod search;
mod signal;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use backtest::*;
pub use costs::*;
pub use execution::*;
pub use portfolio::*;
pub use risk::*;
pub use search::*;
pub use signal::*;

use crate::{LedgerReference, ObjectReference, RunSettings, status::StrategyStatus};

/// A signal, a portfolio, risk limits, and how live it is.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "trading.ats.dev",
    version = "v1alpha1",
    kind = "Strategy",
    plural = "strategies",
    singular = "strategy",
    shortname = "strat",
    category = "all",
    category = "trading",
    namespaced,
    status = "StrategyStatus",
    derive = "PartialEq",
    doc = "A signal, a portfolio, risk limits, and how live it is.",
    selectable = ".spec.universeRef.name",
    selectable = ".spec.mode",
    selectable = ".spec.signal.model.name",
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name must have at most 40 characters"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Universe", type_ = "string", json_path = ".spec.universeRef.name"),
    printcolumn(name = "Sharpe", type_ = "string", json_path = ".status.summary.sharpe"),
    printcolumn(name = "Max Drawdown", type_ = "string", json_path = ".status.summary.maxDrawdown"),
    printcolumn(name = "Equity", type_ = "string", json_path = ".status.summary.equity"),
    printcolumn(name = "Halted", type_ = "string", json_path = ".status.halted"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type=='Ready')].message")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.portfolio.sizing.riskPerTrade) || has(self.risk.stop)")
        .message("sizing by riskPerTrade needs risk.stop: without a stop there is no risk to size by"),
    validation = Rule::new("self.portfolio.direction != 'LongShort' || !has(self.signal.rules) || (has(self.signal.rules.shortEntry) && has(self.signal.rules.shortExit))")
        .message("direction LongShort with rules needs signal.rules.shortEntry and shortExit"),
    validation = Rule::new("!has(self.portfolio.rebalanceThreshold) || !has(self.portfolio.sizing.riskPerTrade)")
        .message("rebalanceThreshold needs sizing by weight: a position sized by riskPerTrade is never resized"),
    validation = Rule::new("!has(self.costs) || !has(self.costs.borrowRate) || self.portfolio.direction == 'LongShort'")
        .message("costs.borrowRate needs portfolio.direction LongShort: nothing else is borrowed"),
    validation = Rule::new("has(self.search) || !has(self.backtest.gates) || self.backtest.gates.all(gate, gate.metric != 'DeflatedSharpe')")
        .message("a gate of DeflatedSharpe needs search: without trials there is nothing to deflate by"),
)]
pub struct StrategySpec {
    /// The universe that is traded; cannot be changed later.
    #[x_kube(validation = Rule::new("self == oldSelf").message("universeRef cannot be changed: make a new object"))]
    pub universe_ref: ObjectReference,
    /// What says when to buy and sell; exactly one member.
    pub signal: Signal,
    /// How many positions of what size.
    pub portfolio: Portfolio,
    /// What is never exceeded.
    pub risk: Risk,
    /// What trading costs.
    #[serde(default)]
    pub costs: Costs,
    /// When orders fill.
    #[serde(default)]
    pub execution: Execution,
    /// Parameters to try, walk-forward; left out: the strategy as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<StrategySearch>,
    /// How live the strategy is. A backtest always runs first.
    #[serde(default)]
    pub mode: Mode,
    /// The backtest's span and gates.
    pub backtest: Backtest,
    /// Stops entries at once. Exits and stops go on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kill_switch: bool,
    /// What a halt does with open positions.
    #[serde(default)]
    pub halt_action: HaltAction,
    /// Where orders and fills are kept; left out: the operator's default, or `--ledger` of the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerReference>,
    /// Settings that every kind has.
    #[serde(flatten)]
    pub run: RunSettings,
}

/// How live a strategy is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Over history alone.
    #[default]
    Backtest,
    /// Against a simulated broker, bar by bar, with a ledger.
    Paper,
}

/// What a halt does with open positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HaltAction {
    /// They stay, with their stops.
    #[default]
    Hold,
    /// They are closed at the next open.
    Flatten,
}
