//! What is wrong with an expression, where, and what to write instead.

use std::fmt;
use std::ops::Range;

/// An error in an expression, at a place in its source.
///
/// `Display` is one line; [`ExpressionError::caret`] shows the place under the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// Which expression.
    pub origin: Origin,
    /// What sort of error it is.
    pub category: Category,
    /// The place, in bytes of the source.
    pub span: Range<usize>,
    /// What was found and what was expected.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    source: Box<str>,
}

/// Which expression an error is in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// An expression on its own.
    #[default]
    Lone,
    /// The expression (or the name) of a feature.
    Feature {
        /// Its place in the list, from 0.
        index: usize,
        /// Its name.
        name: String,
    },
    /// The ranking of a selection.
    Ranking,
}

/// The sort of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Not of the language.
    Syntax,
    /// A name that nothing has, or that is taken.
    Name,
    /// A number where a boolean is wanted, a wrong number of arguments and the like.
    Type,
    /// A literal outside its range.
    Range,
    /// Units of measure that do not go together.
    Unit,
    /// Too long or too deep.
    Size,
    /// Features that need each other, or a ranking that needs the active set.
    Cycle,
}

impl ExpressionError {
    pub(crate) fn new(
        source: &str,
        category: Category,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            origin: Origin::Lone,
            category,
            span,
            message: message.into(),
            help: None,
            source: source.into(),
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn at(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// The expression that has the error; empty when the error is about the name of a feature.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is about the name of a feature and not about its expression.
    #[must_use]
    pub fn is_about_name(&self) -> bool {
        self.category == Category::Name && self.source.is_empty()
    }

    /// The place as a person counts: characters from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.before().chars().count() + 1
    }

    /// The line of the source that has the error, cut to what fits a terminal, and carets under the place:
    ///
    /// ```text
    /// rsi(close, 1.5)
    ///            ^^^ expected an integer from 2 to 10000 for `n` of `rsi(x, n)`, found `1.5`
    /// ```
    #[must_use]
    pub fn caret(&self) -> String {
        const BEFORE: usize = 60;
        const AFTER: usize = 40;
        let before = self.before();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let lead: Vec<char> = before[line_start..].chars().collect();
        let rest = self.source.get(before.len()..).unwrap_or_default();
        let rest = rest.split('\n').next().unwrap_or_default();

        let cut_left = lead.len() > BEFORE;
        let shown_lead: String = lead[lead.len().saturating_sub(BEFORE)..].iter().collect();
        let shown_rest: String = rest.chars().take(AFTER).collect();
        let cut_right = rest.chars().count() > AFTER;
        let marked =
            self.source.get(self.span.clone()).unwrap_or_default().split('\n').next().unwrap_or_default();
        let width = marked.chars().count().clamp(1, AFTER);

        let (left, right) = (if cut_left { "…" } else { "" }, if cut_right { "…" } else { "" });
        let indent = " ".repeat(left.chars().count() + shown_lead.chars().count());
        let mut text =
            format!("{left}{shown_lead}{shown_rest}{right}\n{indent}{} {}", "^".repeat(width), self.message);
        if let Some(help) = &self.help {
            text.push_str(&format!("\n{indent}help: {help}"));
        }
        text
    }

    fn before(&self) -> &str {
        let end = self.span.start.min(self.source.len());
        self.source.get(..end).unwrap_or(&self.source)
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Lone => {}
            Origin::Feature { .. } if self.is_about_name() => {}
            Origin::Feature { name, .. } => write!(f, "feature `{name}`, ")?,
            Origin::Ranking => f.write_str("ranking, ")?,
        }
        if !self.is_about_name() {
            write!(f, "column {}: ", self.column())?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ExpressionError {}

/// "did you mean `x`?" when one of the candidates is near: for features, tickers, parameters and whatever else has names.
pub fn did_you_mean<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(found, candidates).map(|name| format!("did you mean `{name}`?"))
}

fn nearest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ: more than that is another word.
    let most = (found.chars().count() / 3).max(1);
    let lower = found.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `a`, `a or b`, `a, b or c`, each in backquotes.
pub(crate) fn alternatives(items: &[&str]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, head)) => format!("{} or {last}", head.join(", ")),
    }
}
