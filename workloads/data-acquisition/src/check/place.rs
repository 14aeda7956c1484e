//! Which session a row belongs to.

use ats_calendar::{Interval, Session};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::quality::Dropped;
use crate::row::{Request, When};

/// Where a row belongs.
pub(super) enum Place {
    /// To this session, as the bar with this start.
    At {
        /// The session.
        session: Session,
        /// The bar's start.
        start: Timestamp,
    },
    /// Before or after the requested history.
    OutsideHistory,
    /// To no session.
    Nowhere(Dropped),
}

/// Places rows on the calendar of a request.
pub(super) struct Placer<'a> {
    request: &'a Request,
}

impl<'a> Placer<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        Self { request }
    }

    pub(super) fn place(&self, when: When) -> Place {
        let date = self.date(when);
        if date < self.request.start || date > self.request.end {
            return Place::OutsideHistory;
        }
        let calendar = self.request.calendar;
        let session = Session::assume(date);
        let (Ok(open), Ok(close)) = (calendar.open(session), calendar.close(session)) else {
            return Place::Nowhere(Dropped::OutOfCalendar);
        };
        let (Some(duration), When::Instant(start)) = (self.request.interval.duration(), when) else {
            return Place::At { session, start: open };
        };
        match calendar.session_of_bar(start, self.request.interval) {
            None => Place::Nowhere(Dropped::OutOfSession),
            Some(session) => {
                // On the clock's grid, or on a grid that begins at the open.
                let step = duration.as_nanos();
                let on_grid = start.as_nanosecond().rem_euclid(step) == 0
                    || start.duration_since(open).as_nanos().rem_euclid(step) == 0;
                debug_assert!(start < close);
                if on_grid { Place::At { session, start } } else { Place::Nowhere(Dropped::Misaligned) }
            }
        }
    }

    /// The exchange's date. A daily bar at midnight UTC means that date, as vendors write it; any other instant
    /// means the date that the exchange's clocks show then.
    fn date(&self, when: When) -> Date {
        match when {
            When::Date(date) => date,
            When::Instant(at) => {
                let utc = at.to_zoned(TimeZone::UTC);
                if self.request.interval == Interval::D1 && utc.time() == Time::midnight() {
                    utc.date()
                } else {
                    self.request.calendar.local_date(at)
                }
            }
        }
    }

    pub(super) fn in_words(&self, when: When) -> String {
        when_in_words(when)
    }
}

/// A row's time as a file writes it.
pub(super) fn when_in_words(when: When) -> String {
    match when {
        When::Date(date) => date.to_string(),
        When::Instant(at) => at.to_string(),
    }
}
