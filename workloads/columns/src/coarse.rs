//! Bars of a session or a week, made of the ticker's own ones: `close@1d`, `close@1w`.
//!
//! A coarser bar is seen from the bar on that completes it: the one that ends with the close of its last session by
//! the calendar, or, where that bar is missing, the next one there is. Until then the coarser bar before it is seen. One
//! in which the ticker had no bar at all is null: an older one is never shown in its place. So a value depends on the
//! calendar and on bars up to its own, and a bar that is still open is seen by nobody.

use ats_calendar::{Calendar, Interval, Session};
use ats_expression::{Coarse, Column};
use jiff::Timestamp;

/// The state of a column of coarser bars, given the bars of one segment one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Coarsening<'c> {
    calendar: &'c Calendar,
    interval: Interval,
    coarse: Coarse,
    column: Column,
    /// The coarser bar that the last bar lies in.
    open: Option<Open>,
    /// The last one before it that the ticker had bars in: its number and its value.
    before: Option<(i32, f64)>,
}

/// A coarser bar that bars are added to.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// The session (for a week: its Monday), in days since 1970-01-01.
    number: i32,
    /// The number of the coarser bar before it by the calendar, if there is one.
    previous: Option<i32>,
    value: f64,
}

impl<'c> Coarsening<'c> {
    /// For bars of a length on a calendar.
    pub(crate) fn new(calendar: &'c Calendar, interval: Interval, coarse: Coarse, column: Column) -> Self {
        Self { calendar, interval, coarse, column, open: None, before: None }
    }

    /// The value at the next bar; `value` is the column's at that bar.
    pub(crate) fn push(&mut self, session: Session, timestamp: i64, value: f64) -> f64 {
        let number = number(self.coarse, session);
        let open = match self.open.take() {
            Some(open) if open.number == number => {
                Open { value: joined(self.column, open.value, value), ..open }
            }
            ended => {
                self.before = ended.map(|ended| (ended.number, ended.value));
                Open { number, previous: self.previous(session), value }
            }
        };
        self.open = Some(open);
        if self.completes(session, timestamp) {
            return open.value;
        }
        match (self.before, open.previous) {
            (Some((number, value)), Some(previous)) if number == previous => value,
            _ => f64::NAN,
        }
    }

    /// Forgets every bar.
    pub(crate) fn restart(&mut self) {
        (self.open, self.before) = (None, None);
    }

    /// Whether the coarser bar ends with this one.
    fn completes(&self, session: Session, timestamp: i64) -> bool {
        let last = match self.coarse {
            Coarse::Day => true,
            Coarse::Week => self.calendar.is_last_session_of_week(session),
        };
        let known = Timestamp::from_microsecond(timestamp)
            .ok()
            .and_then(|start| self.calendar.known_at(session, start, self.interval).ok());
        last && known.is_some() && known == self.calendar.close(session).ok()
    }

    /// The number of the coarser bar before that of a session.
    fn previous(&self, session: Session) -> Option<i32> {
        let mut before = self.calendar.previous(session).ok()?;
        while number(self.coarse, before) == number(self.coarse, session) {
            before = self.calendar.previous(before).ok()?;
        }
        Some(number(self.coarse, before))
    }
}

/// The number of the coarser bar of a session.
fn number(coarse: Coarse, session: Session) -> i32 {
    let days = session.epoch_days();
    match coarse {
        Coarse::Day => days,
        // 1970-01-01 was a Thursday.
        Coarse::Week => days - (days + 3).rem_euclid(7),
    }
}

/// A column of two spans of bars, one after the other.
fn joined(column: Column, earlier: f64, later: f64) -> f64 {
    match column {
        Column::Open | Column::RawOpen => earlier,
        Column::High | Column::RawHigh => earlier.max(later),
        Column::Low | Column::RawLow => earlier.min(later),
        Column::Close | Column::RawClose => later,
        Column::Volume | Column::RawVolume => earlier + later,
    }
}
