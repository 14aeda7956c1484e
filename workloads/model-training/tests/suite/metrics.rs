//! Statistics against SciPy, pandas and published values.

use std::collections::BTreeMap;

use ats_model_training::dataset::{pick, z_score};
use ats_model_training::metric::correlation::{average_ranks, pearson, spearman};
use ats_model_training::metric::sharpe::{Moments, expected_best, per_period};
use ats_model_training::metric::{Figures, Scale, Score, Scored, normal};
use proptest::prelude::*;
use serde::Deserialize;

use crate::support::{close, fixture, same_figures};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pair {
    x: Vec<f64>,
    y: Vec<f64>,
    pearson: f64,
    spearman: f64,
    ranks: Vec<f64>,
    z_scores: Vec<f64>,
    skewness: f64,
    kurtosis: f64,
}

#[derive(Deserialize)]
struct Statistics {
    pairs: Vec<Pair>,
    cumulative: Vec<[f64; 2]>,
    quantile: Vec<[f64; 2]>,
}

#[test]
fn statistics_are_those_of_scipy() {
    let statistics: Statistics = fixture("statistics.json");
    assert_eq!(statistics.pairs.len(), 6);
    for pair in &statistics.pairs {
        close(pearson(&pair.x, &pair.y).unwrap(), pair.pearson);
        close(spearman(&pair.x, &pair.y).unwrap(), pair.spearman);
        assert_eq!(average_ranks(&pair.x), pair.ranks);
        let mut scores = pair.x.clone();
        z_score(&mut scores);
        scores.iter().zip(&pair.z_scores).for_each(|(found, expected)| close(*found, *expected));
        let moments = Moments::new(&pair.y).unwrap();
        close(moments.skewness, pair.skewness);
        close(moments.kurtosis, pair.kurtosis);
    }
    for [point, expected] in statistics.cumulative {
        let found = normal::cumulative(point);
        assert!((found / expected - 1.0).abs() < 1e-12, "cdf({point}) is {found}, not {expected}");
    }
    for [probability, expected] in statistics.quantile {
        close(normal::quantile(probability), expected);
    }
    assert!(normal::quantile(0.0).is_nan() && normal::quantile(1.0).is_nan());
}

/// The example of Bailey and Lopez de Prado 2014 ("The deflated Sharpe ratio", section "a numerical example"): an
/// annual ratio of 2.5 over 1250 days, skewness -3, kurtosis 10, variance of the trials' annual ratios 1/2.
#[test]
fn deflated_sharpe_is_the_published_one() {
    let moments = Moments { returns: 1250, sharpe: 2.5 / 250f64.sqrt(), skewness: -3.0, kurtosis: 10.0 };
    let deviation = (0.5f64 / 250.0).sqrt();
    let benchmark = expected_best(deviation, 100);
    assert!((benchmark - 0.1132).abs() < 5e-5, "{benchmark}");
    let deflated = moments.probabilistic(benchmark).unwrap();
    assert!((deflated - 0.9004).abs() < 5e-5, "{deflated}");
    let fewer = moments.probabilistic(expected_best(deviation, 46)).unwrap();
    assert!((fewer - 0.9505).abs() < 5e-5, "{fewer}");
    assert_eq!(expected_best(deviation, 1), 0.0);
}

const SCALE: Scale = Scale { score: Score::Value, horizon: 2, bars_a_session: 1.0 };

/// Instants, predictions, outcomes and names.
type Columns = (Vec<u32>, Vec<f64>, Vec<f64>, Vec<u32>);

/// Dates of `names` names whose predictions are right in order.
fn scored(names: u32, dates: u32) -> Columns {
    let mut columns = Columns::default();
    for date in 0..dates {
        for name in 0..names {
            columns.0.push(date);
            columns.1.push(f64::from(name));
            // Exact in binary, so that equal spreads are equal to the bit.
            columns.2.push(0.25 * f64::from(name) + 0.5 * f64::from(date));
            columns.3.push(name);
        }
    }
    columns
}

fn figures(columns: &Columns) -> Figures {
    figures_of(columns, SCALE.horizon)
}

fn figures_of((instant, prediction, outcome, name): &Columns, horizon: usize) -> Figures {
    let scored = Scored { instant, name, prediction, outcome, forward_return: outcome };
    Figures::new(&scored, &Scale { horizon, ..SCALE })
}

#[test]
fn correlations_need_five_names() {
    let four = figures(&scored(4, 10));
    assert_eq!((four.rank_ic, four.ic, four.sharpe), (None, None, None));
    assert_eq!((four.dates, four.dates_with_few_names), (10, 10));
    assert!(four.mean_squared_error.is_some() && four.hit_rate.is_some());
    let five = figures(&scored(5, 10));
    assert_eq!(five.dates_with_few_names, 0);
    close(five.rank_ic.unwrap(), 1.0);
    // Ten dates with a horizon of two: five that do not overlap; the spread is the same on each.
    assert_eq!((five.periods, five.sharpe), (5, None));
}

#[test]
fn a_constant_prediction_is_told() {
    let mut rows = scored(6, 10);
    rows.1.fill(0.25);
    let constant = figures(&rows);
    assert!(constant.constant_prediction);
    assert_eq!((constant.rank_ic, constant.dates_undefined), (None, 10));
    assert!(!figures(&scored(6, 10)).constant_prediction);
}

#[test]
fn rows_without_an_outcome_are_left_out() {
    let mut rows = scored(6, 10);
    rows.2[0] = f64::NAN;
    let one_less = figures(&rows);
    assert_eq!(one_less.rows, 59);
    assert_eq!(figures(&Columns::default()), Figures::default());
}

/// Dates of so many names, of which those at the top are predicted to be better than the others.
fn topped(dates: &[(u32, [u32; 2])]) -> Columns {
    let mut columns = Columns::default();
    for (date, (names, top)) in (0..).zip(dates) {
        for name in 0..*names {
            columns.0.push(date);
            columns.1.push(f64::from(u8::from(top.contains(&name))));
            columns.2.push(f64::from(name));
            columns.3.push(name);
        }
    }
    columns
}

#[test]
fn turnover_is_the_share_of_new_names_at_the_top() {
    let turnover = |dates: &[(u32, [u32; 2])], horizon| figures_of(&topped(dates), horizon).turnover;
    // Ten names: two at the top. One of them is new, then none, then both.
    let dates = [(10, [0, 1]), (10, [1, 2]), (10, [2, 1]), (10, [5, 6])];
    close(turnover(&dates, 1).unwrap(), (0.5 + 0.0 + 1.0) / 3.0);
    // Over two dates: {1, 2} after {0, 1}, {5, 6} after {1, 2}.
    close(turnover(&dates, 2).unwrap(), (0.5 + 1.0) / 2.0);
    // No date has one three dates before but the last; none has one four dates before.
    assert_eq!((turnover(&dates, 3), turnover(&dates, 4)), (Some(1.0), None));
    // A date of four names has no top, neither for itself nor for the date that follows.
    let few = [(10, [0, 1]), (4, [0, 1]), (10, [0, 1]), (10, [1, 7])];
    assert_eq!(turnover(&few, 1), Some(0.5));
    // Nineteen names: three at the top, the third the first of those that tie. {8, 9, 0} after {0, 1}.
    close(turnover(&[(10, [0, 1]), (19, [8, 9])], 1).unwrap(), 2.0 / 3.0);
    // The same names at the top whatever the others do.
    assert_eq!(turnover(&[(10, [0, 1]), (11, [0, 1]), (14, [1, 0])], 1), Some(0.0));
}

#[derive(Deserialize)]
struct Turned {
    instant: Vec<u32>,
    name: Vec<u32>,
    prediction: Vec<f64>,
    /// By period.
    turnover: BTreeMap<usize, f64>,
}

#[derive(Deserialize)]
struct TurnedPanels {
    panels: Vec<Turned>,
}

/// Both the fifths and what is new in them are alphalens's own (`reference/turnover.py`).
#[test]
fn turnover_is_that_of_alphalens() {
    let reference: TurnedPanels = fixture("turnover.json");
    assert_eq!(reference.panels.len(), 3);
    for panel in reference.panels {
        assert_eq!(panel.turnover.len(), 3);
        let Turned { instant, name, prediction, turnover } = panel;
        let columns = (instant, prediction.clone(), prediction, name);
        for (period, expected) in turnover {
            assert!(expected > 0.0 && expected < 1.0);
            let found = figures_of(&columns, period);
            assert!(found.dates_with_few_names > 3);
            close(found.turnover.unwrap(), expected);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Panel {
    score: Score,
    horizon: usize,
    bars_a_session: f64,
    instant: Vec<u32>,
    year: Vec<i16>,
    name: Vec<u32>,
    prediction: Vec<f64>,
    outcome: Vec<Option<f64>>,
    forward_return: Vec<Option<f64>>,
    whole: Figures,
    years: BTreeMap<i16, Figures>,
}

#[derive(Deserialize)]
struct Panels {
    panels: Vec<Panel>,
}

impl Panel {
    /// Figures of some of the rows.
    fn figures(&self, chosen: impl Fn(usize) -> bool) -> Figures {
        let rows: Vec<usize> = (0..self.instant.len()).filter(|row| chosen(*row)).collect();
        let known = |column: &[Option<f64>]| -> Vec<f64> {
            rows.iter().map(|row| column[*row].unwrap_or(f64::NAN)).collect()
        };
        let scored = Scored {
            instant: &pick(&self.instant, &rows),
            name: &pick(&self.name, &rows),
            prediction: &pick(&self.prediction, &rows),
            outcome: &known(&self.outcome),
            forward_return: &known(&self.forward_return),
        };
        let Self { score, horizon, bars_a_session, .. } = *self;
        Figures::new(&scored, &Scale { score, horizon, bars_a_session })
    }
}

/// All figures, ICIR, annual Sharpe ratio and turnover of each year among them.
#[test]
fn figures_are_those_of_pandas() {
    let reference: Panels = fixture("figures.json");
    assert_eq!(reference.panels.len(), 3);
    for panel in reference.panels {
        same_figures(&panel.figures(|_| true), &panel.whole);
        assert_eq!(panel.years.keys().copied().collect::<Vec<_>>(), [2010, 2011, 2012]);
        for (year, expected) in &panel.years {
            assert!(expected.icir.is_some() && expected.sharpe.is_some() && expected.turnover.is_some());
            same_figures(&panel.figures(|row| panel.year[row] == *year), expected);
        }
    }
}

#[test]
fn quintiles_are_the_top_and_bottom_fifths() {
    // Eleven names: two in each fifth. Predictions descend, returns are known.
    let instant = vec![0; 11];
    let prediction: Vec<f64> = (0..11).map(|name| -f64::from(name)).collect();
    let forward_return: Vec<f64> = (0..11).map(f64::from).collect();
    let name: Vec<u32> = (0..11).collect();
    let scored = Scored {
        instant: &instant,
        name: &name,
        prediction: &prediction,
        outcome: &forward_return,
        forward_return: &forward_return,
    };
    let rows: Vec<usize> = (0..11).collect();
    let spreads = ats_model_training::metric::sharpe::quintile_spreads(&scored, &[&rows]);
    assert_eq!(spreads, [0.5 - 9.5]);
}

#[test]
fn probabilities_are_scored_as_classifiers_are() {
    // P(up) of 0.9, 0.4, 0.5 for up, down, up: worked out by hand.
    let columns = (vec![0, 1, 2], vec![0.4, -0.1, 0.0], vec![1.0, -1.0, 1.0]);
    let scored = Scored {
        instant: &columns.0,
        name: &[0, 0, 0],
        prediction: &columns.1,
        outcome: &columns.2,
        forward_return: &columns.2,
    };
    let figures = Figures::new(&scored, &Scale { score: Score::ProbabilityMinusHalf, ..SCALE });
    close(figures.accuracy.unwrap(), 1.0);
    close(figures.log_loss.unwrap(), -(0.9f64.ln() + 0.6f64.ln() + 0.5f64.ln()) / 3.0);
    close(figures.mean_squared_error.unwrap(), (0.01 + 0.16 + 0.25) / 3.0);
    // A prediction without a sign is no hit.
    close(figures.hit_rate.unwrap(), 2.0 / 3.0);
}

proptest! {
    #[test]
    fn ranks_do_not_depend_on_scale(values in proptest::collection::vec(-1e3f64..1e3, 2..30), scale in 1e-9f64..1e9) {
        let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
        prop_assert_eq!(average_ranks(&values), average_ranks(&scaled));
    }

    #[test]
    fn a_sharpe_ratio_does_not_depend_on_scale(values in proptest::collection::vec(-0.1f64..0.1, 3..30), power in -200i32..1) {
        let scale = 2f64.powi(power);
        let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
        prop_assert_eq!(per_period(&values), per_period(&scaled));
    }
}
