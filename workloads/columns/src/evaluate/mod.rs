//! Evaluates checked expressions over one ticker's columns.
//!
//! Functions of time run for each segment of the history on its own ([`crate::segments`]). A subexpression that
//! occurs several times, within an expression or across those evaluated together, is computed once and kept only
//! as long as it is needed. Functions across tickers are not computed here: their values are an input
//! ([`Inputs::with_cross_section`]).

pub(crate) mod booleans;
pub(crate) mod call;
mod inputs;
mod memo;
mod memory;
mod numbers;
pub(crate) mod scalar;
mod values;

pub use inputs::Inputs;
pub use values::Column;

use std::sync::Arc;

use ats_expression::{Any, Name, Node, Number, Ticker, Typed};

use memo::Memo;

/// Why an expression cannot be evaluated over the given inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A feature that is neither an input nor evaluated before.
    #[error("{ticker}: the feature `{name}` is used before it has values")]
    Feature {
        /// The ticker that was evaluated.
        ticker: String,
        /// The feature.
        name: Name,
    },
    /// A feature has another kind than its user takes it for.
    #[error("{ticker}: the feature `{name}` is used as a {wanted}, which it is not")]
    Kind {
        /// The ticker that was evaluated.
        ticker: String,
        /// The feature.
        name: Name,
        /// What it is used as.
        wanted: &'static str,
    },
    /// A benchmark whose bars are not an input.
    #[error("{ticker}: the bars of the benchmark `{benchmark}` are missing")]
    Benchmark {
        /// The ticker that was evaluated.
        ticker: String,
        /// The benchmark.
        benchmark: Ticker,
    },
    /// A column of the user's own whose values are not an input.
    #[error("{ticker}: the values of the column `{name}` are missing")]
    Own {
        /// The ticker that was evaluated.
        ticker: String,
        /// The column.
        name: Name,
    },
    /// A column of a coarser interval, and nobody said how long the bars are.
    #[error("{ticker}: `{column}` needs the length of the bars, which is not there")]
    Interval {
        /// The ticker that was evaluated.
        ticker: String,
        /// The column, as it is written.
        column: String,
    },
    /// A function across tickers whose values are not an input.
    #[error("{ticker}: `{function}` needs the values of all active tickers, which are not there")]
    CrossSection {
        /// The ticker that was evaluated.
        ticker: String,
        /// The function.
        function: &'static str,
    },
    /// An input column is not as long as the ticker's bars.
    #[error("{ticker}: {what} has {found} rows, the bars have {expected}")]
    Length {
        /// The ticker that was evaluated.
        ticker: String,
        /// The input.
        what: String,
        /// Its length.
        found: usize,
        /// The number of bars.
        expected: usize,
    },
}

/// Evaluates one expression: a value for each bar.
///
/// # Errors
/// An input that the expression needs is missing.
pub fn evaluate(expression: &Typed, inputs: &Inputs<'_>) -> Result<Column, EvaluateError> {
    let mut evaluator = Evaluator::new(inputs, [expression.node()]);
    evaluator.root(expression.node())
}

/// Evaluates a node of kind number, such as what a function across tickers is taken of; null is NaN.
///
/// # Errors
/// An input that it needs is missing.
pub fn evaluate_number(number: &Number, inputs: &Inputs<'_>) -> Result<Arc<Vec<f64>>, EvaluateError> {
    let mut evaluator = Evaluator::new(inputs, []);
    evaluator.memo.count(Any::Number(number));
    Ok(evaluator.number(number)?.into_column(inputs.rows()))
}

/// Evaluates named expressions in their order; each may use those before it by name. `emit` is given each column as
/// soon as it is there.
///
/// # Errors
/// An input that an expression needs is missing.
pub fn evaluate_all<'e>(
    expressions: impl IntoIterator<Item = (&'e Name, &'e Typed)> + Clone,
    inputs: &Inputs<'_>,
    mut emit: impl FnMut(&'e Name, Column),
) -> Result<(), EvaluateError> {
    let nodes = expressions.clone().into_iter().map(|(_, typed)| typed.node());
    let mut evaluator = Evaluator::new(inputs, nodes);
    for (name, typed) in expressions {
        let column = evaluator.root(typed.node())?;
        evaluator.define(name, column.clone());
        emit(name, column);
    }
    Ok(())
}

/// What is known while expressions over one ticker's inputs are evaluated.
struct Evaluator<'e, 'i> {
    inputs: &'i Inputs<'i>,
    memo: Memo<'e, 'i>,
    defined: Vec<(&'e Name, Column)>,
}

impl<'e, 'i> Evaluator<'e, 'i> {
    fn new(inputs: &'i Inputs<'i>, nodes: impl IntoIterator<Item = &'e Node>) -> Self {
        Self { inputs, memo: Memo::new(nodes), defined: Vec::new() }
    }

    fn root(&mut self, node: &'e Node) -> Result<Column, EvaluateError> {
        match node {
            Node::Number(number) => Ok(Column::Number(self.number(number)?.into_column(self.inputs.rows()))),
            Node::Boolean(boolean) => Ok(Column::Boolean(self.boolean(boolean)?)),
        }
    }

    fn define(&mut self, name: &'e Name, column: Column) {
        self.defined.push((name, column));
    }

    fn feature(&self, name: &Name) -> Result<&Column, EvaluateError> {
        let defined = self.defined.iter().find(|(defined, _)| *defined == name).map(|(_, column)| column);
        defined.or_else(|| self.inputs.feature(name)).ok_or_else(|| EvaluateError::Feature {
            ticker: self.inputs.ticker().to_owned(),
            name: name.clone(),
        })
    }

    fn wrong_kind(&self, name: &Name, wanted: &'static str) -> EvaluateError {
        EvaluateError::Kind { ticker: self.inputs.ticker().to_owned(), name: name.clone(), wanted }
    }
}
