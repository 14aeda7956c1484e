//! The deflated Sharpe ratio: how much of a ratio the best of many trials would show without skill.

use super::moments::deviation;
use super::{Rates, SESSIONS_A_YEAR, Statistics, normal, probabilistic_sharpe};

/// The Euler-Mascheroni constant.
const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;

impl Statistics {
    /// Adds the numbers of a search: `returns` are those of the account, `ratios` the trials' Sharpe ratios a session
    /// over the same sessions, all of what is above the risk-free return. Several trials of which fewer than two have a
    /// ratio leave them undefined.
    pub fn deflate(&mut self, returns: &[f64], ratios: &[Option<f64>], rates: Rates) {
        let defined: Vec<f64> = ratios.iter().copied().flatten().collect();
        let spread = if ratios.len() == 1 { 0.0 } else { deviation(&defined) };
        let chance = expected_best(spread, ratios.len());
        self.put("numberOfTrials", ratios.len() as f64, "distinct specifications tried, N");
        self.put(
            "expectedBestSharpe",
            chance * SESSIONS_A_YEAR.sqrt(),
            rates.of_excess(
                "SR* x sqrt(252), SR* = s ((1 - g) PhiInv(1 - 1 / N) + g PhiInv(1 - 1 / (N e))), s: sample std of the trials' SR per session, g: Euler-Mascheroni; 0 for N = 1",
            ),
        );
        self.put(
            "deflatedSharpe",
            probabilistic_sharpe(returns, rates.risk_free_a_session(), chance),
            rates.of_excess(
                "Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)), SR per session, g3 and g4 over n, SR* of the trials",
            ),
        );
    }
}

/// The Sharpe ratio, a period, that the best of `trials` specifications without any skill is expected to show (Bailey
/// and Lopez de Prado 2014); `spread` is the sample deviation of the trials' ratios.
fn expected_best(spread: f64, trials: usize) -> f64 {
    if trials <= 1 {
        return 0.0;
    }
    let n = trials as f64;
    let first = quantile(1.0 - 1.0 / n);
    let second = quantile(1.0 - 1.0 / (n * std::f64::consts::E));
    spread * ((1.0 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second)
}

/// The value that a standard normal variable stays at or below with probability `p`, from 0.5 up to 1 without its end,
/// by bisection to the last bit.
fn quantile(p: f64) -> f64 {
    // The upper tail is the lower one's mirror image, which keeps its digits.
    let tail = 1.0 - p;
    let (mut low, mut high) = (0.0, 39.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return low;
        }
        if normal(-middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
}
