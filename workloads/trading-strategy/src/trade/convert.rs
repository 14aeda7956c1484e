//! The engine's values as the ledger writes them.

use ats_ledger::{Cut, EquityPoint, LedgerError, NewOrder, OrderKind, Purpose};
use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::engine::{self, EngineState, Intent, Order, OrderReason, OrderType, Side};

pub(super) const fn side(side: Side) -> ats_ledger::Side {
    match side {
        Side::Buy => ats_ledger::Side::Buy,
        Side::Sell => ats_ledger::Side::Sell,
    }
}

const fn purpose(intent: Intent) -> Purpose {
    match intent {
        Intent::Entry => Purpose::Entry,
        Intent::Increase => Purpose::Increase,
        Intent::Reduce => Purpose::Reduce,
        Intent::Exit => Purpose::Exit,
    }
}

/// An order of the engine, decided on the bar complete at `bar`.
pub(super) fn new_order(order: &Order, bar: Timestamp) -> Result<NewOrder, LedgerError> {
    let (kind, price) = match (order.reason, order.order_type) {
        (OrderReason::Stop, _) => (OrderKind::Stop, Some(order.reference)),
        (OrderReason::TakeProfit, _) => (OrderKind::Limit, Some(order.reference)),
        (OrderReason::Delisted, _) | (_, OrderType::MarketOnClose) => (OrderKind::MarketOnClose, None),
        (_, OrderType::Market) => (OrderKind::MarketOnOpen, None),
        (_, OrderType::Limit { limit }) => (OrderKind::Limit, Some(limit)),
        (_, OrderType::Stop { stop }) => (OrderKind::Stop, Some(stop)),
        (_, OrderType::StopLimit { limit, .. }) => (OrderKind::StopLimit, Some(limit)),
    };
    let trigger_price = match order.order_type {
        OrderType::StopLimit { stop, .. } => Some(stop.into()),
        _ => None,
    };
    Ok(NewOrder {
        client_order_id: order.id.as_str().parse()?,
        bar,
        session: order.session,
        ticker: order.ticker.to_string(),
        side: side(order.side),
        quantity: order.quantity.into(),
        kind,
        price: price.map(Into::into),
        trigger_price,
        purpose: purpose(order.intent),
        reason: format!("{:?}", order.reason),
        cuts: order
            .cuts
            .iter()
            .map(|cut| Cut { rule: format!("{:?}", cut.reason), from: cut.from.into(), to: cut.to.into() })
            .collect(),
    })
}

/// Equity over its peak, less 1, to ten digits after the point; 0 when there is no peak.
pub(super) fn drawdown(equity: Decimal, peak: Decimal) -> Decimal {
    let ratio = equity.checked_div(peak).unwrap_or(Decimal::ONE);
    (ratio - Decimal::ONE).min(Decimal::ZERO).round_dp(10).normalize()
}

/// The engine's account at a close as a point of the ledger's equity.
pub(super) fn equity_point(point: &engine::EquityPoint, state: &EngineState) -> EquityPoint {
    let (long, short): (Decimal, Decimal) = (point.long_value.into(), point.short_value.into());
    let equity = point.equity.into();
    EquityPoint {
        session: point.session,
        equity,
        cash: point.cash.into(),
        gross_exposure: long + short,
        net_exposure: long - short,
        drawdown: drawdown(equity, state.peak.into()),
    }
}
