//! Made-up panels and fixtures.

use std::path::PathBuf;

use ats_calendar::{Calendar, Session};
use ats_crds::model::{Calibration, FeatureScaling, LabelEntry, LabelScaling, SampleWeights};
use ats_model_training::dataset::{Matrix, TickerRows};
use ats_model_training::label::{Label, LabelBars, LabelKind};
use ats_model_training::metric::Figures;
use ats_model_training::random::SplitMix64;
use ats_model_training::train::Plan;
use ats_model_training::validation::{Scheme, WalkForward};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// Equal but for rounding.
pub(crate) fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} is not {expected}");
}

/// Figures that are equal but for rounding; the counts are equal.
pub(crate) fn same_figures(found: &Figures, expected: &Figures) {
    let counts = |f: &Figures| {
        (f.rows, f.dates, f.dates_with_few_names, f.dates_undefined, f.periods, f.constant_prediction)
    };
    assert_eq!(counts(found), counts(expected));
    for ((name, found), (_, expected)) in values(found).into_iter().zip(values(expected)) {
        match (found, expected) {
            (Some(found), Some(expected)) => {
                let bound = 1e-11 * expected.abs().max(1.0);
                assert!((found - expected).abs() <= bound, "{name}: {found} is not {expected}");
            }
            _ => assert_eq!(found, expected, "{name}"),
        }
    }
}

/// All figures that are no counts.
pub(crate) fn values(figures: &Figures) -> [(&'static str, Option<f64>); 11] {
    [
        ("rankIc", figures.rank_ic),
        ("ic", figures.ic),
        ("icir", figures.icir),
        ("hitRate", figures.hit_rate),
        ("meanSquaredError", figures.mean_squared_error),
        ("accuracy", figures.accuracy),
        ("logLoss", figures.log_loss),
        ("sharpePerPeriod", figures.sharpe_per_period),
        ("sharpe", figures.sharpe),
        ("probabilisticSharpe", figures.probabilistic_sharpe),
        ("turnover", figures.turnover),
    ]
}

/// A fixture by name.
pub(crate) fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", name].iter().collect();
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The first sessions of the exchange from 2010 on.
pub(crate) fn sessions(count: usize) -> Vec<Session> {
    let from = jiff::civil::date(2010, 1, 4);
    let to = jiff::civil::date(2030, 12, 31);
    Calendar::xnys().sessions(from, to)[..count].to_vec()
}

/// Uniform in -1..1.
pub(crate) fn noise(random: &mut SplitMix64) -> f64 {
    random.next_u64() as f64 / u64::MAX as f64 * 2.0 - 1.0
}

/// One ticker's made-up bars.
#[derive(Debug, Clone)]
pub(crate) struct Bars {
    pub(crate) ticker: String,
    pub(crate) session: Vec<Session>,
    pub(crate) open: Vec<f64>,
    pub(crate) high: Vec<f64>,
    pub(crate) low: Vec<f64>,
    pub(crate) close: Vec<f64>,
    /// What next returns follow, a little.
    pub(crate) signal: Vec<f64>,
}

/// Bars of `tickers` tickers whose next returns follow `signal` a little.
pub(crate) fn market(tickers: usize, count: usize, seed: u64) -> Vec<Bars> {
    let sessions = sessions(count);
    (0..tickers)
        .map(|ticker| {
            let mut random = SplitMix64::new(seed, ticker as u64);
            let mut bars = Bars {
                ticker: format!("T{ticker:02}"),
                session: sessions.clone(),
                open: Vec::new(),
                high: Vec::new(),
                low: Vec::new(),
                close: Vec::new(),
                signal: Vec::new(),
            };
            let (mut price, mut signal) = (100.0, 0.0);
            for _ in 0..count {
                let open = price * (1.0 + 0.002 * noise(&mut random));
                price = open * (1.0 + 0.004 * signal + 0.01 * noise(&mut random));
                bars.open.push(open);
                bars.high.push(open.max(price) * 1.002);
                bars.low.push(open.min(price) * 0.998);
                bars.close.push(price);
                signal = 0.8 * signal + noise(&mut random);
                bars.signal.push(signal);
            }
            bars
        })
        .collect()
}

impl Bars {
    /// Labels of these bars.
    pub(crate) fn rows(&self, label: &Label) -> TickerRows {
        let bars = self.session.len();
        let segments = [0..bars];
        let labels = label
            .compute(&LabelBars {
                session: &self.session,
                segments: &segments,
                open: &self.open,
                high: &self.high,
                low: &self.low,
                close: &self.close,
                delisting_known: None,
            })
            .unwrap();
        let momentum: Vec<f64> = (0..bars)
            .map(|t| if t < 5 { f64::NAN } else { self.close[t] / self.close[t - 5] - 1.0 })
            .collect();
        let unrelated: Vec<f64> = (0..bars).map(|t| (self.close[t] * 1e4).rem_euclid(7.0)).collect();
        TickerRows {
            ticker: self.ticker.clone(),
            session: self.session.clone(),
            timestamp: (0..bars as i64).map(|t| t * 86_400_000_000).collect(),
            active: vec![true; bars],
            features: vec![momentum, self.signal.clone(), unrelated],
            labels,
        }
    }
}

/// Names of the features that [`Bars::rows`] makes.
pub(crate) fn feature_names() -> Vec<String> {
    ["momentum", "signal", "unrelated"].map(str::to_owned).to_vec()
}

/// A forward return over two bars.
pub(crate) fn two_bars() -> Label {
    Label { kind: LabelKind::ForwardReturn, horizon: 2, entry: LabelEntry::NextOpen }
}

/// The matrix of a market.
pub(crate) fn matrix(market: &[Bars], label: &Label, scaling: FeatureScaling) -> Matrix {
    let rows = market.iter().map(|bars| bars.rows(label)).collect();
    Matrix::new(&feature_names(), rows, scaling).unwrap()
}

/// Three folds of twenty sessions.
pub(crate) fn plan(label: Label) -> Plan {
    Plan {
        label,
        features: FeatureScaling::CrossSectionalZScore,
        label_scaling: LabelScaling::UnitVariance,
        sample_weights: SampleWeights::Equal,
        calibration: Calibration::None,
        validation: Scheme::WalkForward(WalkForward { folds: 3, test_sessions: 20, train_sessions: None }),
        seed: 42,
    }
}
