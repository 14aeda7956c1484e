//! What `publish` keeps of each ticker's bars.

use ats_calendar::{Calendar, Interval, Session};
use ats_columns::column::sessions as sessions_of;
use ats_columns::evaluate::{Column, evaluate};
use ats_columns::{Adjustment, Bars, Inputs, read_parquet};
use ats_expression::{Name, Typed};
use bytes::Bytes;

use crate::error::FeatureError;
use crate::tickers::Benchmarks;

/// A ticker's presence in the history, and its values in the ranking.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survey {
    /// Bars.
    pub rows: usize,
    /// Places of the sessions with a bar, rising.
    pub present: Vec<usize>,
    /// The ranking's value at the last bar of each rebalance session; null (NaN) where there is none. Empty without
    /// a ranking.
    pub ranking: Vec<f64>,
}

/// The ranking, as one ticker's evaluation needs it.
pub struct Ranking<'a> {
    /// The expression.
    pub typed: &'a Typed,
    /// Places of the sessions at which it is made.
    pub at: &'a [usize],
    /// Bars of benchmarks.
    pub benchmarks: &'a Benchmarks,
    /// How prices are adjusted.
    pub adjustment: Adjustment,
    /// Length of a bar.
    pub interval: Interval,
}

impl Survey {
    /// From the file of bars; only its column of sessions is read.
    ///
    /// # Errors
    /// When it cannot be read, or has a date that is not in the history.
    pub fn of_sessions(ticker: &str, bytes: &Bytes, history: &[Session]) -> Result<Self, FeatureError> {
        let table = format!("bars of {ticker}");
        let sessions = sessions_of(&table, &read_parquet(&table, bytes, Some(&["session"]))?, "session")?;
        Ok(Self { rows: sessions.len(), present: places(ticker, &sessions, history)?, ranking: Vec::new() })
    }

    /// From the bars and the features that the ranking reads.
    ///
    /// # Errors
    /// When a date is not in the history, or an input of the ranking is missing.
    pub fn of_bars(
        bars: &Bars,
        features: Vec<(Name, Column)>,
        ranking: &Ranking<'_>,
        calendar: &Calendar,
        history: &[Session],
    ) -> Result<Self, FeatureError> {
        let present = places(bars.ticker(), bars.session(), history)?;
        let mut inputs =
            Inputs::new(bars, ranking.adjustment, calendar)?.with_interval(ranking.interval, calendar);
        for (ticker, benchmark) in ranking.benchmarks {
            inputs = inputs.with_benchmark(ticker.clone(), benchmark, ranking.adjustment);
        }
        for (name, values) in features {
            inputs = inputs.with_feature(name, values)?;
        }
        let values = evaluate(ranking.typed, &inputs)?.to_floats();
        let value_at = |place: &usize| {
            let session = history[*place];
            let after = bars.session().partition_point(|other| *other <= session);
            match after.checked_sub(1) {
                Some(last) if bars.session()[last] == session => values[last],
                _ => f64::NAN,
            }
        };
        Ok(Self { rows: bars.len(), present, ranking: ranking.at.iter().map(value_at).collect() })
    }
}

/// The places of the distinct sessions of bars.
fn places(ticker: &str, bars: &[Session], history: &[Session]) -> Result<Vec<usize>, FeatureError> {
    let mut found: Vec<usize> = Vec::new();
    for session in bars {
        let place = history.binary_search(session).map_err(|_| FeatureError::Artifact {
            ticker: ticker.to_owned(),
            problem: format!("a bar of {session}, which is not a session of the history"),
        })?;
        if found.last() != Some(&place) {
            found.push(place);
        }
    }
    Ok(found)
}
