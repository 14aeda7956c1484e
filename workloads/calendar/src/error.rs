use jiff::Timestamp;
use jiff::civil::Date;

/// Why a calendar cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalendarError {
    /// No calendar has this name.
    #[error("there is no calendar `{name}`; write one of: {known}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The names that exist, separated by commas.
        known: String,
    },
    /// The exchange is closed on this date.
    #[error("{date} is not a session of {calendar}: the exchange is closed that day")]
    NotASession {
        /// The calendar's name.
        calendar: &'static str,
        /// The date that was asked for.
        date: Date,
    },
    /// The date, or the session that was asked for, lies outside the calendar.
    #[error("{date} leads outside calendar {calendar}, which goes from {first} to {last}")]
    DateOutOfRange {
        /// The calendar's name.
        calendar: &'static str,
        /// The date that was asked for.
        date: Date,
        /// The calendar's first day.
        first: Date,
        /// The calendar's last day.
        last: Date,
    },
    /// No session of the calendar is complete at this instant, or the instant lies after the calendar's end.
    #[error("{at} lies outside calendar {calendar}, which goes from {first} to {last}")]
    InstantOutOfRange {
        /// The calendar's name.
        calendar: &'static str,
        /// The instant that was asked for.
        at: Timestamp,
        /// The calendar's first day.
        first: Date,
        /// The calendar's last day.
        last: Date,
    },
    /// A calendar's rules name a day or a time zone that does not exist.
    #[error("the rules of calendar {calendar} are broken: {message}")]
    Rules {
        /// The calendar's name.
        calendar: &'static str,
        /// What the date library said.
        message: String,
    },
}
