//! Random well-typed expressions, for property tests of this crate and of evaluators (feature `testing`).

use proptest::prelude::*;

/// What random expressions may contain.
#[derive(Debug, Clone)]
pub struct Generator {
    /// The longest period.
    pub max_period: u32,
    /// How many functions and operators one inside another.
    pub depth: u32,
    /// Whether functions across tickers occur.
    pub cross_sectional: bool,
    /// Other tickers, for `beta` and `close@"…"`; none, neither.
    pub tickers: Vec<String>,
}

impl Default for Generator {
    fn default() -> Self {
        Self {
            max_period: 60,
            depth: 4,
            cross_sectional: true,
            tickers: vec!["SPY".to_owned(), "BRK.B".to_owned()],
        }
    }
}

/// The sources of one depth: pure numbers, adjusted prices, booleans.
#[derive(Clone)]
struct Level {
    plain: BoxedStrategy<String>,
    price: BoxedStrategy<String>,
    boolean: BoxedStrategy<String>,
}

impl Generator {
    /// Expressions of kind number that are no adjusted prices or volumes.
    pub fn plain(&self) -> BoxedStrategy<String> {
        self.level().plain
    }

    /// Expressions of kind number whose unit is the adjusted price.
    pub fn price(&self) -> BoxedStrategy<String> {
        self.level().price
    }

    /// Expressions of kind boolean.
    pub fn boolean(&self) -> BoxedStrategy<String> {
        self.level().boolean
    }

    /// Expressions of any type.
    pub fn any(&self) -> BoxedStrategy<String> {
        let level = self.level();
        prop_oneof![level.plain, level.price, level.boolean].boxed()
    }

    fn level(&self) -> Level {
        let mut level = self.leaves();
        for _ in 0..self.depth {
            level = self.above(&level);
        }
        level
    }

    fn leaves(&self) -> Level {
        let plain = prop_oneof![
            literal(),
            Just("raw_close / raw_open".to_owned()),
            Just("day_of_week".to_owned()),
            Just("month()".to_owned()),
            self.call("returns", 1),
            self.call("adx", 2),
            self.call("parkinson", 1),
            self.call("garman_klass", 1),
            self.call("yang_zhang", 2),
            self.call("amihud", 1),
            self.call("realized_volatility", 2),
            self.call("dollar_volume", 1),
            self.stochastic(),
            self.beta(),
            self.of_ticker("raw_close", ""),
            self.of_ticker("returns(volume", ", 3)"),
        ]
        .boxed();
        let column = prop::sample::select(vec!["open", "high", "low", "close"]).prop_map(str::to_owned);
        let coarse = prop::sample::select(vec!["open@1w", "high@1w", "low@1w", "close@1w", "close@1d"])
            .prop_map(str::to_owned);
        let price =
            prop_oneof![4 => column, 1 => coarse, 1 => self.call("atr", 1), 1 => self.call("vwap", 1), 1 => self.call("roll_spread", 2)]
                .boxed();
        let boolean =
            (price.clone(), compare(), price.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")).boxed();
        Level { plain, price, boolean }
    }

    fn above(&self, below: &Level) -> Level {
        let Level { plain, price, boolean } = below.clone();
        let number = prop_oneof![plain.clone(), price.clone()].boxed();
        let of = |names: &[&'static str], least: u32, input: &BoxedStrategy<String>| {
            let names = names.to_vec();
            (prop::sample::select(names), input.clone(), self.period(least))
                .prop_map(|(name, input, n)| format!("{name}({input}, {n})"))
                .boxed()
        };
        let same = ["delay", "delta", "mean", "sum", "median", "lowest", "highest", "sma", "ema", "wma"];
        let pure = vec![
            plain.clone(),
            (plain.clone(), prop::sample::select(vec!["+", "-", "*", "/"]), plain.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})"))
                .boxed(),
            (price.clone(), price.clone()).prop_map(|(a, b)| format!("({a}) / ({b})")).boxed(),
            plain.clone().prop_map(|a| format!("-({a})")).boxed(),
            (prop::sample::select(vec!["log", "exp", "abs", "sign", "sqrt"]), plain.clone())
                .prop_map(|(f, a)| format!("{f}({a})"))
                .boxed(),
            price.clone().prop_map(|a| format!("sign({a})")).boxed(),
            (price.clone(), self.period(1)).prop_map(|(a, n)| format!("delta(log({a}), {n})")).boxed(),
            (plain.clone(), literal(), literal())
                .prop_map(|(a, low, high)| format!("clip({a}, {low}, {low} + {high})"))
                .boxed(),
            (prop::sample::select(vec!["min", "max"]), plain.clone(), plain.clone())
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})"))
                .boxed(),
            (boolean.clone(), plain.clone(), plain.clone())
                .prop_map(|(c, a, b)| format!("if({c}, {a}, {b})"))
                .boxed(),
            of(&same, 1, &plain),
            of(&["std", "var", "slope"], 2, &plain),
            of(&["returns", "roc"], 1, &number),
            of(&["rsi"], 2, &number),
            of(&["skew", "autocorrelation"], 3, &number),
            of(&["kurtosis"], 4, &number),
            of(&["count"], 1, &boolean),
            (plain.clone(), 0..=100_u32, self.period(1))
                .prop_map(|(a, q, n)| format!("quantile({a}, {}, {n})", f64::from(q) / 100.0))
                .boxed(),
            (
                prop::sample::select(vec!["correlation", "covariance"]),
                plain.clone(),
                plain.clone(),
                self.period(2),
            )
                .prop_map(|(f, a, b, n)| format!("{f}({a}, {b}, {n})"))
                .boxed(),
            self.macd(&plain),
            self.bollinger(&plain),
        ];
        let mut pure = pure;
        if self.cross_sectional {
            let functions = prop::sample::select(vec!["rank", "zscore", "demean"]);
            pure.push((functions, plain.clone()).prop_map(|(f, a)| format!("{f}({a})")).boxed());
            pure.push(
                (plain.clone(), 0..50_u32)
                    .prop_map(|(a, p)| format!("winsorize({a}, {})", f64::from(p) / 100.0))
                    .boxed(),
            );
        }
        let prices = vec![
            price.clone(),
            (price.clone(), prop::sample::select(vec!["+", "-"]), price.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})"))
                .boxed(),
            (price.clone(), prop::sample::select(vec!["*", "/"]), literal())
                .prop_map(|(a, op, b)| format!("({a}) {op} {b}"))
                .boxed(),
            price.clone().prop_map(|a| format!("-({a})")).boxed(),
            price.clone().prop_map(|a| format!("abs({a})")).boxed(),
            (prop::sample::select(vec!["min", "max"]), price.clone(), price.clone())
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})"))
                .boxed(),
            (boolean.clone(), price.clone(), price.clone())
                .prop_map(|(c, a, b)| format!("if({c}, {a}, {b})"))
                .boxed(),
            of(&same, 1, &price),
            of(&["std", "slope"], 2, &price),
            (price.clone(), self.period(2)).prop_map(|(a, n)| format!("sqrt(var({a}, {n}))")).boxed(),
            self.macd(&price),
            self.bollinger(&price),
        ];
        let booleans = vec![
            boolean.clone(),
            (plain.clone(), compare(), plain).prop_map(|(a, op, b)| format!("{a} {op} {b}")).boxed(),
            (price.clone(), compare(), price.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")).boxed(),
            (price.clone(), compare()).prop_map(|(a, op)| format!("{a} {op} 0")).boxed(),
            (boolean.clone(), prop::sample::select(vec!["and", "or"]), boolean.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})"))
                .boxed(),
            boolean.clone().prop_map(|a| format!("not ({a})")).boxed(),
            (boolean.clone(), boolean.clone(), boolean)
                .prop_map(|(c, a, b)| format!("if({c}, {a}, {b})"))
                .boxed(),
            (prop::sample::select(vec!["cross_above", "cross_below"]), price.clone(), price)
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})"))
                .boxed(),
        ];
        Level { plain: union(pure), price: union(prices), boolean: union(booleans) }
    }

    fn period(&self, least: u32) -> BoxedStrategy<u32> {
        (least..=self.max_period.max(least)).boxed()
    }

    fn call(&self, name: &'static str, least: u32) -> BoxedStrategy<String> {
        self.period(least).prop_map(move |n| format!("{name}({n})")).boxed()
    }

    fn stochastic(&self) -> BoxedStrategy<String> {
        (self.period(1), self.period(1), self.period(1), prop::sample::select(vec!["k", "d"]))
            .prop_map(|(k, s, d, output)| format!("stochastic({k}, {s}, {d}).{output}"))
            .boxed()
    }

    fn beta(&self) -> BoxedStrategy<String> {
        if self.tickers.is_empty() {
            return literal();
        }
        (prop::sample::select(self.tickers.clone()), self.period(2))
            .prop_map(|(ticker, n)| format!("beta(\"{ticker}\", {n})"))
            .boxed()
    }

    /// A column of another ticker, and what follows it.
    fn of_ticker(&self, column: &'static str, rest: &'static str) -> BoxedStrategy<String> {
        if self.tickers.is_empty() {
            return literal();
        }
        prop::sample::select(self.tickers.clone())
            .prop_map(move |ticker| format!("{column}@\"{ticker}\"{rest}"))
            .boxed()
    }

    fn macd(&self, input: &BoxedStrategy<String>) -> BoxedStrategy<String> {
        let outputs = prop::sample::select(vec!["line", "signal", "histogram"]);
        (input.clone(), self.period(2), self.period(1), self.period(1), outputs)
            .prop_map(|(x, fast, more, signal, output)| {
                format!("macd({x}, {fast}, {}, {signal}).{output}", fast + more)
            })
            .boxed()
    }

    fn bollinger(&self, input: &BoxedStrategy<String>) -> BoxedStrategy<String> {
        let outputs = prop::sample::select(vec!["upper", "middle", "lower"]);
        (input.clone(), self.period(2), 1..=40_u32, outputs)
            .prop_map(|(x, n, k, output)| format!("bollinger({x}, {n}, {}).{output}", f64::from(k) / 10.0))
            .boxed()
    }
}

fn literal() -> BoxedStrategy<String> {
    prop_oneof![
        (1..1000_u32).prop_map(|n| n.to_string()),
        (1..100_000_u32).prop_map(|n| format!("{}", f64::from(n) / 1000.0)),
        Just("1e-9".to_owned()),
        Just("2.5e17".to_owned()),
    ]
    .boxed()
}

fn compare() -> BoxedStrategy<&'static str> {
    prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]).boxed()
}

fn union(options: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    proptest::strategy::Union::new(options).boxed()
}
