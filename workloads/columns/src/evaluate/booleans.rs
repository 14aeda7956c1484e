//! The values of boolean expressions.

use std::sync::Arc;

use ats_expression::{Boolean, Compare, Cross, Logic};

use super::scalar;
use super::values::{Column, Values, zip};
use super::{EvaluateError, Evaluator};
use crate::kernels::cross::{Crossing, Direction};
use crate::kleene;

type Booleans = Arc<Vec<Option<bool>>>;

impl<'e> Evaluator<'e, '_> {
    pub(super) fn boolean(&mut self, boolean: &'e Boolean) -> Result<Booleans, EvaluateError> {
        if let Some(values) = self.memo.boolean(boolean) {
            return Ok(values);
        }
        let values = self.compute_boolean(boolean)?;
        self.memo.keep_boolean(boolean, &values);
        Ok(values)
    }

    fn compute_boolean(&mut self, boolean: &'e Boolean) -> Result<Booleans, EvaluateError> {
        let rows = self.inputs.rows();
        let values = match boolean {
            Boolean::Feature(name) => {
                return match self.feature(name)? {
                    Column::Boolean(values) => Ok(Arc::clone(values)),
                    Column::Number(_) => Err(self.wrong_kind(name, "condition")),
                };
            }
            Boolean::Not(input) => self.boolean(input)?.iter().map(|value| kleene::not(*value)).collect(),
            Boolean::Logic { operator, left, right } => {
                let (left, right) = (self.boolean(left)?, self.boolean(right)?);
                let rows = left.iter().zip(right.iter());
                match operator {
                    Logic::And => rows.map(|(a, b)| kleene::and(*a, *b)).collect(),
                    Logic::Or => rows.map(|(a, b)| kleene::or(*a, *b)).collect(),
                }
            }
            Boolean::Compare { operator, left, right } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                compare(*operator, &left, &right, rows)
            }
            Boolean::If { condition, then, otherwise } => {
                let condition = self.boolean(condition)?;
                let (then, otherwise) = (self.boolean(then)?, self.boolean(otherwise)?);
                (0..rows)
                    .map(|row| scalar::choose_boolean(condition[row], then[row], otherwise[row]))
                    .collect()
            }
            Boolean::Cross { direction, left, right } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                let (left, right) = (left.spread(rows), right.spread(rows));
                let mut crossing = Crossing::new(direction_of(*direction));
                let mut values = Vec::with_capacity(rows);
                for segment in self.inputs.segments() {
                    crossing.restart();
                    crossing.fill(&left[segment.clone()], &right[segment.clone()], &mut values);
                }
                values
            }
        };
        Ok(Arc::new(values))
    }
}

/// One loop for each operator, so that none decides at each row.
fn compare(operator: Compare, left: &Values<'_>, right: &Values<'_>, rows: usize) -> Vec<Option<bool>> {
    use scalar::compare as test;
    match operator {
        Compare::Less => zip(left, right, rows, |a, b| test(Compare::Less, a, b)),
        Compare::LessOrEqual => zip(left, right, rows, |a, b| test(Compare::LessOrEqual, a, b)),
        Compare::Greater => zip(left, right, rows, |a, b| test(Compare::Greater, a, b)),
        Compare::GreaterOrEqual => zip(left, right, rows, |a, b| test(Compare::GreaterOrEqual, a, b)),
        Compare::Equal => zip(left, right, rows, |a, b| test(Compare::Equal, a, b)),
        Compare::NotEqual => zip(left, right, rows, |a, b| test(Compare::NotEqual, a, b)),
    }
}

/// The kernel's word for a direction.
pub(crate) fn direction_of(direction: Cross) -> Direction {
    match direction {
        Cross::Above => Direction::Above,
        Cross::Below => Direction::Below,
    }
}
