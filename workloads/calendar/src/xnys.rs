//! The New York Stock Exchange (XNYS; Nasdaq and Arca keep the same days) from 1990 to 2060, as data.
//!
//! Sources: the exchange's list of special closings, its yearly holiday notices, and Rule 7.2. Compared day by day
//! with the Python package `exchange_calendars` in `tests/reference.rs`. Late opens (2002-09-11 and the like) are not
//! in it: the session counts from 9:30, as there.

use jiff::civil::Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
use jiff::civil::{Date, Time, date, time};

use crate::rules::Day::{Fixed, GoodFriday, Nth};
use crate::rules::Weekend::{Nearest, Stays, SundayOnly};
use crate::rules::{EarlyClose, Rules, Yearly};

/// The calendar's name: the exchange's ISO 10383 code.
pub const NAME: &str = "XNYS";

const FIRST: i16 = 1990;
const LAST: i16 = 2060;
const ONE: Time = time(13, 0, 0, 0);
/// The usual early close until 1992.
const TWO: Time = time(14, 0, 0, 0);

const fn always(day: crate::rules::Day) -> Yearly {
    Yearly { day, from: FIRST, to: LAST }
}

const fn since(from: i16, day: crate::rules::Day) -> Yearly {
    Yearly { day, from, to: LAST }
}

const fn between(from: i16, to: i16, day: crate::rules::Day) -> Yearly {
    Yearly { day, from, to }
}

const DAY_AFTER_THANKSGIVING: crate::rules::Day = Nth { nth: 4, weekday: Thursday, month: 11, plus: 1 };

pub(crate) const RULES: Rules = Rules {
    name: NAME,
    time_zone: "America/New_York",
    first_year: FIRST,
    last_year: LAST,
    open: time(9, 30, 0, 0),
    close: time(16, 0, 0, 0),
    holidays: &[
        // New Year's Day on a Saturday is not made up for: the Friday before closes the year's books.
        always(Fixed(1, 1, SundayOnly)),
        // Martin Luther King Jr. Day
        since(1998, Nth { nth: 3, weekday: Monday, month: 1, plus: 0 }),
        // Washington's Birthday
        always(Nth { nth: 3, weekday: Monday, month: 2, plus: 0 }),
        always(GoodFriday),
        // Memorial Day
        always(Nth { nth: -1, weekday: Monday, month: 5, plus: 0 }),
        // Juneteenth
        since(2022, Fixed(6, 19, Nearest)),
        // Independence Day
        always(Fixed(7, 4, Nearest)),
        // Labor Day
        always(Nth { nth: 1, weekday: Monday, month: 9, plus: 0 }),
        // Thanksgiving
        always(Nth { nth: 4, weekday: Thursday, month: 11, plus: 0 }),
        // Christmas
        always(Fixed(12, 25, Nearest)),
    ],
    closures: &CLOSURES,
    early_closes: &[
        EarlyClose {
            yearly: since(1995, Fixed(7, 3, Stays)),
            weekdays: &[Monday, Tuesday, Thursday],
            close: ONE,
        },
        // Independence Day on a Thursday: the Friday after it until 2012, the Wednesday before it from 2013 on.
        EarlyClose { yearly: between(1995, 2012, Fixed(7, 5, Stays)), weekdays: &[Friday], close: ONE },
        EarlyClose { yearly: since(2013, Fixed(7, 3, Stays)), weekdays: &[Wednesday], close: ONE },
        EarlyClose { yearly: between(1992, 1992, DAY_AFTER_THANKSGIVING), weekdays: &[Friday], close: TWO },
        EarlyClose { yearly: since(1993, DAY_AFTER_THANKSGIVING), weekdays: &[Friday], close: ONE },
        // Christmas Eve; on a Friday it is Christmas, observed.
        EarlyClose {
            yearly: between(1990, 1992, Fixed(12, 24, Stays)),
            weekdays: MONDAY_TO_THURSDAY,
            close: TWO,
        },
        EarlyClose { yearly: since(1993, Fixed(12, 24, Stays)), weekdays: MONDAY_TO_THURSDAY, close: ONE },
    ],
    single_early_closes: &[
        (date(1997, 12, 26), ONE), // the day after Christmas
        (date(1999, 12, 31), ONE), // the eve of the year 2000
        (date(2003, 12, 26), ONE), // the day after Christmas
    ],
};

const MONDAY_TO_THURSDAY: &[jiff::civil::Weekday] = &[Monday, Tuesday, Wednesday, Thursday];

const CLOSURES: [Date; 11] = [
    date(1994, 4, 27), // mourning for Richard Nixon
    date(2001, 9, 11), // attacks on New York and Washington
    date(2001, 9, 12),
    date(2001, 9, 13),
    date(2001, 9, 14),
    date(2004, 6, 11),  // mourning for Ronald Reagan
    date(2007, 1, 2),   // mourning for Gerald Ford
    date(2012, 10, 29), // hurricane Sandy
    date(2012, 10, 30),
    date(2018, 12, 5), // mourning for George H. W. Bush
    date(2025, 1, 9),  // mourning for Jimmy Carter
];
