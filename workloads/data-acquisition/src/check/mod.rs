//! From raw rows to checked bars: every row is kept or dropped for one reason that is counted; nothing is filled.

pub mod outlier;
mod place;
mod values;

use ats_calendar::{Interval, Session};
use ats_columns::{Action, Actions, BarColumns, Bars};
use jiff::Timestamp;

use crate::actions::{Factors, check_actions};
use crate::problem::{Problem, ProblemKind};
use crate::quality::{Dropped, Flagged, Quality};
use crate::row::{RawBar, Request};
use place::{Place, Placer};

/// A ticker's checked history.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The bars with their factors.
    pub bars: Bars,
    /// The actions with an ex-date inside the requested history.
    pub actions: Actions,
    /// What was found on the way.
    pub quality: Quality,
}

/// A row that has its place and sound values.
pub(crate) struct Placed {
    pub(crate) session: Session,
    pub(crate) start: Timestamp,
    pub(crate) row: RawBar,
}

/// Checks the rows and actions of one ticker.
///
/// # Errors
/// When the ticker has no usable bar, when its bars have another length than the interval, or when an action cannot
/// be what it says.
pub fn check(
    ticker: &str,
    rows: &[RawBar],
    actions: Vec<Action>,
    request: &Request,
) -> Result<Checked, Problem> {
    let mut quality = Quality { rows_read: rows.len() as u64, ..Quality::default() };
    let placed = place_rows(rows, request, &mut quality);
    let placed = sort(placed, &mut quality);
    let placed = without_duplicates(placed, &mut quality);
    quality.rows_kept = placed.len() as u64;
    refuse_another_interval(&placed, &quality, request)?;
    let (Some(first), Some(last)) = (placed.first(), placed.last()) else {
        return Err(no_bar(&quality, rows, request));
    };
    quality.first_session = Some(first.session);
    quality.last_session = Some(last.session);
    quality.sessions_after_last =
        request.calendar.sessions(last.session.date(), request.end).len().saturating_sub(1) as u64;
    flag_gaps(&placed, request, &mut quality);
    flag_zero_volume(&placed, &mut quality);

    let actions = check_actions(ticker, actions, request, &mut quality)?;
    let factors = Factors::new(&placed, actions.as_slice())?;
    outlier::flag(&placed, &factors, &mut quality);

    let column = |value: fn(&RawBar) -> f64| placed.iter().map(|bar| value(&bar.row)).collect::<Vec<f64>>();
    let columns = BarColumns {
        session: placed.iter().map(|bar| bar.session).collect(),
        timestamp: placed.iter().map(|bar| bar.start.as_microsecond()).collect(),
        open: column(|row| row.open),
        high: column(|row| row.high),
        low: column(|row| row.low),
        close: column(|row| row.close),
        volume: column(|row| row.volume),
        split_factor: factors.split,
        dividend_factor: factors.dividend,
    };
    let bars = Bars::new(ticker, columns)
        .map_err(|error| Problem::new(ProblemKind::InvalidAction, error.to_string()))?;
    Ok(Checked { bars, actions, quality })
}

fn place_rows(rows: &[RawBar], request: &Request, quality: &mut Quality) -> Vec<Placed> {
    let placer = Placer::new(request);
    let mut placed = Vec::with_capacity(rows.len());
    for row in rows {
        let place = placer.place(row.when);
        if matches!(place, Place::OutsideHistory) {
            quality.rows_outside_history += 1;
        } else if let Some((reason, words)) = values::fault(row) {
            quality.drop_row(reason, row.line, || format!("{}: {words}", placer.in_words(row.when)));
        } else {
            match place {
                Place::At { session, start } => placed.push(Placed { session, start, row: *row }),
                Place::Nowhere(reason) => quality.drop_row(reason, row.line, || placer.in_words(row.when)),
                Place::OutsideHistory => {}
            }
        }
    }
    placed
}

fn sort(mut placed: Vec<Placed>, quality: &mut Quality) -> Vec<Placed> {
    let mut latest: Option<Timestamp> = None;
    for bar in &placed {
        match latest {
            Some(before) if bar.start < before => {
                quality.flag(Flagged::Unsorted, 1, Some(bar.row.line), || {
                    format!("{} comes after {before}", bar.start)
                });
            }
            _ => latest = Some(bar.start),
        }
    }
    // Stable: of rows with one time, the first in the file stays first.
    placed.sort_by_key(|bar| bar.start);
    placed
}

fn without_duplicates(placed: Vec<Placed>, quality: &mut Quality) -> Vec<Placed> {
    let mut kept: Vec<Placed> = Vec::with_capacity(placed.len());
    for bar in placed {
        match kept.last() {
            Some(first) if first.start == bar.start => {
                let same = values::same(&first.row, &bar.row);
                quality.drop_row(Dropped::Duplicate, bar.row.line, || {
                    let values = if same { "the same values" } else { "other values" };
                    format!("{}: line {} has this time too, with {values}", bar.start, first.row.line)
                });
            }
            _ => kept.push(bar),
        }
    }
    kept
}

/// Bars of another length would pass as a few bars of this one.
fn refuse_another_interval(placed: &[Placed], quality: &Quality, request: &Request) -> Result<(), Problem> {
    let dropped = |reason| quality.dropped.get(&reason).map_or(0, |finding| finding.count);
    let strangers = match request.interval {
        Interval::D1 => dropped(Dropped::Duplicate),
        _ => dropped(Dropped::Misaligned),
    };
    if strangers > quality.rows_kept {
        return Err(Problem::new(
            ProblemKind::WrongInterval,
            format!(
                "{strangers} rows lie between the bars of interval {}: the bars are shorter; write their interval",
                request.interval
            ),
        ));
    }
    let Some(duration) = request.interval.duration() else { return Ok(()) };
    let closest = placed
        .windows(2)
        .filter(|pair| pair[0].session == pair[1].session)
        .map(|pair| pair[1].start.duration_since(pair[0].start))
        .min();
    match closest {
        // A handful of bars may lie apart by chance.
        Some(closest) if placed.len() >= 20 && closest > duration => Err(Problem::new(
            ProblemKind::WrongInterval,
            format!(
                "no two bars lie less than {} minutes apart, interval {} asks for {}: write the bars' interval",
                closest.as_mins(),
                request.interval,
                duration.as_mins()
            ),
        )),
        _ => Ok(()),
    }
}

fn no_bar(quality: &Quality, rows: &[RawBar], request: &Request) -> Problem {
    let history = format!("from {} to {}", request.start, request.end);
    let message = if rows.is_empty() {
        "the file has no rows".to_owned()
    } else if quality.rows_dropped() == 0 {
        let when = |row: Option<RawBar>| row.map_or_else(String::new, |row| place::when_in_words(row.when));
        let first = rows.iter().copied().min_by_key(|row| row.when);
        let last = rows.iter().copied().max_by_key(|row| row.when);
        format!("the history is {history}, the file goes from {} to {}", when(first), when(last))
    } else {
        format!(
            "no usable row {history}: of {} rows {} are outside of it and {} were dropped ({})",
            quality.rows_read,
            quality.rows_outside_history,
            quality.rows_dropped(),
            quality.dropped_in_words()
        )
    };
    Problem::new(ProblemKind::NoData, message)
}

fn flag_gaps(placed: &[Placed], request: &Request, quality: &mut Quality) {
    for pair in placed.windows(2) {
        let (before, after) = (pair[0].session, pair[1].session);
        let between = request.calendar.sessions(before.date(), after.date());
        let inner = between.get(1..between.len().saturating_sub(1)).unwrap_or_default();
        let (Some(first), Some(last)) = (inner.first(), inner.last()) else { continue };
        let missing = inner.len() as u64;
        quality.flag(Flagged::Gap, missing, Some(pair[1].row.line), || {
            if first == last { first.to_string() } else { format!("{first} to {last}: {missing} sessions") }
        });
    }
}

fn flag_zero_volume(placed: &[Placed], quality: &mut Quality) {
    for bar in placed.iter().filter(|bar| bar.row.volume == 0.0) {
        quality.flag(Flagged::ZeroVolume, 1, Some(bar.row.line), || bar.start.to_string());
    }
}
