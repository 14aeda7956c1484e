//! When orders fill, and at which prices entries ask to.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AtrMultiple;
use crate::UnitFraction;

/// When orders fill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.entry) || has(self.entry.market) || self.fill == 'NextOpen'")
    .message("entry needs fill NextOpen: a limit, a stop or a close lies in a bar after the decision"))]
pub struct Execution {
    /// The moment.
    #[serde(default)]
    pub fill: FillTiming,
    /// The order that opens a position; left out: a market order. What closes or resizes one is always a market order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryOrder>,
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

/// The order that opens a position: exactly one of market, limit, stop, stopLimit and marketOnClose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.market), has(self.limit), has(self.stop), has(self.stopLimit), has(self.marketOnClose)].filter(x, x).size() == 1")
        .message("set exactly one of market, limit, stop, stopLimit and marketOnClose"),
    validation = Rule::new("!has(self.goodForBars) || has(self.limit) || has(self.stop) || has(self.stopLimit)")
        .message("goodForBars needs limit, stop or stopLimit: any other order fills in its bar or is off"),
)]
pub struct EntryOrder {
    /// At the moment that `fill` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Market>,
    /// At a price as far below the signal bar's close (for a short above it), or better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Distance>,
    /// At the market once the price is as far above the signal bar's close (for a short below it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Distance>,
    /// As a limit order once the price is at the stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_limit: Option<StopLimit>,
    /// At the close of the next session; while a session runs, at its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_on_close: Option<MarketOnClose>,
    /// Bars after the decision in which it may fill; then it is cancelled. Left out: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub good_for_bars: Option<i32>,
}

/// A market order at the moment that `fill` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Market {}

/// A market order at a session's close.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MarketOnClose {}

/// How far a price lies from the signal bar's close; exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.atr) != has(self.percent)").message("set exactly one of atr and percent"))]
pub struct Distance {
    /// A multiple of the signal bar's average true range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atr: Option<AtrMultiple>,
    /// A fraction of the signal bar's close: `"0.01"` is 1%; `"0"` is the close itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<UnitFraction>,
}

/// A limit order that begins to work when the stop is touched. Both prices lie on the stop's side of the signal bar's
/// close: above it, for a short below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StopLimit {
    /// Where it begins to work.
    pub stop: Distance,
    /// The worst price that is taken. Farther than the stop: a bound on what a gap may cost. Nearer: the way back is
    /// waited for.
    pub limit: Distance,
}
