//! The values of number expressions.

use std::ops::Range;
use std::sync::Arc;

use ats_expression::{
    Arithmetic, Bars, BollingerOutput, Calendar, Column as BarColumn, Extreme, MacdOutput, Map, Number,
    PairWindow, StochasticOutput, Window,
};

use super::memo::Several;
use super::values::{Column, Values, map, zip};
use super::{EvaluateError, Evaluator};
use crate::kernels::{
    bands, change, divide, ln, microstructure, moving, order, pairs, sqrt, statistics, volatility, volume,
    wilder,
};

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
            Number::Feature(name) => {
                return match self.feature(name)? {
                    Column::Number(values) => Ok(Values::Shared(Arc::clone(values))),
                    Column::Boolean(_) => Err(self.wrong_kind(name, "number")),
                };
            }
            Number::Negate(input) => match self.number(input)? {
                Values::Constant(value) => return Ok(Values::Constant(-value)),
                input => map(&input, rows, |x| -x),
            },
            Number::Arithmetic { operator, left, right } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                match operator {
                    Arithmetic::Add => zip(&left, &right, rows, |a, b| a + b),
                    Arithmetic::Subtract => zip(&left, &right, rows, |a, b| a - b),
                    Arithmetic::Multiply => zip(&left, &right, rows, |a, b| a * b),
                    Arithmetic::Divide => zip(&left, &right, rows, divide),
                }
            }
            Number::If { condition, then, otherwise } => {
                let condition = self.boolean(condition)?;
                let (then, otherwise) = (self.number(then)?, self.number(otherwise)?);
                then.with_slice(rows, |then| {
                    otherwise.with_slice(rows, |otherwise| {
                        let choose = |row| match condition[row] {
                            Some(true) => then[row],
                            Some(false) => otherwise[row],
                            None => f64::NAN,
                        };
                        (0..rows).map(choose).collect()
                    })
                })
            }
            Number::Map { function, input } => {
                let input = self.number(input)?;
                match function {
                    Map::Log => map(&input, rows, ln),
                    Map::Exp => map(&input, rows, libm::exp),
                    Map::Abs => map(&input, rows, f64::abs),
                    Map::Sign => map(&input, rows, sign),
                    Map::Sqrt => map(&input, rows, sqrt),
                }
            }
            Number::Extreme { function, left, right } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                match function {
                    Extreme::Min => zip(&left, &right, rows, lesser),
                    Extreme::Max => zip(&left, &right, rows, greater),
                }
            }
            Number::Clip { input, low, high } => {
                let (input, low, high) = (self.number(input)?, self.number(low)?, self.number(high)?);
                let capped = Values::computed(zip(&input, &high, rows, lesser));
                zip(&low, &capped, rows, greater)
            }
            Number::Window { function, input, n } => {
                let input = self.number(input)?;
                let (kernel, n) = (window(*function), n.get());
                input.with_slice(rows, |x| self.segmented(|rows| kernel(&x[rows], n)))
            }
            Number::Quantile { input, q, n } => {
                let input = self.number(input)?;
                input.with_slice(rows, |x| self.segmented(|rows| order::quantile(&x[rows], n.get(), q.get())))
            }
            Number::PairWindow { function, left, right, n } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                let kernel = match function {
                    PairWindow::Correlation => pairs::correlation,
                    PairWindow::Covariance => pairs::covariance,
                };
                left.with_slice(rows, |x| {
                    right.with_slice(rows, |y| {
                        self.segmented(|rows| kernel(&x[rows.clone()], &y[rows], n.get()))
                    })
                })
            }
            Number::Count { condition, n } => {
                let condition = self.boolean(condition)?;
                self.segmented(|rows| statistics::count(&condition[rows], n.get()))
            }
            Number::Macd { output, .. } => {
                let [line, signal, histogram] = self.several(number)?;
                return Ok(match output {
                    MacdOutput::Line => line,
                    MacdOutput::Signal => signal,
                    MacdOutput::Histogram => histogram,
                });
            }
            Number::Bollinger { output, .. } => {
                let [upper, middle, lower] = self.several(number)?;
                return Ok(match output {
                    BollingerOutput::Upper => upper,
                    BollingerOutput::Middle => middle,
                    BollingerOutput::Lower => lower,
                });
            }
            Number::Stochastic { output, .. } => {
                let [k, d, _] = self.several(number)?;
                return Ok(match output {
                    StochasticOutput::K => k,
                    StochasticOutput::D => d,
                });
            }
            Number::Bars { function, n } => self.bars(*function, n.get()),
            Number::Obv => {
                let (close, volume) = (self.column(BarColumn::Close), self.column(BarColumn::Volume));
                self.segmented(|rows| volume::obv(&close[rows.clone()], &volume[rows]))
            }
            Number::Beta { ticker, n } => {
                let benchmark = self.inputs.benchmark(ticker).ok_or_else(|| EvaluateError::Benchmark {
                    ticker: self.inputs.ticker().to_owned(),
                    benchmark: ticker.clone(),
                })?;
                let close = self.column(BarColumn::Close);
                self.segmented(|rows| pairs::beta(&close[rows.clone()], &benchmark[rows], n.get()))
            }
            Number::Calendar(part) => {
                let sessions = self.inputs.bars().session().iter().map(|session| session.date());
                match part {
                    Calendar::DayOfWeek => {
                        sessions.map(|date| f64::from(date.weekday().to_monday_one_offset())).collect()
                    }
                    Calendar::Month => sessions.map(|date| f64::from(date.month())).collect(),
                }
            }
            Number::CrossSection { function, .. } => return self.cross_section(number, function.text()),
            Number::Winsorize { .. } => return self.cross_section(number, "winsorize"),
        };
        Ok(Values::computed(values))
    }

    fn column(&self, column: BarColumn) -> &'i [f64] {
        self.inputs.column(column)
    }

    fn cross_section(&self, node: &Number, function: &'static str) -> Result<Values<'i>, EvaluateError> {
        self.inputs
            .cross_section(node)
            .map(Values::Borrowed)
            .ok_or_else(|| EvaluateError::CrossSection { ticker: self.inputs.ticker().to_owned(), function })
    }

    /// The kernel's column for each segment, one after the other.
    fn segmented(&self, kernel: impl Fn(Range<usize>) -> Vec<f64>) -> Vec<f64> {
        match self.inputs.segments() {
            [whole] => kernel(whole.clone()),
            segments => segments.iter().flat_map(|rows| kernel(rows.clone())).collect(),
        }
    }

    /// The outputs of a function that has several, computed once for all that read one.
    fn several(&mut self, number: &'e Number) -> Result<[Values<'i>; 3], EvaluateError> {
        let none = || std::array::from_fn(|_| Values::Constant(f64::NAN));
        let Some(several) = Several::of(number) else { return Ok(none()) };
        if let Some(outputs) = self.memo.outputs(&several) {
            return Ok(outputs);
        }
        let rows = self.inputs.rows();
        let mut outputs: [Vec<f64>; 3] = std::array::from_fn(|_| Vec::with_capacity(rows));
        let mut extend = |columns: [Vec<f64>; 3]| {
            for (output, column) in outputs.iter_mut().zip(columns) {
                output.extend(column);
            }
        };
        let segments = self.inputs.segments().iter().cloned();
        match several {
            Several::Macd(input, fast, slow, signal) => self.number(input)?.with_slice(rows, |x| {
                for rows in segments {
                    let macd = moving::macd(&x[rows], fast, slow, signal);
                    extend([macd.line, macd.signal, macd.histogram]);
                }
            }),
            Several::Bollinger(input, n, k) => self.number(input)?.with_slice(rows, |x| {
                for rows in segments {
                    let bands = bands::bollinger(&x[rows], n, f64::from_bits(k));
                    extend([bands.upper, bands.middle, bands.lower]);
                }
            }),
            Several::Stochastic(k, s, d) => {
                let [high, low, close] =
                    [BarColumn::High, BarColumn::Low, BarColumn::Close].map(|column| self.column(column));
                for rows in segments {
                    let (high, low, close) = (&high[rows.clone()], &low[rows.clone()], &close[rows]);
                    let stochastic = bands::stochastic(high, low, close, k, s, d);
                    extend([stochastic.k, stochastic.d, Vec::new()]);
                }
            }
        }
        let outputs = outputs.map(Values::computed);
        self.memo.keep_outputs(&several, &outputs);
        Ok(outputs)
    }

    fn bars(&self, function: Bars, n: usize) -> Vec<f64> {
        let column = |column| self.column(column);
        let (open, high, low) = (column(BarColumn::Open), column(BarColumn::High), column(BarColumn::Low));
        let (close, volume) = (column(BarColumn::Close), column(BarColumn::Volume));
        let (raw_close, raw_volume) = (column(BarColumn::RawClose), column(BarColumn::RawVolume));
        self.segmented(|rows| {
            let cut = |column: &'i [f64]| &column[rows.clone()];
            match function {
                Bars::Atr => wilder::atr(cut(high), cut(low), cut(close), n),
                Bars::Adx => wilder::adx(cut(high), cut(low), cut(close), n),
                Bars::Vwap => volume::vwap(cut(open), cut(high), cut(low), cut(close), cut(volume), n),
                Bars::Parkinson => volatility::parkinson(cut(high), cut(low), n),
                Bars::GarmanKlass => volatility::garman_klass(cut(open), cut(high), cut(low), cut(close), n),
                Bars::YangZhang => volatility::yang_zhang(cut(open), cut(high), cut(low), cut(close), n),
                Bars::RollSpread => microstructure::roll_spread(cut(close), n),
                Bars::Amihud => microstructure::amihud(cut(close), cut(raw_close), cut(raw_volume), n),
                Bars::RealizedVolatility => volatility::realized_volatility(cut(close), n),
                Bars::DollarVolume => volume::dollar_volume(cut(raw_close), cut(raw_volume), n),
            }
        })
    }
}

fn window(function: Window) -> fn(&[f64], usize) -> Vec<f64> {
    match function {
        Window::Delay => change::delay,
        Window::Delta => change::delta,
        Window::Returns => change::returns,
        Window::Roc => change::roc,
        Window::Mean => statistics::mean,
        Window::Sum => statistics::sum,
        Window::Std => statistics::std,
        Window::Var => statistics::var,
        Window::Median => order::median,
        Window::Lowest => order::lowest,
        Window::Highest => order::highest,
        Window::Skew => statistics::skew,
        Window::Kurtosis => statistics::kurtosis,
        Window::Autocorrelation => pairs::autocorrelation,
        Window::Slope => pairs::slope,
        Window::Sma => moving::sma,
        Window::Ema => moving::ema,
        Window::Wma => moving::wma,
        Window::Rsi => wilder::rsi,
    }
}

/// -1, 0 or 1; null stays null.
fn sign(x: f64) -> f64 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        // 0 for both zeros, NaN for NaN.
        x * 0.0 + 0.0
    }
}

/// The lesser, null if either is null (unlike `f64::min`).
fn lesser(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if b < a {
        b
    } else {
        a
    }
}

/// The greater, null if either is null (unlike `f64::max`).
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if b > a {
        b
    } else {
        a
    }
}
