//! Cron schedules: only the latest tick counts.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
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
    /// A date that no year has.
    #[error("{0:?} never ticks: no year has such a day")]
    Never(String),
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
        // The parser would read a sixth and a seventh field as seconds and years.
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let parsed = parser.parse(cron).map_err(|error| ScheduleError::Cron {
            text: cron.to_owned(),
            message: error.to_string().trim_end_matches('.').to_owned(),
        })?;
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        let schedule = Self { cron: parsed, zone };
        match schedule.next(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never(cron.to_owned())),
        }
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
