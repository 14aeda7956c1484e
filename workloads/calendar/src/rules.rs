//! The vocabulary in which an exchange's calendar is written down as data.

use jiff::civil::{Date, Time, Weekday};

use crate::session::add_days;

/// Everything that decides a calendar.
pub(crate) struct Rules {
    /// The exchange's ISO 10383 code.
    pub(crate) name: &'static str,
    /// IANA name of the zone that `open` and the closes are in.
    pub(crate) time_zone: &'static str,
    pub(crate) first_year: i16,
    pub(crate) last_year: i16,
    pub(crate) open: Time,
    pub(crate) close: Time,
    pub(crate) holidays: &'static [Yearly],
    /// Closures that no rule gives.
    pub(crate) closures: &'static [Date],
    pub(crate) early_closes: &'static [EarlyClose],
    /// Early closes that no rule gives.
    pub(crate) single_early_closes: &'static [(Date, Time)],
}

/// A day that comes back every year from `from` to `to` (both included).
pub(crate) struct Yearly {
    pub(crate) day: Day,
    pub(crate) from: i16,
    pub(crate) to: i16,
}

/// An early close every year in which the day falls on one of `weekdays` and the exchange is open.
pub(crate) struct EarlyClose {
    pub(crate) yearly: Yearly,
    pub(crate) weekdays: &'static [Weekday],
    pub(crate) close: Time,
}

/// A day of a year.
#[derive(Clone, Copy)]
pub(crate) enum Day {
    /// A date of the month and where it moves to on a weekend.
    Fixed(i8, i8, Weekend),
    /// The n-th weekday of a month (negative: from the end), and so many days after it.
    Nth { nth: i8, weekday: Weekday, month: i8, plus: i32 },
    /// The Friday before Easter Sunday.
    GoodFriday,
}

/// Where a holiday on a weekend is observed.
#[derive(Clone, Copy)]
pub(crate) enum Weekend {
    /// Saturday on Friday, Sunday on Monday.
    Nearest,
    /// Sunday on Monday; on a Saturday it is lost.
    SundayOnly,
    /// Nowhere else.
    Stays,
}

impl Yearly {
    /// The day in this year, if the rule holds then.
    pub(crate) fn in_year(&self, year: i16) -> Result<Option<Date>, jiff::Error> {
        if year < self.from || year > self.to { Ok(None) } else { self.day.in_year(year).map(Some) }
    }
}

impl Day {
    fn in_year(self, year: i16) -> Result<Date, jiff::Error> {
        match self {
            Self::Fixed(month, day, weekend) => {
                let date = Date::new(year, month, day)?;
                match (weekend, date.weekday()) {
                    (Weekend::Nearest, Weekday::Saturday) => date.yesterday(),
                    (Weekend::Nearest | Weekend::SundayOnly, Weekday::Sunday) => date.tomorrow(),
                    _ => Ok(date),
                }
            }
            Self::Nth { nth, weekday, month, plus } => {
                let date = Date::new(year, month, 1)?.nth_weekday_of_month(nth, weekday)?;
                Ok(add_days(date, plus).unwrap_or(date))
            }
            Self::GoodFriday => {
                let easter = easter(year)?;
                Ok(add_days(easter, -2).unwrap_or(easter))
            }
        }
    }
}

/// Easter Sunday of the Gregorian calendar: the anonymous algorithm of Nature, 20 April 1876 (Meeus, Astronomical
/// Algorithms, chapter 8).
fn easter(year: i16) -> Result<Date, jiff::Error> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    // Month 3 or 4, day 1 to 31, by the algorithm.
    Date::new(year, (n / 31) as i8, (n % 31 + 1) as i8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn easter_is_the_published_one() {
        // US Census Bureau, "Easter Dates from 1600 to 2099", incl. the earliest and latest of our range.
        for easter_day in [
            date(1990, 4, 15),
            date(2000, 4, 23),
            date(2008, 3, 23),
            date(2011, 4, 24),
            date(2024, 3, 31),
            date(2038, 4, 25),
            date(2049, 4, 18),
        ] {
            assert_eq!(easter(easter_day.year()).unwrap(), easter_day);
        }
    }
}
