//! Performance statistics of a backtest, each beside the name of its formula.
//!
//! Returns are those between session closes, the first from the initial cash, idle sessions included; a year has
//! 252 sessions; the risk-free rate and the minimum acceptable return are 0. Formulas are those of empyrical
//! (`stats.py`) and, for the probabilistic Sharpe ratio, of Bailey and Lopez de Prado (2012). A number that is
//! not defined is `None`, in JSON null, and fails a gate.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

/// Sessions in a year.
pub const SESSIONS_A_YEAR: f64 = 252.0;

/// A number and the name of its formula.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistic {
    /// The number; none where it is not defined.
    pub value: Option<f64>,
    /// How it was computed.
    pub formula: &'static str,
}

/// A return over a month or a year.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeriodReturn {
    /// `2020` or `2020-01`.
    pub period: String,
    /// The return; none where equity was not positive.
    pub value: Option<f64>,
}

/// The account at a session's close, as statistics need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Close {
    /// The exchange's date.
    pub session: Date,
    /// Equity in dollars.
    pub equity: f64,
    /// Absolute notional in dollars.
    pub gross: f64,
    /// Open positions.
    pub positions: u32,
}

/// A closed trade, as statistics need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TradeResult {
    /// Dollars, net of costs.
    pub profit: f64,
    /// Session closes that it was held over.
    pub sessions: u32,
}

/// What statistics are computed from.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<'a> {
    /// Dollars at the start.
    pub initial_cash: f64,
    /// Session closes, in order.
    pub closes: &'a [Close],
    /// Closed trades, in order.
    pub trades: &'a [TradeResult],
    /// Absolute dollars of all fills.
    pub traded_value: f64,
    /// Dollars of commission.
    pub commission: f64,
    /// Dollars of slippage.
    pub slippage: f64,
    /// Dollars of dividends received less paid.
    pub dividends: f64,
}

/// Everything in `statistics.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// The numbers, by name.
    #[serde(flatten)]
    pub numbers: BTreeMap<&'static str, Statistic>,
    /// Compounded returns of calendar months.
    #[serde(rename = "monthlyReturns")]
    pub monthly: Vec<PeriodReturn>,
    /// Compounded returns of calendar years.
    #[serde(rename = "yearlyReturns")]
    pub yearly: Vec<PeriodReturn>,
}

impl Statistics {
    /// The number by name, none where it is not defined.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).and_then(|number| number.value)
    }

    /// All numbers by name, as gates read them.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, Option<f64>> {
        self.numbers.iter().map(|(name, number)| ((*name).to_owned(), number.value)).collect()
    }
}

/// Returns between closes, the first from the initial cash; not a number where the earlier equity is not positive.
#[must_use]
pub fn returns(initial_cash: f64, closes: &[Close]) -> Vec<f64> {
    let mut before = initial_cash;
    closes
        .iter()
        .map(|close| {
            let value = if before > 0.0 { close.equity / before - 1.0 } else { f64::NAN };
            before = close.equity;
            value
        })
        .collect()
}

/// Mean in the order of the values.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Central moment of an order, over n.
fn moment(values: &[f64], order: i32) -> f64 {
    let center = mean(values);
    let mut sum = 0.0;
    for value in values {
        let mut power = 1.0;
        for _ in 0..order {
            power *= value - center;
        }
        sum += power;
    }
    sum / values.len() as f64
}

/// Sample standard deviation; not a number for fewer than two values.
fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let n = values.len() as f64;
    (moment(values, 2) * n / (n - 1.0)).sqrt()
}

/// A deviation of returns below this is rounding: equity counts in micro-dollars, and equal returns do not all
/// round alike.
const NO_DEVIATION: f64 = 1e-12;

/// Mean over sample deviation, a period.
fn sharpe_a_period(returns: &[f64]) -> f64 {
    let spread = deviation(returns);
    if spread.is_nan() || spread <= NO_DEVIATION { f64::NAN } else { mean(returns) / spread }
}

fn sortino(returns: &[f64]) -> f64 {
    if returns.len() < 2 {
        return f64::NAN;
    }
    let below = (returns.iter().map(|value| value.min(0.0) * value.min(0.0)).sum::<f64>()
        / returns.len() as f64)
        .sqrt()
        * SESSIONS_A_YEAR.sqrt();
    if below == 0.0 { f64::NAN } else { mean(returns) * SESSIONS_A_YEAR / below }
}

/// `W / cummax(W) - 1` for each return, the starting 1 counted in.
#[must_use]
pub fn drawdowns(returns: &[f64]) -> Vec<f64> {
    let (mut wealth, mut peak) = (1.0_f64, 1.0_f64);
    returns
        .iter()
        .map(|value| {
            wealth *= 1.0 + value;
            peak = peak.max(wealth);
            wealth / peak - 1.0
        })
        .collect()
}

/// Longest run of sessions below a peak.
fn longest_below(drawdowns: &[f64]) -> f64 {
    let (mut longest, mut run) = (0_u32, 0_u32);
    for value in drawdowns {
        run = if *value < 0.0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    f64::from(longest)
}

/// Standard normal distribution function.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Phi((SR - SR*) sqrt(n-1) / sqrt(1 - g3 SR + (g4-1)/4 SR^2)) with SR a period, moments over n, SR* = 0.
fn probabilistic_sharpe(returns: &[f64]) -> f64 {
    let sharpe = sharpe_a_period(returns);
    let variance = moment(returns, 2);
    let skew = moment(returns, 3) / (variance * variance.sqrt());
    let kurtosis = moment(returns, 4) / (variance * variance);
    let below = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    normal(sharpe * (returns.len() as f64 - 1.0).sqrt() / below.sqrt())
}

fn by_period(returns: &[f64], closes: &[Close], name: impl Fn(Date) -> String) -> Vec<PeriodReturn> {
    let mut periods: Vec<(String, f64)> = Vec::new();
    for (value, close) in returns.iter().zip(closes) {
        let period = name(close.session);
        match periods.last_mut() {
            Some((last, growth)) if *last == period => *growth *= 1.0 + value,
            _ => periods.push((period, 1.0 + value)),
        }
    }
    periods
        .into_iter()
        .map(|(period, growth)| PeriodReturn { period, value: defined(growth - 1.0) })
        .collect()
}

fn defined(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Computes everything.
#[must_use]
pub fn compute(record: &Record<'_>) -> Statistics {
    let Record { initial_cash, closes, trades, .. } = *record;
    let returns = returns(initial_cash, closes);
    let n = returns.len() as f64;
    let last = closes.last().map_or(initial_cash, |close| close.equity);
    let falls = drawdowns(&returns);
    let deepest =
        falls.iter().copied().fold(0.0_f64, |least, value| if value < least { value } else { least });
    // One undefined return makes what is computed over all of them undefined.
    let broken = returns.iter().any(|value| value.is_nan());
    let deepest = if broken { f64::NAN } else { deepest };
    let growth = if returns.is_empty() || last < 0.0 {
        f64::NAN
    } else {
        libm::pow(last / initial_cash, SESSIONS_A_YEAR / n) - 1.0
    };
    let extreme = |pick: fn(f64, f64) -> f64| returns.iter().copied().reduce(pick).unwrap_or(f64::NAN);
    let year = SESSIONS_A_YEAR.sqrt();
    let mean_equity = mean(&closes.iter().map(|close| close.equity).collect::<Vec<_>>());
    let exposures: Vec<f64> = closes
        .iter()
        .map(|close| if close.equity > 0.0 { close.gross / close.equity } else { f64::NAN })
        .collect();

    let count = trades.len() as f64;
    let profits: Vec<f64> = trades.iter().map(|trade| trade.profit).collect();
    let gains: f64 = profits.iter().filter(|profit| **profit > 0.0).sum();
    let losses: f64 = profits.iter().filter(|profit| **profit < 0.0).sum();
    let wins = profits.iter().filter(|profit| **profit > 0.0).count() as f64;
    let lost = profits.iter().filter(|profit| **profit < 0.0).count() as f64;
    let best = |pick: fn(f64, f64) -> f64| profits.iter().copied().reduce(pick).unwrap_or(f64::NAN);

    let mut numbers = BTreeMap::new();
    let mut put = |name, value: f64, formula| {
        numbers.insert(name, Statistic { value: defined(value), formula });
    };
    put("sessions", n, "number of session closes n");
    put("initialCash", initial_cash, "E_0");
    put("finalEquity", last, "E_T");
    put("totalReturn", last / initial_cash - 1.0, "E_T / E_0 - 1");
    put("cagr", growth, "(E_T / E_0)^(252 / n) - 1");
    put("volatility", deviation(&returns) * year, "sample std(r) x sqrt(252)");
    put("sharpe", sharpe_a_period(&returns) * year, "mean(r - rf) / sample std(r) x sqrt(252), rf = 0");
    put(
        "sortino",
        sortino(&returns),
        "mean(r - MAR) x 252 / (sqrt(mean(min(r - MAR, 0)^2)) x sqrt(252)), MAR = 0",
    );
    put("maxDrawdown", deepest, "min(W / cummax(W) - 1), W_0 = 1");
    put("calmar", if deepest == 0.0 { f64::NAN } else { growth / deepest.abs() }, "CAGR / |max drawdown|");
    put(
        "longestDrawdown",
        if broken { f64::NAN } else { longest_below(&falls) },
        "most consecutive session closes below the peak",
    );
    put(
        "probabilisticSharpe",
        probabilistic_sharpe(&returns),
        "Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)), SR per session, g3 and g4 over n, SR* = 0",
    );
    put("bestSession", extreme(f64::max), "max(r)");
    put("worstSession", extreme(f64::min), "min(r)");
    put("exposure", mean(&exposures), "mean(gross notional / equity) at session closes");
    put(
        "timeInMarket",
        closes.iter().filter(|close| close.positions > 0).count() as f64 / n,
        "session closes with a position / session closes",
    );
    put(
        "turnover",
        record.traded_value / 2.0 / mean_equity * SESSIONS_A_YEAR / n,
        "sum of fill values / 2 / mean(equity) x 252 / n",
    );
    put("trades", count, "number of closed trades, flat to flat");
    put("winRate", wins / count, "trades with profit > 0 / trades");
    put(
        "profitFactor",
        if losses == 0.0 { f64::NAN } else { gains / losses.abs() },
        "sum of gains / |sum of losses|",
    );
    put("averageTrade", mean(&profits), "mean(profit), net of costs");
    put("averageGain", gains / wins, "mean(profit) over trades with profit > 0");
    put("averageLoss", losses / lost, "mean(profit) over trades with profit < 0");
    put("bestTrade", best(f64::max), "max(profit), net of costs");
    put("worstTrade", best(f64::min), "min(profit), net of costs");
    put(
        "averageHolding",
        mean(&trades.iter().map(|trade| f64::from(trade.sessions)).collect::<Vec<_>>()),
        "mean(session closes held over) a trade",
    );
    put("commission", record.commission, "sum of commissions");
    put("slippage", record.slippage, "sum of |fill price - price without slippage| x quantity");
    put("dividends", record.dividends, "sum of dividends received less paid");

    Statistics {
        numbers,
        monthly: by_period(&returns, closes, |date| format!("{:04}-{:02}", date.year(), date.month())),
        yearly: by_period(&returns, closes, |date| format!("{:04}", date.year())),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        reference: String,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        start: String,
        returns: Vec<f64>,
        expected: BTreeMap<String, Option<f64>>,
        monthly: Vec<f64>,
        yearly: Vec<f64>,
    }

    fn reference() -> Reference {
        serde_json::from_str(include_str!("../tests/reference/statistics.json")).unwrap()
    }

    /// Closes on consecutive weekdays whose equity grows by the returns from 100,000.
    fn closes(start: &str, returns: &[f64]) -> Vec<Close> {
        let mut session: Date = start.parse().unwrap();
        let mut equity = 100_000.0;
        returns
            .iter()
            .map(|value| {
                equity *= 1.0 + value;
                let close = Close { session, equity, gross: equity, positions: 1 };
                session = session.tomorrow().unwrap();
                while session.weekday().to_monday_zero_offset() > 4 {
                    session = session.tomorrow().unwrap();
                }
                close
            })
            .collect()
    }

    fn of(closes: &[Close], trades: &[TradeResult]) -> Statistics {
        compute(&Record {
            initial_cash: 100_000.0,
            closes,
            trades,
            traded_value: 0.0,
            commission: 0.0,
            slippage: 0.0,
            dividends: 0.0,
        })
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
    }

    #[test]
    fn equals_empyrical() {
        let reference = reference();
        assert!(reference.reference.contains("empyrical"), "{}", reference.reference);
        assert!(reference.cases.len() >= 4);
        for case in reference.cases {
            let closes = closes(&case.start, &case.returns);
            let ours = of(&closes, &[]);
            for (name, expected) in &case.expected {
                match (ours.value(name), expected) {
                    (Some(ours), Some(expected)) => {
                        assert!(near(ours, *expected), "{} {name}: {ours} against {expected}", case.name);
                    }
                    (ours, expected) => assert_eq!(ours, *expected, "{} {name}", case.name),
                }
            }
            for (ours, expected) in [(&ours.monthly, &case.monthly), (&ours.yearly, &case.yearly)] {
                assert_eq!(ours.len(), expected.len(), "{}", case.name);
                for (ours, expected) in ours.iter().zip(expected) {
                    assert!(near(ours.value.unwrap(), *expected), "{} {}", case.name, ours.period);
                }
            }
        }
    }

    /// Profits 30, -10, 20, 0: two of four won, 50 over 10.
    #[test]
    fn trades_by_hand() {
        let results: Vec<TradeResult> = [30.0, -10.0, 20.0, 0.0]
            .iter()
            .map(|profit| TradeResult { profit: *profit, sessions: 2 })
            .collect();
        let ours = of(&closes("2020-01-01", &[0.01, -0.01]), &results);
        assert_eq!(ours.value("winRate"), Some(0.5));
        assert_eq!(ours.value("profitFactor"), Some(5.0));
        assert_eq!((ours.value("bestTrade"), ours.value("worstTrade")), (Some(30.0), Some(-10.0)));
        assert_eq!((ours.value("averageGain"), ours.value("averageLoss")), (Some(25.0), Some(-10.0)));
        assert_eq!(ours.value("averageHolding"), Some(2.0));
    }

    /// Where a formula divides by nothing there is no number, and JSON says null.
    #[test]
    fn what_is_not_defined_is_null() {
        let flat = of(&closes("2020-01-01", &[0.0, 0.0, 0.0]), &[]);
        for name in ["sharpe", "sortino", "calmar", "winRate", "profitFactor", "probabilisticSharpe"] {
            assert_eq!(flat.value(name), None, "{name}");
        }
        let won = of(&closes("2020-01-01", &[0.01]), &[TradeResult { profit: 1.0, sessions: 1 }]);
        assert_eq!((won.value("winRate"), won.value("profitFactor")), (Some(1.0), None));
        assert_eq!(won.value("sharpe"), None, "one return has no deviation");
        // Equal returns have no deviation, though they do not round alike.
        assert_eq!(of(&closes("2020-01-01", &[0.001; 50]), &[]).value("sharpe"), None);
        let json = serde_json::to_value(&flat).unwrap();
        assert!(json["sharpe"]["value"].is_null());
        assert_eq!(json["sharpe"]["formula"], "mean(r - rf) / sample std(r) x sqrt(252), rf = 0");
        let nothing = of(&[], &[]);
        assert_eq!((nothing.value("cagr"), nothing.value("totalReturn")), (None, Some(0.0)));
    }

    /// Equity that falls to nothing: everything lost, and no return after it.
    #[test]
    fn ruin_is_told() {
        let mut closes = closes("2020-01-01", &[0.1, -0.5, 0.2]);
        closes[1].equity = 0.0;
        closes[2].equity = 0.0;
        let ours = of(&closes, &[]);
        assert_eq!(ours.value("cagr"), Some(-1.0));
        assert_eq!((ours.value("sharpe"), ours.value("maxDrawdown")), (None, None));
    }
}
