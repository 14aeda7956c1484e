//! The closed lists of columns, operators, functions and outputs, with their spelling.

macro_rules! closed {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// All of them, in the order of declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// As it is written in an expression.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

closed!(
    /// A column of a bar. `open` … `volume` are adjusted forward, `raw_…` are as traded.
    Column {
        /// Adjusted open.
        Open = "open",
        /// Adjusted high.
        High = "high",
        /// Adjusted low.
        Low = "low",
        /// Adjusted close.
        Close = "close",
        /// Volume, adjusted for splits.
        Volume = "volume",
        /// Open as traded, dollars.
        RawOpen = "raw_open",
        /// High as traded, dollars.
        RawHigh = "raw_high",
        /// Low as traded, dollars.
        RawLow = "raw_low",
        /// Close as traded, dollars.
        RawClose = "raw_close",
        /// Volume as traded, shares.
        RawVolume = "raw_volume",
    }
);

closed!(
    /// Bars made of the ticker's own ones: `close@1w`.
    Coarse {
        /// A session.
        Day = "1d",
        /// The sessions from Monday to Sunday.
        Week = "1w",
    }
);

closed!(
    /// Arithmetic on two numbers.
    Arithmetic {
        /// `a + b`
        Add = "+",
        /// `a - b`
        Subtract = "-",
        /// `a * b`
        Multiply = "*",
        /// `a / b`; null where b is 0
        Divide = "/",
    }
);

closed!(
    /// Comparison of two numbers.
    Compare {
        /// `a < b`
        Less = "<",
        /// `a <= b`
        LessOrEqual = "<=",
        /// `a > b`
        Greater = ">",
        /// `a >= b`
        GreaterOrEqual = ">=",
        /// `a == b`
        Equal = "==",
        /// `a != b`
        NotEqual = "!=",
    }
);

closed!(
    /// Logic on two booleans.
    Logic {
        /// `a and b`
        And = "and",
        /// `a or b`
        Or = "or",
    }
);

closed!(
    /// Functions of the current value.
    Map {
        /// Natural logarithm; null for x <= 0.
        Log = "log",
        /// e to the power of x.
        Exp = "exp",
        /// |x|.
        Abs = "abs",
        /// -1, 0 or 1.
        Sign = "sign",
        /// Square root; null for x < 0.
        Sqrt = "sqrt",
    }
);

closed!(
    /// The lesser or the greater of two current values.
    Extreme {
        /// The lesser.
        Min = "min",
        /// The greater.
        Max = "max",
    }
);

closed!(
    /// Functions of one series and a period n.
    Window {
        /// The value n bars ago.
        Delay = "delay",
        /// x - delay(x, n).
        Delta = "delta",
        /// x / delay(x, n) - 1.
        Returns = "returns",
        /// 100 (x / delay(x, n) - 1).
        Roc = "roc",
        /// Mean of the last n.
        Mean = "mean",
        /// Sum of the last n.
        Sum = "sum",
        /// Sample standard deviation of the last n.
        Std = "std",
        /// Sample variance of the last n.
        Var = "var",
        /// Median of the last n.
        Median = "median",
        /// Least of the last n.
        Lowest = "lowest",
        /// Greatest of the last n.
        Highest = "highest",
        /// Bias-corrected skewness (G1) of the last n.
        Skew = "skew",
        /// Bias-corrected excess kurtosis (G2) of the last n.
        Kurtosis = "kurtosis",
        /// Lag-1 Pearson correlation within the last n.
        Autocorrelation = "autocorrelation",
        /// Least-squares slope over the last n, a bar.
        Slope = "slope",
        /// Simple moving average (the same number as `mean`).
        Sma = "sma",
        /// Exponential moving average, k = 2/(n+1), seeded with the SMA of the first n.
        Ema = "ema",
        /// Linearly weighted moving average, the newest weighs n.
        Wma = "wma",
        /// Relative strength index, Wilder's smoothing.
        Rsi = "rsi",
    }
);

closed!(
    /// Functions of two series and a period.
    PairWindow {
        /// Pearson correlation over the last n.
        Correlation = "correlation",
        /// Sample covariance over the last n.
        Covariance = "covariance",
    }
);

closed!(
    /// Functions of the ticker's bars and a period.
    Bars {
        /// Average true range, Wilder's smoothing.
        Atr = "atr",
        /// Average directional index.
        Adx = "adx",
        /// Sum of typical price x volume over sum of volume, last n.
        Vwap = "vwap",
        /// Parkinson's range volatility.
        Parkinson = "parkinson",
        /// Garman and Klass's volatility.
        GarmanKlass = "garman_klass",
        /// Yang and Zhang's volatility.
        YangZhang = "yang_zhang",
        /// Roll's effective spread, of `close`.
        RollSpread = "roll_spread",
        /// Amihud's illiquidity, raw prices and volumes.
        Amihud = "amihud",
        /// Sample deviation of log returns x sqrt(252).
        RealizedVolatility = "realized_volatility",
        /// Mean of raw close x raw volume.
        DollarVolume = "dollar_volume",
    }
);

closed!(
    /// Outputs of `macd`.
    MacdOutput {
        /// Fast EMA less slow EMA.
        Line = "line",
        /// EMA of the line.
        Signal = "signal",
        /// Line less signal.
        Histogram = "histogram",
    }
);

closed!(
    /// Outputs of `bollinger`.
    BollingerOutput {
        /// Middle plus k deviations.
        Upper = "upper",
        /// The mean.
        Middle = "middle",
        /// Middle less k deviations.
        Lower = "lower",
    }
);

closed!(
    /// Outputs of `stochastic`.
    StochasticOutput {
        /// Smoothed %K.
        K = "k",
        /// Smoothed %D.
        D = "d",
    }
);

closed!(
    /// Parts of the session date.
    Calendar {
        /// Monday is 1, Sunday is 7 (ISO 8601).
        DayOfWeek = "day_of_week",
        /// January is 1.
        Month = "month",
    }
);

closed!(
    /// Functions across the active tickers of a date.
    CrossSection {
        /// Average rank over count, in (0, 1].
        Rank = "rank",
        /// (x - mean) / sample deviation.
        Zscore = "zscore",
        /// x - mean.
        Demean = "demean",
    }
);

closed!(
    /// Directions of a crossing.
    Cross {
        /// From at or below to above.
        Above = "cross_above",
        /// From at or above to below.
        Below = "cross_below",
    }
);
