//! Quantities before and after the caps.

use super::config::{Costs, EngineConfig, Side, Sizing, Slip, Stop, TakeProfit, largest};
use super::event::{Cut, CutReason};
use super::number::{Checked, Fraction, Money, Price, Shares, Unit};
use super::slice::TickerSlice;

/// The stop's distance on the signal bar; `Ok(None)` without a stop.
pub(super) fn stop_distance(
    stop: Option<Stop>,
    part: &TickerSlice,
    close: Price,
) -> Checked<Result<Option<Price>, CutReason>> {
    let distance = match stop {
        None => return Ok(Ok(None)),
        Some(Stop::Percent { fraction }) => close.times(fraction)?,
        Some(Stop::Atr { multiple }) => match part.atr {
            Some(atr) => atr.times(multiple)?,
            None => return Ok(Err(CutReason::NoStopDistance)),
        },
    };
    Ok(if distance.micros() == 0 { Err(CutReason::NoStopDistance) } else { Ok(Some(distance)) })
}

/// The take-profit price's distance on the signal bar; none without one.
pub(super) fn profit_distance(
    rule: Option<TakeProfit>,
    close: Price,
    stop_distance: Option<Price>,
) -> Checked<Option<Price>> {
    match (rule, stop_distance) {
        (Some(TakeProfit::Percent { fraction }), _) => close.times(fraction).map(Some),
        (Some(TakeProfit::RiskMultiple { multiple }), Some(distance)) => distance.times(multiple).map(Some),
        (None, _) | (Some(TakeProfit::RiskMultiple { .. }), None) => Ok(None),
    }
}

/// What the size of a position is reckoned from, on the signal bar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Basis {
    /// Of the position: `Buy` for a long one.
    pub(super) side: Side,
    /// Equity.
    pub(super) equity: Money,
    /// The price that the order reckons with: the close, or the limit or stop of an entry.
    pub(super) price: Price,
    /// Shares held on the position's side already.
    pub(super) held: Shares,
    /// Distance of the stop.
    pub(super) distance: Option<Price>,
    /// Annual volatility of the ticker.
    pub(super) volatility: Option<Fraction>,
    /// Its own weight.
    pub(super) weight: Option<Fraction>,
    /// Positions that are wanted at this close.
    pub(super) selected: usize,
}

/// Shares that the sizing rule asks for: of the whole position, not of the order; or what it does not know.
pub(super) fn wanted(config: &EngineConfig, basis: &Basis) -> Checked<Result<Shares, CutReason>> {
    let Basis { side, equity, price, held, distance, volatility, weight, selected } = *basis;
    let at = |budget, weight| at_weight(&config.costs, budget, weight, price, held, config.unit);
    let at_target = |weight, cash_buffer| at(equity.minus(equity.times(cash_buffer)?)?, weight);
    let quantity = match config.sizing {
        // r E / |entry - stop|
        Sizing::RiskPerTrade { fraction } => match distance {
            Some(distance) => equity.shares_of_fraction(fraction, distance, config.unit)?,
            None => Shares::ZERO,
        },
        Sizing::TargetWeight { weight, cash_buffer } => at_target(weight, cash_buffer)?,
        Sizing::TickerWeight { cash_buffer } => match weight {
            Some(weight) => at_target(of_side(side, weight), cash_buffer)?,
            None => return Ok(Err(CutReason::NoWeight)),
        },
        Sizing::EqualWeight => at(equity, config.risk.max_gross_exposure.divided(selected))?,
        Sizing::VolatilityTarget { annual } => match volatility {
            Some(volatility) => at(equity, annual.over(volatility)?)?,
            None => return Ok(Err(CutReason::NoVolatility)),
        },
    };
    Ok(Ok(quantity))
}

/// The part of a ticker's weight that a position of a side may have, at least 0: that of the other side is none.
fn of_side(side: Side, weight: Fraction) -> Fraction {
    match side {
        Side::Buy => weight.max(Fraction::ZERO),
        Side::Sell => weight.negated().max(Fraction::ZERO),
    }
}

/// Whether a ticker's weight says that nothing is to be held on a side.
pub(super) fn leaves_nothing(sizing: Sizing, side: Side, weight: Option<Fraction>) -> bool {
    matches!(sizing, Sizing::TickerWeight { .. })
        && weight.is_some_and(|weight| of_side(side, weight) == Fraction::ZERO)
}

/// The largest q with q x price <= weight x (budget - commission of the order that leads from `held` to q).
fn at_weight(
    costs: &Costs,
    budget: Money,
    weight: Fraction,
    price: Price,
    held: Shares,
    unit: Unit,
) -> Checked<Shares> {
    let fitting = |quantity: Shares| -> Checked<Shares> {
        let fee = costs.commission(quantity.minus(held)?.abs(), price)?;
        budget.minus(fee)?.shares_of_fraction(weight, price, unit)
    };
    let mut quantity = budget.shares_of_fraction(weight, price, unit)?;
    let mut beyond = quantity;
    loop {
        let fits = fitting(quantity)?;
        if fits >= quantity {
            break;
        }
        (beyond, quantity) = (quantity, fits);
    }
    // The commission of the quantity before was more than that of this one: there may be larger ones that fit.
    largest(quantity, beyond, unit, |quantity| Ok(fitting(quantity)? >= quantity))
}

/// What earlier orders of the same close leave for the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Equity at the close.
    pub(super) equity: Money,
    /// Cash that may buy, sale proceeds of earlier orders counted in.
    pub(super) cash: Money,
    /// Absolute notional, earlier orders counted in.
    pub(super) gross: Money,
    /// Open risk, earlier orders counted in.
    pub(super) risk: Money,
}

/// An opening order before the caps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// Buy, or sell short.
    pub(super) side: Side,
    /// Shares held on that side already.
    pub(super) held: Shares,
    /// Shares that the sizing rule asks for on top.
    pub(super) quantity: Shares,
    /// The price that is reckoned with.
    pub(super) price: Price,
    /// What slippage may do to it.
    pub(super) slip: Slip,
    /// What a share loses if the stop is hit.
    pub(super) risk: Price,
    /// Average volume on the signal bar.
    pub(super) average_volume: Option<i64>,
}

/// Lowers a quantity to a limit and records it.
pub(super) fn cut(quantity: &mut Shares, limit: Shares, reason: CutReason, cuts: &mut Vec<Cut>) {
    let limit = limit.max(Shares::ZERO);
    if *quantity > limit {
        cuts.push(Cut { reason, from: *quantity, to: limit });
        *quantity = limit;
    }
}

impl Room {
    /// Takes an order that shrinks a position by `quantity` shares, each with `risk` at risk.
    pub(super) fn release(
        &mut self,
        costs: &Costs,
        side: Side,
        quantity: Shares,
        price: Price,
        risk: Price,
        average_volume: Option<i64>,
    ) -> Checked<()> {
        let paid = costs.slipped(side, price, quantity, average_volume)?;
        let value = price.value_of(quantity)?;
        let got = match side {
            Side::Sell => paid.value_of(quantity)?,
            // Buying a short back frees what was held against it, less what it costs.
            Side::Buy => value.minus(paid.value_of(quantity)?)?,
        };
        self.cash = self.cash.plus(got)?.minus(costs.commission(quantity, paid)?)?;
        self.gross = self.gross.minus(value)?;
        self.risk = self.risk.minus(risk.value_of(quantity)?)?;
        Ok(())
    }

    /// Cuts an opening order by every cap, records each cut, and takes what is left.
    pub(super) fn admit(
        &mut self,
        config: &EngineConfig,
        opening: &Opening,
        cuts: &mut Vec<Cut>,
    ) -> Checked<Shares> {
        let Opening { side, held, price, slip, risk, average_volume, .. } = *opening;
        let unit = config.unit;
        // What is held may be in smaller parts than what is ordered: it was bought under other settings.
        let mut quantity = unit.floor(opening.quantity);
        if quantity <= Shares::ZERO {
            cuts.push(Cut { reason: CutReason::Size, from: Shares::ZERO, to: Shares::ZERO });
            return Ok(Shares::ZERO);
        }
        if let Some(most) = config.risk.max_position_size {
            let room = unit.floor(most.shares_at(price, unit).minus(held)?);
            cut(&mut quantity, room, CutReason::PositionSize, cuts);
        }
        if let Some(share) = config.costs.max_volume_share {
            match average_volume {
                Some(volume) => cut(&mut quantity, share.of_volume(volume, unit), CutReason::Volume, cuts),
                None => cut(&mut quantity, Shares::ZERO, CutReason::NoAverageVolume, cuts),
            }
        }
        let gross_left = self.equity.times(config.risk.max_gross_exposure)?.minus(self.gross)?;
        cut(&mut quantity, gross_left.shares_at(price, unit), CutReason::GrossExposure, cuts);
        if let Some(heat) = config.risk.max_heat
            && risk.micros() > 0
        {
            let risk_left = self.equity.times(heat)?.minus(self.risk)?;
            cut(&mut quantity, risk_left.shares_at(risk, unit), CutReason::Heat, cuts);
        }
        if side == Side::Buy {
            let affordable =
                config.costs.affordable(quantity, unit, price, slip, average_volume, self.cash)?;
            cut(&mut quantity, affordable, CutReason::Cash, cuts);
        }
        if quantity > Shares::ZERO {
            self.take(&config.costs, &Opening { quantity, ..*opening })?;
        }
        Ok(quantity)
    }

    /// Takes an opening order as it is: one that was cut, or that works from before.
    pub(super) fn take(&mut self, costs: &Costs, opening: &Opening) -> Checked<()> {
        let Opening { side, quantity, price, slip, risk, average_volume, .. } = *opening;
        let paid = costs.paid(slip, side, price, quantity, average_volume)?;
        let commission = costs.commission(quantity, paid)?;
        let value = price.value_of(quantity)?;
        let spent = match side {
            Side::Buy => paid.value_of(quantity)?,
            // The proceeds of a short are held against it; only slippage is gone.
            Side::Sell => value.minus(paid.value_of(quantity)?)?,
        };
        self.cash = self.cash.minus(spent)?.minus(commission)?;
        self.gross = self.gross.plus(value)?;
        self.risk = self.risk.plus(risk.value_of(quantity)?)?;
        Ok(())
    }
}
