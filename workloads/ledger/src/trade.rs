//! Trades, flat to flat, out of the journal.

use crate::{
    Entry, FillRow, LedgerError, MovementKind, Side,
    book::{add, mul, worth},
};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;

/// From no shares of a ticker to no shares again, net of costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeRow {
    /// The ticker.
    pub ticker: String,
    /// The side that opened it: `Buy` is a long trade.
    pub side: Side,
    /// The session of its first fill.
    pub opened_session: Date,
    /// The session of its last fill; nothing while it is open.
    pub closed_session: Option<Date>,
    /// The most shares it held.
    pub quantity: Decimal,
    /// What was paid for the shares that were bought.
    pub bought: Decimal,
    /// What was received for the shares that were sold.
    pub sold: Decimal,
    /// Dividends and cash in lieu.
    pub income: Decimal,
    /// Commissions.
    pub commission: Decimal,
    /// Sold less bought, plus income, less commission; nothing while it is open.
    pub profit: Option<Decimal>,
}

struct Open {
    trade: TradeRow,
    held: Decimal,
}

impl Open {
    fn new(fill: &FillRow) -> Self {
        let trade = TradeRow {
            ticker: fill.ticker.clone(),
            side: fill.side,
            opened_session: fill.session,
            closed_session: None,
            quantity: Decimal::ZERO,
            bought: Decimal::ZERO,
            sold: Decimal::ZERO,
            income: Decimal::ZERO,
            commission: Decimal::ZERO,
            profit: None,
        };
        Self { trade, held: Decimal::ZERO }
    }

    fn take(
        &mut self,
        side: Side,
        quantity: Decimal,
        value: Decimal,
        commission: Decimal,
    ) -> Result<(), LedgerError> {
        match side {
            Side::Buy => self.trade.bought = add(self.trade.bought, value)?,
            Side::Sell => self.trade.sold = add(self.trade.sold, value)?,
        }
        self.trade.commission = add(self.trade.commission, commission)?;
        self.held = add(self.held, side.signed(quantity))?;
        self.trade.quantity = self.trade.quantity.max(self.held.abs());
        Ok(())
    }

    fn close(mut self, session: Date) -> Result<TradeRow, LedgerError> {
        let t = &self.trade;
        let profit = add(add(t.sold, -t.bought)?, add(t.income, -t.commission)?)?;
        self.trade.closed_session = Some(session);
        self.trade.profit = Some(profit);
        Ok(self.trade)
    }
}

/// The trades of a journal, by their first fill. A fill that turns a position around closes one trade and opens the
/// next; its commission is divided by shares.
///
/// # Errors
/// Numbers beyond 28 digits.
pub fn trades(journal: &[Entry]) -> Result<Vec<TradeRow>, LedgerError> {
    let mut open: BTreeMap<&str, (i64, Open)> = BTreeMap::new();
    let mut done: Vec<(i64, TradeRow)> = Vec::new();
    for entry in journal {
        match entry {
            Entry::Fill(fill) => {
                let (first, mut trade) =
                    open.remove(fill.ticker.as_str()).unwrap_or_else(|| (fill.entry, Open::new(fill)));
                let against = fill.side != trade.trade.side;
                let closing = if against { fill.quantity.min(trade.held.abs()) } else { fill.quantity };
                let rest = add(fill.quantity, -closing)?;
                let rest_commission = mul(fill.commission, rest)?
                    .checked_div(fill.quantity)
                    .unwrap_or_default()
                    .round_dp(6)
                    .normalize();
                // What is bought or sold in all is worth its parts.
                let value = worth(closing, fill.price)?;
                let rest_value = add(worth(fill.quantity, fill.price)?, -value)?;
                trade.take(fill.side, closing, value, add(fill.commission, -rest_commission)?)?;
                if trade.held.is_zero() {
                    done.push((first, trade.close(fill.session)?));
                    if !rest.is_zero() {
                        let mut next = Open::new(fill);
                        next.take(fill.side, rest, rest_value, rest_commission)?;
                        open.insert(&fill.ticker, (fill.entry, next));
                    }
                } else {
                    open.insert(&fill.ticker, (first, trade));
                }
            }
            Entry::Split(split) => {
                if let Some((first, mut trade)) = open.remove(split.ticker.as_str()) {
                    trade.held = split.quantity_after;
                    trade.trade.quantity = mul(trade.trade.quantity, split.ratio)?.normalize();
                    if trade.held.is_zero() {
                        done.push((first, trade.close(split.session)?));
                    } else {
                        open.insert(&split.ticker, (first, trade));
                    }
                }
            }
            Entry::Movement(movement) => {
                let income = matches!(
                    movement.kind,
                    MovementKind::Dividend | MovementKind::CashInLieu | MovementKind::Borrowing
                );
                if let (true, Some(ticker)) = (income, movement.ticker.as_deref())
                    && let Some((_, trade)) = open.get_mut(ticker)
                {
                    trade.trade.income = add(trade.trade.income, movement.amount)?;
                }
            }
        }
    }
    done.extend(open.into_values().map(|(first, open)| (first, open.trade)));
    done.sort_by_key(|(first, trade)| (*first, trade.closed_session.is_none()));
    Ok(done.into_iter().map(|(_, trade)| trade).collect())
}
