//! What a checked tree names: columns, features, tickers.

use std::collections::BTreeSet;

use crate::names::{Name, Ticker};
use crate::typed::{Boolean, Node, Number};
use crate::vocabulary::{Bars, Column};

/// A node of either type, for functions that visit all.
#[derive(Debug, Clone, Copy)]
pub enum Any<'a> {
    /// A number.
    Number(&'a Number),
    /// A boolean.
    Boolean(&'a Boolean),
}

impl<'a> From<&'a Node> for Any<'a> {
    fn from(node: &'a Node) -> Self {
        match node {
            Node::Number(number) => Self::Number(number),
            Node::Boolean(boolean) => Self::Boolean(boolean),
        }
    }
}

impl Node {
    pub(crate) fn columns(&self) -> BTreeSet<Column> {
        let mut found = BTreeSet::new();
        Any::from(self).visit(&mut |any| {
            if let Any::Number(number) = any {
                found.extend(columns_of(number));
            }
        });
        found
    }

    pub(crate) fn features(&self) -> BTreeSet<Name> {
        let mut found = BTreeSet::new();
        Any::from(self).visit(&mut |any| match any {
            Any::Number(Number::Feature(name)) | Any::Boolean(Boolean::Feature(name)) => {
                found.insert(name.clone());
            }
            _ => {}
        });
        found
    }

    pub(crate) fn tickers(&self) -> BTreeSet<Ticker> {
        let mut found = BTreeSet::new();
        Any::from(self).visit(&mut |any| {
            if let Any::Number(Number::Beta { ticker, .. } | Number::ColumnOf { ticker, .. }) = any {
                found.insert(ticker.clone());
            }
        });
        found
    }
}

impl<'a> Any<'a> {
    /// Calls `f` with this node and all below it, each after its operands.
    pub fn visit(self, f: &mut impl FnMut(Any<'a>)) {
        for child in self.children() {
            child.visit(f);
        }
        f(self);
    }

    /// The operands, left to right.
    #[must_use]
    pub fn children(self) -> Vec<Any<'a>> {
        match self {
            Any::Number(number) => match number {
                Number::Constant(_)
                | Number::Column(_)
                | Number::ColumnOf { .. }
                | Number::CoarseColumn { .. }
                | Number::Own(_)
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
                | Number::Winsorize { input, .. } => vec![Any::Number(input)],
                Number::Arithmetic { left, right, .. }
                | Number::Extreme { left, right, .. }
                | Number::PairWindow { left, right, .. } => vec![Any::Number(left), Any::Number(right)],
                Number::Clip { input, low, high } => {
                    vec![Any::Number(input), Any::Number(low), Any::Number(high)]
                }
                Number::If { condition, then, otherwise } => {
                    vec![Any::Boolean(condition), Any::Number(then), Any::Number(otherwise)]
                }
                Number::Count { condition, .. } => vec![Any::Boolean(condition)],
            },
            Any::Boolean(boolean) => match boolean {
                Boolean::Feature(_) => vec![],
                Boolean::Not(input) => vec![Any::Boolean(input)],
                Boolean::Logic { left, right, .. } => vec![Any::Boolean(left), Any::Boolean(right)],
                Boolean::Compare { left, right, .. } | Boolean::Cross { left, right, .. } => {
                    vec![Any::Number(left), Any::Number(right)]
                }
                Boolean::If { condition, then, otherwise } => {
                    vec![Any::Boolean(condition), Any::Boolean(then), Any::Boolean(otherwise)]
                }
            },
        }
    }
}

/// The columns that a node reads by itself, its operands apart.
fn columns_of(number: &Number) -> Vec<Column> {
    use Column::{Close, High, Low, Open, RawClose, RawVolume, Volume};
    match number {
        Number::Column(column) | Number::CoarseColumn { column, .. } => vec![*column],
        Number::Stochastic { .. } => vec![High, Low, Close],
        Number::Obv => vec![Close, Volume],
        Number::Beta { .. } => vec![Close],
        Number::Bars { function, .. } => match function {
            Bars::Atr | Bars::Adx => vec![High, Low, Close],
            Bars::Vwap => vec![Open, High, Low, Close, Volume],
            Bars::Parkinson => vec![High, Low],
            Bars::GarmanKlass | Bars::YangZhang => vec![Open, High, Low, Close],
            Bars::RollSpread | Bars::RealizedVolatility => vec![Close],
            Bars::Amihud => vec![Close, RawClose, RawVolume],
            Bars::DollarVolume => vec![RawClose, RawVolume],
        },
        Number::Constant(_)
        | Number::ColumnOf { .. }
        | Number::Own(_)
        | Number::Feature(_)
        | Number::Negate(_)
        | Number::Arithmetic { .. }
        | Number::If { .. }
        | Number::Map { .. }
        | Number::Extreme { .. }
        | Number::Clip { .. }
        | Number::Window { .. }
        | Number::Quantile { .. }
        | Number::PairWindow { .. }
        | Number::Count { .. }
        | Number::Macd { .. }
        | Number::Bollinger { .. }
        | Number::Calendar(_)
        | Number::CrossSection { .. }
        | Number::Winsorize { .. } => vec![],
    }
}
