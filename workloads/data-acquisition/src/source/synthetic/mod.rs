//! Made-up bars: no market, for trials and for scale.
//!
//! A ticker's prices depend on (seed, ticker) alone, bit for bit: the path always starts with the calendar's first
//! session, so another history cuts another piece out of the same path, and another ticker changes nothing. Intraday
//! bars are a Brownian bridge between the open and the close of the same daily path. There are no actions.
//!
//! Each ticker draws its own yearly drift (2 to 14 %), volatility (15 to 45 %), first price and usual volume.
//! `GeometricBrownian`: log returns with that drift and volatility, a quarter of the variance overnight.
//! `RegimeSwitching`: two regimes, a Markov chain by the session: calm, with more drift and 0.7 of the volatility,
//! and turbulent, falling, with twice the volatility.

mod random;

use ats_calendar::{CalendarError, Session};
use ats_crds::universe::SyntheticModel;
use ats_pipeline::Digest;

use crate::row::{RawBar, Request, When};
use random::Random;

/// Sessions a year.
const YEAR: f64 = 252.0;
/// The part of a session's variance that falls between the close before and the open.
const OVERNIGHT: f64 = 0.25;
/// Chance, by the session, that calm turns into turbulence.
const TO_TURBULENT: f64 = 1.0 / 120.0;
/// Chance, by the session, that turbulence calms down.
const TO_CALM: f64 = 1.0 / 30.0;

/// What a ticker draws once.
struct Character {
    /// Drift of the log price, a session.
    drift: f64,
    /// Standard deviation of the log price, a session.
    volatility: f64,
    first_price: f64,
    usual_volume: f64,
}

/// One session of the daily path.
struct Day {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
    volatility: f64,
}

/// The bars of a ticker in the requested history.
///
/// # Errors
/// When the calendar cannot give the bars of one of its own sessions, which is a defect of the calendar.
pub fn bars(
    seed: i64,
    model: SyntheticModel,
    ticker: &str,
    request: &Request,
) -> Result<Vec<RawBar>, CalendarError> {
    let (first, _) = request.calendar.range();
    let mut random = stream(seed, ticker, "");
    let character = Character::draw(&mut random);
    let mut turbulent = false;
    let mut price = character.first_price;
    let mut rows = Vec::new();
    for session in request.calendar.sessions(first, request.end) {
        let draw = random.uniform();
        turbulent = match (model, turbulent) {
            (SyntheticModel::GeometricBrownian, _) => false,
            (SyntheticModel::RegimeSwitching, false) => draw < TO_TURBULENT,
            (SyntheticModel::RegimeSwitching, true) => draw >= TO_CALM,
        };
        let day = character.day(model, turbulent, price, &mut random);
        price = day.close;
        if session.date() >= request.start {
            day.cut_into_bars(seed, ticker, *session, request, &mut rows)?;
        }
    }
    for (line, row) in (1..).zip(&mut rows) {
        row.line = line;
    }
    Ok(rows)
}

/// The random stream of a ticker, or of one of its sessions.
fn stream(seed: i64, ticker: &str, part: &str) -> Random {
    let length = (ticker.len() as u64).to_be_bytes();
    Random::new(&Digest::of_parts([
        b"synthetic".as_slice(),
        &seed.to_be_bytes(),
        &length,
        ticker.as_bytes(),
        part.as_bytes(),
    ]))
}

impl Character {
    fn draw(random: &mut Random) -> Self {
        let between = |random: &mut Random, low: f64, high: f64| low + (high - low) * random.uniform();
        Self {
            drift: between(random, 0.02, 0.14) / YEAR,
            volatility: between(random, 0.15, 0.45) / libm::sqrt(YEAR),
            first_price: between(random, 20.0, 200.0),
            usual_volume: libm::exp(between(random, libm::log(2.0e5), libm::log(2.0e7))),
        }
    }

    fn day(&self, model: SyntheticModel, turbulent: bool, before: f64, random: &mut Random) -> Day {
        let (drift, volatility) = match (model, turbulent) {
            (SyntheticModel::GeometricBrownian, _) => (self.drift, self.volatility),
            (SyntheticModel::RegimeSwitching, false) => (1.6 * self.drift, 0.7 * self.volatility),
            (SyntheticModel::RegimeSwitching, true) => (-1.6 * self.drift, 2.0 * self.volatility),
        };
        let night = libm::sqrt(OVERNIGHT) * volatility;
        let daytime = libm::sqrt(1.0 - OVERNIGHT) * volatility;
        let open = cents(before * libm::exp(OVERNIGHT * drift + night * random.normal()));
        let change = (1.0 - OVERNIGHT) * drift + daytime * random.normal();
        let close = cents(open * libm::exp(change));
        let (up, down) = (random.normal().abs(), random.normal().abs());
        // Busier on days that move.
        let busy = 1.0 + 0.5 * change.abs() / daytime;
        let volume = (self.usual_volume * busy * libm::exp(0.3 * random.normal())).round().max(1.0);
        Day {
            open,
            high: cents(open.max(close) * libm::exp(0.4 * daytime * up)).max(open).max(close),
            low: cents(open.min(close) * libm::exp(-0.4 * daytime * down)).min(open).min(close),
            close,
            volume,
            volatility: daytime,
        }
    }
}

impl Day {
    fn cut_into_bars(
        &self,
        seed: i64,
        ticker: &str,
        session: Session,
        request: &Request,
        rows: &mut Vec<RawBar>,
    ) -> Result<(), CalendarError> {
        let row = |when, [open, high, low, close, volume]: [f64; 5]| RawBar {
            line: 0,
            when,
            open,
            high,
            low,
            close,
            volume,
        };
        if request.interval.duration().is_none() {
            let values = [self.open, self.high, self.low, self.close, self.volume];
            rows.push(row(When::Date(session.date()), values));
            return Ok(());
        }
        let starts = request.calendar.bar_starts(session, request.interval)?;
        let mut random = stream(seed, ticker, &session.to_string());
        let count = starts.len() as f64;
        let step = self.volatility / libm::sqrt(count);
        // A random walk, bent so that it ends at the close.
        let mut walk = Vec::with_capacity(starts.len());
        let mut sum = 0.0;
        for _ in &starts {
            sum += step * random.normal();
            walk.push(sum);
        }
        let bend = (libm::log(self.close / self.open) - sum) / count;
        let mut open = self.open;
        for (number, (start, walked)) in (1u32..).zip(starts.into_iter().zip(walk)) {
            let last = f64::from(number) == count;
            let path = walked + bend * f64::from(number);
            let close = if last { self.close } else { cents(self.open * libm::exp(path)) };
            let (up, down) = (random.normal().abs(), random.normal().abs());
            let high = cents(open.max(close) * libm::exp(0.4 * step * up)).max(open).max(close);
            let low = cents(open.min(close) * libm::exp(-0.4 * step * down)).min(open).min(close);
            let volume = (self.volume / count * libm::exp(0.5 * random.normal())).round().max(1.0);
            rows.push(row(When::Instant(start), [open, high, low, close, volume]));
            open = close;
        }
        Ok(())
    }
}

/// The price in whole cents, at least one.
fn cents(price: f64) -> f64 {
    ((price * 100.0).round() / 100.0).max(0.01)
}
