//! Tokens to a tree: precedence climbing, from the loosest operator to the tightest:
//! `or`, `and`, `not`, comparison (not chained), `+ -`, `* /`, unary `-`, call and field.

use std::ops::Range;

use crate::ast::{Ast, AstNode, Binary, Expression};
use crate::error::{Category, ExpressionError, did_you_mean};
use crate::lexer::{Lexeme, Token, shorten, tokens};
use crate::vocabulary::{Arithmetic, Compare, Logic};

/// The longest expression, in bytes.
pub const MAX_LENGTH: usize = ats_crds::MAX_EXPRESSION_LENGTH;
/// The highest tree: operators and functions one inside another.
pub const MAX_HEIGHT: usize = 100;
/// How deep the parser goes: parentheses count here and make no tree. Twice the height, so that the canonical form
/// of any tree, which has at most one pair of parentheses for a node, can be read again.
const MAX_NESTING: usize = 2 * MAX_HEIGHT + 2;

const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const MINUS: u8 = 7;

/// Reads an expression.
///
/// # Errors
/// [`ExpressionError`] of category `Syntax` or `Size`.
pub fn parse(source: &str) -> Result<Expression, ExpressionError> {
    if source.len() > MAX_LENGTH {
        let message = format!("the expression has {} bytes, at most {MAX_LENGTH} are allowed", source.len());
        let start: String = source.chars().take(100).collect();
        let span = start.len()..start.len();
        return Err(
            ExpressionError::new(&start, Category::Size, span, message).help("split it into features")
        );
    }
    let mut parser = Parser { source, lexemes: tokens(source)?, at: 0, nesting: 0, open: Vec::new() };
    let root = parser.expression(0)?;
    if parser.peek() != &Token::End {
        return Err(parser.unexpected("an operator or the end of the expression"));
    }
    Ok(Expression { source: source.into(), root })
}

struct Parser<'a> {
    source: &'a str,
    lexemes: Vec<Lexeme>,
    at: usize,
    nesting: usize,
    /// Places of the parentheses that are open.
    open: Vec<usize>,
}

impl Parser<'_> {
    /// An expression whose operators bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Ast, ExpressionError> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.too_deep(self.span()));
        }
        let mut left = self.operand()?;
        while let Some((operator, strength)) = self.operator() {
            if strength < least {
                break;
            }
            self.at += 1;
            let right = self.expression(strength + 1)?;
            let span = left.span.start..right.span.end;
            if strength == COMPARISON && self.operator().is_some_and(|(_, next)| next == COMPARISON) {
                return Err(self.chained(&left, operator, &right));
            }
            let height = left.height.max(right.height);
            let node = AstNode::Binary { operator, left: Box::new(left), right: Box::new(right) };
            left = self.node(span, height, node)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Ast, ExpressionError> {
        let start = self.span().start;
        match self.peek() {
            Token::Mark("-") => {
                self.at += 1;
                let input = self.expression(MINUS)?;
                self.node(start..input.span.end, input.height, AstNode::Negate(Box::new(input)))
            }
            Token::Name(name) if name == "not" => {
                self.at += 1;
                let input = self.expression(NOT)?;
                self.node(start..input.span.end, input.height, AstNode::Not(Box::new(input)))
            }
            _ => self.postfix(),
        }
    }

    fn postfix(&mut self) -> Result<Ast, ExpressionError> {
        let mut base = self.primary()?;
        while self.peek() == &Token::Mark(".") {
            self.at += 1;
            let name_span = self.span();
            let Token::Name(name) = self.peek().clone() else {
                return Err(self.unexpected("the name of an output after `.`"));
            };
            self.at += 1;
            let (span, height) = (base.span.start..name_span.end, base.height);
            // A field adds no level: it only chooses an output.
            base = Ast { span, node: AstNode::Field { base: Box::new(base), name, name_span }, height };
            if base.span.len() > MAX_LENGTH || height > MAX_HEIGHT {
                return Err(self.too_deep(base.span));
            }
            if self.peek() == &Token::Mark(".") {
                return Err(self.unexpected("an operator (an output has no outputs of its own)"));
            }
        }
        Ok(base)
    }

    fn primary(&mut self) -> Result<Ast, ExpressionError> {
        let span = self.span();
        match self.peek().clone() {
            Token::Number(value) => {
                self.at += 1;
                self.node(span, 0, AstNode::Number(value))
            }
            Token::Text(text) => {
                self.at += 1;
                self.node(span, 0, AstNode::Text(text))
            }
            Token::Name(name) if name == "and" || name == "or" => Err(self.unexpected("an expression")),
            Token::Name(name) => {
                self.at += 1;
                if self.peek() == &Token::Mark("(") {
                    self.call(name, span)
                } else if self.peek() == &Token::Mark("@") {
                    self.at_ticker(name, span)
                } else {
                    self.node(span, 0, AstNode::Name(name))
                }
            }
            Token::Mark("(") => {
                self.open_parenthesis();
                let inner = self.expression(0)?;
                let end = self.close_parenthesis("an operator or `)`")?;
                Ok(Ast { span: span.start..end, ..inner })
            }
            Token::Mark("+") => {
                Err(self.unexpected("an expression").help("there is no unary `+`: leave it out"))
            }
            // An interval stands behind `@` alone.
            Token::Interval(_) | Token::Mark(_) | Token::End => Err(self.unexpected("an expression")),
        }
    }

    /// A name and the ticker or the interval behind its `@`.
    fn at_ticker(&mut self, name: String, name_span: Range<usize>) -> Result<Ast, ExpressionError> {
        self.at += 1;
        let ticker_span = self.span();
        let ticker = match self.peek().clone() {
            Token::Text(ticker) => ticker,
            Token::Interval(interval) => {
                self.at += 1;
                let (span, interval_span) = (name_span.start..ticker_span.end, ticker_span);
                return self.node(span, 0, AstNode::AtInterval { name, name_span, interval, interval_span });
            }
            Token::Name(ticker) => {
                let help = match ticker.as_str() {
                    "d" | "day" | "daily" => format!("write `{name}@1d`"),
                    "w" | "week" | "weekly" => format!("write `{name}@1w`"),
                    _ => format!("write `{name}@\"{ticker}\"`"),
                };
                return Err(self.unexpected("a ticker in quotes after `@`").help(help));
            }
            _ => return Err(self.unexpected("a ticker in quotes or an interval after `@`")),
        };
        self.at += 1;
        let span = name_span.start..ticker_span.end;
        self.node(span, 0, AstNode::At { name, name_span, ticker, ticker_span })
    }

    fn call(&mut self, name: String, name_span: Range<usize>) -> Result<Ast, ExpressionError> {
        self.open_parenthesis();
        let mut arguments = Vec::new();
        if self.peek() != &Token::Mark(")") {
            arguments.push(self.expression(0)?);
            while self.peek() == &Token::Mark(",") {
                self.at += 1;
                arguments.push(self.expression(0)?);
            }
        }
        let end = self.close_parenthesis("an operator, `,` or `)`")?;
        let height = arguments.iter().map(|argument| argument.height).max().unwrap_or(0);
        self.node(name_span.start..end, height, AstNode::Call { name, name_span, arguments })
    }

    fn open_parenthesis(&mut self) {
        self.open.push(self.span().start);
        self.at += 1;
    }

    fn close_parenthesis(&mut self, expected: &str) -> Result<usize, ExpressionError> {
        if self.peek() != &Token::Mark(")") {
            return Err(self.unexpected(expected));
        }
        let end = self.span().end;
        self.open.pop();
        self.at += 1;
        Ok(end)
    }

    fn operator(&self) -> Option<(Binary, u8)> {
        Some(match self.peek() {
            Token::Name(name) if name == "or" => (Binary::Logic(Logic::Or), 1),
            Token::Name(name) if name == "and" => (Binary::Logic(Logic::And), 2),
            Token::Mark(mark) => {
                if let Some(compare) = Compare::ALL.iter().find(|compare| compare.text() == *mark) {
                    (Binary::Compare(*compare), COMPARISON)
                } else {
                    let arithmetic = *Arithmetic::ALL.iter().find(|arithmetic| arithmetic.text() == *mark)?;
                    let strength = match arithmetic {
                        Arithmetic::Add | Arithmetic::Subtract => 5,
                        Arithmetic::Multiply | Arithmetic::Divide => 6,
                    };
                    (Binary::Arithmetic(arithmetic), strength)
                }
            }
            _ => return None,
        })
    }

    fn node(&self, span: Range<usize>, below: usize, node: AstNode) -> Result<Ast, ExpressionError> {
        if below >= MAX_HEIGHT {
            return Err(self.too_deep(span));
        }
        Ok(Ast { span, node, height: below + 1 })
    }

    /// The current token; the last one is always `End` and is never passed.
    fn peek(&self) -> &Token {
        self.lexemes.get(self.at).map_or(&Token::End, |lexeme| &lexeme.token)
    }

    fn span(&self) -> Range<usize> {
        self.lexemes.get(self.at).map_or(self.source.len()..self.source.len(), |lexeme| lexeme.span.clone())
    }

    fn unexpected(&self, expected: &str) -> ExpressionError {
        let span = self.span();
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            _ => format!("`{}`", shorten(&self.source[span.clone()])),
        };
        let error = ExpressionError::new(
            self.source,
            Category::Syntax,
            span,
            format!("expected {expected}, found {found}"),
        );
        match self.peek() {
            Token::End => match self.open.last() {
                Some(open) => {
                    let column = self.source[..*open].chars().count() + 1;
                    error.help(format!("the `(` at column {column} is not closed"))
                }
                None => error,
            },
            Token::Name(name) => {
                let lower = name.to_lowercase();
                let word = ["and", "or", "not"].into_iter().find(|word| *word == lower);
                match word.filter(|word| word != name) {
                    Some(word) => error.help(format!("write `{word}` in lower case")),
                    None => match did_you_mean(name, ["and", "or"]) {
                        Some(help) if name != "and" && name != "or" => error.help(help),
                        _ => error,
                    },
                }
            }
            _ => error,
        }
    }

    fn chained(&self, left: &Ast, operator: Binary, right: &Ast) -> ExpressionError {
        let text = |ast: &Ast| shorten(&self.source[ast.span.clone()]);
        let (first, second) = (text(left), text(right));
        let next = self.source[self.span()].to_owned();
        ExpressionError::new(
            self.source,
            Category::Syntax,
            self.span(),
            format!(
                "expected `and`, `or` or the end of the expression, found `{next}`: comparisons do not chain"
            ),
        )
        .help(format!("write `{first} {} {second} and {second} {next} …`", operator.text()))
    }

    fn too_deep(&self, span: Range<usize>) -> ExpressionError {
        let message =
            format!("operators, functions and parentheses are more than {MAX_HEIGHT} levels deep here");
        ExpressionError::new(self.source, Category::Size, span, message).help("split it into features")
    }
}
