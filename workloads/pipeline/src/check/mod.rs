//! From a custom resource's spec to checked types, or every problem with its field path and the mend.
//!
//! The operator puts the problems on the object, `ats validate` prints them: one source. What the schema and its CEL
//! rules refuse is refused by the API server already; checks here repeat a bound only where a type needs it.

mod draw;
mod entry;
mod expression;
mod model;
mod search;
mod signal;
mod source;
mod strategy;
mod trials;
mod universe;

use std::fmt;

use ats_crds::Reason;
use jiff::civil::Date;
use rust_decimal::Decimal;

pub use model::{CheckedModel, model, tradable};
pub use source::{Volume, is_local, mount_path, mounts_agree, store_volume};
pub use strategy::{CheckedStrategy, strategy};
pub use universe::{CheckedUniverse, universe};

/// One thing that is wrong with a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Field path as the API server writes it: `spec.features[3].expression`.
    pub path: String,
    /// The reason on the condition.
    pub reason: Reason,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Problems as one text for a condition, the first few of them.
pub fn summary(problems: &[Problem]) -> String {
    const SHOWN: usize = 3;
    let mut text = problems.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if problems.len() > SHOWN {
        text.push_str(&format!("; and {} more: `ats validate` lists all", problems.len() - SHOWN));
    }
    text
}

/// Collects problems, so that a user sees all of them at once.
#[derive(Debug, Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add_as(path, Reason::InvalidSpec, message);
    }

    fn add_as(&mut self, path: impl Into<String>, reason: Reason, message: impl Into<String>) {
        self.push(Problem { path: path.into(), reason, message: message.into() });
    }

    fn push(&mut self, problem: Problem) {
        // A field that two checks read is one problem.
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// The value, or its error as a problem and nothing.
    fn take<T, E: fmt::Display>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(path, error.to_string())).ok()
    }

    fn date(&mut self, path: &str, text: &str) -> Option<Date> {
        text.parse()
            .map_err(|_| self.add(path, format!("{text:?} is not a date: write it as 2004-01-31")))
            .ok()
    }

    fn count(&mut self, path: &str, value: i32) -> u32 {
        u32::try_from(value).unwrap_or_else(|_| {
            self.add(path, format!("{value} must not be negative"));
            0
        })
    }

    fn finish<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

/// "did you mean `x`? It has: x, y" for a name that is not among those that are known.
fn instead<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let known: Vec<&str> = known.into_iter().collect();
    let mut listed = known.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if known.len() > SHOWN {
        listed.push_str(&format!(" and {} more", known.len() - SHOWN));
    }
    if known.is_empty() {
        listed.push_str("none");
    }
    match ats_expression::did_you_mean(name, known) {
        Some(near) => format!("{near} It has: {listed}"),
        None => format!("it has: {listed}"),
    }
}

/// A bound of a gate as a number; the schema keeps it a decimal, so the conversion loses nothing that matters.
fn bound(decimal: Decimal) -> f64 {
    use rust_decimal::prelude::ToPrimitive;
    decimal.to_f64().unwrap_or(f64::NAN)
}
