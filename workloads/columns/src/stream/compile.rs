//! From expressions to the steps of a stream: each distinct subexpression once.

use std::collections::{BTreeMap, HashMap};

use ats_calendar::{Calendar, Interval};
use ats_expression::{Boolean, Column as BarColumn, Name, Node, Number, Ticker, Typed};

use super::{BooleanSlot, NumberSlot, Slot, Step, Stream};
use crate::adjust::Adjustment;
use crate::coarse::Coarsening;
use crate::evaluate::EvaluateError;
use crate::evaluate::booleans::direction_of;
use crate::evaluate::call::{Call, Operand, Several};
use crate::kernels::cross::Crossing;

/// Stands for the ticker in errors: a stream is of any ticker.
const ANY: &str = "a stream";

pub(super) fn stream<'e>(
    expressions: impl IntoIterator<Item = (&'e Name, &'e Typed)>,
    adjustment: Adjustment,
    interval: Interval,
    calendar: &'static Calendar,
) -> Result<Stream, EvaluateError> {
    let mut compiler = Compiler::new(interval, calendar);
    let mut roots = Vec::new();
    for (name, typed) in expressions {
        let slot = match typed.node() {
            Node::Number(number) => Slot::Number(compiler.number(number)?),
            Node::Boolean(boolean) => Slot::Boolean(compiler.boolean(boolean)?),
        };
        roots.push(slot);
        compiler.features.insert(name, slot);
    }
    Ok(Stream {
        adjustment,
        calendar,
        steps: compiler.steps,
        numbers: compiler.numbers,
        booleans: vec![None; compiler.booleans],
        roots,
        last: None,
    })
}

/// The maps are only looked up, never walked: their order decides nothing.
struct Compiler<'e> {
    interval: Interval,
    calendar: &'static Calendar,
    steps: Vec<(usize, Step)>,
    /// The first values of the number slots: those of constants stay.
    numbers: Vec<f64>,
    booleans: usize,
    features: BTreeMap<&'e Name, Slot>,
    known_numbers: HashMap<&'e Number, NumberSlot>,
    known_booleans: HashMap<&'e Boolean, BooleanSlot>,
    calls: HashMap<Several<'e>, NumberSlot>,
    columns: BTreeMap<BarColumn, NumberSlot>,
    others: BTreeMap<(&'e Ticker, BarColumn), NumberSlot>,
}

impl<'e> Compiler<'e> {
    fn new(interval: Interval, calendar: &'static Calendar) -> Self {
        Self {
            interval,
            calendar,
            steps: Vec::new(),
            numbers: Vec::new(),
            booleans: 0,
            features: BTreeMap::new(),
            known_numbers: HashMap::new(),
            known_booleans: HashMap::new(),
            calls: HashMap::new(),
            columns: BTreeMap::new(),
            others: BTreeMap::new(),
        }
    }

    fn number(&mut self, number: &'e Number) -> Result<NumberSlot, EvaluateError> {
        if let Some(slot) = self.known_numbers.get(number) {
            return Ok(*slot);
        }
        let slot = self.compile_number(number)?;
        self.known_numbers.insert(number, slot);
        Ok(slot)
    }

    fn compile_number(&mut self, number: &'e Number) -> Result<NumberSlot, EvaluateError> {
        let step = match number {
            Number::Constant(value) => {
                self.numbers.push(value.get());
                return Ok(self.numbers.len() - 1);
            }
            Number::Column(column) => return Ok(self.column(*column)),
            Number::ColumnOf { column, ticker } => return Ok(self.column_of(ticker, *column)),
            Number::Own(name) => {
                // A stream is given bars; what else was known when is read from files.
                return Err(EvaluateError::Own { ticker: ANY.to_owned(), name: name.clone() });
            }
            Number::CoarseColumn { column, interval } => {
                let state = Coarsening::new(self.calendar, self.interval, *interval, *column);
                Step::CoarseColumn(*column, state)
            }
            Number::Feature(name) => {
                return match self.feature(name)? {
                    Slot::Number(slot) => Ok(slot),
                    Slot::Boolean(_) => Err(wrong_kind(name, "number")),
                };
            }
            Number::Negate(input) => Step::Negate(self.number(input)?),
            Number::Arithmetic { operator, left, right } => {
                Step::Arithmetic(*operator, self.number(left)?, self.number(right)?)
            }
            Number::If { condition, then, otherwise } => {
                Step::If(self.boolean(condition)?, self.number(then)?, self.number(otherwise)?)
            }
            Number::Map { function, input } => Step::Map(*function, self.number(input)?),
            Number::Extreme { function, left, right } => {
                Step::Extreme(*function, self.number(left)?, self.number(right)?)
            }
            Number::Clip { input, low, high } => {
                Step::Clip(self.number(input)?, self.number(low)?, self.number(high)?)
            }
            Number::Calendar(part) => Step::Calendar(*part),
            Number::CrossSection { function, .. } => return Err(across_tickers(function.text())),
            Number::Winsorize { .. } => return Err(across_tickers("winsorize")),
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
        Ok(self.add(step, 1))
    }

    /// The slot of a node that a kernel computes.
    fn kernel(&mut self, number: &'e Number) -> Result<NumberSlot, EvaluateError> {
        let several = Several::of(number);
        if let Some((several, output)) = &several
            && let Some(first) = self.calls.get(several)
        {
            return Ok(first + output);
        }
        let Some(call) = Call::of(number) else {
            // Cannot happen: the caller names the nodes that have one. A slot that nothing fills is null.
            self.numbers.push(f64::NAN);
            return Ok(self.numbers.len() - 1);
        };
        let mut reads = Vec::with_capacity(call.operands.len());
        for operand in call.operands {
            reads.push(match operand {
                Operand::Number(number) => self.number(number)?,
                Operand::Condition(condition) => {
                    let condition = self.boolean(condition)?;
                    self.add(Step::OneIf(condition), 1)
                }
                Operand::Column(column) => self.column(column),
                Operand::ColumnOf(ticker, column) => self.column_of(ticker, column),
            });
        }
        let row = vec![f64::NAN; reads.len()];
        let outputs = call.outputs;
        let first = self.add(Step::Kernel { reads, row, outputs, kernel: call.kernel }, outputs);
        Ok(match several {
            Some((several, output)) => {
                self.calls.insert(several, first);
                first + output
            }
            None => first,
        })
    }

    fn boolean(&mut self, boolean: &'e Boolean) -> Result<BooleanSlot, EvaluateError> {
        if let Some(slot) = self.known_booleans.get(boolean) {
            return Ok(*slot);
        }
        let step = match boolean {
            Boolean::Feature(name) => {
                return match self.feature(name)? {
                    Slot::Boolean(slot) => Ok(slot),
                    Slot::Number(_) => Err(wrong_kind(name, "condition")),
                };
            }
            Boolean::Not(input) => Step::Not(self.boolean(input)?),
            Boolean::Logic { operator, left, right } => {
                Step::Logic(*operator, self.boolean(left)?, self.boolean(right)?)
            }
            Boolean::Compare { operator, left, right } => {
                Step::Compare(*operator, self.number(left)?, self.number(right)?)
            }
            Boolean::If { condition, then, otherwise } => {
                Step::IfBoolean(self.boolean(condition)?, self.boolean(then)?, self.boolean(otherwise)?)
            }
            Boolean::Cross { direction, left, right } => {
                let crossing = Crossing::new(direction_of(*direction));
                Step::Cross(crossing, self.number(left)?, self.number(right)?)
            }
        };
        let slot = self.booleans;
        self.booleans += 1;
        self.steps.push((slot, step));
        self.known_booleans.insert(boolean, slot);
        Ok(slot)
    }

    /// Adds a step that fills the next number slots.
    fn add(&mut self, step: Step, outputs: usize) -> NumberSlot {
        let slot = self.numbers.len();
        self.numbers.resize(slot + outputs, f64::NAN);
        self.steps.push((slot, step));
        slot
    }

    fn column(&mut self, column: BarColumn) -> NumberSlot {
        if let Some(slot) = self.columns.get(&column) {
            return *slot;
        }
        let slot = self.add(Step::Column(column), 1);
        self.columns.insert(column, slot);
        slot
    }

    fn column_of(&mut self, ticker: &'e Ticker, column: BarColumn) -> NumberSlot {
        if let Some(slot) = self.others.get(&(ticker, column)) {
            return *slot;
        }
        let slot = self.add(Step::ColumnOf(ticker.clone(), column), 1);
        self.others.insert((ticker, column), slot);
        slot
    }

    fn feature(&self, name: &Name) -> Result<Slot, EvaluateError> {
        self.features
            .get(name)
            .copied()
            .ok_or_else(|| EvaluateError::Feature { ticker: ANY.to_owned(), name: name.clone() })
    }
}

fn wrong_kind(name: &Name, wanted: &'static str) -> EvaluateError {
    EvaluateError::Kind { ticker: ANY.to_owned(), name: name.clone(), wanted }
}

fn across_tickers(function: &'static str) -> EvaluateError {
    EvaluateError::CrossSection { ticker: ANY.to_owned(), function }
}
