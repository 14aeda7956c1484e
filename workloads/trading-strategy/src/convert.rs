//! From a stage's spec to the engine's settings.

use ats_crds::strategy as api;
use ats_pipeline::spec::{
    DistanceSpec, EntrySpec, SignalSpec, SizingSpec, StopSpec, StrategyCore, TakeProfitSpec,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::engine::{
    ConfigError, Costs, Direction, Distance, DrawdownAction, EngineConfig, EntryKind, EntryOrder, FillTiming,
    Fraction, MaxDrawdown, Money, NumberError, Price, Risk, Selection, Sizing, Stop, TakeProfit, Trail, Unit,
};

/// A spec that the engine cannot trade by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// A number that the engine's fixed-point numbers cannot hold.
    #[error("{field}: {source}")]
    Number {
        /// The field, as in the object.
        field: &'static str,
        /// What is wrong.
        source: NumberError,
    },
    /// Settings that contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

fn money(field: &'static str, value: Decimal) -> Result<Money, ConvertError> {
    Money::try_from(value).map_err(|source| ConvertError::Number { field, source })
}

fn fraction(field: &'static str, value: Decimal) -> Result<Fraction, ConvertError> {
    Fraction::try_from(value).map_err(|source| ConvertError::Number { field, source })
}

fn distance(field: &'static str, distance: &DistanceSpec) -> Result<Distance, ConvertError> {
    Ok(match distance {
        DistanceSpec::Atr { multiple, .. } => Distance::Atr { multiple: fraction(field, *multiple)? },
        DistanceSpec::Percent { fraction: share } => Distance::Percent { fraction: fraction(field, *share)? },
    })
}

fn entry(entry: Option<&EntrySpec>) -> Result<EntryOrder, ConvertError> {
    let (kind, bars) = match entry {
        None => return Ok(EntryOrder::default()),
        Some(EntrySpec::MarketOnClose) => (EntryKind::MarketOnClose, 1),
        Some(EntrySpec::Limit { limit, bars }) => {
            (EntryKind::Limit { limit: distance("execution.entry.limit", limit)? }, *bars)
        }
        Some(EntrySpec::Stop { stop, bars }) => {
            (EntryKind::Stop { stop: distance("execution.entry.stop", stop)? }, *bars)
        }
        Some(EntrySpec::StopLimit { stop, limit, bars }) => (
            EntryKind::StopLimit {
                stop: distance("execution.entry.stopLimit.stop", stop)?,
                limit: distance("execution.entry.stopLimit.limit", limit)?,
            },
            *bars,
        ),
    };
    Ok(EntryOrder { kind, bars })
}

/// What quantities are rounded down to.
#[must_use]
pub const fn unit(shares: api::Shares) -> Unit {
    match shares {
        api::Shares::Whole => Unit::Whole,
        api::Shares::Fractional => Unit::Millionth,
    }
}

/// The engine's settings. `identity` begins every client order id.
pub fn engine_config(core: &StrategyCore, identity: &str) -> Result<EngineConfig, ConvertError> {
    let costs = &core.costs;
    let config = EngineConfig {
        identity: identity.to_owned(),
        initial_cash: money("backtest.initialCash", core.initial_cash)?,
        selection: match &core.signal {
            SignalSpec::Model { minimum_score, exit_rank }
            | SignalSpec::Scores { minimum_score, exit_rank, .. } => Selection::Scores {
                minimum: minimum_score.to_f64().unwrap_or(f64::NAN),
                exit_rank: *exit_rank as usize,
            },
            SignalSpec::Rules { .. } => Selection::Rules,
        },
        direction: match core.direction {
            api::Direction::LongOnly => Direction::LongOnly,
            api::Direction::LongShort => Direction::LongShort,
        },
        max_positions: core.max_positions as usize,
        rebalance_threshold: match core.rebalance_threshold {
            Some(share) => fraction("portfolio.rebalanceThreshold", share)?,
            None => Fraction::ZERO,
        },
        sizing: match &core.sizing {
            SizingSpec::RiskPerTrade => {
                Sizing::RiskPerTrade { fraction: fraction("risk.riskPercentage", core.risk_percentage)? }
            }
            SizingSpec::TargetWeight { weight, cash_buffer } => Sizing::TargetWeight {
                weight: fraction("portfolio.sizing.targetWeight.weight", *weight)?,
                cash_buffer: fraction("portfolio.sizing.targetWeight.cashBuffer", *cash_buffer)?,
            },
            SizingSpec::TickerWeight { cash_buffer, .. } => Sizing::TickerWeight {
                cash_buffer: fraction("portfolio.sizing.targetWeight.cashBuffer", *cash_buffer)?,
            },
            SizingSpec::EqualWeight => Sizing::EqualWeight,
            SizingSpec::VolatilityTarget { annual, .. } => Sizing::VolatilityTarget {
                annual: fraction("portfolio.sizing.volatilityTarget.annual", *annual)?,
            },
        },
        unit: unit(core.shares),
        risk: Risk {
            max_position_size: core
                .max_position_size
                .map(|value| money("risk.maxPositionSize", value))
                .transpose()?,
            max_heat: core
                .max_portfolio_heat
                .map(|value| fraction("risk.maxPortfolioHeat", value))
                .transpose()?,
            max_gross_exposure: fraction("risk.maxGrossExposure", core.max_gross_exposure)?,
            stop: match &core.stop {
                None => None,
                Some(StopSpec::Atr { multiple, .. }) => {
                    Some(Stop::Atr { multiple: fraction("risk.stop.atr.multiple", *multiple)? })
                }
                Some(StopSpec::Percent { fraction: share }) => {
                    Some(Stop::Percent { fraction: fraction("risk.stop.percent", *share)? })
                }
            },
            trail: core.trail.map(|trail| match trail {
                api::Trail::Close => Trail::Close,
                api::Trail::Extreme => Trail::Extreme,
            }),
            take_profit: match &core.take_profit {
                None => None,
                Some(TakeProfitSpec::Percent { fraction: share }) => {
                    Some(TakeProfit::Percent { fraction: fraction("risk.takeProfit.percent", *share)? })
                }
                Some(TakeProfitSpec::RiskMultiple { multiple }) => Some(TakeProfit::RiskMultiple {
                    multiple: fraction("risk.takeProfit.riskMultiple", *multiple)?,
                }),
            },
            max_holding_bars: core.max_holding_bars,
            max_drawdown: match core.max_drawdown {
                None => None,
                Some((limit, action)) => Some(MaxDrawdown {
                    limit: fraction("risk.maxDrawdown.limit", limit)?,
                    action: match action {
                        api::DrawdownAction::NoNewEntries => DrawdownAction::NoNewEntries,
                        api::DrawdownAction::Flatten => DrawdownAction::Flatten,
                    },
                }),
            },
        },
        costs: Costs {
            commission_per_share: Price::try_from(costs.commission_per_share)
                .map_err(|source| ConvertError::Number { field: "costs.commissionPerShare", source })?,
            commission_rate: match costs.commission_rate {
                Some(rate) => fraction("costs.commissionRate", rate)?,
                None => Fraction::ZERO,
            },
            minimum_commission: money("costs.minimumCommission", costs.minimum_commission)?,
            maximum_commission_rate: costs
                .maximum_commission_rate
                .map(|value| fraction("costs.maximumCommissionRate", value))
                .transpose()?,
            slippage: Fraction::from_basis_points(costs.slippage_basis_points)
                .map_err(|source| ConvertError::Number { field: "costs.slippageBasisPoints", source })?,
            price_impact: match costs.price_impact {
                Some(impact) => fraction("costs.priceImpact", impact)?,
                None => Fraction::ZERO,
            },
            borrow_rate: match costs.borrow_rate {
                Some(rate) => fraction("costs.borrowRate", rate)?,
                None => Fraction::ZERO,
            },
            max_volume_share: costs
                .max_volume_share
                .map(|value| fraction("costs.maxVolumeShare", value))
                .transpose()?,
        },
        fill: match core.fill {
            api::FillTiming::NextOpen => FillTiming::NextOpen,
            api::FillTiming::SameClose => FillTiming::SameClose,
        },
        entry: entry(core.entry.as_ref())?,
    };
    config.validate()?;
    Ok(config)
}
