use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::rules::Rules;
use crate::session::{add_days, days_between};
use crate::{CalendarError, Interval, Session, xnys};

/// The sessions of one exchange and the instants at which they open and close.
#[derive(Debug)]
pub struct Calendar {
    name: &'static str,
    zone: TimeZone,
    first: Date,
    last: Date,
    sessions: Vec<Session>,
    opens: Vec<Timestamp>,
    closes: Vec<Timestamp>,
    early: Vec<bool>,
    /// For each day from `first` to `last`: how many sessions lie before it.
    before: Vec<u32>,
}

impl Calendar {
    /// The calendar with this ISO 10383 code.
    pub fn by_name(name: &str) -> Result<&'static Self, CalendarError> {
        match name {
            xnys::NAME => built_xnys().as_ref().map_err(Clone::clone),
            _ => Err(CalendarError::Unknown { name: name.to_owned(), known: xnys::NAME.to_owned() }),
        }
    }

    /// The New York Stock Exchange.
    ///
    /// # Panics
    /// Never: the rules are constants, and the tests build them.
    #[expect(clippy::expect_used, reason = "depends on constants alone; a test builds them")]
    pub fn xnys() -> &'static Self {
        built_xnys().as_ref().expect("the rules of XNYS give a calendar")
    }

    /// The names that [`Calendar::by_name`] knows.
    pub const NAMES: &'static [&'static str] = &[xnys::NAME];

    /// The ISO 10383 code.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The first and the last day (not necessarily sessions) that the calendar knows.
    pub fn range(&self) -> (Date, Date) {
        (self.first, self.last)
    }

    /// Whether the exchange trades on this date; false outside the calendar's range.
    pub fn is_session(&self, date: Date) -> bool {
        self.index_of(Session::assume(date)).is_some()
    }

    /// The date as a session, or why it is none.
    pub fn session(&self, date: Date) -> Result<Session, CalendarError> {
        let session = Session::assume(date);
        self.checked_index(session).map(|_| session)
    }

    /// The sessions from `from` to `to`, both included; empty when `from` is after `to`. Days outside the calendar's
    /// range have no sessions.
    pub fn sessions(&self, from: Date, to: Date) -> &[Session] {
        let from = self.sessions.partition_point(|session| session.date() < from);
        let to = self.sessions.partition_point(|session| session.date() <= to);
        self.sessions.get(from..to).unwrap_or_default()
    }

    /// The date's session, or the last one before it.
    pub fn session_on_or_before(&self, date: Date) -> Result<Session, CalendarError> {
        let before = self.sessions_before(date).ok_or_else(|| self.out_of_range(date))?;
        let on = usize::from(self.is_session(date));
        (before + on).checked_sub(1).and_then(|index| self.at(index)).ok_or_else(|| self.out_of_range(date))
    }

    /// The date's session, or the first one after it.
    pub fn session_on_or_after(&self, date: Date) -> Result<Session, CalendarError> {
        self.sessions_before(date).and_then(|index| self.at(index)).ok_or_else(|| self.out_of_range(date))
    }

    /// The session after this one.
    pub fn next(&self, session: Session) -> Result<Session, CalendarError> {
        let index = self.checked_index(session)?;
        self.at(index + 1).ok_or_else(|| self.out_of_range(session.date()))
    }

    /// The session before this one.
    pub fn previous(&self, session: Session) -> Result<Session, CalendarError> {
        let index = self.checked_index(session)?;
        index.checked_sub(1).and_then(|index| self.at(index)).ok_or_else(|| self.out_of_range(session.date()))
    }

    /// The session's number, counted from the calendar's first; none when it is not a session. The number of sessions
    /// from one to another is the difference of their numbers.
    pub fn index_of(&self, session: Session) -> Option<usize> {
        let index = self.sessions_before(session.date())?;
        (self.at(index) == Some(session)).then_some(index)
    }

    /// The session with this number.
    pub fn at(&self, index: usize) -> Option<Session> {
        self.sessions.get(index).copied()
    }

    /// The instant at which the session opens.
    pub fn open(&self, session: Session) -> Result<Timestamp, CalendarError> {
        self.lookup(&self.opens, session)
    }

    /// The instant at which the session closes.
    pub fn close(&self, session: Session) -> Result<Timestamp, CalendarError> {
        self.lookup(&self.closes, session)
    }

    /// Whether the session closes before the exchange's usual time; false for what is not a session.
    pub fn is_early_close(&self, session: Session) -> bool {
        self.index_of(session).and_then(|index| self.early.get(index)).copied().unwrap_or(false)
    }

    /// The date that the exchange's clocks show at this instant, session or not.
    pub fn local_date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The last session whose close is at or before this instant.
    pub fn last_complete_session(&self, at: Timestamp) -> Result<Session, CalendarError> {
        let complete = self.closes.partition_point(|close| *close <= at);
        // After the last known session, what the exchange does is not known.
        let known = self.closes.last().is_some_and(|close| at <= *close);
        if !known {
            return Err(self.instant_out_of_range(at));
        }
        complete.checked_sub(1).and_then(|index| self.at(index)).ok_or_else(|| self.instant_out_of_range(at))
    }

    /// The session in which a bar with this start trades, if it trades in any: the bar [start, start + interval)
    /// meets [open, close). A daily bar starts at its session's open.
    pub fn session_of_bar(&self, start: Timestamp, interval: Interval) -> Option<Session> {
        let Some(duration) = interval.duration() else {
            return self.opens.binary_search(&start).ok().and_then(|index| self.at(index));
        };
        let end = start.checked_add(duration).ok()?;
        let index = self.closes.partition_point(|close| *close <= start);
        let open = self.opens.get(index)?;
        if *open < end { self.at(index) } else { None }
    }

    /// The starts of the session's bars, in order. Intraday bars lie on the clock's grid (multiples of the interval
    /// in UTC), as the vendors' do, so the first bar of an hour starts before a 9:30 open and the last one of a
    /// session may be cut by the close. A daily bar starts at the open.
    pub fn bar_starts(&self, session: Session, interval: Interval) -> Result<Vec<Timestamp>, CalendarError> {
        let (open, close) = (self.open(session)?, self.close(session)?);
        let Some(duration) = interval.duration() else { return Ok(vec![open]) };
        let step = duration.as_secs();
        let first = open.as_second().div_euclid(step);
        let end = close.as_second().div_euclid(step) + i64::from(close.as_second().rem_euclid(step) > 0);
        (first..end)
            .map(|number| Timestamp::from_second(number * step).map_err(|e| self.broken(&e)))
            .collect()
    }

    /// The instant at which the bar is complete: its end, but not after the session's close. A daily bar is complete
    /// at the close.
    pub fn known_at(
        &self,
        session: Session,
        bar_start: Timestamp,
        interval: Interval,
    ) -> Result<Timestamp, CalendarError> {
        let close = self.close(session)?;
        let Some(duration) = interval.duration() else { return Ok(close) };
        Ok(bar_start.checked_add(duration).map_err(|e| self.broken(&e))?.min(close))
    }

    /// Whether no later session lies in the same week (Monday to Sunday). False for what is not a session and for
    /// the calendar's last session.
    pub fn is_last_session_of_week(&self, session: Session) -> bool {
        self.is_last_of(session, |date| add_days(date, -i32::from(date.weekday().to_monday_zero_offset())))
    }

    /// Whether no later session lies in the same month. False for what is not a session and for the calendar's last
    /// session.
    pub fn is_last_session_of_month(&self, session: Session) -> bool {
        self.is_last_of(session, |date| Some(date.first_of_month()))
    }

    fn is_last_of(&self, session: Session, period: impl Fn(Date) -> Option<Date>) -> bool {
        self.next(session).is_ok_and(|next| period(next.date()) != period(session.date()))
    }

    fn sessions_before(&self, date: Date) -> Option<usize> {
        let day = usize::try_from(days_between(self.first, date)).ok()?;
        self.before.get(day).map(|count| *count as usize)
    }

    fn checked_index(&self, session: Session) -> Result<usize, CalendarError> {
        let date = session.date();
        if date < self.first || date > self.last {
            return Err(self.out_of_range(date));
        }
        self.index_of(session).ok_or(CalendarError::NotASession { calendar: self.name, date })
    }

    fn lookup(&self, table: &[Timestamp], session: Session) -> Result<Timestamp, CalendarError> {
        let index = self.checked_index(session)?;
        table.get(index).copied().ok_or_else(|| self.out_of_range(session.date()))
    }

    fn out_of_range(&self, date: Date) -> CalendarError {
        CalendarError::DateOutOfRange { calendar: self.name, date, first: self.first, last: self.last }
    }

    fn instant_out_of_range(&self, at: Timestamp) -> CalendarError {
        CalendarError::InstantOutOfRange { calendar: self.name, at, first: self.first, last: self.last }
    }

    fn broken(&self, error: &jiff::Error) -> CalendarError {
        CalendarError::Rules { calendar: self.name, message: error.to_string() }
    }
}

fn built_xnys() -> &'static Result<Calendar, CalendarError> {
    static XNYS: OnceLock<Result<Calendar, CalendarError>> = OnceLock::new();
    XNYS.get_or_init(|| build(&xnys::RULES))
}

fn build(rules: &Rules) -> Result<Calendar, CalendarError> {
    tabulate(rules).map_err(|error| CalendarError::Rules { calendar: rules.name, message: error.to_string() })
}

fn tabulate(rules: &Rules) -> Result<Calendar, jiff::Error> {
    // The bundled database, so that a host without one, or with an old one, has the same instants.
    let zone = TimeZoneDatabase::bundled().get(rules.time_zone)?;
    let (first, last) = (Date::new(rules.first_year, 1, 1)?, Date::new(rules.last_year, 12, 31)?);
    let days = usize::try_from(days_between(first, last)).unwrap_or_default() + 1;
    let mut calendar = Calendar {
        name: rules.name,
        zone: zone.clone(),
        first,
        last,
        sessions: Vec::with_capacity(days),
        opens: Vec::with_capacity(days),
        closes: Vec::with_capacity(days),
        early: Vec::with_capacity(days),
        before: Vec::with_capacity(days),
    };
    for year in rules.first_year..=rules.last_year {
        let (closed, early) = exceptions(rules, year)?;
        let mut day = date(year, 1, 1);
        while day.year() == year {
            calendar.before.push(calendar.sessions.len() as u32);
            let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            if !weekend && !closed.contains(&day) {
                let close = early.iter().find(|(date, _)| *date == day).map(|(_, close)| *close);
                calendar.sessions.push(Session::assume(day));
                calendar.opens.push(instant(day, rules.open, &zone)?);
                calendar.closes.push(instant(day, close.unwrap_or(rules.close), &zone)?);
                calendar.early.push(close.is_some());
            }
            day = day.tomorrow()?;
        }
    }
    Ok(calendar)
}

/// The closures and the early closes of a year.
#[expect(clippy::type_complexity, reason = "two short lists, used once")]
fn exceptions(rules: &Rules, year: i16) -> Result<(Vec<Date>, Vec<(Date, Time)>), jiff::Error> {
    let mut closed: Vec<Date> = rules.closures.to_vec();
    for holiday in rules.holidays {
        closed.extend(holiday.in_year(year)?);
    }
    let mut early: Vec<(Date, Time)> = rules.single_early_closes.to_vec();
    for rule in rules.early_closes {
        let day = rule.yearly.in_year(year)?.filter(|day| rule.weekdays.contains(&day.weekday()));
        early.extend(day.map(|day| (day, rule.close)));
    }
    Ok((closed, early))
}

fn instant(date: Date, time: Time, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
    Ok(zone.to_ambiguous_zoned(date.to_datetime(time)).compatible()?.timestamp())
}
