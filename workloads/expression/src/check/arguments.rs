//! A call and its checked arguments.

use crate::ast::{Ast, AstNode};
use crate::error::{Category, ExpressionError};
use crate::function::{Function, Parameter};
use crate::names::Ticker;
use crate::typed::{Boolean, Constant, Kind, Number, Period};
use crate::vocabulary::Window;

use super::Checker;
use super::value::{Checked, Value};

/// A call with the right number of arguments.
pub(super) struct Call<'a> {
    pub(super) checker: &'a Checker<'a>,
    pub(super) function: Function,
    pub(super) ast: &'a Ast,
    arguments: &'a [Ast],
}

impl<'a> Call<'a> {
    pub(super) fn new(
        checker: &'a Checker<'a>,
        function: Function,
        arguments: &'a [Ast],
        ast: &'a Ast,
    ) -> Result<Self, ExpressionError> {
        let (found, wanted) = (arguments.len(), function.parameters().len());
        let short = function == Function::Window(Window::Returns) && found == 1;
        if found == wanted || short {
            return Ok(Self { checker, function, ast, arguments });
        }
        let plural = if wanted == 1 { "argument" } else { "arguments" };
        let signature = function.signature();
        let message = format!("expected {wanted} {plural} for `{signature}`, found {found}");
        Err(checker.error(Category::Type, ast.span.clone(), message))
    }

    /// Whether it is the short form `returns(n)`, of `close`.
    pub(super) const fn is_short(&self) -> bool {
        self.arguments.len() < self.function.parameters().len()
    }

    /// The argument at a place and what the function takes there.
    pub(super) fn at(&self, place: usize) -> Result<(&'a Ast, Parameter), ExpressionError> {
        // The short form leaves out the first argument.
        let skipped = self.function.parameters().len() - self.arguments.len();
        let argument = place.checked_sub(skipped).and_then(|index| self.arguments.get(index));
        match (argument, self.function.parameters().get(place)) {
            (Some(argument), Some(parameter)) => Ok((argument, *parameter)),
            _ => {
                let message =
                    format!("expected an argument {} for `{}`", place + 1, self.function.signature());
                Err(self.checker.error(Category::Type, self.ast.span.clone(), message))
            }
        }
    }

    pub(super) fn any(&self, place: usize) -> Result<Checked, ExpressionError> {
        self.checker.any(self.at(place)?.0)
    }

    pub(super) fn number(&self, place: usize) -> Result<Value<Number>, ExpressionError> {
        let (ast, parameter) = self.at(place)?;
        self.checker.number(ast, || self.place(parameter))
    }

    pub(super) fn boolean(&self, place: usize) -> Result<Value<Boolean>, ExpressionError> {
        let (ast, parameter) = self.at(place)?;
        self.checker.boolean(ast, || self.place(parameter))
    }

    /// An integer literal in the parameter's range.
    pub(super) fn period(&self, place: usize) -> Result<Period, ExpressionError> {
        let (ast, parameter) = self.at(place)?;
        let least = match parameter {
            Parameter::Period { least, .. } => least,
            _ => 1,
        };
        let found = match &ast.node {
            // Literals are exact up to 2^53, far above the longest period.
            AstNode::Number(value) if value.fract() == 0.0 && *value <= f64::from(Period::MAX) => {
                Period::new(*value as u32).filter(|period| period.bars() >= least)
            }
            _ => None,
        };
        found.ok_or_else(|| {
            let wanted = format!("an integer literal from {least} to {}", Period::MAX);
            let error = self.wrong_literal(ast, parameter, &wanted);
            match &ast.node {
                AstNode::Negate(_) => error.help("a later bar cannot be read"),
                AstNode::Name(_) | AstNode::Call { .. } | AstNode::Binary { .. } => {
                    error.help("a period is the same at every bar: write the number")
                }
                _ => error,
            }
        })
    }

    /// A number literal in the parameter's range.
    pub(super) fn literal(&self, place: usize) -> Result<Constant, ExpressionError> {
        let (ast, parameter) = self.at(place)?;
        let (Parameter::Literal { range, .. }, AstNode::Number(value)) = (parameter, &ast.node) else {
            return Err(self.wrong_literal(ast, parameter, wanted(parameter)));
        };
        (Constant::new(*value).filter(|constant| range.contains(constant.get())))
            .ok_or_else(|| self.wrong_literal(ast, parameter, range.text()))
    }

    /// A string literal that is a ticker.
    pub(super) fn ticker(&self, place: usize) -> Result<Ticker, ExpressionError> {
        let (ast, parameter) = self.at(place)?;
        let wanted = "a ticker in quotes";
        match &ast.node {
            AstNode::Text(text) => Ticker::new(text).ok_or_else(|| {
                let help = "a ticker has upper-case letters, digits, `.` and `-`, 16 at most";
                self.wrong_literal(ast, parameter, wanted).help(help)
            }),
            AstNode::Name(name) if Ticker::new(name).is_some() => {
                Err(self.wrong_literal(ast, parameter, wanted).help(format!("write `\"{name}\"`")))
            }
            _ => Err(self.wrong_literal(ast, parameter, wanted)),
        }
    }

    fn wrong_literal(&self, ast: &Ast, parameter: Parameter, wanted: &str) -> ExpressionError {
        let found = self.checker.text(ast);
        let message = format!("expected {wanted} {}, found `{found}`", self.place(parameter));
        self.checker.error(Category::Range, ast.span.clone(), message)
    }

    fn place(&self, parameter: Parameter) -> String {
        format!("for `{}` of `{}`", parameter.name(), self.function.signature())
    }

    /// The kinds of the two branches of `if` differ.
    pub(super) fn branches(&self, then: Kind, otherwise: Kind) -> ExpressionError {
        let message = format!(
            "expected both branches of `{}` to be of one type, found {} and {}",
            self.function.signature(),
            then.article(),
            otherwise.article()
        );
        self.checker.error(Category::Type, self.ast.span.clone(), message)
    }
}

const fn wanted(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::Literal { range, .. } => range.text(),
        _ => "a number literal",
    }
}
