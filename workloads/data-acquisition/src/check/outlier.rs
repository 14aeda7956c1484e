//! Moves that are rarely real: an action that is missing from the table, a slipped decimal point, another ticker's
//! price. They are flagged and kept, since markets do jump.
//!
//! The bound is robust: [`DEVIATIONS`] times the standard deviation that the median absolute deviation of the
//! ticker's log returns stands for (x 1.4826, the normal distribution's), and at least [`FLOOR`]. Returns run from
//! close to close, after splits and dividends; the range inside a bar is ln(high / low).

use crate::actions::Factors;
use crate::quality::{Flagged, Quality};

use super::Placed;

/// How many robust standard deviations are still believed.
pub const DEVIATIONS: f64 = 15.0;
/// A log return that is believed in any market: 22 % up, 18 % down.
pub const FLOOR: f64 = 0.2;
/// Standard deviation over median absolute deviation of a normal distribution: 1 / PhiInv(3/4).
const NORMAL: f64 = 1.482_602_218_505_602;

pub(super) fn flag(placed: &[Placed], factors: &Factors, quality: &mut Quality) {
    let returns = log_returns(placed, factors);
    let bound = bound(&returns);
    for (i, bar) in placed.iter().enumerate() {
        let jump = if i == 0 { 0.0 } else { returns.get(i - 1).copied().unwrap_or(0.0) };
        let range = libm::log(bar.row.high / bar.row.low);
        if jump.abs() > bound {
            quality.flag(Flagged::Outlier, 1, Some(bar.row.line), || {
                format!(
                    "{}: the close moved by {:.1} % to {}, after splits and dividends",
                    bar.start,
                    100.0 * libm::expm1(jump),
                    bar.row.close
                )
            });
        } else if range > bound {
            quality.flag(Flagged::Outlier, 1, Some(bar.row.line), || {
                format!("{}: low {}, high {}", bar.start, bar.row.low, bar.row.high)
            });
        }
    }
}

fn log_returns(placed: &[Placed], factors: &Factors) -> Vec<f64> {
    let closes: Vec<f64> = placed.iter().zip(factors.product()).map(|(bar, f)| bar.row.close * f).collect();
    closes.windows(2).map(|pair| libm::log(pair[1] / pair[0])).collect()
}

/// The largest log return that is not flagged.
fn bound(returns: &[f64]) -> f64 {
    let Some(center) = median(returns.to_vec()) else { return FLOOR };
    let deviations = returns.iter().map(|value| (value - center).abs()).collect();
    let deviation = median(deviations).unwrap_or(0.0) * NORMAL;
    (DEVIATIONS * deviation).max(FLOOR)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(middle.wrapping_sub(1)).map(|lower| (lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn one_wild_return_does_not_move_the_bound() {
        let calm: Vec<f64> = (0..101).map(|i| 0.04 * f64::from(i % 3 - 1)).collect();
        let mut wild = calm.clone();
        wild[50] = 9.0;
        assert!((bound(&calm) - 15.0 * NORMAL * 0.04).abs() < 1e-12);
        assert_eq!(bound(&calm), bound(&wild));
        assert_eq!(bound(&[]), FLOOR);
    }
}
