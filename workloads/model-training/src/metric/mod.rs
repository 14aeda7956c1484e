//! How good predictions are.
//!
//! | figure | definition |
//! | --- | --- |
//! | IC, rank IC | for each date the Pearson, Spearman (average ranks) correlation of prediction and outcome across names; mean over dates with five names or more |
//! | ICIR | mean over sample deviation of the rank IC over non-overlapping dates |
//! | hit rate | share of predictions with the outcome's sign, over outcomes that have one |
//! | mean squared error | regression: of prediction and outcome; classification: of P(up) and 0 or 1 (Brier score); margins have none |
//! | accuracy, log loss | classification: of P(up) >= 0.5 or margin >= 0, of P(up) |
//! | Sharpe | equal-weight top minus bottom quintile, non-overlapping, costless: mean over sample deviation, a period or a year |
//! | probabilistic, deflated Sharpe | Bailey and Lopez de Prado 2012, 2014 |
//! | turnover | share of names in the top quintile that are new since a horizon before, as alphalens's |
//!
//! A figure that is not defined is none; a gate on it fails.

pub mod correlation;
pub mod normal;
pub mod sharpe;
pub mod turnover;

use serde::{Deserialize, Serialize};

/// Names that a date needs for a correlation or quintiles across them.
pub const FEWEST_NAMES: usize = 5;

/// Sessions in a year.
pub const SESSIONS_A_YEAR: f64 = 252.0;

/// What a prediction means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Score {
    /// The label's value.
    Value,
    /// The probability that the label is above zero, less one half.
    ProbabilityMinusHalf,
    /// Above 0 where the label is thought to be above zero, the farther the surer; no probability.
    Margin,
}

/// Predictions beside what happened, ascending by instant and ticker; all slices have one length.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// A number that is equal for the rows of one instant and rises with time.
    pub instant: &'a [u32],
    /// A number that is equal for the rows of one ticker.
    pub name: &'a [u32],
    /// The prediction.
    pub prediction: &'a [f64],
    /// The label; NaN where it is null: such rows are left out.
    pub outcome: &'a [f64],
    /// The simple return over the label's horizon.
    pub forward_return: &'a [f64],
}

/// How figures are computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// What a prediction means.
    pub score: Score,
    /// Bars that a label spans: dates that far apart do not overlap.
    pub horizon: usize,
    /// Instants (bars) in a session.
    pub bars_a_session: f64,
}

impl Scale {
    /// How many periods, each as long as a label's horizon, make a year.
    #[must_use]
    pub fn periods_per_year(&self) -> f64 {
        SESSIONS_A_YEAR * self.bars_a_session / self.horizon as f64
    }
}

/// The figures of a set of predictions. None: not defined.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Predictions with an outcome.
    pub rows: usize,
    /// Their dates (instants).
    pub dates: usize,
    /// Dates with fewer than five names: in no correlation and no quintile.
    pub dates_with_few_names: usize,
    /// Dates with names enough whose correlation is not defined, because all predictions or all outcomes are equal.
    pub dates_undefined: usize,
    /// Whether all predictions are equal; then every gate fails.
    pub constant_prediction: bool,
    /// Mean Spearman correlation.
    pub rank_ic: Option<f64>,
    /// Mean Pearson correlation.
    pub ic: Option<f64>,
    /// Mean over deviation of the rank IC over non-overlapping dates.
    pub icir: Option<f64>,
    /// Share of predictions with the outcome's sign.
    pub hit_rate: Option<f64>,
    /// Mean squared error.
    pub mean_squared_error: Option<f64>,
    /// Classification: share of rows on the right side.
    pub accuracy: Option<f64>,
    /// Classification: mean of `-ln` of the probability given to what happened.
    pub log_loss: Option<f64>,
    /// Non-overlapping periods of the quintile spread.
    pub periods: usize,
    /// Sharpe ratio of the quintile spread, a period.
    pub sharpe_per_period: Option<f64>,
    /// The same, a year.
    pub sharpe: Option<f64>,
    /// Probability that the Sharpe ratio is above 0.
    pub probabilistic_sharpe: Option<f64>,
    /// Share of the names in the top quintile that were not in it one horizon before, mean over dates: from 0 to
    /// 1, a horizon. alphalens's `quantile_turnover`, see [`turnover::of_top_fifth`].
    pub turnover: Option<f64>,
}

impl Figures {
    /// Computes every figure.
    #[must_use]
    pub fn new(scored: &Scored<'_>, scale: &Scale) -> Self {
        let rows = with_outcome(scored);
        let mut figures = Self { rows: rows.len(), ..Self::default() };
        let Some(first) = rows.first() else { return figures };
        figures.constant_prediction =
            rows.iter().all(|row| scored.prediction[*row] == scored.prediction[*first]);
        let dates = by_date(scored, &rows);
        figures.dates = dates.len();
        figures.correlations(scored, scale, &dates);
        figures.errors(scored, scale, &rows);
        let spreads = sharpe::quintile_spreads(scored, &every(&dates, scale.horizon));
        figures.periods = spreads.len();
        figures.sharpe_per_period = sharpe::per_period(&spreads);
        let periods_per_year = scale.periods_per_year();
        figures.sharpe = figures.sharpe_per_period.map(|sharpe| sharpe * periods_per_year.sqrt());
        figures.probabilistic_sharpe = sharpe::probabilistic(&spreads, 0.0);
        figures.turnover = turnover::of_top_fifth(scored, &dates, scale.horizon);
        figures
    }

    /// The means of the figures of several paths over the same rows; a figure that one of them lacks is none.
    #[must_use]
    pub fn mean_of(paths: &[Self]) -> Self {
        let Some(first) = paths.first() else { return Self::default() };
        if paths.len() == 1 {
            return first.clone();
        }
        let mean_of = |figure: fn(&Self) -> Option<f64>| {
            let values: Option<Vec<f64>> = paths.iter().map(figure).collect();
            mean(&values?)
        };
        Self {
            rows: first.rows,
            dates: first.dates,
            dates_with_few_names: first.dates_with_few_names,
            dates_undefined: paths.iter().map(|path| path.dates_undefined).max().unwrap_or(0),
            constant_prediction: paths.iter().any(|path| path.constant_prediction),
            rank_ic: mean_of(|path| path.rank_ic),
            ic: mean_of(|path| path.ic),
            icir: mean_of(|path| path.icir),
            hit_rate: mean_of(|path| path.hit_rate),
            mean_squared_error: mean_of(|path| path.mean_squared_error),
            accuracy: mean_of(|path| path.accuracy),
            log_loss: mean_of(|path| path.log_loss),
            periods: first.periods,
            sharpe_per_period: mean_of(|path| path.sharpe_per_period),
            sharpe: mean_of(|path| path.sharpe),
            probabilistic_sharpe: mean_of(|path| path.probabilistic_sharpe),
            turnover: mean_of(|path| path.turnover),
        }
    }

    fn correlations(&mut self, scored: &Scored<'_>, scale: &Scale, dates: &[&[usize]]) {
        let mut pearson = Vec::new();
        let mut spearman = vec![None; dates.len()];
        for (date, rows) in dates.iter().enumerate() {
            if rows.len() < FEWEST_NAMES {
                self.dates_with_few_names += 1;
                continue;
            }
            let predictions: Vec<f64> = rows.iter().map(|row| scored.prediction[*row]).collect();
            let outcomes: Vec<f64> = rows.iter().map(|row| scored.outcome[*row]).collect();
            match (
                correlation::pearson(&predictions, &outcomes),
                correlation::spearman(&predictions, &outcomes),
            ) {
                (Some(value), Some(rank_value)) => {
                    pearson.push(value);
                    spearman[date] = Some(rank_value);
                }
                _ => self.dates_undefined += 1,
            }
        }
        let defined: Vec<f64> = spearman.iter().flatten().copied().collect();
        self.ic = mean(&pearson);
        self.rank_ic = mean(&defined);
        let apart: Vec<f64> = every(&spearman, scale.horizon).iter().flatten().copied().collect();
        self.icir = sharpe::per_period(&apart);
    }

    fn errors(&mut self, scored: &Scored<'_>, scale: &Scale, rows: &[usize]) {
        let pairs = || rows.iter().map(|row| (scored.prediction[*row], scored.outcome[*row]));
        let signed: Vec<bool> = pairs()
            .filter(|(_, outcome)| *outcome != 0.0)
            .map(|(prediction, outcome)| {
                (prediction > 0.0 && outcome > 0.0) || (prediction < 0.0 && outcome < 0.0)
            })
            .collect();
        self.hit_rate = share(&signed);
        self.mean_squared_error = mean_squared_error(scale.score, pairs());
        if scale.score != Score::Value {
            let right: Vec<bool> =
                pairs().map(|(prediction, outcome)| (prediction >= 0.0) == (outcome > 0.0)).collect();
            self.accuracy = share(&right);
        }
        if scale.score == Score::ProbabilityMinusHalf {
            let losses: Vec<f64> = pairs()
                .map(|(prediction, outcome)| {
                    let up = prediction + 0.5;
                    let given = if outcome > 0.0 { up } else { 1.0 - up };
                    // A certain model that is wrong has a finite loss, as in the field's reference code.
                    -libm::log(given.clamp(f64::EPSILON, 1.0 - f64::EPSILON))
                })
                .collect();
            self.log_loss = mean(&losses);
        }
    }
}

/// Mean squared error of (prediction, outcome) pairs, for probabilities the Brier score; none of no pairs, and of margins.
pub fn mean_squared_error(score: Score, pairs: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    if score == Score::Margin {
        return None;
    }
    let errors: Vec<f64> = pairs
        .map(|(prediction, outcome)| match score {
            Score::ProbabilityMinusHalf => prediction + 0.5 - if outcome > 0.0 { 1.0 } else { 0.0 },
            Score::Value | Score::Margin => prediction - outcome,
        })
        .map(|error| error * error)
        .collect();
    mean(&errors)
}

/// Rows with an outcome, in their order.
fn with_outcome(scored: &Scored<'_>) -> Vec<usize> {
    (0..scored.outcome.len()).filter(|row| !scored.outcome[*row].is_nan()).collect()
}

/// The rows of each date.
fn by_date<'a>(scored: &Scored<'_>, rows: &'a [usize]) -> Vec<&'a [usize]> {
    rows.chunk_by(|a, b| scored.instant[*a] == scored.instant[*b]).collect()
}

/// The quintile spreads of every so many dates ([`sharpe::quintile_spreads`]).
#[must_use]
pub fn spreads(scored: &Scored<'_>, horizon: usize) -> Vec<f64> {
    sharpe::quintile_spreads(scored, &every(&by_date(scored, &with_outcome(scored)), horizon))
}

/// The first item and every `step`-th after it.
fn every<T: Copy>(items: &[T], step: usize) -> Vec<T> {
    items.iter().step_by(step.max(1)).copied().collect()
}

/// The mean in order; none of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample standard deviation; none of fewer than two values, 0 when all are equal.
#[must_use]
pub fn deviation(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    if values.len() < 2 {
        return None;
    }
    // Rounding of the mean would make a deviation of equal values.
    if values.iter().all(|value| *value == first) {
        return Some(0.0);
    }
    let mean = mean(values)?;
    // Scaled, so that squares of values as small as 1e-200 do not vanish.
    let largest = values.iter().map(|value| (value - mean).abs()).fold(0.0, f64::max);
    let squares: f64 = values.iter().map(|value| (value - mean) / largest).map(|d| d * d).sum();
    Some(largest * (squares / (values.len() - 1) as f64).sqrt())
}

fn share(hits: &[bool]) -> Option<f64> {
    (!hits.is_empty()).then(|| hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64)
}
