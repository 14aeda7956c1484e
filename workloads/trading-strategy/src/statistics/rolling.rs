//! Numbers over a window of sessions.

use jiff::civil::Date;

use super::{Close, SESSIONS_A_YEAR, benchmark, defined, sharpe_a_period};

/// Sessions of a window: half a year.
pub const ROLLING_SESSIONS: usize = 126;

/// The last [`ROLLING_SESSIONS`] up to a session's close.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollingPoint {
    /// The exchange's date.
    pub session: Date,
    /// Sharpe ratio of the returns above the risk-free one, a year.
    pub sharpe: Option<f64>,
    /// Beta to the benchmark.
    pub beta: Option<f64>,
}

/// A point for each session that closes a whole window.
pub(super) fn points(returns: &[f64], market: &[f64], closes: &[Close], risk_free: f64) -> Vec<RollingPoint> {
    let windows = returns.windows(ROLLING_SESSIONS).enumerate();
    windows
        .zip(closes.iter().skip(ROLLING_SESSIONS - 1))
        .map(|((from, window), close)| RollingPoint {
            session: close.session,
            sharpe: defined(sharpe_a_period(window, risk_free) * SESSIONS_A_YEAR.sqrt()),
            beta: market
                .get(from..from + ROLLING_SESSIONS)
                .and_then(|market| defined(benchmark::beta(window, market))),
        })
        .collect()
}
