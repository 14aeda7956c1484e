//! The table of predictions.

use ats_calendar::Session;
use ats_columns::column::{
    floats, floats_column, frame, integers, integers_column, sessions, sessions_column, strings,
    strings_column, timestamps, timestamps_column,
};
use ats_columns::{DataType, column::timestamp_type, expect_columns, read_parquet, write_parquet};

use super::PREDICTIONS;
use crate::dataset::Matrix;
use crate::error::TrainingError;
use crate::train::Predictions;

/// The table as a file: `ticker`, `timestamp`, `session`, `fold` (from 0), `prediction`, `outcome` (null where it is
/// not known yet); by time and ticker.
pub(super) fn to_parquet(matrix: &Matrix, predictions: &Predictions) -> Result<Vec<u8>, TrainingError> {
    let rows = &predictions.row;
    let tickers: Vec<&str> =
        rows.iter().map(|row| matrix.tickers[matrix.ticker[*row] as usize].as_str()).collect();
    let instants: Vec<i64> = rows.iter().map(|row| matrix.timestamp[*row]).collect();
    let days: Vec<Session> = rows.iter().map(|row| matrix.sessions[matrix.session[*row] as usize]).collect();
    let folds: Vec<i64> = predictions.fold.iter().map(|fold| i64::from(*fold)).collect();
    let outcomes: Vec<f64> = rows.iter().map(|row| matrix.label[*row]).collect();
    let columns = vec![
        strings_column("ticker", &tickers),
        timestamps_column("timestamp", &instants),
        sessions_column("session", &days),
        integers_column("fold", &folds),
        floats_column("prediction", &predictions.prediction),
        floats_column("outcome", &outcomes),
    ];
    Ok(write_parquet(&frame(PREDICTIONS, columns)?)?)
}

/// The table of predictions as columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StoredPredictions {
    /// The ticker.
    pub ticker: Vec<String>,
    /// The start of the bar on whose close the prediction was made: microseconds since 1970, UTC.
    pub timestamp: Vec<i64>,
    /// Its session.
    pub session: Vec<Session>,
    /// The fold that predicted it, from 0.
    pub fold: Vec<i64>,
    /// The prediction.
    pub prediction: Vec<f64>,
    /// The label; NaN where it is not known yet.
    pub outcome: Vec<f64>,
}

/// Reads a table of predictions that stage `train` or `select` wrote.
///
/// # Errors
/// Other columns or types.
pub fn read_predictions(bytes: impl AsRef<[u8]> + Send + Sync) -> Result<StoredPredictions, TrainingError> {
    let frame = read_parquet(PREDICTIONS, bytes, None)?;
    let schema = [
        ("ticker", DataType::String),
        ("timestamp", timestamp_type()),
        ("session", DataType::Date),
        ("fold", DataType::Int64),
        ("prediction", DataType::Float64),
        ("outcome", DataType::Float64),
    ];
    expect_columns(PREDICTIONS, &frame, &schema)?;
    Ok(StoredPredictions {
        ticker: strings(PREDICTIONS, &frame, "ticker")?,
        timestamp: timestamps(PREDICTIONS, &frame, "timestamp")?,
        session: sessions(PREDICTIONS, &frame, "session")?,
        fold: integers(PREDICTIONS, &frame, "fold")?,
        prediction: floats(PREDICTIONS, &frame, "prediction")?,
        outcome: floats(PREDICTIONS, &frame, "outcome")?,
    })
}

/// The predictions of a file as rows of a matrix.
pub(super) fn on_matrix(matrix: &Matrix, stored: &StoredPredictions) -> Result<Predictions, TrainingError> {
    let mut predictions = Predictions::default();
    for place in 0..stored.ticker.len() {
        let (ticker, timestamp) = (stored.ticker[place].as_str(), stored.timestamp[place]);
        let row = row_of(matrix, ticker, timestamp).ok_or_else(|| {
            TrainingError::Data(format!("{PREDICTIONS}: row {place} ({ticker}) is not a row of the dataset"))
        })?;
        predictions.row.push(row);
        predictions.fold.push(u32::try_from(stored.fold[place]).unwrap_or(u32::MAX));
        predictions.prediction.push(stored.prediction[place]);
    }
    Ok(predictions)
}

fn row_of(matrix: &Matrix, ticker: &str, timestamp: i64) -> Option<usize> {
    let ticker = matrix.tickers.binary_search_by(|known| known.as_str().cmp(ticker)).ok()? as u32;
    let before = |row: usize| (matrix.timestamp[row], matrix.ticker[row]) < (timestamp, ticker);
    let (mut low, mut high) = (0, matrix.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    (low < matrix.len() && (matrix.timestamp[low], matrix.ticker[low]) == (timestamp, ticker)).then_some(low)
}
