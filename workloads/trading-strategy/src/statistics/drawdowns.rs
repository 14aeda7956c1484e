//! Falls from a peak.

use jiff::civil::Date;
use serde::Serialize;

use super::Close;

/// Drawdowns that are listed.
const LISTED: usize = 10;

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

/// A fall from a peak, until the peak is reached again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drawdown {
    /// Session of the peak; none where it is the start.
    pub peak: Option<Date>,
    /// Session of the lowest close.
    pub valley: Date,
    /// Session that closed at the peak again; none while it lasts.
    pub recovery: Option<Date>,
    /// The fall at the valley, a negative number.
    pub depth: f64,
    /// Session closes below the peak.
    pub sessions: u32,
}

/// The deepest falls, deepest first, of equal ones the earlier first.
pub(super) fn deepest(returns: &[f64], closes: &[Close]) -> Vec<Drawdown> {
    let falls = drawdowns(returns);
    let mut found: Vec<Drawdown> = Vec::new();
    let mut from = 0;
    while from < falls.len() {
        if falls[from] >= 0.0 {
            from += 1;
            continue;
        }
        let length = falls[from..].iter().take_while(|value| **value < 0.0).count();
        let to = from + length;
        let mut valley = from;
        for place in from..to {
            if falls[place] < falls[valley] {
                valley = place;
            }
        }
        found.push(Drawdown {
            peak: from.checked_sub(1).map(|place| closes[place].session),
            valley: closes[valley].session,
            recovery: closes.get(to).map(|close| close.session),
            depth: falls[valley],
            sessions: u32::try_from(length).unwrap_or(u32::MAX),
        });
        from = to;
    }
    found.sort_by(|a, b| a.depth.total_cmp(&b.depth));
    found.truncate(LISTED);
    found
}
