//! Real bars, where they are at hand.

use std::path::{Path, PathBuf};

use ats_calendar::{Calendar, Session};
use ats_columns::segments::{MAX_GAP_SESSIONS, segments};
use ats_crds::model::{Calibration, FeatureScaling, LabelScaling, SampleWeights, SearchMetric};
use ats_model_training::dataset::{Matrix, TickerRows};
use ats_model_training::label::{Label, LabelBars};
use ats_model_training::select::{Request, select};
use ats_model_training::train::{Plan, run_unit};
use ats_model_training::validation::{Scheme, WalkForward};
use ats_pipeline::spec::AlgorithmSpec;
use rust_decimal::Decimal;

use crate::market_folder::market_data;
use crate::support::two_bars;

/// The folder of daily bars.
fn folder() -> Option<PathBuf> {
    Some(market_data()?.join("us-equities-daily/bars"))
}

/// One ticker's bars from a file: sessions, open, high, low, close. Splits are left in: no ticker here has one in
/// the years that the tests use.
struct Bars {
    ticker: String,
    session: Vec<Session>,
    prices: [Vec<f64>; 4],
}

fn read(folder: &Path, ticker: &str, from: &str) -> Bars {
    let text = std::fs::read_to_string(folder.join(format!("{ticker}.csv"))).unwrap();
    let mut bars = Bars { ticker: ticker.to_owned(), session: Vec::new(), prices: Default::default() };
    for line in text.lines().skip(1).filter(|line| *line >= from) {
        let fields: Vec<&str> = line.split(',').collect();
        bars.session.push(Session::assume(fields[0].parse().unwrap()));
        for (price, field) in bars.prices.iter_mut().zip(&fields[1..5]) {
            price.push(field.parse().unwrap());
        }
    }
    bars
}

impl Bars {
    fn rows(&self, label: &Label) -> TickerRows {
        let bars = self.session.len();
        let segments = segments(&self.ticker, Calendar::xnys(), &self.session, MAX_GAP_SESSIONS).unwrap();
        let [open, high, low, close] = &self.prices;
        let labels = label
            .compute(&LabelBars {
                session: &self.session,
                segments: &segments,
                open,
                high,
                low,
                close,
                delisting_known: None,
            })
            .unwrap();
        let change = |n: usize, sign: f64| -> Vec<f64> {
            (0..bars).map(|t| if t < n { f64::NAN } else { sign * (close[t] / close[t - n] - 1.0) }).collect()
        };
        let instant = |session: &Session| i64::from(session.epoch_days()) * 86_400_000_000;
        TickerRows {
            ticker: self.ticker.clone(),
            session: self.session.clone(),
            timestamp: self.session.iter().map(instant).collect(),
            active: vec![true; bars],
            features: vec![change(5, 1.0), change(21, -1.0), change(126, 1.0)],
            labels,
        }
    }
}

/// QQQ has no bars from 2004-11-30 to 2011-03-23: a label over the hole is null, and ends before or begins after it.
#[test]
fn a_hole_of_years_carries_no_label() {
    let Some(folder) = folder() else { return };
    let bars = read(&folder, "QQQ", "2000");
    let label = two_bars();
    let rows = bars.rows(&label);
    let hole =
        bars.session.windows(2).position(|pair| pair[1].epoch_days() - pair[0].epoch_days() > 1000).unwrap();
    for t in hole - 5..hole + 6 {
        let over = t <= hole && t + label.reach() > hole;
        assert_eq!(rows.labels.value[t].is_nan(), over, "{}", bars.session[t]);
    }
}

/// Eight real tickers, three features, five years of windows: every fold predicts, twice the same.
#[test]
fn years_of_real_tickers_train() {
    let Some(folder) = folder() else { return };
    let tickers = ["AIG", "BAC", "EEM", "FB", "GOOGL", "IBM", "QQQ", "SPY"];
    let label = Label { horizon: 5, ..two_bars() };
    let rows = || tickers.iter().map(|ticker| read(&folder, ticker, "2010").rows(&label)).collect();
    let features = ["momentum_5", "reversal_21", "momentum_126"].map(str::to_owned);
    let plan = Plan {
        label,
        features: FeatureScaling::CrossSectionalZScore,
        label_scaling: LabelScaling::UnitVariance,
        sample_weights: SampleWeights::Equal,
        calibration: Calibration::None,
        validation: Scheme::WalkForward(WalkForward { folds: 5, test_sessions: 252, train_sessions: None }),
        seed: 42,
    };
    let trials = [
        AlgorithmSpec::ElasticNet { penalty: Decimal::new(1, 3), l1_ratio: Decimal::new(5, 1) },
        AlgorithmSpec::RandomForest { trees: 20, max_depth: 4, min_samples_leaf: 50 },
    ];
    let run = || {
        let matrix = Matrix::new(&features, rows(), plan.features).unwrap();
        let folds = plan.folds(&matrix).unwrap();
        let units = trials
            .iter()
            .map(|trial| (0..5).map(|fold| run_unit(&matrix, &plan, trial, &folds, fold).unwrap()).collect())
            .collect();
        let request = Request {
            plan: &plan,
            trials: &trials,
            metric: Some(SearchMetric::RankIc),
            pruning: None,
            earlier: &[],
            dataset: "0",
        };
        select(&matrix, &request, units).unwrap()
    };
    let first = run();
    let figures = &first.card.figures;
    assert!(first.card.converged && figures.dates == 5 * 252);
    assert!(figures.rank_ic.is_some_and(|ic| ic.abs() < 0.2), "{figures:?}");
    assert!(figures.mean_squared_error.is_some_and(|error| error < 0.01), "{figures:?}");
    assert_eq!(run(), first);
}
