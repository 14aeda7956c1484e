//! The checked form of an expression: what an evaluator matches on.
//!
//! Every node here is well typed and every literal argument is inside its range, so an evaluator needs no error
//! path for "wrong argument". Functions of one shape share a variant (`Window { function, input, n }`), and the
//! functions of a shape are a closed enum: a new function does not compile until every evaluator handles it.
//!
//! Numbers are `f64`; an undefined value is null. Windows count the ticker's own bars and end at the current bar.

use std::collections::BTreeSet;

use crate::error::{Category, ExpressionError};
use crate::names::{Name, Ticker};
use crate::unit::Unit;
use crate::vocabulary::{
    Arithmetic, Bars, BollingerOutput, Calendar, Coarse, Column, Compare, Cross, CrossSection, Extreme,
    Logic, MacdOutput, Map, PairWindow, StochasticOutput, Window,
};

/// A checked expression with what was derived about it in its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Typed {
    pub(crate) node: Node,
    pub(crate) facts: Facts,
}

/// What the checker derived about an expression, features that it uses counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Facts {
    /// Number or boolean.
    pub kind: Kind,
    /// Unit of measure; [`Unit::PLAIN`] for a boolean.
    pub unit: Unit,
    /// Needs the active set: it, or a feature it uses, has a cross-sectional function.
    pub cross_sectional: bool,
    /// How many bars of the past it needs.
    pub history: History,
}

/// How much of the past an expression needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct History {
    /// Index of the first bar (from 0) at which every operand can have a value.
    pub first: u32,
    /// A value depends on every bar before it (EMA, RSI, ATR, OBV…), not only on the last `first`.
    pub recursive: bool,
}

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A 64-bit float or null.
    Number,
    /// True, false or null (Kleene's logic).
    Boolean,
}

/// The root of a checked expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Node {
    /// An expression whose values are numbers.
    Number(Number),
    /// An expression whose values are booleans.
    Boolean(Boolean),
}

/// A number for each bar.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Number {
    /// The same number at every bar, never negative (`-5` is `Negate(Constant(5))`).
    Constant(Constant),
    /// A column of the bar.
    Column(Column),
    /// `close@"SPY"`: a column of another ticker's bar at the same instant; null where it has none.
    ColumnOf {
        /// Which column.
        column: Column,
        /// Whose.
        ticker: Ticker,
    },
    /// `close@1w`: a column of the last coarser bar that is complete when the ticker's own bar is; null where the
    /// ticker had no bar in it.
    CoarseColumn {
        /// Which column.
        column: Column,
        /// Of which bars.
        interval: Coarse,
    },
    /// `own("name")`: a column of the user's own, joined as it was known. It stands alone, as the whole of the feature
    /// of that name.
    Own(Name),
    /// The value of an earlier feature of kind number.
    Feature(Name),
    /// `-x`.
    Negate(Box<Number>),
    /// `a + b`, `a - b`, `a * b`, `a / b`; x/0 is null.
    Arithmetic {
        /// Which operation.
        operator: Arithmetic,
        /// Left operand.
        left: Box<Number>,
        /// Right operand.
        right: Box<Number>,
    },
    /// `if(c, a, b)`: null where the condition is null.
    If {
        /// The condition.
        condition: Box<Boolean>,
        /// The value where the condition is true.
        then: Box<Number>,
        /// The value where the condition is false.
        otherwise: Box<Number>,
    },
    /// A function of the current value: `log(x)` …
    Map {
        /// Which function.
        function: Map,
        /// Its argument.
        input: Box<Number>,
    },
    /// `min(a, b)` or `max(a, b)` of the current values; null if either is.
    Extreme {
        /// Which of the two.
        function: Extreme,
        /// Left operand.
        left: Box<Number>,
        /// Right operand.
        right: Box<Number>,
    },
    /// `clip(x, low, high)`: `max(low, min(x, high))`; null if any is.
    Clip {
        /// The value to limit.
        input: Box<Number>,
        /// The least value.
        low: Box<Number>,
        /// The greatest value.
        high: Box<Number>,
    },
    /// A function of a series and a period: `sma(x, n)`.
    Window {
        /// Which function.
        function: Window,
        /// The series.
        input: Box<Number>,
        /// The period, in bars.
        n: Period,
    },
    /// `quantile(x, q, n)`: the q-quantile (linear interpolation) of the last n values.
    Quantile {
        /// The series.
        input: Box<Number>,
        /// The quantile, in [0, 1].
        q: Constant,
        /// The period, in bars.
        n: Period,
    },
    /// A function of two series and a period: `correlation(x, y, n)`.
    PairWindow {
        /// Which function.
        function: PairWindow,
        /// First series.
        left: Box<Number>,
        /// Second series.
        right: Box<Number>,
        /// The period, in bars.
        n: Period,
    },
    /// `count(c, n)`: in how many of the last n bars the condition was true.
    Count {
        /// The condition.
        condition: Box<Boolean>,
        /// The period, in bars.
        n: Period,
    },
    /// One output of `macd(x, fast, slow, signal)`; `fast < slow`.
    Macd {
        /// The series.
        input: Box<Number>,
        /// Period of the fast EMA.
        fast: Period,
        /// Period of the slow EMA.
        slow: Period,
        /// Period of the EMA over the line.
        signal: Period,
        /// Which output.
        output: MacdOutput,
    },
    /// One output of `bollinger(x, n, k)`.
    Bollinger {
        /// The series.
        input: Box<Number>,
        /// The period, in bars.
        n: Period,
        /// Width in population standard deviations, above 0.
        k: Constant,
        /// Which output.
        output: BollingerOutput,
    },
    /// One output of `stochastic(k, s, d)` (slow stochastic, simple averages).
    Stochastic {
        /// Bars of the range.
        k: Period,
        /// Bars that smooth %K.
        s: Period,
        /// Bars that smooth %D.
        d: Period,
        /// Which output.
        output: StochasticOutput,
    },
    /// A function of the bars and a period: `atr(n)`.
    Bars {
        /// Which function.
        function: Bars,
        /// The period, in bars.
        n: Period,
    },
    /// `obv()`: on-balance volume of `close` and `volume`.
    Obv,
    /// `beta("TICKER", n)`: slope of simple returns of `close` on the benchmark's, over the last n returns.
    Beta {
        /// The benchmark.
        ticker: Ticker,
        /// The period, in returns.
        n: Period,
    },
    /// A part of the bar's session date.
    Calendar(Calendar),
    /// A function across the active tickers of the date.
    CrossSection {
        /// Which function.
        function: CrossSection,
        /// The value that is compared across tickers.
        input: Box<Number>,
    },
    /// `winsorize(x, p)`: clipped at the date's p and 1-p quantiles across the active tickers.
    Winsorize {
        /// The value to clip.
        input: Box<Number>,
        /// The tail, in [0, 0.5).
        p: Constant,
    },
}

/// A boolean for each bar (Kleene's logic: unknown and false is false, unknown or true is true).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Boolean {
    /// The value of an earlier feature of kind boolean.
    Feature(Name),
    /// `not a`.
    Not(Box<Boolean>),
    /// `a and b`, `a or b`.
    Logic {
        /// Which operation.
        operator: Logic,
        /// Left operand.
        left: Box<Boolean>,
        /// Right operand.
        right: Box<Boolean>,
    },
    /// `a < b` and the like; null if either is.
    Compare {
        /// Which comparison.
        operator: Compare,
        /// Left operand.
        left: Box<Number>,
        /// Right operand.
        right: Box<Number>,
    },
    /// `if(c, a, b)` of booleans: null where the condition is null.
    If {
        /// The condition.
        condition: Box<Boolean>,
        /// The value where the condition is true.
        then: Box<Boolean>,
        /// The value where the condition is false.
        otherwise: Box<Boolean>,
    },
    /// `cross_above(a, b)`: a > b now and a <= b one bar ago; `cross_below`: a < b now and a >= b one bar ago.
    Cross {
        /// Which direction.
        direction: Cross,
        /// The series that crosses.
        left: Box<Number>,
        /// The series that is crossed.
        right: Box<Number>,
    },
}

/// A finite number that is not negative; equality and hash are those of the bits.
#[derive(Debug, Clone, Copy)]
pub struct Constant(f64);

impl Constant {
    /// `None` for a negative number, an infinity or NaN.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        // Adding 0 turns -0 into 0, so that equal constants have equal bits.
        (value.is_finite() && value >= 0.0).then_some(Self(value + 0.0))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Constant {}

impl std::hash::Hash for Constant {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A number of bars, from 1 to [`Period::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u32);

impl Period {
    /// The longest period.
    pub const MAX: u32 = 10_000;

    /// `None` outside 1 to [`Period::MAX`].
    #[must_use]
    pub const fn new(bars: u32) -> Option<Self> {
        if bars >= 1 && bars <= Self::MAX { Some(Self(bars)) } else { None }
    }

    /// The number of bars.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn bars(self) -> u32 {
        self.0
    }
}

impl Typed {
    /// A column of the user's own.
    pub(crate) fn own(name: Name) -> Self {
        let facts = Facts {
            kind: Kind::Number,
            unit: Unit::PLAIN,
            cross_sectional: false,
            history: History::default(),
        };
        Self { node: Node::Number(Number::Own(name)), facts }
    }

    /// The tree, for an evaluator.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// What was derived about the expression.
    #[must_use]
    pub const fn facts(&self) -> Facts {
        self.facts
    }

    /// Number or boolean.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.facts.kind
    }

    /// Unit of measure.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.facts.unit
    }

    /// That its values can be compared across tickers, as a ranking does. `what` it is and `source`, its text, are for the
    /// error.
    ///
    /// # Errors
    /// When they are levels of adjusted numbers, whose scale is each ticker's own.
    pub fn comparable_across_tickers(&self, what: &str, source: &str) -> Result<(), ExpressionError> {
        if !self.unit().is_adjusted() {
            return Ok(());
        }
        let message = format!("the {what} is {}, which cannot be compared across tickers", self.unit());
        Err(ExpressionError::new(source, Category::Unit, 0..source.len(), message)
            .help("use raw columns, as in `mean(raw_close * raw_volume, 21)`, or a ratio"))
    }

    /// Whether it, or a feature that it uses, needs the active set.
    #[must_use]
    pub const fn is_cross_sectional(&self) -> bool {
        self.facts.cross_sectional
    }

    /// Bars needed before the first value, features that it uses counted in; `None` when a value depends on
    /// the whole past (see [`Typed::first_value`] for when values begin).
    #[must_use]
    pub const fn lookback(&self) -> Option<u32> {
        if self.facts.history.recursive { None } else { Some(self.facts.history.first) }
    }

    /// Index of the first bar (from 0) at which every operand can have a value, for recursive functions too. `and`, `or`
    /// and `if` can be decided by one operand, and so have a value before that bar.
    #[must_use]
    pub const fn first_value(&self) -> u32 {
        self.facts.history.first
    }

    /// Bar columns that this expression reads itself (not those that its features read), those that a function
    /// reads by its definition (`atr` reads high, low and close) counted in.
    #[must_use]
    pub fn columns(&self) -> BTreeSet<Column> {
        self.node.columns()
    }

    /// Names of the features that it uses directly.
    #[must_use]
    pub fn features(&self) -> BTreeSet<Name> {
        self.node.features()
    }

    /// Other tickers that it reads itself.
    #[must_use]
    pub fn tickers(&self) -> BTreeSet<Ticker> {
        self.node.tickers()
    }
}
