//! Positions and cash as a pure function of the journal.

use crate::{FillRow, LedgerError, MovementRow, SplitRow};
use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use std::collections::BTreeMap;

/// Digits after the point of a cost that is divided: the only division in the book.
const COST_DIGITS: u32 = 10;
/// Digits after the point of what shares are worth.
const VALUE_DIGITS: u32 = 6;

/// One line of the journal of a strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Shares changed hands.
    Fill(FillRow),
    /// Shares were split.
    Split(SplitRow),
    /// Cash moved without shares.
    Movement(MovementRow),
}

impl Entry {
    /// Its place in the journal.
    #[must_use]
    pub fn number(&self) -> i64 {
        match self {
            Self::Fill(fill) => fill.entry,
            Self::Split(split) => split.entry,
            Self::Movement(movement) => movement.entry,
        }
    }
}

/// A position, open or closed, with what it has earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// The ticker.
    pub ticker: String,
    /// Shares; below 0 when short.
    pub quantity: Decimal,
    /// What the open shares cost at average prices, without commission; below 0 when short.
    pub cost: Decimal,
    /// Profit of the closed shares against their average cost, before commission.
    pub realized: Decimal,
    /// All commissions of the ticker.
    pub commission: Decimal,
    /// The session in which the open position began.
    pub opened_session: Option<Date>,
}

impl Holding {
    /// No shares, no history.
    #[must_use]
    pub fn none(ticker: &str) -> Self {
        Self {
            ticker: ticker.to_owned(),
            quantity: Decimal::ZERO,
            cost: Decimal::ZERO,
            realized: Decimal::ZERO,
            commission: Decimal::ZERO,
            opened_session: None,
        }
    }

    /// The average price of the open shares, to ten digits after the point; nothing when flat.
    #[must_use]
    pub fn average_price(&self) -> Option<Decimal> {
        self.cost.checked_div(self.quantity).map(|price| price.round_dp(COST_DIGITS).normalize())
    }

    /// Takes a fill in: shares on the side of the position are added at their price, shares against it close it at
    /// average cost, and what is left over opens the other side.
    pub(crate) fn fill(&mut self, fill: &FillRow) -> Result<(), LedgerError> {
        let signed = fill.side.signed(fill.quantity);
        self.commission = add(self.commission, fill.commission)?;
        let against =
            !self.quantity.is_zero() && self.quantity.is_sign_negative() != signed.is_sign_negative();
        let mut opening = signed;
        let mut value = worth(signed, fill.price)?;
        if against {
            let closing = fill.quantity.min(self.quantity.abs());
            let closed_cost = if closing == self.quantity.abs() {
                self.cost
            } else {
                let part = mul(self.cost, closing)?.checked_div(self.quantity.abs());
                part.ok_or_else(|| too_large(self.cost))?
                    .round_dp_with_strategy(COST_DIGITS, RoundingStrategy::MidpointNearestEven)
            };
            let closed = if self.quantity.is_sign_negative() { -closing } else { closing };
            let closed_value = worth(closed, fill.price)?;
            // What is bought or sold in all is worth its parts.
            value = add(value, closed_value)?;
            self.realized = add(self.realized, add(closed_value, -closed_cost)?)?;
            self.cost = add(self.cost, -closed_cost)?;
            self.quantity = add(self.quantity, -closed)?;
            opening = add(signed, closed)?;
            if self.quantity.is_zero() {
                self.opened_session = None;
            }
        }
        if !opening.is_zero() {
            if self.quantity.is_zero() {
                self.opened_session = Some(fill.session);
            }
            self.quantity = add(self.quantity, opening)?;
            self.cost = add(self.cost, value)?;
        }
        Ok(())
    }

    pub(crate) fn split(&mut self, split: &SplitRow) -> Result<(), LedgerError> {
        if self.quantity != split.quantity_before {
            return Err(LedgerError::SplitMismatch {
                ticker: split.ticker.clone(),
                session: split.session,
                before: split.quantity_before,
                held: self.quantity,
            });
        }
        self.quantity = split.quantity_after;
        if self.quantity.is_zero() {
            // All of it became cash in lieu: what it had cost is lost, the cash is a movement of its own.
            self.realized = add(self.realized, -self.cost)?;
            self.cost = Decimal::ZERO;
            self.opened_session = None;
        }
        Ok(())
    }
}

/// What a journal comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Book {
    /// Cash: deposits, dividends and other movements, less what was bought, plus what was sold, less commissions.
    pub cash: Decimal,
    /// Every ticker that was ever held.
    pub holdings: BTreeMap<String, Holding>,
}

impl Book {
    /// Folds a journal, which must be in order.
    ///
    /// # Errors
    /// A split that does not fit the position, or numbers beyond 28 digits.
    pub fn derive<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Result<Self, LedgerError> {
        let mut book = Self::default();
        for entry in entries {
            book.apply(entry)?;
        }
        Ok(book)
    }

    /// Takes in one entry.
    ///
    /// # Errors
    /// As [`Book::derive`].
    pub fn apply(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        match entry {
            Entry::Fill(fill) => {
                self.cash = add(self.cash, cash_of(fill)?)?;
                self.holding(&fill.ticker).fill(fill)
            }
            Entry::Split(split) => self.holding(&split.ticker).split(split),
            Entry::Movement(movement) => {
                self.cash = add(self.cash, movement.amount)?;
                Ok(())
            }
        }
    }

    fn holding(&mut self, ticker: &str) -> &mut Holding {
        self.holdings.entry(ticker.to_owned()).or_insert_with(|| Holding::none(ticker))
    }
}

/// What shares are worth: nearest millionth of a dollar, ties away from zero, as the engine reckons. Whole shares of a
/// price in such millionths are worth the product.
pub(crate) fn worth(quantity: Decimal, price: Decimal) -> Result<Decimal, LedgerError> {
    Ok(mul(quantity, price)?.round_dp_with_strategy(VALUE_DIGITS, RoundingStrategy::MidpointAwayFromZero))
}

/// The change of cash by a fill.
pub(crate) fn cash_of(fill: &FillRow) -> Result<Decimal, LedgerError> {
    add(-worth(fill.side.signed(fill.quantity), fill.price)?, -fill.commission)
}

fn too_large(value: Decimal) -> LedgerError {
    LedgerError::Number { what: "a sum of money", value, rule: "below 28 digits" }
}

pub(crate) fn add(a: Decimal, b: Decimal) -> Result<Decimal, LedgerError> {
    a.checked_add(b).ok_or_else(|| too_large(a))
}

pub(crate) fn mul(a: Decimal, b: Decimal) -> Result<Decimal, LedgerError> {
    a.checked_mul(b).ok_or_else(|| too_large(a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use proptest::prelude::*;

    fn fill(entry: i64, side: Side, quantity: i64, cents: i64) -> Entry {
        let session = "2024-01-02".parse().unwrap();
        Entry::Fill(FillRow {
            client_order_id: format!("o{entry}").parse().unwrap(),
            fill: 1,
            entry,
            session,
            filled_at: "2024-01-02T14:30:00Z".parse().unwrap(),
            ticker: "AAPL".into(),
            side,
            quantity: quantity.into(),
            price: Decimal::new(cents, 2),
            commission: Decimal::ONE,
        })
    }

    /// Worked by hand: buy 100 at 10, buy 50 at 13 (average 11), sell 120 at 12, sell 60 at 9 (short 30), buy 30 at 8.
    #[test]
    fn average_cost_through_a_reversal() {
        let entries = [
            fill(1, Side::Buy, 100, 1000),
            fill(2, Side::Buy, 50, 1300),
            fill(3, Side::Sell, 120, 1200),
            fill(4, Side::Sell, 60, 900),
            fill(5, Side::Buy, 30, 800),
        ];
        let at = |n: usize| Book::derive(&entries[..n]).unwrap().holdings["AAPL"].clone();
        assert_eq!(at(2).average_price(), Some(11.into()));
        assert_eq!((at(3).quantity, at(3).cost, at(3).realized), (30.into(), 330.into(), 120.into()));
        assert_eq!((at(4).quantity, at(4).cost, at(4).realized), ((-30).into(), (-270).into(), 60.into()));
        assert_eq!((at(5).quantity, at(5).cost, at(5).realized), (0.into(), 0.into(), 90.into()));
        assert_eq!(at(5).opened_session, None);
        assert_eq!(Book::derive(&entries).unwrap().cash, (90 - 5).into());
    }

    fn part(entry: i64, side: Side, quantity: &str, price: &str) -> Entry {
        let Entry::Fill(whole) = fill(entry, side, 1, 100) else { unreachable!() };
        let (quantity, price) = (quantity.parse().unwrap(), price.parse().unwrap());
        Entry::Fill(FillRow { quantity, price, commission: Decimal::ZERO, ..whole })
    }

    /// Worked by hand, in parts of a share: buy 0.333333 at 10.01 for 3.33666333, so 3.336663; sell 1 at 10.5: 0.333333
    /// of it for 3.4999965, so 3.499997 (ties away from zero), a profit of 0.163334, and 0.666667 short for the
    /// remaining 7.000003; buy them back at 10 for 6.66667, a profit of 0.333333.
    #[test]
    fn parts_of_shares_are_worth_whole_micro_dollars() {
        let entries = [
            part(1, Side::Buy, "0.333333", "10.01"),
            part(2, Side::Sell, "1", "10.5"),
            part(3, Side::Buy, "0.666667", "10"),
        ];
        let at = |n: usize| Book::derive(&entries[..n]).unwrap();
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!((at(1).cash, at(1).holdings["AAPL"].cost), (number("-3.336663"), number("3.336663")));
        let short = at(2).holdings["AAPL"].clone();
        assert_eq!(
            (short.quantity, short.cost, short.realized),
            (number("-0.666667"), number("-7.000003"), number("0.163334"))
        );
        assert_eq!(at(3).cash, number("0.496667"));
        assert_eq!(at(3).holdings["AAPL"].realized, number("0.496667"));
    }

    proptest! {
        /// The same with parts of shares and of cents.
        #[test]
        fn cash_and_profit_agree_in_parts_of_shares(trades in prop::collection::vec((any::<bool>(), 1i64..90_000_000, 100i64..10_000_000_000), 1..40)) {
            let mut entries: Vec<Entry> = Vec::new();
            let mut held = 0i64;
            for (i, (buy, millionths, micros)) in trades.iter().enumerate() {
                held += if *buy { *millionths } else { -*millionths };
                let side = if *buy { Side::Buy } else { Side::Sell };
                let (quantity, price) = (Decimal::new(*millionths, 6), Decimal::new(*micros, 6));
                entries.push(part(i as i64 + 1, side, &quantity.to_string(), &price.to_string()));
            }
            if held != 0 {
                let side = if held > 0 { Side::Sell } else { Side::Buy };
                entries.push(part(1000, side, &Decimal::new(held.abs(), 6).to_string(), "50"));
            }
            let book = Book::derive(&entries).unwrap();
            let holding = &book.holdings["AAPL"];
            prop_assert_eq!(holding.quantity, Decimal::ZERO);
            prop_assert_eq!(holding.cost, Decimal::ZERO);
            prop_assert_eq!(book.cash, holding.realized);
            let profit: Decimal = crate::trades(&entries).unwrap().iter().filter_map(|trade| trade.profit).sum();
            prop_assert_eq!(profit, book.cash);
        }

        /// Cash is what the definition says, and once flat all profit is realised: cash = realised - commission.
        #[test]
        fn cash_and_profit_agree(trades in prop::collection::vec((any::<bool>(), 1i64..500, 100i64..100_000), 1..40)) {
            let mut entries: Vec<Entry> = Vec::new();
            let mut held = 0i64;
            for (i, (buy, quantity, cents)) in trades.iter().enumerate() {
                held += if *buy { *quantity } else { -*quantity };
                entries.push(fill(i as i64 + 1, if *buy { Side::Buy } else { Side::Sell }, *quantity, *cents));
            }
            if held != 0 {
                let side = if held > 0 { Side::Sell } else { Side::Buy };
                entries.push(fill(1000, side, held.abs(), 5_000));
            }
            let book = Book::derive(&entries).unwrap();
            let holding = &book.holdings["AAPL"];
            prop_assert_eq!(holding.quantity, Decimal::ZERO);
            prop_assert_eq!(holding.cost, Decimal::ZERO);
            prop_assert_eq!(holding.commission, Decimal::from(entries.len()));
            prop_assert_eq!(book.cash, holding.realized - holding.commission);
        }
    }
}
