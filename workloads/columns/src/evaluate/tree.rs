//! Walking over checked expressions.

use ats_expression::{Boolean, Node, Number};

/// A node of an expression, of either kind.
#[derive(Debug, Clone, Copy)]
pub enum Part<'e> {
    /// A number.
    Number(&'e Number),
    /// A boolean.
    Boolean(&'e Boolean),
}

impl<'e> From<&'e Node> for Part<'e> {
    fn from(node: &'e Node) -> Self {
        match node {
            Node::Number(number) => Self::Number(number),
            Node::Boolean(boolean) => Self::Boolean(boolean),
        }
    }
}

impl<'e> Part<'e> {
    /// The nodes that this one is made of, in reading order.
    #[must_use]
    pub fn children(self) -> Vec<Self> {
        match self {
            Self::Number(number) => match number {
                Number::Constant(_)
                | Number::Column(_)
                | Number::Feature(_)
                | Number::Stochastic { .. }
                | Number::Bars { .. }
                | Number::Obv
                | Number::Beta { .. }
                | Number::Calendar(_) => vec![],
                Number::Negate(input)
                | Number::Map { input, .. }
                | Number::Window { input, .. }
                | Number::Quantile { input, .. }
                | Number::Macd { input, .. }
                | Number::Bollinger { input, .. }
                | Number::CrossSection { input, .. }
                | Number::Winsorize { input, .. } => vec![Self::Number(input)],
                Number::Arithmetic { left, right, .. }
                | Number::Extreme { left, right, .. }
                | Number::PairWindow { left, right, .. } => vec![Self::Number(left), Self::Number(right)],
                Number::Clip { input, low, high } => {
                    vec![Self::Number(input), Self::Number(low), Self::Number(high)]
                }
                Number::If { condition, then, otherwise } => {
                    vec![Self::Boolean(condition), Self::Number(then), Self::Number(otherwise)]
                }
                Number::Count { condition, .. } => vec![Self::Boolean(condition)],
            },
            Self::Boolean(boolean) => match boolean {
                Boolean::Feature(_) => vec![],
                Boolean::Not(input) => vec![Self::Boolean(input)],
                Boolean::Logic { left, right, .. } => vec![Self::Boolean(left), Self::Boolean(right)],
                Boolean::Compare { left, right, .. } | Boolean::Cross { left, right, .. } => {
                    vec![Self::Number(left), Self::Number(right)]
                }
                Boolean::If { condition, then, otherwise } => {
                    vec![Self::Boolean(condition), Self::Boolean(then), Self::Boolean(otherwise)]
                }
            },
        }
    }

    /// Calls `visit` with this node and all below it, each after those that it is made of.
    pub fn visit(self, visit: &mut impl FnMut(Self)) {
        for child in self.children() {
            child.visit(visit);
        }
        visit(self);
    }
}
