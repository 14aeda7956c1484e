//! The canonical form: one text for a checked tree, with only the parentheses that it needs. Reading it again gives
//! the same tree, so it can stand in a cache key.

use std::fmt;

use crate::typed::{Boolean, Constant, Node, Number, Typed};
use crate::vocabulary::{Arithmetic, Logic};

/// How tightly an operator binds; a leaf or a call binds tightest.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const MINUS: u8 = 7;
const ATOM: u8 = 8;

impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Boolean(boolean) => boolean.fmt(f),
        }
    }
}

impl fmt::Display for Constant {
    /// The shortest digits that read back as the same number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.get();
        if value == 0.0 || (1e-5..1e15).contains(&value) {
            write!(f, "{value}")
        } else {
            write!(f, "{value:e}")
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(constant) => constant.fmt(f),
            Self::Column(column) => column.fmt(f),
            Self::ColumnOf { column, ticker } => write!(f, "{column}@\"{ticker}\""),
            Self::CoarseColumn { column, interval } => write!(f, "{column}@{interval}"),
            Self::Own(name) => write!(f, "own(\"{name}\")"),
            Self::Feature(name) => name.fmt(f),
            Self::Negate(input) => {
                f.write_str("-")?;
                within(f, input.as_ref(), input.strength() >= MINUS)
            }
            Self::Arithmetic { operator, left, right } => {
                let strength = self.strength();
                within(f, left.as_ref(), left.strength() >= strength)?;
                write!(f, " {operator} ")?;
                within(f, right.as_ref(), right.strength() > strength)
            }
            Self::If { condition, then, otherwise } => write!(f, "if({condition}, {then}, {otherwise})"),
            Self::Map { function, input } => write!(f, "{function}({input})"),
            Self::Extreme { function, left, right } => write!(f, "{function}({left}, {right})"),
            Self::Clip { input, low, high } => write!(f, "clip({input}, {low}, {high})"),
            Self::Window { function, input, n } => write!(f, "{function}({input}, {})", n.get()),
            Self::Quantile { input, q, n } => write!(f, "quantile({input}, {q}, {})", n.get()),
            Self::PairWindow { function, left, right, n } => {
                write!(f, "{function}({left}, {right}, {})", n.get())
            }
            Self::Count { condition, n } => write!(f, "count({condition}, {})", n.get()),
            Self::Macd { input, fast, slow, signal, output } => {
                write!(f, "macd({input}, {}, {}, {}).{output}", fast.get(), slow.get(), signal.get())
            }
            Self::Bollinger { input, n, k, output } => {
                write!(f, "bollinger({input}, {}, {k}).{output}", n.get())
            }
            Self::Stochastic { k, s, d, output } => {
                write!(f, "stochastic({}, {}, {}).{output}", k.get(), s.get(), d.get())
            }
            Self::Bars { function, n } => write!(f, "{function}({})", n.get()),
            Self::Obv => f.write_str("obv()"),
            Self::Beta { ticker, n } => write!(f, "beta(\"{ticker}\", {})", n.get()),
            Self::Calendar(part) => write!(f, "{part}()"),
            Self::CrossSection { function, input } => write!(f, "{function}({input})"),
            Self::Winsorize { input, p } => write!(f, "winsorize({input}, {p})"),
        }
    }
}

impl fmt::Display for Boolean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature(name) => name.fmt(f),
            Self::Not(input) => {
                f.write_str("not ")?;
                within(f, input.as_ref(), input.strength() >= NOT)
            }
            Self::Logic { operator, left, right } => {
                let strength = self.strength();
                within(f, left.as_ref(), left.strength() >= strength)?;
                write!(f, " {operator} ")?;
                within(f, right.as_ref(), right.strength() > strength)
            }
            // Operands of a comparison are numbers, which all bind more tightly.
            Self::Compare { operator, left, right } => write!(f, "{left} {operator} {right}"),
            Self::If { condition, then, otherwise } => write!(f, "if({condition}, {then}, {otherwise})"),
            Self::Cross { direction, left, right } => write!(f, "{direction}({left}, {right})"),
        }
    }
}

fn within(f: &mut fmt::Formatter<'_>, inner: &impl fmt::Display, bare: bool) -> fmt::Result {
    if bare { inner.fmt(f) } else { write!(f, "({inner})") }
}

impl Number {
    const fn strength(&self) -> u8 {
        match self {
            Self::Arithmetic { operator: Arithmetic::Add | Arithmetic::Subtract, .. } => SUM,
            Self::Arithmetic { operator: Arithmetic::Multiply | Arithmetic::Divide, .. } => PRODUCT,
            Self::Negate(_) => MINUS,
            _ => ATOM,
        }
    }
}

impl Boolean {
    const fn strength(&self) -> u8 {
        match self {
            Self::Logic { operator: Logic::Or, .. } => OR,
            Self::Logic { operator: Logic::And, .. } => AND,
            Self::Not(_) => NOT,
            Self::Compare { .. } => COMPARISON,
            Self::Feature(_) | Self::If { .. } | Self::Cross { .. } => ATOM,
        }
    }
}
