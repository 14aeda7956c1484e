//! Exchange calendars: sessions, early closes and the instants at which bars are complete.
