//! Faults of a bar's numbers.

use crate::quality::Dropped;
use crate::row::RawBar;

/// The first fault of the row's numbers, in words.
pub(super) fn fault(row: &RawBar) -> Option<(Dropped, String)> {
    let prices = [("open", row.open), ("high", row.high), ("low", row.low), ("close", row.close)];
    let numbers = || prices.into_iter().chain([("volume", row.volume)]);
    if let Some((name, value)) = numbers().find(|(_, value)| !value.is_finite()) {
        let words = if value.is_nan() { "not a number".to_owned() } else { value.to_string() };
        return Some((Dropped::NotANumber, format!("{name} is {words}")));
    }
    if let Some((name, value)) = numbers().find(|(_, value)| *value < 0.0) {
        return Some((Dropped::Negative, format!("{name} is {value}")));
    }
    if let Some((name, _)) = prices.into_iter().find(|(_, value)| *value == 0.0) {
        return Some((Dropped::Zero, format!("{name} is 0")));
    }
    for (name, value) in prices {
        if value > row.high {
            return Some((Dropped::HighBelowLow, format!("high {} is below {name} {value}", row.high)));
        }
        if value < row.low {
            return Some((Dropped::HighBelowLow, format!("low {} is above {name} {value}", row.low)));
        }
    }
    None
}

/// Whether two rows have the same numbers.
pub(super) fn same(a: &RawBar, b: &RawBar) -> bool {
    a.open == b.open && a.high == b.high && a.low == b.low && a.close == b.close && a.volume == b.volume
}
