//! The tables that `publish` writes.

use ats_calendar::Session;
use ats_columns::column::{
    booleans_column, floats_column, frame, integers_column, sessions_column, strings_column,
    timestamps_column,
};
use ats_columns::{Column, write_parquet};
use ats_expression::Feature;
use ats_store::OutputFile;

use super::selection::{Ranked, Span};
use crate::error::FeatureError;

/// Name of the table of active tickers.
pub const MEMBERSHIP: &str = "membership.parquet";
/// Name of the table of rankings.
pub const RANKING: &str = "ranking.parquet";
/// Name of the table of cross-sectional features.
pub const CROSS_SECTION: &str = "cross_section.parquet";

fn file(name: &str, columns: Vec<Column>) -> Result<OutputFile, FeatureError> {
    let frame = frame(name, columns)?;
    let rows = Some(frame.height() as u64);
    Ok(OutputFile { name: name.to_owned(), bytes: write_parquet(&frame)?.into(), rows })
}

/// `ticker`, `from`, `to` (inclusive), `focus`: a row for each span in which a ticker is active; by ticker and date.
pub(super) fn membership(
    tickers: &[String],
    spans: &[Vec<Span>],
    history: &[Session],
) -> Result<OutputFile, FeatureError> {
    let rows =
        || tickers.iter().zip(spans).flat_map(|(ticker, spans)| spans.iter().map(move |span| (ticker, span)));
    let names: Vec<&str> = rows().map(|(ticker, _)| ticker.as_str()).collect();
    let from: Vec<Session> = rows().map(|(_, span)| history[span.from]).collect();
    let to: Vec<Session> = rows().map(|(_, span)| history[span.to]).collect();
    let focus: Vec<bool> = rows().map(|(_, span)| span.focus).collect();
    let columns = vec![
        strings_column("ticker", &names),
        sessions_column("from", &from),
        sessions_column("to", &to),
        booleans_column("focus", &focus),
    ];
    file(MEMBERSHIP, columns)
}

/// `session`, `ticker`, `value`, `rank` (from 1): a row for each ticker that was ranked; by session and rank.
pub(super) fn ranking(
    tickers: &[String],
    rankings: &[(usize, Vec<Ranked>)],
    history: &[Session],
) -> Result<OutputFile, FeatureError> {
    let rows = || {
        rankings.iter().flat_map(|(session, ranking)| {
            ranking.iter().enumerate().map(move |(rank, ranked)| (history[*session], rank as i64 + 1, ranked))
        })
    };
    let sessions: Vec<Session> = rows().map(|(session, ..)| session).collect();
    let names: Vec<&str> = rows().map(|(.., ranked)| tickers[ranked.ticker].as_str()).collect();
    let values: Vec<f64> = rows().map(|(.., ranked)| ranked.value).collect();
    let ranks: Vec<i64> = rows().map(|(_, rank, _)| rank).collect();
    let columns = vec![
        sessions_column("session", &sessions),
        strings_column("ticker", &names),
        floats_column("value", &values),
        integers_column("rank", &ranks),
    ];
    file(RANKING, columns)
}

/// `ticker`, `timestamp`, a column for each feature: a row for each bar at which the ticker is active; by ticker and
/// time. `timestamps` and `values` (`[ticker][feature][row]`) hold active rows only; `values` are emptied on the way.
pub(super) fn cross_section(
    tickers: &[String],
    features: &[Feature],
    timestamps: &[Vec<i64>],
    values: &mut [Vec<Vec<f64>>],
) -> Result<OutputFile, FeatureError> {
    let names: Vec<&str> = tickers
        .iter()
        .zip(timestamps)
        .flat_map(|(ticker, timestamps)| std::iter::repeat_n(ticker.as_str(), timestamps.len()))
        .collect();
    let mut columns =
        vec![strings_column("ticker", &names), timestamps_column("timestamp", &timestamps.concat())];
    for (i, feature) in features.iter().enumerate() {
        let mut column: Vec<f64> = Vec::with_capacity(names.len());
        for values in values.iter_mut() {
            column.append(&mut values[i]);
        }
        columns.push(floats_column(feature.name.as_str(), &column));
    }
    file(CROSS_SECTION, columns)
}
