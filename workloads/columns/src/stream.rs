//! Expressions over bars that come one after the other.
//!
//! A [`Stream`] holds a state for each function of its expressions and computes a bar's values from the bar alone, at
//! a cost that depends neither on how much history there is nor (quantiles and medians apart) on the periods. The
//! states are the kernels that columns are computed by, fed in the same order, so that a stream gives the bits of
//! [`crate::evaluate_all`] over the same bars.

mod compile;

use ats_calendar::{Calendar, Interval, Session};
use ats_expression::{Arithmetic, Column as BarColumn, Compare, Extreme, Logic, Map, Name, Ticker, Typed};

use crate::adjust::Adjustment;
use crate::bars::Bars;
use crate::coarse::Coarsening;
use crate::error::ColumnsError;
use crate::evaluate::EvaluateError;
use crate::evaluate::scalar;
use crate::kernels::cross::Crossing;
use crate::kernels::kernel::Function;
use crate::kernels::statistics::one_if;
use crate::kleene;
use crate::segments::MAX_GAP_SESSIONS;

/// One bar as it comes: raw, with the factors that adjust it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// The session of the bar.
    pub session: Session,
    /// The bar's start: microseconds since 1970, UTC.
    pub timestamp: i64,
    /// Raw opening price.
    pub open: f64,
    /// Raw highest price.
    pub high: f64,
    /// Raw lowest price.
    pub low: f64,
    /// Raw closing price.
    pub close: f64,
    /// Raw volume in shares.
    pub volume: f64,
    /// Forward cumulative split factor.
    pub split_factor: f64,
    /// Forward cumulative dividend factor.
    pub dividend_factor: f64,
}

impl Bar {
    /// A row of a history.
    #[must_use]
    pub fn of(bars: &Bars, row: usize) -> Option<Self> {
        Some(Self {
            session: *bars.session().get(row)?,
            timestamp: *bars.timestamp().get(row)?,
            open: *bars.open().get(row)?,
            high: *bars.high().get(row)?,
            low: *bars.low().get(row)?,
            close: *bars.close().get(row)?,
            volume: *bars.volume().get(row)?,
            split_factor: *bars.split_factor().get(row)?,
            dividend_factor: *bars.dividend_factor().get(row)?,
        })
    }

    /// A column of the bar.
    #[must_use]
    pub fn column(&self, column: BarColumn, adjustment: Adjustment) -> f64 {
        let price = |raw: f64| match adjustment {
            Adjustment::SplitsAndDividends => raw * (self.split_factor * self.dividend_factor),
            Adjustment::Splits => raw * self.split_factor,
            Adjustment::None => raw,
        };
        match column {
            BarColumn::Open => price(self.open),
            BarColumn::High => price(self.high),
            BarColumn::Low => price(self.low),
            BarColumn::Close => price(self.close),
            BarColumn::Volume => match adjustment {
                Adjustment::SplitsAndDividends | Adjustment::Splits => self.volume / self.split_factor,
                Adjustment::None => self.volume,
            },
            BarColumn::RawOpen => self.open,
            BarColumn::RawHigh => self.high,
            BarColumn::RawLow => self.low,
            BarColumn::RawClose => self.close,
            BarColumn::RawVolume => self.volume,
        }
    }
}

/// A value at one bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A number; null is NaN, every other value is finite.
    Number(f64),
    /// A boolean of Kleene's logic; null is `None`.
    Boolean(Option<bool>),
}

impl Value {
    /// The value as a file stores it: numbers as they are, true as 1, false as 0, null as NaN.
    #[must_use]
    pub fn to_float(self) -> f64 {
        match self {
            Self::Number(value) => value,
            Self::Boolean(value) => one_if(value),
        }
    }
}

/// A place among the numbers of the current bar.
type NumberSlot = usize;
/// A place among the booleans of the current bar.
type BooleanSlot = usize;

/// Where a root's value lies.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Number(NumberSlot),
    Boolean(BooleanSlot),
}

/// One computation of each bar, in an order in which everything that it reads is there.
enum Step {
    Column(BarColumn),
    ColumnOf(Ticker, BarColumn),
    CoarseColumn(BarColumn, Coarsening<'static>),
    Negate(NumberSlot),
    Arithmetic(Arithmetic, NumberSlot, NumberSlot),
    If(BooleanSlot, NumberSlot, NumberSlot),
    Map(Map, NumberSlot),
    Extreme(Extreme, NumberSlot, NumberSlot),
    Clip(NumberSlot, NumberSlot, NumberSlot),
    Calendar(ats_expression::Calendar),
    /// A condition as a number.
    OneIf(BooleanSlot),
    /// A kernel: where it reads, what it read last, and itself; it fills as many slots as it has outputs.
    Kernel {
        reads: Vec<NumberSlot>,
        row: Vec<f64>,
        outputs: usize,
        kernel: Box<dyn Function>,
    },
    Not(BooleanSlot),
    Logic(Logic, BooleanSlot, BooleanSlot),
    Compare(Compare, NumberSlot, NumberSlot),
    IfBoolean(BooleanSlot, BooleanSlot, BooleanSlot),
    Cross(Crossing, NumberSlot, NumberSlot),
}

/// Expressions over one ticker's bars as they come.
pub struct Stream {
    adjustment: Adjustment,
    calendar: &'static Calendar,
    /// Each with the first slot that it fills.
    steps: Vec<(usize, Step)>,
    numbers: Vec<f64>,
    booleans: Vec<Option<bool>>,
    roots: Vec<Slot>,
    /// Place of the last bar's session in the calendar, and its instant.
    last: Option<(usize, i64)>,
}

impl Stream {
    /// Named expressions over bars of one length, in their order; each may use those before it by name.
    ///
    /// # Errors
    /// An expression that uses a feature which is not before it, or a function across tickers: those wait for the
    /// bars of all tickers, a stream knows its own.
    pub fn new<'e>(
        expressions: impl IntoIterator<Item = (&'e Name, &'e Typed)>,
        adjustment: Adjustment,
        interval: Interval,
        calendar: &'static Calendar,
    ) -> Result<Self, EvaluateError> {
        compile::stream(expressions, adjustment, interval, calendar)
    }

    /// The values at the next bar, in the order of the expressions. `other` gives another ticker's bar at the same
    /// instant (`timestamp`), none where it has none.
    ///
    /// # Errors
    /// A bar that does not come after the one before, or whose date is not a session of the calendar; the stream is
    /// then as if it had not been given.
    pub fn push<'b>(
        &mut self,
        bar: &Bar,
        other: impl Fn(&Ticker) -> Option<&'b Bar>,
    ) -> Result<Vec<Value>, ColumnsError> {
        if self.begins_segment(bar)? {
            self.restart();
        }
        for (to, step) in &mut self.steps {
            step.run(*to, bar, self.adjustment, &other, &mut self.numbers, &mut self.booleans);
        }
        let value = |slot: &Slot| match slot {
            Slot::Number(slot) => Value::Number(self.numbers[*slot]),
            Slot::Boolean(slot) => Value::Boolean(self.booleans[*slot]),
        };
        Ok(self.roots.iter().map(value).collect())
    }

    /// Whether too many sessions are missing before the bar; notes it as the last one.
    fn begins_segment(&mut self, bar: &Bar) -> Result<bool, ColumnsError> {
        let wrong = |problem| ColumnsError::Row { table: "a stream of bars".to_owned(), row: 0, problem };
        let place = self
            .calendar
            .index_of(bar.session)
            .ok_or_else(|| wrong(format!("{} is not a session of {}", bar.session, self.calendar.name())))?;
        let before = self.last;
        if let Some((last, timestamp)) = before
            && (timestamp >= bar.timestamp || last > place)
        {
            return Err(wrong(format!(
                "timestamp {} (microseconds since 1970, UTC) is not after the bar before ({timestamp})",
                bar.timestamp
            )));
        }
        self.last = Some((place, bar.timestamp));
        Ok(before.is_some_and(|(last, _)| place > last + 1 + MAX_GAP_SESSIONS))
    }

    fn restart(&mut self) {
        for (_, step) in &mut self.steps {
            match step {
                Step::Kernel { kernel, .. } => kernel.restart(),
                Step::Cross(crossing, ..) => crossing.restart(),
                Step::CoarseColumn(_, state) => state.restart(),
                _ => {}
            }
        }
    }
}

impl Step {
    fn run<'b>(
        &mut self,
        to: usize,
        bar: &Bar,
        adjustment: Adjustment,
        other: &impl Fn(&Ticker) -> Option<&'b Bar>,
        numbers: &mut [f64],
        booleans: &mut [Option<bool>],
    ) {
        let number = match self {
            Self::Column(column) => {
                numbers[to] = bar.column(*column, adjustment);
                return;
            }
            Self::ColumnOf(ticker, column) => {
                let theirs = other(ticker).filter(|theirs| theirs.timestamp == bar.timestamp);
                numbers[to] = theirs.map_or(f64::NAN, |theirs| theirs.column(*column, adjustment));
                return;
            }
            Self::CoarseColumn(column, state) => {
                let value = bar.column(*column, adjustment);
                state.push(bar.session, bar.timestamp, value)
            }
            Self::Kernel { reads, row, outputs, kernel } => {
                for (value, read) in row.iter_mut().zip(reads.iter()) {
                    *value = numbers[*read];
                }
                let filled = &mut numbers[to..to + *outputs];
                kernel.push(row, filled);
                for value in filled {
                    *value = scalar::finite(*value);
                }
                return;
            }
            Self::Not(input) => {
                booleans[to] = kleene::not(booleans[*input]);
                return;
            }
            Self::Logic(operator, left, right) => {
                let (left, right) = (booleans[*left], booleans[*right]);
                booleans[to] = match operator {
                    Logic::And => kleene::and(left, right),
                    Logic::Or => kleene::or(left, right),
                };
                return;
            }
            Self::Compare(operator, left, right) => {
                booleans[to] = scalar::compare(*operator, numbers[*left], numbers[*right]);
                return;
            }
            Self::IfBoolean(condition, then, otherwise) => {
                booleans[to] =
                    scalar::choose_boolean(booleans[*condition], booleans[*then], booleans[*otherwise]);
                return;
            }
            Self::Cross(crossing, left, right) => {
                booleans[to] = crossing.push(numbers[*left], numbers[*right]);
                return;
            }
            Self::Negate(input) => -numbers[*input],
            Self::Arithmetic(operator, left, right) => {
                scalar::arithmetic(*operator, numbers[*left], numbers[*right])
            }
            Self::If(condition, then, otherwise) => {
                scalar::choose(booleans[*condition], numbers[*then], numbers[*otherwise])
            }
            Self::Map(function, input) => scalar::map(*function, numbers[*input]),
            Self::Extreme(function, left, right) => {
                scalar::extreme(*function, numbers[*left], numbers[*right])
            }
            Self::Clip(input, low, high) => scalar::clip(numbers[*input], numbers[*low], numbers[*high]),
            Self::Calendar(part) => scalar::calendar(*part, bar.session),
            Self::OneIf(condition) => one_if(booleans[*condition]),
        };
        numbers[to] = scalar::finite(number);
    }
}
