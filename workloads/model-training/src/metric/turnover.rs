//! How much of the top fifth by prediction changes from one period to the next.

use super::sharpe::by_prediction;
use super::{FEWEST_NAMES, Scored, mean};

/// Share of the names in the top fifth by prediction that were not in it `period` dates before, the mean over
/// dates: 0 when the same names stay, 1 when all are new.
///
/// It is the mean of alphalens's `quantile_turnover` (alphalens-reloaded, `performance.py`) of the top quantile.
/// Quantiles are the fifths of [`super::sharpe::quintile_spreads`], the period is the label's horizon. A date
/// counts when it and the one `period` dates before have at least five names; none when no date does.
#[must_use]
pub fn of_top_fifth(scored: &Scored<'_>, dates: &[&[usize]], period: usize) -> Option<f64> {
    let tops: Vec<Option<Vec<u32>>> = dates.iter().map(|rows| top_fifth(scored, rows)).collect();
    let pairs = tops.iter().skip(period.max(1)).zip(&tops);
    let shares: Vec<f64> = pairs
        .filter_map(|(top, before)| {
            let (top, before) = (top.as_ref()?, before.as_ref()?);
            let new = top.iter().filter(|name| before.binary_search(name).is_err()).count();
            Some(new as f64 / top.len() as f64)
        })
        .collect();
    mean(&shares)
}

/// The names of a date's top fifth, ascending; none of fewer than five names.
fn top_fifth(scored: &Scored<'_>, rows: &[usize]) -> Option<Vec<u32>> {
    let order = by_prediction(scored, rows)?;
    let fifth = order.len() / FEWEST_NAMES;
    let mut names: Vec<u32> = order[..fifth].iter().map(|row| scored.name[*row]).collect();
    names.sort_unstable();
    Some(names)
}
