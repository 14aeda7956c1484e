//! Cron schedules: only the latest tick counts.

use std::str::FromStr;

use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};

/// A checked schedule.
#[derive(Debug, Clone)]
pub struct CheckedSchedule {
    cron: Cron,
    zone: TimeZone,
}

impl PartialEq for CheckedSchedule {
    fn eq(&self, other: &Self) -> bool {
        self.cron.pattern.to_string() == other.cron.pattern.to_string() && self.zone == other.zone
    }
}

/// A schedule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The five fields.
    #[error("{text:?} is not a cron schedule: {message}; write five fields, such as \"30 22 * * 1-5\"")]
    Cron {
        /// As written.
        text: String,
        /// The parser's words.
        message: String,
    },
    /// The time zone.
    #[error("{0:?} is not a time zone of the IANA database, such as \"America/New_York\"")]
    Zone(String),
}

impl CheckedSchedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// When the cron text or the zone is not known.
    pub fn new(cron: &str, zone: &str) -> Result<Self, ScheduleError> {
        let parsed = Cron::from_str(cron)
            .map_err(|error| ScheduleError::Cron { text: cron.to_owned(), message: error.to_string() })?;
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        Ok(Self { cron: parsed, zone })
    }

    /// The latest tick at or before `now`, if the schedule has ever ticked.
    pub fn latest(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(self.zone.clone());
        self.cron.find_previous_occurrence(&now, true).ok().map(|tick| tick.timestamp())
    }

    /// The first tick after `now`.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(self.zone.clone());
        self.cron.find_next_occurrence(&now, false).ok().map(|tick| tick.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_tick_counts() {
        let schedule = CheckedSchedule::new("30 22 * * 1-5", "America/New_York").unwrap();
        let monday: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(schedule.latest(monday).unwrap().to_string(), "2026-11-21T03:30:00Z");
        assert_eq!(schedule.next(monday).unwrap().to_string(), "2026-11-24T03:30:00Z");
        assert!(CheckedSchedule::new("every day", "UTC").is_err());
        assert!(CheckedSchedule::new("0 0 * * *", "Mars/Base").is_err());
    }
}
