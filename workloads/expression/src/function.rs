//! The closed list of functions, with what each takes.

use crate::vocabulary::{
    Bars, BollingerOutput, Calendar, Cross, CrossSection, Extreme, MacdOutput, Map, PairWindow,
    StochasticOutput, Window,
};

/// A function of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `if(c, a, b)`.
    If,
    /// Of the current value.
    Map(Map),
    /// `min`, `max`.
    Extreme(Extreme),
    /// `clip(x, low, high)`.
    Clip,
    /// Of one series and a period.
    Window(Window),
    /// `quantile(x, q, n)`.
    Quantile,
    /// Of two series and a period.
    PairWindow(PairWindow),
    /// `count(c, n)`.
    Count,
    /// `macd(x, fast, slow, signal)`.
    Macd,
    /// `bollinger(x, n, k)`.
    Bollinger,
    /// `stochastic(k, s, d)`.
    Stochastic,
    /// Of the bars and a period.
    Bars(Bars),
    /// `obv()`.
    Obv,
    /// `beta("TICKER", n)`.
    Beta,
    /// Of the session date.
    Calendar(Calendar),
    /// Across tickers.
    CrossSection(CrossSection),
    /// `winsorize(x, p)`.
    Winsorize,
    /// `cross_above`, `cross_below`.
    Cross(Cross),
}

/// What a function takes at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Parameter {
    /// A number expression.
    Number(&'static str),
    /// A boolean expression.
    Boolean(&'static str),
    /// A number or a boolean expression.
    Either(&'static str),
    /// An integer literal from `least` to `Period::MAX`.
    Period { name: &'static str, least: u32 },
    /// A number literal above or from `low` to or below `high`.
    Literal { name: &'static str, range: Range },
    /// A string literal that is a ticker.
    Ticker(&'static str),
}

/// The range of a number literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// 0 <= v <= 1
    Share,
    /// 0 <= v < 0.5
    Tail,
    /// v > 0
    Positive,
}

impl Range {
    pub(crate) fn contains(self, value: f64) -> bool {
        match self {
            Self::Share => (0.0..=1.0).contains(&value),
            Self::Tail => (0.0..0.5).contains(&value),
            Self::Positive => value > 0.0,
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Share => "a number literal from 0 to 1",
            Self::Tail => "a number literal from 0 to less than 0.5",
            Self::Positive => "a number literal above 0",
        }
    }
}

impl Parameter {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Number(name)
            | Self::Boolean(name)
            | Self::Either(name)
            | Self::Ticker(name)
            | Self::Period { name, .. }
            | Self::Literal { name, .. } => name,
        }
    }
}

const X: Parameter = Parameter::Number("x");

const fn period(name: &'static str, least: u32) -> Parameter {
    Parameter::Period { name, least }
}

impl Function {
    /// All functions, in a fixed order.
    pub fn all() -> impl Iterator<Item = Self> {
        let single = [
            Self::If,
            Self::Clip,
            Self::Quantile,
            Self::Count,
            Self::Macd,
            Self::Bollinger,
            Self::Stochastic,
            Self::Obv,
            Self::Beta,
            Self::Winsorize,
        ];
        (single.into_iter())
            .chain(Map::ALL.iter().copied().map(Self::Map))
            .chain(Extreme::ALL.iter().copied().map(Self::Extreme))
            .chain(Window::ALL.iter().copied().map(Self::Window))
            .chain(PairWindow::ALL.iter().copied().map(Self::PairWindow))
            .chain(Bars::ALL.iter().copied().map(Self::Bars))
            .chain(Calendar::ALL.iter().copied().map(Self::Calendar))
            .chain(CrossSection::ALL.iter().copied().map(Self::CrossSection))
            .chain(Cross::ALL.iter().copied().map(Self::Cross))
    }

    /// The function of this name.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::all().find(|function| function.text() == text)
    }

    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Map(f) => f.text(),
            Self::Extreme(f) => f.text(),
            Self::Clip => "clip",
            Self::Window(f) => f.text(),
            Self::Quantile => "quantile",
            Self::PairWindow(f) => f.text(),
            Self::Count => "count",
            Self::Macd => "macd",
            Self::Bollinger => "bollinger",
            Self::Stochastic => "stochastic",
            Self::Bars(f) => f.text(),
            Self::Obv => "obv",
            Self::Beta => "beta",
            Self::Calendar(f) => f.text(),
            Self::CrossSection(f) => f.text(),
            Self::Winsorize => "winsorize",
            Self::Cross(f) => f.text(),
        }
    }

    /// The outputs of a function that has several; empty for the others.
    #[must_use]
    pub fn outputs(self) -> Vec<&'static str> {
        match self {
            Self::Macd => MacdOutput::ALL.iter().map(|o| o.text()).collect(),
            Self::Bollinger => BollingerOutput::ALL.iter().map(|o| o.text()).collect(),
            Self::Stochastic => StochasticOutput::ALL.iter().map(|o| o.text()).collect(),
            _ => Vec::new(),
        }
    }

    /// How it is called: `macd(x, fast, slow, signal).line|signal|histogram`.
    #[must_use]
    pub fn signature(self) -> String {
        let names: Vec<&str> = self.parameters().iter().map(|p| p.name()).collect();
        let outputs = self.outputs().join("|");
        let dot = if outputs.is_empty() { "" } else { "." };
        format!("{}({}){dot}{outputs}", self.text(), names.join(", "))
    }

    /// What it takes, in order. The least periods are those for which the formula is defined.
    pub(crate) const fn parameters(self) -> &'static [Parameter] {
        const N1: Parameter = period("n", 1);
        const N2: Parameter = period("n", 2);
        const N3: Parameter = period("n", 3);
        const N4: Parameter = period("n", 4);
        const A: Parameter = Parameter::Number("a");
        const B: Parameter = Parameter::Number("b");
        match self {
            Self::If => &[Parameter::Boolean("condition"), Parameter::Either("a"), Parameter::Either("b")],
            Self::Map(_) | Self::CrossSection(_) => &[X],
            Self::Extreme(_) | Self::Cross(_) => &[A, B],
            Self::Clip => &[X, Parameter::Number("low"), Parameter::Number("high")],
            Self::Window(window) => match window {
                Window::Delay
                | Window::Delta
                | Window::Returns
                | Window::Roc
                | Window::Mean
                | Window::Sum
                | Window::Median
                | Window::Lowest
                | Window::Highest
                | Window::Sma
                | Window::Ema
                | Window::Wma => &[X, N1],
                Window::Std | Window::Var | Window::Slope | Window::Rsi => &[X, N2],
                Window::Skew | Window::Autocorrelation => &[X, N3],
                Window::Kurtosis => &[X, N4],
            },
            Self::Quantile => &[X, Parameter::Literal { name: "q", range: Range::Share }, N1],
            Self::PairWindow(_) => &[Parameter::Number("x"), Parameter::Number("y"), N2],
            Self::Count => &[Parameter::Boolean("condition"), N1],
            Self::Macd => const { &[X, period("fast", 2), period("slow", 2), period("signal", 1)] },
            Self::Bollinger => &[X, N2, Parameter::Literal { name: "k", range: Range::Positive }],
            Self::Stochastic => const { &[period("k", 1), period("s", 1), period("d", 1)] },
            Self::Bars(bars) => match bars {
                Bars::Atr
                | Bars::Vwap
                | Bars::Parkinson
                | Bars::GarmanKlass
                | Bars::Amihud
                | Bars::DollarVolume => &[N1],
                Bars::Adx | Bars::YangZhang | Bars::RollSpread | Bars::RealizedVolatility => &[N2],
            },
            Self::Obv | Self::Calendar(_) => &[],
            Self::Beta => &[Parameter::Ticker("ticker"), N2],
            Self::Winsorize => &[X, Parameter::Literal { name: "p", range: Range::Tail }],
        }
    }
}
