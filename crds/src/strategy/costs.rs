//! What trading costs.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{NonNegativeDecimal, PositiveFraction};

/// What trading costs. Left out: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.priceImpact) || has(self.maxVolumeShare)")
    .message("priceImpact needs maxVolumeShare: the impact is that of a share of the bar's volume"))]
pub struct Costs {
    /// Dollars a share.
    #[serde(default = "nothing")]
    pub commission_per_share: NonNegativeDecimal,
    /// Fraction of an order's value, added to what its shares cost: `"0.001"` is 0.1%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commission_rate: Option<PositiveFraction>,
    /// Dollars an order, at least.
    #[serde(default = "nothing")]
    pub minimum_commission: NonNegativeDecimal,
    /// Fraction of an order's value, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_commission_rate: Option<PositiveFraction>,
    /// Hundredths of a per cent by which a fill is worse than the bar's price.
    #[serde(default = "nothing")]
    pub slippage_basis_points: NonNegativeDecimal,
    /// A fill of a share s of its bar's volume is worse by this fraction of the price times s squared, on top of the
    /// basis points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_impact: Option<PositiveFraction>,
    /// What borrowing a short costs: a fraction of its value at the last close a year, over calendar days of 360.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrow_rate: Option<PositiveFraction>,
    /// Fraction of a bar's volume that a fill may take; the rest is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_volume_share: Option<PositiveFraction>,
}

fn nothing() -> NonNegativeDecimal {
    NonNegativeDecimal::new("0")
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            commission_per_share: nothing(),
            commission_rate: None,
            minimum_commission: nothing(),
            maximum_commission_rate: None,
            slippage_basis_points: nothing(),
            price_impact: None,
            borrow_rate: None,
            max_volume_share: None,
        }
    }
}
