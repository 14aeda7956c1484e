//! What each function makes of its arguments: the node, its unit, and how far back it reads.

use crate::error::{Category, ExpressionError};
use crate::function::Function;
use crate::typed::{Boolean, Constant, History, Number, Period};
use crate::unit::{Unit, UnitError};
use crate::vocabulary::{
    Bars, BollingerOutput, Column, CrossSection, Extreme, MacdOutput, Map, PairWindow, StochasticOutput,
    Window,
};

use super::Checker;
use super::arguments::Call;
use super::value::{Checked, Value};
use crate::typed::Kind;

type Numbers = Result<Value<Number>, ExpressionError>;

impl Checker<'_> {
    /// A call of a function; `output` is the name after the dot, one of the function's outputs or empty.
    pub(super) fn function(&self, call: &Call<'_>, output: &str) -> Result<Checked, ExpressionError> {
        let number = match call.function {
            Function::If => return self.choice(call),
            Function::Cross(direction) => {
                let (left, right) = (call.number(0)?, call.number(1)?);
                self.join(call, 0, left.unit, 1, right.unit, "cross each other")?;
                let crossed = left.with(right, Unit::PLAIN, |left, right| Boolean::Cross {
                    direction,
                    left: Box::new(left),
                    right: Box::new(right),
                });
                return Ok(Checked::Boolean(crossed.after(1)));
            }
            Function::Map(function) => self.map_function(call, function),
            Function::Extreme(function) => self.extreme(call, function),
            Function::Clip => self.clip(call),
            Function::Window(function) => self.window(call, function),
            Function::Quantile => {
                let (x, q, n) = (call.number(0)?, call.literal(1)?, call.period(2)?);
                Ok(x.map(|input| Number::Quantile { input: Box::new(input), q, n }).after(n.bars() - 1))
            }
            Function::PairWindow(function) => self.pair_window(call, function),
            Function::Count => {
                let (condition, n) = (call.boolean(0)?, call.period(1)?);
                Ok(condition.map(|c| Number::Count { condition: Box::new(c), n }).after(n.bars() - 1))
            }
            Function::Macd => self.macd(call, output),
            Function::Bollinger => {
                let (x, n, k) = (call.number(0)?, call.period(1)?, call.literal(2)?);
                let output = named(BollingerOutput::ALL, BollingerOutput::text, output, call)?;
                let node = |input| Number::Bollinger { input: Box::new(input), n, k, output };
                Ok(x.map(node).after(n.bars() - 1))
            }
            Function::Stochastic => {
                let (k, s, d) = (call.period(0)?, call.period(1)?, call.period(2)?);
                let output = named(StochasticOutput::ALL, StochasticOutput::text, output, call)?;
                let node = Number::Stochastic { k, s, d, output };
                // Both outputs begin where the last of them does.
                Ok(Value::new(node, Unit::PLAIN).after(k.bars() - 1 + s.bars() - 1 + d.bars() - 1))
            }
            Function::Bars(function) => call.period(0).map(|n| bars(function, n)),
            Function::Obv => Ok(Value::new(Number::Obv, Unit::ADJUSTED_VOLUME).recursive()),
            Function::Beta => {
                let (ticker, n) = (call.ticker(0)?, call.period(1)?);
                Ok(Value::new(Number::Beta { ticker, n }, Unit::PLAIN).after(n.bars()))
            }
            Function::Calendar(part) => Ok(Value::new(Number::Calendar(part), Unit::PLAIN)),
            Function::CrossSection(function) => self.cross_section(call, function),
            Function::Winsorize => {
                let (x, p) = (call.number(0)?, call.literal(1)?);
                let unit = self.apply(call, x.unit, x.unit.across_tickers())?;
                let node = |input| Number::Winsorize { input: Box::new(input), p };
                Ok(x.map(node).unit(unit).across_tickers())
            }
        };
        number.map(Checked::Number)
    }

    fn choice(&self, call: &Call<'_>) -> Result<Checked, ExpressionError> {
        let condition = call.boolean(0)?;
        let (then, otherwise) = (call.any(1)?, call.any(2)?);
        match (then, otherwise) {
            (Checked::Number(then), Checked::Number(otherwise)) => {
                let unit = self.join(call, 1, then.unit, 2, otherwise.unit, "be alternatives")?;
                let branches =
                    then.with(otherwise, unit, |then, otherwise| (Box::new(then), Box::new(otherwise)));
                Ok(Checked::Number(condition.with(branches, unit, |condition, (then, otherwise)| {
                    Number::If { condition: Box::new(condition), then, otherwise }
                })))
            }
            (Checked::Boolean(then), Checked::Boolean(otherwise)) => {
                let branches = then
                    .with(otherwise, Unit::PLAIN, |then, otherwise| (Box::new(then), Box::new(otherwise)));
                Ok(Checked::Boolean(condition.with(branches, Unit::PLAIN, |condition, (then, otherwise)| {
                    Boolean::If { condition: Box::new(condition), then, otherwise }
                })))
            }
            (Checked::Number(_), Checked::Boolean(_)) => Err(call.branches(Kind::Number, Kind::Boolean)),
            (Checked::Boolean(_), Checked::Number(_)) => Err(call.branches(Kind::Boolean, Kind::Number)),
        }
    }

    fn map_function(&self, call: &Call<'_>, function: Map) -> Numbers {
        let x = call.number(0)?;
        let unit = match function {
            Map::Log => x.unit.log(),
            Map::Exp => x.unit.exp(),
            Map::Abs => x.unit.scale(),
            Map::Sign => x.unit.scale().map(|_| Unit::PLAIN),
            Map::Sqrt => x.unit.root(),
        };
        let unit = self.apply(call, x.unit, unit)?;
        Ok(x.map(|input| Number::Map { function, input: Box::new(input) }).unit(unit))
    }

    fn extreme(&self, call: &Call<'_>, function: Extreme) -> Numbers {
        let (left, right) = (call.number(0)?, call.number(1)?);
        let unit = self.join(call, 0, left.unit, 1, right.unit, "be compared")?;
        Ok(left.with(right, unit, |left, right| Number::Extreme {
            function,
            left: Box::new(left),
            right: Box::new(right),
        }))
    }

    fn clip(&self, call: &Call<'_>) -> Numbers {
        let (x, low, high) = (call.number(0)?, call.number(1)?, call.number(2)?);
        if let (Some(least), Some(most)) = (fixed(&low.node), fixed(&high.node))
            && least > most
        {
            let message =
                format!("expected `low` of `clip(x, low, high)` not above `high`, found {least} and {most}");
            return Err(self.error(Category::Range, call.ast.span.clone(), message));
        }
        self.join(call, 1, low.unit, 2, high.unit, "be compared")?;
        let unit = self.join(call, 0, x.unit, 1, low.unit, "be compared")?;
        let unit = self.join(call, 0, unit, 2, high.unit, "be compared")?;
        let limits = low.with(high, unit, |low, high| (Box::new(low), Box::new(high)));
        Ok(x.with(limits, unit, |x, (low, high)| Number::Clip { input: Box::new(x), low, high }))
    }

    fn window(&self, call: &Call<'_>, function: Window) -> Numbers {
        let x = if call.is_short() {
            Value::new(Number::Column(Column::Close), Unit::ADJUSTED_PRICE)
        } else {
            call.number(0)?
        };
        let n = call.period(1)?;
        let u = x.unit;
        let unit = match function {
            Window::Delay
            | Window::Mean
            | Window::Median
            | Window::Lowest
            | Window::Highest
            | Window::Sma
            | Window::Ema
            | Window::Wma => Ok(u),
            Window::Sum => u.scale(),
            Window::Delta | Window::Std | Window::Slope => Ok(u.difference()),
            Window::Var => u.difference().multiply(u.difference()),
            Window::Returns | Window::Roc => u.scale().map(|_| Unit::PLAIN),
            Window::Skew | Window::Kurtosis | Window::Autocorrelation | Window::Rsi => Ok(Unit::PLAIN),
        };
        let unit = if call.is_short() { Unit::PLAIN } else { self.apply(call, u, unit)? };
        let back = match function {
            Window::Delay | Window::Delta | Window::Returns | Window::Roc | Window::Rsi => n.bars(),
            Window::Mean
            | Window::Sum
            | Window::Std
            | Window::Var
            | Window::Median
            | Window::Lowest
            | Window::Highest
            | Window::Skew
            | Window::Kurtosis
            | Window::Autocorrelation
            | Window::Slope
            | Window::Sma
            | Window::Ema
            | Window::Wma => n.bars() - 1,
        };
        let value =
            x.map(|input| Number::Window { function, input: Box::new(input), n }).unit(unit).after(back);
        Ok(if matches!(function, Window::Ema | Window::Rsi) { value.recursive() } else { value })
    }

    fn pair_window(&self, call: &Call<'_>, function: PairWindow) -> Numbers {
        let (left, right, n) = (call.number(0)?, call.number(1)?, call.period(2)?);
        let unit = match function {
            PairWindow::Correlation => Unit::PLAIN,
            PairWindow::Covariance => {
                let (x, y) = (left.unit.difference(), right.unit.difference());
                x.multiply(y).map_err(|e| {
                    let (l, r) = (call.at(0), call.at(1));
                    match (l, r) {
                        (Ok((l, _)), Ok((r, _))) => {
                            self.pair_error(e, "have a covariance", (l, x), (r, y), call.ast)
                        }
                        (Err(error), _) | (_, Err(error)) => error,
                    }
                })?
            }
        };
        let node =
            |left, right| Number::PairWindow { function, left: Box::new(left), right: Box::new(right), n };
        Ok(left.with(right, unit, node).after(n.bars() - 1))
    }

    fn macd(&self, call: &Call<'_>, output: &str) -> Numbers {
        let (x, fast, slow, signal) = (call.number(0)?, call.period(1)?, call.period(2)?, call.period(3)?);
        if fast >= slow {
            let message = format!(
                "expected `fast` below `slow` in `{}`, found {} and {}",
                call.function.signature(),
                fast.get(),
                slow.get()
            );
            return Err(self.error(Category::Range, call.ast.span.clone(), message));
        }
        let output = named(MacdOutput::ALL, MacdOutput::text, output, call)?;
        let unit = x.unit.difference();
        let node = |input| Number::Macd { input: Box::new(input), fast, slow, signal, output };
        // All three outputs begin where the signal does.
        Ok(x.map(node).unit(unit).after(slow.bars() - 1 + signal.bars() - 1).recursive())
    }

    fn cross_section(&self, call: &Call<'_>, function: CrossSection) -> Numbers {
        let x = call.number(0)?;
        let unit = self.apply(call, x.unit, x.unit.across_tickers())?;
        let unit = match function {
            CrossSection::Rank | CrossSection::Zscore => Unit::PLAIN,
            CrossSection::Demean => unit,
        };
        Ok(x.map(|input| Number::CrossSection { function, input: Box::new(input) })
            .unit(unit)
            .across_tickers())
    }

    /// The unit of a function of its first argument.
    fn apply(
        &self,
        call: &Call<'_>,
        of: Unit,
        unit: Result<Unit, UnitError>,
    ) -> Result<Unit, ExpressionError> {
        match unit {
            Ok(unit) => Ok(unit),
            Err(error) => Err(self.unit_error(error, call.function.text(), (call.at(0)?.0, of))),
        }
    }

    /// The unit of two arguments that are alternatives of each other.
    fn join(
        &self,
        call: &Call<'_>,
        left: usize,
        left_unit: Unit,
        right: usize,
        right_unit: Unit,
        verb: &str,
    ) -> Result<Unit, ExpressionError> {
        match left_unit.join(right_unit) {
            Ok(unit) => Ok(unit),
            Err(error) => {
                let (l, r) = (call.at(left)?.0, call.at(right)?.0);
                Err(self.pair_error(error, verb, (l, left_unit), (r, right_unit), call.ast))
            }
        }
    }
}

/// A function of the bars: its unit and how far back it reads.
fn bars(function: Bars, n: Period) -> Value<Number> {
    let bars = n.bars();
    let (unit, first, recursive) = match function {
        // The first true range needs the close before it.
        Bars::Atr => (Unit::ADJUSTED_PRICE, bars, true),
        Bars::Adx => (Unit::PLAIN, 2 * bars - 1, true),
        Bars::Vwap => (Unit::ADJUSTED_PRICE, bars - 1, false),
        Bars::Parkinson | Bars::GarmanKlass => (Unit::PLAIN, bars - 1, false),
        // n returns over night, or n returns.
        Bars::YangZhang | Bars::Amihud | Bars::RealizedVolatility => (Unit::PLAIN, bars, false),
        // n pairs of a price change and the one before it.
        Bars::RollSpread => (Unit::ADJUSTED_PRICE, bars + 1, false),
        Bars::DollarVolume => (Unit::RAW_DOLLARS, bars - 1, false),
    };
    let value = Value::new(Number::Bars { function, n }, unit);
    Value { history: History { first, recursive }, ..value }
}

/// A number that is written out, its sign counted in.
fn fixed(number: &Number) -> Option<f64> {
    match number {
        Number::Constant(constant) => Some(Constant::get(*constant)),
        Number::Negate(inner) => fixed(inner).map(|value| -value),
        _ => None,
    }
}

fn named<T: Copy>(
    all: &[T],
    text: impl Fn(T) -> &'static str,
    output: &str,
    call: &Call<'_>,
) -> Result<T, ExpressionError> {
    all.iter().copied().find(|item| text(*item) == output).ok_or_else(|| {
        let message = format!("expected an output of `{}`", call.function.signature());
        call.checker.error(Category::Type, call.ast.span.clone(), message)
    })
}
