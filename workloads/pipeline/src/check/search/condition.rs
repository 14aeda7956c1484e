//! `where`: a condition over numbers alone, in the expression language.

use ats_expression::{Any, Arithmetic, Boolean, Compare, Extreme, Kind, Logic, Node, Number, Scope};

/// A checked condition over numbers alone.
pub(super) struct Condition(Boolean);

impl Condition {
    /// Parses and checks a condition in which numbers stand for the parameters.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let typed = ats_expression::parse(text)
            .and_then(|parsed| ats_expression::check_kind(&parsed, &Scope::new(), Kind::Boolean))
            .map_err(|error| error.to_string())?;
        let mut only_numbers = true;
        Any::from(typed.node()).visit(&mut |any| only_numbers &= is_of_numbers(any));
        match typed.node() {
            Node::Boolean(condition) if only_numbers => Ok(Self(condition.clone())),
            _ => Err(
                "it is about the parameters alone: numbers, + - * /, min, max, if, comparisons, and, or, not"
                    .to_owned(),
            ),
        }
    }

    /// Whether it is true; what is null (a division by 0) is not.
    pub(super) fn holds(&self) -> bool {
        truth(&self.0) == Some(true)
    }
}

fn is_of_numbers(any: Any<'_>) -> bool {
    match any {
        Any::Number(number) => matches!(
            number,
            Number::Constant(_)
                | Number::Negate(_)
                | Number::Arithmetic { .. }
                | Number::Extreme { .. }
                | Number::If { .. }
        ),
        Any::Boolean(boolean) => !matches!(boolean, Boolean::Feature(_) | Boolean::Cross { .. }),
    }
}

/// Kleene's logic, as in expressions over bars.
fn truth(boolean: &Boolean) -> Option<bool> {
    match boolean {
        Boolean::Not(input) => truth(input).map(|value| !value),
        Boolean::Logic { operator, left, right } => {
            let decisive = match operator {
                Logic::And => false,
                Logic::Or => true,
            };
            match (truth(left), truth(right)) {
                (Some(value), _) | (_, Some(value)) if value == decisive => Some(decisive),
                (Some(_), Some(_)) => Some(!decisive),
                _ => None,
            }
        }
        Boolean::Compare { operator, left, right } => {
            let (left, right) = (value(left)?, value(right)?);
            Some(match operator {
                Compare::Less => left < right,
                Compare::LessOrEqual => left <= right,
                Compare::Greater => left > right,
                Compare::GreaterOrEqual => left >= right,
                Compare::Equal => left == right,
                Compare::NotEqual => left != right,
            })
        }
        Boolean::If { condition, then, otherwise } => truth(if truth(condition)? { then } else { otherwise }),
        Boolean::Feature(_) | Boolean::Cross { .. } => None,
    }
}

fn value(number: &Number) -> Option<f64> {
    let found = match number {
        Number::Constant(constant) => constant.get(),
        Number::Negate(input) => -value(input)?,
        Number::Arithmetic { operator, left, right } => {
            let (left, right) = (value(left)?, value(right)?);
            match operator {
                Arithmetic::Add => left + right,
                Arithmetic::Subtract => left - right,
                Arithmetic::Multiply => left * right,
                Arithmetic::Divide => left / right,
            }
        }
        Number::Extreme { function, left, right } => {
            let (left, right) = (value(left)?, value(right)?);
            match function {
                Extreme::Min => left.min(right),
                Extreme::Max => left.max(right),
            }
        }
        Number::If { condition, then, otherwise } => value(if truth(condition)? { then } else { otherwise })?,
        _ => return None,
    };
    found.is_finite().then_some(found)
}
