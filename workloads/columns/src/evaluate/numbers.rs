//! The values of number expressions.

use std::borrow::Cow;
use std::sync::Arc;

use ats_expression::{Arithmetic, Extreme, Map, Number, Ticker};

use super::call::{Call, Operand, Several};
use super::memory;
use super::scalar;
use super::values::{Column, Values, map_numbers, zip_numbers};
use super::{EvaluateError, Evaluator};
use crate::kernels::kernel::total;
use crate::kernels::statistics::one_if;

/// How many rows a kernel is given at a time: its columns and outputs stay in the cache between the looks at them.
const ROWS_AT_ONCE: usize = 4096;

impl<'e, 'i> Evaluator<'e, 'i> {
    pub(super) fn number(&mut self, number: &'e Number) -> Result<Values<'i>, EvaluateError> {
        if let Some(values) = self.memo.number(number) {
            return Ok(values);
        }
        let values = self.compute_number(number)?;
        self.memo.keep_number(number, &values);
        Ok(values)
    }

    fn compute_number(&mut self, number: &'e Number) -> Result<Values<'i>, EvaluateError> {
        let rows = self.inputs.rows();
        let values = match number {
            Number::Constant(value) => return Ok(Values::Constant(value.get())),
            Number::Column(column) => return Ok(Values::Borrowed(self.inputs.column(*column))),
            Number::ColumnOf { column, ticker } => {
                return Ok(Values::Shared(Arc::new(self.column_of(ticker, *column)?)));
            }
            Number::Own(name) => {
                return self.inputs.own(name).map(Values::Borrowed).ok_or_else(|| EvaluateError::Own {
                    ticker: self.inputs.ticker().to_owned(),
                    name: name.clone(),
                });
            }
            Number::CoarseColumn { column, interval } => {
                self.inputs.coarse_column(*interval, *column).ok_or_else(|| EvaluateError::Interval {
                    ticker: self.inputs.ticker().to_owned(),
                    column: number.to_string(),
                })?
            }
            Number::Feature(name) => {
                return match self.feature(name)? {
                    Column::Number(values) => Ok(Values::Shared(Arc::clone(values))),
                    Column::Boolean(_) => Err(self.wrong_kind(name, "number")),
                };
            }
            Number::Negate(input) => match self.number(input)? {
                Values::Constant(value) => return Ok(Values::Constant(-value)),
                input => map_numbers(&input, rows, |x| -x),
            },
            Number::Arithmetic { operator, left, right } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                // One loop for each operator, so that none decides at each row.
                match operator {
                    Arithmetic::Add => zip_numbers(&left, &right, rows, |a, b| a + b),
                    Arithmetic::Subtract => zip_numbers(&left, &right, rows, |a, b| a - b),
                    Arithmetic::Multiply => zip_numbers(&left, &right, rows, |a, b| a * b),
                    Arithmetic::Divide => {
                        zip_numbers(&left, &right, rows, |a, b| scalar::arithmetic(Arithmetic::Divide, a, b))
                    }
                }
            }
            Number::If { condition, then, otherwise } => {
                let condition = self.boolean(condition)?;
                let (then, otherwise) = (self.number(then)?, self.number(otherwise)?);
                let (then, otherwise) = (then.spread(rows), otherwise.spread(rows));
                let chosen = condition.iter().zip(&*then).zip(&*otherwise);
                memory::column(
                    chosen
                        .map(|((condition, then), otherwise)| scalar::choose(*condition, *then, *otherwise)),
                )
            }
            Number::Map { function, input } => {
                let input = self.number(input)?;
                match function {
                    Map::Log => map_numbers(&input, rows, |x| scalar::map(Map::Log, x)),
                    Map::Exp => map_numbers(&input, rows, |x| scalar::map(Map::Exp, x)),
                    Map::Abs => map_numbers(&input, rows, |x| scalar::map(Map::Abs, x)),
                    Map::Sign => map_numbers(&input, rows, |x| scalar::map(Map::Sign, x)),
                    Map::Sqrt => map_numbers(&input, rows, |x| scalar::map(Map::Sqrt, x)),
                }
            }
            Number::Extreme { function, left, right } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                match function {
                    Extreme::Min => {
                        zip_numbers(&left, &right, rows, |a, b| scalar::extreme(Extreme::Min, a, b))
                    }
                    Extreme::Max => {
                        zip_numbers(&left, &right, rows, |a, b| scalar::extreme(Extreme::Max, a, b))
                    }
                }
            }
            Number::Clip { input, low, high } => {
                let (input, low, high) = (self.number(input)?, self.number(low)?, self.number(high)?);
                let (low, high) = (low.spread(rows), high.spread(rows));
                let input = input.spread(rows);
                let bounded = input.iter().zip(&*low).zip(&*high);
                memory::column(bounded.map(|((x, low), high)| scalar::clip(*x, *low, *high)))
            }
            Number::Calendar(part) => {
                let sessions = self.inputs.bars().session().iter();
                memory::column(sessions.map(|session| scalar::calendar(*part, *session)))
            }
            Number::CrossSection { function, .. } => return self.cross_section(number, function.text()),
            Number::Winsorize { .. } => return self.cross_section(number, "winsorize"),
            Number::Window { .. }
            | Number::Quantile { .. }
            | Number::PairWindow { .. }
            | Number::Count { .. }
            | Number::Macd { .. }
            | Number::Bollinger { .. }
            | Number::Stochastic { .. }
            | Number::Bars { .. }
            | Number::Obv
            | Number::Beta { .. } => return self.kernel(number),
        };
        Ok(Values::Shared(Arc::new(values)))
    }

    /// The values of a node that a kernel computes.
    fn kernel(&mut self, number: &'e Number) -> Result<Values<'i>, EvaluateError> {
        let several = Several::of(number);
        if let Some((several, output)) = &several
            && let Some(mut outputs) = self.memo.outputs(several)
        {
            return Ok(outputs.swap_remove(*output));
        }
        // There is one: the caller names the nodes that have it.
        let Some(call) = Call::of(number) else { return Ok(Values::Constant(f64::NAN)) };
        let read = |output: usize| several.is_none_or(|(several, _)| self.memo.is_read(&several, output));
        let read: Vec<bool> = (0..call.outputs).map(read).collect();
        let mut outputs: Vec<Values<'i>> =
            self.call(call, &read)?.into_iter().map(|values| Values::Shared(Arc::new(values))).collect();
        match several {
            Some((several, output)) => {
                self.memo.keep_outputs(&several, &outputs);
                Ok(outputs.swap_remove(output))
            }
            None => Ok(outputs.swap_remove(0)),
        }
    }

    /// The outputs of a kernel, which begins anew with each segment; what is not finite is null. Of those that nobody
    /// reads only a piece is ever held.
    fn call(&mut self, mut call: Call<'e>, read: &[bool]) -> Result<Vec<Vec<f64>>, EvaluateError> {
        let rows = self.inputs.rows();
        let mut operands: Vec<Values<'i>> = Vec::with_capacity(call.operands.len());
        for operand in &call.operands {
            operands.push(match operand {
                Operand::Number(number) => self.number(number)?,
                Operand::Condition(condition) => Values::Shared(Arc::new(memory::column(
                    self.boolean(condition)?.iter().map(|held| one_if(*held)),
                ))),
                Operand::Column(column) => Values::Borrowed(self.inputs.column(*column)),
                Operand::ColumnOf(ticker, column) => {
                    Values::Shared(Arc::new(self.column_of(ticker, *column)?))
                }
            });
        }
        let columns: Vec<Cow<'_, [f64]>> = operands.iter().map(|operand| operand.spread(rows)).collect();
        let mut outputs: Vec<Vec<f64>> =
            read.iter().map(|read| memory::room(if *read { rows } else { ROWS_AT_ONCE.min(rows) })).collect();
        for segment in self.inputs.segments() {
            call.kernel.restart();
            let mut at = segment.start;
            while at < segment.end {
                let end = segment.end.min(at + ROWS_AT_ONCE);
                let columns: Vec<&[f64]> = columns.iter().map(|column| &column[at..end]).collect();
                call.kernel.fill(&columns, &mut outputs);
                for (output, read) in outputs.iter_mut().zip(read) {
                    if !*read {
                        output.clear();
                    } else if !total(&output[at..end]).is_finite() {
                        output[at..end].iter_mut().for_each(|value| *value = scalar::finite(*value));
                    }
                }
                at = end;
            }
        }
        Ok(outputs)
    }

    fn column_of(&self, ticker: &Ticker, column: ats_expression::Column) -> Result<Vec<f64>, EvaluateError> {
        self.inputs.column_of(ticker, column).ok_or_else(|| EvaluateError::Benchmark {
            ticker: self.inputs.ticker().to_owned(),
            benchmark: ticker.clone(),
        })
    }

    fn cross_section(&self, node: &Number, function: &'static str) -> Result<Values<'i>, EvaluateError> {
        self.inputs
            .cross_section(node)
            .map(Values::Borrowed)
            .ok_or_else(|| EvaluateError::CrossSection { ticker: self.inputs.ticker().to_owned(), function })
    }
}
