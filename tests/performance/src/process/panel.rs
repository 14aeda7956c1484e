//! Functions across tickers beside pandas and Polars over the same values in memory, on one thread.

use std::time::Instant;

use ats_calendar::Interval;
use ats_columns::Bars;
use ats_expression::{Facts, History, Kind, Name, Node, Number, Scope, check, parse};
use ats_feature_engineering::publish::cross::apply;

use super::functions::{Figures, Work, alike, row, turns, versions};
use super::made_up;
use crate::report::{Section, Unit};
use crate::rivals::functions::Rivals;
use crate::rivals::write_column;
use crate::{Result, say};

const LIBRARIES: [&str; 2] = ["pandas", "polars"];
/// Of so many values one is null, as that of a ticker that is not active.
const NULL_EVERY: usize = 50;

/// Measures every function across so many tickers at so many sessions.
///
/// # Errors
/// When a process fails. What has other values is told in the section, and not timed.
pub fn measure(tickers: usize, sessions: usize, rounds: usize) -> Result<(Section, serde_json::Value)> {
    let folder = tempfile::tempdir()?;
    say(&format!("functions across tickers: making {tickers} x {sessions} values"));
    let values = values(tickers, sessions)?;
    write_column(folder.path(), "x", &values)?;
    let mut rivals = Rivals::across(folder.path(), tickers)?;
    let (mut all, mut differing) = (Vec::new(), Vec::new());
    for (expression, libraries) in rivals.hello.offered.clone() {
        let function = function(&expression)?;
        let ours = || -> Vec<Vec<f64>> {
            values.chunks_exact(tickers).map(|session| apply(&function, session)).collect()
        };
        let found = ours().concat();
        // Nothing begins here: all rows are compared.
        let libraries = alike(&expression, &libraries, 0, &found, &mut rivals, &mut differing)?;
        say(&format!("functions across tickers: {expression}"));
        let once = || -> Result<f64> {
            let began = Instant::now();
            let found = ours();
            let seconds = began.elapsed().as_secs_f64();
            drop(found);
            Ok(seconds)
        };
        let work = Work { title: &expression, bars: values.len(), expressions: &[&expression], rows: None };
        all.push(turns(&work, rounds, &libraries, &mut rivals, once)?);
    }
    let mut section = section((tickers, sessions), rounds, &rivals, &all);
    section.differing = differing;
    Ok((section, serde_json::to_value(&all)?))
}

/// Returns of made-up bars, all tickers of the first session, then those of the second; some are null.
fn values(tickers: usize, sessions: usize) -> Result<Vec<f64>> {
    let market = made_up::market(tickers, sessions, Interval::D1)?;
    let bars: Vec<&Bars> = market.tickers.values().map(|history| &history.bars).collect();
    let mut values = Vec::with_capacity(tickers * sessions);
    for session in 0..sessions {
        for (place, bars) in bars.iter().enumerate() {
            let is_null = (place + session).is_multiple_of(NULL_EVERY);
            let change = bars.close()[session] / bars.open()[session] - 1.0;
            values.push(if is_null { f64::NAN } else { change });
        }
    }
    Ok(values)
}

/// A function across tickers of `x`, a feature.
pub(super) fn function(expression: &str) -> Result<Number> {
    let mut scope = Scope::new();
    let facts = Facts {
        kind: Kind::Number,
        unit: ats_expression::Unit::PLAIN,
        cross_sectional: false,
        history: History::default(),
    };
    scope.insert(Name::new("x").map_err(|error| error.to_string())?, facts);
    let parsed = parse(expression).map_err(|error| error.to_string())?;
    let typed = check(&parsed, &scope).map_err(|error| error.to_string())?;
    match typed.node() {
        Node::Number(number @ (Number::CrossSection { .. } | Number::Winsorize { .. })) => Ok(number.clone()),
        _ => Err(format!("{expression} is no function across tickers").into()),
    }
}

fn section((tickers, sessions): (usize, usize), rounds: usize, rivals: &Rivals, all: &[Figures]) -> Section {
    let header = ["expression", "ours, ns/value", "pandas", "Polars"];
    let mut section = Section::new("Functions across tickers, one thread", &header);
    for figures in all {
        section.follow(&figures.expression, Unit::NanosecondsPerBar, figures.ours);
        section.rows.push(row(figures, &LIBRARIES));
    }
    section.notes = vec![
        format!(
            "{tickers} tickers x {sessions} sessions, made up from a fixed seed, one value of {NULL_EVERY} null, in memory; {rounds} rounds, in turns there and back; median (least to most)."
        ),
        format!(
            "A library's column is its time over ours: above 1, ours is quicker. {}. pandas has a frame of sessions by tickers, Polars a row for each of both. Values are compared before anything is timed.",
            versions(rivals)
        ),
    ];
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_by_session_and_some_are_null() {
        let values = values(60, 3).unwrap();
        assert_eq!(values.len(), 180);
        let nulls: Vec<usize> = (0..180).filter(|place| values[*place].is_nan()).collect();
        assert_eq!(nulls, [0, 50, 60 + 49, 120 + 48]);
        // A ticker's own value, in the row of its session.
        let market = made_up::market(2, 3, Interval::D1).unwrap();
        let bars = &market.tickers["T0001"].bars;
        assert_eq!(values[2 * 60 + 1], bars.close()[2] / bars.open()[2] - 1.0);
    }
}
