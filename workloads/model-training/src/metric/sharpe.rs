//! The Sharpe ratio of a costless quintile spread, and how much of it chance explains.

use super::{FEWEST_NAMES, Scored, deviation, mean, normal};

/// The Euler-Mascheroni constant.
const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;

/// Return of the top less the bottom fifth by prediction, equal weights, for each date of at least five names.
///
/// A fifth is `floor(names / 5)` names. Ties go by the order of the rows, which is the ticker's.
#[must_use]
pub fn quintile_spreads(scored: &Scored<'_>, dates: &[&[usize]]) -> Vec<f64> {
    let total = |rows: &[usize]| rows.iter().map(|row| scored.forward_return[*row]).sum::<f64>();
    let spread = |order: Vec<usize>| {
        let fifth = order.len() / FEWEST_NAMES;
        (total(&order[..fifth]) - total(&order[order.len() - fifth..])) / fifth as f64
    };
    dates.iter().filter_map(|rows| by_prediction(scored, rows)).map(spread).collect()
}

/// The rows of a date that have a return, the highest prediction first, ties in their order; none of fewer
/// than five.
pub(super) fn by_prediction(scored: &Scored<'_>, rows: &[usize]) -> Option<Vec<usize>> {
    let mut order: Vec<usize> =
        rows.iter().copied().filter(|row| !scored.forward_return[*row].is_nan()).collect();
    if order.len() < FEWEST_NAMES {
        return None;
    }
    // A zero has no sign here.
    let prediction = |row: &usize| scored.prediction[*row] + 0.0;
    order.sort_by(|a, b| prediction(b).total_cmp(&prediction(a)));
    Some(order)
}

/// Mean over sample deviation; none with fewer than two values or without a deviation.
#[must_use]
pub fn per_period(returns: &[f64]) -> Option<f64> {
    let deviation = deviation(returns)?;
    (deviation > 0.0).then_some(mean(returns)? / deviation)
}

/// What the probabilistic Sharpe ratio needs to know of a series of returns, a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Number of returns.
    pub returns: usize,
    /// Mean over sample deviation.
    pub sharpe: f64,
    /// The population's skewness.
    pub skewness: f64,
    /// The population's raw kurtosis: 3 for a normal.
    pub kurtosis: f64,
}

impl Moments {
    /// The moments of some returns; none with fewer than two or without a deviation.
    #[must_use]
    pub fn new(returns: &[f64]) -> Option<Self> {
        let sharpe = per_period(returns)?;
        let mean = mean(returns)?;
        let largest = returns.iter().map(|r| (r - mean).abs()).fold(0.0, f64::max);
        let n = returns.len() as f64;
        let moment = |power: i32| {
            let powers = returns.iter().map(|r| libm::pow((r - mean) / largest, f64::from(power)));
            powers.sum::<f64>() / n
        };
        let variance = moment(2);
        Some(Self {
            returns: returns.len(),
            sharpe,
            skewness: moment(3) / (variance * variance.sqrt()),
            kurtosis: moment(4) / (variance * variance),
        })
    }

    /// Probabilistic Sharpe ratio (Bailey and Lopez de Prado 2012): the probability that the true ratio lies above
    /// `benchmark`, a period. None where the estimate's variance is not positive.
    #[must_use]
    pub fn probabilistic(&self, benchmark: f64) -> Option<f64> {
        let Self { returns, sharpe, skewness, kurtosis } = *self;
        let variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
        let statistic = (sharpe - benchmark) * ((returns - 1) as f64).sqrt() / variance.sqrt();
        (!statistic.is_nan()).then(|| normal::cumulative(statistic))
    }
}

/// Probabilistic Sharpe ratio of some returns.
#[must_use]
pub fn probabilistic(returns: &[f64], benchmark: f64) -> Option<f64> {
    Moments::new(returns)?.probabilistic(benchmark)
}

/// The Sharpe ratio, a period, that the best of `trials` specifications without any skill is expected to show
/// (Bailey and Lopez de Prado 2014): a deflated Sharpe ratio is the probabilistic one against it. `deviation` is the
/// sample deviation of the trials' ratios. 0 for one trial.
#[must_use]
pub fn expected_best(deviation: f64, trials: usize) -> f64 {
    if trials <= 1 {
        return 0.0;
    }
    let n = trials as f64;
    let first = normal::quantile(1.0 - 1.0 / n);
    let second = normal::quantile(1.0 - 1.0 / (n * std::f64::consts::E));
    deviation * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second)
}
