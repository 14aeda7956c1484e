use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

/// A session: a date on which the exchange trades, in the exchange's own calendar.
///
/// [`Calendar::session`](crate::Calendar::session) checks that a date is one. A session that comes from a file or
/// from another process ([`Session::assume`], serde) is a claim: the calendar's methods refuse it when it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Session(Date);

const EPOCH: Date = date(1970, 1, 1);

impl Session {
    /// Takes a date as a session without asking a calendar.
    pub const fn assume(date: Date) -> Self {
        Self(date)
    }

    /// The date in the exchange's time zone.
    pub const fn date(self) -> Date {
        self.0
    }

    /// Days since 1970-01-01: the value of a Parquet or Arrow `Date32`.
    pub fn epoch_days(self) -> i32 {
        days_between(EPOCH, self.0)
    }

    /// The session of a Parquet or Arrow `Date32`, not checked against a calendar; none outside the years -9999 to
    /// 9999.
    pub fn from_epoch_days(days: i32) -> Option<Self> {
        add_days(EPOCH, days).map(Self)
    }
}

/// Whole days from `from` to `to`, negative when `to` is earlier.
pub(crate) fn days_between(from: Date, to: Date) -> i32 {
    // A span between two civil dates in days always fits: the whole range is about 7.3 million days.
    to.duration_since(from).as_hours() as i32 / 24
}

/// The date `days` after `date`, if there is one.
pub(crate) fn add_days(date: Date, days: i32) -> Option<Date> {
    date.checked_add(jiff::SignedDuration::from_hours(i64::from(days) * 24)).ok()
}

impl From<Session> for Date {
    fn from(session: Session) -> Self {
        session.0
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Session {
    type Err = jiff::Error;

    /// Reads an ISO date (`2024-01-31`), not checked against a calendar.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoch_days_are_arrows() {
        // Values by `numpy.datetime64(..., 'D').astype(int)`.
        for (text, days) in
            [("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11016), ("2021-03-31", 18717)]
        {
            let session: Session = text.parse().unwrap();
            assert_eq!(session.epoch_days(), days, "{text}");
            assert_eq!(Session::from_epoch_days(days), Some(session));
        }
        assert_eq!(Session::from_epoch_days(i32::MAX), None);
    }

    #[test]
    fn serde_is_the_iso_date() {
        let session = Session::assume(date(2024, 2, 29));
        assert_eq!(serde_json::to_string(&session).unwrap(), "\"2024-02-29\"");
        assert_eq!(serde_json::from_str::<Session>("\"2024-02-29\"").unwrap(), session);
        assert!(serde_json::from_str::<Session>("\"2023-02-29\"").is_err());
    }
}
