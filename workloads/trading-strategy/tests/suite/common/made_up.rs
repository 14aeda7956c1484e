//! The made-up bars of `tests/reference/made_up.py`.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, Interval, Session};
use ats_columns::{Actions, BarColumns, Bars};
use ats_trading_strategy::market::TickerHistory;
use jiff::civil::date;

const SESSIONS: usize = 756;
/// Of these have bars of an hour.
const HOURLY_SESSIONS: usize = 252;

/// splitmix64, as in the script.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        i64::try_from((z ^ (z >> 31)) % n).unwrap()
    }
}

/// The sessions of the bars.
pub fn sessions() -> Vec<Session> {
    Calendar::xnys().sessions(date(2015, 1, 5), date(2019, 12, 31))[..SESSIONS].to_vec()
}

/// The script's bars of a ticker, one a session.
pub fn history(ticker: usize) -> TickerHistory {
    of(ticker, &sessions(), Interval::D1)
}

/// The script's bars of a ticker, one an hour.
pub fn hourly(ticker: usize) -> TickerHistory {
    of(ticker, &sessions()[..HOURLY_SESSIONS], Interval::H1)
}

fn of(ticker: usize, sessions: &[Session], interval: Interval) -> TickerHistory {
    let calendar = Calendar::xnys();
    let starts = sessions.iter().flat_map(|session| {
        let starts = calendar.bar_starts(*session, interval).unwrap();
        starts.into_iter().map(move |start| (*session, start))
    });
    let seed = ticker as i64;
    let mut n = Numbers(1000 + ticker as u64);
    let mut last = 4000 + 700 * seed;
    let mut columns = BarColumns::default();
    for (session, start) in starts {
        let mut gap = n.below(121) - 60;
        if n.below(40) == 0 {
            gap *= 3;
        }
        let open = last + (last * gap).div_euclid(10_000);
        let close = open + (open * (n.below(401) - 197 - seed % 3)).div_euclid(10_000);
        let high = open.max(close) + (open * n.below(90)).div_euclid(10_000);
        let low = open.min(close) - (open * n.below(90)).div_euclid(10_000);
        let dollars = |cents: i64| cents as f64 / 100.0;
        columns.timestamp.push(start.as_microsecond());
        columns.session.push(session);
        columns.open.push(dollars(open));
        columns.high.push(dollars(high));
        columns.low.push(dollars(low));
        columns.close.push(dollars(close));
        columns.volume.push((50_000 + n.below(100_000)) as f64);
        columns.split_factor.push(1.0);
        columns.dividend_factor.push(1.0);
        last = close;
    }
    let name = format!("T{ticker}");
    TickerHistory {
        bars: Bars::new(name.as_str(), columns).unwrap(),
        actions: Actions::new(name.as_str(), Vec::new()).unwrap(),
        features: BTreeMap::new(),
        membership: super::always(),
        scores: Vec::new(),
    }
}
