//! Which kernel computes a node, from which columns: the one table that columns and streams are computed by.

use ats_expression::{
    Bars, BollingerOutput, Boolean, Column as BarColumn, MacdOutput, Number, PairWindow, StochasticOutput,
    Ticker, Window,
};

use crate::kernels::kernel::{Function, function};
use crate::kernels::statistics::{Deviation, Kurtosis, Mean, Skew, Total, Variance, over};
use crate::kernels::{bands, change, microstructure, moving, order, pairs, volatility, volume, wilder};

/// What a kernel reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand<'e> {
    /// A subexpression.
    Number(&'e Number),
    /// A condition, 1 where it holds and 0 where it does not.
    Condition(&'e Boolean),
    /// A column of the bar.
    Column(BarColumn),
    /// A column of another ticker's bar.
    ColumnOf(&'e Ticker, BarColumn),
}

/// A node that a kernel computes.
pub(crate) struct Call<'e> {
    /// The columns that it reads, in order.
    pub operands: Vec<Operand<'e>>,
    /// The kernel, which has seen no row.
    pub kernel: Box<dyn Function>,
    /// How many outputs the kernel has.
    pub outputs: usize,
}

/// A call of a function with several outputs, whichever is read: nodes of one call share its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Several<'e> {
    /// Input, fast, slow and signal periods.
    Macd(&'e Number, usize, usize, usize),
    /// Input, period, bits of the width.
    Bollinger(&'e Number, usize, u64),
    /// Periods k, s and d.
    Stochastic(usize, usize, usize),
}

impl<'e> Several<'e> {
    /// The call that a node reads, and which of its outputs.
    pub(crate) fn of(number: &'e Number) -> Option<(Self, usize)> {
        match number {
            Number::Macd { input, fast, slow, signal, output } => {
                let place = match output {
                    MacdOutput::Line => 0,
                    MacdOutput::Signal => 1,
                    MacdOutput::Histogram => 2,
                };
                Some((Self::Macd(input, fast.get(), slow.get(), signal.get()), place))
            }
            Number::Bollinger { input, n, k, output } => {
                let place = match output {
                    BollingerOutput::Upper => 0,
                    BollingerOutput::Middle => 1,
                    BollingerOutput::Lower => 2,
                };
                Some((Self::Bollinger(input, n.get(), k.get().to_bits()), place))
            }
            Number::Stochastic { k, s, d, output } => {
                let place = match output {
                    StochasticOutput::K => 0,
                    StochasticOutput::D => 1,
                };
                Some((Self::Stochastic(k.get(), s.get(), d.get()), place))
            }
            _ => None,
        }
    }
}

impl<'e> Call<'e> {
    /// The call of a node, if a kernel computes it.
    pub(crate) fn of(number: &'e Number) -> Option<Self> {
        use BarColumn::{Close, High, Low, Volume};
        let one = |operands: Vec<Operand<'e>>, kernel| Some(Self { operands, kernel, outputs: 1 });
        let columns =
            |columns: &[BarColumn]| columns.iter().copied().map(Operand::Column).collect::<Vec<_>>();
        match number {
            Number::Window { function, input, n } => {
                one(vec![Operand::Number(input)], window(*function, n.get()))
            }
            Number::Quantile { input, q, n } => {
                one(vec![Operand::Number(input)], function(order::quantile_of(n.get(), q.get())))
            }
            Number::PairWindow { function: pair, left, right, n } => {
                let kernel = match pair {
                    PairWindow::Correlation => function(over::<pairs::Correlation, _, _>(n.get())),
                    PairWindow::Covariance => function(over::<pairs::Covariance, _, _>(n.get())),
                };
                one(vec![Operand::Number(left), Operand::Number(right)], kernel)
            }
            Number::Count { condition, n } => {
                one(vec![Operand::Condition(condition)], function(over::<Total, _, _>(n.get())))
            }
            Number::Macd { input, fast, slow, signal, output: _ } => Some(Self {
                operands: vec![Operand::Number(input)],
                kernel: function(moving::macd_of(fast.get(), slow.get(), signal.get())),
                outputs: 3,
            }),
            Number::Bollinger { input, n, k, output: _ } => Some(Self {
                operands: vec![Operand::Number(input)],
                kernel: function(bands::bollinger_of(n.get(), k.get())),
                outputs: 3,
            }),
            Number::Stochastic { k, s, d, output: _ } => Some(Self {
                operands: columns(&[High, Low, Close]),
                kernel: function(bands::stochastic_of(k.get(), s.get(), d.get())),
                outputs: 2,
            }),
            Number::Bars { function, n } => {
                let (read, kernel) = bars(*function, n.get());
                one(columns(read), kernel)
            }
            Number::Obv => one(columns(&[Close, Volume]), function(volume::obv_of())),
            Number::Beta { ticker, n } => {
                let operands = vec![Operand::Column(Close), Operand::ColumnOf(ticker, Close)];
                one(operands, function(pairs::beta_of(n.get())))
            }
            Number::Constant(_)
            | Number::Column(_)
            | Number::ColumnOf { .. }
            | Number::CoarseColumn { .. }
            | Number::Own(_)
            | Number::Feature(_)
            | Number::Negate(_)
            | Number::Arithmetic { .. }
            | Number::If { .. }
            | Number::Map { .. }
            | Number::Extreme { .. }
            | Number::Clip { .. }
            | Number::Calendar(_)
            | Number::CrossSection { .. }
            | Number::Winsorize { .. } => None,
        }
    }
}

fn window(name: Window, n: usize) -> Box<dyn Function> {
    match name {
        Window::Delay => function(change::Against::<change::Delay>::new(n)),
        Window::Delta => function(change::Against::<change::Delta>::new(n)),
        Window::Returns => function(change::Against::<change::Returns>::new(n)),
        Window::Roc => function(change::Against::<change::Roc>::new(n)),
        Window::Mean | Window::Sma => function(over::<Mean, _, _>(n)),
        Window::Sum => function(over::<Total, _, _>(n)),
        Window::Std => function(over::<Deviation, _, _>(n)),
        Window::Var => function(over::<Variance, _, _>(n)),
        Window::Median => function(order::quantile_of(n, 0.5)),
        Window::Lowest => function(over::<order::Low, _, _>(n)),
        Window::Highest => function(over::<order::High, _, _>(n)),
        Window::Skew => function(over::<Skew, _, _>(n)),
        Window::Kurtosis => function(over::<Kurtosis, _, _>(n)),
        Window::Autocorrelation => function(pairs::autocorrelation_of(n)),
        Window::Slope => function(over::<pairs::Slope, _, _>(n)),
        Window::Ema => function(moving::ema_of(n)),
        Window::Wma => function(over::<moving::LinearlyWeighted, _, _>(n)),
        Window::Rsi => function(wilder::rsi_of(n)),
    }
}

fn bars(name: Bars, n: usize) -> (&'static [BarColumn], Box<dyn Function>) {
    use BarColumn::{Close, High, Low, Open, RawClose, RawVolume, Volume};
    match name {
        Bars::Atr => (&[High, Low, Close], function(wilder::atr_of(n))),
        Bars::Adx => (&[High, Low, Close], function(wilder::adx_of(n))),
        Bars::Vwap => (&[Open, High, Low, Close, Volume], function(volume::vwap_of(n))),
        Bars::Parkinson => (&[High, Low], function(volatility::parkinson_of(n))),
        Bars::GarmanKlass => (&[Open, High, Low, Close], function(volatility::garman_klass_of(n))),
        Bars::YangZhang => (&[Open, High, Low, Close], function(volatility::yang_zhang_of(n))),
        Bars::RollSpread => (&[Close], function(microstructure::roll_spread_of(n))),
        Bars::Amihud => (&[Close, RawClose, RawVolume], function(microstructure::amihud_of(n))),
        Bars::RealizedVolatility => (&[Close], function(volatility::realized_of(n))),
        Bars::DollarVolume => (&[RawClose, RawVolume], function(volume::dollar_volume_of(n))),
    }
}
