//! Exchange calendars: sessions, early closes and the instants at which bars are complete.
//!
//! A [`Session`] is a date of the exchange; an instant is a [`jiff::Timestamp`] (UTC). The two never mix: only a
//! [`Calendar`] turns one into the other. A calendar is built once from its [rules](crate::xnys) into a table, and
//! every question after that is a lookup.
//!
//! ```
//! use ats_calendar::{Calendar, Interval};
//! use jiff::civil::date;
//!
//! let calendar = Calendar::by_name("XNYS")?;
//! let session = calendar.session(date(2024, 11, 29))?; // the day after Thanksgiving
//! assert_eq!(calendar.open(session)?.to_string(), "2024-11-29T14:30:00Z");
//! assert_eq!(calendar.close(session)?.to_string(), "2024-11-29T18:00:00Z");
//! assert!(calendar.is_early_close(session));
//! assert_eq!(calendar.bar_starts(session, Interval::H1)?.len(), 4);
//! # Ok::<(), ats_calendar::CalendarError>(())
//! ```

mod calendar;
mod error;
mod interval;
mod rules;
mod session;
pub mod xnys;

pub use calendar::Calendar;
pub use error::CalendarError;
pub use interval::{Interval, ParseIntervalError};
pub use session::Session;
