//! Text to tokens.

use std::ops::Range;

use crate::error::{Category, ExpressionError};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    /// What stands behind `@` and begins with a digit: `1w`.
    Interval(String),
    /// An operator or a mark.
    Mark(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) span: Range<usize>,
}

/// Longer marks first, so that `<=` is not `<` and `=`.
const MARKS: [&str; 16] =
    ["<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")", ",", ".", "=", "@"];

/// Marks of other languages, and what this one has instead. Longer ones first.
const FOREIGN: [(&str, &str); 14] = [
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("**", "there is no power: multiply"),
    ("//", "write `/`"),
    ("<>", "write `!=`"),
    ("=<", "write `<=`"),
    ("=>", "write `>=`"),
    ("&", "write `and`"),
    ("|", "write `or`"),
    ("!", "write `not`"),
    ("^", "there is no power: multiply"),
    ("?", "write `if(condition, a, b)`"),
    ("[", "write `delay(x, n)` for the value n bars ago"),
    ("$", "only the expressions of a strategy name parameters, which its search.grid lists"),
];

pub(crate) fn tokens(source: &str) -> Result<Vec<Lexeme>, ExpressionError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut lexemes: Vec<Lexeme> = Vec::new();
    loop {
        let behind_at = lexemes.last().is_some_and(|before| before.token == Token::Mark("@"));
        let lexeme = lexer.next(behind_at)?;
        let end = lexeme.token == Token::End;
        lexemes.push(lexeme);
        if end {
            return Ok(lexemes);
        }
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self, behind_at: bool) -> Result<Lexeme, ExpressionError> {
        self.take_while(|c| c.is_ascii_whitespace());
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok(Lexeme { token: Token::End, span: start..start });
        };
        let token = match first {
            '0'..='9' if behind_at => {
                Token::Interval(self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned())
            }
            '0'..='9' => self.number(start)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                Token::Name(self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned())
            }
            '"' | '\'' => self.text(start, first)?,
            _ => self.mark(start, first)?,
        };
        Ok(Lexeme { token, span: start..self.at })
    }

    fn number(&mut self, start: usize) -> Result<Token, ExpressionError> {
        self.digits();
        if self.rest().starts_with('.') {
            self.at += 1;
            if self.digits() == 0 {
                let text = &self.source[start..self.at - 1];
                return Err(self
                    .error(start, format!("expected digits after `{text}.`"))
                    .help(format!("write `{text}` or `{text}.0`")));
            }
        }
        if self.rest().starts_with(['e', 'E']) {
            self.at += 1;
            if self.rest().starts_with(['+', '-']) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(
                    self.error(start, format!("expected digits after `{}`", &self.source[start..self.at]))
                );
            }
        }
        if self.rest().starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
            let text = &self.source[start..self.at];
            return Err(self.error(start, format!("expected a number or a name, found `{}`", shorten(text))));
        }
        let text = &self.source[start..self.at];
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Token::Number(value)),
            _ => {
                Err(self.error(start, format!("expected a number below 1.8e308, found `{}`", shorten(text))))
            }
        }
    }

    fn text(&mut self, start: usize, quote: char) -> Result<Token, ExpressionError> {
        self.at += 1;
        let inside = self.take_while(|c| c != quote && c != '\n').to_owned();
        if !self.rest().starts_with(quote) {
            return Err(self.error(start, format!("expected a closing `{quote}`, found the end of the line")));
        }
        self.at += 1;
        Ok(Token::Text(inside))
    }

    fn mark(&mut self, start: usize, first: char) -> Result<Token, ExpressionError> {
        let rest = self.rest();
        let foreign = FOREIGN.iter().find(|(mark, _)| rest.starts_with(mark) && !rest.starts_with("!="));
        if let Some((mark, instead)) = foreign {
            self.at += mark.len();
            return Err(self
                .error(start, format!("expected an expression or an operator, found `{mark}`"))
                .help(*instead));
        }
        match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            Some(&"=") => {
                self.at += 1;
                Err(self.error(start, "expected an operator, found `=`").help("write `==` to compare"))
            }
            Some(&".") if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.at += 1;
                let digits = self.take_while(|c| c.is_ascii_digit()).to_owned();
                Err(self
                    .error(start, format!("expected a digit before `.{digits}`"))
                    .help(format!("write `0.{digits}`")))
            }
            Some(mark) => {
                self.at += mark.len();
                Ok(Token::Mark(mark))
            }
            None => {
                self.at += first.len_utf8();
                let (code, shown) = (first as u32, first.escape_debug());
                Err(self.error(
                    start,
                    format!("expected an expression or an operator, found `{shown}` (U+{code:04X})"),
                ))
            }
        }
    }

    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn digits(&mut self) -> usize {
        self.take_while(|c| c.is_ascii_digit()).len()
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let rest = self.rest();
        self.at += rest.find(|c| !keep(c)).unwrap_or(rest.len());
        &self.source[start..self.at]
    }

    fn error(&self, start: usize, message: impl Into<String>) -> ExpressionError {
        ExpressionError::new(self.source, Category::Syntax, start..self.at, message)
    }
}

/// A text that fits a message.
pub(crate) fn shorten(text: &str) -> String {
    const MOST: usize = 40;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}
