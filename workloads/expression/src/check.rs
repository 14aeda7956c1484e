//! Names, types, units and ranges: the parsed tree to the typed one.

mod arguments;
mod functions;
mod units;
mod value;

use std::ops::Range;

use crate::ast::{Ast, AstNode, Binary, Expression};
use crate::error::{Category, ExpressionError, alternatives, did_you_mean};
use crate::function::Function;
use crate::lexer::shorten;
use crate::names::{Name, Ticker, is_reserved};
use crate::parser::MAX_LENGTH;
use crate::scope::Scope;
use crate::typed::{Boolean, Constant, Kind, Node, Number, Typed};
use crate::unit::Unit;
use crate::vocabulary::{Arithmetic, Coarse, Column};

use self::arguments::Call;
use self::value::{Checked, Value};

/// Checks an expression against the features that it may use.
///
/// # Errors
/// The first [`ExpressionError`] in reading order: an unknown name, a wrong type, a literal outside its range, units
/// that do not go together.
pub fn check(expression: &Expression, scope: &Scope) -> Result<Typed, ExpressionError> {
    let checker = Checker { source: &expression.source, scope };
    let typed = match checker.any(&expression.root)? {
        Checked::Number(value) => value.typed(Kind::Number, Node::Number),
        Checked::Boolean(value) => value.typed(Kind::Boolean, Node::Boolean),
    };
    let length = typed.to_string().len();
    if length > MAX_LENGTH {
        // The canonical form is a key, and can be longer than the source; it has to be readable itself.
        let message = format!(
            "the expression has {length} bytes in its canonical form, at most {MAX_LENGTH} are allowed"
        );
        return Err(checker.error(Category::Size, 0..0, message).help("split it into features"));
    }
    Ok(typed)
}

/// Checks an expression and that it is a number, or a boolean.
///
/// # Errors
/// As [`check`], and an error of category `Type` when the expression is of the other kind.
pub fn check_kind(expression: &Expression, scope: &Scope, kind: Kind) -> Result<Typed, ExpressionError> {
    let typed = check(expression, scope)?;
    if typed.kind() == kind {
        return Ok(typed);
    }
    let message = format!("expected {}, found {}", kind.article(), typed.kind().article());
    let error =
        ExpressionError::new(&expression.source, Category::Type, expression.root.span.clone(), message);
    Err(match kind {
        Kind::Boolean => error.help("compare it with something, such as `… > 0`"),
        Kind::Number => error.help("choose numbers with `if(condition, 1, 0)`"),
    })
}

impl Kind {
    const fn article(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Boolean => "a boolean",
        }
    }
}

struct Checker<'a> {
    source: &'a str,
    scope: &'a Scope,
}

impl Checker<'_> {
    fn any(&self, ast: &Ast) -> Result<Checked, ExpressionError> {
        match &ast.node {
            AstNode::Number(value) => self.constant(*value, ast),
            AstNode::Text(text) => Err(self
                .error(
                    Category::Type,
                    ast.span.clone(),
                    format!("expected an expression, found the string \"{}\"", shorten(text)),
                )
                .help("a string is only the ticker of `beta(\"SPY\", 60)` or `close@\"SPY\"`")),
            AstNode::Name(name) => self.name(name, ast),
            AstNode::At { name, name_span, ticker, ticker_span } => {
                self.column_of(name, name_span, ticker, ticker_span)
            }
            AstNode::AtInterval { name, name_span, interval, interval_span } => {
                self.coarse_column(name, name_span, interval, interval_span)
            }
            AstNode::Negate(input) => {
                let value = self.number(input, || "after `-`".to_owned())?;
                let unit = value.unit.negate();
                Ok(Checked::Number(Value { unit, ..value.map(|node| Number::Negate(Box::new(node))) }))
            }
            AstNode::Not(input) => {
                let value = self.boolean(input, || "after `not`".to_owned())?;
                Ok(Checked::Boolean(value.map(|node| Boolean::Not(Box::new(node)))))
            }
            AstNode::Binary { operator, left, right } => self.binary(*operator, left, right, ast),
            AstNode::Call { name, name_span, arguments } => {
                let function = self.function_named(name, name_span)?;
                let outputs = function.outputs();
                if !outputs.is_empty() {
                    let message = format!("expected an output of `{name}`: {}", prefixed(&outputs));
                    let error = self.error(Category::Type, ast.span.clone(), message);
                    return Err(error.help(format!("write `{}.{}`", self.text(ast), outputs[0])));
                }
                self.function(&Call::new(self, function, arguments, ast)?, "")
            }
            AstNode::Field { base, name, name_span } => self.field(base, name, name_span),
        }
    }

    fn constant(&self, value: f64, ast: &Ast) -> Result<Checked, ExpressionError> {
        let Some(constant) = Constant::new(value) else {
            let message = format!("expected a finite number, found `{}`", self.text(ast));
            return Err(self.error(Category::Range, ast.span.clone(), message));
        };
        let unit = if constant.get() == 0.0 { Unit::ZERO } else { Unit::PLAIN };
        Ok(Checked::Number(Value::new(Number::Constant(constant), unit)))
    }

    fn name(&self, name: &str, ast: &Ast) -> Result<Checked, ExpressionError> {
        if let Some(column) = Column::ALL.iter().find(|column| column.text() == name) {
            return Ok(Checked::Number(Value::new(Number::Column(*column), Unit::of(*column))));
        }
        if let Some(facts) = self.scope.get(name)
            && let Ok(name) = Name::new(name)
        {
            return Ok(Checked::of_feature(name, facts));
        }
        if let Some(function) = Function::from_text(name) {
            // `obv` and `day_of_week` read well without parentheses.
            if function.parameters().is_empty() {
                return self.function(&Call::new(self, function, &[], ast)?, "");
            }
            let message = format!("expected a value, found the name of the function `{name}`");
            return Err(self
                .error(Category::Type, ast.span.clone(), message)
                .help(format!("write `{}`", function.signature())));
        }
        let message = format!("expected a column, a feature or a function, found `{}`", shorten(name));
        let error = self.error(Category::Name, ast.span.clone(), message);
        let word = ["true", "false", "null"].contains(&name) && is_reserved(name);
        let help = if word {
            Some("there is no such literal: write a comparison".to_owned())
        } else {
            let mut known: Vec<&str> = self.scope.iter().map(|(name, _)| name.as_str()).collect();
            for word in
                Column::ALL.iter().map(|column| column.text()).chain(Function::all().map(Function::text))
            {
                known.push(word);
            }
            did_you_mean(name, known)
        };
        Err(match help {
            Some(help) => error.help(help),
            None => error,
        })
    }

    /// A column of another ticker.
    fn column_of(
        &self,
        name: &str,
        name_span: &Range<usize>,
        ticker: &str,
        ticker_span: &Range<usize>,
    ) -> Result<Checked, ExpressionError> {
        let Some(column) = Column::ALL.iter().find(|column| column.text() == name) else {
            let message = format!("expected a column before `@`, found `{}`", shorten(name));
            let error = self.error(Category::Name, name_span.clone(), message);
            return Err(error.help(
                "of another ticker only the columns of its bars can be read, such as `close@\"SPY\"`; write the \
                 function around them",
            ));
        };
        let Some(ticker) = Ticker::new(ticker) else {
            let message = format!("expected a ticker after `@`, found \"{}\"", shorten(ticker));
            let error = self.error(Category::Range, ticker_span.clone(), message);
            return Err(error.help("a ticker has upper-case letters, digits, `.` and `-`, 16 at most"));
        };
        let unit = Unit::of(*column).of_ticker(&ticker);
        Ok(Checked::Number(Value::new(Number::ColumnOf { column: *column, ticker }, unit)))
    }

    /// A column of a coarser bar.
    fn coarse_column(
        &self,
        name: &str,
        name_span: &Range<usize>,
        interval: &str,
        interval_span: &Range<usize>,
    ) -> Result<Checked, ExpressionError> {
        let Some(column) = Column::ALL.iter().find(|column| column.text() == name) else {
            let message = format!("expected a column before `@`, found `{}`", shorten(name));
            let error = self.error(Category::Name, name_span.clone(), message);
            return Err(error.help(
                "of a coarser interval only the columns of its bars can be read, such as `close@1w`; write the \
                 function around them",
            ));
        };
        let Some(coarse) = Coarse::ALL.iter().find(|coarse| coarse.text() == interval) else {
            let message = format!("expected `1d` or `1w` after `@`, found `{}`", shorten(interval));
            let error = self.error(Category::Range, interval_span.clone(), message);
            return Err(error.help("coarser bars are a session (`1d`) and the sessions of a week (`1w`)"));
        };
        let node = Number::CoarseColumn { column: *column, interval: *coarse };
        Ok(Checked::Number(Value::new(node, Unit::of(*column))))
    }

    fn binary(
        &self,
        operator: Binary,
        left: &Ast,
        right: &Ast,
        whole: &Ast,
    ) -> Result<Checked, ExpressionError> {
        let on = |side: &str| format!("on the {side} of `{}`", operator.text());
        match operator {
            Binary::Logic(operator) => {
                let left = self.boolean(left, || on("left"))?;
                let right = self.boolean(right, || on("right"))?;
                Ok(Checked::Boolean(left.with(right, Unit::PLAIN, |left, right| Boolean::Logic {
                    operator,
                    left: Box::new(left),
                    right: Box::new(right),
                })))
            }
            Binary::Compare(operator) => {
                let (x, y) = (self.number(left, || on("left"))?, self.number(right, || on("right"))?);
                x.unit
                    .join(y.unit)
                    .map_err(|e| self.pair_error(e, "be compared", (left, x.unit), (right, y.unit), whole))?;
                Ok(Checked::Boolean(x.with(y, Unit::PLAIN, |left, right| Boolean::Compare {
                    operator,
                    left: Box::new(left),
                    right: Box::new(right),
                })))
            }
            Binary::Arithmetic(operator) => {
                let (x, y) = (self.number(left, || on("left"))?, self.number(right, || on("right"))?);
                let (unit, verb) = match operator {
                    Arithmetic::Add => (x.unit.add(y.unit), "be added"),
                    Arithmetic::Subtract => (x.unit.subtract(y.unit), "be subtracted"),
                    Arithmetic::Multiply => (x.unit.multiply(y.unit), "be multiplied"),
                    Arithmetic::Divide => (x.unit.divide(y.unit), "be divided"),
                };
                let unit =
                    unit.map_err(|e| self.pair_error(e, verb, (left, x.unit), (right, y.unit), whole))?;
                Ok(Checked::Number(x.with(y, unit, |left, right| Number::Arithmetic {
                    operator,
                    left: Box::new(left),
                    right: Box::new(right),
                })))
            }
        }
    }

    fn field(&self, base: &Ast, name: &str, name_span: &Range<usize>) -> Result<Checked, ExpressionError> {
        let AstNode::Call { name: called, name_span: called_span, arguments } = &base.node else {
            let message = format!(
                "expected `.{}` after a function with outputs, found it after `{}`",
                shorten(name),
                self.text(base)
            );
            let help = "only `macd(…)`, `bollinger(…)` and `stochastic(…)` have outputs";
            return Err(self.error(Category::Type, name_span.clone(), message).help(help));
        };
        let function = self.function_named(called, called_span)?;
        let outputs = function.outputs();
        if outputs.is_empty() {
            let message =
                format!("expected an operator, found `.{}`: `{called}` has one output", shorten(name));
            return Err(self.error(Category::Type, name_span.clone(), message).help("leave it out"));
        }
        if !outputs.contains(&name) {
            let message = format!("expected {}, found `.{}`", prefixed(&outputs), shorten(name));
            let error = self.error(Category::Name, name_span.clone(), message);
            return Err(match did_you_mean(name, outputs) {
                Some(help) => error.help(help),
                None => error,
            });
        }
        self.function(&Call::new(self, function, arguments, base)?, name)
    }

    fn function_named(&self, name: &str, span: &Range<usize>) -> Result<Function, ExpressionError> {
        if let Some(function) = Function::from_text(name) {
            return Ok(function);
        }
        let message = format!("expected a function, found `{}`", shorten(name));
        let error = self.error(Category::Name, span.clone(), message);
        let value = Column::ALL.iter().any(|column| column.text() == name) || self.scope.get(name).is_some();
        let help = if value {
            Some(format!("`{name}` is a value: for the one n bars ago write `delay({name}, n)`"))
        } else {
            did_you_mean(name, Function::all().map(Function::text))
        };
        Err(match help {
            Some(help) => error.help(help),
            None => error,
        })
    }

    fn number(&self, ast: &Ast, place: impl FnOnce() -> String) -> Result<Value<Number>, ExpressionError> {
        match self.any(ast)? {
            Checked::Number(value) => Ok(value),
            Checked::Boolean(_) => Err(self.wrong_kind(ast, Kind::Number, &place())),
        }
    }

    fn boolean(&self, ast: &Ast, place: impl FnOnce() -> String) -> Result<Value<Boolean>, ExpressionError> {
        match self.any(ast)? {
            Checked::Boolean(value) => Ok(value),
            Checked::Number(_) => Err(self.wrong_kind(ast, Kind::Boolean, &place())),
        }
    }

    fn wrong_kind(&self, ast: &Ast, expected: Kind, place: &str) -> ExpressionError {
        let (wanted, found, help) = match expected {
            Kind::Number => {
                (expected.article(), Kind::Boolean.article(), "choose numbers with `if(condition, 1, 0)`")
            }
            Kind::Boolean => (expected.article(), Kind::Number.article(), "compare it with something"),
        };
        let message = format!("expected {wanted} {place}, found {found} (`{}`)", self.text(ast));
        self.error(Category::Type, ast.span.clone(), message).help(help)
    }

    fn text(&self, ast: &Ast) -> String {
        shorten(&self.source[ast.span.clone()])
    }

    fn error(&self, category: Category, span: Range<usize>, message: impl Into<String>) -> ExpressionError {
        ExpressionError::new(self.source, category, span, message)
    }
}

fn prefixed(outputs: &[&str]) -> String {
    let dotted: Vec<String> = outputs.iter().map(|output| format!(".{output}")).collect();
    alternatives(&dotted.iter().map(String::as_str).collect::<Vec<_>>())
}
