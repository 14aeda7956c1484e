//! Bars of a fixed seed, made in memory: the first ones are the same however many are made.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, Interval};
use ats_columns::{Actions, BarColumns, Bars};
use ats_trading_strategy::market::{Market, Membership, TickerHistory};
use jiff::civil::date;

use crate::Result;

const MICROS: i64 = 1_000_000;
/// Volumes are whole lots of so many shares.
const VOLUME_LOT: i64 = 1_000;

/// splitmix64.
struct Numbers(u64);

impl Numbers {
    /// From 0 to `n - 1`.
    fn below(&mut self, n: u64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n) as i64
    }

    /// Around 0, at most `most` away.
    fn around(&mut self, most: u64) -> i64 {
        self.below(2 * most + 1) - most as i64
    }
}

/// A market of walks, always active and in focus. Prices are in millionths of a dollar, so that two averages are never
/// equal and every engine sees the same crosses. An order of the whole account is a small part of a bar's volume:
/// nautilus_trader offers a quarter of the volume at the close, and fills what is above it a tick away.
///
/// # Errors
/// When the calendar has fewer bars.
pub fn market(tickers: usize, bars: usize, interval: Interval) -> Result<Market> {
    let mut market = Market { is_fixed_list: true, ..Market::default() };
    for ticker in 0..tickers {
        let name = format!("T{ticker:04}");
        let history = TickerHistory {
            bars: Bars::new(name.as_str(), columns(ticker as u64, bars, interval)?)?,
            actions: Actions::new(name.as_str(), Vec::new())?,
            features: BTreeMap::new(),
            membership: vec![Membership { sessions: date(1990, 1, 1)..=date(2060, 1, 1), focus: true }],
            scores: Vec::new(),
        };
        market.tickers.insert(name, history);
    }
    Ok(market)
}

fn columns(seed: u64, bars: usize, interval: Interval) -> Result<BarColumns> {
    let calendar = Calendar::xnys();
    let mut n = Numbers(1000 + seed);
    // Millionths of the price by which a bar moves at most.
    let most = if interval == Interval::D1 { 25_000 } else { 600 };
    let mut last = (40 + n.below(100)) * MICROS;
    let mut columns = BarColumns::default();
    for session in calendar.sessions(date(2000, 1, 3), calendar.range().1) {
        for start in calendar.bar_starts(*session, interval)? {
            if columns.timestamp.len() == bars {
                return Ok(columns);
            }
            let moved = |from: i64, millionths: i64| (from + from / 1000 * millionths / 1000).max(MICROS);
            let open = moved(last, n.around(most / 5));
            let close = moved(open, n.around(most));
            let high = moved(open.max(close), n.below(most / 2));
            let low = moved(open.min(close), -n.below(most / 2));
            let dollars = |micros: i64| micros as f64 / MICROS as f64;
            columns.timestamp.push(start.as_microsecond());
            columns.session.push(*session);
            columns.open.push(dollars(open));
            columns.high.push(dollars(high));
            columns.low.push(dollars(low));
            columns.close.push(dollars(close));
            columns.volume.push((VOLUME_LOT * (50_000 + n.below(100_000))) as f64);
            columns.split_factor.push(1.0);
            columns.dividend_factor.push(1.0);
            last = close;
        }
    }
    match columns.timestamp.len() {
        made if made == bars => Ok(columns),
        made => Err(format!("the calendar has {made} bars, {bars} are asked for").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bars_are_the_same_however_many_there_are() {
        let (few, many) = (market(1, 500, Interval::M1).unwrap(), market(2, 900, Interval::M1).unwrap());
        let (few, many) = (&few.tickers["T0000"].bars, &many.tickers["T0000"].bars);
        assert_eq!((few.len(), few.close()), (500, &many.close()[..500]));
        assert!(market(1, 100_000, Interval::D1).is_err());
    }
}
