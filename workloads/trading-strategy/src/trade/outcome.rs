//! What a bar did to orders, in one form for the engine's reckoning and the broker's report.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rust_decimal::Decimal;

use crate::engine::{Event, Ticker};

/// Which order. Stops and take-profit prices are held by the broker as part of the position and become an order when
/// they are touched, so they are told by the ticker: one is tried a bar. A settlement is told in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrderKey {
    /// An order that was sent, by its client order id.
    Sent(String),
    /// What the position's own terms made.
    Stop(Ticker),
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(id) => write!(f, "order {id}"),
            Self::Stop(ticker) => write!(f, "the stop of {ticker}"),
        }
    }
}

/// The figures of a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executed {
    /// Shares.
    pub quantity: Decimal,
    /// Price with slippage.
    pub price: Decimal,
    /// Commission.
    pub commission: Decimal,
}

impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}, commission {}", self.quantity, self.price, self.commission)
    }
}

/// What became of one order in a bar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its fill; the engine's orders fill once at most.
    pub filled: Option<Executed>,
    /// Shares that are off.
    pub cancelled: Decimal,
    /// Why, in the order in which it was cut.
    pub reasons: Vec<String>,
}

impl Outcome {
    /// The reasons in one line.
    #[must_use]
    pub fn message(&self) -> String {
        self.reasons.join(", ")
    }
}

/// What became of all orders in a bar.
pub type Outcomes = BTreeMap<OrderKey, Outcome>;

/// The outcomes that a step of the engine tells of.
pub(super) fn outcomes(events: &[Event]) -> Outcomes {
    let mut stops = BTreeMap::new();
    let mut outcomes = Outcomes::new();
    for event in events {
        let key = |id: &str| stops.get(id).cloned().unwrap_or_else(|| OrderKey::Sent(id.to_owned()));
        match event {
            Event::Ordered(order) if order.reason.is_in_bar() => {
                let stop = OrderKey::Stop(order.ticker.clone());
                outcomes.entry(stop.clone()).or_default();
                stops.insert(order.id.as_str().to_owned(), stop);
            }
            Event::Filled(fill) => {
                outcomes.entry(key(fill.order.as_str())).or_default().filled = Some(Executed {
                    quantity: fill.quantity.into(),
                    price: fill.price.into(),
                    commission: fill.commission.into(),
                });
            }
            Event::Cancelled { order, quantity, reason } => {
                let outcome = outcomes.entry(key(order.as_str())).or_default();
                outcome.cancelled += Decimal::from(*quantity);
                outcome.reasons.push(format!("{reason:?}"));
            }
            _ => {}
        }
    }
    outcomes
}

/// The first fill that only one side knows, or that the two know with other figures.
pub(super) fn difference(engine: &Outcomes, broker: &Outcomes) -> Option<String> {
    let keys: BTreeSet<&OrderKey> = engine.keys().chain(broker.keys()).collect();
    keys.into_iter().find_map(|key| {
        let filled = |side: &Outcomes| side.get(key).and_then(|outcome| outcome.filled);
        let (ours, theirs) = (filled(engine), filled(broker));
        let show = |fill: Option<Executed>| fill.map_or("no fill".to_owned(), |fill| fill.to_string());
        (ours != theirs)
            .then(|| format!("for {key} the broker has {}, the engine {}", show(theirs), show(ours)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let key = OrderKey::Sent("m-1".into());
        let fill = |quantity: i64| Outcome {
            filled: Some(Executed { quantity: quantity.into(), price: 10.into(), commission: Decimal::ONE }),
            ..Outcome::default()
        };
        let one = |outcome: Outcome| Outcomes::from([(key.clone(), outcome)]);
        assert_eq!(difference(&one(fill(5)), &one(fill(5))), None);
        assert_eq!(
            difference(&one(fill(5)), &one(fill(4))).unwrap(),
            "for order m-1 the broker has 4 at 10, commission 1, the engine 5 at 10, commission 1"
        );
        assert_eq!(
            difference(&Outcomes::new(), &one(fill(4))).unwrap(),
            "for order m-1 the broker has 4 at 10, commission 1, the engine no fill"
        );
        // An order that is off on both sides, or not mentioned by one, is no difference.
        assert_eq!(difference(&one(Outcome::default()), &Outcomes::new()), None);
    }
}
