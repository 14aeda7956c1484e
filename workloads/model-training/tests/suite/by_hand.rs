//! Figures of predictions of a return, written a second time: from the definitions, in the plainest way.
//! For daily bars, at least five names a session, and neither predictions nor outcomes that tie.

use std::collections::{BTreeMap, BTreeSet};

use ats_model_training::dataset::Matrix;
use ats_model_training::metric::{Figures, normal};
use ats_model_training::train::Predictions;

/// A prediction whose outcome is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Rises with time.
    pub(crate) session: u32,
    pub(crate) name: u32,
    pub(crate) prediction: f64,
    pub(crate) outcome: f64,
}

/// The row of a matrix with a prediction; none without an outcome.
pub(crate) fn row(matrix: &Matrix, row: usize, prediction: f64) -> Option<Row> {
    let (session, name, outcome) = (matrix.session[row], matrix.ticker[row], matrix.label[row]);
    (!outcome.is_nan()).then_some(Row { session, name, prediction, outcome })
}

/// The predictions whose outcomes are known.
pub(crate) fn rows(matrix: &Matrix, predictions: &Predictions) -> Vec<Row> {
    let pairs = predictions.row.iter().zip(&predictions.prediction);
    pairs.filter_map(|(place, prediction)| row(matrix, *place, *prediction)).collect()
}

/// Session by session, each by prediction, the highest first.
fn sessions(rows: &[Row]) -> Vec<Vec<Row>> {
    let mut sessions: BTreeMap<u32, Vec<Row>> = BTreeMap::new();
    rows.iter().for_each(|row| sessions.entry(row.session).or_default().push(*row));
    let mut sessions: Vec<Vec<Row>> = sessions.into_values().collect();
    for session in &mut sessions {
        assert!(session.len() >= 5);
        session.sort_by(|a, b| b.prediction.partial_cmp(&a.prediction).unwrap());
        assert!(session.windows(2).all(|pair| pair[0].prediction > pair[1].prediction), "predictions tie");
    }
    sessions
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample deviation.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (mean_x, mean_y) = (mean(x), mean(y));
    let products: f64 = x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    products / (x.len() - 1) as f64 / deviation(x) / deviation(y)
}

/// How many values are smaller.
fn ranks(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| values.iter().filter(|other| *other < value).count() as f64).collect()
}

/// Spearman's correlation by the differences of ranks, which do not tie.
fn rank_correlation(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let squares: f64 = ranks(x).iter().zip(ranks(y)).map(|(x, y)| (x - y).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

/// Top less bottom fifth of every `horizon`-th session.
pub(crate) fn spreads(rows: &[Row], horizon: usize) -> Vec<f64> {
    let spread = |session: &Vec<Row>| {
        let outcomes: Vec<f64> = session.iter().map(|row| row.outcome).collect();
        let fifth = outcomes.len() / 5;
        mean(&outcomes[..fifth]) - mean(&outcomes[outcomes.len() - fifth..])
    };
    sessions(rows).iter().step_by(horizon).map(spread).collect()
}

/// The probability that the Sharpe ratio of some returns, a period, lies above a benchmark (Bailey and Lopez
/// de Prado 2012).
pub(crate) fn probabilistic_sharpe(returns: &[f64], benchmark: f64) -> f64 {
    let (mean, n) = (mean(returns), returns.len() as f64);
    let moment = |power: i32| returns.iter().map(|r| (r - mean).powi(power)).sum::<f64>() / n;
    let (skewness, kurtosis) = (moment(3) / moment(2).powf(1.5), moment(4) / moment(2).powi(2));
    let sharpe = mean / deviation(returns);
    let variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    normal::cumulative((sharpe - benchmark) * (n - 1.0).sqrt() / variance.sqrt())
}

/// The share of new names among the top fifth, beside the one `horizon` sessions before.
fn turnover(sessions: &[Vec<Row>], horizon: usize) -> f64 {
    let top = |session: &Vec<Row>| -> BTreeSet<u32> {
        session[..session.len() / 5].iter().map(|row| row.name).collect()
    };
    let shares: Vec<f64> = (horizon..sessions.len())
        .map(|place| {
            let (now, before) = (top(&sessions[place]), top(&sessions[place - horizon]));
            now.difference(&before).count() as f64 / now.len() as f64
        })
        .collect();
    mean(&shares)
}

/// All figures.
pub(crate) fn figures(rows: &[Row], horizon: usize) -> Figures {
    let sessions = sessions(rows);
    let by_session = |of: fn(&[f64], &[f64]) -> f64| -> Vec<f64> {
        let columns = |session: &Vec<Row>| -> (Vec<f64>, Vec<f64>) {
            session.iter().map(|row| (row.prediction, row.outcome)).unzip()
        };
        sessions.iter().map(columns).map(|(x, y)| of(&x, &y)).collect()
    };
    let rank_ics = by_session(rank_correlation);
    let apart: Vec<f64> = rank_ics.iter().copied().step_by(horizon).collect();
    let spreads = spreads(rows, horizon);
    let sharpe = mean(&spreads) / deviation(&spreads);
    let moved: Vec<&Row> = rows.iter().filter(|row| row.outcome != 0.0).collect();
    let hits = moved.iter().filter(|row| row.prediction * row.outcome > 0.0).count();
    let errors: Vec<f64> = rows.iter().map(|row| (row.prediction - row.outcome).powi(2)).collect();
    Figures {
        rows: rows.len(),
        dates: sessions.len(),
        periods: spreads.len(),
        rank_ic: Some(mean(&rank_ics)),
        ic: Some(mean(&by_session(correlation))),
        icir: Some(mean(&apart) / deviation(&apart)),
        hit_rate: Some(hits as f64 / moved.len() as f64),
        mean_squared_error: Some(mean(&errors)),
        sharpe_per_period: Some(sharpe),
        sharpe: Some(sharpe * (252.0 / horizon as f64).sqrt()),
        probabilistic_sharpe: Some(probabilistic_sharpe(&spreads, 0.0)),
        turnover: Some(turnover(&sessions, horizon)),
        ..Figures::default()
    }
}
