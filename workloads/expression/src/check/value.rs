//! A checked node on its way up, with what is derived about it.

use crate::names::Name;
use crate::typed::{Boolean, Facts, History, Kind, Node, Number, Typed};
use crate::unit::Unit;

/// A node with its unit, phase and history.
#[derive(Debug, Clone)]
pub(super) struct Value<T> {
    pub(super) node: T,
    pub(super) unit: Unit,
    pub(super) cross_sectional: bool,
    pub(super) history: History,
}

/// A value of either kind.
pub(super) enum Checked {
    Number(Value<Number>),
    Boolean(Value<Boolean>),
}

impl Checked {
    pub(super) fn of_feature(name: Name, facts: Facts) -> Self {
        fn value<T>(node: T, facts: Facts) -> Value<T> {
            Value { node, unit: facts.unit, cross_sectional: facts.cross_sectional, history: facts.history }
        }
        match facts.kind {
            Kind::Number => Self::Number(value(Number::Feature(name), facts)),
            Kind::Boolean => Self::Boolean(value(Boolean::Feature(name), facts)),
        }
    }
}

impl<T> Value<T> {
    pub(super) fn new(node: T, unit: Unit) -> Self {
        Self { node, unit, cross_sectional: false, history: History::default() }
    }

    pub(super) fn map<U>(self, f: impl FnOnce(T) -> U) -> Value<U> {
        Value {
            node: f(self.node),
            unit: self.unit,
            cross_sectional: self.cross_sectional,
            history: self.history,
        }
    }

    /// This and another as the operands of one node.
    pub(super) fn with<U, V>(self, other: Value<U>, unit: Unit, f: impl FnOnce(T, U) -> V) -> Value<V> {
        Value {
            node: f(self.node, other.node),
            unit,
            cross_sectional: self.cross_sectional || other.cross_sectional,
            history: self.history.max(other.history),
        }
    }

    pub(super) fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// The node reads this many bars before the current one.
    pub(super) fn after(self, bars: u32) -> Self {
        let first = self.history.first.saturating_add(bars);
        Self { history: History { first, ..self.history }, ..self }
    }

    /// The node carries a state from bar to bar.
    pub(super) fn recursive(self) -> Self {
        Self { history: History { recursive: true, ..self.history }, ..self }
    }

    pub(super) fn across_tickers(self) -> Self {
        Self { cross_sectional: true, ..self }
    }

    pub(super) fn typed(self, kind: Kind, node: impl FnOnce(T) -> Node) -> Typed {
        // The literal 0 has the unit of a plain number once nothing is beside it.
        let unit = if self.unit == Unit::ZERO { Unit::PLAIN } else { self.unit };
        let facts = Facts { kind, unit, cross_sectional: self.cross_sectional, history: self.history };
        Typed { node: node(self.node), facts }
    }
}

impl History {
    fn max(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), recursive: self.recursive || other.recursive }
    }
}
