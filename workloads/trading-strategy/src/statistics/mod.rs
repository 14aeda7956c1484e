//! Performance statistics of a backtest, each beside the name of its formula.
//!
//! Returns are those between session closes, the first from the initial cash, idle sessions included; a year has
//! 252 sessions; the risk-free rate and the minimum acceptable return are 0 where the strategy gives none. Formulas
//! are those of empyrical (`stats.py`) and, for the probabilistic Sharpe ratio, of Bailey and Lopez de Prado (2012).
//! A number that is not defined is `None`, in JSON null, and fails a gate.

mod benchmark;
mod deflated;
mod drawdowns;
mod moments;
mod rates;
mod rolling;
mod trades;

use std::borrow::Cow;
use std::collections::BTreeMap;

use ats_crds::strategy::StrategySearchMetric;
use jiff::civil::Date;
use serde::Serialize;

use moments::{deviation, mean, moment, quantile};

pub use drawdowns::{Drawdown, drawdowns};
pub use rates::Rates;
pub use rolling::{ROLLING_SESSIONS, RollingPoint};
pub use trades::Group;

/// Sessions in a year.
pub const SESSIONS_A_YEAR: f64 = 252.0;

/// A number and the name of its formula.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistic {
    /// The number; none where it is not defined.
    pub value: Option<f64>,
    /// How it was computed.
    pub formula: Cow<'static, str>,
}

/// A calendar year.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Year {
    /// `2020`.
    pub year: String,
    /// Session closes in it.
    pub sessions: u32,
    /// Compounded return.
    pub total_return: Option<f64>,
    /// The benchmark's.
    pub benchmark_return: Option<f64>,
    /// Sample deviation of its returns, a year.
    pub volatility: Option<f64>,
    /// Mean of its returns above the risk-free one over their sample deviation, a year.
    pub sharpe: Option<f64>,
    /// Deepest fall from a peak within it.
    pub max_drawdown: Option<f64>,
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
#[derive(Debug, Clone, PartialEq)]
pub struct TradeResult {
    /// What was traded.
    pub ticker: String,
    /// Whether it was a long trade.
    pub is_long: bool,
    /// Dollars opened.
    pub entry_value: f64,
    /// Dollars, net of costs.
    pub profit: f64,
    /// Session closes that it was held over.
    pub sessions: u32,
    /// Why it ended, in a word.
    pub reason: String,
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
    /// What the initial cash would have become in the benchmark, at each close; empty without one.
    pub benchmark: &'a [f64],
    /// What returns are measured against.
    pub rates: Rates,
    /// Absolute dollars of all fills.
    pub traded_value: f64,
    /// Dollars of commission.
    pub commission: f64,
    /// Dollars of slippage.
    pub slippage: f64,
    /// Dollars of borrowing shorts.
    pub borrowing: f64,
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
    /// Calendar years.
    pub years: Vec<Year>,
    /// Falls from a peak, the deepest first, ten at most.
    pub drawdowns: Vec<Drawdown>,
    /// Closed trades by ticker.
    pub tickers: Vec<Group>,
    /// Closed trades by what ended them.
    pub exits: Vec<Group>,
    /// Sharpe ratio and beta over the last [`ROLLING_SESSIONS`], from the first session that has them; a table of
    /// its own beside `statistics.json`.
    #[serde(skip)]
    pub rolling: Vec<RollingPoint>,
}

impl Statistics {
    /// The number by name, none where it is not defined.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).and_then(|number| number.value)
    }

    fn put(&mut self, name: &'static str, value: f64, formula: impl Into<Cow<'static, str>>) {
        self.numbers.insert(name, Statistic { value: defined(value + 0.0), formula: formula.into() });
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
    returns_of(initial_cash, &closes.iter().map(|close| close.equity).collect::<Vec<_>>())
}

/// The same of any worth.
fn returns_of(start: f64, worth: &[f64]) -> Vec<f64> {
    let mut before = start;
    worth
        .iter()
        .map(|worth| {
            let value = if before > 0.0 { worth / before - 1.0 } else { f64::NAN };
            before = *worth;
            value
        })
        .collect()
}

/// A deviation of returns below this is rounding: equity counts in micro-dollars, and equal returns do not all
/// round alike.
const NO_DEVIATION: f64 = 1e-12;

/// Mean less the risk-free return of a period over sample deviation, a period.
fn sharpe_a_period(returns: &[f64], risk_free: f64) -> f64 {
    let spread = deviation(returns);
    if spread.is_nan() || spread <= NO_DEVIATION { f64::NAN } else { (mean(returns) - risk_free) / spread }
}

/// `least` is the minimum acceptable return of a session.
fn sortino(returns: &[f64], least: f64) -> f64 {
    if returns.len() < 2 {
        return f64::NAN;
    }
    let short = |value: f64| (value - least).min(0.0);
    let below = (returns.iter().map(|value| short(*value) * short(*value)).sum::<f64>()
        / returns.len() as f64)
        .sqrt()
        * SESSIONS_A_YEAR.sqrt();
    if below == 0.0 { f64::NAN } else { (mean(returns) - least) * SESSIONS_A_YEAR / below }
}

/// Mean of the returns above the risk-free one over sample deviation, a session; none where it is not defined.
#[must_use]
pub fn sharpe_per_session(returns: &[f64], rates: Rates) -> Option<f64> {
    defined(sharpe_a_period(returns, rates.risk_free_a_session()))
}

/// A figure by which trials are compared; none where it is not defined. Its formula is that of the number of the same
/// name, over these returns.
#[must_use]
pub fn figure(metric: StrategySearchMetric, returns: &[f64], rates: Rates) -> Option<f64> {
    let growth = || {
        let growth = returns.iter().fold(1.0, |growth, value| growth * (1.0 + value));
        if returns.is_empty() { f64::NAN } else { annual_growth(growth, returns.len() as f64) }
    };
    defined(match metric {
        StrategySearchMetric::Sharpe => {
            sharpe_a_period(returns, rates.risk_free_a_session()) * SESSIONS_A_YEAR.sqrt()
        }
        StrategySearchMetric::Sortino => sortino(returns, rates.minimum_acceptable_a_session()),
        StrategySearchMetric::Cagr => growth(),
        StrategySearchMetric::Calmar => {
            let deepest = drawdowns(returns).iter().copied().fold(0.0_f64, f64::min);
            if deepest == 0.0 { f64::NAN } else { growth() / deepest.abs() }
        }
    })
}

/// (E_T / E_0)^(252 / n) - 1.
fn annual_growth(growth: f64, n: f64) -> f64 {
    libm::pow(growth, SESSIONS_A_YEAR / n) - 1.0
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

/// Phi((SR - SR*) sqrt(n-1) / sqrt(1 - g3 SR + (g4-1)/4 SR^2)) with SR and SR* (`against`) a period, moments over n.
/// SR is of the returns above the risk-free one, which moves none of the central moments.
fn probabilistic_sharpe(returns: &[f64], risk_free: f64, against: f64) -> f64 {
    let sharpe = sharpe_a_period(returns, risk_free);
    let variance = moment(returns, 2);
    let skew = moment(returns, 3) / (variance * variance.sqrt());
    let kurtosis = moment(returns, 4) / (variance * variance);
    let below = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    normal((sharpe - against) * (returns.len() as f64 - 1.0).sqrt() / below.sqrt())
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
    let Record { initial_cash, closes, trades, rates, .. } = *record;
    let (risk_free, least) = (rates.risk_free_a_session(), rates.minimum_acceptable_a_session());
    let returns = returns(initial_cash, closes);
    let n = returns.len() as f64;
    let last = closes.last().map_or(initial_cash, |close| close.equity);
    let falls = drawdowns(&returns);
    let deepest =
        falls.iter().copied().fold(0.0_f64, |least, value| if value < least { value } else { least });
    // One undefined return makes what is computed over all of them undefined.
    let broken = returns.iter().any(|value| value.is_nan());
    let deepest = if broken { f64::NAN } else { deepest };
    let growth =
        if returns.is_empty() || last < 0.0 { f64::NAN } else { annual_growth(last / initial_cash, n) };
    let extreme = |pick: fn(f64, f64) -> f64| returns.iter().copied().reduce(pick).unwrap_or(f64::NAN);
    let year = SESSIONS_A_YEAR.sqrt();
    let mean_equity = mean(&closes.iter().map(|close| close.equity).collect::<Vec<_>>());
    let exposures: Vec<f64> = closes
        .iter()
        .map(|close| if close.equity > 0.0 { close.gross / close.equity } else { f64::NAN })
        .collect();

    let mut numbers = Numbers::default();
    let mut put = |name, value: f64, formula: &'static str| numbers.put(name, value, formula);
    put("sessions", n, "number of session closes n");
    put("initialCash", initial_cash, "E_0");
    put("finalEquity", last, "E_T");
    put("totalReturn", last / initial_cash - 1.0, "E_T / E_0 - 1");
    put("cagr", growth, "(E_T / E_0)^(252 / n) - 1");
    put("volatility", deviation(&returns) * year, "sample std(r) x sqrt(252)");
    put("maxDrawdown", deepest, "min(W / cummax(W) - 1), W_0 = 1");
    put("calmar", if deepest == 0.0 { f64::NAN } else { growth / deepest.abs() }, "CAGR / |max drawdown|");
    put(
        "longestDrawdown",
        if broken { f64::NAN } else { longest_below(&falls) },
        "most consecutive session closes below the peak",
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
    put("skewness", moments::skewness(&returns), "bias-corrected skewness G1 of r");
    put("kurtosis", moments::kurtosis(&returns), "bias-corrected excess kurtosis G2 of r");
    put(
        "tailRatio",
        (quantile(&returns, 0.95) / quantile(&returns, 0.05)).abs(),
        "|95% quantile(r) / 5% quantile(r)|",
    );
    put("valueAtRisk", quantile(&returns, 0.05), "5% quantile(r), linear");
    put(
        "conditionalValueAtRisk",
        moments::lowest_mean(&returns, 0.05),
        "mean of the lowest floor(0.05 (n - 1)) + 1 of r",
    );
    put("stability", stability(&returns), "R^2 of a line through the cumulative ln(1 + r)");
    put("commission", record.commission, "sum of commissions");
    put("slippage", record.slippage, "sum of |fill price - price without slippage| x quantity");
    put("borrowing", record.borrowing, "sum of value of shorts x borrowRate x calendar days / 360");
    let costs = record.commission + record.slippage + record.borrowing;
    put("costs", costs, "commission + slippage + borrowing");
    put(
        "costsOfTradedValue",
        if record.traded_value > 0.0 { costs / record.traded_value } else { f64::NAN },
        "costs / sum of fill values",
    );
    let before_costs = last - initial_cash + costs;
    put(
        "costsOfProfit",
        if before_costs > 0.0 { costs / before_costs } else { f64::NAN },
        "costs / (E_T - E_0 + costs), where that is above 0",
    );
    put("dividends", record.dividends, "sum of dividends received less paid");
    numbers.put(
        "sharpe",
        sharpe_a_period(&returns, risk_free) * year,
        format!("mean(r - rf) / sample std(r) x sqrt(252), rf = {}", rates.risk_free_words()),
    );
    numbers.put(
        "sortino",
        sortino(&returns, least),
        format!(
            "mean(r - MAR) x 252 / (sqrt(mean(min(r - MAR, 0)^2)) x sqrt(252)), MAR = {}",
            rates.minimum_acceptable_words()
        ),
    );
    numbers.put(
        "probabilisticSharpe",
        probabilistic_sharpe(&returns, risk_free, 0.0),
        rates.of_excess(
            "Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)), SR per session, g3 and g4 over n, SR* = 0",
        ),
    );
    numbers.put("omega", omega(&returns, least), rates.omega_formula());
    trades::put(trades, &mut numbers);
    let market = self::returns_of(initial_cash, record.benchmark);
    if market.len() == returns.len() && !market.is_empty() {
        benchmark::put(&returns, &market, rates, &mut numbers);
    }

    Statistics {
        numbers: numbers.0,
        monthly: by_period(&returns, closes, |date| format!("{:04}-{:02}", date.year(), date.month())),
        yearly: by_period(&returns, closes, |date| format!("{:04}", date.year())),
        years: years(&returns, &market, closes, risk_free),
        drawdowns: if broken { Vec::new() } else { drawdowns::deepest(&returns, closes) },
        tickers: trades::groups(trades, |trade| &trade.ticker),
        exits: trades::groups(trades, |trade| &trade.reason),
        rolling: rolling::points(&returns, &market, closes, risk_free),
    }
}

/// Numbers by name.
#[derive(Default)]
struct Numbers(BTreeMap<&'static str, Statistic>);

impl Numbers {
    fn put(&mut self, name: &'static str, value: f64, formula: impl Into<Cow<'static, str>>) {
        // `+ 0.0`: a sum of nothing is no negative zero.
        self.0.insert(name, Statistic { value: defined(value + 0.0), formula: formula.into() });
    }
}

/// Sum of gains over sum of losses, both counted from the minimum acceptable return of a session.
fn omega(returns: &[f64], least: f64) -> f64 {
    let gains: f64 = returns.iter().map(|value| (value - least).max(0.0)).sum();
    let losses: f64 = returns.iter().map(|value| (value - least).min(0.0)).sum();
    if returns.len() < 2 || losses == 0.0 || returns.iter().any(|value| value.is_nan()) {
        f64::NAN
    } else {
        gains / losses.abs()
    }
}

/// Squared correlation of the cumulative log return with the number of the session.
fn stability(returns: &[f64]) -> f64 {
    if returns.len() < 2 {
        return f64::NAN;
    }
    let mut sum = 0.0;
    let growth: Vec<f64> = returns
        .iter()
        .map(|value| {
            sum += libm::log1p(*value);
            sum
        })
        .collect();
    let place: Vec<f64> = (0..growth.len()).map(|place| place as f64).collect();
    let correlation = moments::correlation(&place, &growth);
    correlation * correlation
}

/// Calendar years, in order.
fn years(returns: &[f64], market: &[f64], closes: &[Close], risk_free: f64) -> Vec<Year> {
    let mut years = Vec::new();
    let mut from = 0;
    while let Some(first) = closes.get(from) {
        let of_year = closes[from..].iter().take_while(|close| close.session.year() == first.session.year());
        let to = from + of_year.count();
        let part = &returns[from..to];
        let growth =
            |values: &[f64]| defined(values.iter().fold(1.0, |all, value| all * (1.0 + value)) - 1.0);
        let falls = drawdowns(part);
        let broken = part.iter().any(|value| value.is_nan());
        let deepest = falls.iter().copied().fold(0.0_f64, f64::min);
        years.push(Year {
            year: format!("{:04}", first.session.year()),
            sessions: u32::try_from(part.len()).unwrap_or(u32::MAX),
            total_return: growth(part),
            benchmark_return: market.get(from..to).and_then(growth),
            volatility: defined(deviation(part) * SESSIONS_A_YEAR.sqrt()),
            sharpe: defined(sharpe_a_period(part, risk_free) * SESSIONS_A_YEAR.sqrt()),
            max_drawdown: if broken { None } else { Some(deepest) },
        });
        from = to;
    }
    years
}

#[cfg(test)]
mod tests;
