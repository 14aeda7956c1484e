//! The design matrix: one row for each active ticker and bar, ascending by time and ticker, in columns.
//!
//! Rows with a null in a feature are dropped and counted. Rows without a label are kept: they can be predicted, and
//! never train.

use std::collections::BTreeMap;

use ats_calendar::Session;
use ats_crds::model::FeatureScaling;
use serde::{Deserialize, Serialize};

use crate::error::TrainingError;
use crate::label::Labels;
use crate::metric::{deviation, mean};

/// One ticker's bars with their features and labels; all columns have one length.
#[derive(Debug, Clone, PartialEq)]
pub struct TickerRows {
    /// The ticker.
    pub ticker: String,
    /// The session of each bar.
    pub session: Vec<Session>,
    /// The start of each bar: microseconds since 1970, UTC.
    pub timestamp: Vec<i64>,
    /// Whether the ticker is active at each bar.
    pub active: Vec<bool>,
    /// A column for each feature; a null is NaN.
    pub features: Vec<Vec<f64>>,
    /// The labels.
    pub labels: Labels,
}

/// What was left out of the matrix, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowCounts {
    /// Bars of active tickers.
    pub active: usize,
    /// Rows dropped because a feature is null or, with `CrossSectionalZScore`, has no deviation on the date.
    pub dropped: usize,
    /// How many of the dropped rows lack each feature; a row may lack several.
    pub nulls: BTreeMap<String, usize>,
    /// Rows kept that have no label.
    pub unlabelled: usize,
}

/// Rows in columns, ascending by instant and ticker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Names of the features, in the order of their columns.
    pub features: Vec<String>,
    /// Tickers, ascending.
    pub tickers: Vec<String>,
    /// Sessions of all bars and of the labels' ends, ascending.
    pub sessions: Vec<Session>,
    /// Each row's place in `tickers`.
    pub ticker: Vec<u32>,
    /// Each row's instant as a number that rises with time, equal for equal timestamps.
    pub instant: Vec<u32>,
    /// The start of each row's bar: microseconds since 1970, UTC.
    pub timestamp: Vec<i64>,
    /// Each row's place in `sessions`.
    pub session: Vec<u32>,
    /// A column for each feature; no value is null.
    pub columns: Vec<Vec<f64>>,
    /// Each row's place among its ticker's bars.
    pub bar: Vec<u32>,
    /// The label; NaN where it is null.
    pub label: Vec<f64>,
    /// The simple return over the label's horizon; NaN where it is null.
    pub forward_return: Vec<f64>,
    /// The place in `sessions` of the last session that the label depends on; none without a label.
    pub label_end: Vec<Option<u32>>,
    /// The last of the ticker's bars that the label is made of; the row's own without a label.
    pub label_last_bar: Vec<u32>,
    /// What was left out.
    pub counts: RowCounts,
}

impl Matrix {
    /// Gathers the rows of all tickers. `CrossSectionalZScore` is applied here: zero mean and unit sample deviation
    /// across the date's active tickers, null where they do not differ. `Standardize` is learned by each fit.
    ///
    /// # Errors
    /// Columns of different lengths, a ticker given twice, no feature, or no row left: the message names the feature
    /// that lacks most.
    pub fn new(
        features: &[String],
        mut tickers: Vec<TickerRows>,
        scaling: FeatureScaling,
    ) -> Result<Self, TrainingError> {
        if features.is_empty() {
            return Err(TrainingError::Specification(
                "features: a model needs at least one feature".to_owned(),
            ));
        }
        tickers.sort_by(|a, b| a.ticker.cmp(&b.ticker));
        check(features, &tickers)?;
        let sessions = sessions(&tickers);
        let mut matrix = Self {
            features: features.to_vec(),
            tickers: tickers.iter().map(|rows| rows.ticker.clone()).collect(),
            sessions,
            columns: vec![Vec::new(); features.len()],
            ..Self::default()
        };
        // (timestamp, ticker, bar) of every active bar, in the order of rows.
        let mut places: Vec<(i64, u32, u32)> = Vec::new();
        for (ticker, rows) in tickers.iter().enumerate() {
            for (bar, active) in rows.active.iter().enumerate() {
                if *active {
                    places.push((rows.timestamp[bar], ticker as u32, bar as u32));
                }
            }
        }
        places.sort_unstable();
        matrix.counts.active = places.len();
        for (instant, date) in places.chunk_by(|a, b| a.0 == b.0).enumerate() {
            matrix.push_date(date, &tickers, scaling, instant as u32)?;
        }
        matrix.counts.dropped = matrix.counts.active - matrix.len();
        matrix.check_labels()?;
        Ok(matrix)
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }

    /// The sessions from the first to the last with a labelled row, end excluded.
    #[must_use]
    pub fn labelled_sessions(&self) -> std::ops::Range<usize> {
        let labelled = || (0..self.len()).filter(|row| self.label_end[*row].is_some());
        match (labelled().next(), labelled().next_back()) {
            (Some(first), Some(last)) => self.session[first] as usize..self.session[last] as usize + 1,
            _ => 0..0,
        }
    }

    /// Instants (bars) in a session, on average.
    #[must_use]
    pub fn bars_a_session(&self) -> f64 {
        let distinct = |values: &[u32]| values.chunk_by(|a, b| a == b).count();
        let sessions = distinct(&self.session);
        if sessions == 0 { 1.0 } else { distinct(&self.instant) as f64 / sessions as f64 }
    }

    /// The features of some rows, a column each.
    #[must_use]
    pub fn gather(&self, rows: &[usize]) -> Vec<Vec<f64>> {
        self.columns.iter().map(|column| pick(column, rows)).collect()
    }

    fn push_date(
        &mut self,
        date: &[(i64, u32, u32)],
        tickers: &[TickerRows],
        scaling: FeatureScaling,
        instant: u32,
    ) -> Result<(), TrainingError> {
        let mut values: Vec<Vec<f64>> = (0..self.features.len())
            .map(|feature| {
                date.iter().map(|(_, t, bar)| tickers[*t as usize].features[feature][*bar as usize]).collect()
            })
            .collect();
        if scaling == FeatureScaling::CrossSectionalZScore {
            values.iter_mut().for_each(|column| z_score(column));
        }
        for (place, (timestamp, t, bar)) in date.iter().enumerate() {
            let mut complete = true;
            for (feature, column) in values.iter().enumerate() {
                if !column[place].is_finite() {
                    complete = false;
                    *self.counts.nulls.entry(self.features[feature].clone()).or_default() += 1;
                }
            }
            if !complete {
                continue;
            }
            let rows = &tickers[*t as usize];
            let bar = *bar as usize;
            let label = rows.labels.value[bar];
            let label_end = if label.is_nan() { None } else { Some(self.place(rows.labels.end[bar])?) };
            self.counts.unlabelled += usize::from(label_end.is_none());
            for (column, values) in self.columns.iter_mut().zip(&values) {
                column.push(values[place]);
            }
            self.ticker.push(*t);
            self.instant.push(instant);
            self.timestamp.push(*timestamp);
            self.session.push(self.place(rows.session[bar])?);
            self.label.push(label);
            self.forward_return.push(rows.labels.forward_return[bar]);
            self.label_end.push(label_end);
            self.bar.push(bar as u32);
            self.label_last_bar.push(rows.labels.last_bar[bar] as u32);
        }
        Ok(())
    }

    fn place(&self, session: Session) -> Result<u32, TrainingError> {
        match self.sessions.binary_search(&session) {
            Ok(place) => Ok(place as u32),
            Err(_) => Err(TrainingError::Data(format!("session {session} is not a session of the dataset"))),
        }
    }

    fn check_labels(&self) -> Result<(), TrainingError> {
        if self.label_end.iter().any(Option::is_some) {
            return Ok(());
        }
        let worst = self.counts.nulls.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
        let why = match (self.counts.active, worst) {
            (0, _) => "no ticker is active on any bar".to_owned(),
            (active, Some((feature, nulls))) if self.is_empty() => format!(
                "feature {feature} is null, or equal for all tickers of the date, on {nulls} of {active} rows; \
                 leave it out or choose another preprocess.features"
            ),
            _ => "no row has a label: the history is shorter than the label's horizon".to_owned(),
        };
        Err(TrainingError::Data(format!("nothing to train on: {why}")))
    }
}

/// Zero mean and unit sample deviation of the values that are not null; all null when they do not differ.
pub fn z_score(values: &mut [f64]) {
    let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    match (mean(&known), deviation(&known)) {
        (Some(mean), Some(deviation)) if deviation > 0.0 => {
            values.iter_mut().for_each(|value| *value = (*value - mean) / deviation);
        }
        _ => values.fill(f64::NAN),
    }
}

/// Some values of a column.
#[must_use]
pub fn pick<T: Copy>(column: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|row| column[*row]).collect()
}

fn sessions(tickers: &[TickerRows]) -> Vec<Session> {
    let mut sessions: Vec<Session> =
        tickers.iter().flat_map(|rows| rows.session.iter().chain(&rows.labels.end)).copied().collect();
    sessions.sort_unstable();
    sessions.dedup();
    sessions
}

fn check(features: &[String], tickers: &[TickerRows]) -> Result<(), TrainingError> {
    for pair in tickers.windows(2) {
        if pair[0].ticker == pair[1].ticker {
            return Err(TrainingError::Data(format!("ticker {} is given twice", pair[0].ticker)));
        }
    }
    for rows in tickers {
        let bars = rows.session.len();
        let lengths = [
            rows.timestamp.len(),
            rows.active.len(),
            rows.labels.value.len(),
            rows.labels.end.len(),
            rows.labels.last_bar.len(),
        ];
        let features_fit =
            rows.features.len() == features.len() && rows.features.iter().all(|f| f.len() == bars);
        if !features_fit || lengths.iter().any(|length| *length != bars) {
            let message = format!("ticker {}: its columns differ in length or number", rows.ticker);
            return Err(TrainingError::Data(message));
        }
    }
    Ok(())
}
