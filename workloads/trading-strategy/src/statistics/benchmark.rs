//! The strategy against a benchmark, session by session. Formulas are those of empyrical.

use super::moments::{correlation, covariance, deviation, mean, moment};
use super::{NO_DEVIATION, Numbers, Rates, SESSIONS_A_YEAR};

/// Covariance with the benchmark over its variance; not a number where it does not vary.
pub(super) fn beta(returns: &[f64], market: &[f64]) -> f64 {
    let variance = moment(market, 2);
    if returns.len() < 2 || variance.sqrt() <= NO_DEVIATION {
        f64::NAN
    } else {
        covariance(returns, market) / variance
    }
}

/// `(product of 1 + r)^(252 / n) - 1`.
fn growth_a_year(returns: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = returns.clone().count() as f64;
    let growth = returns.fold(1.0, |all, value| all * (1.0 + value));
    if count == 0.0 || growth < 0.0 { f64::NAN } else { libm::pow(growth, SESSIONS_A_YEAR / count) - 1.0 }
}

/// Growth a year over the sessions that `counts`, over the benchmark's in the same ones.
fn capture(returns: &[f64], market: &[f64], counts: fn(f64) -> bool) -> f64 {
    let both = || returns.iter().zip(market).filter(move |(_, market)| counts(**market));
    let theirs = growth_a_year(both().map(|(_, market)| *market));
    if theirs == 0.0 { f64::NAN } else { growth_a_year(both().map(|(ours, _)| *ours)) / theirs }
}

/// Everything about two series of one length.
pub(super) fn put(returns: &[f64], market: &[f64], rates: Rates, numbers: &mut Numbers) {
    let year = SESSIONS_A_YEAR.sqrt();
    let beta = beta(returns, market);
    let free = rates.risk_free_a_session();
    let alpha: Vec<f64> =
        returns.iter().zip(market).map(|(ours, theirs)| ours - free - beta * (theirs - free)).collect();
    let active = returns.iter().zip(market).map(|(ours, theirs)| ours - theirs).collect::<Vec<_>>();
    let error = deviation(&active);
    numbers.put(
        "benchmarkReturn",
        market.iter().fold(1.0, |all, value| all * (1.0 + value)) - 1.0,
        "product of (1 + b) - 1",
    );
    numbers.put("benchmarkCagr", growth_a_year(market.iter().copied()), "(product of (1 + b))^(252 / n) - 1");
    numbers.put("benchmarkVolatility", deviation(market) * year, "sample std(b) x sqrt(252)");
    numbers.put("beta", beta, "cov(r, b) / var(b)");
    numbers.put("alpha", libm::pow(1.0 + mean(&alpha), SESSIONS_A_YEAR) - 1.0, rates.alpha_formula());
    numbers.put("correlation", correlation(returns, market), "Pearson correlation of r and b");
    numbers.put("trackingError", error * year, "sample std(r - b) x sqrt(252)");
    numbers.put(
        "informationRatio",
        if error.is_nan() || error <= NO_DEVIATION { f64::NAN } else { mean(&active) / error * year },
        "mean(r - b) / sample std(r - b) x sqrt(252)",
    );
    numbers.put(
        "upCapture",
        capture(returns, market, |value| value > 0.0),
        "growth a year of r over that of b, in sessions with b > 0",
    );
    numbers.put(
        "downCapture",
        capture(returns, market, |value| value < 0.0),
        "growth a year of r over that of b, in sessions with b < 0",
    );
}
