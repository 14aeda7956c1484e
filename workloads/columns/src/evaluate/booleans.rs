//! The values of boolean expressions.

use std::sync::Arc;

use ats_expression::{Boolean, Compare, Cross, Logic};

use super::values::{Column, Values, zip};
use super::{EvaluateError, Evaluator};
use crate::kernels::cross;
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
                let logic = match operator {
                    Logic::And => kleene::and,
                    Logic::Or => kleene::or,
                };
                left.iter().zip(right.iter()).map(|(a, b)| logic(*a, *b)).collect()
            }
            Boolean::Compare { operator, left, right } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                compare(*operator, &left, &right, rows)
            }
            Boolean::If { condition, then, otherwise } => {
                let condition = self.boolean(condition)?;
                let (then, otherwise) = (self.boolean(then)?, self.boolean(otherwise)?);
                let choose = |row| match condition[row] {
                    Some(true) => then[row],
                    Some(false) => otherwise[row],
                    None => None,
                };
                (0..rows).map(choose).collect()
            }
            Boolean::Cross { direction, left, right } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                let kernel = match direction {
                    Cross::Above => cross::cross_above,
                    Cross::Below => cross::cross_below,
                };
                left.with_slice(rows, |left| {
                    right.with_slice(rows, |right| {
                        let segments = self.inputs.segments().iter();
                        segments.flat_map(|rows| kernel(&left[rows.clone()], &right[rows.clone()])).collect()
                    })
                })
            }
        };
        Ok(Arc::new(values))
    }
}

fn compare(operator: Compare, left: &Values<'_>, right: &Values<'_>, rows: usize) -> Vec<Option<bool>> {
    let with = |test: fn(f64, f64) -> bool| zip(left, right, rows, |a, b| kleene::compare(a, b, test));
    match operator {
        Compare::Less => with(|a, b| a < b),
        Compare::LessOrEqual => with(|a, b| a <= b),
        Compare::Greater => with(|a, b| a > b),
        Compare::GreaterOrEqual => with(|a, b| a >= b),
        Compare::Equal => with(|a, b| a == b),
        Compare::NotEqual => with(|a, b| a != b),
    }
}
