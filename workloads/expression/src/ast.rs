//! The parsed form of an expression: its shape, before names and types are known.

use std::ops::Range;
use std::str::FromStr;

use crate::error::ExpressionError;
use crate::vocabulary::{Arithmetic, Compare, Logic};

/// A parsed expression. Two are equal when their sources are.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    pub(crate) source: Box<str>,
    pub(crate) root: Ast,
}

impl Expression {
    /// The text that was parsed.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The name of the column of a user's own that the expression is: `own("name")`, the form in which such a column
    /// stands among features.
    #[must_use]
    pub fn own_column(&self) -> Option<&str> {
        match &self.root.node {
            AstNode::Call { name, arguments, .. } if name == "own" => match arguments.as_slice() {
                [Ast { node: AstNode::Text(column), .. }] => Some(column),
                _ => None,
            },
            _ => None,
        }
    }

    /// Every name that stands for a value (columns, features and what is neither), with its place, in order of
    /// appearance.
    #[must_use]
    pub fn names(&self) -> Vec<(&str, Range<usize>)> {
        let mut found = Vec::new();
        self.root.collect_names(&mut found);
        found
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        crate::parse(source)
    }
}

/// A node and its place in the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ast {
    pub(crate) span: Range<usize>,
    pub(crate) node: AstNode,
    /// Height of the tree: 1 for a leaf.
    pub(crate) height: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AstNode {
    Number(f64),
    Text(String),
    Name(String),
    /// A name of another ticker: `close@"SPY"`.
    At {
        name: String,
        name_span: Range<usize>,
        ticker: String,
        ticker_span: Range<usize>,
    },
    /// A name of a coarser bar: `close@1w`.
    AtInterval {
        name: String,
        name_span: Range<usize>,
        interval: String,
        interval_span: Range<usize>,
    },
    Negate(Box<Ast>),
    Not(Box<Ast>),
    Binary {
        operator: Binary,
        left: Box<Ast>,
        right: Box<Ast>,
    },
    Call {
        name: String,
        name_span: Range<usize>,
        arguments: Vec<Ast>,
    },
    Field {
        base: Box<Ast>,
        name: String,
        name_span: Range<usize>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Logic(Logic),
    Compare(Compare),
    Arithmetic(Arithmetic),
}

impl Binary {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Logic(op) => op.text(),
            Self::Compare(op) => op.text(),
            Self::Arithmetic(op) => op.text(),
        }
    }
}

impl Ast {
    fn collect_names<'a>(&'a self, found: &mut Vec<(&'a str, Range<usize>)>) {
        match &self.node {
            AstNode::Number(_) | AstNode::Text(_) | AstNode::At { .. } | AstNode::AtInterval { .. } => {}
            AstNode::Name(name) => found.push((name, self.span.clone())),
            AstNode::Negate(input) | AstNode::Not(input) | AstNode::Field { base: input, .. } => {
                input.collect_names(found);
            }
            AstNode::Binary { left, right, .. } => {
                left.collect_names(found);
                right.collect_names(found);
            }
            AstNode::Call { arguments, .. } => {
                for argument in arguments {
                    argument.collect_names(found);
                }
            }
        }
    }
}
