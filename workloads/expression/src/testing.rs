//! Random well-typed expressions, for property tests of this crate and of evaluators (feature `testing`).

use proptest::prelude::*;

use crate::unit::Unit;
use crate::vocabulary::{Coarse, Column};

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

/// The sources of one depth: pure numbers, adjusted prices, adjusted volumes, booleans.
#[derive(Clone)]
struct Level {
    plain: BoxedStrategy<String>,
    price: BoxedStrategy<String>,
    volume: BoxedStrategy<String>,
    boolean: BoxedStrategy<String>,
}

/// What gives the unit of its input, in which nothing is arbitrary but the scale.
const SAME: [&str; 10] =
    ["delay", "delta", "mean", "sum", "median", "lowest", "highest", "sma", "ema", "wma"];

impl Generator {
    /// Expressions of kind number that are no adjusted prices or volumes.
    pub fn plain(&self) -> BoxedStrategy<String> {
        self.level().plain
    }

    /// Expressions of kind number whose unit is the adjusted price.
    pub fn price(&self) -> BoxedStrategy<String> {
        self.level().price
    }

    /// Expressions of kind number whose unit is the adjusted volume.
    pub fn volume(&self) -> BoxedStrategy<String> {
        self.level().volume
    }

    /// Expressions of kind boolean.
    pub fn boolean(&self) -> BoxedStrategy<String> {
        self.level().boolean
    }

    /// Expressions of any type.
    pub fn any(&self) -> BoxedStrategy<String> {
        let level = self.level();
        prop_oneof![2 => level.plain, 2 => level.price, 1 => level.volume, 2 => level.boolean].boxed()
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
            column_of(is_raw),
            coarse_column_of(is_raw),
            self.of_ticker(is_raw, "", ""),
            self.of_ticker(|_| true, "returns(", ", 3)"),
        ]
        .boxed();
        let (is_price, is_volume) =
            (|unit: Unit| unit == Unit::ADJUSTED_PRICE, |unit: Unit| unit == Unit::ADJUSTED_VOLUME);
        let price = prop_oneof![
            4 => column_of(is_price),
            1 => coarse_column_of(is_price),
            1 => self.call("atr", 1),
            1 => self.call("vwap", 1),
            1 => self.call("roll_spread", 2),
        ]
        .boxed();
        let balance = prop::sample::select(vec!["obv", "obv()"]).prop_map(str::to_owned);
        let volume =
            prop_oneof![2 => column_of(is_volume), 2 => balance, 1 => coarse_column_of(is_volume)].boxed();
        let boolean = prop_oneof![3 => compared(&price, &price), 1 => compared(&volume, &volume)].boxed();
        Level { plain, price, volume, boolean }
    }

    fn above(&self, below: &Level) -> Level {
        let Level { plain, price, volume, boolean } = below.clone();
        let adjusted = prop_oneof![3 => price.clone(), 1 => volume.clone()].boxed();
        let number = prop_oneof![3 => plain.clone(), 4 => adjusted.clone()].boxed();
        let pure = vec![
            plain.clone(),
            (plain.clone(), prop::sample::select(vec!["+", "-", "*", "/"]), plain.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})"))
                .boxed(),
            (price.clone(), price.clone()).prop_map(|(a, b)| format!("({a}) / ({b})")).boxed(),
            (volume.clone(), volume.clone()).prop_map(|(a, b)| format!("({a}) / ({b})")).boxed(),
            plain.clone().prop_map(|a| format!("-({a})")).boxed(),
            (prop::sample::select(vec!["log", "exp", "abs", "sign", "sqrt"]), plain.clone())
                .prop_map(|(f, a)| format!("{f}({a})"))
                .boxed(),
            adjusted.clone().prop_map(|a| format!("sign({a})")).boxed(),
            (adjusted, self.period(1)).prop_map(|(a, n)| format!("delta(log({a}), {n})")).boxed(),
            (price.clone(), volume.clone(), self.period(2))
                .prop_map(|(a, b, n)| format!("correlation({a}, {b}, {n})"))
                .boxed(),
            (plain.clone(), literal(), literal())
                .prop_map(|(a, low, high)| format!("clip({a}, {low}, {low} + {high})"))
                .boxed(),
            (prop::sample::select(vec!["min", "max"]), plain.clone(), plain.clone())
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})"))
                .boxed(),
            (boolean.clone(), plain.clone(), plain.clone())
                .prop_map(|(c, a, b)| format!("if({c}, {a}, {b})"))
                .boxed(),
            self.of(&SAME, 1, &plain),
            self.of(&["std", "var", "slope"], 2, &plain),
            self.of(&["returns", "roc"], 1, &number),
            self.of(&["rsi"], 2, &number),
            self.of(&["skew", "autocorrelation"], 3, &number),
            self.of(&["kurtosis"], 4, &number),
            self.of(&["count"], 1, &boolean),
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
        let (prices, volumes) = (self.adjusted(&price, &boolean), self.adjusted(&volume, &boolean));
        let booleans = vec![
            boolean.clone(),
            compared(&plain, &plain),
            compared(&price, &price),
            compared(&volume, &volume),
            (price.clone(), compare()).prop_map(|(a, op)| format!("{a} {op} 0")).boxed(),
            (volume, compare()).prop_map(|(a, op)| format!("{a} {op} 0")).boxed(),
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
        Level { plain: union(pure), price: union(prices), volume: union(volumes), boolean: union(booleans) }
    }

    /// Numbers of the unit of an adjusted one.
    fn adjusted(
        &self,
        level: &BoxedStrategy<String>,
        boolean: &BoxedStrategy<String>,
    ) -> Vec<BoxedStrategy<String>> {
        let level = level.clone();
        vec![
            level.clone(),
            (level.clone(), prop::sample::select(vec!["+", "-"]), level.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})"))
                .boxed(),
            (level.clone(), prop::sample::select(vec!["*", "/"]), literal())
                .prop_map(|(a, op, b)| format!("({a}) {op} {b}"))
                .boxed(),
            level.clone().prop_map(|a| format!("-({a})")).boxed(),
            level.clone().prop_map(|a| format!("abs({a})")).boxed(),
            (prop::sample::select(vec!["min", "max"]), level.clone(), level.clone())
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})"))
                .boxed(),
            (boolean.clone(), level.clone(), level.clone())
                .prop_map(|(c, a, b)| format!("if({c}, {a}, {b})"))
                .boxed(),
            self.of(&SAME, 1, &level),
            self.of(&["std", "slope"], 2, &level),
            (level.clone(), self.period(2)).prop_map(|(a, n)| format!("sqrt(var({a}, {n}))")).boxed(),
            self.macd(&level),
            self.bollinger(&level),
        ]
    }

    /// A function of these names over a window.
    fn of(&self, names: &[&'static str], least: u32, input: &BoxedStrategy<String>) -> BoxedStrategy<String> {
        (prop::sample::select(names.to_vec()), input.clone(), self.period(least))
            .prop_map(|(name, input, n)| format!("{name}({input}, {n})"))
            .boxed()
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

    /// A column of another ticker, between what stands before and behind it.
    fn of_ticker(
        &self,
        of: impl Fn(Unit) -> bool,
        before: &'static str,
        behind: &'static str,
    ) -> BoxedStrategy<String> {
        if self.tickers.is_empty() {
            return literal();
        }
        (column_of(of), prop::sample::select(self.tickers.clone()))
            .prop_map(move |(column, ticker)| format!("{before}{column}@\"{ticker}\"{behind}"))
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

/// Whether a column is as traded.
fn is_raw(unit: Unit) -> bool {
    !unit.is_adjusted()
}

/// A column of such a unit.
fn column_of(of: impl Fn(Unit) -> bool) -> BoxedStrategy<String> {
    let columns: Vec<Column> = Column::ALL.iter().copied().filter(|column| of(Unit::of(*column))).collect();
    prop::sample::select(columns).prop_map(|column| column.text().to_owned()).boxed()
}

/// A column of such a unit, of longer bars.
fn coarse_column_of(of: impl Fn(Unit) -> bool) -> BoxedStrategy<String> {
    (column_of(of), prop::sample::select(Coarse::ALL.to_vec()))
        .prop_map(|(column, coarse)| format!("{column}@{coarse}"))
        .boxed()
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

fn compared(left: &BoxedStrategy<String>, right: &BoxedStrategy<String>) -> BoxedStrategy<String> {
    (left.clone(), compare(), right.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")).boxed()
}

fn compare() -> BoxedStrategy<&'static str> {
    prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]).boxed()
}

fn union(options: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    proptest::strategy::Union::new(options).boxed()
}
